"""The rarer recurrent cells gate by gate, each gate a sum of products in a loop."""

import numpy as np

from assay.layers import (
    CoupledLSTMParams,
    JordanParams,
    LayerNormGRUParams,
    LayerNormLSTMParams,
    LSTMCarry,
    MGUParams,
    PeepholeLSTMParams,
    ProjectedLSTMParams,
)
from assay.verify.mirrors._given import Draw, given, mark, tree
from assay.verify.mirrors.layers._recurrent import INPUTS, H, _gate, _params, _sigmoid

P = 3  # features of a projected output
EPS = 1e-6  # of layer_norm


def _weights(kind, *shapes) -> Draw:
    return tree(lambda rng: kind(*(0.5 * rng.standard_normal(s) for s in shapes)))


def _lstm_carry(*batch: int, h: int = H) -> Draw:
    make = lambda rng: LSTMCarry(  # noqa: E731
        rng.standard_normal((*batch, h)), rng.standard_normal((*batch, H))
    )
    return tree(make)


def _gates(count, params, h, x):
    """The sums that enter each gate."""
    terms = (x, params.kernel), (h, params.recurrent_kernel), (1, params.bias)
    return [_gate(k, *terms) for k in range(count)]


peephole = _weights(PeepholeLSTMParams, (INPUTS, 4 * H), (H, 4 * H), (4 * H,), (3 * H,))


@given(params=peephole, carry=_lstm_carry(), x=(INPUTS,))
@given(params=peephole, carry=_lstm_carry(2, 3), x=(2, 3, INPUTS))
def peephole_lstm_cell(params, carry, x):
    i, f, g, o = _gates(4, params, carry.h, x)
    pi, pf, po = (params.peephole[k * H : (k + 1) * H] for k in range(3))
    i, f = _sigmoid(i + carry.c * pi), _sigmoid(f + carry.c * pf)
    c = f * carry.c + i * np.tanh(g)
    h = _sigmoid(o + c * po) * np.tanh(c)
    return LSTMCarry._make([h, c]), h


coupled = _params(CoupledLSTMParams, 3)


@given(params=coupled, carry=_lstm_carry(), x=(INPUTS,))
@given(params=coupled, carry=_lstm_carry(2, 3), x=(2, 3, INPUTS))
def coupled_lstm_cell(params, carry, x):
    i, g, o = _gates(3, params, carry.h, x)
    c = carry.c + _sigmoid(i) * (np.tanh(g) - carry.c)
    h = _sigmoid(o) * np.tanh(c)
    return LSTMCarry._make([h, c]), h


projected = _weights(ProjectedLSTMParams, (INPUTS, 4 * H), (P, 4 * H), (4 * H,), (H, P))


@given(params=projected, carry=_lstm_carry(h=P), x=(INPUTS,))
@given(params=projected, carry=_lstm_carry(2, 3, h=P), x=(2, 3, INPUTS))
def projected_lstm_cell(params, carry, x):
    i, f, g, o = _gates(4, params, carry.h, x)
    c = _sigmoid(f) * carry.c + _sigmoid(i) * np.tanh(g)
    wide, h = _sigmoid(o) * np.tanh(c), 0.0
    for unit in range(H):
        h = h + wide[..., unit : unit + 1] * params.projection[unit]
    return LSTMCarry._make([h, c]), h


def _normed(net):
    spread = net - net.mean(-1, keepdims=True)
    return spread / np.sqrt((spread**2).mean(-1, keepdims=True) + EPS)


def _apart(count, x, kernel):
    """The gates' sums of one product, beside one another again."""
    return np.concatenate([_gate(k, (x, kernel)) for k in range(count)], axis=-1)


LSTM_SHAPES = (INPUTS, 4 * H), (H, 4 * H), (4 * H,), (4 * H,), (4 * H,), (H,), (H,)
normed_lstm = _weights(LayerNormLSTMParams, *LSTM_SHAPES)


@given(params=normed_lstm, carry=_lstm_carry(), x=(INPUTS,))
@given(params=normed_lstm, carry=_lstm_carry(2, 3), x=(2, 3, INPUTS))
def layer_norm_lstm_cell(params, carry, x):
    w, u, b, scale, recurrent_scale, memory_scale, memory_bias = params
    net = _normed(_apart(4, x, w)) * scale
    net = net + _normed(_apart(4, carry.h, u)) * recurrent_scale + b
    i, f, g, o = np.split(net, 4, axis=-1)
    c = _sigmoid(f) * carry.c + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(_normed(c) * memory_scale + memory_bias)
    return LSTMCarry._make([h, c]), h


GRU_SHAPES = (INPUTS, 3 * H), (H, 3 * H), *[(3 * H,)] * 4
normed_gru = _weights(LayerNormGRUParams, *GRU_SHAPES)


@given(params=normed_gru, carry=(H,), x=(INPUTS,))
@given(params=normed_gru, carry=(2, 3, H), x=(2, 3, INPUTS))
def layer_norm_gru_cell(params, carry, x):
    w, u, b, again, scale, recurrent_scale = params

    def parts(net, scale, bias):
        gates, candidate = net[..., : 2 * H], net[..., 2 * H :]
        both = np.concatenate([_normed(gates), _normed(candidate)], axis=-1)
        return np.split(both * scale + bias, 3, axis=-1)

    r, z, n = parts(_apart(3, x, w), scale, b)
    hr, hz, hn = parts(_apart(3, carry, u), recurrent_scale, again)
    n = np.tanh(n + _sigmoid(r + hr) * hn)
    h = n + _sigmoid(z + hz) * (carry - n)
    return h, h


jordan = _weights(JordanParams, (INPUTS, 2 * H), (H, 2 * H), (2 * H,), (2 * H, H), (H,))


@given(params=jordan, carry=(H,), x=(INPUTS,))
@given(params=jordan, carry=(2, 3, H), x=(2, 3, INPUTS))
def jordan_cell(params, carry, x):
    hidden = np.tanh(np.concatenate(_gates(2, params, carry, x), axis=-1))
    net = params.output_bias
    for unit in range(2 * H):
        net = net + hidden[..., unit : unit + 1] * params.output_kernel[unit]
    return _sigmoid(net), _sigmoid(net)


mgu = _params(MGUParams, 2)


@given(params=mgu, carry=(H,), x=(INPUTS,))
@given(params=mgu, carry=(2, 3, H), x=(2, 3, INPUTS))
def mgu_cell(params, carry, x):
    w, u, b = params
    f = _sigmoid(_gate(0, (x, w), (carry, u), (1, b)))
    n = np.tanh(_gate(1, (x, w), (f * carry, u), (1, b)))
    h = carry + f * (n - carry)
    return h, h


@given(carry=_lstm_carry(h=P), x=(2, INPUTS))
@mark(accepts=("a channel more",), batch=False)  # the carry is that of one sequence
def broadcast_carry(carry, x):
    return LSTMCarry._make(np.stack([v] * x.shape[0]) for v in carry)
