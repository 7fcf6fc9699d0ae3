"""Transposed convolution: `conv` the other way, from what it gave to what it saw."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.autodiff import with_backward
from assay.layers import _conv_forms, _fitting
from assay.typing import Array, Float


def conv_transpose(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, "*window i o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Float[Array, "*batch_and_space_out o"]:
    """y[s·t + d·k − low, o] = Σ x[t, i] · kernel[k, i, o] + bias[o], over t, k and i.

    The transpose of `conv` in x, for a kernel of its inputs and outputs exchanged. Of
    n places it makes s·n with "SAME", s·n + max(reach − s, 0) with "VALID", where
    reach = (k − 1)·d + 1, as Flax and Keras do. A number p cuts p off both ends of the
    full (n − 1)·s + reach, as torch does; torch's output_padding e is the pair
    (p, p − e). Flax, unless transpose_kernel=True, holds the window flipped.

    With i = c / groups inputs in the kernel the channels are convolved in groups.

    >>> x, kernel = jnp.array([[1.0], [10.0]]), jnp.array([[[1.0]], [[2.0]], [[3.0]]])
    >>> conv_transpose(x, kernel, strides=2)[:, 0].tolist()
    [1.0, 2.0, 13.0, 20.0, 30.0]

    Zeiler et al. 2010, Deconvolutional networks; Dumoulin and Visin, arXiv:1603.07285.
    """
    who = "conv_transpose"
    rank = _fitting.kernel_rank(who, x, kernel)
    groups = _fitting.groups(who, x, kernel)
    steps = {"strides": strides, "padding": padding, "dilation": dilation}
    spatial, window = x.shape[-rank - 1 : -1], kernel.shape[:-2]
    w, out = _geometry.transposed(who, spatial, window, **steps)
    flat, kernel, bias, dtype = _fitting.one_batch(who, x, kernel, bias)
    shape = *x.shape[: -rank - 1], *out, kernel.shape[-1]
    if 0 in spatial:
        return jnp.zeros(shape, dtype)
    y = _transposed(w, groups)(flat, kernel)
    y = y if bias is None else y + jnp.broadcast_to(bias, y.shape)
    return y.astype(dtype).reshape(shape)


@cache  # one function a window, so that eager calls compile once
def _transposed(w: _geometry.Window, groups: int) -> Callable:
    """(x, kernel) -> y, whose derivatives are those of plain convolutions.

    XLA on CPU takes 10 times as long for the derivative, in the kernel, of a
    convolution whose input is dilated (4x4 stride 2, 16x16x16x64 to 32: 148 ms and 13).
    """
    plain = partial(_plain, w, groups)

    def backward(args, _, g):
        # What no window reached: places beyond the last, which "SAME" may ask for.
        cut = [(min(low, 0), min(high, 0), 0) for low, high in w.pads]
        g = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *cut, (0, 0, 0)])
        pads = tuple((max(low, 0), max(high, 0)) for low, high in w.pads)
        back = _conv_forms.convolution(w._replace(pads=pads), groups)
        turned = partial(_turned, groups)
        dx, pull = jax.vjp(lambda kernel: back(g, turned(kernel), None), args[1])
        return dx, *pull(args[0])

    return with_backward(plain, lambda *args: (plain(*args), ()), backward)


def _plain(w: _geometry.Window, groups: int, x, kernel):
    """The definition: x with zeros between, convolved with the window flipped."""
    space = "DHW"[3 - len(w.size) :]
    reach = _geometry.extent(w.size, w.dilation)
    pads = zip(reach, w.pads, strict=True)
    return lax.conv_general_dilated(
        x,
        jnp.flip(kernel, range(len(w.size))),
        (1,) * len(w.size),
        [(r - 1 - low, r - 1 - high) for r, (low, high) in pads],
        lhs_dilation=w.strides,
        rhs_dilation=w.dilation,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=groups,
        precision=lax.Precision.DEFAULT,
    )


def _turned(groups: int, kernel):
    """(*window, i, o) as the kernel of the way back: (*window, o / groups, c)."""
    *window, i, o = kernel.shape
    parts = kernel.reshape(*window, i, groups, o // groups)
    return jnp.swapaxes(parts, -3, -1).reshape(*window, o // groups, groups * i)
