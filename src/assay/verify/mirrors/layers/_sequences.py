"""Stacks, noise within a recurrence, films and lengths: loops over sequences."""

import jax
import jax.numpy as jnp
import numpy as np

from assay import layers
from assay.layers import ConvLSTMParams, GRUParams, LSTMCarry, LSTMParams, RNNParams
from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    static,
    tree,
)
from assay.verify.mirrors.layers._noise import a_key
from assay.verify.mirrors.layers._recurrent import (
    INPUTS,
    H,
    T,
    _params,
    _sigmoid,
    bidirectional,
    recurrent,
)


def _layers(kind, gates: int, sizes: tuple[int, ...]) -> Draw:
    """Weights of layers with these numbers of inputs, all with H units."""

    def one(rng, size):
        shapes = (size, gates * H), (H, gates * H), (gates * H,), (gates * H,)
        return kind(
            *(0.5 * rng.standard_normal(s) for s in shapes[: len(kind._fields)])
        )

    return tree(lambda rng: tuple(one(rng, size) for size in sizes))


def _carries(count: int, *batch: int) -> Draw:
    return tree(lambda rng: tuple(rng.standard_normal((count, *batch, H))))


def _stack(run, cell, params, carry, x, mask, after):
    lasts = []
    x = x if mask is None else np.where(mask[..., None], x, 0.0)
    for i in range(len(params)):
        last, y = run(cell, params[i], carry[i], x, mask)
        x = y if after is None else after(i, x, y)
        lasts.append(last)
    return tuple(lasts), x


def _residual(i, x, y):
    return x + y if i else 2 * y


many = {"params": _layers(GRUParams, 3, (INPUTS, H, H)), "x": (2, T, INPUTS)}


@given(
    cell=static(layers.rnn_cell),
    params=_layers(RNNParams, 1, (INPUTS, H)),
    carry=_carries(2),
    x=(T, INPUTS),
)
@given(
    **many,
    cell=static(layers.gru_cell),
    carry=_carries(3, 2),
    mask=booleans(2, T),
    after=static(_residual),
)
def recurrent_stack(cell, params, carry, x, mask=None, after=None):
    return _stack(recurrent, cell, params, carry, x, mask, after)


def _both(rng):
    one, two = (_layers(GRUParams, 3, (size, size)) for size in (INPUTS, 2 * H))
    return one.make(rng), two.make(rng)


def _pairs(rng):
    draw = lambda: tuple(rng.standard_normal((2, 2, H)))  # noqa: E731
    return draw(), draw()


@given(
    cell=static(layers.gru_cell),
    params=tree(_both),
    carry=tree(_pairs),
    x=(2, T, INPUTS),
    mask=booleans(2, T),
)
def bidirectional_stack(cell, params, carry, x, mask=None, after=None):
    return _stack(bidirectional, cell, params, carry, x, mask, after)


@mark(property=True, source="rows are dropped whole", ulp=1)
@given(params=_params(LSTMParams, 4), rate=static(0.4), key=a_key)
@given(params=_params(GRUParams, 3), rate=static(0.0), key=a_key)
def recurrent_dropout(ours, params, rate, key):
    new = ours(params, rate=rate, key=key)
    got = np.asarray(new.recurrent_kernel, np.float64)
    kept = (got != 0).any(-1, keepdims=True)
    factor = 65536 / (65536 - round(rate * 65536))
    true = params._replace(recurrent_kernel=kept * params.recurrent_kernel * factor)
    both = bool(rate) == (not kept.all())  # with this key some rows go, and some stay
    return (new, np.array(both and kept.any())), (true, np.array(True))


def noisy_cell(params, carry, x, *, key):
    """A cell that draws: the state after a step of `rnn_cell`, and noise."""
    h = layers.rnn_cell(params, carry, x)[0]
    # Of one dtype: float64 would draw other numbers.
    h = h + jax.random.normal(key, h.shape, np.float32).astype(h.dtype)
    return h, h


# Another batch has other draws; a wrong channel is the inner cell's to refuse.
@mark(batch=False, accepts=("a channel more",))
@given(
    cell=static(noisy_cell),
    params=_params(RNNParams, 1),
    carry=(2, H),
    x=(2, T, INPUTS),
    key=a_key,
    mask=booleans(2, T),
)
def recurrent_with_keys(cell, params, carry, x, key, mask):
    del cell
    w, u, b = params
    y = np.zeros((*x.shape[:-1], H))
    for t in range(x.shape[-2]):
        noise = jax.random.normal(jax.random.fold_in(key, t), (2, H), jnp.float32)
        h = np.tanh(x[:, t] @ w + carry @ u + b) + np.asarray(noise, np.float64)
        seen = mask[:, t, None]
        carry, y[:, t] = np.where(seen, h, carry), np.where(seen, h, 0.0)
    return carry, y


@given(x=(2, 3, T, 4), lengths=integers(2, 3, high=T + 1))
def last_step(x, lengths):
    y = np.zeros((2, 3, 4))
    for at in np.ndindex(2, 3):
        y[at] = x[at][lengths[at] - 1] if lengths[at] else 0.0
    return y


@given(x=(2, 3, T, 4), lengths=integers(2, 3, high=T + 1))
def reverse_sequences(x, lengths):
    y = x.copy()
    for at in np.ndindex(2, 3):
        y[at][: lengths[at]] = x[at][: lengths[at]][::-1]
    return y


def _same(x, kernel):
    """Σ over the window and channels, zeros around: x (*spatial, i)."""
    window, sizes = kernel.shape[:-2], x.shape[:-1]
    y = np.zeros((*sizes, kernel.shape[-1]))
    for at in np.ndindex(*sizes):
        for k in np.ndindex(*window):
            before = [(w - 1) // 2 for w in window]
            place = tuple(a + j - p for a, j, p in zip(at, k, before, strict=True))
            if all(0 <= p < n for p, n in zip(place, sizes, strict=True)):
                y[at] += sum(x[place][i] * kernel[k][i] for i in range(x.shape[-1]))
    return y


C, UNITS = 2, 3  # channels in, and of the state


def _film(*window: int) -> Draw:
    shapes = (*window, C, 4 * UNITS), (*window, UNITS, 4 * UNITS), (4 * UNITS,)
    return tree(lambda rng: ConvLSTMParams(*(rng.standard_normal(s) for s in shapes)))


def _images(*shape: int) -> Draw:
    return tree(lambda rng: LSTMCarry(*rng.standard_normal((2, *shape, UNITS))))


@given(params=_film(2, 3), carry=_images(5, 4), x=(5, 4, C))
@given(params=_film(3), carry=_images(2, 5), x=(2, 5, C))
@mark(ulp=32)
def conv_lstm_cell(params, carry, x):
    spatial = params.kernel.ndim - 2
    if x.ndim > spatial + 1:
        ones = [
            conv_lstm_cell(params, LSTMCarry(h, c), v)
            for h, c, v in zip(carry.h, carry.c, x, strict=True)
        ]
        return jax.tree.map(lambda *v: np.stack(v), *ones)
    net = _same(x, params.kernel) + _same(carry.h, params.recurrent_kernel)
    i, f, g, o = np.split(net + params.bias, 4, axis=-1)
    c = _sigmoid(f) * carry.c + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(c)
    return LSTMCarry._make([h, c]), h


@given(
    params=_film(3),
    carry=_images(2, 5),
    x=(2, T, 5, C),
    mask=booleans(2, T),
    reverse=static(True),
)
@given(params=_film(2, 3), carry=_images(5, 4), x=(3, 5, 4, C))
@mark(ulp=48)
def conv_lstm(params, carry, x, mask=None, reverse=False):
    axis = x.ndim - params.kernel.ndim
    ys = np.zeros((*x.shape[:-1], UNITS))
    order = range(x.shape[axis])
    for t in reversed(order) if reverse else order:
        now = (slice(None),) * axis + (t,)
        new, y = conv_lstm_cell(params, carry, x[now])
        if mask is not None:
            seen = mask[now].reshape(-1, *[1] * (y.ndim - 1))
            new = jax.tree.map(lambda n, c, s=seen: np.where(s, n, c), new, carry)
            y = np.where(seen, y, 0.0)
        carry, ys[now] = new, y
    return carry, ys
