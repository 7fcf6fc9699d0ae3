"""Local convolution: a kernel of its own for every place of the output."""

from math import prod

import jax.numpy as jnp

from assay import _check, _geometry
from assay.layers import _border, _fitting, _precision
from assay.layers._conv_forms import _shared
from assay.typing import Array, Float

WHO = "local_conv"


def local_conv(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, "*out_and_window c o"],
    bias: Float[Array, "*out o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Float[Array, "*batch_and_space_out o"]:
    """y[t, o] = Σₖ Σᵢ x[s·t + d·k, i] · kernel[t, k, i, o] + bias[t, o].

    `conv`, its weights not shared: every place of the output has a kernel of its own
    (*out, *window, c, o), and a bias, or all the bias (o,). For d spatial axes, Flax's
    ConvLocal holds (*out, c·window, o), channels slow, which becomes our kernel with
    `jnp.moveaxis(flax.reshape(*out, c, *window, o), d, -2)`.

    >>> x, kernel = jnp.arange(4.0)[:, None], jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> local_conv(x, kernel[..., None, None], strides=2)[:, 0].tolist()
    [0.0, 3.0]

    LeCun 1989, Generalization and network design strategies.
    """
    rank = _spatial(x, kernel)
    out, (*window, c, o) = kernel.shape[:rank], kernel.shape[rank:]
    x, padding = _border.bordered(WHO, x, window, padding, dilation)
    batch, sizes = x.shape[: -rank - 1], x.shape[-rank - 1 : -1]
    w = _geometry.window(
        WHO, sizes, window, strides=strides, padding=padding, dilation=dilation
    )
    _places(kernel, bias, _geometry.output_sizes(WHO, sizes, w))
    dtype = jnp.result_type(x)
    wide = _precision.wide(dtype)
    flat = jnp.asarray(x, wide).reshape(prod(batch), *sizes, c)
    weights = jnp.asarray(kernel, wide).reshape(prod(out), w.taps() * c, o)
    columns = _columns(w, flat).reshape(prod(batch), *weights.shape[:2])
    y = jnp.einsum("ntp,tpo->nto", columns, weights).reshape(*batch, *out, o)
    if bias is not None:
        y = y + jnp.broadcast_to(jnp.asarray(bias, wide), y.shape)
    return y.astype(dtype)


def _spatial(x, kernel) -> int:
    """How many spatial axes the kernel has, when it and x fit together."""
    _check.floating(WHO, x=x, kernel=kernel)
    rank, odd = divmod(jnp.ndim(kernel) - 2, 2)
    if odd or rank not in (1, 2, 3):
        must = "kernel must be (*out, *window, inputs, outputs) with 1 to 3 axes each"
        _check.fail(WHO, must, f"kernel.shape={jnp.shape(kernel)}")
    layout = f"(*batch, {rank} spatial, channels)"
    _check.rank_at_least(WHO, "x", x, rank + 1, layout)
    _fitting.inputs(WHO, x, kernel)
    return rank


def _places(kernel, bias, out: tuple[int, ...]) -> None:
    """There is a kernel, and a bias, for each place of the output."""
    if kernel.shape[: len(out)] != out:
        must = f"the kernel must begin with the sizes {out} of the output"
        _check.fail(WHO, must, f"kernel.shape={kernel.shape}")
    shape = (*out, kernel.shape[-1])
    if bias is not None and jnp.shape(bias) not in (shape, shape[-1:]):
        must = f"bias must have the shape {shape}, or {shape[-1:]} for all places"
        _check.fail(WHO, must, f"bias.shape={jnp.shape(bias)}")


def _columns(w: _geometry.Window, x):
    """(n, *out, taps, c): what the window sees at each place."""
    taps = [part for _, part in _shared.tap_slices(w, _shared.padded(w, x))]
    return jnp.stack(taps, -2)
