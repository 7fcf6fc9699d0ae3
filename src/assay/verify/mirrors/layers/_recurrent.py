"""Recurrent cells gate by gate, and the driver as a loop over sequences and steps."""

from typing import Any

import jax
import numpy as np

from assay import layers
from assay.layers import GRUParams, LSTMCarry, LSTMParams, RNNParams
from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    static,
    tree,
)

INPUTS, H = 4, 5  # features in, hidden units


def _params(kind: Any, gates: int) -> Draw:
    """Weights of a cell with this many gates, drawn."""
    tail = [(H * gates,)] * (len(kind._fields) - 2)
    shapes = [(INPUTS, H * gates), (H, H * gates), *tail]
    return tree(lambda rng: kind(*(0.5 * rng.standard_normal(s) for s in shapes)))


rnn, lstm, gru = _params(RNNParams, 1), _params(LSTMParams, 4), _params(GRUParams, 3)


def _lstm_carry(*batch: int) -> Draw:
    return tree(lambda rng: LSTMCarry(*rng.standard_normal((2, *batch, H))))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gate(k, *terms):
    """Σ v · W[:, gate k] over the pairs (v, W); biases come as (1, b)."""
    at = slice(k * H, (k + 1) * H)
    total = 0.0
    for v, w in terms:
        if w.ndim == 1:
            total = total + w[at]
            continue
        for i in range(w.shape[0]):
            total = total + v[..., i : i + 1] * w[i, at]
    return total


@given(params=rnn, carry=(H,), x=(INPUTS,))
@given(params=rnn, carry=(2, 3, H), x=(2, 3, INPUTS))
def rnn_cell(params, carry, x):
    w, u, b = params
    h = np.tanh(_gate(0, (x, w), (carry, u), (1, b)))
    return h, h


@given(params=lstm, carry=_lstm_carry(), x=(INPUTS,))
@given(params=lstm, carry=_lstm_carry(2, 3), x=(2, 3, INPUTS))
def lstm_cell(params, carry, x):
    w, u, b = params
    i, f, g, o = (_gate(k, (x, w), (carry.h, u), (1, b)) for k in range(4))
    c = _sigmoid(f) * carry.c + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(c)
    return LSTMCarry._make([h, c]), h


@given(params=gru, carry=(H,), x=(INPUTS,))
@given(params=gru, carry=(2, 3, H), x=(2, 3, INPUTS))
def gru_cell(params, carry, x):
    w, u, b, again = params
    r, z = (
        _sigmoid(_gate(k, (x, w), (carry, u), (1, b), (1, again))) for k in range(2)
    )
    n = np.tanh(_gate(2, (x, w), (1, b)) + r * _gate(2, (carry, u), (1, again)))
    h = (1 - z) * n + z * carry
    return h, h


@given(params=gru, carry=(H,), x=(INPUTS,))
@given(params=gru, carry=(2, 3, H), x=(2, 3, INPUTS))
def gru_reset_before_cell(params, carry, x):
    w, u, b, again = params
    r, z = (
        _sigmoid(_gate(k, (x, w), (carry, u), (1, b), (1, again))) for k in range(2)
    )
    n = np.tanh(_gate(2, (x, w), (1, b), (r * carry, u), (1, again)))
    h = (1 - z) * n + z * carry
    return h, h


@given(params=rnn, x=(2, INPUTS))
@given(params=lstm, x=(3, INPUTS))
@mark(accepts=("a channel more",))
def zero_carry(params, x):
    zeros = np.zeros((*x.shape[:-1], params.recurrent_kernel.shape[0]))
    return LSTMCarry._make([zeros, zeros]) if isinstance(params, LSTMParams) else zeros


T = 4
runs = {"cell": static(layers.lstm_cell), "params": lstm, "x": (3, T, INPUTS)}


@given(cell=static(layers.rnn_cell), params=rnn, carry=(H,), x=(T, INPUTS))
@given(**runs, carry=_lstm_carry(3), reverse=static(True))
@given(**runs, carry=_lstm_carry(3), mask=booleans(3, T))
@given(
    cell=static(layers.gru_cell),
    params=gru,
    carry=(2, 3, H),
    x=(2, 3, T, INPUTS),
    mask=booleans(2, 3, T),
    reverse=static(True),
)
def recurrent(cell, params, carry, x, mask=None, reverse=False):
    """One sequence after the other, one step after the other."""
    step, batch = globals()[cell.__name__], x.shape[:-2]
    lasts, outputs = [], np.zeros((*batch, x.shape[-2], H))
    for at in np.ndindex(*batch):
        state = jax.tree.map(lambda leaf, at=at: np.asarray(leaf)[at], carry)
        steps = range(x.shape[-2])
        for t in reversed(steps) if reverse else steps:
            if mask is None or mask[(*at, t)]:
                state, outputs[(*at, t)] = step(params, state, x[(*at, t)])
        lasts.append(state)
    stack = lambda *leaves: np.stack(leaves).reshape(*batch, H)  # noqa: E731
    return jax.tree.map(stack, *lasts), outputs


@given(
    cell=static(layers.gru_cell),
    params=tree(lambda rng: (gru.make(rng), gru.make(rng))),
    carry=tree(lambda rng: tuple(rng.standard_normal((2, 3, H)))),
    x=(3, T, INPUTS),
)
@given(
    cell=static(layers.lstm_cell),
    params=tree(lambda rng: (lstm.make(rng), lstm.make(rng))),
    carry=tree(lambda rng: (_lstm_carry(3).make(rng), _lstm_carry(3).make(rng))),
    x=(3, T, INPUTS),
    mask=booleans(3, T),
)
def bidirectional(cell, params, carry, x, mask=None):
    ahead, ys = recurrent(cell, params[0], carry[0], x, mask)
    back, zs = recurrent(cell, params[1], carry[1], x, mask, reverse=True)
    return (ahead, back), np.concatenate([ys, zs], axis=-1)


@given(**runs, carry=_lstm_carry(3), steps=static(3), mask=booleans(3, T))
def recurrent_remat(cell, params, carry, x, steps, mask=None):
    return recurrent(cell, params, carry, x, mask)


@given(**runs, carry=_lstm_carry(3), steps=static(2), mask=booleans(3, T))
@mark(gradient=False)  # it ends where the true one does not
def recurrent_truncated(cell, params, carry, x, steps, mask=None):
    return recurrent(cell, params, carry, x, mask)


@given(lengths=integers(2, 3, high=8), time=static(7))
def lengths_to_mask(lengths, time):
    return np.array([[t < n for t in range(time)] for n in np.ravel(lengths)]).reshape(
        *np.shape(lengths), time
    )
