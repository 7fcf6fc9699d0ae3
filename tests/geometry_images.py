"""Configurations of resampling, each ours and torch's, drawn as in `geometry`."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from assay import images
from tests.geometry import (
    Case,
    cropped,
    different,
    first,
    last,
    named,
    normal,
    padded,
    pairs,
    reaches,
    some,
    words,
)

# (mode, align_corners, antialias) and torch's name by rank.
KINDS = {
    ("nearest", False, False): ("nearest",) * 3,
    ("nearest_exact", False, False): ("nearest-exact",) * 3,
    ("area", False, False): ("area",) * 3,
    ("linear", False, False): ("linear", "bilinear", "trilinear"),
    ("linear", True, False): ("linear", "bilinear", "trilinear"),
    ("linear", False, True): (None, "bilinear", None),
    ("linear", True, True): (None, "bilinear", None),
    ("cubic", False, False): (None, "bicubic", None),
    ("cubic", True, False): (None, "bicubic", None),
    ("cubic", False, True): (None, "bicubic", None),
    ("cubic", True, True): (None, "bicubic", None),
}


def interpolations() -> Iterator[Case]:
    """Every mode in the ranks that torch has: up, down, and to and from lone pixels."""
    for at, (kind, theirs) in enumerate(KINDS.items()):
        for rank, mode in enumerate(theirs, 1):
            rng = np.random.default_rng(4000 + 10 * at + rank)
            if mode is not None:
                many = _shapes(rng) if rank == 2 else [_two(rng, rank)]
                yield from (_resized(rng, kind, mode, n, m) for n, m in many)


def _two(rng, rank):
    return different(rng, rank, 2, 11), different(rng, rank, 2, 11)


def _shapes(rng) -> list:
    """Pairs (from, to)."""
    (a, b), (c, d) = _two(rng, 2)
    lone = [((1, a), (d, c)), ((a, 1), (c, d)), ((a, b), (1, c))]
    # Not to (c, 1): torch 2.13 repeats the first row where antialiased outputs are.
    return [((a, b), (a, c)), *lone, *(_two(rng, 2) for _ in range(2))]


def _resized(rng, kind, theirs, n, m) -> Case:
    how = dict(zip(("mode", "align_corners", "antialias"), kind, strict=True))
    options = {"align_corners": kind[1]} if kind[0] in ("linear", "cubic") else {}
    options |= {"antialias": True} if kind[2] else {}

    def ours(x):
        return images.interpolate(x, m, **how)

    def resized(torch, x):
        f = torch.nn.functional.interpolate
        return last(f(first(x), m, mode=theirs, **options))

    c = next(c for c in (3, 2, 4, 5) if c not in n)
    name = f"interpolate {words(n=n, m=m, **how)}"
    return Case("resampling", name, ours, resized, normal(rng, (13, *n, c)))


SAMPLES = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}


def samples() -> Iterator[Case]:
    """Inside, and up to three images away."""
    edges = ("zeros", "border", "reflection")
    for at, how in enumerate(product(SAMPLES, edges, (False, True), (2, 3))):
        mode, edge, align_corners, rank = how
        if rank == 3 and (mode == "cubic" or align_corners == (edge == "zeros")):
            continue  # torch has no cubic, and volumes take long
        rng = np.random.default_rng(4500 + at)
        *space, c, n = different(rng, rank + 2, 2, 9)
        out = different(rng, rank, 2, 6)
        x, grid = normal(rng, (n, *space, c), (n, *out, rank))
        more = {"padding_mode": edge, "align_corners": align_corners}

        def ours(x, grid, mode=mode, more=more):
            return images.grid_sample(x, grid, mode=mode, **more)

        def theirs(torch, x, grid, mode=SAMPLES[mode], more=more):
            return last(torch.nn.functional.grid_sample(first(x), grid, mode, **more))

        name = f"grid_sample {words(x=x.shape, mode=mode, **more)}"
        yield Case("resampling", name, ours, theirs, [x, 1.5 * grid])


def grids() -> Iterator[Case]:
    for size, align in product(((4, 5), (2, 3, 4)), (False, True)):
        yield _grid(size, align)
    yield _grid((1, 3), False)  # torch warns of a lone pixel at the corners


def _grid(size, align) -> Case:
    d, how = len(size), {"align_corners": align}
    return Case(
        "resampling",
        f"affine_grid {words(size=size, **how)}",
        lambda theta: images.affine_grid(theta, size, **how),
        lambda torch, theta: torch.nn.functional.affine_grid(
            theta, (7, 1, *size), **how
        ),
        normal(np.random.default_rng(4600), (7, d, d + 1)),
    )


def patches() -> Iterator[Case]:
    """torch has them in 2-d only, the channels before the places, and even padding."""
    for at, padding in enumerate(("VALID", "SAME", 1, "pairs") * 2):
        rng = np.random.default_rng(4700 + at)
        tile, found = at == 0, None
        while found is None or len(set(found[-1])) < 2:
            found = _windows(rng, padding, tile)
        yield from _patches(rng, *found)


def _windows(rng, padding, tile):
    """(sizes, window, options, the paddings as pairs, the sizes of the output)."""
    space, window = different(rng, 2, 6, 9), different(rng, 2, 2, 4)
    strides, dilation = (window, (1, 1)) if tile else (some(rng, 2, 3), some(rng, 2, 2))
    around = pairs(rng, (2, 2)) if padding == "pairs" else padding
    how = {"strides": strides, "padding": around, "dilation": dilation}
    reach = reaches(window, dilation)
    around = named(around, space, reach, strides)
    axes = zip(space, around, reach, strides, strict=True)
    out = [(n + sum(pair) - r) // s + 1 for n, pair, r, s in axes]
    return space, window, how, around, out


def _patches(rng, space, window, how, around, out) -> Iterator[Case]:
    strides, dilation = how["strides"], how["dilation"]
    big = [n + a + b for n, (a, b) in zip(space, around, strict=True)]
    places, name = window[0] * window[1], words(k=window, **how)

    def unfolded(torch, x):
        x = padded(torch, first(x), around)
        y = torch.nn.functional.unfold(x, window, dilation, 0, strides)
        y = y.reshape(11, 3, places, *out).movedim((1, 2), (-1, -2))
        return y.reshape(11, *out, places * 3)

    def folded(torch, y):
        y = y.reshape(11, *out, places, 3).movedim((-1, -2), (1, 2))
        y = y.reshape(11, 3 * places, out[0] * out[1])
        x = torch.nn.functional.fold(y, big, window, dilation, 0, strides)
        return last(cropped(x, around))

    def unfold(x):
        return images.unfold(x, window, **how)

    def fold(y):
        return images.fold(y, space, window, **how)

    x, y = normal(rng, (11, *space, 3), (11, *out, places * 3))
    yield Case("resampling", f"unfold {name}", unfold, unfolded, [x])
    yield Case("resampling", f"fold {name}", fold, folded, [y])


def borders() -> Iterator[Case]:
    modes = ("constant", "reflect", "replicate", "circular")
    for mode, rank in product(modes, (1, 2, 3)):
        rng = np.random.default_rng(4800 + rank)
        space = different(rng, rank, 4, 6)
        around = pairs(rng, [n - 1 for n in space])
        yield Case(
            "resampling",
            f"pad {words(x=space, padding=around, mode=mode)}",
            lambda x, around=around, mode=mode: images.pad(x, around, mode=mode),
            lambda torch, x, around=around, mode=mode: last(
                padded(torch, first(x), around, mode)
            ),
            normal(rng, (7, *space, 3)),
        )


def shuffles() -> Iterator[Case]:
    """Pixels into channels and back, and channels among groups."""
    for factor, name in product((2, 3), ("pixel_shuffle", "pixel_unshuffle")):
        many = name == "pixel_shuffle"
        x = (5, 3, 4, 2 * factor**2) if many else (5, 3 * factor, 4 * factor, 2)
        yield _shuffle(name, x, factor)
    yield _shuffle("channel_shuffle", (5, 3, 4, 12), 3)


def _shuffle(name, shape, factor) -> Case:
    return Case(
        "resampling",
        f"{name} {factor}",
        lambda x: getattr(images, name)(x, factor),
        lambda torch, x: last(getattr(torch.nn.functional, name)(first(x), factor)),
        normal(np.random.default_rng(4900), shape),
    )
