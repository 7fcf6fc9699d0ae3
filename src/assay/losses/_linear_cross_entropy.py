"""A linear layer and its cross-entropy in one, for vocabularies that fill the memory.

The logits of all tokens never stand side by side: they are made, used and forgotten
a chunk of tokens at a time, and their gradient with them. The reverse pass therefore
has nothing to compute but a product with its cotangent. Liger kernels do the same,
arXiv:2410.10989.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.autodiff import with_backward
from assay.losses._integer_labels import _class_cost, _class_excess, _labels_are_classes
from assay.typing import Array, Bool, Float, Int, Num

_PARTS = 32  # the logits of a chunk are this part of all of them
# Tokens of a chunk, at least: with fewer the products wait for the kernel, of which
# each chunk adds one. At a vocabulary of 131k, plain / fused is 0.77 with 128 of them
# and 0.94 with 256; at 32k it is 1.02 and 0.86.
_SHORTEST = {2**16: 128, math.inf: 256}


def _times(a: Array, b: Array) -> Array:
    """a @ b, accumulated in at least float32."""
    return jnp.matmul(a, b, preferred_element_type=_wide(a))


def _wide(x: Any) -> Any:
    """The dtype in which sums of products of x's entries are made."""
    dtype = jnp.result_type(x)
    return dtype if dtype.itemsize > 4 else jnp.float32


def _split(kernel: Array, x: Array) -> Array:
    """Rows as (chunks, size, ...), the last chunk filled up with zeros."""
    shortest = next(n for top, n in _SHORTEST.items() if kernel.shape[1] <= top)
    size = min(max(shortest, -(-len(x) // _PARTS)), max(len(x), 1))
    padding = ((0, -len(x) % size), *((0, 0),) * (x.ndim - 1))
    return jnp.pad(x, padding).reshape(-1, size, *x.shape[1:])


def _joined(y: Array, like: Array) -> Array:
    return y.reshape(-1, *y.shape[2:])[: len(like)]


def _plain(hidden, kernel, labels, weights):
    """The definition; in chunks too, so that forward mode needs no more memory."""

    def costs(rows):
        h, y, w = rows
        return w * _class_cost(_times(h, kernel), y)

    rows = jax.tree.map(functools.partial(_split, kernel), (hidden, labels, weights))
    return _joined(jax.lax.map(costs, rows), labels)


def _excess(hidden, kernel, labels, weights):
    """weights · (softmax − one_hot), in the dtype that is multiplied."""
    excess = _class_excess(_times(hidden, kernel), labels)
    return (weights[:, None] * excess).astype(kernel.dtype)


def _nothing(kernel):
    """Zeros to add up in, that vary over the devices where the kernel does."""
    zeros = jnp.zeros(kernel.shape, _wide(kernel))
    return jnp.where(jnp.isnan(kernel), zeros, zeros)


def _forward(hidden, kernel, labels, weights):
    """The costs, and the gradients that they have where all cotangents are 1."""

    def step(total, rows):
        h, y, w = rows
        cost = _class_cost(_times(h, kernel), y)
        excess = _excess(h, kernel, y, w)
        return total + _times(h.T, excess), (cost, _times(excess, kernel.T))

    rows = jax.tree.map(functools.partial(_split, kernel), (hidden, labels, weights))
    d_kernel, (costs, d_hidden) = jax.lax.scan(step, _nothing(kernel), rows)
    costs, d_hidden = _joined(costs, labels), _joined(d_hidden, labels)
    return weights * costs, (costs, d_hidden, d_kernel)


def _backward(args, residuals, ct):
    """One cotangent for all rows that count, as of a mean, is a factor; else anew."""
    hidden, kernel, labels, weights = args
    costs, d_hidden, d_kernel = residuals
    counts = weights != 0
    least = jnp.min(jnp.where(counts, ct, jnp.inf), initial=jnp.inf)
    most = jnp.max(jnp.where(counts, ct, -jnp.inf), initial=-jnp.inf)
    common = jnp.where(jnp.isfinite(most), most, 0)

    def anew():
        def step(total, rows):
            h, y, w = rows
            return total + _times(h.T, _excess(h, kernel, y, w)), None

        rows = jax.tree.map(
            functools.partial(_split, kernel), (hidden, labels, ct * weights)
        )
        return jax.lax.scan(step, _nothing(kernel), rows)[0]

    d_kernel = jax.lax.cond(least >= most, lambda: common * d_kernel, anew)
    d_hidden = (ct[:, None] * d_hidden).astype(hidden.dtype)
    return d_hidden, d_kernel.astype(kernel.dtype), None, ct * costs


_costs = with_backward(_plain, _forward, _backward)


def linear_cross_entropy(
    hidden: Float[Array, "*batch i"],
    kernel: Float[Array, "i o"],
    labels: Int[Array, "*batch"],
    weights: Num[Array, "*batch"] | None = None,
    *,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "*batch"]:
    """−weight · log softmax(hidden · kernel)[label], and no array of all logits.

    The gradient is made on the way forward, a chunk of rows at a time: three products,
    as by hand. That needs one cotangent for all rows, as a mean or a sum has: weigh the
    examples by `weights` here, not by a product behind, which costs two more.

    >>> hidden, kernel = jnp.ones((3, 2)), jnp.zeros((2, 4))
    >>> linear_cross_entropy(hidden, kernel, jnp.array([0, 1, 3])).tolist()
    [1.386..., 1.386..., 1.386...]

    Wijmans et al. 2024, arXiv:2411.09009; Hsu et al. 2024, arXiv:2410.10989.

    Float32, CPU: within 4 ULP of the logits.
    """
    who = "linear_cross_entropy"
    _check_shapes(who, hidden, kernel, labels)
    labels = jnp.asarray(labels)
    kept = jnp.broadcast_to(jnp.asarray(True if where is None else where), labels.shape)
    _labels_are_classes(who, labels, jnp.shape(kernel)[-1], kept)
    weights = jnp.asarray(1 if weights is None else weights, _wide(hidden))
    weights = jnp.where(kept, jnp.broadcast_to(weights, labels.shape), 0)
    hidden = jnp.where(kept[..., None], hidden, 0)
    labels = jnp.where(kept, labels, 0)
    rows = hidden.reshape(-1, hidden.shape[-1])
    y = _costs(rows, jnp.asarray(kernel), labels.reshape(-1), weights.reshape(-1))
    return _numerics.narrow(y.reshape(labels.shape), hidden)


def _check_shapes(who: str, hidden: Any, kernel: Any, labels: Any) -> None:
    _check.floating(who, hidden=hidden, kernel=kernel)
    _check.integer(who, labels=labels)
    if jnp.shape(labels) != jnp.shape(hidden)[:-1]:
        must = "labels must have the shape of hidden without its last axis"
        _check.fail(who, must, f"{jnp.shape(labels)} and {jnp.shape(hidden)}")
    if jnp.ndim(kernel) != 2 or jnp.shape(kernel)[0] != jnp.shape(hidden)[-1]:
        must = "kernel must have as many rows as hidden has features"
        _check.fail(who, must, f"{jnp.shape(kernel)} and {jnp.shape(hidden)}")
