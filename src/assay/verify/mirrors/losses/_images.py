"""Images: every window by itself, moments as the paper prints them, in longdouble."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal, positive, static


def _near(*shape, by=1e-3):
    """Images around one half, so that two draws are alike."""
    return Draw(lambda rng: 0.5 + by * rng.normal(size=shape))


def _flat(*shape):
    """A large mean and hardly a spread."""
    return Draw(lambda rng: 200 + 0.1 * rng.normal(size=shape), differentiable=False)


def _cases(mirror):
    """Pairs somewhat alike: near 0 the ratio has the digits of 1."""
    size = {"window": static(4), "sigma": static(1.0)}
    one, two = _flat(6, 7, 2), _flat(6, 7, 2)
    mirror = given(predictions=one, targets=two, max_val=static(255.0), **size)(mirror)
    soft = _near(2, 12, 14, 3, by=0.02)
    mirror = given(predictions=soft, targets=soft)(mirror)
    mirror = given(predictions=_near(2, 6, 7, 1), targets=_near(2, 6, 7, 1), **size)(
        mirror
    )
    soft = _near(2, 5, 6, 2, by=0.02)
    return given(predictions=soft, targets=soft, **size)(mirror)


def _window_ssim(x, y, weights, c1, c2):
    """Of one window of one channel."""
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
    cov = (weights * (x - mx) * (y - my)).sum()
    over = (mx * mx + my * my + c1) * (vx + vy + c2)
    return (2 * mx * my + c1) * (2 * cov + c2) / over


def _one(x, y, max_val, window, sigma):
    at = np.arange(window) - (window - 1) / 2
    row = np.exp(-(at**2) / (2 * np.longdouble(sigma) ** 2))
    weights = np.outer(row, row) / row.sum() ** 2
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    h, w, channels = x.shape
    found = [
        _window_ssim(
            x[i : i + window, j : j + window, c],
            y[i : i + window, j : j + window, c],
            weights,
            c1,
            c2,
        )
        for i in range(h - window + 1)
        for j in range(w - window + 1)
        for c in range(channels)
    ]
    return np.mean(found)


def _flattened(x):
    x = np.asarray(x, np.longdouble)
    return x.reshape(-1, *x.shape[-3:]), x.shape[:-3]


def _ssim(predictions, targets, max_val, window, sigma):
    (x, batch), (y, _) = _flattened(predictions), _flattened(targets)
    each = [_one(a, b, max_val, window, sigma) for a, b in zip(x, y, strict=True)]
    return np.array(each).reshape(batch)


@mark(source="formula in NumPy")
@_cases
def ssim(predictions, targets, max_val=1.0, window=11, sigma=1.5):
    return _ssim(predictions, targets, max_val, window, sigma).astype(float)


@mark(source="formula in NumPy")
@_cases
def ssim_loss(predictions, targets, max_val=1.0, window=11, sigma=1.5):
    return (1 - _ssim(predictions, targets, max_val, window, sigma)).astype(float)


@mark(source="formula in NumPy")
@given(predictions=normal(2, 3, 4, 2), targets=normal(2, 3, 4, 2), max_val=static(9.0))
@given(
    predictions=positive(4, 3, 1, low=0.0, high=255.0),
    targets=positive(4, 3, 1, low=0.0, high=255.0),
    max_val=static(255.0),
)
@given(predictions=_near(3, 5, 5, 3), targets=_near(3, 5, 5, 3))
def psnr(predictions, targets, max_val=1.0):
    error = (np.asarray(predictions - targets, np.longdouble) ** 2).mean((-3, -2, -1))
    return np.asarray(10 * np.log10(np.longdouble(max_val) ** 2 / error), float)


@mark(source="formula in NumPy")
@given(images=normal(2, 3, 5, 4))
@given(images=_near(4, 3, 1))
@given(images=normal(1, 1, 2))
def total_variation(images):
    x = np.asarray(images, np.longdouble)
    down, right = x[..., 1:, :, :] - x[..., :-1, :, :], x[..., 1:, :] - x[..., :-1, :]
    total = sum(np.abs(d).sum((-3, -2, -1)) for d in (down, right))
    return np.asarray(total, float)
