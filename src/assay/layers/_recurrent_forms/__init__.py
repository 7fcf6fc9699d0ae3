"""The ways to run a known cell over a whole sequence, and where each runs.

`scanned` is the definition, for any cell. The cells that have a `Rule` run its two
loops instead: gradients that autodiff would gather a step at a time are one large
product after the loop back. Forward mode and higher orders come from the definition.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from assay._numerics import compiled
from assay.autodiff import with_backward
from assay.layers._gru import GRUParams, gru_cell, gru_reset_before_cell
from assay.layers._lstm import LSTMCarry, LSTMParams, lstm_cell
from assay.layers._recurrent_forms import _loops
from assay.layers._recurrent_forms._gru import GRU_AFTER, GRU_BEFORE
from assay.layers._recurrent_forms._layout import COLUMNS, ROWS, Layout
from assay.layers._recurrent_forms._lstm import LSTM
from assay.layers._recurrent_forms._plain import scanned as scanned
from assay.layers._recurrent_forms._rnn import RNN
from assay.layers._recurrent_forms._rule import Rule
from assay.layers._rnn import RNNParams, rnn_cell
from assay.typing import Array, PyTree

RULES: tuple[tuple[Callable, type, Rule], ...] = (
    (rnn_cell, RNNParams, RNN),
    (lstm_cell, LSTMParams, LSTM),
    (gru_cell, GRUParams, GRU_AFTER),
    (gru_reset_before_cell, GRUParams, GRU_BEFORE),
)


WIDE_KERNEL = 512  # columns from which the layout of that name is faster on CPU


def layouts(params: PyTree) -> dict[str, Layout]:
    """The layout for each platform, measured for batches of 32."""
    wide = params.kernel.shape[1] >= WIDE_KERNEL
    return {"cpu": COLUMNS if wide else ROWS, "default": ROWS}


def run(
    cell: Callable, reverse: bool, params: PyTree, carry: PyTree, x: Array, mask: Any
) -> tuple[PyTree, PyTree]:
    """As `scanned`, by the cell's rule where it has one that fits."""
    which = _known(cell, params, carry, x)
    if which is None:
        return scanned(cell, reverse, params, carry, x, mask)
    *batch, time, _ = x.shape
    # One batch axis within; the caller's axes and carry without.
    states = carry if isinstance(carry, LSTMCarry) else (carry,)
    flat = tuple(jnp.reshape(s, (-1, s.shape[-1])) for s in states)
    masks = () if mask is None else (jnp.reshape(mask, (-1, time)),)
    f = _whole(which, reverse)
    last, y = f(params, flat, x.reshape(-1, *x.shape[-2:]), *masks)
    last = [s.reshape(*batch, s.shape[-1]) for s in last]
    return _carry(last), y.reshape(*batch, time, y.shape[-1])


def _known(cell: Callable, params: PyTree, carry: PyTree, x: Array) -> int | None:
    """The cell's place in RULES, if all fits; else the cell itself tells what is wrong.

    One floating dtype, sizes that agree, and something to compute.
    """
    names = [i for i, (known, *_) in enumerate(RULES) if cell is known]
    if not names or type(params) is not RULES[names[0]][1]:
        return None
    if (RULES[names[0]][2] is LSTM) != isinstance(carry, LSTMCarry):
        return None
    leaves = jax.tree.leaves((params, carry, x))
    if any(jnp.result_type(leaf) != x.dtype for leaf in leaves):
        return None
    kernel, recurrent, *biases = map(jnp.shape, params)
    if len(kernel) != 2 or len(recurrent) != 2 or 0 in (*x.shape, *recurrent, *kernel):
        return None
    size, width = recurrent
    shapes = [(x.shape[-1], width), *[(width,)] * len(biases)]
    states = [(*x.shape[:-2], size)] * len(jax.tree.leaves(carry))
    fits = (
        width == size * RULES[names[0]][2].gates
        and [kernel, *biases] == shapes
        and [jnp.shape(s) for s in jax.tree.leaves(carry)] == states
        and jnp.issubdtype(x.dtype, jnp.floating)
    )
    return names[0] if fits else None


@cache  # one function a kind, so that eager calls compile once
def _whole(which: int, reverse: bool) -> Callable:
    """(params, states, x[, mask]) -> (last states, y), with a gradient as fast."""
    cell, _, rule = RULES[which]

    def plain(params, states, x, mask=None):
        last, y = scanned(cell, reverse, params, _carry(states), x, mask)
        return tuple(last) if len(states) == 2 else (last,), y

    def forward(*args):
        forms = _per_platform(partial(_loops.forward, rule, reverse), args[0])
        return jax.lax.platform_dependent(*args, **forms)

    def backward(args, kept, ct):
        forms = _per_platform(partial(_loops.backward, rule, reverse), args[0])
        cts = jax.lax.platform_dependent(kept, ct, *args, **forms)
        return (*cts, *[None] * len(args[3:]))

    return compiled(with_backward(plain, forward, backward))


def _per_platform(f: Callable, params: PyTree) -> dict[str, Callable]:
    """f(layout, ...) with the layout of the platform that is compiled for."""
    return {platform: partial(f, lay) for platform, lay in layouts(params).items()}


def _carry(states: Sequence[Array]) -> Any:
    """An LSTM's carry has a name for each of its two states."""
    return LSTMCarry(*states) if len(states) == 2 else states[0]
