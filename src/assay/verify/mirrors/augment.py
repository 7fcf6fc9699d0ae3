"""Augmentation draws at random, so its mirrors are properties: every result is one of
the possible ones, found here with NumPy, and every possible one occurs."""

import jax
import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, static

DRAWS = 512
a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


def _many(ours, key, *args):
    """The function's results for many keys."""
    keys = jax.random.split(key, DRAWS)
    return np.asarray(jax.vmap(lambda key: ours(*args, key=key))(keys))


def _among(got, possible):
    """(got and the share seen, the nearest possible results and 1)."""
    possible = np.stack([np.asarray(p) for p in possible])
    axes = tuple(range(2, got.ndim + 1))
    nearest = np.abs(got[:, None] - possible[None]).sum(axes).argmin(1)
    seen = len(set(nearest.tolist())) / len(possible)
    expected = possible[nearest]
    return np.append(got, seen), np.append(expected, 1.0)


def _windows(image, h, w):
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    return [image[i : i + h, j : j + w] for i in range(rows) for j in range(columns)]


@mark(property=True, source="image or its mirror image, both occur")
@given(image=(4, 3, 2), key=a_key)
def random_flip(ours, image, key):
    return _among(_many(ours, key, image), [image, np.asarray(image)[:, ::-1]])


@mark(property=True, source="all windows, every one occurs")
@given(image=(4, 5, 2), size=static(3), key=a_key)
def random_crop(ours, image, size, key):
    return _among(
        _many(ours, key, image, size), _windows(np.asarray(image), size, size)
    )


@mark(property=True, source="all windows of the padded image")
@given(image=(4, 3, 2), limit=static(2), key=a_key)
def random_shift(ours, image, limit, key):
    image = np.asarray(image)
    padded = np.pad(image, ((limit, limit), (limit, limit), (0, 0)))
    return _among(_many(ours, key, image, limit), _windows(padded, 4, 3))
