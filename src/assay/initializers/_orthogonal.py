"""Uniformly drawn orthogonal matrices, alone and in the middle of a window."""

import math

import jax
import jax.numpy as jnp

from assay import _check
from assay.initializers._protocol import default_float, middle, placed, windowed
from assay.typing import Array, DType, Initializer, Key, Scalar


def orthogonal(
    scale: Scalar = 1.0, column_axis: int = -1, dtype: DType | None = None
) -> Initializer:
    """scale · Q, uniformly drawn: orthonormal columns, or rows if they are fewer.

    >>> q = orthogonal()(jax.random.key(0), (3, 2))
    >>> jnp.allclose(q.T @ q, jnp.eye(2), atol=1e-6).tolist()
    True

    Saxe et al. 2013, arXiv:1312.6120; drawn as Mezzadri 2007, arXiv:math-ph/0609050.

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype, shape = default_float(dtype), tuple(shape)
        layout = "(a matrix, or more axes that count as rows)"
        _check.rank_at_least("orthogonal", "the array", jnp.empty(shape), 2, layout)
        columns = shape[column_axis]
        rest = [n for a, n in enumerate(shape) if a != column_axis % len(shape)]
        q = _orthonormal(key, math.prod(rest), columns, dtype).reshape(*rest, columns)
        q = jnp.moveaxis(q, -1, column_axis) * jnp.asarray(scale, dtype)
        return placed(q, out_sharding)

    return init


def delta_orthogonal(
    scale: Scalar = 1.0, column_axis: int = -1, dtype: DType | None = None
) -> Initializer:
    """A convolution's kernel of zeros but for `orthogonal` in the window's middle.

    Under "SAME" padding such a layer keeps the norm of its input; it may have no fewer
    outputs than inputs. The middle of a window of k is (k − 1) // 2.

    >>> kernel = delta_orthogonal()(jax.random.key(0), (3, 3, 2, 4))
    >>> jnp.allclose(kernel[1, 1] @ kernel[1, 1].T, jnp.eye(2), atol=1e-6).tolist()
    True

    Xiao et al. 2018, arXiv:1806.05393.

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype, shape = default_float(dtype), tuple(shape)
        windowed("delta_orthogonal", shape)
        *window, i, o = shape
        if i > o:
            must = "there may be no fewer outputs than inputs"
            todo = "Use orthogonal, or exchange the two."
            _check.fail("delta_orthogonal", must, f"shape={shape}", todo)
        matrix = orthogonal(scale, column_axis)(key, (i, o), dtype)
        kernel = jnp.zeros(shape, dtype).at[middle(window)].set(matrix)
        return placed(kernel, out_sharding)

    return init


def _orthonormal(key: Key, rows: int, columns: int, dtype: DType) -> Array:
    """Q of a Gaussian matrix, with the signs that make it uniform."""
    if not rows or not columns:
        return jnp.zeros((rows, columns), dtype)
    half = jnp.finfo(dtype).bits < 32  # for which there is no QR
    working = jnp.float32 if half else dtype
    return jax.random.orthogonal(key, rows, (), working, columns).astype(dtype)
