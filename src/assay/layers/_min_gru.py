"""The GRU and the LSTM whose gates do not look at the state, for all steps together.

Without h in the gates the recurrence is linear in h, so that a whole sequence is one
matrix product and one `linear_recurrence`. The paper computes in logarithms, for which
h must be positive; products of gates below 1 are stable as they are.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._linear_recurrence import linear_recurrence, without
from assay.layers._precision import plus, product
from assay.typing import Array, Bool, Float


class MinGRUParams(NamedTuple):
    """The weights of `min_gru`; the gate z, then the candidate n."""

    kernel: Float[Array, "i 2h"]
    bias: Float[Array, " 2h"]


class MinLSTMParams(NamedTuple):
    """The weights of `min_lstm`; the gates f and i, then the candidate n."""

    kernel: Float[Array, "i 3h"]
    bias: Float[Array, " 3h"]


def min_gru(
    params: MinGRUParams,
    carry: Float[Array, "*batch h"],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch time h"]]:
    """hₜ = (1 − zₜ) hₜ₋₁ + zₜ nₜ, z = σ(x W_z + b_z), n = x Wₙ + bₙ; (last h, all h).

    What `recurrent(min_gru_cell, ...)` gives, all steps together. Chunks of a sequence
    hand the last h on.

    >>> params = MinGRUParams(jnp.ones((1, 2)), jnp.zeros(2))
    >>> last, y = min_gru(params, jnp.zeros(1), jnp.array([[1.0], [2.0]]))
    >>> y[:, 0].tolist()
    [0.7310..., 1.8487...]

    Feng et al. 2024, arXiv:2410.01201.
    """
    _check.rank_at_least("min_gru", "x", x, 2, "(*batch, time, features)")
    a, b = _min_gru("min_gru", params, without("min_gru", mask, x))
    return _run(a, b, carry, mask=mask, reverse=reverse)


def min_gru_cell(
    params: MinGRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) h + z n, z = σ(x W_z + b_z), n = x Wₙ + bₙ: a step of `min_gru`.

    >>> params = MinGRUParams(jnp.ones((1, 2)), jnp.zeros(2))
    >>> h, y = min_gru_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.7310...]

    Feng et al. 2024, arXiv:2410.01201.
    """
    return _step(*_min_gru("min_gru_cell", params, x), carry)


def min_lstm(
    params: MinLSTMParams,
    carry: Float[Array, "*batch h"],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch time h"]]:
    """hₜ = (f hₜ₋₁ + i n) / (f + i), f, i = σ(x W + b), n = x Wₙ + bₙ; (last h, all h).

    What `recurrent(min_lstm_cell, ...)` gives, all steps together. f / (f + i) is
    σ(log f − log i), right where both gates are too small for a quotient.

    >>> params = MinLSTMParams(jnp.ones((1, 3)), jnp.zeros(3))
    >>> last, y = min_lstm(params, jnp.zeros(1), jnp.array([[1.0], [2.0]]))
    >>> y[:, 0].tolist()
    [0.5, 1.25]

    Feng et al. 2024, arXiv:2410.01201.
    """
    _check.rank_at_least("min_lstm", "x", x, 2, "(*batch, time, features)")
    a, b = _min_lstm("min_lstm", params, without("min_lstm", mask, x))
    return _run(a, b, carry, mask=mask, reverse=reverse)


def min_lstm_cell(
    params: MinLSTMParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (f h + i n) / (f + i), f, i = σ(x W + b), n = x Wₙ + bₙ: of `min_lstm`.

    >>> params = MinLSTMParams(jnp.ones((1, 3)), jnp.zeros(3))
    >>> h, y = min_lstm_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.5]

    Feng et al. 2024, arXiv:2410.01201.
    """
    return _step(*_min_lstm("min_lstm_cell", params, x), carry)


def _min_gru(who: str, params: MinGRUParams, x: Array) -> tuple[Array, Array]:
    """(what is kept of h, what is added)."""
    net = plus(who, product(who, x, params.kernel), params.bias)
    z, n = jnp.split(net, 2, axis=-1)
    return activations.sigmoid(-z), activations.sigmoid(z) * n


def _min_lstm(who: str, params: MinLSTMParams, x: Array) -> tuple[Array, Array]:
    """(what is kept of h, what is added)."""
    net = plus(who, product(who, x, params.kernel), params.bias)
    f, i, n = jnp.split(net, 3, axis=-1)
    odds = activations.log_sigmoid(f) - activations.log_sigmoid(i)
    return activations.sigmoid(odds), activations.sigmoid(-odds) * n


def _run(a: Array, b: Array, carry: Array, **options: Any) -> tuple[Array, Array]:
    dtype = jnp.result_type(carry)
    last, h = linear_recurrence(a, b, jnp.asarray(carry, a.dtype), **options)
    return last.astype(dtype), h.astype(dtype)


def _step(a: Array, b: Array, carry: Array) -> tuple[Array, Array]:
    h = (a * carry.astype(a.dtype) + b).astype(carry.dtype)
    return h, h
