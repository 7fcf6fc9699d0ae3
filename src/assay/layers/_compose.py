"""Functions of x, one after the other, side by side, and one layer many times over."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Num, PyTree


def sequential(x: Num[Array, "..."], fs: Sequence[Callable[[Any], Any]]) -> Any:
    """fₙ(… f₂(f₁(x))): one after the other; none at all gives x.

    >>> sequential(jnp.array([1.0, 2.0]), [jnp.square, lambda x: x + 1]).tolist()
    [2.0, 5.0]

    torch `nn.Sequential`, with weights bound by `partial` or by a lambda.
    """
    for f in fs:
        x = f(x)
    return x


def parallel(
    x: Num[Array, "..."], fs: Sequence[Callable[[Any], Any]]
) -> tuple[Any, ...]:
    """(f₁(x), …, fₙ(x)): side by side; how they join is yours (sum, concatenate).

    >>> a, b = parallel(jnp.array([1.0, 2.0]), [jnp.square, lambda x: x + 1])
    >>> (a + b).tolist()
    [3.0, 7.0]

    stax `FanOut` and `parallel`.
    """
    return tuple(f(x) for f in fs)


def stack(
    layer: Callable[[Any, Any], Any],
    params: PyTree,
    x: Any,
    *,
    remat: bool = False,
    unroll: int | bool = 1,
) -> Any:
    """x ← layer(x, paramsₗ) for l = 1 … n, by one scan: compiled once for any depth.

    The leaves of `params` have the layers along their first axis (`stack_params`). With
    `remat` the backward pass computes each layer again and keeps only its input. A scan
    is for depth; `unroll=True` is a loop of n layers, which XLA optimizes across, and
    in which its convolutions are fast on CPU.

    >>> stack(lambda x, w: w * x, jnp.array([2.0, 3.0]), jnp.array([1.0, 5.0])).tolist()
    [6.0, 30.0]

    Haiku `layer_stack`, Flax `scan`.
    """
    count_layers("stack", params)
    # A scan is the barrier that prevent_cse would add.
    run = jax.checkpoint(layer, prevent_cse=False) if remat else layer
    y, _ = jax.lax.scan(lambda z, p: (run(z, p), None), x, params, unroll=unroll)
    return y


def stack_cells(
    cell: Callable[..., tuple[Any, Any]], params: PyTree, carry: PyTree, x: Any
) -> tuple[PyTree, Any]:
    """carryₗ, x ← cell(paramsₗ, carryₗ, x) for l = 1 … n: one step of a stack of cells.

    It is a cell itself: `params` and `carry` have the layers along their first axes
    (recurrent states, caches of keys and values), and it gives (carry, x).

    >>> cell = lambda w, h, x: (h + x, w * (h + x))
    >>> carry, y = stack_cells(
    ...     cell, jnp.array([2.0, 3.0]), jnp.array([1.0, 5.0]), jnp.array(1.0))
    >>> carry.tolist(), float(y)
    ([2.0, 9.0], 27.0)
    """
    count_layers("stack_cells", (params, carry))

    def step(z: Any, layer: tuple[Any, Any]) -> tuple[Any, Any]:
        new, y = cell(*layer, z)
        return y, new

    y, carry = jax.lax.scan(step, x, (params, carry))
    return carry, y


def stack_params(params: Sequence[PyTree]) -> PyTree:
    """[p₁, …, pₙ] → one tree whose leaves have the layers along their first axis.

    >>> stack_params([{"scale": jnp.ones(2)}, {"scale": jnp.zeros(2)}])["scale"].shape
    (2, 2)
    """
    if not params:
        _check.fail("stack_params", "there must be at least one layer", "none")
    first = _shapes(params[0])
    for i, other in enumerate(params):
        if _shapes(other) != first:
            must = "all layers must have weights of the same names, shapes and dtypes"
            differ = sorted({*_shapes(other).items()} ^ {*first.items()}, key=str)[:1]
            _check.fail("stack_params", must, f"layers 0 and {i} apart at {differ[0]}")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)


def unstack_params(params: PyTree) -> list[PyTree]:
    """The inverse of `stack_params`: one tree a layer.

    >>> unstack_params({"scale": jnp.array([[1.0, 2.0], [3.0, 4.0]])})[1]["scale"]
    Array([3., 4.], dtype=float32)
    """
    n = count_layers("unstack_params", params)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(n)]


def count_layers(who: str, params: PyTree) -> int:
    """The first axis, which all leaves share."""
    sizes = {name: shape[:1] for name, (shape, _) in _shapes(params).items()}
    if len(set(sizes.values())) != 1 or () in sizes.values():
        must = "all leaves must have the layers along their first axis"
        _check.fail(who, must, sizes or "no leaves", "stack_params makes such a tree.")
    return next(iter(sizes.values()))[0]


def _shapes(params: PyTree) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Shape and dtype of every leaf by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {
        jax.tree_util.keystr(path): (jnp.shape(leaf), jnp.result_type(leaf))
        for path, leaf in leaves
    }
