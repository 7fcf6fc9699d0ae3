"""Draws: how often each token comes, against its probability."""

import jax
import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal

_DRAWS = 4000
_a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)
# The 1 - 1e-6 quantile of chi-square with 4 degrees of freedom is 33.4.
_UNLIKELY = 33.4


@mark(source="max", gradient=False)
@given(logits=(4, 3, 5))
@given(logits=Draw(lambda rng: rng.integers(0, 3, (9, 5)) / 2.0))
def greedy(logits):
    logits = np.asarray(logits)
    y = np.zeros(logits.shape[:-1], np.int32)
    for place in np.ndindex(y.shape):
        y[place] = logits[place].tolist().index(max(logits[place].tolist()))
    return y


def _softmax(x):
    e = np.exp(np.asarray(x, np.float64))
    return e / e.sum(-1, keepdims=True)


def _fits(tokens, chances):
    """Whether the tokens (draws, rows) are as frequent as they are probable."""
    counts = np.stack([(tokens == i).sum(0) for i in range(chances.shape[-1])], -1)
    expected = chances * len(tokens)
    return np.array(((counts - expected) ** 2 / expected).sum(-1) < _UNLIKELY)


@mark(property=True, source="chi-square of 4,000 draws")
@given(logits=normal(3, 5, scale=0.7), key=_a_key)
def categorical(ours, logits, key):
    keys = jax.random.split(key, _DRAWS)
    tokens = jax.jit(jax.vmap(lambda k: ours(logits, key=k)))(keys)
    good = _fits(np.asarray(tokens), _softmax(logits))
    return good, np.ones_like(good)


@mark(property=True, source="chi-square of 4,000 draws")
@given(
    logits=normal(3, 2, 5, scale=0.7),
    drafted=normal(3, 1, 5, scale=0.7),
    tokens=Draw(lambda rng: rng.integers(0, 5, (3, 1))),
    key=_a_key,
)
def speculative(ours, logits, drafted, tokens, key):
    """The first token, of drafts that are drawn; the second, where the first stood."""
    del tokens
    p, q = _softmax(logits), _softmax(drafted)
    rng = np.random.default_rng(0)
    drafts = np.stack([rng.choice(5, _DRAWS, p=row[0]) for row in q], -1)[..., None]

    def one(k, t):
        return ours(logits, drafted, t, key=k)

    keys = jax.random.split(key, _DRAWS)
    out, counts = jax.jit(jax.vmap(one))(keys, drafts.astype(np.int32))
    out, counts = np.asarray(out), np.asarray(counts)
    good = [_fits(out[..., 0], p[:, 0])]
    for i in range(3):
        second = out[counts[:, i] == 2][:, i : i + 1, 1]
        good.append(_fits(second, p[i : i + 1, 1]))
    # Σ min(p, q) of the drafts are accepted (Leviathan et al., 3.1), within 5 σ.
    rate = np.minimum(p[:, 0], q[:, 0]).sum(-1)
    sigma = np.sqrt(rate * (1 - rate) / _DRAWS)
    good.append(np.abs((counts == 2).mean(0) - rate) < 5 * sigma)
    good = np.concatenate(good)
    return good, np.ones_like(good)
