"""The same block many times over: a list of blocks, or one scan over all of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import layers
from assay.models._functional import functional, nested, values_of
from assay.typing import Array, PyTree


def stacked(
    make: Callable[..., nnx.Module],
    depth: int,
    *,
    scan: bool = False,
    remat: bool = False,
    rngs: nnx.Rngs,
) -> "Listed | Scanned":
    """`depth` blocks ``make(rngs=)``, written out, or with `scan` compiled once.

    A block is ``block(x, *others) -> x``; the others (a mask) are the same for all.
    `remat`, with `scan`, keeps of every block its input alone until the backward pass.

    >>> from assay.models import Dense
    >>> make = lambda rngs: Dense(3, 3, rngs=rngs)
    >>> blocks = stacked(make, 4, scan=True, rngs=nnx.Rngs(0))
    >>> blocks.kernel.shape, blocks(jnp.ones((2, 3))).shape
    ((4, 3, 3), (2, 3))
    """
    if scan:
        return Scanned(make, depth, remat=remat, rngs=rngs)
    return Listed([make(rngs=rngs) for _ in range(depth)])


class Listed(nnx.List):
    """Blocks one after the other, each with parameters of its own."""

    def __call__(self, x: Array, *others: Any) -> Array:
        for block in self:
            x = block(x, *others)
        return x

    def empty(self, x: Array, size: int) -> PyTree:
        """What every block has cached before the first token, with room for `size`."""
        return tuple(block.empty(x, size) for block in self)

    def cached(self, cache: PyTree, x: Array) -> tuple[PyTree, Array]:
        """The next tokens x after those of the cache: (cache, y)."""
        after = []
        for block, before in zip(self, cache, strict=True):
            one, x = block.cached(before, x)
            after.append(one)
        return tuple(after), x


class Scanned(nnx.Module):
    """`layers.stack` over the pure function of one block.

    Parameters have the block's names and the layers along their first axis:
    `layers.stack_params` makes them of a list's, `layers.unstack_params` a list's of
    them. Blocks have no state; in training each layer gets a key of its own.
    """

    def __init__(
        self,
        make: Callable[..., nnx.Module],
        depth: int,
        *,
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        applies = []

        def draw(key):
            block = make(rngs=nnx.Rngs(key))
            apply, params, _ = functional(block)
            applies[:] = [apply, bool(nnx.to_flat_state(nnx.state(block, nnx.RngKey)))]
            return params

        keys = jax.random.split(rngs.params(), depth)
        for name, value in jax.vmap(draw)(keys).items():
            setattr(self, name, _held(value))
        self.pure, draws = applies
        self.stream = rngs["dropout"].fork() if draws else None
        self.depth, self.remat, self.deterministic = depth, remat, False

    def __call__(self, x: Array, *others: Any) -> Array:
        train, params = not self.deterministic, self.params()
        if self.deterministic or self.stream is None:
            keys = None
        else:
            keys = jax.random.split(self.stream(), self.depth)

        def layer(x, of):
            how = {"key": of[1], "train": train}
            return self.pure(of[0], {}, (x, *others), **how)[0]

        return layers.stack(layer, (params, keys), x, remat=self.remat)

    def params(self) -> PyTree:
        """One tree, as the pure function takes them."""
        return nested(values_of(nnx.state(self, nnx.Param)))

    def empty(self, x: Array, size: int) -> PyTree:
        """What the blocks have cached before the first token, with room for `size`."""

        def one(params):
            return self.pure(params, {}, (x, size), method="empty")[0]

        return jax.vmap(one)(self.params())

    def cached(self, cache: PyTree, x: Array) -> tuple[PyTree, Array]:
        """The next tokens x after those of the cache: (cache, y)."""

        def cell(params, before, x):
            return self.pure(params, {}, (before, x), method="cached")[0]

        return layers.stack_cells(cell, self.params(), cache, x)


def _held(tree: PyTree) -> Any:
    """Nested dicts of arrays as modules that hold them."""
    if isinstance(tree, dict):
        return nnx.Dict({name: _held(value) for name, value in tree.items()})
    return nnx.Param(tree)
