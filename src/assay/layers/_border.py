"""Borders that are not zeros: the image itself, laid around before it is convolved."""

from collections.abc import Sequence

import jax.numpy as jnp

from assay import _check, _geometry
from assay.typing import Array


def bordered(
    who: str,
    x: Array,
    window: Sequence[int],
    padding: _geometry.Padding,
    dilation: _geometry.PerAxis = 1,
) -> tuple[Array, _geometry.Padding]:
    """(x with its border, "VALID"), or both as they are where zeros pad.

    Padded first, so that every form of a convolution serves these borders too.
    """
    if not isinstance(padding, str):
        return x, padding
    _check.choice(who, "padding", padding, _geometry.NAMES)
    if padding not in _geometry.BORDERS:
        return x, padding
    d, shape = len(window), jnp.shape(x)
    if 0 in shape[-d - 1 : -1]:
        must = f"x must have a place to pad from with padding={padding!r}"
        _check.fail(who, must, f"x.shape={shape}")
    window = _geometry.per_axis(who, "window", window, d)
    dilation = _geometry.per_axis(who, "dilation", dilation, d)
    pairs = _geometry.border(_geometry.extent(window, dilation))
    around = (*[(0, 0)] * (len(shape) - d - 1), *pairs, (0, 0))
    return jnp.pad(x, around, _geometry.BORDERS[padding]), "VALID"
