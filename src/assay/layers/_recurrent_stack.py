"""Recurrent layers on top of one another: each is the input of the next.

A layer of no memory, such as `dense`, needs no driver to be applied at every step:
time is one of its batch axes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from assay import _check
from assay.layers._linear_recurrence import without
from assay.layers._recurrent import bidirectional, recurrent
from assay.typing import Array, Bool, Float, PyTree

Cells = Callable[..., Any] | Sequence[Callable[..., Any]]  # one for all, or one a layer
After = Callable[[int, Any, Any], Any]


def recurrent_stack(
    cell: Cells,
    params: Sequence[PyTree],
    carry: Sequence[PyTree],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    after: After | None = None,
) -> tuple[tuple[PyTree, ...], PyTree]:
    """y = layer_L(… layer_1(x)), each of them `recurrent`; (last carries, y).

    One entry of `params` and `carry` a layer, of any sizes. ``after(layer, x, y)`` is
    what a layer, counted from 0, hands on: dropout between the layers, a residual
    ``x + y``, a norm.

    >>> import jax
    >>> from assay.layers import RNNParams, dropout, rnn_cell
    >>> first = RNNParams(jnp.ones((1, 2)), jnp.ones((2, 2)), jnp.zeros(2))
    >>> second = RNNParams(jnp.ones((2, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> zeros, x = (jnp.zeros(2), jnp.zeros(1)), jnp.array([[1.0], [2.0]])
    >>> def after(layer, x, y):
    ...     key = jax.random.fold_in(jax.random.key(0), layer)
    ...     return y if layer == 1 else dropout(y, rate=0.5, key=key)
    >>> carry, y = recurrent_stack(rnn_cell, (first, second), zeros, x, after=after)
    >>> [c.shape for c in carry], y.shape
    ([(2,), (1,)], (2, 1))

    Graves et al. 2013, arXiv:1303.5778.
    """

    def layer(cell, params, carry, x):
        return recurrent(cell, params, carry, x, mask=mask)

    return _stacked("recurrent_stack", layer, (cell, params, carry), x, mask, after)


def bidirectional_stack(
    cell: Cells,
    params: Sequence[tuple[PyTree, PyTree]],
    carry: Sequence[tuple[PyTree, PyTree]],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    after: After | None = None,
) -> tuple[tuple[tuple[PyTree, PyTree], ...], PyTree]:
    """`recurrent_stack` of `bidirectional` layers: each sees both of the last.

    Entries of `params` and `carry` are pairs (forwards, in reverse).

    >>> from assay.layers import RNNParams, rnn_cell
    >>> one = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> two = one._replace(kernel=jnp.ones((2, 1)))
    >>> zeros, x = ((jnp.zeros(1),) * 2,) * 2, jnp.array([[1.0], [2.0]])
    >>> bidirectional_stack(rnn_cell, [(one, one), (two, two)], zeros, x)[1].shape
    (2, 2)

    Graves et al. 2013, arXiv:1303.5778.
    """

    def layer(cell, params, carry, x):
        return bidirectional(cell, params, carry, x, mask=mask)

    return _stacked("bidirectional_stack", layer, (cell, params, carry), x, mask, after)


def _stacked(
    who: str,
    layer: Callable,
    layers: tuple[Cells, Sequence, Sequence],
    x: Array,
    mask: Array | None,
    after: After | None,
) -> tuple[tuple, Any]:
    """Every layer's last carry, and what the last one gives."""
    cell, params, carry = layers
    cells = [cell] * len(params) if callable(cell) else list(cell)
    counts = len(cells), len(params), len(carry)
    if len(set(counts)) > 1 or not params:
        must = "there must be one cell, one of params and one carry for each layer"
        _check.fail(who, must, " and ".join(map(str, counts)))
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    y, lasts = without(who, mask, jnp.asarray(x)), []
    for i, (one, p, c) in enumerate(zip(cells, params, carry, strict=True)):
        x = y
        last, y = layer(one, p, c, x)
        y = y if after is None else after(i, x, y)
        lasts.append(last)
    return tuple(lasts), y
