"""Two ways to lay out the steps of a sequence, with one vocabulary.

"columns" is for wide kernels on CPU: features × batch, so that they stand left of every
product, where they are read row by row; x_t W is computed in the step, as a slice of a
product hoisted out of the loop would be read by the gates one number at a time, and
with h U in one product where a cell adds the two: 1.4 times as fast as two. "rows" is
for the others: batch × features, and x W is one product before the loop.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.layers._precision import wide
from assay.typing import Array

# XLA's product on CPU sums a row in another order where there are few rows, or one
# column; its bits depended on the number of rows below 100 (a search of 1 to 2048 rows,
# 8 to 4096 terms, 4 to 500 columns). Padding in time may not change a bit.
MIN_ROWS = 128


class Layout(NamedTuple):
    """How a rule of a cell multiplies, cuts and joins; gates are along `axis`."""

    axis: int  # of the features, in one step and in all of them
    order: tuple[int, int, int]  # of the axes (batch, time, features)
    times: Callable  # kernel -> (v ↦ v · kernel)
    against: Callable  # kernel -> (g ↦ g · kernelᵀ): how cotangents go back
    gradient: Callable  # (v, g) of all steps -> the cotangent of the kernel
    # (x, kernel, bias, U or None) -> (what a loop slices, (slice, h) ↦ x_t W + h U + b)
    inputs: Callable
    of_x: Callable  # (kernel, g) of all steps -> the cotangent of x, (b, t, i)

    def split(self, v: Array, parts: int) -> list[Array]:
        """Equal parts of the features."""
        return jnp.split(v, parts, axis=self.axis)

    def join(self, parts: Sequence[Array]) -> Array:
        """The inverse of `split`."""
        return jnp.concatenate(parts, axis=self.axis)

    def spread(self, bias: Array, like: Array) -> Array:
        """A bias laid over one step."""
        laid = jnp.expand_dims(bias, (-1 if self.axis == -2 else 0,))
        return jnp.broadcast_to(laid, like.shape).astype(like.dtype)

    def step(self, v: Array) -> Array:
        """(batch, features) of one step in this layout, and the way back."""
        return v.T if self.axis == -2 else v

    def steps(self, v: Array) -> Array:
        """(batch, time, features) in this layout."""
        return jnp.transpose(v, self.order)

    def back(self, v: Array) -> Array:
        """The inverse of `steps`."""
        inverse = [self.order.index(a) for a in range(3)]
        return jnp.transpose(v, inverse)

    def unravel(self, flat: Array, shape: tuple[int, int, int]) -> Array:
        """All steps again, of x's `shape`, from their numbers in a row."""
        sizes = (
            (shape[1], -1, shape[0]) if self.axis == -2 else (shape[1], shape[0], -1)
        )
        return flat.reshape(sizes)

    def total(self, g: Array) -> Array:
        """The cotangent of a bias: the sum over steps and batch."""
        return jnp.sum(g, axis=(0, 2 if self.axis == -2 else 1))

    def where(self, mask: Array, a: Array, b: Array) -> Array:
        """`a` where the mask, (…, batch), is True."""
        laid = jnp.expand_dims(mask, self.axis)
        return jnp.where(jnp.broadcast_to(laid, a.shape), a, b)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, preferred_element_type=wide(jnp.result_type(a)))


def _in_columns(kernel: Array) -> Callable:
    turned = kernel.T
    return lambda v: _product(turned, v)


def _in_rows(kernel: Array) -> Callable:
    return lambda v: _product(v, kernel)


def _flat(g: Array) -> Array:
    """(time, features, batch) as (time · batch, features)."""
    return jnp.swapaxes(g, 1, 2).reshape(-1, g.shape[1])


def _gradient_of_columns(v: Array, g: Array) -> Array:
    # The features first is a copy of blocks; transposing within the product is slow.
    return jnp.swapaxes(v, 0, 1).reshape(v.shape[1], -1) @ _flat(g)


def _x_of_columns(kernel: Array, g: Array) -> Array:
    n = g.shape[0], g.shape[2], kernel.shape[0]
    return jnp.swapaxes((_flat(g) @ kernel.T).reshape(n), 0, 1)


def _inputs_in_step(
    x: Array, kernel: Array, bias: Array, inner: Array | None
) -> tuple[Array, Callable]:
    times = _in_columns(kernel if inner is None else jnp.concatenate([kernel, inner]))
    laid = jnp.broadcast_to(jnp.expand_dims(bias, 1), (kernel.shape[1], x.shape[2]))
    laid = laid.astype(wide(x.dtype))

    def net(now: Array, h: Array) -> Array:
        return times(now if inner is None else jnp.concatenate([now, h])) + laid

    return x, net


def _inputs_beforehand(
    x: Array, kernel: Array, bias: Array, inner: Array | None
) -> tuple[Array, Callable]:
    rows = x.reshape(-1, x.shape[2])
    more, width = max(0, MIN_ROWS - len(rows)), kernel.shape[1]
    kernel = jnp.pad(kernel, ((0, 0), (0, max(0, 2 - width))))
    net = _product(jnp.pad(rows, ((0, more), (0, 0))), kernel)
    net = net[: len(rows), :width].reshape(*x.shape[:2], width)
    net = net + jnp.broadcast_to(bias, net.shape).astype(net.dtype)
    if inner is None:
        return net, lambda now, h: now
    return net, lambda now, h: now + _product(h, inner)


COLUMNS = Layout(
    axis=-2,
    order=(1, 2, 0),
    times=_in_columns,
    against=lambda kernel: lambda g: kernel @ g,
    gradient=_gradient_of_columns,
    inputs=_inputs_in_step,
    of_x=_x_of_columns,
)
ROWS = Layout(
    axis=-1,
    order=(1, 0, 2),
    times=_in_rows,
    against=lambda kernel: lambda g: g @ kernel.T,
    gradient=lambda v, g: jnp.einsum("tbi,tbo->io", v, g),
    inputs=_inputs_beforehand,
    of_x=lambda kernel, g: jnp.swapaxes(g @ kernel.T, 0, 1),
)


def at(series: Array, t: Array | int) -> Array:
    """series[t]; any t is in bounds."""
    return jax.lax.dynamic_index_in_dim(series, t, keepdims=False)
