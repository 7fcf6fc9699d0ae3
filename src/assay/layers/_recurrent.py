"""Recurrent cells, and one driver that runs any cell over a sequence.

A cell is ``(params, carry, x) -> (carry, y)`` for one step, x (*batch, i), so
``partial(cell, params)`` is the body of a scan. Gates stand beside one another in
the columns of the kernels, h columns each.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, activations
from assay.layers._precision import product, spread
from assay.typing import Array, Bool, Float, Int, PyTree


class RNNParams(NamedTuple):
    """The weights of `rnn_cell`."""

    kernel: Float[Array, "i h"]
    recurrent_kernel: Float[Array, "h h"]
    bias: Float[Array, " h"]


class LSTMParams(NamedTuple):
    """The weights of `lstm_cell`; the gates in the order i f g o."""

    kernel: Float[Array, "i 4h"]
    recurrent_kernel: Float[Array, "h 4h"]
    bias: Float[Array, " 4h"]


class LSTMCarry(NamedTuple):
    """What an LSTM hands to the next step: its output and its memory."""

    h: Float[Array, "*batch h"]
    c: Float[Array, "*batch h"]


class GRUParams(NamedTuple):
    """The weights of both GRUs; the gates in the order r z n."""

    kernel: Float[Array, "i 3h"]
    recurrent_kernel: Float[Array, "h 3h"]
    bias: Float[Array, " 3h"]
    recurrent_bias: Float[Array, " 3h"]  # within the reset gate's reach, if it is last


def rnn_cell(
    params: RNNParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = tanh(x W + h U + b).

    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> h, y = rnn_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.76159...]

    Elman 1990, doi:10.1207/s15516709cog1402_1.
    """
    net = _plus("rnn_cell", product("rnn_cell", x, params.kernel), params.bias)
    inner = product("rnn_cell", carry, params.recurrent_kernel, "carry")
    h = activations.tanh(net + inner)
    h = h.astype(carry.dtype)
    return h, h


def lstm_cell(
    params: LSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch h"]]:
    """c′ = σ(f) c + σ(i) tanh(g) and h′ = σ(o) tanh(c′), with i f g o = x W + h U + b.

    >>> params = LSTMParams(jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.zeros(4))
    >>> carry, y = lstm_cell(params, zero_carry(params, jnp.ones(1)), jnp.ones(1))
    >>> y.tolist()
    [0.3696...]

    Hochreiter and Schmidhuber 1997; the forget gate is of Gers et al. 2000.
    """
    net = _plus("lstm_cell", product("lstm_cell", x, params.kernel), params.bias)
    net = net + product("lstm_cell", carry.h, params.recurrent_kernel, "carry.h")
    i, f, g, o = jnp.split(net, 4, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    c = sigmoid(f) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    h = (sigmoid(o) * tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h


def gru_cell(
    params: GRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) n + z h, n = tanh(x Wₙ + bₙ + r (h Uₙ + b′ₙ)): reset after.

    r, z = σ(x W + b + h U + b′). The form of torch, Flax and cuDNN: one product.

    >>> params = GRUParams(
    ...     jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.zeros(3), jnp.ones(3))
    >>> h, y = gru_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.1137...]

    The variant of Cho et al. 2014, arXiv:1406.1078, version 1.
    """
    net = _plus("gru_cell", product("gru_cell", x, params.kernel), params.bias)
    inner = product("gru_cell", carry, params.recurrent_kernel, "carry")
    inner = _plus("gru_cell", inner, params.recurrent_bias)
    (r, z, n), (hr, hz, hn) = jnp.split(net, 3, axis=-1), jnp.split(inner, 3, axis=-1)
    n = activations.tanh(n + activations.sigmoid(r + hr) * hn)
    return _mixed(activations.sigmoid(z + hz), n, carry)


def gru_reset_before_cell(
    params: GRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) n + z h, n = tanh(x Wₙ + bₙ + (r h) Uₙ + b′ₙ): reset before.

    r, z = σ(x W + b + h U + b′). The form of the paper and of Keras's
    ``reset_after=False``, whose single bias is b + b′.

    >>> params = GRUParams(
    ...     jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.zeros(3), jnp.ones(3))
    >>> h, y = gru_reset_before_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.1149...]

    Cho et al. 2014, arXiv:1406.1078.
    """
    who, size = "gru_reset_before_cell", carry.shape[-1]
    net = _plus(who, product(who, x, params.kernel), params.bias)
    net = _plus(who, net, params.recurrent_bias)
    gates = product(who, carry, params.recurrent_kernel[:, : 2 * size], "carry")
    r, z = jnp.split(net[..., : 2 * size] + gates, 2, axis=-1)
    kept = (activations.sigmoid(r) * carry.astype(net.dtype)).astype(carry.dtype)
    inner = product(who, kept, params.recurrent_kernel[:, 2 * size :], "carry")
    n = activations.tanh(net[..., 2 * size :] + inner)
    return _mixed(activations.sigmoid(z), n, carry)


def zero_carry(
    params: RNNParams | LSTMParams | GRUParams, x: Float[Array, "*batch i"]
) -> Any:
    """0: the carry before the first step, for one step's x; LSTM's is an LSTMCarry.

    >>> params = RNNParams(jnp.ones((3, 4)), jnp.ones((4, 4)), jnp.zeros(4))
    >>> zero_carry(params, jnp.ones((2, 3))).shape
    (2, 4)
    """
    _check.rank_at_least("zero_carry", "x", x, 1, "(*batch, features)")
    size = params.recurrent_kernel.shape[0]
    # zeros_like, not zeros: inside shard_map the carry must vary as x does.
    zeros = jnp.zeros_like(x, shape=(*jnp.shape(x)[:-1], size))
    return LSTMCarry(zeros, zeros) if isinstance(params, LSTMParams) else zeros


def recurrent(
    cell: Callable[..., tuple[Any, Any]],
    params: PyTree,
    carry: PyTree,
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """carryₜ, yₜ = cell(params, carryₜ₋₁, xₜ) for t = 1 … time; (last carry, all y).

    Where `mask` is False the carry stays as it was and y is 0, whatever x holds there,
    NaN included. In `reverse` the last step is first; y stays in x's order.

    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> h, y = recurrent(rnn_cell, params, jnp.zeros(1), jnp.array([[1.0], [2.0]]))
    >>> y.tolist()
    [[0.76159...], [0.99204...]]
    """
    _check.rank_at_least("recurrent", "x", x, 2, "(*batch, time, features)")
    x = jnp.asarray(x)
    xs = jnp.moveaxis(x, -2, 0)
    if mask is None:
        step, inputs = (lambda state, now: cell(params, state, now)), xs
    else:
        _check_mask(mask, x)
        step, inputs = _masked(cell, params), (xs, jnp.moveaxis(mask, -1, 0))
    carry, ys = jax.lax.scan(step, carry, inputs, reverse=reverse)
    return carry, jax.tree.map(lambda y: jnp.moveaxis(y, 0, x.ndim - 2), ys)


def bidirectional(
    cell: Callable[..., tuple[Any, Any]],
    params: tuple[PyTree, PyTree],
    carry: tuple[PyTree, PyTree],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
) -> tuple[tuple[PyTree, PyTree], PyTree]:
    """[y→ y←]: `recurrent` forwards and in reverse, joined along the features.

    `params` and `carry` are pairs (forwards, in reverse), and so is the last carry.

    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> zero, x = jnp.zeros(1), jnp.array([[1.0], [2.0]])
    >>> (last, first), y = bidirectional(
    ...     rnn_cell, (params, params), (zero, zero), x)
    >>> y.tolist()
    [[0.76159..., 0.96...], [0.99204..., 0.96402...]]

    Schuster and Paliwal 1997, doi:10.1109/78.650093.
    """
    _check.rank_at_least("bidirectional", "x", x, 2, "(*batch, time, features)")
    ahead, ys = recurrent(cell, params[0], carry[0], x, mask=mask)
    back, zs = recurrent(cell, params[1], carry[1], x, mask=mask, reverse=True)
    joined = jax.tree.map(lambda y, z: jnp.concatenate([y, z], axis=-1), ys, zs)
    return (ahead, back), joined


def lengths_to_mask(
    lengths: Int[Array, "*batch"], time: int
) -> Bool[Array, "*batch time"]:
    """t < length, for t = 0 … time − 1.

    >>> lengths_to_mask(jnp.array([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    _check.integer("lengths_to_mask", lengths=lengths)
    steps = jnp.arange(time, dtype=jnp.int32)
    shape = (*jnp.shape(lengths), time)
    limit = jnp.expand_dims(jnp.asarray(lengths, jnp.int32), -1)
    return jnp.broadcast_to(steps, shape) < limit


def _masked(cell: Callable, params: PyTree) -> Callable:
    """A scan body that steps over what the mask leaves out.

    The padding is replaced before the cell as well as after: NaN in a branch that is
    not taken would still reach the gradient as 0 · NaN.
    """

    def step(carry, inputs):
        x, takes_part = inputs
        new, y = cell(params, carry, _where(takes_part, x, jnp.zeros_like(x)))
        new = jax.tree.map(lambda n, c: _where(takes_part, n, c), new, carry)
        return new, jax.tree.map(lambda v: _where(takes_part, v, jnp.zeros_like(v)), y)

    return step


def _where(mask: Array, a: Array, b: Array) -> Array:
    """where with the mask's missing last axes added."""
    axes = tuple(range(mask.ndim, a.ndim))
    return jnp.where(jnp.broadcast_to(jnp.expand_dims(mask, axes), a.shape), a, b)


def _check_mask(mask: Array, x: Array) -> None:
    """One truth value for every step of every sequence."""
    if jnp.shape(mask) != x.shape[:-1] or jnp.result_type(mask) != jnp.bool_:
        must = f"mask must be boolean, of shape {x.shape[:-1]}, True = takes part"
        got = f"{jnp.result_type(mask)}, mask.shape={jnp.shape(mask)}"
        _check.fail("recurrent", must, got, "lengths_to_mask makes one from lengths.")


def _plus(who: str, net: Array, bias: Array) -> Array:
    return net + spread(who, "bias", bias, net)


def _mixed(z: Array, n: Array, h: Array) -> tuple[Array, Array]:
    """(1 − z) n + z h, as carry and as output."""
    new = ((1 - z) * n + z * h.astype(z.dtype)).astype(h.dtype)
    return new, new
