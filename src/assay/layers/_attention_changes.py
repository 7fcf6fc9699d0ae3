"""Masks, scores and dropout for `attention`: plain functions of places.

A mask is (b, head, t, s) -> bool, a score (x, b, head, t, s) -> x. Write your own where
none of these serves.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check, _numerics
from assay.typing import Array, Bool, Float, Int, Key, Scalar

Mask = Callable[..., Array]  # (b, head, t, s) -> does the key take part?
Score = Callable[..., Array]  # (x, b, head, t, s) -> x


def causal_mask(
    b: Array | int, head: Array | int, t: Array, s: Array
) -> Bool[Array, "..."]:
    """s ≤ t: no query sees what comes after it.

    >>> t, s = jnp.arange(2)[:, None], jnp.arange(2)[None]
    >>> causal_mask(0, 0, t, s).tolist()
    [[True, False], [True, True]]

    Vaswani et al. 2017, arXiv:1706.03762, 3.2.3.
    """
    del b, head
    return s <= t


def window_mask(left: int | Array, right: int | Array = 0) -> Mask:
    """t − left ≤ s ≤ t + right: a sliding window, one that looks back if not told.

    >>> t, s = jnp.arange(3)[:, None], jnp.arange(3)[None]
    >>> window_mask(1)(0, 0, t, s).tolist()
    [[True, False, False], [True, True, False], [False, True, True]]

    Child et al. 2019, arXiv:1904.10509; Beltagy et al. 2020, arXiv:2004.05150.
    """
    return lambda b, head, t, s: (t - left <= s) & (s <= t + right)


def prefix_mask(lengths: Int[Array, " b"]) -> Mask:
    """s ≤ t or s < length: the first places see one another, the rest is causal.

    >>> t, s = jnp.arange(3)[:, None], jnp.arange(3)[None]
    >>> prefix_mask(jnp.array([2]))(0, 0, t, s).tolist()
    [[True, True, False], [True, True, False], [True, True, True]]

    Raffel et al. 2020, arXiv:1910.10683, 3.2.1.
    """
    _check.integer("prefix_mask", lengths=lengths)
    lengths = jnp.asarray(lengths)
    return lambda b, head, t, s: (s <= t) | (s < lengths[b])


def document_mask(ids: Int[Array, "b t"]) -> Mask:
    """idsₜ = idsₛ: sequences packed into one row do not see one another.

    >>> t, s = jnp.arange(3)[:, None], jnp.arange(3)[None]
    >>> document_mask(jnp.array([[4, 4, 7]]))(0, 0, t, s).tolist()
    [[True, True, False], [True, True, False], [False, False, True]]

    Raffel et al. 2020, arXiv:1910.10683; packing: Krell et al. 2021, arXiv:2107.02027.
    """
    _check.integer("document_mask", ids=ids)
    _check.rank_at_least("document_mask", "ids", ids, 2, "(batch, time)")
    ids = jnp.asarray(ids)

    def mask(b, head, t, s):
        del head
        mine = ids[b]
        # Past the end, where a block is filled up, any document will do.
        return mine.at[t].get(mode="clip") == mine.at[s].get(mode="clip")

    return mask


def all_masks(*masks: Mask) -> Mask:
    """What every one of the masks lets take part.

    >>> t, s = jnp.arange(3)[:, None], jnp.arange(3)[None]
    >>> all_masks(causal_mask, window_mask(1, 1))(0, 0, t, s).tolist()
    [[True, False, False], [True, True, False], [False, True, True]]
    """
    return lambda *at: _joined("all_masks", jnp.logical_and, masks, at)


def any_mask(*masks: Mask) -> Mask:
    """What one of the masks at least lets take part.

    >>> first = lambda b, head, t, s: s == 0  # everybody sees the first place
    >>> t, s = jnp.arange(3)[:, None], jnp.arange(3)[None]
    >>> any_mask(first, window_mask(0))(0, 0, t, s).tolist()
    [[True, False, False], [True, True, False], [True, False, True]]
    """
    return lambda *at: _joined("any_mask", jnp.logical_or, masks, at)


def soft_cap_score(cap: Scalar) -> Score:
    """cap · tanh(x / cap): scores stay within ±cap.

    >>> soft_cap_score(50.0)(jnp.array([1e6]), 0, 0, 0, 0).tolist()
    [50.0]

    Gemma Team 2024, arXiv:2408.00118.
    """
    return lambda x, b, head, t, s: cap * jnp.tanh(x / cap)


def bias_score(slopes: Float[Array, " n"]) -> Score:
    """x − slope · |t − s|: a line down from the query's place, one slope a head.

    >>> bias_score(jnp.array([0.5]))(jnp.zeros((1, 1)), 0, 0, 4, 2).tolist()
    [[-1.0]]

    Press et al. 2021, arXiv:2108.12409; `alibi_slopes` gives the paper's slopes.
    """
    slopes = jnp.asarray(slopes)
    far = lambda t, s: jnp.asarray(abs(t - s), slopes.dtype)  # noqa: E731
    return lambda x, b, head, t, s: x - slopes[head] * far(t, s)


def dropout_weights(*, rate: Scalar, key: Key) -> Score:
    """w / (1 − rate) with probability 1 − rate, else 0: dropout of attention's shares.

    What is drawn depends on the key and on (b, head, t, s) alone, so nothing of the
    size t × s is kept for the reverse pass: it is drawn again.

    >>> drop = dropout_weights(rate=0.25, key=jax.random.key(0))
    >>> drop(jnp.ones((1, 4)), 0, 0, jnp.zeros((1, 1), int), jnp.arange(4)[None])
    Array([[0.       , 1.3333334, 1.3333334, 1.3333334]], dtype=float32)

    Srivastava et al. 2014, JMLR 15; on the shares: Vaswani et al. 2017, section 5.4.
    """
    _check.within("dropout_weights", "rate", rate, 0, 1)

    def weights(p, b, head, t, s):
        mine = jax.random.fold_in(jax.random.fold_in(key, b), head)
        words = jax.random.key_data(mine) if _typed(mine) else mine
        high, low = (jnp.broadcast_to(a, p.shape).astype(jnp.uint32) for a in (t, s))
        drawn = _numerics.threefry(words, high, low)[0] >> np.uint32(8)
        keep = drawn.astype(p.dtype) >= rate * 2.0**24
        return jnp.where(keep, p / jnp.maximum(1 - rate, 1e-30), 0)

    return weights


def _typed(key: Key) -> bool:
    return jnp.issubdtype(jnp.result_type(key), jax.dtypes.prng_key)


def _joined(who: str, join, masks: tuple, at: tuple) -> Array:
    if not masks:
        _check.fail(who, "there must be one mask at least", "none")
    seen = masks[0](*at)
    for mask in masks[1:]:
        seen = join(seen, mask(*at))
    return seen
