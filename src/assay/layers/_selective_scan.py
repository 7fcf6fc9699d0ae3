"""A diagonal state space whose step size and ways in and out depend on the input."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._linear_recurrence import over_time, seen_steps
from assay.layers._precision import wide
from assay.typing import Array, Bool, Float


class Selection(NamedTuple):
    """What the input decides at each step of a `selective_scan`."""

    delta: Float[Array, "*batch time d"]  # the step's size, positive
    b: Float[Array, "*batch time n"]  # how x enters the state
    c: Float[Array, "*batch time n"]  # how the state is read


def selective_scan(
    a: Float[Array, "d n"],
    selection: Selection,
    carry: Float[Array, "*batch d n"],
    x: Float[Array, "*batch time d"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    chunk: int = 64,
) -> tuple[Float[Array, "*batch d n"], Float[Array, "*batch time d"]]:
    """hₜ = e^(Δₜ A) hₜ₋₁ + Δₜ xₜ bₜᵀ and yₜ = hₜ cₜ; (last h, all y).

    A ≤ 0, n numbers a feature. The states of only `chunk` steps are in memory at a
    time, in the reverse pass too, which computes them again. Where `mask` is False h
    stays as it was and y is 0, whatever is there. One step is a sequence of one.

    >>> ones = jnp.ones((2, 1))
    >>> last, y = selective_scan(
    ...     -jnp.ones((1, 1)), Selection(ones, ones, ones), jnp.zeros((1, 1)), ones)
    >>> y[:, 0].tolist()
    [1.0, 1.3678...]

    Gu and Dao 2023, arXiv:2312.00752, algorithm 2; the paper's code simplifies the
    way in of its equation 4 to Δ B, and so does this.
    """
    _fits(a, selection, carry, x)
    dtypes = jnp.result_type(carry), jnp.result_type(x)
    arrays = [jnp.asarray(v, wide(jnp.result_type(v))) for v in (*selection, x)]
    if mask is not None:  # Δ = 0: a step of no length
        hidden = [seen_steps("selective_scan", mask, v) for v in arrays]
        pairs = zip(hidden, arrays, strict=True)
        arrays = [jnp.where(m, v, jnp.zeros_like(v)) for m, v in pairs]
    time = jnp.shape(x)[-2]
    chunk = max(1, min(chunk, time))
    pieces = tuple(_pieces(v, chunk) for v in arrays)
    decay = jnp.asarray(a, arrays[0].dtype)

    def body(h, piece):
        return _a_chunk(decay, h, piece)

    carry = jnp.asarray(carry, arrays[0].dtype)
    # Without it the reverse pass would hold every state.
    body = jax.checkpoint(body, prevent_cse=False)
    h, ys = jax.lax.scan(body, carry, pieces)
    count = ys.shape[0] * chunk
    y = jnp.moveaxis(ys.reshape(count, *ys.shape[2:])[:time], 0, -2)
    if mask is not None:
        y = jnp.where(hidden[-1], y, jnp.zeros_like(y))
    return h.astype(dtypes[0]), y.astype(dtypes[1])


def _a_chunk(a: Array, h: Array, piece: tuple[Array, ...]) -> tuple[Array, Array]:
    """The last state and all outputs of a few steps, their axis first."""
    delta, b, c, x = piece
    shape = (*delta.shape, a.shape[-1])
    over = lambda v, axis: jnp.broadcast_to(jnp.expand_dims(v, axis), shape)  # noqa: E731
    kept = jnp.exp(over(delta, -1) * jnp.broadcast_to(a, shape))
    h, hs = over_time(False)(kept, over(delta * x, -1) * over(b, -2), h)
    return h, jnp.sum(hs * over(c, -2), axis=-1)


def _pieces(v: Array, chunk: int) -> Array:
    """(*batch, time, k) as (pieces, chunk, *batch, k), zeros behind the last step."""
    v = jnp.moveaxis(v, -2, 0)
    count = -(-v.shape[0] // chunk)
    pad = ((0, count * chunk - v.shape[0]), *((0, 0),) * (v.ndim - 1))
    return jnp.pad(v, pad).reshape(count, chunk, *v.shape[1:])


def _fits(a: Array, selection: Selection, carry: Array, x: Array) -> None:
    """All shapes are those of a, carry and x."""
    who = "selective_scan"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    (*batch, time, d), n = jnp.shape(x), jnp.shape(a)[-1]
    shapes = {
        "a": (a, (d, n)),
        "carry": (carry, (*batch, d, n)),
        "selection.delta": (selection.delta, (*batch, time, d)),
        "selection.b": (selection.b, (*batch, time, n)),
        "selection.c": (selection.c, (*batch, time, n)),
    }
    for name, (array, shape) in shapes.items():
        if jnp.shape(array) != shape:
            must = f"{name} must have the shape {shape}, for x of {jnp.shape(x)}"
            _check.fail(who, must, jnp.shape(array))
