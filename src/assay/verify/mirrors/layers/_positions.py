"""Positions: rotation by complex numbers, waves and buckets one place at a time."""

import math

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, static

OMEGA = (1.0, 0.3, 0.01)  # of three pairs, known before tracing


@given(size=static(10))
@given(size=static(6), theta=static(500.0))
def rotary_frequencies(size, theta=10000.0):
    return np.array([1 / theta ** (2 * i / size) for i in range(size // 2)])


@given(frequencies=static((1.0, 0.3, 0.01)), factor=static(4.0))
def linear_frequencies(frequencies, factor):
    return np.array([f / factor for f in frequencies])


@given(size=static(10), factor=static(3.0))
@given(size=static(8), factor=static(2.0), theta=static(500.0))
def ntk_frequencies(size, factor, theta=10000.0):
    return rotary_frequencies(size, theta * factor ** (size / (size - 2)))


@given(size=static(10), factor=static(3.0), length=static(900), original=static(300))
@given(size=static(10), factor=static(3.0), length=static(200), original=static(300))
def dynamic_ntk_frequencies(size, factor, length, original, theta=10000.0):
    length = max(length, original)
    base = theta * (factor * length / original - (factor - 1)) ** (size / (size - 2))
    return rotary_frequencies(size, base)


@given(frequencies=static((1.0, 0.3, 0.1, 0.03, 0.01)), factor=static(8.0))
@given(
    frequencies=static((1.0, 0.3, 0.1, 0.03, 0.01)),
    factor=static(4.0),
    original=static(200),
    low=static(2.0),
    high=static(7.0),
)
def llama3_frequencies(frequencies, factor, original=8192, low=1.0, high=4.0):
    """By wavelengths, as the models' code has it."""
    scaled = []
    for f in frequencies:
        wave = 2 * math.pi / f
        if wave < original / high:
            scaled.append(f)
        elif wave > original / low:
            scaled.append(f / factor)
        else:
            smooth = (original / wave - low) / (high - low)
            scaled.append((1 - smooth) * f / factor + smooth * f)
    return np.array(scaled)


@given(size=static(16), factor=static(8.0), original=static(2048))
@given(size=static(16), factor=static(4.0), original=static(50), theta=static(500.0))
@given(size=static(4), factor=static(4.0), original=static(1))
def yarn_frequencies(size, factor, original, theta=10000.0, low=1.0, high=32.0):
    """The published loop: find_correction_range, then a linear ramp."""

    def dim(rotations):
        turned = math.log(original / (rotations * 2 * math.pi))
        return (size * turned) / (2 * math.log(theta))

    start, end = max(math.floor(dim(high)), 0), min(math.ceil(dim(low)), size - 1)
    end = end + 0.001 if start == end else end
    scaled = []
    for i in range(size // 2):
        f = theta ** (-2 * i / size)
        ramp = min(max((i - start) / (end - start), 0.0), 1.0)
        scaled.append(f / factor * ramp + f * (1 - ramp))
    return np.array(scaled)


@mark(gradient=False)
@given(factor=static(16.0))
@given(factor=static(0.5))
def yarn_scale(factor):
    return np.array(1.0 if factor <= 1 else 0.1 * math.log(factor) + 1)


@mark(gradient=False, ulp=32.0)
@given(positions=integers(2, 4, low=-2, high=3), frequencies=static(OMEGA))
@given(positions=integers(5, low=-90000, high=90000), frequencies=static(OMEGA))
def rotary_angles(positions, frequencies):
    angle = np.asarray(positions, np.float64)[..., None] * np.array(frequencies)
    return np.angle(np.exp(1j * angle))


@mark(gradient=False, ulp=32.0)
@given(positions=integers(4, 2, low=-2, high=3), frequencies=static(OMEGA))
def rotary_axes(positions, frequencies):
    columns = [rotary_angles(p, frequencies) for p in np.moveaxis(positions, -1, 0)]
    return np.concatenate(columns, axis=-1)


@given(shape=static((2, 3, 4)))
def grid_positions(shape):
    return np.array(list(np.ndindex(*shape)), np.int32)


def _turned(one, two, angles, batch):
    z = (one + 1j * two) * np.exp(1j * np.broadcast_to(angles, (*batch, 4, 3)))[
        ..., None, :
    ]
    return z.real, z.imag


@mark(accepts=("a channel more",))
@given(x=(2, 4, 5, 8), angles=(4, 3))
@given(x=(4, 5, 6), angles=(4, 3))
@given(x=(2, 4, 5, 6), angles=(2, 4, 3))
def rotary_halves(x, angles):
    y = np.array(x)
    turned = _turned(x[..., :3], x[..., 3:6], angles, x.shape[:-3])
    y[..., :3], y[..., 3:6] = turned
    return y


@mark(accepts=("a channel more",))
@given(x=(2, 4, 5, 8), angles=(4, 3))
@given(x=(4, 5, 6), angles=(4, 3))
@given(x=(2, 4, 5, 6), angles=(2, 4, 3))
def rotary_interleaved(x, angles):
    y = np.array(x)
    y[..., 0:6:2], y[..., 1:6:2] = _turned(
        x[..., 0:6:2], x[..., 1:6:2], angles, x.shape[:-3]
    )
    return y


def _wave(p, i, size, theta):
    return np.asarray(p, np.float64) / theta ** (2 * (i // 2) / size)


@mark(gradient=False)
@given(positions=integers(2, 4, high=5000), size=static(6))
@given(positions=integers(4, high=50), size=static(4), theta=static(100.0))
def sinusoidal(positions, size, theta=10000.0):
    f = np.sin, np.cos
    waves = [f[i % 2](_wave(positions, i, size, theta)) for i in range(size)]
    return np.stack(waves, axis=-1)


@mark(gradient=False)
@given(positions=integers(2, 4, high=5000), size=static(6))
@given(positions=integers(4, high=50), size=static(4), theta=static(100.0))
def sinusoidal_halves(positions, size, theta=10000.0):
    mixed = sinusoidal(positions, size, theta)
    return np.concatenate([mixed[..., 0::2], mixed[..., 1::2]], axis=-1)


@mark(gradient=False)
@given(height=static(2), width=static(3), size=static(8))
@given(
    height=static(3),
    width=static(2),
    size=static(12),
    theta=static(100.0),
    last=static(True),
)
def sinusoidal_2d(height, width, size, theta=10000.0, last=False):
    y, x = np.mgrid[:height, :width]
    quarter = size // 4
    omega = 1 / theta ** (np.arange(quarter) / (quarter - 1 if last else quarter))
    out_x, out_y = np.einsum("hw,d->hwd", x, omega), np.einsum("hw,d->hwd", y, omega)
    waves = [np.sin(out_x), np.cos(out_x), np.sin(out_y), np.cos(out_y)]
    return np.concatenate(waves, axis=-1)


@given(x=(2, 4, 3), table=(6, 3))
@given(x=(2, 4, 3), table=(6, 3), positions=integers(4, high=6))
@given(x=(2, 4, 3), table=(6, 3), positions=integers(2, 4, high=6))
def learned_positions(x, table, positions=None):
    positions = np.arange(x.shape[-2]) if positions is None else positions
    places = np.broadcast_to(positions, x.shape[:-1])
    y = np.array(x)
    for at in np.ndindex(*places.shape):
        y[at] += table[places[at]]
    return y


@given(rows=(2, 5), columns=(3, 5))
def factorized_positions(rows, columns):
    return np.array([[r + c for c in columns] for r in rows])


@mark(gradient=False)
@given(heads=static(8))
@given(heads=static(12))
@given(heads=static(1))
def alibi_slopes(heads):
    """The authors' recursion."""

    def of_power(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]

    if math.log2(heads).is_integer():
        return np.array(of_power(heads))
    closest = 2 ** math.floor(math.log2(heads))
    more = alibi_slopes(2 * closest)[0::2][: heads - closest]
    return np.array([*of_power(closest), *more])


@given(slopes=(3,), positions=integers(4, high=9))
@given(slopes=(3,), positions=integers(4, high=9), key_positions=integers(5, high=9))
def alibi_bias(slopes, positions, key_positions=None):
    keys = positions if key_positions is None else key_positions
    return np.array(
        [[[-m * abs(i - j) for j in keys] for i in positions] for m in slopes]
    )


@mark(gradient=False)
@given(offsets=integers(7, 11, low=-300, high=300))
@given(offsets=integers(99, low=-300, high=300), bidirectional=static(False))
@given(
    offsets=integers(99, low=-50, high=50), buckets=static(10), max_distance=static(20)
)
def relative_buckets(offsets, buckets=32, max_distance=128, bidirectional=True):
    """The published `_relative_position_bucket`, in NumPy."""
    ret, n = 0, -np.asarray(offsets, np.int64)
    if bidirectional:
        buckets //= 2
        ret = ret + (n < 0).astype(np.int64) * buckets
        n = np.abs(n)
    else:
        n = np.maximum(n, 0)
    exact = buckets // 2
    ratio = np.log(np.maximum(n, 1) / exact) / np.log(max_distance / exact)
    large = exact + (ratio * (buckets - exact) + 1e-12).astype(np.int64)
    large = np.minimum(large, buckets - 1)
    return (ret + np.where(n < exact, n, large)).astype(np.int32)


@given(table=(6, 3), positions=integers(4, high=40))
@given(
    table=(32, 3),
    positions=integers(4, high=200),
    key_positions=integers(5, high=200),
    bidirectional=static(False),
)
def relative_bias(
    table, positions, key_positions=None, max_distance=128, bidirectional=True
):
    keys = np.asarray(positions if key_positions is None else key_positions)
    offsets = keys[None] - np.asarray(positions)[:, None]
    ids = relative_buckets(offsets, table.shape[0], max_distance, bidirectional)
    return np.moveaxis(table[ids], -1, 0)
