"""AutoAugment: the policies that were searched for, as the paper prints them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check
from assay.augment._changes import Reach, one_of, share_of_size
from assay.augment._pixels import coloured_units, restored
from assay.typing import Array, Key, Shaped

LEVELS = 9  # the strongest of the ten
# A line a sub-policy: the change, its chance in tenths, its level; twice.
IMAGENET = """
posterize 4 8, rotate 6 9; solarize 6 5, auto_contrast 6 0
equalize 8 0, equalize 6 0; posterize 6 7, posterize 6 6
equalize 4 0, solarize 2 4; equalize 4 0, rotate 8 8
solarize 6 3, equalize 6 0; posterize 8 5, equalize 10 0
rotate 2 3, solarize 6 8; equalize 6 0, posterize 4 6
rotate 8 8, saturation 4 0; rotate 4 9, equalize 6 0
equalize 0 0, equalize 8 0; invert 6 0, equalize 10 0
saturation 6 4, contrast 10 8; rotate 8 8, saturation 10 2
saturation 8 8, solarize 8 7; sharpness 4 7, invert 6 0
shear_x 6 5, equalize 10 0; saturation 4 0, equalize 6 0
equalize 4 0, solarize 2 4; solarize 6 5, auto_contrast 6 0
invert 6 0, equalize 10 0; saturation 6 4, contrast 10 8
equalize 8 0, equalize 6 0"""
CIFAR10 = """
invert 1 0, contrast 2 6; rotate 7 2, translate_x 3 9
sharpness 8 1, sharpness 9 3; shear_y 5 8, translate_y 7 9
auto_contrast 5 0, equalize 9 0; shear_y 2 7, posterize 3 7
saturation 4 3, brightness 6 7; sharpness 3 9, brightness 7 9
equalize 6 0, equalize 5 0; contrast 6 7, sharpness 6 5
saturation 7 7, translate_x 5 8; equalize 3 0, auto_contrast 4 0
translate_y 4 3, sharpness 2 6; brightness 9 6, saturation 2 8
solarize 5 2, invert 0 0; equalize 2 0, auto_contrast 6 0
equalize 2 0, equalize 6 0; saturation 9 9, equalize 6 0
auto_contrast 8 0, solarize 2 8; brightness 1 3, saturation 7 0
solarize 4 5, auto_contrast 9 0; translate_y 9 9, translate_y 7 9
auto_contrast 9 0, solarize 8 3; equalize 8 0, invert 1 0
translate_y 7 9, auto_contrast 9 0"""
SVHN = """
shear_x 9 4, invert 2 0; shear_y 9 8, invert 7 0
equalize 6 0, solarize 6 6; invert 9 0, equalize 6 0
equalize 6 0, rotate 9 3; shear_x 9 4, auto_contrast 8 0
shear_y 9 8, invert 4 0; shear_y 9 5, solarize 2 6
invert 9 0, auto_contrast 8 0; equalize 6 0, rotate 9 3
shear_x 9 4, solarize 3 3; shear_y 8 8, invert 7 0
equalize 9 0, translate_y 6 6; invert 9 0, equalize 6 0
contrast 3 3, rotate 8 4; invert 8 0, translate_y 0 2
shear_y 7 6, solarize 4 8; invert 6 0, rotate 8 4
shear_y 3 7, translate_x 9 3; shear_x 1 6, invert 6 0
solarize 7 2, translate_y 6 7; shear_y 8 4, invert 8 0
shear_x 7 9, translate_y 8 3; shear_y 8 5, auto_contrast 7 0
shear_x 7 2, invert 1 0"""
POLICIES = {"imagenet": IMAGENET, "cifar10": CIFAR10, "svhn": SVHN}


def auto_augment(
    image: Shaped[Array, "h w c"], *, key: Key, policy: str = "imagenet"
) -> Shaped[Array, "h w c"]:
    """Two changes, those of one of 25 sub-policies, each with its own chance.

    `policy` is "imagenet", "cifar10" or "svhn", as published. Changes as in
    `rand_augment`, and the negative; level 9 of 9 is its magnitude 30, and either
    direction is as likely. Images have 1 or 3 channels; for a batch see there too.

    >>> image = jnp.ones((8, 8, 3)) / 2
    >>> auto_augment(image, key=jax.random.key(0)).shape
    (8, 8, 3)

    Cubuk et al. 2018, arXiv:1805.09501.
    """
    _check.choice("auto_augment", "policy", policy, POLICIES)
    x = coloured_units("auto_augment", image)
    dtype = jnp.result_type(image)
    names, table = _read(POLICIES[policy])
    change = one_of(names, Reach(share_of_size(x, 150 / 331)), dtype)
    of_policy, of_chance, of_sign = jax.random.split(key, 3)
    # float32 and int32: the same draws with and without x64.
    row = jax.random.randint(of_policy, (), 0, len(table), jnp.int32)
    chances = 10 * jax.random.uniform(of_chance, (2,), jnp.float32)
    signs = 2 * jax.random.randint(of_sign, (2,), 0, 2, jnp.int32) - 1

    def step(x, drawn):
        (number, chance, level), share, sign = drawn
        signed = (sign * level).astype(x.dtype) / LEVELS
        taken = jnp.where(share < chance.astype(share.dtype), number, 0)
        return change(x, taken, signed), None

    x, _ = lax.scan(step, x, (jnp.asarray(table)[row], chances, signs))
    return restored(x, dtype)


def _read(policy: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The names, the identity first, and (25, 2, 3): number, chance, level."""
    lines = policy.strip().replace("\n", ";").split(";")
    told = [[change.split() for change in line.split(",")] for line in lines]
    names = ("identity", *sorted({name for line in told for name, _, _ in line}))
    table = [[(names.index(n), int(p), int(m)) for n, p, m in line] for line in told]
    return names, np.array(table, np.int32)
