"""Models of many small leaves: those of one shape and dtype lie in one array.

An update then compiles a handful of kernels, not one for each leaf. Group once, outside
`jit`, and keep the grouped form as the parameters; the loss looks at it leaf by leaf:

    grouped = group_leaves(params)
    state = tx.init(grouped)
    gradients = jax.grad(lambda p: loss(ungroup_leaves(p)))(grouped)
    updates, state = tx.update(gradients, state, grouped)

Element-wise optimizers and norms over the whole tree (ours, Optax's, the user's) see
no difference. What looks at one leaf at a time (LAMB, LARS, Adafactor, Muon, clipping
by block) refuses a group, and takes it through `per_leaf`, one `vmap` over its leaves.
Of Optax's and the user's such rules nobody can know: wrap those too.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

from assay import _check
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, PyTree

LIMIT = 2**16  # elements; for larger leaves the arithmetic counts, not the kernels


class Layout(NamedTuple):
    """Which leaf lies where."""

    structure: Any  # the tree's, as jax.tree.structure gives it
    members: tuple[tuple[int, ...], ...]  # positions of each group's leaves in it


@jax.tree_util.register_pytree_with_keys_class
class GroupedLeaves:
    """A tree whose small leaves are stacked: a pytree of few arrays."""

    def __init__(self, arrays: Any, layout: Layout):
        self.arrays = tuple(arrays)  # (n, *shape) of n leaves, or a leaf as it is
        self.layout = layout

    def tree_flatten(self) -> tuple[tuple, Layout]:
        """The arrays, and the layout."""
        return self.arrays, self.layout

    def tree_flatten_with_keys(self) -> tuple[tuple, Layout]:
        """The arrays by their names, and the layout."""
        names = map(jax.tree_util.DictKey, _names(self.layout))
        return tuple(zip(names, self.arrays, strict=True)), self.layout

    @classmethod
    def tree_unflatten(cls, layout: Layout, arrays: Any) -> "GroupedLeaves":
        """Whatever a transformation puts in the arrays' places."""
        return cls(arrays, layout)

    def __repr__(self) -> str:
        leaves = self.layout.structure.num_leaves
        return f"GroupedLeaves({leaves} leaves in {len(self.arrays)} arrays)"


def group_leaves(
    params: PyTree, labels: PyTree | Callable | None = None, *, limit: int = LIMIT
) -> GroupedLeaves:
    """(n, *shape) for every n leaves of one shape, dtype and label; the rest as it is.

    Leaves of more than `limit` elements stay the arrays they are. `labels` (a tree such
    as a decay mask, its upper part, or params -> one) keeps apart what is to be treated
    differently; `regroup_leaves(labels, grouped)` is then the mask of the groups.

    >>> params = {"a": jnp.ones(3), "b": jnp.zeros(3), "c": jnp.ones((2, 2))}
    >>> grouped = group_leaves(params)
    >>> grouped
    GroupedLeaves(3 leaves in 2 arrays)
    >>> [a.shape for a in grouped.arrays]
    [(2, 3), (2, 2)]

    Stacking inside `jit` compiles longer than it saves: github.com/google-deepmind/
    optax/issues/1498.
    """
    leaves, structure = jax.tree.flatten(params)
    labels = labels(params) if callable(labels) else labels
    marks = [None] * len(leaves) if labels is None else _spread(labels, structure)
    found: dict[Any, list[int]] = {}
    for k, (leaf, label) in enumerate(zip(leaves, marks, strict=True)):
        alone = np.size(leaf) > limit or not _is_array(leaf)
        found.setdefault(k if alone else (_kind(leaf), label), []).append(k)
    layout = Layout(structure, tuple(map(tuple, found.values())))
    return _gather(leaves, layout)


def ungroup_leaves(tree: PyTree) -> PyTree:
    """The tree with its own leaves again, wherever in it something was grouped.

    Made for the loss: the gradient with respect to the grouped form comes out grouped.
    It also opens an optimizer's state, to save it under the names of the leaves.

    >>> grouped = group_leaves({"a": jnp.ones(3), "b": jnp.zeros(3)})
    >>> ungroup_leaves(grouped)["b"].tolist()
    [0.0, 0.0, 0.0]
    >>> g = jax.grad(lambda p: ungroup_leaves(p)["a"].sum())(grouped)
    >>> g.arrays[0].tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]

    Not `stack[i]`, whose gradients are as many arrays of the size of the stack.
    """
    return jax.tree.map(
        lambda x: _scatter(x) if _is_grouped(x) else x, tree, is_leaf=_is_grouped
    )


def regroup_leaves(tree: PyTree, like: PyTree) -> PyTree:
    """`tree` with its leaves grouped as in `like`: what `ungroup_leaves` undoes.

    For a mask or labels (one value for each group), and for a saved optimizer state,
    `like` being what `init` gives, or its `jax.eval_shape`.

    >>> mask = {"a": True, "b": True, "c": False}
    >>> params = {"a": jnp.ones(3), "b": jnp.zeros(3), "c": jnp.ones(3)}
    >>> grouped = group_leaves(params, mask)
    >>> regroup_leaves(mask, grouped).arrays
    (True, False)
    """

    def branch(old, new):
        if not _is_grouped(old):
            return new
        return _gather(_spread(new, old.layout.structure), old.layout)

    return jax.tree.map(branch, like, tree, is_leaf=_is_grouped)


def per_leaf(inner: Transform) -> Transform:
    """u = inner(g) for each leaf by itself, with a state of its own.

    Over a group it is one `vmap`, so that what measures single leaves is right on the
    grouped form too. Anything over the whole tree (a global norm) stays outside.

    >>> from assay import optim
    >>> tx = per_leaf(optim.clip_by_global_norm(1.0))
    >>> g = group_leaves({"a": jnp.array([3.0, 4.0]), "b": jnp.array([0.0, 0.5])})
    >>> u = ungroup_leaves(tx.update(g, tx.init(g))[0])
    >>> [round(x, 6) for x in u["a"].tolist()], u["b"].tolist()
    ([0.6, 0.8], [0.0, 0.5])

    One optimizer mapped over many layers: github.com/borisdayma/dalle-mini/pull/166.
    """
    inner = with_extra_args_support(inner)

    def init(params):
        units, structure = jax.tree.flatten(_units(params))
        columns = [structure.flatten_up_to(params)]
        return structure.unflatten(_each(inner.init, units, columns))

    def update(updates, state, params=None, **extra):
        def leaf(g, s, p=None):
            return inner.update(g, s, p, **extra)

        units, structure = jax.tree.flatten(_units(updates))
        trees = (updates, state) if params is None else (updates, state, params)
        columns = [structure.flatten_up_to(tree) for tree in trees]
        done = _each(leaf, units, columns)
        pairs = zip(done, columns[1], strict=True)
        rows = [(None, s) if both is None else both for both, s in pairs]
        return tuple(structure.unflatten([row[k] for row in rows]) for k in (0, 1))

    return Transform(init, update)


def leafwise(who: str, tx: Transform) -> Transform:
    """`tx`, which looks at one leaf at a time and would take a group for a leaf."""

    def init(params):
        _refuse_groups(who, params)
        return tx.init(params)

    def update(updates, state, params=None, **extra):
        _refuse_groups(who, updates)
        return tx.update(updates, state, params, **extra)

    return Transform(init, update)


def _refuse_groups(who: str, tree: PyTree) -> None:
    if any(jax.tree.leaves(_units(tree))):
        todo = f"Wrap it: optim.per_leaf({who}(...))."
        must = "takes one leaf at a time"
        _check.fail(who, must, "several in one array (group_leaves)", todo)


def _is_grouped(x: Any) -> bool:
    return isinstance(x, GroupedLeaves)


def _is_array(x: Any) -> bool:
    return isinstance(x, (jax.Array, np.ndarray))


def _units(tree: PyTree) -> PyTree:
    """True for every group, False for every leaf by itself."""

    def unit(x):
        if not _is_grouped(x):
            return False
        return GroupedLeaves([len(m) > 1 for m in x.layout.members], x.layout)

    return jax.tree.map(unit, tree, is_leaf=lambda x: x is None or _is_grouped(x))


def _each(f: Callable, units: list[bool], columns: list[list]) -> list:
    """f of every row of the columns, mapped over a group; None where no leaf is."""
    rows = zip(units, zip(*columns, strict=True), strict=True)
    return [
        None if row[0] is None else jax.vmap(f)(*row) if group else f(*row)
        for group, row in rows
    ]


def _kind(leaf: Any) -> tuple:
    """What leaves must have in common to lie in one array."""
    about = jax.typeof(leaf)
    known = _is_array(leaf) and not isinstance(leaf, jax.core.Tracer)
    placed = getattr(leaf, "sharding", None) if known else None
    return about.shape, about.dtype, about.weak_type, placed


def _gather(leaves: list, layout: Layout) -> GroupedLeaves:
    """The leaves (or one label each) in the order of the layout."""
    arrays = []
    for members in layout.members:
        values = [leaves[k] for k in members]
        if len(values) == 1:
            arrays.append(values[0])
        elif all(map(_is_array, jax.tree.leaves(values))):
            arrays.append(jax.tree.map(lambda *xs: _stack(xs), *values))
        elif all(v == values[0] for v in values):
            arrays.append(values[0])
        else:
            _mixed(leaves, layout, members)
    return GroupedLeaves(arrays, layout)


def _mixed(leaves: list, layout: Layout, members: tuple[int, ...]) -> None:
    """One group, two labels: there is no answer."""
    other = next(k for k in members if leaves[k] != leaves[members[0]])
    paths, both = _paths(layout), (members[0], other)
    got = " and ".join(f"{leaves[k]!r} for {paths[k]}" for k in both)
    todo = "Give the labels to group_leaves, which then keeps such leaves apart."
    _check.fail("regroup_leaves", "leaves of a group must have one label", got, todo)


def _scatter(grouped: GroupedLeaves) -> PyTree:
    """The tree that was grouped."""
    layout = grouped.layout
    leaves: list[Any] = [None] * layout.structure.num_leaves
    for array, members in zip(grouped.arrays, layout.members, strict=True):
        parts = _parts(array, len(members)) if len(members) > 1 else [array]
        for k, part in zip(members, parts, strict=True):
            leaves[k] = part
    return layout.structure.unflatten(leaves)


def _parts(group: PyTree, n: int) -> list:
    """A stack, or a state full of stacks, as n; what is one for all n times itself."""
    stacks, structure = jax.tree.flatten(group)
    columns = [
        _views(x) if _is_array(x) and x.shape[:1] == (n,) else [x] * n for x in stacks
    ]
    rows = zip(*columns, strict=True) if columns else [()] * n
    return [structure.unflatten(row) for row in rows]


# XLA on CPU compiles one kernel for each distinct slice, some 20 ms each, but equal
# ones once. Cut into √n blocks, and each of those alike, n views are 2√n kernels; a
# call that is not inlined keeps the two cuts from being merged into n again, and keeps
# the fusions of the model from being all different. This is not a compilation of its
# own: inside the caller's `jit` it is a part of the caller's program.


def _views(stack: Array) -> list[Array]:
    """The slices along the first axis."""
    if isinstance(stack, jax.core.Tracer):
        return list(lax.platform_dependent(stack, cpu=_by_blocks, default=_at_once))
    return list(_by_blocks(stack))


def _by_blocks(stack: Array) -> tuple[Array, ...]:
    with set_xla_metadata(inlineable="false"):
        return tuple(view for block in _blocks(stack) for view in _rows(block))


@jax.jit
def _blocks(stack: Array) -> Sequence[Array]:
    n, r = stack.shape[0], _radix(stack.shape[0])
    return lax.split(stack, [min(r, n - k) for k in range(0, n, r)])


@jax.jit
def _rows(block: Array) -> tuple[Array, ...]:
    return _at_once(block)


def _at_once(stack: Array) -> tuple[Array, ...]:
    parts = lax.split(stack, [1] * stack.shape[0])
    return tuple(part.reshape(part.shape[1:]) for part in parts)


def _stack(leaves: tuple[Array, ...]) -> Array:
    """jnp.stack, by blocks too: one concatenation of all compiles for seconds."""
    r = _radix(len(leaves))
    blocks = [jnp.stack(leaves[k : k + r]) for k in range(0, len(leaves), r)]
    return jnp.concatenate(blocks)


def _radix(n: int) -> int:
    """⌈√n⌉."""
    return math.isqrt(n - 1) + 1


def _spread(tree: PyTree, structure: Any) -> list:
    """One value of `tree` for every leaf: it has the structure, or its upper part."""
    try:
        return structure.flatten_up_to(tree)
    except ValueError:
        values: list[Any] = []
    whole = structure.unflatten(range(structure.num_leaves))
    try:
        jax.tree.map(
            lambda x, part: values.extend([x] * len(jax.tree.leaves(part))), tree, whole
        )
    except ValueError as error:
        must = "the tree must have the form of the one that was grouped"
        _check.fail("regroup_leaves", must, str(error).rstrip("."))
    return values


def _paths(layout: Layout) -> list[str]:
    """The leaves' paths: dense/kernel."""
    tree = layout.structure.unflatten(range(layout.structure.num_leaves))
    pairs = jax.tree_util.tree_leaves_with_path(tree)
    return [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in pairs]


def _names(layout: Layout) -> list[str]:
    """A name for each array: the path, `*` where the members' paths differ."""
    paths, names = _paths(layout), []
    for members in layout.members:
        words = [paths[k].split("/") for k in members]
        same = len({len(w) for w in words}) == 1
        columns = [set(c) for c in zip(*words, strict=True)] if same else [{"*", ""}]
        name = "/".join(min(c) if len(c) == 1 else "*" for c in columns)
        names.append(name if name not in names else f"{name} {len(names)}")
    return names
