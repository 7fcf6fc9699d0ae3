"""The counts of `assay.costs`, counted one by one."""

import itertools

import jax

from assay.verify.mirrors._given import given, mark, static

COUNTED = "counted"


def _windows(n, k, stride, padding, dilation=1):
    """The positions that each window of one axis looks at, the padding included."""
    reach = (k - 1) * dilation + 1
    if padding == "SAME":
        missing = max((-(-n // stride) - 1) * stride + reach - n, 0)
        low, high = missing // 2, missing - missing // 2
    else:
        low, high = (0, 0) if padding == "VALID" else padding
    tape = range(-low, n + high)
    return [
        w for i in range(0, len(tape), stride) if len(w := tape[i : i + reach]) == reach
    ]


def _axes(shape, window, padding):
    return [_windows(n, k, 1, padding) for n, k in zip(shape, window, strict=True)]


@mark(source=COUNTED, gradient=False)
@given(shape=static((28, 28)), window=static((5, 5)))
@given(
    shape=static((7, 9, 4)),
    window=static((3, 2, 1)),
    strides=static((2, 3, 1)),
    padding=static("SAME"),
    dilation=static((1, 2, 1)),
)
def conv_output_shape(shape, window, strides=1, padding="VALID", dilation=1):
    if isinstance(strides, int):
        strides = (strides,) * len(shape)
    if isinstance(dilation, int):
        dilation = (dilation,) * len(shape)
    axes = zip(shape, window, strides, dilation, strict=True)
    return tuple(len(_windows(n, k, s, padding, d)) for n, k, s, d in axes)


@mark(source=COUNTED, gradient=False)
@given(
    shape=static((6, 5)),
    window=static((3, 2)),
    inputs=static(2),
    outputs=static(3),
    padding=static("VALID"),
)
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(2), outputs=static(3))
def conv_multiplications(shape, window, inputs, outputs, padding="SAME"):
    count = 0
    for look in itertools.product(*_axes(shape, window, padding)):
        for _ in itertools.product(*look, range(inputs), range(outputs)):
            count += 1
    return count


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), window=static((3, 2)), inputs=static(4))
def depthwise_multiplications(shape, window, inputs, padding="SAME"):
    looks = itertools.product(*_axes(shape, window, padding))
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
    padding=static("VALID"),
)
def separable_multiplications(shape, window, inputs, outputs, padding="SAME"):
    count = 0
    for look in itertools.product(*_axes(shape, window, padding)):
        for _ in range(inputs):
            count += sum(1 for _ in itertools.product(*look)) + outputs
    return count


@mark(source=COUNTED, gradient=False)
@given(shape=static((6, 5)), window=static((3, 2)))
@given(shape=static((6, 5)), window=static((3, 2)), padding=static("VALID"))
def spatially_separable_multiplications(shape, window, padding="SAME"):
    rows, columns = _axes(shape, window, padding)
    first = sum(len(look) for look in rows for _ in range(shape[1]))
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
