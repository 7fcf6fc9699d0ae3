"""Sampling as dense sums: every pixel of the padded image, times a kernel."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal, static

AROUND = 9  # pixels of padding: coordinates within ±2 of images of up to 6 pixels


@given(theta=(2, 2, 3), size=static((4, 5)))
@given(theta=(2, 3, 2, 3), size=static((1, 4)), align_corners=static(True))
@given(theta=(3, 4), size=static((2, 3, 4)))
@given(theta=(2, 1, 2), size=static((5,)))
@mark(source="theta times homogeneous coordinates", rows=True)
def affine_grid(theta, size, align_corners=False):
    steps = []
    for n in size:
        edge = 1 - 1 / n if not align_corners else float(n > 1)
        steps.append(np.linspace(-edge, edge, n))
    x = np.stack([*np.meshgrid(*steps, indexing="ij")[::-1], np.ones(size)], -1)
    d = len(size)
    theta = np.reshape(theta, (*theta.shape[:-2], *[1] * d, d, d + 1))
    return (theta @ x[..., None])[..., 0]


def _hat(s):
    return np.maximum(1 - np.abs(s), 0)


def _keys(s, a=-0.75):
    s = np.abs(s)
    near = (a + 2) * s**3 - (a + 3) * s**2 + 1
    far = a * (s**3 - 5 * s**2 + 8 * s - 4)
    return np.where(s < 1, near, np.where(s < 2, far, 0))


def _box(s):
    return (np.abs(s) < 0.5).astype(float)


KERNELS = {"nearest": _box, "linear": _hat, "cubic": _keys}


SUMS = {1: "qi,ic->qc", 2: "qi,qj,ijc->qc", 3: "qi,qj,qk,ijkc->qc"}


def _one(x, grid, mode, how, align_corners):
    d = grid.shape[-1]
    padded = np.pad(x, [(AROUND, AROUND)] * d + [(0, 0)], mode=how)
    weights = []
    for n, g in zip(x.shape, grid.reshape(-1, d).T[::-1], strict=False):
        u = (g + 1) / 2 * (n - 1) if align_corners else (g + 1) / 2 * n - 0.5
        weights.append(KERNELS[mode](u[:, None] - np.arange(-AROUND, n + AROUND)))
    y = np.einsum(SUMS[d], *weights, padded)
    return y.reshape(*grid.shape[:-1], x.shape[-1])


def _coordinates(*shape):
    """Within ±2, exact in float32 as pixels are, if sizes are (with `align_corners`
    one more than) powers of two: no rounding of a place is taken for an error."""

    def make(rng):
        return (2 * rng.integers(-128, 128, shape) + 1) / 128

    return Draw(make)


@given(x=(2, 4, 8, 3), grid=_coordinates(2, 3, 6, 2))
@given(x=(2, 3, 5, 4), grid=_coordinates(2, 2, 6, 2), align_corners=static(True))
@given(
    x=(4, 2, 3),
    grid=_coordinates(2, 3, 2),
    mode=static("nearest"),
    padding_mode=static("border"),
)
@given(
    x=(5, 3, 4),
    grid=_coordinates(6, 7, 2),
    padding_mode=static("reflection"),
    align_corners=static(True),
)
@given(
    x=normal(4, 8, 3, scale=1e30),
    grid=_coordinates(6, 7, 2),
    mode=static("cubic"),
    padding_mode=static("reflection"),
)
@given(x=(2, 1, 4, 2, 3), grid=_coordinates(2, 5, 3, 4, 3), mode=static("cubic"))
@given(x=(2, 3, 4, 5), grid=_coordinates(2, 3, 6, 1), padding_mode=static("border"))
# The sums cancel: 32 ULP of a pixel's largest channel are some 4 of its neighbours'.
@mark(source="all pixels of the padded image times a kernel", rows=True, ulp=32)
def grid_sample(x, grid, mode="linear", padding_mode="zeros", align_corners=False):
    folded = "reflect" if align_corners else "symmetric"
    how = {"zeros": "constant", "border": "edge"}.get(padding_mode, folded)
    x, grid, d = np.asarray(x), np.asarray(grid), grid.shape[-1]
    batch = grid.shape[: -d - 1]
    y = np.zeros((*grid.shape[:-1], x.shape[-1]))
    for at in np.ndindex(*batch):
        y[at] = _one(x[at], grid[at], mode, how, align_corners)
    return y
