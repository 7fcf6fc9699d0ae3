"""AugMix: the image mixed with a mixture of chains of changes."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.augment._changes import WARPS, Reach, one_of, share_of_size
from assay.augment._pixels import restored, units
from assay.typing import Array, DType, Key, Scalar, Shaped

# None of the colours and blurs that the test set ImageNet-C has.
NAMES = ("identity", *WARPS, "posterize", "solarize", "auto_contrast", "equalize")
MILDEST, STRONGEST = 0.1, 10.0


def aug_mix(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    severity: Scalar = 3.0,
    width: int = 3,
    depth: int = 3,
) -> Shaped[Array, "h w c"]:
    """m · x + (1 − m) · Σᵢ wᵢ · chainᵢ(x), m uniform in 0 … 1, w from Dirichlet(1).

    Each of `width` chains is 1 … `depth` changes of nine: shears, translations,
    rotation, posterize, solarize, auto-contrast, equalize. Their strength is uniform
    in 0.1 … `severity`, of 10, where 10 means a shear of 0.3, a translation by ⅓ of
    the size, 30°, 0 of 4 bits and all pixels solarized; either direction is as
    likely. Defaults: the paper's. For a batch see `rand_augment`; the paper's loss
    adds `losses.js_divergence` between the predictions of two draws and the image.

    >>> image = jnp.ones((8, 8, 3)) / 2
    >>> aug_mix(image, key=jax.random.key(0)).shape
    (8, 8, 3)

    Hendrycks et al. 2020, arXiv:1912.02781, with α = 1.
    """
    x = units("aug_mix", image)
    _check.within("aug_mix", "severity", severity, MILDEST, STRONGEST)
    if min(width, depth) < 1:
        got = f"width={width}, depth={depth}"
        _check.fail("aug_mix", "width and depth must be at least 1", got)
    of_weights, of_share, of_chains = jax.random.split(key, 3)
    # float32 and int32: the same draws with and without x64.
    parts = jax.random.exponential(of_weights, (width,), jnp.float32).astype(x.dtype)
    share = jax.random.uniform(of_share, (), jnp.float32).astype(x.dtype)
    chain = _chain(x, severity, depth, jnp.result_type(image))

    def add(mixed, drawn):
        weight, key = drawn
        return mixed + weight * chain(key), None

    each = parts / parts.sum(), jax.random.split(of_chains, width)
    mixed, _ = lax.scan(add, jnp.zeros_like(x), each)
    y = share * x + (1 - share) * mixed
    return restored(y, jnp.result_type(image))


def _chain(x: Array, severity: Scalar, depth: int, dtype: DType) -> Callable:
    """key -> x after one to `depth` changes."""
    reach = Reach(share_of_size(x, 1 / 3), bits=(4, 0))
    change = one_of(NAMES, reach, dtype)
    most = jnp.asarray(severity, jnp.float32)

    def chain(key):
        of_length, of_choice, of_strength, of_sign = jax.random.split(key, 4)
        length = jax.random.randint(of_length, (), 1, depth + 1, jnp.int32)
        chosen = jax.random.randint(of_choice, (depth,), 1, len(NAMES), jnp.int32)
        # What comes after the end of the chain is the identity.
        chosen = jnp.where(jnp.arange(depth, dtype=jnp.int32) < length, chosen, 0)
        level = jax.random.uniform(of_strength, (depth,), jnp.float32)
        level = (MILDEST + (most - MILDEST) * level) / STRONGEST
        up = jax.random.randint(of_sign, (depth,), 0, 2, jnp.int32)
        signed = jnp.where(up == 1, level, -level).astype(x.dtype)
        y, _ = lax.scan(lambda y, d: (change(y, *d), None), x, (chosen, signed))
        return y

    return chain
