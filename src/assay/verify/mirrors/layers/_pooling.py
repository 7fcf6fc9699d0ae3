"""Pooling as loops over output places, in NumPy."""

import itertools

import numpy as np

from assay.verify.mirrors._given import Draw, booleans, given, mark, static
from assay.verify.mirrors.layers._conv import _pads, _per_axis, _slide


def _ceiled(x, window, strides, pads, dilation):
    """The padding that lets the last window of torch's ceil_mode in."""
    more = []
    spatial = x.shape[-len(window) - 1 : -1]
    axes = zip(spatial, window, strides, pads, dilation, strict=True)
    for n, k, s, (low, high), d in axes:
        reach = (k - 1) * d + 1
        starts = [t for t in range(0, n + low + high, s) if t < n + low]
        # A window more than those that fit, if one starts inside.
        fit = [t for t in starts if t + reach <= n + low + high]
        last = starts[min(len(fit), len(starts) - 1)]
        full = bool(fit) and fit[-1] + reach == n + low + high
        last = fit[-1] if full else last
        more.append((low, max(high, last + reach - n - low)))
    return more


def _stretched(mirror):
    """Uneven steps, dilation and padding, and a window more where some is left."""
    return given(
        x=(2, 11, 8, 3),
        window=static((3, 2)),
        strides=static((2, 3)),
        padding=static(1),
        dilation=static((2, 3)),
        ceil_mode=static(True),
    )(mirror)


def _windows(x, window, strides, padding, dilation=1, ceil_mode=False):
    """(strides, pads as given, pads with ceil_mode, dilation), one an axis each."""
    rank = len(window)
    strides = _per_axis(window if strides is None else strides, rank)
    dilation = _per_axis(dilation, rank)
    spatial = x.shape[-rank - 1 : -1]
    given_pads = _pads(padding, spatial, window, strides, dilation)
    pads = given_pads
    if ceil_mode:
        pads = _ceiled(x, window, strides, pads, dilation)
    return strides, given_pads, pads, dilation


def _pool(x, window, how, fill, reduce):
    strides, _, pads, dilation = how
    axes = tuple(range(-len(window) - 1, -1))
    y = None
    for out, place, seen in _slide(x, window, strides, pads, dilation, fill):
        if y is None:
            y = np.zeros((*x.shape[: -len(window) - 1], *out, x.shape[-1]))
        y[(..., *place, slice(None))] = reduce(seen, axes)
    return y


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(x=(2, 7, 8, 3), window=static((2, 3)))
@given(x=(2, 7, 8, 20), window=static((2, 3)))
@given(x=(7, 8, 3), window=static((3, 2)), strides=static(1), padding=static("SAME"))
@given(
    x=(2, 7, 8, 3),
    window=static((3, 3)),
    strides=static((2, 1)),
    padding=static(((1, 0), (2, 1))),
)
@_stretched
@given(x=(2, 4, 6, 5, 3), window=static((2, 3, 2)))
@given(x=(2, 11, 14, 3), window=static((9, 8)), strides=static((1, 2)))
def max_pool(x, window, strides=None, padding="VALID", dilation=1, ceil_mode=False):
    how = _windows(x, window, strides, padding, dilation, ceil_mode)
    return _pool(x, window, how, -np.inf, np.max)


@given(x=(2, 3, 9, 4), window=static((2,)))
@_stretched
def min_pool(x, window, strides=None, padding="VALID", dilation=1, ceil_mode=False):
    how = _windows(x, window, strides, padding, dilation, ceil_mode)
    return _pool(x, window, how, np.inf, np.min)


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(x=(2, 7, 8, 3), window=static((2, 3)))
@_stretched
def max_pool_with_indices(
    x, window, strides=None, padding="VALID", dilation=1, ceil_mode=False
):
    how = _windows(x, window, strides, padding, dilation, ceil_mode)
    rank = len(window)
    spatial = x.shape[-rank - 1 : -1]
    flat = np.arange(np.prod(spatial)).reshape(*spatial, 1)
    # The index of the largest: the smallest index among those that equal it.
    y = _pool(x, window, how, -np.inf, np.max)
    at = np.zeros(y.shape, np.int32)
    strides, _, pads, dilation = how
    seen_x = _slide(x, window, strides, pads, dilation, -np.inf)
    seen_at = _slide(flat, window, strides, pads, dilation, flat.size)
    axes = tuple(range(-rank - 1, -1))
    for (_, place, values), (_, _, places) in zip(seen_x, seen_at, strict=True):
        best = values == values.max(axes, keepdims=True)
        where = (..., *place, slice(None))
        at[where] = np.where(best, places, flat.size).min(axes)
    return y, at


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(x=(2, 7, 8, 3), window=static((2, 3)))
@given(x=(7, 8, 3), window=static((3, 2)), strides=static(1), padding=static("SAME"))
@given(
    x=(2, 7, 8, 3),
    window=static((3, 3)),
    strides=static((2, 1)),
    padding=static("SAME"),
    count_include_pad=static(False),
)
@given(
    x=(2, 7, 9, 3),
    window=static((3, 4)),
    strides=static((2, 3)),
    padding=static(1),
    ceil_mode=static(True),
)
@given(x=(2, 4, 6, 5, 3), window=static((2, 3, 2)))
@mark(rows=True)
def avg_pool(
    x, window, strides=None, padding="VALID", count_include_pad=True, ceil_mode=False
):
    how = _windows(x, window, strides, padding, 1, ceil_mode)
    if not count_include_pad:
        return _pool(x, window, how, np.nan, np.nanmean)
    # The padding as zeros; what ceil_mode adds is nothing.
    strides, given_pads, pads, dilation = how
    none = [(0, 0)]
    padded = np.pad(x, none * (x.ndim - len(window) - 1) + given_pads + none)
    extra = [(0, p[1] - g[1]) for g, p in zip(given_pads, pads, strict=True)]
    rest = strides, extra, extra, dilation
    return _pool(padded, window, rest, np.nan, np.nanmean)


@given(x=(2, 3, 9, 4), window=static((2,)))
@_stretched
@mark(rows=True)
def sum_pool(x, window, strides=None, padding="VALID", dilation=1, ceil_mode=False):
    how = _windows(x, window, strides, padding, dilation, ceil_mode)
    return _pool(x, window, how, 0.0, np.sum)


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(
    x=Draw(lambda r: r.uniform(0.1, 2, (2, 7, 8, 3))),
    window=static((2, 3)),
    p=static(1.5),
)
@given(
    x=(2, 7, 9, 3),
    window=static((3, 4)),
    strides=static((2, 3)),
    ceil_mode=static(True),
    p=static(4),
)
@mark(rows=True)
def lp_pool(x, window, p=2.0, strides=None, padding="VALID", ceil_mode=False):
    how = _windows(x, window, strides, padding, 1, ceil_mode)
    taps = np.prod(window)
    if ceil_mode:
        return (_pool(x**p, window, how, np.nan, np.nanmean) * taps) ** (1 / p)
    return _pool(x**p, window, how, 0.0, np.sum) ** (1 / p)


def _indices(*shape, size):
    """Different places of one image for each channel, as (*batch, *places, c)."""

    def make(rng):
        batch, places, c = shape[0], shape[1:-1], shape[-1]
        draws = [
            rng.permutation(size)[: np.prod(places)].reshape(places)
            for _ in range(batch * c)
        ]
        return np.moveaxis(np.reshape(draws, (batch, c, *places)), 1, -1)

    return Draw(make, differentiable=False)


@given(x=(2, 3, 4), indices=_indices(2, 3, 4, size=6), window=static((2,)))
@given(
    x=(2, 3, 4, 5),
    indices=_indices(2, 3, 4, 5, size=56),
    window=static((3, 2)),
    strides=static((2, 2)),
    padding=static(((0, 0), (0, 1))),
    output_size=static((7, 8)),
)
def max_unpool(x, indices, window, strides=None, padding="VALID", output_size=None):
    rank = len(window)
    strides = _per_axis(window if strides is None else strides, rank)
    batch, places = x.shape[: -rank - 1], x.shape[-rank - 1 : -1]
    if output_size is None:
        output_size = [
            (m - 1) * s + k for m, s, k in zip(places, strides, window, strict=True)
        ]
    y = np.zeros((*batch, *output_size, x.shape[-1]))
    for at in itertools.product(*map(range, x.shape)):
        place = np.unravel_index(indices[at], output_size)
        y[(*at[: len(batch)], *place, at[-1])] = x[at]
    return y


def _places(x, spatial):
    return tuple(range(x.ndim - spatial - 1, x.ndim - 1))


def _over_all(mirror):
    """Of images, sequences and volumes, and of what a mask leaves."""
    mirror = given(x=(2, 3, 5, 4), mask=booleans(2, 3, 5))(mirror)
    mirror = given(x=(3, 5, 2, 4), spatial=static(3))(mirror)
    mirror = given(x=(2, 3, 5, 4), spatial=static(1))(mirror)
    return given(x=(2, 3, 5, 4))(mirror)


@_over_all
def global_max_pool(x, spatial=2, mask=None):
    if mask is not None:
        x = np.where(mask[..., None], x, -np.inf)
    return x.max(_places(x, spatial))


@_over_all
@mark(rows=True)
def global_avg_pool(x, spatial=2, mask=None):
    if mask is not None:
        x = np.where(mask[..., None], x, np.nan)
    return np.nanmean(x, _places(x, spatial))


def _adaptive(x, output_size, spatial, reduce):
    sizes = x.shape[-spatial - 1 : -1]
    want = output_size if isinstance(output_size, tuple) else (output_size,) * spatial
    want = [n if m is None else m for n, m in zip(sizes, want, strict=True)]
    y = np.zeros((*x.shape[: -spatial - 1], *want, x.shape[-1]))
    for place in itertools.product(*map(range, want)):
        looks = [
            slice(int(np.floor(t * n / m)), int(np.ceil((t + 1) * n / m)))
            for t, n, m in zip(place, sizes, want, strict=True)
        ]
        seen = x[(..., *looks, slice(None))]
        y[(..., *place, slice(None))] = reduce(seen, _places(seen, spatial))
    return y


def _to_sizes(mirror):
    """Fewer places and more, one number for all axes, and axes that are kept."""
    for shape, size, spatial in [
        ((7, 5, 4, 3), (3, None, 3), 3),
        ((2, 5, 4, 3), (8, 6), 2),
        ((2, 7, 3), 4, 1),
        ((2, 8, 10, 3), (4, 2), 2),
        ((2, 8, 9, 3), (4, None), 2),
        ((2, 7, 9, 3), (3, 4), 2),
    ]:
        sizes = {"output_size": static(size), "spatial": static(spatial)}
        mirror = given(x=shape, **sizes)(mirror)
    return mirror


@_to_sizes
def adaptive_max_pool(x, output_size, spatial=2):
    return _adaptive(x, output_size, spatial, np.max)


@_to_sizes
@mark(rows=True)
def adaptive_avg_pool(x, output_size, spatial=2):
    return _adaptive(x, output_size, spatial, np.mean)
