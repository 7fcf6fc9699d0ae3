"""The counts of `assay.costs`, counted one by one."""

import itertools

import jax
import numpy as np

from assay.verify.mirrors._given import given, mark, static

COUNTED = "counted"


def _windows(n, k, stride, padding, dilation=1):
    """The positions that each window of one axis looks at, the padding included."""
    reach = (k - 1) * dilation + 1
    missing = max((-(-n // stride) - 1) * stride + reach - n, 0)
    around = {
        "VALID": (0, 0),
        "SAME": (missing // 2, missing - missing // 2),
        "SAME_LOWER": (missing - missing // 2, missing // 2),
        "CIRCULAR": ((reach - 1) // 2, reach // 2),
    }
    low, high = around[padding] if isinstance(padding, str) else padding
    tape = range(-low, n + high)
    return [
        w for i in range(0, len(tape), stride) if len(w := tape[i : i + reach]) == reach
    ]


def _each(value, shape):
    return (value,) * len(shape) if isinstance(value, int) else value


def _axes(shape, window, padding, strides=1):
    axes = zip(shape, window, _each(strides, shape), strict=True)
    return [_windows(n, k, s, padding) for n, k, s in axes]


@mark(source=COUNTED, gradient=False)
@given(shape=static((28, 28)), window=static((5, 5)))
@given(
    shape=static((7, 9, 4)),
    window=static((3, 2, 1)),
    strides=static((2, 3, 1)),
    padding=static("SAME"),
    dilation=static((1, 2, 1)),
)
@given(
    shape=static((7, 9)),
    window=static((3, 4)),
    strides=static((2, 3)),
    padding=static("CIRCULAR"),
    dilation=static((1, 2)),
)
def conv_output_shape(shape, window, strides=1, padding="VALID", dilation=1):
    strides, dilation = _each(strides, shape), _each(dilation, shape)
    axes = zip(shape, window, strides, dilation, strict=True)
    return tuple(len(_windows(n, k, s, padding, d)) for n, k, s, d in axes)


@mark(source=COUNTED, gradient=False)
@given(shape=static((7, 9, 4)), window=static((3, 2, 1)))
@given(
    shape=static((7, 9)),
    window=static((3, 2)),
    strides=static((2, 3)),
    padding=static("SAME"),
    dilation=static((1, 2)),
)
@given(
    shape=static((8, 9)),
    window=static((2, 3)),
    strides=static(3),
    ceil_mode=static(True),
)
@given(
    shape=static((6, 9)),
    window=static((3, 2)),
    padding=static(((1, 0), (0, 1))),
    ceil_mode=static(True),
)
def pool_output_shape(
    shape, window, strides=None, padding="VALID", dilation=1, ceil_mode=False
):
    strides = window if strides is None else _each(strides, shape)
    pads = [padding] * len(shape) if isinstance(padding, str) else padding
    axes = zip(shape, window, strides, pads, _each(dilation, shape), strict=True)
    sizes = []
    for n, k, s, p, d in axes:
        looks = _windows(n, k, s, p, d)
        # One more where some input is left and a window begins before its end.
        more = ceil_mode and looks[-1][-1] < n - 1 and looks[-1][0] + s < n
        sizes.append(len(looks) + more)
    return tuple(sizes)


@mark(source=COUNTED, gradient=False)
@given(shape=static((5, 4)), window=static((3, 2)))
@given(
    shape=static((5, 4)),
    window=static((3, 2)),
    strides=static((2, 3)),
    padding=static("SAME"),
    dilation=static((1, 2)),
)
@given(
    shape=static((5, 4)), window=static((3, 4)), strides=static(2), padding=static(1)
)
def conv_transpose_output_shape(shape, window, strides=1, padding="VALID", dilation=1):
    strides, dilation = _each(strides, shape), _each(dilation, shape)
    sizes = []
    for n, k, s, d in zip(shape, window, strides, dilation, strict=True):
        touched = {t * s + d * j for t in range(n) for j in range(k)}
        valid = max(*touched, n * s - 1) + 1
        full = max(touched) + 1
        lone = isinstance(padding, int)
        sizes.append(
            full - 2 * padding if lone else valid if padding == "VALID" else n * s
        )
    return tuple(sizes)


@mark(source=COUNTED, gradient=False)
@given(
    shape=static((6, 5)),
    window=static((3, 2)),
    inputs=static(2),
    outputs=static(3),
    strides=static((2, 1)),
    padding=static("VALID"),
)
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(2), outputs=static(3))
def conv_multiplications(shape, window, inputs, outputs, strides=1, padding="SAME"):
    count = 0
    for look in itertools.product(*_axes(shape, window, padding, strides)):
        for _ in itertools.product(*look, range(inputs), range(outputs)):
            count += 1
    return count


@mark(source=COUNTED, gradient=False)
@given(shape=static((3, 2)), window=static((3, 4)), inputs=static(2), outputs=static(5))
def conv_transpose_multiplications(shape, window, inputs, outputs):
    ranges = map(range, (*shape, *window, inputs, outputs))
    return sum(1 for _ in itertools.product(*ranges))


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(2), outputs=static(3))
@given(
    shape=static((4, 3, 3)),
    window=static((2, 1, 2)),
    inputs=static(2),
    outputs=static(3),
    strides=static(2),
    padding=static("VALID"),
)
def deformable_multiplications(
    shape, window, inputs, outputs, strides=1, padding="SAME"
):
    count = 0
    for look in itertools.product(*_axes(shape, window, padding, strides)):
        for _ in itertools.product(*look, range(inputs)):
            count += sum(1 for _ in itertools.product((0, 1), repeat=len(shape)))
            count += outputs
    return count


def _butterflies(n):
    """Complex multiplications of a transform of 2ᵐ numbers by halves."""
    return 0 if n == 1 else 2 * _butterflies(n // 2) + n // 2


@mark(source=COUNTED, gradient=False)
@given(
    shape=static((5, 14)), window=static((4, 3)), inputs=static(2), outputs=static(3)
)
@given(
    shape=static((16,)),
    window=static((9,)),
    inputs=static(3),
    outputs=static(1),
    padding=static("VALID"),
)
def fft_conv_multiplications(shape, window, inputs, outputs, padding="SAME"):
    sizes = [
        max(w[-1] for w in looks) - looks[0][0] + 1
        for looks in _axes(shape, window, padding)
    ]
    # Four real products a complex one, and half of the numbers, as they are real.
    lines = [int(np.prod(sizes)) // n * _butterflies(n) for n in sizes]
    transforms = sum(4 * n // 2 for n in lines) * (inputs + inputs * outputs + outputs)
    frequencies = int(np.prod(sizes)) // 2
    return transforms + 4 * frequencies * inputs * outputs


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(4))
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(4), strides=static(2))
def depthwise_multiplications(shape, window, inputs, strides=1, padding="SAME"):
    looks = itertools.product(*_axes(shape, window, padding, strides))
    return sum(1 for look in looks for _ in itertools.product(*look, range(inputs)))


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), inputs=static(4), outputs=static(3))
def pointwise_multiplications(shape, inputs, outputs):
    ranges = map(range, (*shape, inputs, outputs))
    return sum(1 for _ in itertools.product(*ranges))


@mark(source=COUNTED, gradient=False)
@given(
    shape=static((6, 5)),
    window=static((3, 2)),
    inputs=static(4),
    outputs=static(3),
    strides=static((1, 2)),
    padding=static("VALID"),
)
def separable_multiplications(
    shape, window, inputs, outputs, strides=1, padding="SAME"
):
    count = 0
    for look in itertools.product(*_axes(shape, window, padding, strides)):
        for _ in range(inputs):
            count += sum(1 for _ in itertools.product(*look)) + outputs
    return count


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), window=static((3, 2)))
@given(shape=static((6, 5)), window=static((3, 2)), padding=static("VALID"))
@given(shape=static((6, 5)), window=static((3, 4)), padding=static("CIRCULAR"))
@given(shape=static((6, 5)), window=static((3, 2)), strides=static((2, 1)))
def spatially_separable_multiplications(shape, window, strides=1, padding="SAME"):
    rows, columns = _axes(shape, window, padding, strides)
    wide = range(columns[0][0], columns[-1][-1] + 1)
    inside = wide if padding == "CIRCULAR" else range(shape[1])
    first = sum(len(look) for look in rows for _ in inside)
    return first + sum(len(look) for look in columns for _ in rows)


@mark(source=COUNTED, gradient=False)
@given(params=static({"a": [[1.0, 2.0], [3.0, 4.0]], "b": (5.0,)}))
def parameters(params):
    return len(jax.tree.leaves(params))


@mark(source=COUNTED, gradient=False)
@given(samples=static(10), batch_size=static(4), epochs=static(3))
@given(samples=static(10), batch_size=static(4), drop_last=static(True))
@given(samples=static(8), batch_size=static(4), drop_last=static(True))
def iterations(samples, batch_size, epochs=1, drop_last=False):
    count = 0
    for _ in range(epochs):
        for start in range(0, samples, batch_size):
            count += not (drop_last and start + batch_size > samples)
    return count
