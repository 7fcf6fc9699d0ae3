"""Attention as loops in NumPy: one query after the other."""

import numpy as np

from assay.verify.mirrors._given import booleans, given, integers, static


def _one(q, k, v, score, kept, sink=None):
    """(output, weights) of one query: its scores, and whether a key takes part."""
    at = [s for s in range(len(k)) if kept(s)]
    scores = [score(s, float(sum(q * k[s]))) for s in at]
    top = max([*scores, *([] if sink is None else [sink])], default=0.0)
    e = [np.exp(x - top) for x in scores]
    mass = sum(e) + (0.0 if sink is None else np.exp(sink - top))
    y, weights = np.zeros(v.shape[-1]), np.zeros(len(k))
    for s, x in zip(at, e, strict=True):
        y, weights[s] = y + x / mass * v[s], x / mass
    return y, weights


def _all(q, k, v, score, kept, sink=None):
    """The outputs and weights; `score` and `kept` see (batch, head, t, s)."""
    *lead, length, n, _ = q.shape
    shared = n // k.shape[-2]
    y = np.zeros((*lead, length, n, v.shape[-1]))
    weights = np.zeros((*lead, n, length, k.shape[-3]))
    for b in np.ndindex(*lead):
        for h, t in np.ndindex(n, length):
            g = h // shared
            y[(*b, t, h)], weights[(*b, h, t)] = _one(
                q[(*b, t, h)],
                k[b][:, g],
                v[b][:, g],
                lambda s, x, b=b, h=h, t=t: score(x, b, h, t, s),
                lambda s, b=b, h=h, t=t: kept(b, h, t, s),
                None if sink is None else sink[h],
            )
    return y, weights


heads = {"query": (2, 5, 6, 4), "key": (2, 3, 2, 4), "value": (2, 3, 2, 7)}


@given(
    **heads,
    bias=(6, 5, 3),
    mask=booleans(2, 1, 5, 3),
    query_seq_lengths=integers(2, low=1, high=6),
    key_value_seq_lengths=integers(2, low=1, high=4),
)
@given(**heads, is_causal=static(True), local_window_size=static((1, 2)))
@given(**heads, local_window_size=static(1), scale=static(0.3))
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    *,
    scale=None,
    is_causal=False,
    query_seq_lengths=None,
    key_value_seq_lengths=None,
    local_window_size=None,
):
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    lead, sizes = query.shape[:-3], (query.shape[-2], query.shape[-3], key.shape[-3])
    window = local_window_size
    left, right = window if isinstance(window, tuple) else (window, window)
    bias = None if bias is None else np.broadcast_to(bias, (*lead, *sizes))
    mask = None if mask is None else np.broadcast_to(mask, (*lead, *sizes))

    def kept(b, h, t, s):
        reads = (mask is None or mask[(*b, h, t, s)]) and (not is_causal or s <= t)
        if window is not None:
            reads = reads and t - left <= s <= t + right
        for lengths, at in ((query_seq_lengths, t), (key_value_seq_lengths, s)):
            reads = reads and (lengths is None or at < lengths[b])
        return reads

    def score(x, b, h, t, s):
        return x * scale + (0 if bias is None else bias[(*b, h, t, s)])

    return _all(query, key, value, score, kept)[0]
