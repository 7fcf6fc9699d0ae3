"""Convolutions that see a part of their window, and the part that PixelCNN sees."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from assay import _check, _geometry
from assay.layers import _conv
from assay.typing import Array, Bool, Float


def masked_conv(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, "*window c o"],
    mask: Bool[Array, "*window c o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
) -> Float[Array, "*batch_and_space_out o"]:
    """conv(x, kernel where mask, else 0): weights that are masked take no part.

    Neither do their gradients, nor a masked weight that is not a number. For dilation,
    groups or a transposed convolution write the `jnp.where(mask, kernel, 0)` yourself.

    >>> mask = pixel_cnn_mask((3,), 1, 1, kind="A")
    >>> y = masked_conv(jnp.arange(1.0, 5.0)[:, None], jnp.ones((3, 1, 1)), mask)
    >>> y[:, 0].tolist()
    [1.0, 2.0]

    Van den Oord et al. 2016, Pixel recurrent neural networks, arXiv:1601.06759.
    """
    _check.same_shape("masked_conv", kernel=kernel, mask=mask)
    if not jnp.issubdtype(jnp.result_type(mask), jnp.bool_):
        todo, got = "Write mask != 0.", jnp.result_type(mask)
        _check.fail("masked_conv", "mask must be boolean", got, todo, kind=TypeError)
    # Not a product: 0 · ∞ is not a number.
    seen = jnp.where(jnp.asarray(mask), jnp.asarray(kernel), 0)
    return _conv.dense_conv("masked_conv", x, seen, bias, (strides, padding, 1))


def pixel_cnn_mask(
    window: Sequence[int], inputs: int, outputs: int, *, kind: str, colors: int = 1
) -> Bool[Array, "*window i o"]:
    """True at the places before the window's middle, row by row; kind "B": and there.

    A mask for `masked_conv` with "SAME" padding, of any rank. The first layer takes
    kind "A", which does not see its own place, and all others "B". The middle of k
    places is (k − 1) // 2. With `colors` n (3 for RGB) the channels are n blocks, as
    even as can be; at the middle a block sees those before it, and with "B" itself.

    >>> pixel_cnn_mask((3, 3), 1, 1, kind="B")[..., 0, 0].astype(int)
    Array([[1, 1, 1],
           [1, 1, 0],
           [0, 0, 0]], dtype=int32)

    Van den Oord et al. 2016, Pixel recurrent neural networks, arXiv:1601.06759.
    """
    who = "pixel_cnn_mask"
    _check.choice(who, "kind", kind, ("A", "B"))
    window = _geometry.per_axis(who, "window", window, len(window))
    if not 1 <= colors <= min(inputs, outputs):
        must = "colors must be from 1 to the fewer of inputs and outputs"
        _check.fail(who, must, f"colors={colors}, inputs={inputs}, outputs={outputs}")
    middle = np.ravel_multi_index([(k - 1) // 2 for k in window], window)
    place = np.arange(np.prod(window)).reshape(*window, 1, 1)
    before, after = (np.arange(n) * colors // n for n in (inputs, outputs))
    order = np.less if kind == "A" else np.less_equal
    here = order(before[:, None], after)
    return jnp.asarray((place < middle) | ((place == middle) & here))
