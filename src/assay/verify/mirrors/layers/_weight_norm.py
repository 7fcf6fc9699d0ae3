"""Normalized weights, output by output in NumPy."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, static


def _weights(rng: np.random.Generator) -> np.ndarray:
    """Columns of ordinary, tiny and huge weights, and one of zeros."""
    return rng.standard_normal((6, 4)) * [1, 1e-25, 1e30, 0]


@given(kernel=(5, 3), scale=(3,))
@given(kernel=(3, 2, 5, 4), scale=(4,))
@given(kernel=Draw(_weights, differentiable=False), scale=(4,))
def weight_norm(kernel, scale):
    w = np.zeros(kernel.shape)
    for o in range(kernel.shape[-1]):
        v = np.asarray(kernel[..., o], np.longdouble)
        size = np.sqrt((v**2).sum())
        w[..., o] = v * (scale[o] / size if size else 0)
    return w


@given(kernel=(5, 3), scale=(3,))
@given(kernel=(3, 2, 5, 4), eps=static(0.25))
@given(kernel=Draw(lambda rng: 3 + 1e-3 * rng.standard_normal((6, 4)), False))
def weight_standardize(kernel, scale=None, eps=1e-10):
    w = np.zeros(kernel.shape)
    for o in range(kernel.shape[-1]):
        v = np.asarray(kernel[..., o], np.longdouble)
        off = v - v.sum() / v.size
        gain = 1 if scale is None else scale[o]
        w[..., o] = off / np.sqrt((off**2).sum() / v.size + eps) * gain
    return w


@mark(gradient=False, source="power iteration in NumPy", why="u and v are constants")
@given(kernel=(5, 3), u=(3,))
@given(kernel=(3, 2, 5, 4), u=(4,), steps=static(3))
@given(kernel=(5, 4), u=(4,), steps=static(0))
@given(kernel=Draw(lambda rng: 1e37 * rng.standard_normal((5, 4))), u=(4,))
def spectral_norm(kernel, u, steps=1):
    rows, o = kernel.size // kernel.shape[-1], kernel.shape[-1]
    w = [[kernel.reshape(rows, o)[i, j] for j in range(o)] for i in range(rows)]
    w = np.array(w, np.longdouble)

    def unit(z):
        return z / np.sqrt((z**2).sum())

    v = unit((w * u).sum(1))
    for k in range(steps):
        v = unit((w * u).sum(1)) if k else v
        u = unit((w * v[:, None]).sum(0))
    sigma = (w * v[:, None] * u).sum()
    return (kernel / sigma).astype(float), u.astype(float)
