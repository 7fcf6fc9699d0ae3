"""Dropout has no second source of its draws: what must hold of them instead."""

import jax
import numpy as np

from assay.layers import LSTMCarry
from assay.verify.mirrors._given import Draw, given, mark, static, tree

a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


def _dropped_or_scaled(y, x, rate, together=()):
    """Every entry is dropped or scaled, with all of its `together` axes; as many are
    dropped as the rate says (5 σ)."""
    y, x = np.asarray(y, np.float64), np.asarray(x, np.float64)
    dropped = (y == 0).all(together, keepdims=True)
    off = abs(dropped.mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / dropped.size)
    scaled = np.where(dropped, 0, x / max(1 - rate, 1e-9))
    return (y, np.array(off)), (scaled, np.array(True))


@mark(property=True, source="y = 0 or x/(1 - rate)", ulp=1)
@given(x=(40, 50), rate=static(0.25), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
@given(x=(5, 4, 301), rate=static(0.75), key=a_key, broadcast=static(-2))
@given(x=(5, 4, 301), rate=static(0.25), key=a_key, broadcast=static((0, -2)))
def dropout(ours, x, rate, key, broadcast=()):
    y = ours(x, rate=rate, key=key, broadcast=broadcast)
    return _dropped_or_scaled(y, x, rate, broadcast)


@mark(property=True, source="every channel is 0 or x/(1 - rate)", ulp=1)
@given(x=(9, 3, 5, 50), rate=static(0.25), key=a_key)
@given(x=(9, 5, 51), rate=static(0.5), key=a_key, spatial=static(1))
@given(x=(2, 3, 4, 5, 49), rate=static(0.75), key=a_key, spatial=static(3))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def spatial_dropout(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _dropped_or_scaled(y, x, rate, tuple(range(-1 - spatial, -1)))


@mark(property=True, source="every weight is 0 or w/(1 - rate)", ulp=1)
@given(kernel=(30, 41), rate=static(0.25), key=a_key)
@given(kernel=(3, 5), rate=static(0.0), key=a_key)
def drop_connect(ours, kernel, rate, key):
    return _dropped_or_scaled(ours(kernel, rate=rate, key=key), kernel, rate)


@mark(property=True, source="every example is 0 or x/(1 - rate)", ulp=1)
@given(x=(301, 3, 1, 2), rate=static(0.25), key=a_key)
@given(x=(20, 15, 4), rate=static(0.5), key=a_key, spatial=static(0))
@given(x=(301, 2, 3), rate=static(0.75), key=a_key, spatial=static(1))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def drop_path(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _dropped_or_scaled(y, x, rate, tuple(range(-1 - spatial, 0)))


def _alpha(y, x, rate, together=()):
    """a z + b with z = x or −λα, and as many dropped as the rate says (5 σ)."""
    y, x = np.asarray(y, np.float64), np.asarray(x, np.longdouble)
    low, q = -1.7580993408473766, 1 - rate
    a = (q + low**2 * q * rate) ** -0.5 if q else 0.0
    b = -a * rate * low
    dropped = (np.abs(y - (a * low + b)) < 1e-5).all(together, keepdims=True)
    off = abs(dropped.mean() - rate) <= 5 * np.sqrt(rate * q / dropped.size)
    true = a * np.where(dropped, low, x) + b
    return (y, np.array(off)), (true, np.array(True))


@mark(property=True, source="a z + b, z = x or -λα", ulp=3, rows=True)
@given(x=(40, 51), rate=static(0.25), key=a_key)
@given(x=(41, 50), rate=static(0.75), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
def alpha_dropout(ours, x, rate, key):
    return _alpha(ours(x, rate=rate, key=key), x, rate)


@mark(property=True, source="a z + b, z = x or -λα, by channels", ulp=3, rows=True)
@given(x=(9, 3, 5, 50), rate=static(0.25), key=a_key)
@given(x=(9, 5, 51), rate=static(0.5), key=a_key, spatial=static(1))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def feature_alpha_dropout(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _alpha(y, x, rate, tuple(range(-1 - spatial, -1)))


def _blocks(hole, size):
    """What squares of `size` that lie in the holes cover; beyond the border is hole."""
    padded = np.pad(hole, size - 1, constant_values=True)
    covered = np.zeros(padded.shape, bool)
    for at in np.ndindex(*(n - size + 1 for n in padded.shape)):
        block = tuple(slice(i, i + size) for i in at)
        covered[block] |= padded[block].all()
    return covered[tuple(slice(size - 1, n - size + 1) for n in padded.shape)]


@mark(property=True, source="holes are made of blocks, 0 or x/(1 - rate)", ulp=1)
@given(x=(3, 9, 10, 5), rate=static(0.25), key=a_key, block_size=static(3))
@given(x=(40, 5, 6, 3), rate=static(0.5), key=a_key)
@given(
    x=(40, 9, 3), rate=static(0.5), block_size=static(2), key=a_key, spatial=static(1)
)
@given(x=(7, 6, 5), rate=static(0.0), key=a_key)
@given(x=(7, 6, 5), rate=static(1.0), key=a_key)
def drop_block(ours, x, rate, key, block_size=7, spatial=2):
    y = ours(x, rate=rate, key=key, block_size=block_size, spatial=spatial)
    y, x = np.asarray(y, np.float64), np.asarray(x, np.float64)
    hole = np.moveaxis(y == 0, -1, 0).reshape(-1, *y.shape[-1 - spatial : -1])
    made = all((_blocks(image, block_size) == image).all() for image in hole)
    # Entries of one block fall together: at most that many fewer are independent.
    independent = y.size / min(block_size**spatial, hole[0].size)
    near = abs(hole.mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / independent)
    true = np.where(y == 0, 0, x / max(1 - rate, 1e-9))
    return (y, np.array([made, near])), (true, np.array([True, True]))


@mark(property=True, source="tokens in order, each with equal chance", ulp=0)
@given(x=(400, 7, 2), rate=static(0.5), key=a_key)
@given(x=(400, 9, 2), rate=static(0.7), key=a_key, prefix=static(2))
@given(x=(3, 4, 2), rate=static(0.0), key=a_key)
@given(x=(3, 4, 2), rate=static(1.0), key=a_key)
def patch_dropout(ours, x, rate, key, prefix=0):
    y, x = (np.asarray(v) for v in (ours(x, rate=rate, key=key, prefix=prefix), x))
    free = x.shape[1] - prefix
    kept = max(1, int(free * (1 - rate) + 0.5))
    true, seen = np.zeros((len(x), prefix + kept, 2)), np.zeros(x.shape[1])
    for got, row, out in zip(y, x, true, strict=True):
        names = [i for i, token in enumerate(row) if (got == token).all(-1).any()]
        seen[names] += 1
        out[:] = row[names[: len(out)]]
    share, error = kept / free, np.sqrt(kept / free * (1 - kept / free) / len(x))
    fair = (np.abs(seen[prefix:] / len(x) - share) <= 5 * error + 1e-9).all()
    always = (seen[:prefix] == len(x)).all()
    return (y, np.array([fair, always])), (true, np.array([True, True]))


def _carries(rng):
    return LSTMCarry(rng.standard_normal((30, 41)), rng.standard_normal((30, 40)))


@mark(property=True, source="previous or carry, as many as the rate says", ulp=0)
@given(previous=(30, 41), carry=(30, 41), rate=static(0.25), key=a_key)
@given(previous=tree(_carries), carry=tree(_carries), rate=static(0.5), key=a_key)
@given(previous=(3, 4), carry=(3, 4), rate=static(0.0), key=a_key)
@given(previous=(3, 4), carry=(3, 4), rate=static(1.0), key=a_key)
def zoneout(ours, previous, carry, rate, key):
    got = ours(previous, carry, rate=rate, key=key)
    pairs = zip(*map(jax.tree.leaves, (got, previous, carry)), strict=True)
    true, near = [], []
    for y, a, b in pairs:
        y, a, b = map(np.asarray, (y, a, b))
        error = np.sqrt(rate * (1 - rate) / y.size)
        near.append(abs((y == a).mean() - rate) <= 5 * error)
        true.append(np.where(y == a, a, b))
    return (jax.tree.leaves(got), np.array(near)), (true, np.ones(len(near), bool))


@mark(source="formula in NumPy", ulp=2)
@given(previous=(2, 3), carry=(2, 3), rate=static(0.25))
@given(previous=tree(_carries), carry=tree(_carries), rate=static(0.05))
@given(previous=(2, 3), carry=(2, 3), rate=static(1.0))
def zoneout_inference(previous, carry, rate):
    mean = lambda a, b: rate * np.asarray(a) + (1 - rate) * np.asarray(b)  # noqa: E731
    return jax.tree.map(mean, previous, carry)
