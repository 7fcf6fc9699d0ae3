"""The recurrence that is linear in its state, for all steps together.

Of h′ = a h + b two steps are one: (a₂ a₁) h + (a₂ b₁ + b₂). So T of them can be done in
log₂ T rounds (Blelloch 1990), which is what a device of many lanes wants. On CPU they
are done one after the other: a round there costs as much as its numbers, and there are
twice as many of them. Measured on 2 cores, float32, the rounds' time over the loop's:
batch × time × units 1×2048×16 6.8, 1×2048×256 1.3, 4×2048×256 4.2; blocks of 32 to 256
steps, all blocks at once, 0.4 to 4.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.autodiff import with_backward
from assay.layers._precision import wide
from assay.typing import Array, Bool, Num


def linear_recurrence(
    a: Num[Array, "*batch time n"],
    b: Num[Array, "*batch time n"],
    carry: Num[Array, "*batch n"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[Num[Array, "*batch n"], Num[Array, "*batch time n"]]:
    """hₜ = aₜ hₜ₋₁ + bₜ for t = 1 … time, h₀ = carry; (last h, all h). Real or complex.

    Where `mask` is False the carry stays as it was and h is given as 0, whatever a and
    b hold there. In `reverse` the last step is first. |a| ≤ 1 keeps it finite. A step
    alone is ``a * carry + b``. The reverse pass is this recurrence run backwards.

    >>> a, b = jnp.full((3, 1), 0.5), jnp.ones((3, 1))
    >>> last, h = linear_recurrence(a, b, jnp.zeros(1))
    >>> h[:, 0].tolist()
    [1.0, 1.5, 1.75]

    Martin and Cundy 2018, arXiv:1709.04057.
    """
    who = "linear_recurrence"
    _check.rank_at_least(who, "a", a, 2, "(*batch, time, n)")
    _check.same_shape(who, a=a, b=b)
    shape = jnp.shape(a)
    if jnp.shape(carry) != (*shape[:-2], shape[-1]):
        must = f"carry must have the shape of one step, {(*shape[:-2], shape[-1])}"
        _check.fail(who, must, jnp.shape(carry))
    dtype = jnp.result_type(b)
    a, b, h = (jnp.asarray(v, wide(jnp.result_type(v))) for v in (a, b, carry))
    if mask is not None:
        seen = seen_steps(who, mask, b)
        a, b = (
            jnp.where(seen, a, jnp.ones_like(a)),
            jnp.where(seen, b, jnp.zeros_like(b)),
        )
    ahead = tuple(jnp.moveaxis(v, -2, 0) for v in (a, b))
    last, hs = over_time(reverse)(*ahead, h)
    hs = jnp.moveaxis(hs, 0, -2)
    if mask is not None:
        hs = jnp.where(seen, hs, jnp.zeros_like(hs))
    return last.astype(dtype), hs.astype(dtype)


def without(who: str, mask: Array | None, x: Array) -> Array:
    """x, and 0 where the mask is False: a NaN would reach the weights as 0 · NaN."""
    if mask is None:
        return jnp.asarray(x)
    return jnp.where(seen_steps(who, mask, x), x, jnp.zeros_like(x))


def seen_steps(who: str, mask: Array, like: Array) -> Array:
    """The mask of the steps, laid over `like` (*batch, time, n)."""
    if jnp.shape(mask) != like.shape[:-1] or jnp.result_type(mask) != jnp.bool_:
        must = f"mask must be boolean, of shape {like.shape[:-1]}, True = takes part"
        got = f"{jnp.result_type(mask)}, mask.shape={jnp.shape(mask)}"
        _check.fail(who, must, got, "lengths_to_mask makes one from lengths.")
    return jnp.broadcast_to(jnp.expand_dims(mask, -1), like.shape)


@cache
def over_time(reverse: bool) -> Callable[..., tuple[Array, Array]]:
    """(a, b, carry) -> (last h, all h) with the time axis first, all of one dtype."""
    plain = partial(_one_by_one, reverse=reverse)

    def forward(a, b, carry):
        rounds = partial(_in_rounds, reverse=reverse)
        last, h = jax.lax.platform_dependent(a, b, carry, cpu=plain, default=rounds)
        return (last, h), h

    return with_backward(plain, forward, partial(_backward, reverse))


def _one_by_one(a: Array, b: Array, carry: Array, *, reverse: bool) -> Any:
    def step(h, now):
        h = now[0] * h + now[1]
        return h, h

    return jax.lax.scan(step, carry, (a, b), reverse=reverse)


def _in_rounds(a: Array, b: Array, carry: Array, *, reverse: bool) -> Any:
    if not a.shape[0]:
        return carry, b
    first = -1 if reverse else 0
    b = b.at[first].add(a[first] * carry)

    def both(early, late):
        return late[0] * early[0], late[0] * early[1] + late[1]

    h = jax.lax.associative_scan(both, (a, b), reverse=reverse)[1]
    return h[0 if reverse else -1], h


def _backward(reverse: bool, args: Any, h: Array, ct: Any) -> tuple[Array, ...]:
    """dₜ = ctₜ + aₜ₊₁ dₜ₊₁, from the last step to the first; ∂b = d, ∂a = dₜ hₜ₋₁."""
    (a, _, carry), (of_last, of_h) = args, ct
    edge = carry[None]
    ends = [h, edge] if reverse else [edge, h]
    before = jnp.concatenate(ends)[1:] if reverse else jnp.concatenate(ends)[:-1]

    def one_by_one(a, before, of_h, of_last):
        def step(s, now):
            a, before, g = now
            d = g + s
            return a * d, (d * before, d)

        xs = (a, before, of_h)
        first, (da, db) = jax.lax.scan(step, of_last, xs, reverse=not reverse)
        return da, db, first

    def rounds(a, before, of_h, of_last):
        if not a.shape[0]:
            return a, of_h, of_last
        one = jnp.ones_like(a[:1])
        late = jnp.concatenate([one, a[:-1]] if reverse else [a[1:], one])
        first, d = _in_rounds(late, of_h, of_last, reverse=not reverse)
        return d * before, d, a[-1 if reverse else 0] * first

    args = a, before, of_h, of_last
    return jax.lax.platform_dependent(*args, cpu=one_by_one, default=rounds)
