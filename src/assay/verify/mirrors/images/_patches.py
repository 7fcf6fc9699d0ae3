"""Windows as loops over places and positions, in NumPy."""

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, static


def _each(v, d):
    return (v,) * d if isinstance(v, int) else tuple(v)


def _pads(padding, sizes, reach, strides):
    if padding == "VALID":
        return [(0, 0)] * len(sizes)
    if padding != "SAME":
        return [(p, p) if isinstance(p, int) else p for p in padding]
    pads = []
    for n, k, s in zip(sizes, reach, strides, strict=True):
        total = max((int(np.ceil(n / s)) - 1) * s + k - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def _plan(sizes, window, strides, padding, dilation):
    """(output sizes, [(window, position, pixel)]) with the pixels that exist."""
    d = len(window)
    strides, dilation = _each(strides, d), _each(dilation, d)
    reach = [(k - 1) * e + 1 for k, e in zip(window, dilation, strict=True)]
    pads = _pads(padding, sizes, reach, strides)
    out = [
        (n + sum(p) - r) // s + 1
        for n, p, r, s in zip(sizes, pads, reach, strides, strict=True)
    ]
    plan = []
    for i in np.ndindex(*out):
        for k, at in enumerate(np.ndindex(*window)):
            axes = zip(i, strides, at, dilation, pads, strict=True)
            j = tuple(a * s + b * e - low for a, s, b, e, (low, _) in axes)
            if all(0 <= a < n for a, n in zip(j, sizes, strict=True)):
                plan.append((i, k, j))
    return out, plan


@given(x=(2, 5, 6, 3), window=static((2, 3)))
@given(x=(2, 7, 6, 3), window=static((2, 3)), strides=static((2, 3)))
@given(
    x=(5, 6, 3),
    window=static((3, 2)),
    strides=static((2, 1)),
    padding=static("SAME"),
    dilation=static((1, 2)),
)
@given(
    x=integers(7, 2, high=9),
    window=static((2,)),
    padding=static(((2, 1),)),
    dilation=static(3),
)
@given(x=(2, 3, 4, 5, 2), window=static((2, 3, 2)))
@mark(source="a loop over windows", ulp=0)
def unfold(x, window, strides=1, padding="VALID", dilation=1):
    d, x = len(window), np.asarray(x)
    sizes, c = x.shape[-d - 1 : -1], x.shape[-1]
    out, plan = _plan(sizes, window, strides, padding, dilation)
    y = np.zeros((*x.shape[: -d - 1], *out, int(np.prod(window)) * c), x.dtype)
    for i, k, j in plan:
        y[(..., *i, slice(k * c, (k + 1) * c))] = x[(..., *j, slice(None))]
    return y


@given(y=(2, 4, 4, 18), size=static((5, 6)), window=static((2, 3)))
@given(
    y=(2, 3, 2, 12), size=static((7, 6)), window=static((2, 3)), strides=static((2, 3))
)
@given(
    y=(3, 6, 12),
    size=static((5, 6)),
    window=static((3, 2)),
    strides=static((2, 1)),
    padding=static("SAME"),
    dilation=static((1, 2)),
)
@given(
    y=integers(7, 4, high=9),
    size=static((7,)),
    window=static((2,)),
    padding=static(((2, 1),)),
    dilation=static(3),
)
@given(y=(2, 2, 4, 24), size=static((3, 4, 5)), window=static((2, 3, 2)))
# A sum of as many as 9 that cancel, in ULP of the largest channel.
@mark(source="a loop over windows", rows=True)
def fold(y, size, window, strides=1, padding="VALID", dilation=1):
    d, y = len(window), np.asarray(y)
    c = y.shape[-1] // int(np.prod(window))
    x = np.zeros((*y.shape[: -d - 1], *size, c), y.dtype)
    for i, k, j in _plan(size, window, strides, padding, dilation)[1]:
        x[(..., *j, slice(None))] += y[(..., *i, slice(k * c, (k + 1) * c))]
    return x
