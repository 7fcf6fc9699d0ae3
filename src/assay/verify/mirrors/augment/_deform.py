"""Blurred and bent: the width read off an impulse, the displacement off a ramp."""

import numpy as np
from scipy import ndimage

from assay.verify.mirrors._given import Draw, given, mark, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._warp import _fills, _image, _ramp


def _impulse(_):
    x = np.zeros((7, 6, 2))
    x[3, 3, 0], x[1, 2, 1] = 1, -3
    return x


def _blurred(x, sigma, reach):
    weights = np.exp(-((np.arange(reach) - reach // 2) ** 2) / (2 * sigma**2))
    for axis in (0, 1):
        x = ndimage.correlate1d(x, weights / weights.sum(), axis, mode="mirror")
    return x


@mark(property=True, source="scipy.ndimage, the width read off an impulse", rows=True)
@given(image=Draw(_impulse), size=static(3), key=_a_key)
def random_gaussian_blur(ours, image, size, key):
    got = _many(ours, key, np.asarray(image), size, sigma=(0.5, 2.0))
    flat = np.asarray(got, np.float64)[..., 0]
    sigma = (2 * np.log(flat[:, 3, 3] / flat[:, 3, 4])) ** -0.5
    expected = np.array([_blurred(_impulse(None), s, size) for s in sigma])
    # ε in the ratio of two weights, of widths up to 2, is up to 16 ε in the width.
    near = np.abs(got - expected).max() < 1e-5
    return np.array([near, _fills(sigma, 0.5, 2.0)], float), np.ones(2)


@mark(property=True, source="spread and smoothness of the displacements of a ramp")
@given(image=_image, alpha=static(2.0), sigma=static(1.0), key=_a_key)
def random_elastic(ours, image, alpha, sigma, key):
    """In the middle of the ramp, which is far enough from what lies outside."""
    got = _many(ours, key, np.asarray(image), alpha=alpha, sigma=sigma)
    inside = (np.abs(got[:, 4, 5:7, 2] - 1) < 1e-5).all()
    moved = got[:, 4, 5:7, :2] - _ramp(None)[None, 4, 5:7, :2]
    g = np.exp(-(np.arange(-4, 5) ** 2) / (2 * sigma**2))
    g /= g.sum()
    spread = alpha * (g @ g) / 3**0.5
    one, two = moved[:, 0].ravel(), moved[:, 1].ravel()
    alike = (one @ two) / (one @ one)
    facts = [inside, abs(one.mean()) < 5 * spread / one.size**0.5]
    facts += [abs(one.std() / spread - 1) < 0.1]
    facts += [abs(alike - (g[1:] @ g[:-1]) / (g @ g)) < 0.1]
    both = np.corrcoef(moved[:, 0].T)[0, 1]
    return np.array([*facts, abs(both) < 0.2], float), np.ones(5)
