"""Attention query by query and head by head, in NumPy."""

import numpy as np

from assay import layers
from assay.verify.mirrors._given import booleans, given, integers, mark, static, tree

T, S, N, K, H, D = 5, 4, 6, 2, 3, 7
HEADS = {"q": (2, T, N, H), "k": (2, S, K, H), "v": (2, S, K, D)}
LONG = {"q": (T, K, H), "k": (T, K, H), "v": (T, K, D)}
QKV = {"query": (2, T, N, H), "key": (2, S, K, H), "value": (2, S, K, D)}


def softmax_read(logits, v):
    """Σ eˣ v / Σ eˣ over the logits that are not −∞; 0 where all are."""
    taken = np.flatnonzero(logits > -np.inf)
    if taken.size == 0:
        return np.zeros(v.shape[-1])
    e = np.exp(logits[taken] - logits[taken].max())
    return sum(w * v[s] for w, s in zip(e / e.sum(), taken, strict=True))


@given(**QKV)
@given(**QKV, bias=(2, N, T, S), mask=booleans(2, 1, T, S), is_causal=static(True))
@given(**QKV, bias=(1, N, 1, S), local_window_size=static((2, 1)), scale=static(0.3))
@given(
    **QKV,
    mask=booleans(N, 1, S),
    query_seq_lengths=integers(2, high=T, low=1),
    key_value_seq_lengths=integers(2, high=S, low=1),
)
@given(query=(T, N, H), key=(S, N, H), value=(S, N, H))
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    query_seq_lengths=None,
    key_value_seq_lengths=None,
    local_window_size=None,
):
    *batch, t_size, n_size, h = query.shape
    s_size, k_size = key.shape[-3:-1]
    full = (*batch, n_size, t_size, s_size)
    scale = 1 / np.sqrt(h) if scale is None else scale
    bias = np.broadcast_to(0.0 if bias is None else bias, full)
    mask = np.broadcast_to(True if mask is None else mask, full)
    left, right = (np.inf, np.inf) if local_window_size is None else local_window_size
    y = np.zeros((*batch, t_size, n_size, value.shape[-1]))
    for *b, n, t in np.ndindex(*full[:-1]):
        b, group = tuple(b), n * k_size // n_size
        rows = t_size if query_seq_lengths is None else query_seq_lengths[b]
        columns = s_size if key_value_seq_lengths is None else key_value_seq_lengths[b]
        x = np.full(s_size, -np.inf)
        for s in range(s_size):
            near = t - left <= s <= t + right and (s <= t or not is_causal)
            if mask[(*b, n, t, s)] and near and t < rows and s < columns:
                product = query[(*b, t, n)] @ key[(*b, s, group)]
                x[s] = scale * product + bias[(*b, n, t, s)]
        values = value[(*b, slice(None), group)]
        y[(*b, t, n)] = softmax_read(x, values)
    return y


@given(query=(2, T, N, H), key=(2, S, K, H))
@given(query=(T, N, H), key=(S, K, H), bias=(N, T, 1), is_causal=static(True))
def attention_weights(query, key, bias=None, mask=None, scale=None, is_causal=False):
    """Attention to values of which one at a time is 1."""
    one = np.broadcast_to(
        np.eye(key.shape[-3])[:, None], (*key.shape[:-1], key.shape[-3])
    )
    y = dot_product_attention(query, key, one, bias, mask, scale, is_causal)
    return np.moveaxis(y, -3, -2)


shaw = tree(
    lambda rng: layers.ShawParams(
        rng.standard_normal((5, H)), rng.standard_normal((5, D))
    )
)


@given(**HEADS, params=shaw)
@given(**HEADS, params=shaw, mask=booleans(2, 1, T, S), is_causal=static(True))
def shaw_attention(q, k, v, params, mask=None, is_causal=False):
    """Keys and values moved by the vectors of their distances, one query at a time."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for *b, t, n in np.ndindex(*q.shape[:-1]):
        group, b = n * k.shape[-2] // q.shape[-2], tuple(b)
        rows = [min(max(s - t, -2), 2) + 2 for s in range(k.shape[-3])]
        keys, values = k[(*b, slice(None), group)], v[(*b, slice(None), group)]
        x = (keys + params.k_table[rows]) @ q[(*b, t, n)] / np.sqrt(q.shape[-1])
        seen = np.arange(len(x)) <= t if is_causal else np.ones(len(x), bool)
        if mask is not None:
            seen &= np.broadcast_to(mask, (*q.shape[:-3], n + 1, *mask.shape[-2:]))[
                (*b, n, t)
            ]
        x = np.where(seen, x, -np.inf)
        y[(*b, t, n)] = softmax_read(x, values + params.v_table[rows])
    return y


def _attended(q, k, v, mask, score, weights=None, sink=None):
    """One query after another; the functions are asked for one place at a time."""
    *batch, _, n_size, _ = q.shape
    s_size, k_size = k.shape[-3:-1]
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for count, b in enumerate(np.ndindex(*batch)):
        for t, n in np.ndindex(*q.shape[-3:-1]):
            group = n * k_size // n_size
            x = np.full(s_size, -np.inf)
            for s in range(s_size):
                at = (np.int32(count), np.int32(n), np.int32(t), np.int32(s))
                if mask is None or mask(*at):
                    x[s] = q[(*b, t, n)] @ k[(*b, s, group)] / np.sqrt(q.shape[-1])
                    x[s] = x[s] if score is None else score(x[s], *at)
            top = x.max(initial=-1e9)
            e = np.where(x > -np.inf, np.exp(x - top), 0)
            total = e.sum() + (0 if sink is None else np.exp(sink[n] - top))
            p = e / total if total else e
            if weights is not None:
                each = np.full(s_size, t), np.arange(s_size)
                p = weights(p, np.int32(count), np.int32(n), *each)
            y[(*b, t, n)] = sum(p[s] * v[(*b, s, group)] for s in range(s_size))
    return y


def _odd(b, head, t, s):
    """A mask of all four places; the first key always takes part."""
    return (s == 0) | ((b + head + t + s) % 2 == 1)


def _bent(x, b, head, t, s):
    """A score of all four places."""
    return x * x + 0.1 * (b - head) * (t - 2 * s)


def _halved(p, b, head, t, s):
    """Shares changed by place."""
    return p * (1 + (t + s) % 3)


@given(**HEADS)
@given(**HEADS, mask=static(_odd), score=static(_bent), weights=static(_halved))
@given(**LONG, mask=static(layers.causal_mask))
def attention(q, k, v, mask=None, score=None, weights=None):
    return _attended(q, k, v, mask, score, weights)


@given(**HEADS, sink=(N,))
@given(**HEADS, sink=(N,), mask=static(_odd), score=static(_bent))
def sink_attention(q, k, v, sink, mask=None, score=None):
    return _attended(q, k, v, mask, score, sink=sink)


additive = tree(
    lambda rng: layers.AdditiveAttentionParams(
        *(rng.standard_normal(s) for s in ((3, 5), (2, 5), (5,), (5,)))
    )
)


@given(params=additive, q=(2, 4, 3), k=(2, 6, 2), v=(2, 6, 7))
@given(params=additive, q=(4, 3), k=(6, 2), v=(6, 7), mask=booleans(4, 6))
def additive_attention(params, q, k, v, mask=None):
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for *b, t in np.ndindex(*q.shape[:-1]):
        x = np.full(k.shape[-2], -np.inf)
        for s in range(k.shape[-2]):
            if mask is None or mask[(*b, t, s)]:
                ours = q[(*b, t)] @ params.q_kernel + k[(*b, s)] @ params.k_kernel
                x[s] = params.scale @ np.tanh(ours + params.bias)
        y[(*b, t)] = softmax_read(x, v[tuple(b)])
    return y


@given(q=(2, 4, 3), k=(2, 6, 3), v=(2, 6, 5))
@given(q=(4, 3), k=(6, 2), v=(6, 5), kernel=(3, 2), mask=booleans(4, 6))
def luong_attention(q, k, v, kernel=None, mask=None):
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    kernel = np.eye(q.shape[-1]) if kernel is None else kernel
    for *b, t in np.ndindex(*q.shape[:-1]):
        x = np.array([q[(*b, t)] @ kernel @ row for row in k[tuple(b)]])
        x = x if mask is None else np.where(mask[(*b, t)], x, -np.inf)
        y[(*b, t)] = softmax_read(x, v[tuple(b)])
    return y


@given(x=(2, 5, 3), kernel=(3,))
@given(x=(5, 3), kernel=(3,), mask=booleans(5))
def attention_pool(x, kernel, mask=None):
    y = np.zeros((*x.shape[:-2], x.shape[-1]))
    for b in np.ndindex(*x.shape[:-2]):
        logits = np.array([row @ kernel for row in x[b]])
        logits = logits if mask is None else np.where(mask[b], logits, -np.inf)
        y[b] = softmax_read(logits, x[b])
    return y


@given(q=(2, 5, 2, 3), k=(2, 4, 2, 3), v=(2, 4, 2, 6))
@given(q=(5, 2, 3), k=(5, 2, 3), v=(5, 2, 4), is_causal=static(True))
@given(q=(2, 3, 4, 2), k=(2, 3, 4, 2), v=(2, 3, 4, 5), mask=booleans(2, 3))
def linear_attention(q, k, v, is_causal=False, mask=None):
    phi = lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))  # noqa: E731
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for *b, t, n in np.ndindex(*q.shape[:-1]):
        total, b = 0.0, tuple(b)
        for s in range(k.shape[-3]):
            if (s <= t or not is_causal) and (mask is None or mask[(*b, s)]):
                w = phi(q[(*b, t, n)]) @ phi(k[(*b, s, n)])
                total, y[(*b, t, n)] = total + w, y[(*b, t, n)] + w * v[(*b, s, n)]
        y[(*b, t, n)] /= total
    return y


places = {"b": static(1), "head": static(2)}
grid = {"t": integers(5, 1, high=7), "s": integers(1, 4, high=7)}


@given(**places, **grid)
def causal_mask(b, head, t, s):
    return np.array([[key <= query for key in s[0]] for query in t[:, 0]])


ROWS, COLUMNS = range(5), range(4)
QUERY, KEY = np.arange(5)[:, None], np.arange(4)[None]


def by_hand(**inputs):
    """A mirror that makes the function, asks it and writes down what it must say."""

    def add(mirror):
        facts = {"property": True, "higher_order": True, "source": "by hand", "ulp": 2}
        return mark(**facts)(given(**inputs)(mirror))

    return add


def _table(says):
    return np.array([[says(t, s) for s in COLUMNS] for t in ROWS])


def _pair(mask, says, b=0):
    return np.asarray(mask(b, 0, QUERY, KEY)), _table(says)


@by_hand(left=static(2), right=static(1))
def window_mask(ours, left, right):
    return _pair(ours(left, right), lambda t, s: -left <= s - t <= right)


@by_hand(lengths=static(np.array([1, 3], np.int32)))
def prefix_mask(ours, lengths):
    return _pair(ours(lengths), lambda t, s: s <= t or s in (0, 1, 2), b=1)


@by_hand(ids=static(np.array([[9] * 5, [4, 4, 7, 7, 4]], np.int32)))
def document_mask(ours, ids):
    return _pair(ours(ids), lambda t, s: (t in (2, 3)) == (s in (2, 3)), b=1)


@by_hand(masks=static((layers.causal_mask, layers.window_mask(1, 1))))
def all_masks(ours, masks):
    return _pair(ours(*masks), lambda t, s: t - 1 <= s <= t)


@by_hand(masks=static((layers.causal_mask, layers.window_mask(1, 1))))
def any_mask(ours, masks):
    return _pair(ours(*masks), lambda t, s: s <= t + 1)


@by_hand(cap=static(1.5))
def soft_cap_score(ours, cap):
    x = np.linspace(-9, 9, 7, dtype=np.float32)
    y = np.asarray(ours(cap)(x, 0, 0, 0, 0), np.float64)
    return y, cap * np.tanh(x.astype(np.float64) / cap)


@by_hand(slopes=static(np.array([0.5, 0.25], np.float32)))
def bias_score(ours, slopes):
    y = ours(slopes)(np.zeros((5, 4), np.float32), 0, 1, QUERY, KEY)
    return np.asarray(y), _table(lambda t, s: -0.25 * abs(t - s))


@by_hand(rate=static(0.25))
def dropout_weights(ours, rate):
    """Of 40,000 shares three quarters are kept, within five deviations, and scaled."""
    t, s = np.arange(200)[:, None], np.arange(200)[None]
    p = ours(rate=rate, key=np.array([0, 7], np.uint32))
    y = np.asarray(p(np.ones((200, 200), np.float32), 1, 2, t, s))
    off = abs((y > 0).mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / y.size)
    return (np.unique(y), np.array(off)), (np.array([0, 4 / 3]), np.array(True))
