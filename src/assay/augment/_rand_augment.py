"""RandAugment and TrivialAugment: any of fourteen changes, all as likely."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.augment._changes import FOURTEEN, Reach, one_of, share_of_size
from assay.augment._pixels import coloured_units, restored
from assay.typing import Array, Key, Scalar, Shaped

STRONGEST = 30


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
    x = coloured_units("rand_augment", image)
    _check.within("rand_augment", "magnitude", magnitude, 0, STRONGEST)
    dtype = jnp.result_type(image)
    strength = jnp.asarray(magnitude, x.dtype) / STRONGEST
    change = one_of(FOURTEEN, Reach(share_of_size(x, 150 / 331)), dtype)

    def step(x, key):
        of_choice, of_sign = jax.random.split(key)
        chosen = jax.random.randint(of_choice, (), 0, len(FOURTEEN), jnp.int32)
        # int32: the same draws with and without x64.
        up = jax.random.randint(of_sign, (), 0, 2, jnp.int32) == 1
        return change(x, chosen, jnp.where(up, strength, -strength)), None

    x, _ = lax.scan(step, x, jax.random.split(key, count))
    return restored(x, dtype)


def trivial_augment(
    image: Shaped[Array, "h w c"], *, key: Key
) -> Shaped[Array, "h w c"]:
    """One change, any of `rand_augment`'s fourteen, by any of 31 strengths.

    The strongest is a shear of 0.99, a translation by 32 pixels, 135°, factors of
    1 ± 0.99, 2 of 8 bits and all pixels solarized: the paper's wide search space.
    Images have 1 or 3 channels; for a batch see `rand_augment`.

    >>> image = jnp.ones((8, 8, 3)) / 2
    >>> trivial_augment(image, key=jax.random.key(0)).shape
    (8, 8, 3)

    Müller and Hutter 2021, arXiv:2103.10158; torchvision's TrivialAugmentWide.
    """
    x = coloured_units("trivial_augment", image)
    dtype = jnp.result_type(image)
    # int32: the same draws with and without x64.
    high = jnp.array([len(FOURTEEN), STRONGEST + 1, 2], jnp.int32)
    drawn = jax.random.randint(key, (3,), jnp.zeros_like(high), high, jnp.int32)
    strength = drawn[1].astype(x.dtype) / STRONGEST
    reach = Reach((32.0, 32.0), 0.99, math.radians(135), 0.99, (8, 2))
    change = one_of(FOURTEEN, reach, dtype)
    y = change(x, drawn[0], jnp.where(drawn[2] == 1, strength, -strength))
    return restored(y, dtype)
