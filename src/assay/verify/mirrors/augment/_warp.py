"""Images read elsewhere: SciPy's splines; what is drawn is fitted to a ramp's image.

A ramp shows, at each pixel that is inside, the coordinates at which it was read.
"""

import numpy as np
from scipy import ndimage

from assay.verify.mirrors._given import Draw, given, mark, normal, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._draws import pixels as _pixels

_OUTSIDE = {"zeros": "grid-constant", "border": "nearest", "reflection": "reflect"}


def _affine(image, matrix, mode="linear", padding_mode="zeros"):
    """SciPy counts (row, column) from the corner, the matrix (x, y) from the centre."""
    image, (a, b) = np.asarray(image, np.float64), np.split(np.asarray(matrix), [2], 1)
    a, b = a[::-1, ::-1], b[::-1, 0]
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = centre + b - a @ centre
    how = {"order": ("nearest", "linear").index(mode), "mode": _OUTSIDE[padding_mode]}
    channels = np.moveaxis(image, -1, 0)
    read = [ndimage.affine_transform(c, a, offset, **how) for c in channels]
    return np.stack(read, -1)


def _near_identity(*shape):
    """Matrices that keep most of the image in sight."""
    eye = np.eye(2, 3)
    return Draw(lambda rng: eye + np.array([0.3, 0.3, 1.0]) * rng.normal(size=shape))


_WHY = "a place is known to an ULP of the image's size, times the slope there"


@mark(source="scipy.ndimage.affine_transform", rows=True, ulp=256, why=_WHY)
@given(image=_pixels(5, 7, 2), matrix=_near_identity(2, 3))
@given(image=normal(6, 4, 2), matrix=_near_identity(2, 3))
@given(
    image=_pixels(5, 7, 2), matrix=_near_identity(2, 3), padding_mode=static("border")
)
@given(
    image=_pixels(5, 7, 2),
    matrix=_near_identity(2, 3),
    padding_mode=static("reflection"),
)
def warp_affine(image, matrix, mode="linear", padding_mode="zeros"):
    return _affine(image, matrix, mode, padding_mode)


def _perspective(image, matrix, mode="linear", padding_mode="zeros"):
    """Every place by itself; SciPy counts (row, column) from the corner."""
    image, matrix = np.asarray(image, np.float64), np.asarray(matrix, np.float64)
    h, w, channels = image.shape
    y, x = np.mgrid[:h, :w].reshape(2, -1) - np.array([[(h - 1) / 2], [(w - 1) / 2]])
    right, down, far = matrix @ np.stack([x, y, np.ones_like(x)])
    places = np.stack([down / far + (h - 1) / 2, right / far + (w - 1) / 2])
    how = {"order": ("nearest", "linear").index(mode), "mode": _OUTSIDE[padding_mode]}
    read = [
        ndimage.map_coordinates(image[..., c], places, **how) for c in range(channels)
    ]
    return np.stack(read, -1).reshape(image.shape)


def _tilted(*shape):
    """Matrices whose horizon is outside the image."""
    size = np.array([[0.3, 0.3, 1.0], [0.3, 0.3, 1.0], [0.04, 0.04, 0.1]])
    return Draw(lambda rng: np.eye(3) + size * rng.uniform(-1, 1, shape))


@mark(source="scipy.ndimage.map_coordinates", rows=True, ulp=256, why=_WHY)
@given(image=_pixels(5, 7, 2), matrix=_tilted(3, 3))
@given(image=normal(6, 4, 2), matrix=_tilted(3, 3))
@given(image=_pixels(5, 7, 2), matrix=_tilted(3, 3), padding_mode=static("border"))
@given(image=_pixels(5, 7, 2), matrix=_tilted(3, 3), padding_mode=static("reflection"))
def warp_perspective(image, matrix, mode="linear", padding_mode="zeros"):
    return _perspective(image, matrix, mode, padding_mode)


_H, _W = 9, 12


def _ramp(_):
    """(x, y, 1) of each pixel, from the centre."""
    y, x = np.mgrid[:_H, :_W] - np.array([(_H - 1) / 2, (_W - 1) / 2])[:, None, None]
    return np.stack([x, y, np.ones_like(x)], -1)


_image = Draw(_ramp)


def _matrices(got):
    """The matrix of each result, from the pixels that were read inside."""
    x = _ramp(None).reshape(-1, 3)
    flat = np.asarray(got, np.float64).reshape(len(got), -1, 3)
    inside = np.abs(flat[..., 2] - 1) < 1e-6
    fits = [
        np.linalg.lstsq(x[i], y[i, :2])[0].T for i, y in zip(inside, flat, strict=True)
    ]
    return np.array(fits)


def _fitted(got, *facts):
    """(results and facts, results of the fitted matrices and True)."""
    image = _ramp(None)
    expected = np.array([_affine(image, m) for m in _matrices(got)])
    off = np.abs(got - expected).max()
    return np.array([off < 1e-4, *facts], float), np.ones(1 + len(facts))


def _fills(values, low, high):
    """Whether the draws lie in [low, high], and nearly reach both ends."""
    edge = (high - low) / 20
    inside = low - 1e-4 <= values.min() and values.max() <= high + 1e-4
    return inside and values.min() < low + edge and values.max() > high - edge


def _decomposed(m):
    """(turn and shear in degrees, scale, movement in pixels): A⁻¹ = R · s · shear."""
    a, b = m[:, :, :2], m[:, :, 2:]
    seen = np.linalg.inv(a)
    turn = np.arctan2(-seen[:, 1, 0], seen[:, 0, 0])
    scale = np.hypot(seen[:, 0, 0], seen[:, 1, 0])
    c, s = np.cos(turn), np.sin(turn)
    lean = (c * seen[:, 0, 1] - s * seen[:, 1, 1]) / scale
    move = (-seen @ b)[..., 0]
    return np.rad2deg(turn), np.rad2deg(np.arctan(lean)), scale, move


def _still(values, at=0.0):
    return np.abs(values - at).max() < 1e-3


@mark(property=True, source="the angles of the fitted matrices")
@given(image=_image, degrees=static(40.0), key=_a_key)
def random_rotation(ours, image, degrees, key):
    got = _many(ours, key, np.asarray(image), degrees)
    turn, shear, scale, move = _decomposed(_matrices(got))
    still = _still(shear), _still(scale, 1), _still(move)
    return _fitted(got, _fills(turn, -40, 40), *still)


@mark(property=True, source="the movements of the fitted matrices")
@given(image=_image, translate=static((0.2, 0.25)), key=_a_key)
def random_translation(ours, image, translate, key):
    got = _many(ours, key, np.asarray(image), translate)
    turn, shear, scale, move = _decomposed(_matrices(got))
    across, down = _W * translate[1], _H * translate[0]
    fills = _fills(move[:, 0], -across, across), _fills(move[:, 1], -down, down)
    return _fitted(got, *fills, _still(turn), _still(shear), _still(scale, 1))


@mark(property=True, source="the factors of the fitted matrices")
@given(image=_image, scale=static((0.5, 2.0)), key=_a_key)
def random_zoom(ours, image, scale, key):
    got = _many(ours, key, np.asarray(image), scale)
    turn, shear, factor, move = _decomposed(_matrices(got))
    still = _still(turn), _still(shear), _still(move)
    return _fitted(got, _fills(factor, 0.5, 2.0), *still)


@mark(property=True, source="the angles of the fitted matrices")
@given(image=_image, shear=static(30.0), key=_a_key)
def random_shear(ours, image, shear, key):
    got = _many(ours, key, np.asarray(image), shear)
    turn, lean, scale, move = _decomposed(_matrices(got))
    still = _still(turn), _still(scale, 1), _still(move)
    return _fitted(got, _fills(lean, -30, 30), *still)


@mark(property=True, source="the four parts of the fitted matrices")
@given(image=_image, degrees=static(20.0), translate=static(0.1), key=_a_key)
def random_affine(ours, image, degrees, translate, key):
    more = {"scale": (0.8, 1.5), "shear": 15.0}
    limits = {"degrees": degrees, "translate": translate, **more}
    got = _many(ours, key, np.asarray(image), **limits)
    turn, shear, scale, move = _decomposed(_matrices(got))
    moved = _fills(move[:, 0], -1.2, 1.2), _fills(move[:, 1], -0.9, 0.9)
    facts = _fills(turn, -20, 20), _fills(shear, -15, 15), _fills(scale, 0.8, 1.5)
    return _fitted(got, *facts, *moved)


def _homographies(got):
    """The matrix of each result, from the pixels that were read inside."""
    place = _ramp(None).reshape(-1, 3)
    flat = np.asarray(got, np.float64).reshape(len(got), -1, 3)
    matrices = []
    for read in flat:
        inside = np.abs(read[:, 2] - 1) < 1e-6
        p, q = place[inside], read[inside, :2]
        zero = np.zeros_like(p)
        # q · (row 3 of the matrix, p) = (rows 1 and 2, p): the null vector of that.
        rows = [
            np.hstack([p, zero, -q[:, :1] * p]),
            np.hstack([zero, p, -q[:, 1:] * p]),
        ]
        scale = np.tile([6.0, 4.5, 1.0], 3)
        null = np.linalg.svd(np.vstack(rows) / scale)[2][-1] / scale
        matrices.append(null.reshape(3, 3) / null[-1])
    return np.array(matrices)


@mark(property=True, source="the corners of the fitted matrices")
@given(image=_image, distortion_scale=static(0.4), key=_a_key)
def random_perspective(ours, image, distortion_scale, key):
    got = _many(ours, key, np.asarray(image), distortion_scale)
    matrices = _homographies(got)
    expected = np.array([_perspective(image, m) for m in matrices])
    half = np.array([_W / 2, _H / 2])
    facts = [np.abs(got - expected).max() < 1e-3]
    for sign in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        seen = np.linalg.inv(matrices) @ np.append(sign * half, 1)
        inward = 1 - sign * seen[:, :2] / seen[:, 2:] / half
        facts += [_fills(inward[:, i], 0, distortion_scale) for i in (0, 1)]
    return np.array(facts, float), np.ones(9)
