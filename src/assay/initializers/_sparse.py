"""Matrices of which a part is zero."""

import math

import jax
import jax.numpy as jnp

from assay import _check
from assay.initializers._protocol import default_float, placed
from assay.initializers._random import normal
from assay.typing import DType, Initializer, Scalar


def sparse(
    sparsity: float,
    *,
    stddev: Scalar = 0.01,
    axis: int = -2,
    dtype: DType | None = None,
) -> Initializer:
    """stddev · N(0, 1), but ⌈sparsity · n⌉ of the n entries along `axis` are 0.

    Which ones is drawn for each column by itself. Over the inputs, which is the
    default, every output has that many connections fewer.

    >>> w = sparse(0.75)(jax.random.key(0), (8, 3))
    >>> (w == 0).sum(0).tolist()
    [6, 6, 6]

    torch.nn.init.sparse_; Martens 2010, ICML.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    _check.within("sparse", "sparsity", sparsity, 0, 1)

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype, shape = default_float(dtype), tuple(shape)
        empty = jax.ShapeDtypeStruct(shape, dtype)
        _check.rank_at_least("sparse", "the array", empty, 2, "(…, i, o)")
        values, order = jax.random.split(key)
        n = shape[axis]
        line = [n if a == axis % len(shape) else 1 for a in range(len(shape))]
        gone = (jnp.arange(n) < math.ceil(sparsity * n)).reshape(line)
        gone = jnp.broadcast_to(gone, shape)
        gone = jax.random.permutation(order, gone, axis, independent=True)
        kept = jnp.where(gone, 0, normal(stddev)(values, shape, dtype))
        return placed(kept, out_sharding)

    return init
