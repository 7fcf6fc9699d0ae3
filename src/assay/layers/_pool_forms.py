"""The ways to pool a maximum or a sum, with one signature, and which one runs where.

A form of a maximum has ``value(w, x) -> y`` and ``pull(w, x, y, g) -> dx`` with x
(n, *spatial, c) and `w` the window; one of a mean has what the windows count after the
window, and no y. XLA's own `reduce_window` is the definition, and runs on GPU and TPU
with its own gradients. On CPU its gradient of a maximum takes 5 (windows that overlap)
to 15 times as long as ours, and that of a dilated one does not exist: the table of
`_choices` says which runs where, value and cotangent apart.
"""

from collections.abc import Callable
from functools import cache, partial, reduce
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _geometry
from assay._numerics import unfused
from assay.autodiff import with_backward
from assay.layers import _choices

Counts = int | tuple[tuple[int, ...], ...]  # one number, or the factors of each axis

MAXIMA, MEANS = "max_pool", "avg_pool"
MANY = 64  # taps from which a maximum is taken along one axis after the other


class Form(NamedTuple):
    """One way to pool."""

    value: Callable
    pull: Callable


@cache  # one function a window, so that eager calls compile once
def largest(w: _geometry.Window) -> Callable:
    """x (n, *spatial, c) -> the largest of every window, the first of equals."""
    if w.taps() > MANY and sum(k > 1 for k in w.size) > 1:
        lines = [largest(along(w, a)) for a in reversed(range(len(w.size)))]
        return lambda x: reduce(lambda y, line: line(y), lines, x)

    def forward(x):
        forms, default = _chosen(MAXIMA, w, x, "forward")
        values = {p: partial(form.value, w) for p, form in forms.items()}
        y = _choices.run(values, partial(default.value, w), x)
        return y, y

    def backward(args, y, g):
        forms, default = _chosen(MAXIMA, w, args[0], "backward")
        pulls = {p: partial(form.pull, w) for p, form in forms.items()}
        return (_choices.run(pulls, partial(default.pull, w), *args, y, g),)

    return with_backward(partial(_select, w), forward, backward)


@cache
def means(w: _geometry.Window, counts: Counts = 1) -> Callable:
    """x (n, *spatial, c) -> the sum of every window, over how many it counts."""

    def forward(x):
        forms, default = _chosen(MEANS, w, x, "forward")
        values = {p: partial(form.value, w, counts) for p, form in forms.items()}
        return _choices.run(values, partial(default.value, w, counts), x), ()

    def backward(args, _, g):
        forms, default = _chosen(MEANS, w, args[0], "backward")
        pulls = {p: partial(form.pull, w, counts) for p, form in forms.items()}
        return (_choices.run(pulls, partial(default.pull, w, counts), *args, g),)

    return with_backward(partial(_lax_mean, w, counts), forward, backward)


def _chosen(family: str, w: _geometry.Window, x, direction: str) -> tuple[dict, Form]:
    """(the form of each platform that has a better one than XLA's own, that one)."""
    forms, default = FORMS[family], FORMS[family]["lax"]
    if any(d > 1 for d in w.dilation):
        default = forms["read"] if family == MAXIMA else default
    if w.taps() > MANY or 0 in x.shape:  # of a maximum: along one axis
        return {}, default
    named = _choices.chosen(family, x.dtype, shape_class(w, x.shape), direction)
    return {p: forms[name] for p, name in named.items()}, default


def shape_class(w: _geometry.Window, x_shape: tuple[int, ...]) -> str:
    """What decides which form is fastest, every size by its power of four."""
    kind = "strided" if any(s > 1 for s in w.strides) else "still"
    size = f"{_choices.bucket(w.taps())} taps {'that tile' if w.tiles() else kind}"
    return f"{len(w.size)}d pool, {size}, {_choices.bucket(x_shape[-1])} channels"


# --- XLA's own: the definitions ---


def _everywhere(w: _geometry.Window) -> tuple:
    """The window of `lax.reduce_window`: all axes, batch and channels too."""
    pads = ((0, 0), *w.pads, (0, 0))
    return (1, *w.size, 1), (1, *w.strides, 1), pads, None, (1, *w.dilation, 1)


def lowest(dtype: Any) -> np.ndarray:
    """What no number is smaller than."""
    if jnp.issubdtype(dtype, jnp.floating):
        return np.array(-np.inf, dtype)
    return np.array(jnp.iinfo(dtype).min, dtype)


def _lax_max(w: _geometry.Window, x):
    return lax.reduce_window(x, lowest(x.dtype), lax.max, *_everywhere(w))


def _lax_max_pull(w: _geometry.Window, x, y, g):
    del y
    return jax.vjp(partial(_lax_max, w), x)[1](g)[0]


def _lax_mean(w: _geometry.Window, counts: Counts, x):
    zero = np.zeros((), x.dtype)
    return _over(counts, lax.reduce_window(x, zero, lax.add, *_everywhere(w)))


def _lax_mean_pull(w: _geometry.Window, counts: Counts, x, g):
    return jax.vjp(partial(_lax_mean, w, counts), x)[1](g)[0]


def _over(counts: Counts, y):
    """The sums (n, *out, c) divided by what the windows count."""
    if counts == 1:
        return y
    if isinstance(counts, int):
        return y / jnp.full_like(y, counts)
    # In NumPy: XLA would fold an image of counts for tens of seconds, and compiles one
    # that is finished sooner than the product of two vectors.
    each = reduce(np.multiply.outer, map(np.array, counts))[..., None]
    return y / jnp.broadcast_to(jnp.asarray(each, y.dtype), y.shape)


LAX_MAX, LAX_MEAN = Form(_lax_max, _lax_max_pull), Form(_lax_mean, _lax_mean_pull)

# --- every tap a slice ---


def along(w: _geometry.Window, axis: int) -> _geometry.Window:
    """The window along one of its axes alone."""

    def lone(values, nothing):
        return tuple(v if a == axis else nothing for a, v in enumerate(values))

    pads = lone(w.pads, (0, 0))
    return _geometry.Window(
        lone(w.size, 1), lone(w.strides, 1), pads, lone(w.dilation, 1)
    )


def taps(w: _geometry.Window, x, fill) -> list:
    """What each position of the window reads, in row-major order."""
    config = [(0, 0, 0), *((*pad, 0) for pad in w.pads), (0, 0, 0)]
    x = lax.pad(x, jnp.asarray(fill, x.dtype), config)
    out = [
        (n - r) // s + 1
        for n, r, s in zip(
            x.shape[1:-1], _geometry.extent(w.size, w.dilation), w.strides, strict=True
        )
    ]
    parts = []
    for at in product(*map(range, w.size)):
        low = [i * d for i, d in zip(at, w.dilation, strict=True)]
        ends = zip(low, out, w.strides, strict=True)
        high = [i + (m - 1) * s + 1 for i, m, s in ends]
        bounds = (0, *low, 0), (x.shape[0], *high, x.shape[-1])
        parts.append(lax.slice(x, *bounds, (1, *w.strides, 1)))
    return parts


def _select(w: _geometry.Window, x):
    """The largest of every window as its definition reads."""
    best, *others = taps(w, x, lowest(x.dtype))
    for tap in others:
        best = jnp.where((tap > best) | jnp.isnan(tap), tap, best)
    return best


def _taps_max(w: _geometry.Window, x):
    return reduce(lax.max, taps(w, x, lowest(x.dtype)))


def _taps_mean(w: _geometry.Window, counts: Counts, x):
    return _over(counts, reduce(lax.add, taps(w, x, 0)))


def _winners(w: _geometry.Window, x, y):
    """The first tap of every window that holds its maximum: one byte does mostly."""
    places = list(enumerate(taps(w, x, lowest(x.dtype))))
    dtype = jnp.uint8 if len(places) < 255 else jnp.int32
    first = jnp.full(y.shape, places.pop()[0], dtype)
    for i, tap in reversed(places):
        hit = jnp.logical_not(tap < y)  # equal, or not a number
        first = lax.select(hit, jnp.full_like(first, i), first)
    return first


def _max_pull(w: _geometry.Window, x, y, g):
    # Apart: in one loop the winners would be found anew for each place that asks.
    first = unfused(_made(_winners, w), x, y)
    return unfused(_made(_read, w, x.shape), g, first)


def _mean_pull(w: _geometry.Window, counts: Counts, x, g):
    return unfused(_made(_read_mean, w, counts, x.shape), g)


def _read_mean(w: _geometry.Window, counts: Counts, shape, g):
    return _read(w, shape, _over(counts, g))


@cache
def _made(f: Callable, *how: Any) -> Callable:
    """f(*how, ...), once: `unfused` knows a function by its identity."""
    return partial(f, *how)


def _read(w: _geometry.Window, shape, g, first=None):
    """What the windows that read a place of x give it, in one loop over the places.

    Place s·q + r of an axis is tap i of window q − a where i·d = s·a + r + low: one tap
    at most for each shift a. So every axis is cut into (q, r), and for each shift a
    window whose `first` maximum is that tap gives its g; without `first` all do.
    """
    axes = [_shifts(*axis) for axis in zip(*w, strict=True)]
    blocks = [-(-n // s) for n, s in zip(shape[1:-1], w.strides, strict=True)]
    g = _around(axes, blocks, g, 0)
    first = None if first is None else _around(axes, blocks, first, w.taps())
    terms = []
    for shifts in product(*axes):
        tap = _tap_numbers(w, [t[a] for t, a in zip(axes, shifts, strict=True)])
        after = [max(t) - a for t, a in zip(axes, shifts, strict=True)]
        cut = partial(_cut, blocks, w.strides, after)
        given = cut(g)
        if first is not None or (tap < 0).any():
            over = partial(_over_phases, given.shape)
            wins = over(tap >= 0)
            if first is not None:  # -1, no tap, is no window's first whatever the dtype
                wins = cut(first) == over(tap.astype(first.dtype))
            given = lax.select(wins, given, jnp.zeros_like(given))
        terms.append(given)
    whole = [q * s for q, s in zip(blocks, w.strides, strict=True)]
    dx = reduce(lax.add, terms).reshape(shape[0], *whole, shape[-1])
    return lax.slice(dx, (0,) * len(shape), shape)


def _shifts(k: int, s: int, pad: tuple[int, int], d: int) -> dict[int, np.ndarray]:
    """shift a -> the tap that reads each phase r, −1 where none does."""
    taps = {}
    for r, i in product(range(s), range(k)):
        a, rest = divmod(i * d - pad[0] - r, s)
        if not rest:
            taps.setdefault(a, np.full(s, -1))[r] = i
    return taps


def _tap_numbers(w: _geometry.Window, axes: list[np.ndarray]) -> np.ndarray:
    """(*phases) of the taps' row-major numbers."""
    number, there = np.zeros((), int), np.ones((), bool)
    for k, tap in zip(w.size, axes, strict=True):
        number = np.add.outer(number * k, tap)
        there = np.logical_and.outer(there, tap >= 0)
    return np.where(there, number, -1)


def _around(axes, blocks, z, fill):
    """The windows, and those that are not there: shift a begins at max(a) − a."""
    config = [(0, 0, 0)]
    for shifts, q, m in zip(axes, blocks, z.shape[1:-1], strict=True):
        config.append((max(shifts), q - min(shifts) - m, 0))
    return lax.pad(z, jnp.asarray(fill, z.dtype), [*config, (0, 0, 0)])


def _cut(blocks, phases, after, z):
    """(n, q, r, …, c): what each block has from the windows, for all its phases."""
    n, c, rank = z.shape[0], z.shape[-1], len(blocks)
    ends = [a + q for a, q in zip(after, blocks, strict=True)]
    z = lax.slice(z, (0, *after, 0), (n, *ends, c))
    pairs = zip(blocks, phases, strict=True)
    shape = n, *(size for pair in pairs for size in pair), c
    return lax.broadcast_in_dim(z, shape, (0, *range(1, 2 * rank, 2), 2 * rank + 1))


def _over_phases(shape, tap: np.ndarray):
    axes = range(2, 2 * tap.ndim + 1, 2)
    return lax.broadcast_in_dim(jnp.asarray(tap), shape, tuple(axes))


def _batch_last(form: Form) -> Form:
    """The batch is the axis that vectorizes: for few channels."""

    def value(w, x):
        return jnp.swapaxes(form.value(w, jnp.swapaxes(x, 0, -1)), 0, -1)

    def pull(w, *arrays):
        turned = (jnp.swapaxes(a, 0, -1) for a in arrays)
        return jnp.swapaxes(form.pull(w, *turned), 0, -1)

    return Form(value, pull)


def _unfused(f: Callable) -> Callable:
    """The value, out of reach of its readers: each would compute it anew."""
    return lambda *how_and_x: unfused(_made(f, *how_and_x[:-1]), how_and_x[-1])


READ_MAX = Form(_lax_max, _max_pull)
TAPS_MAX = Form(_unfused(_taps_max), _max_pull)
TAPS_MEAN = Form(_unfused(_taps_mean), _mean_pull)

FORMS = {
    MAXIMA: {
        "lax": LAX_MAX,
        "read": READ_MAX,
        "taps": TAPS_MAX,
        "read, batch last": _batch_last(READ_MAX),
        "taps, batch last": _batch_last(TAPS_MAX),
    },
    MEANS: {"lax": LAX_MEAN, "taps": TAPS_MEAN},
}
