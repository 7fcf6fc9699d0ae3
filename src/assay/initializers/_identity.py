"""Kernels that pass their input on: a matrix, a convolution, a magnification."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.initializers._protocol import default_float, middle, placed, windowed
from assay.typing import DType, Initializer, Scalar


def identity(scale: Scalar = 1.0, dtype: DType | None = None) -> Initializer:
    """scale · I over the last two axes, square or not; more axes repeat it.

    >>> identity()(jax.random.key(0), (2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    Float32, CPU: within 0.5 ULP.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        del key
        dtype, shape = default_float(dtype), tuple(shape)
        empty = jax.ShapeDtypeStruct(shape, dtype)
        _check.rank_at_least("identity", "the array", empty, 2, "(…, i, o)")
        eye = jnp.eye(*shape[-2:], dtype=dtype) * jnp.asarray(scale, dtype)
        return placed(jnp.broadcast_to(eye, shape), out_sharding)

    return init


eye = identity


def dirac(*, groups: int = 1, dtype: DType | None = None) -> Initializer:
    """A convolution's kernel that hands each channel on, as many as there are.

    1 in the window's middle where input and output are the same channel of a group, 0
    elsewhere: under "SAME" padding the layer is the identity. The middle of a window of
    k is (k − 1) // 2, where XLA pads so; torch's, k // 2, is another for an even k.

    >>> dirac()(jax.random.key(0), (3, 1, 1)).ravel().tolist()
    [0.0, 1.0, 0.0]

    torch.nn.init.dirac_; Zagoruyko and Komodakis 2017, arXiv:1706.00388.

    Float32, CPU: within 0 ULP.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        del key
        dtype, shape = default_float(dtype), tuple(shape)
        kernel = np.zeros(shape, np.float32)
        kernel[middle(shape[:-2])] = _same_channels("dirac", shape, groups)
        return placed(jnp.asarray(kernel, dtype), out_sharding)

    return init


def bilinear_upsampling(*, groups: int = 1, dtype: DType | None = None) -> Initializer:
    """Triangles Πₐ (1 − |xₐ − cₐ| / fₐ) between equal channels: linear interpolation.

    For a transposed convolution with strides s and a window of k = 2s − s mod 2 along
    each axis (any number of them); f = ⌈k/2⌉, c the middle; depthwise with `groups`.

    >>> bilinear_upsampling()(jax.random.key(0), (4, 1, 1)).ravel().tolist()
    [0.25, 0.75, 0.75, 0.25]

    Long et al. 2015, arXiv:1411.4038.

    Float32, CPU: within 0.5 ULP.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        del key
        dtype, shape = default_float(dtype), tuple(shape)
        channels = _same_channels("bilinear_upsampling", shape, groups)
        triangles = [_triangle(k) for k in shape[:-2]]
        window = functools.reduce(np.multiply.outer, triangles)
        kernel = window[..., None, None] * channels
        return placed(jnp.asarray(kernel, dtype), out_sharding)

    return init


def _triangle(k: int) -> np.ndarray:
    """Weights of linear interpolation over a window of k."""
    return 1 - np.abs(np.arange(k) - (k - 1) / 2) / ((k + 1) // 2)


def _same_channels(who: str, shape: tuple, groups: int) -> Any:
    """(i, o): 1 where an output is that input of its group."""
    windowed(who, shape)
    i, o = shape[-2:]
    if o % groups:
        got = f"shape={shape}, groups={groups}"
        _check.fail(who, "the outputs must be a multiple of groups", got)
    return np.arange(i)[:, None] == np.arange(o) % (o // groups)
