"""Recurrences that are linear in their state: one step after the other in NumPy."""

import jax
import numpy as np

from assay.layers import (
    LRUParams,
    MambaCarry,
    MambaParams,
    MinGRUParams,
    MinLSTMParams,
    Selection,
)
from assay.verify.mirrors._given import Draw, booleans, given, mark, static, tree
from assay.verify.mirrors.layers._noise import a_key
from assay.verify.mirrors.layers._recurrent import INPUTS, H, _gate, _sigmoid

T, BATCH = 7, (2, 3)


def _weights(kind, *shapes) -> Draw:
    return tree(lambda rng: kind(*(0.5 * rng.standard_normal(s) for s in shapes)))


def _walk(step, carry, xs, mask=None, reverse=False):
    """(last carry, all y): `step(carry, x)` for every sequence and step; y 0 if masked.

    xs and y are tuples of arrays (*batch, time, ...).
    """
    batch, time = np.shape(xs[0])[:-2], np.shape(xs[0])[-2]
    lasts, ys = [], []
    for at in np.ndindex(*batch):
        state = jax.tree.map(lambda leaf, at=at: np.asarray(leaf)[at], carry)
        out = [None] * time
        for t in reversed(range(time)) if reverse else range(time):
            new, y = step(state, *(np.asarray(x)[(*at, t)] for x in xs))
            seen = mask is None or mask[(*at, t)]
            state, out[t] = (new, y) if seen else (state, np.zeros_like(y))
        lasts.append(state)
        ys.append(np.stack(out))
    stack = lambda *v: np.stack(v).reshape(*batch, *np.shape(v[0]))  # noqa: E731
    return jax.tree.map(stack, *lasts), stack(*ys)


runs = {"mask": booleans(*BATCH, T), "reverse": static(True)}


@given(a=(T, H), b=(T, H), carry=(H,))
@given(a=(*BATCH, T, H), b=(*BATCH, T, H), carry=(*BATCH, H), **runs)
def linear_recurrence(a, b, carry, mask=None, reverse=False):
    def step(h, a, b):
        h = a * h + b
        return h, h

    return _walk(step, carry, (a, b), mask, reverse)


gru = _weights(MinGRUParams, (INPUTS, 2 * H), (2 * H,))
lstm = _weights(MinLSTMParams, (INPUTS, 3 * H), (3 * H,))


@given(params=gru, carry=(H,), x=(INPUTS,))
@given(params=gru, carry=(*BATCH, H), x=(*BATCH, INPUTS))
def min_gru_cell(params, carry, x):
    z, n = (_gate(k, (x, params.kernel), (1, params.bias)) for k in range(2))
    h = carry + _sigmoid(z) * (n - carry)
    return h, h


@given(params=gru, carry=(H,), x=(T, INPUTS))
@given(params=gru, carry=(*BATCH, H), x=(*BATCH, T, INPUTS), **runs)
def min_gru(params, carry, x, mask=None, reverse=False):
    step = lambda h, x: min_gru_cell(params, h, x)  # noqa: E731
    return _walk(step, carry, (x,), mask, reverse)


@given(params=lstm, carry=(H,), x=(INPUTS,))
@given(params=lstm, carry=(*BATCH, H), x=(*BATCH, INPUTS))
def min_lstm_cell(params, carry, x):
    f, i, n = (_gate(k, (x, params.kernel), (1, params.bias)) for k in range(3))
    h = (_sigmoid(f) * carry + _sigmoid(i) * n) / (_sigmoid(f) + _sigmoid(i))
    return h, h


@given(params=lstm, carry=(H,), x=(T, INPUTS))
@given(params=lstm, carry=(*BATCH, H), x=(*BATCH, T, INPUTS), **runs)
def min_lstm(params, carry, x, mask=None, reverse=False):
    step = lambda h, x: min_lstm_cell(params, h, x)  # noqa: E731
    return _walk(step, carry, (x,), mask, reverse)


LRU_SHAPES = (H,), (H,), (H,), (INPUTS, 2 * H), (2 * H, INPUTS), (INPUTS,)
unit = _weights(LRUParams, *LRU_SHAPES)


@given(params=unit, carry=(2 * H,), x=(INPUTS,))
@given(params=unit, carry=(*BATCH, 2 * H), x=(*BATCH, INPUTS))
def lru_cell(params, carry, x):
    """Rotations as two real numbers: no complex number anywhere."""
    size, angle = np.exp(-np.exp(params.nu_log)), np.exp(params.theta_log)
    real, imaginary = carry[..., :H], carry[..., H:]
    into = np.exp(params.gamma_log)
    b_real, b_imaginary = (into * _gate(k, (x, params.kernel)) for k in range(2))
    turned = real * np.cos(angle) - imaginary * np.sin(angle)
    other = real * np.sin(angle) + imaginary * np.cos(angle)
    h = np.concatenate([size * turned + b_real, size * other + b_imaginary], axis=-1)
    y = params.skip * x
    for k in range(2 * H):
        y = y + h[..., k : k + 1] * params.output_kernel[k]
    return h, y


@given(params=unit, carry=(2 * H,), x=(T, INPUTS))
@given(params=unit, carry=(*BATCH, 2 * H), x=(*BATCH, T, INPUTS), **runs)
def lru(params, carry, x, mask=None, reverse=False):
    step = lambda h, x: lru_cell(params, h, x)  # noqa: E731
    return _walk(step, carry, (x,), mask, reverse)


@mark(property=True, source="the ring, and moments", higher_order=True)
@given(inputs=static(40), units=static(4000), radius=static((0.5, 0.9)), key=a_key)
def lru_params(ours, inputs, units, radius, key):
    """The square of |λ| and the angle are uniform; γ makes the state's variance 1."""
    params = ours(inputs, units, radius=radius, max_phase=0.5, key=key)
    nu, theta, gamma, b, c, _ = (np.asarray(p, np.float64) for p in params)
    size, angle = np.exp(-np.exp(nu)), np.exp(theta)
    uniform = (size**2 - radius[0] ** 2) / (radius[1] ** 2 - radius[0] ** 2)
    seen = uniform.mean(), uniform.std(), angle.mean() / 0.5, angle.std() / 0.5
    near = [abs(s - t) < 0.02 for s, t in zip(seen, (0.5, 12**-0.5) * 2, strict=True)]
    scaled = np.abs(np.exp(2 * gamma) + size**2 - 1).max() < 1e-6
    spread = abs(b.var() * 2 * 40 - 1) < 0.02, abs(c.var() * 4000 - 1) < 0.02
    inside = (uniform >= -1e-6).all() and (uniform <= 1 + 1e-6).all()
    got = np.array([*near, scaled, *spread, inside])
    return got, np.ones_like(got)


D, N, R, K, M = 6, 3, 2, 4, 5  # features inside, states, rank, window, outside


def _selection(*batch: int) -> Draw:
    def make(rng):
        b, c = rng.standard_normal((2, *batch, T, N))
        return Selection(rng.uniform(0.1, 2.0, (*batch, T, D)), b, c)

    return tree(make)


decay = tree(lambda rng: -rng.uniform(0.1, 2.0, (D, N)))
few = {"a": decay, "selection": _selection(*BATCH), "carry": (*BATCH, D, N)}


@given(a=decay, selection=_selection(), carry=(D, N), x=(T, D), chunk=static(3))
@given(**few, x=(*BATCH, T, D), mask=booleans(*BATCH, T), chunk=static(2))
def selective_scan(a, selection, carry, x, mask=None, chunk=64):
    def step(h, delta, b, c, x):
        h = np.exp(delta[:, None] * a) * h + (delta * x)[:, None] * b
        return h, sum(h[:, k] * c[k] for k in range(N))

    return _walk(step, carry, (*selection, x), mask)


def _mamba_params(rng):
    shapes = (M, 2 * D), (K, 1, D), (D,), (D, R + 2 * N), (R, D), (D,), (D, N), (D,)
    return MambaParams(*(0.5 * rng.standard_normal(s) for s in (*shapes, (D, M))))


def _mamba_carry(*batch: int) -> Draw:
    def make(rng):
        window = rng.standard_normal((*batch, K - 1, D))
        return MambaCarry(window, rng.standard_normal((*batch, D, N)))

    return tree(make)


block = tree(_mamba_params)


@given(params=block, carry=_mamba_carry(), x=(M,))
@given(params=block, carry=_mamba_carry(*BATCH), x=(*BATCH, M))
def mamba_cell(params, carry, x):
    if x.ndim > 1:
        ones = [
            mamba_cell(params, jax.tree.map(lambda v, at=at: v[at], carry), x[at])
            for at in np.ndindex(*x.shape[:-1])
        ]
        stack = lambda *v: np.stack(v).reshape(*x.shape[:-1], *v[0].shape)  # noqa: E731
        return jax.tree.map(stack, *ones)
    w, filters, bias, select, grow, grow_bias, a_log, skip, out = params
    net = sum(x[i] * w[i] for i in range(M))
    u, z = net[:D], net[D:]
    window = np.stack([*carry.window, u])
    u = sum(window[k] * filters[k, 0] for k in range(K)) + bias
    u = u * _sigmoid(u)
    chosen = sum(u[i] * select[i] for i in range(D))
    delta = sum(chosen[i] * grow[i] for i in range(R)) + grow_bias
    delta = np.log1p(np.exp(delta))
    b, c = chosen[R : R + N], chosen[R + N :]
    h = np.exp(-delta[:, None] * np.exp(a_log)) * carry.h + (delta * u)[:, None] * b
    y = sum(h[:, k] * c[k] for k in range(N)) + skip * u
    y = y * z * _sigmoid(z)
    return MambaCarry._make([window[1:], h]), sum(y[i] * out[i] for i in range(D))


@mark(ulp=48)  # four products one after the other
@given(params=block, carry=_mamba_carry(), x=(T, M), chunk=static(3))
@given(
    params=block,
    carry=_mamba_carry(*BATCH),
    x=(*BATCH, T, M),
    mask=booleans(*BATCH, T),
)
def mamba(params, carry, x, mask=None, chunk=64):
    step = lambda state, x: mamba_cell(params, state, x)  # noqa: E731
    return _walk(step, carry, (x,), mask)
