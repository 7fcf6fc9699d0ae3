"""Configurations of convolution and pooling, each ours and torch's.

They are drawn from fixed seeds: sizes that all differ, so that no two axes can be
taken for each other, and options one by one. torch's side takes and gives channels
last as well, so that its own derivatives come out in our layout.
"""

from collections.abc import Callable, Iterator
from itertools import count, product
from typing import Any, NamedTuple

import numpy as np

from assay import layers


class Case(NamedTuple):
    """One map, twice: `ours(*arrays)`, and `theirs(torch, *tensors)`."""

    kind: str
    name: str
    ours: Callable
    theirs: Callable
    arrays: list[np.ndarray]


def different(rng, count: int, low: int, high: int) -> tuple[int, ...]:
    """So many different numbers in [low, high]."""
    return tuple(int(n) for n in rng.permutation(np.arange(low, high + 1))[:count])


def some(rng, count: int, high: int) -> tuple[int, ...]:
    """So many numbers in [1, high]."""
    return tuple(int(n) for n in rng.integers(1, high + 1, count))


def pairs(rng, limits) -> tuple[tuple[int, int], ...]:
    """Uneven paddings, each up to its limit."""
    drawn = [rng.integers(0, limit + 1, 2) for limit in limits]
    return tuple((int(low), int(high)) for low, high in drawn)


def channels(rng, groups: int, taken) -> tuple[int, int]:
    """(inputs, outputs) of so many groups, unlike each other and what is taken."""
    free = [c for c in groups * np.arange(1, 9) if c not in taken]
    c, o = rng.permutation(free[:3])[:2]
    return int(c), int(o)


def normal(rng, *shapes) -> list[np.ndarray]:
    return [rng.standard_normal(shape) for shape in shapes]


def words(**options: Any) -> str:
    """The options, for the name of a test."""
    return " ".join(f"{k}={v}".replace(" ", "") for k, v in options.items())


# torch's side, channels first inside.


def first(x):
    return x.movedim(-1, 1)


def last(y):
    return y.movedim(1, -1)


def padded(torch, x, around, mode="constant", value=0.0):
    """Channels first, each spatial axis with (low, high) more; (0, 0) is cut off."""
    flat = [n for pair in reversed(around) for n in pair]
    more = {"value": value} if mode == "constant" else {}
    return torch.nn.functional.pad(x, flat, mode, **more)


def cropped(x, around):
    """Channels first, without (low, high) places of each spatial axis."""
    sizes = zip(x.shape[2:], around, strict=True)
    return x[(slice(None), slice(None), *(slice(lo, n - hi) for n, (lo, hi) in sizes))]


def named(padding, sizes, reach, strides):
    """The pairs that a padding means, by TensorFlow's rule."""
    if isinstance(padding, int):
        return ((padding, padding),) * len(sizes)
    if not isinstance(padding, str):
        return padding
    found = []
    for n, r, s in zip(sizes, reach, strides, strict=True):
        missing = max(-(-n // s) * s - s + r - n, 0)
        same = (missing // 2, missing - missing // 2)
        found.append({"SAME": same, "VALID": (0, 0), "CAUSAL": (r - 1, 0)}[padding])
    return tuple(found)


def reaches(window, dilation):
    return [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]


# Convolution.


def convolved(torch, x, kernel, bias, how, groups):
    """F.conv1d, 2d or 3d of an x that is padded before."""
    rank = kernel.ndim - 2
    f = getattr(torch.nn.functional, f"conv{rank}d")
    weight = kernel.movedim((-1, -2), (0, 1)).contiguous()
    around = named(
        how["padding"],
        x.shape[1:-1],
        reaches(kernel.shape[:-2], how["dilation"]),
        how["strides"],
    )
    x = padded(torch, first(x), around, how.get("mode", "constant"))
    return last(f(x, weight, bias, how["strides"], 0, how["dilation"], groups))


PADDINGS = ("SAME", "VALID", "CAUSAL", 1, "pairs")


def convolutions() -> Iterator[Case]:
    """Dense, grouped and depthwise, over all paddings, in all ranks."""
    seed = count(1000)
    kinds = {"conv": (1,), "grouped_conv": (2, 3), "depthwise_conv": (2, 3)}
    for rank, padding, name in product((1, 2, 3), PADDINGS, kinds):
        rng = np.random.default_rng(next(seed))
        window = different(rng, rank, 1, 4 if rank < 3 else 3)
        how = {
            "strides": some(rng, rank, 3),
            "padding": pairs(rng, window) if padding == "pairs" else padding,
            "dilation": some(rng, rank, 2),
        }
        groups = int(rng.choice(kinds[name]))
        yield _convolution(rng, name, window, how, groups)


def _convolution(rng, name, window, how, groups) -> Case:
    space = different(rng, len(window), 7, 10)
    batch = 5
    c, o = channels(rng, groups, (batch, *space))
    if name == "depthwise_conv":
        groups, o = c, c * int(rng.integers(1, 3))
    arrays = normal(rng, (batch, *space, c), (*window, c // groups, o), (o,))

    def ours(*arrays):
        return getattr(layers, name)(*arrays, **how)

    def theirs(torch, *arrays):
        return convolved(torch, *arrays, how, groups)

    about = words(k=window, groups=groups, **how)
    return Case("convolution", f"{name} {about}", ours, theirs, arrays)


PLAIN = {"strides": (1, 1), "dilation": (1, 1), "padding": "VALID"}


def composed_convolutions() -> Iterator[Case]:
    """Those of two factors, of one place, and by way of the frequencies."""
    rng = np.random.default_rng(1500)
    for strides, padding in product(((1, 1), (2, 3)), ("SAME", ((1, 0), (2, 1)))):
        how = {"strides": strides, "padding": padding}
        yield _separable(rng, how)
        yield _of_rank_one(rng, how)
    yield Case(
        "convolution",
        "pointwise_conv",
        layers.pointwise_conv,
        lambda torch, x, k, b: convolved(torch, x, k[None, None], b, PLAIN, 1),
        normal(rng, (5, 8, 7, 3), (3, 4), (4,)),
    )
    for padding in ("VALID", "SAME", ((1, 0), (2, 1))):
        yield _through_frequencies(rng, {"padding": padding})


def _separable(rng, how) -> Case:
    def theirs(torch, x, depthwise, pointwise, bias):
        x = convolved(torch, x, depthwise, None, {**PLAIN, **how}, x.shape[-1])
        return convolved(torch, x, pointwise[None, None], bias, PLAIN, 1)

    def ours(*arrays):
        return layers.separable_conv(*arrays, **how)

    arrays = normal(rng, (5, 8, 7, 3), (3, 2, 1, 6), (6, 4), (4,))
    return Case("convolution", f"separable_conv {words(**how)}", ours, theirs, arrays)


def _of_rank_one(rng, how) -> Case:
    def theirs(torch, x, column, row):
        kernel = torch.outer(column, row)[..., None, None].tile(1, 1, 1, 3)
        return convolved(torch, x, kernel, None, {**PLAIN, **how}, 3)

    def ours(*arrays):
        return layers.spatially_separable_conv(*arrays, **how)

    name = f"spatially_separable_conv {words(**how)}"
    arrays = normal(rng, (5, 8, 7, 3), (3,), (2,))
    return Case("convolution", name, ours, theirs, arrays)


def _through_frequencies(rng, how) -> Case:
    def theirs(torch, *arrays):
        return convolved(torch, *arrays, {**PLAIN, **how}, 1)

    def ours(*arrays):
        return layers.fft_conv(*arrays, **how)

    arrays = normal(rng, (5, 8, 7, 3), (3, 2, 3, 4), (4,))
    return Case("convolution", f"fft_conv {words(**how)}", ours, theirs, arrays)


# Transposed convolution.

# stride, dilation, padding, torch's output_padding, groups
STEPS = [
    case
    for case in product((1, 2, 3), (1, 2), (0, 1, 2), (0, 1), (1, 2))
    if case[3] < max(case[0], case[1])
]


def transposed(torch, x, kernel, bias, groups, *options):
    """F.conv_transpose1d, 2d or 3d, with the groups where torch has them."""
    *window, i, o = kernel.shape
    f = getattr(torch.nn.functional, f"conv_transpose{len(window)}d")
    parts = kernel.reshape(*window, i, groups, o // groups).movedim(-2, -3)
    weight = parts.reshape(*window, groups * i, o // groups).movedim((-2, -1), (0, 1))
    weight = weight.contiguous()  # or torch's own gradient refuses
    stride, pad, output_padding, dilation = options
    y = f(first(x), weight, bias, stride, pad, output_padding, groups, dilation)
    return last(y)


def transposed_convolutions() -> Iterator[Case]:
    """torch's padding and output_padding; uneven pairs are cut off its full result."""
    for rank, step in ((1, 5), (2, 3), (3, 7)):
        for at, (s, d, p, e, groups) in enumerate(STEPS[::step]):
            rng = np.random.default_rng(2000 + 100 * rank + at)
            how = {"strides": s, "padding": ((p, p - e),) * rank, "dilation": d}

            def theirs(torch, *arrays, groups=groups, options=(s, p, e, d)):
                return transposed(torch, *arrays, groups, *options)

            yield _transposed(rng, rank, groups, how, theirs)
    for at, (rank, groups) in enumerate(product((1, 2, 3), (1, 2))):
        rng = np.random.default_rng(2500 + at)
        strides, dilation = some(rng, rank, 3), some(rng, rank, 2)
        around = pairs(rng, (2,) * rank)
        how = {"strides": strides, "padding": around, "dilation": dilation}

        def cut(torch, *arrays, groups=groups, how=how):
            options = (how["strides"], 0, 0, how["dilation"])
            y = transposed(torch, *arrays, groups, *options)
            return last(cropped(first(y), how["padding"]))

        yield _transposed(rng, rank, groups, how, cut)


def _transposed(rng, rank, groups, how, theirs) -> Case:
    space, window = different(rng, rank, 4, 6), different(rng, rank, 3, 5)
    c, o = channels(rng, groups, (7, *space))
    arrays = normal(rng, (7, *space, c), (*window, c // groups, o), (o,))

    def ours(*arrays):
        return layers.conv_transpose(*arrays, **how)

    about = words(k=window, groups=groups, **how)
    return Case("transposed", f"conv_transpose {about}", ours, theirs, arrays)


# Pooling.


def pools() -> Iterator[Case]:
    """Largest and mean of windows, the mean counted both ways."""
    means = (("avg_pool", {"count_include_pad": c}) for c in (True, False))
    kinds = [("max_pool", {}), *means]
    seed = count(3000)
    for rank, padding, (name, more) in product(
        (1, 2, 3), ("SAME", "VALID", 1, "pairs"), kinds
    ):
        rng = np.random.default_rng(next(seed))
        window = different(rng, rank, 2, 4)
        around = pairs(rng, [k - 1 for k in window])
        how = {
            "strides": None if padding == "VALID" else some(rng, rank, 3),
            "padding": around if padding == "pairs" else padding,
        }
        yield _pool(rng, name, window, {**how, **more})


def _pool(rng, name, window, how) -> Case:
    x = normal(rng, (5, *different(rng, len(window), 6, 9), 3))
    strides = how["strides"] or window

    def ours(x):
        return getattr(layers, name)(x, window, **how)

    def theirs(torch, x):
        around = named(how["padding"], x.shape[1:-1], window, strides)
        f = getattr(torch.nn.functional, f"{name}{len(window)}d")
        edge = -np.inf if name == "max_pool" else 0.0
        y = f(padded(torch, first(x), around, value=edge), window, strides)
        if not how.get("count_include_pad", True):
            ones = padded(torch, torch.ones_like(first(x)), around)
            y = y / f(ones, window, strides)
        return last(y)

    return Case("pooling", f"{name} {words(k=window, **how)}", ours, theirs, x)


def global_pools() -> Iterator[Case]:
    for rank in (1, 2, 3):
        rng = np.random.default_rng(3500 + rank)
        x = normal(rng, (5, *different(rng, rank, 6, 9), 3))
        for name, theirs in (("max", "amax"), ("avg", "mean")):
            yield Case(
                "pooling",
                f"global_{name}_pool spatial={rank}",
                lambda x, name=name, rank=rank: getattr(layers, f"global_{name}_pool")(
                    x, spatial=rank
                ),
                lambda torch, x, theirs=theirs, rank=rank: getattr(torch, theirs)(
                    x, tuple(range(1, rank + 1))
                ),
                x,
            )
