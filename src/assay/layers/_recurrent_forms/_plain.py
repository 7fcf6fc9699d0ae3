"""The definition: a scan of the cell."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay.typing import Array, PyTree


def scanned(
    cell: Callable, reverse: bool, params: PyTree, carry: PyTree, x: Array, mask: Any
) -> tuple[PyTree, PyTree]:
    """carryₜ, yₜ = cell(params, carryₜ₋₁, xₜ): (last carry, all y), x (*b, time, i)."""
    xs = jnp.moveaxis(x, -2, 0)
    if mask is None:
        step, inputs = (lambda state, now: cell(params, state, now)), xs
    else:
        step, inputs = _masked(cell, params), (xs, jnp.moveaxis(mask, -1, 0))
    carry, ys = jax.lax.scan(step, carry, inputs, reverse=reverse)
    return carry, jax.tree.map(lambda y: jnp.moveaxis(y, 0, x.ndim - 2), ys)


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
