"""Filters of the whole window at once, over a padded array."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal, static

NAMES = {"replicate": "edge", "circular": "wrap"}


def _correlate(x, kernel, mode):
    """Σ kernel[k] · x[i + k] for every channel of one or more images."""
    d = kernel.ndim
    pads = [(0, 0)] * (x.ndim - d - 1) + [(k // 2, k // 2) for k in kernel.shape]
    padded = np.pad(x, [*pads, (0, 0)], mode=NAMES.get(mode, mode))
    axes = tuple(range(x.ndim - d - 1, x.ndim - 1))
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape, axes)
    return (seen * kernel).sum(tuple(range(-d, 0)))


a_width = Draw(lambda _: np.array(1.3))


@given(x=(2, 6, 5, 3), size=static(3), sigma=a_width)
@given(x=(6, 7, 3), size=static((5, 3)), sigma=a_width, mode=static("constant"))
@given(x=(7, 3), size=static(5), sigma=static(0.7), spatial=static(1))
@given(x=normal(3, 4, 5, 2, scale=1e30), size=static((1, 3, 5)), sigma=static(2.0))
@given(x=(3, 6, 2), size=static(3), sigma=static(9), mode=static("circular"))
# The sums cancel: 32 ULP of a pixel's largest channel are some 4 of its neighbours'.
@mark(source="a sum over the whole window", rows=True, ulp=32)
def gaussian_blur(x, size, sigma, mode="reflect", spatial=2):
    sizes = (size,) * spatial if isinstance(size, int) else size
    squares = sum(np.square(a) for a in np.indices(sizes) - _middle(sizes))
    kernel = np.exp(-squares / (2 * np.float64(sigma) ** 2))
    return _correlate(np.asarray(x), kernel / kernel.sum(), mode)


def _middle(sizes):
    return np.reshape([k // 2 for k in sizes], (-1, *[1] * len(sizes)))


def _eighths(*shape):
    """Numbers whose sums are exact, though they cancel."""
    return Draw(lambda rng: rng.integers(-800, 800, shape) / 8)


@given(x=_eighths(2, 6, 5, 3))
@given(x=_eighths(4, 3, 2), mode=static("replicate"))
@mark(source="Sobel's 3x3 kernels", ulp=0)
def sobel_edges(x, mode="reflect"):
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    both = [_correlate(np.asarray(x), k, mode) for k in (down, down.T)]
    return np.stack(both, -1)
