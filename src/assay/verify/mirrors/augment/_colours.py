"""Colours: PIL's and torchvision's formulas in NumPy, hues by Python's colorsys."""

import colorsys

import numpy as np

from assay.verify.mirrors._given import given, mark, normal, static
from assay.verify.mirrors.augment._draws import pixels as _pixels

_WHY = "in ULP of the pixel's largest channel: near black the blend cancels"


def _luma(x):
    """What an eye sees, in the last axis' one channel."""
    x = np.asarray(x, np.longdouble)
    return x if x.shape[-1] == 1 else x @ np.array([[0.299], [0.587], [0.114]])


def _blend(plain, x, factor):
    x, f = np.asarray(x, np.longdouble), np.longdouble(factor)
    return np.clip(f * x + (1 - f) * plain, 0, 1).astype(np.float64)


@mark(source="torchvision's formula")
@given(image=_pixels(3, 4, 2), factor=static(0.75))
@given(image=normal(2, 3, 4, 5), factor=static(1.5))
@given(image=normal(3, 4, 5, scale=1e30), factor=static(0.0))
def adjust_brightness(image, factor):
    return _blend(0, image, factor)


@mark(source="torchvision's formula", rows=True, ulp=8, why=_WHY)
@given(image=_pixels(4, 5, 3), factor=static(0.75))
@given(image=_pixels(4, 5, 1), factor=static(1.5))
@given(image=normal(2, 4, 5, 3), factor=static(2.0))
def adjust_contrast(image, factor):
    mean = _luma(image).mean((-3, -2, -1), keepdims=True)
    return _blend(mean, image, factor)


@mark(source="torchvision's formula", rows=True, ulp=8, why=_WHY)
@given(image=_pixels(4, 5, 3), factor=static(0.75))
@given(image=_pixels(4, 5, 3), factor=static(1.5))
@given(image=normal(2, 4, 5, 1), factor=static(2.0))
def adjust_saturation(image, factor):
    return _blend(_luma(image), image, factor)


@mark(source="PIL's kernel, pixel by pixel", rows=True, ulp=8, why=_WHY)
@given(image=_pixels(4, 5, 3), factor=static(0.75))
@given(image=_pixels(5, 4, 2), factor=static(1.75))
@given(image=_pixels(2, 4, 3), factor=static(1.75))
@given(image=normal(2, 4, 5, 1), factor=static(2.0))
def adjust_sharpness(image, factor):
    x = np.asarray(image, np.longdouble)
    plain, (h, w) = x.copy(), x.shape[-3:-1]
    for i in range(1, h - 1):
        for j in range(1, w - 1):
            around = x[..., i - 1 : i + 2, j - 1 : j + 2, :].sum((-3, -2))
            plain[..., i, j, :] = (around + 4 * x[..., i, j, :]) / 13
    return _blend(plain, x, factor)


@mark(source="ITU-R BT.601")
@given(image=_pixels(4, 5, 3))
@given(image=_pixels(4, 5, 1))
def grayscale(image):
    return np.broadcast_to(_luma(image), image.shape).astype(np.float64)


@mark(source="colorsys of Python", rows=True, ulp=16, why="of the largest channel")
@given(image=_pixels(4, 5, 3), turn=static(0.2))
@given(image=_pixels(5, 4, 3), turn=static(-0.45))
@given(image=_pixels(2, 5, 3), turn=static(1.0))
@given(image=static(np.full((2, 1, 3), 0.25)), turn=static(0.3))
def adjust_hue(image, turn):
    def turned(pixel):
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, pixel))
        return colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)

    return np.array([[turned(pixel) for pixel in row] for row in np.asarray(image)])


@mark(source="1 - x")
@given(image=_pixels(4, 5, 3))
@given(image=normal(2, 4, 5, 2))
def invert(image):
    return 1 - np.asarray(image)


@mark(source="torchvision.transforms.v2")
@given(image=_pixels(4, 5, 3), bits=static(3))
@given(image=normal(2, 4, 5, 2), bits=static(1))
@given(image=normal(4, 5, 2, scale=1e30), bits=static(8))
def posterize(image, bits):
    steps = np.clip(np.floor(np.asarray(image) * 2.0**bits), 0, 2**bits - 1)
    return steps / 2.0**bits


@mark(source="1 - x from the threshold on")
@given(image=_pixels(4, 5, 3), threshold=static(0.25))
@given(image=normal(2, 4, 5, 2), threshold=static(0.5))
def solarize(image, threshold):
    x = np.asarray(image)
    return np.where(x < threshold, x, 1 - x)


@mark(source="(x - min) / (max - min)")
@given(image=_pixels(4, 5, 3))
@given(image=normal(2, 4, 5, 2))
@given(image=normal(4, 5, 2, scale=1e30))
@given(image=static(np.full((2, 3, 2), 0.25)))
def auto_contrast(image):
    x = np.asarray(image, np.longdouble)
    low, high = x.min((-3, -2), keepdims=True), x.max((-3, -2), keepdims=True)
    with np.errstate(invalid="ignore"):
        y = (x - low) / (high - low)
    return np.where(high == low, x, y).astype(np.float64)


def _equalized(channel):
    """PIL.ImageOps.equalize of one channel of bytes."""
    count = np.bincount(channel.ravel(), minlength=256)
    step = (channel.size - count[channel.max()]) // 255
    if step == 0:
        return channel
    table, n = [], step // 2
    for i in range(256):
        table.append(min(n // step, 255))
        n += int(count[i])
    return np.array(table)[channel]


@mark(source="PIL's table")
@given(image=_pixels(24, 25, 2))
@given(image=_pixels(4, 5, 3))
@given(image=normal(2, 18, 19, 1))
def equalize(image):
    x = np.rint(np.clip(np.asarray(image), 0, 1) * 255).astype(int)
    *_, h, w, c = x.shape
    flat = x.reshape(-1, h, w, c)
    made = [[_equalized(one[..., k]) for k in range(c)] for one in flat]
    return (np.moveaxis(np.array(made), 1, -1) / 255).reshape(x.shape)


def _tile_table(tile, clip_limit):
    """The new values of the 256, a count at a time."""
    count = np.bincount(tile.ravel(), minlength=256).astype(float)
    most = clip_limit * tile.size / 256
    over = sum(max(n - most, 0) for n in count)
    count = np.minimum(count, most) + over / 256
    below = np.cumsum(count)
    rest = tile.size - below[0]
    return np.clip((below - below[0]) / (rest or 1), 0, 1)


def _clahe(channel, clip_limit, rows, columns):
    """Pixel by pixel: the four tiles around it, each by how near it is."""
    h, w = channel.shape
    tall, wide = int(np.ceil(h / rows)), int(np.ceil(w / columns))
    more = ((0, tall * rows - h), (0, wide * columns - w))
    whole, y = np.pad(channel, more, mode="symmetric"), np.zeros((h, w))
    tables = {
        (i, j): _tile_table(
            whole[i * tall : (i + 1) * tall, j * wide : (j + 1) * wide], clip_limit
        )
        for i in range(rows)
        for j in range(columns)
    }
    for r in range(h):
        for c in range(w):
            for i in range(-1, rows + 1):
                for j in range(-1, columns + 1):
                    near = max(0, 1 - abs((r - tall / 2) / tall - i))
                    near *= max(0, 1 - abs((c - wide / 2) / wide - j))
                    tile = min(max(i, 0), rows - 1), min(max(j, 0), columns - 1)
                    y[r, c] += near * tables[tile][channel[r, c]]
    return y


@mark(source="tiles and pixels one by one", rows=True, ulp=16, why="in ULP of white")
@given(image=_pixels(12, 15, 2), grid=static((3, 5)))
@given(image=_pixels(7, 10, 1), grid=static((2, 3)), clip_limit=static(float("inf")))
@given(image=_pixels(3, 4, 1), grid=static((5, 3)), clip_limit=static(1.5))
@given(image=normal(2, 9, 8, 1, scale=0.2), grid=static((2, 2)), clip_limit=static(8.0))
def clahe(image, grid, clip_limit=4.0):
    x = np.rint(np.clip(np.asarray(image), 0, 1) * 255).astype(int)
    flat = x.reshape(-1, *x.shape[-3:])
    made = [
        [_clahe(one[..., k], clip_limit, *grid) for k in range(x.shape[-1])]
        for one in flat
    ]
    return np.moveaxis(np.array(made), 1, -1).reshape(x.shape)
