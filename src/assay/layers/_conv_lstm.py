"""The LSTM whose products are convolutions: its state is an image, its input a film."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, activations
from assay.layers._conv import conv
from assay.layers._lstm import LSTMCarry
from assay.layers._precision import wide
from assay.typing import Array, Bool, Float


class ConvLSTMParams(NamedTuple):
    """The weights of `conv_lstm`; the gates in the order i f g o."""

    kernel: Float[Array, "*window i 4h"]
    recurrent_kernel: Float[Array, "*window h 4h"]
    bias: Float[Array, " 4h"]


def conv_lstm(
    params: ConvLSTMParams,
    carry: LSTMCarry,
    x: Float[Array, "*batch_time_and_space i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[LSTMCarry, Float[Array, "*batch_time_and_space h"]]:
    """`conv_lstm_cell` over x (*batch, time, *spatial, channels); (last carry, all y).

    The kernel's rank says how many axes are spatial: 1 to 3. The inputs of all steps
    are convolved at once. Where `mask` is False the carry stays and y is 0.

    >>> params = ConvLSTMParams(jnp.ones((3, 1, 4)), jnp.ones((3, 1, 4)), jnp.zeros(4))
    >>> zero = LSTMCarry(jnp.zeros((5, 1)), jnp.zeros((5, 1)))
    >>> carry, y = conv_lstm(params, zero, jnp.ones((2, 5, 1)))
    >>> y.shape
    (2, 5, 1)

    Shi et al. 2015, arXiv:1506.04214, without peepholes, as Keras has it.
    """
    _fits("conv_lstm", params, x, 1)
    spatial = jnp.ndim(params.kernel) - 2
    axis = jnp.ndim(x) - spatial - 2
    seen, x = None, jnp.asarray(x)
    if mask is not None:
        seen = _over(mask, x.shape[: axis + 1], x.ndim)
        x = jnp.where(jnp.broadcast_to(seen, x.shape), x, jnp.zeros_like(x))
        seen = jnp.moveaxis(seen, axis, 0)
    nets = conv(x, params.kernel, params.bias, padding="SAME")

    def step(carry, now):
        net, seen = now
        new, y = _gated(params, carry, net)
        if seen is None:
            return new, y
        over = lambda v: jnp.broadcast_to(seen, v.shape)  # noqa: E731
        pairs = zip(new, carry, strict=True)
        new = LSTMCarry(*(jnp.where(over(n), n, c) for n, c in pairs))
        return new, jnp.where(over(y), y, jnp.zeros_like(y))

    steps = jnp.moveaxis(nets, axis, 0), seen
    carry, ys = jax.lax.scan(step, carry, steps, reverse=reverse)
    return carry, jnp.moveaxis(ys, 0, axis)


def conv_lstm_cell(
    params: ConvLSTMParams, carry: LSTMCarry, x: Float[Array, "*batch_and_space i"]
) -> tuple[LSTMCarry, Float[Array, "*batch_and_space h"]]:
    """c′ = σ(f) c + σ(i) tanh(g), h′ = σ(o) tanh(c′), i f g o = x ∗ W + h ∗ U + b.

    Both convolutions are "SAME".

    >>> params = ConvLSTMParams(jnp.ones((3, 1, 4)), jnp.ones((3, 1, 4)), jnp.zeros(4))
    >>> zero = LSTMCarry(jnp.zeros((2, 1)), jnp.zeros((2, 1)))
    >>> carry, y = conv_lstm_cell(params, zero, jnp.ones((2, 1)))
    >>> y.tolist()
    [[0.6082...], [0.6082...]]

    Shi et al. 2015, arXiv:1506.04214, without peepholes.
    """
    _fits("conv_lstm_cell", params, x, 0)
    return _gated(params, carry, conv(x, params.kernel, params.bias, padding="SAME"))


def _gated(
    params: ConvLSTMParams, carry: LSTMCarry, net: Array
) -> tuple[LSTMCarry, Array]:
    """One step, the input convolved."""
    inner = conv(carry.h, params.recurrent_kernel, padding="SAME")
    net = net.astype(wide(net.dtype)) + inner.astype(wide(inner.dtype))
    i, f, g, o = jnp.split(net, 4, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    c = sigmoid(f) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    h = (sigmoid(o) * tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h


def _fits(who: str, params: ConvLSTMParams, x: Array, times: int) -> None:
    """x has the kernel's spatial axes and channels."""
    spatial = jnp.ndim(params.kernel) - 2
    layout = f"(*batch, {'time, ' * times}{spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + times + 1, layout)
    if jnp.shape(x)[-1] != params.kernel.shape[-2]:
        must = f"x must have the kernel's {params.kernel.shape[-2]} channels"
        _check.fail(who, must, f"x.shape={jnp.shape(x)}")


def _over(mask: Array, shape: tuple[int, ...], ndim: int) -> Array:
    """One truth value for every step of every sequence, with axes of 1 behind."""
    if jnp.shape(mask) != shape or jnp.result_type(mask) != jnp.bool_:
        must = f"mask must be boolean, of shape {shape}, True = takes part"
        got = f"{jnp.result_type(mask)}, mask.shape={jnp.shape(mask)}"
        _check.fail("conv_lstm", must, got, "lengths_to_mask makes one from lengths.")
    return jnp.expand_dims(mask, tuple(range(len(shape), ndim)))
