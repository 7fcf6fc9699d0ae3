"""Any of the named changes by one strength: what the policies draw from."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from assay.augment._blend import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_sharpness,
)
from assay.augment._levels import (
    auto_contrast,
    equalize,
    invert,
    posterize,
    solarize,
)
from assay.augment._pixels import is_integer, restored, units
from assay.augment._warp import warp_affine
from assay.typing import Array, DType

WARPS = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = {
    "brightness": adjust_brightness,
    "saturation": adjust_saturation,
    "contrast": adjust_contrast,
    "sharpness": adjust_sharpness,
}
PLAIN = {
    "identity": lambda x: x,
    "auto_contrast": auto_contrast,
    "equalize": equalize,
    "invert": invert,
}
FOURTEEN = (
    *(*WARPS, *BLENDS, "identity", "posterize", "solarize"),
    *("auto_contrast", "equalize"),
)


class Reach(NamedTuple):
    """What strength 1 means; as it stands, as in AutoAugment (arXiv:1805.09501)."""

    move: tuple[float, float]  # pixels across and down
    shear: float = 0.3
    turn: float = math.radians(30)
    blend: float = 0.9  # factors 1 ± that
    bits: tuple[int, int] = (8, 4)  # at strength 0 and 1


def share_of_size(x: Array, share: float) -> tuple[float, float]:
    """`share` of the image's width and height, for `Reach.move`."""
    h, w, _ = x.shape
    return share * w, share * h


def one_of(names: tuple[str, ...], reach: Reach, dtype: DType) -> Callable:
    """f(x, number, signed): the change of that number, by the strength |signed|.

    All warps are one branch, whose matrix is chosen. `dtype` is the image's, whose
    bytes are posterized as bytes.
    """
    others = [name for name in names if name not in WARPS]
    branch = [0 if n in WARPS else 1 + others.index(n) for n in names]
    warp = [WARPS.index(n) if n in WARPS else 0 for n in names]

    def change(x: Array, number: Array, signed: Array) -> Array:
        known = jnp.asarray(np.array([branch, warp], np.int32))[:, number]
        read = partial(warp_affine, matrix=_matrix(reach, known[1], signed))
        rest = [_branch(name, signed, reach, dtype) for name in others]
        return lax.switch(known[0], [read, *rest], x)

    return change


def _matrix(reach: Reach, chosen: Array, signed: Array) -> Array:
    """Where the warp of that number reads."""
    one, zero = jnp.ones_like(signed), jnp.zeros_like(signed)
    c, s = jnp.cos(reach.turn * signed), jnp.sin(reach.turn * signed)
    across, down = (move * signed for move in reach.move)
    lean = reach.shear * signed
    matrices = [
        (one, lean, zero, zero, one, zero),
        (one, zero, zero, lean, one, zero),
        (one, zero, across, zero, one, zero),
        (one, zero, zero, zero, one, down),
        (c, -s, zero, s, c, zero),
    ]
    return jnp.stack([jnp.stack(m).reshape(2, 3) for m in matrices])[chosen]


def _branch(name: str, signed: Array, reach: Reach, dtype: DType) -> Callable:
    """The change of that name, of an image in floating point."""
    if name in BLENDS:
        return partial(BLENDS[name], factor=1 + reach.blend * signed)
    if name == "posterize":
        return partial(_fewer_bits, _bits(reach, jnp.abs(signed)), dtype)
    if name == "solarize":
        # At strength 0 above white, so that white stays.
        return partial(solarize, threshold=(1 - jnp.abs(signed)) * 256 / 255)
    return PLAIN[name]


def _bits(reach: Reach, strength: Array) -> Array:
    most, least = reach.bits
    return most - jnp.round((most - least) * strength).astype(jnp.int32)


def _fewer_bits(bits: Array, dtype: DType, x: Array) -> Array:
    if is_integer(dtype):
        return units("posterize", posterize(restored(x, dtype), bits))
    return posterize(x, bits)
