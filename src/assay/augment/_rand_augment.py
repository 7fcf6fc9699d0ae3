"""RandAugment: a few of fourteen changes, all with one strength."""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.augment._blend import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
)
from assay.augment._levels import auto_contrast, equalize, posterize, solarize
from assay.augment._pixels import is_integer, restored, units
from assay.augment._warp import warp_affine
from assay.typing import Array, DType, Key, Scalar, Shaped

STRONGEST = 30
# At the greatest strength, as in AutoAugment (arXiv:1805.09501).
SHEAR, MOVE, TURN, BLEND, BITS = 0.3, 150 / 331, math.radians(30), 0.9, 4
WARPS = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = (adjust_brightness, adjust_saturation, adjust_contrast, adjust_sharpness)
OTHERS = ("identity", "posterize", "solarize", "auto_contrast", "equalize")
OPERATIONS = len(WARPS) + len(BLENDS) + len(OTHERS)


def rand_augment(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    count: int = 2,
    magnitude: Scalar = 9.0,
) -> Shaped[Array, "h w c"]:
    """`count` changes one after the other, each any of fourteen, of one strength.

    Identity, shears, translations and rotation (linear, zeros outside, about the
    centre), brightness, saturation, contrast, sharpness, posterize, solarize,
    auto-contrast and equalize. `magnitude` is in 0 … 30, where 30 means a shear of
    0.3, a translation by 150/331 of the size, 30°, factors of 1 ± 0.9, 4 of 8 bits
    and all pixels solarized; either direction is as likely. Images have 1 or 3
    channels.

    Under `vmap` all fourteen are computed for each image and one is taken; `lax.map`
    over the batch computes only those that are drawn, on CPU in a sixth of the time.

    >>> image = jnp.ones((8, 8, 3)) / 2
    >>> rand_augment(image, key=jax.random.key(0)).shape
    (8, 8, 3)

    Cubuk et al. 2019, arXiv:1909.13719.
    """
    x = units("rand_augment", image)
    _check.within("rand_augment", "magnitude", magnitude, 0, STRONGEST)
    dtype = jnp.result_type(image)
    strength = jnp.asarray(magnitude, x.dtype) / STRONGEST

    def change(x, key):
        of_choice, of_sign = jax.random.split(key)
        chosen = jax.random.randint(of_choice, (), 0, OPERATIONS, jnp.int32)
        up = jax.random.bernoulli(of_sign)
        signed = jnp.where(up, strength, -strength)
        warp = partial(warp_affine, matrix=_matrix(x, chosen, signed))
        blends = [partial(f, factor=1 + BLEND * signed) for f in BLENDS]
        branches = [warp, *blends, lambda x: x, *_levels(strength, dtype)]
        # The first five are one branch, whose matrix is chosen.
        return lax.switch(jnp.maximum(chosen - len(WARPS) + 1, 0), branches, x), None

    x, _ = lax.scan(change, x, jax.random.split(key, count))
    return restored(x, dtype)


def _matrix(x: Array, chosen: Array, signed: Array) -> Array:
    """Where the warp of that number reads; of any number, one of the five."""
    h, w, _ = x.shape
    one, zero, turn = jnp.ones_like(signed), jnp.zeros_like(signed), TURN * signed
    c, s = jnp.cos(turn), jnp.sin(turn)
    lean, move = SHEAR * signed, MOVE * signed
    matrices = [
        (one, lean, zero, zero, one, zero),
        (one, zero, zero, lean, one, zero),
        (one, zero, move * w, zero, one, zero),
        (one, zero, zero, zero, one, move * h),
        (c, -s, zero, s, c, zero),
    ]
    known = jnp.stack([jnp.stack(m).reshape(2, 3) for m in matrices])
    return known[jnp.minimum(chosen, len(WARPS) - 1)]


def _levels(strength: Array, dtype: DType) -> list[Callable[[Array], Array]]:
    """What maps levels to levels; bytes are posterized as bytes."""
    bits = 8 - jnp.round(BITS * strength).astype(jnp.int32)

    def fewer_bits(x):
        if is_integer(dtype):
            return units("rand_augment", posterize(restored(x, dtype), bits))
        return posterize(x, bits)

    # At strength 0 above white, so that white stays.
    threshold = (1 - strength) * 256 / 255
    solarized = partial(solarize, threshold=threshold)
    return [fewer_bits, solarized, auto_contrast, equalize]
