"""The grouped form: NumPy's stack, and every leaf by itself."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from assay.optim import GroupedLeaves as _GroupedLeaves
from assay.optim import Transform as _Transform
from assay.optim import group_leaves as _group
from assay.optim import ungroup_leaves as _ungroup
from assay.verify.mirrors._given import Draw, given, mark, tree

_SHAPES = {"a": (4,), "b": (2, 3), "c": (4,), "d": (4,), "e": (2, 3), "f": (5,)}


def _leaves() -> Draw:
    """Six leaves of three shapes."""
    return tree(
        lambda rng: {name: rng.standard_normal(s) for name, s in _SHAPES.items()}
    )


def _filled(params):
    """The groups, entry by entry: alike leaves in the rows of one array."""
    groups = []
    for names in ("acd", "be", "f"):
        group = np.empty((len(names), *params[names[0]].shape), np.float32)
        for row, name in zip(group, names, strict=True):
            for place in np.ndindex(row.shape):
                row[place] = params[name][place]
        groups.append(group if len(names) > 1 else group[0])
    return tuple(groups)


def _own_norms(params):
    """Each leaf over its norm, the squares summed without a rounding."""

    def leaf(x):
        x = np.asarray(x, np.float64)
        return x / math.sqrt(math.fsum(x.ravel() ** 2))

    out = {name: leaf(x) for name, x in params.items()}
    return out, out


@mark(property=True, higher_order=True, ulp=0, source="numpy.stack", second=_filled)
@given(params=_leaves())
def group_leaves(ours, params):
    """Leaves of one shape below each other, in the order of the tree."""
    expected = [np.stack([params[k] for k in names]) for names in ("acd", "be")]
    return ours(params).arrays, (*expected, params["f"])


@mark(property=True, higher_order=True, ulp=0, source="the leaves themselves")
@mark(second=lambda params: (params, [g**2 for g in _filled(params)]))
@given(params=_leaves())
def ungroup_leaves(ours, params):
    """What went in comes out, and its cotangents go back where it came from."""
    grouped = _group(params)
    leaves, back = jax.vjp(ours, grouped)
    (cotangents,) = back(jax.tree.map(jnp.square, params))
    expected = [np.square(np.asarray(a)) for a in grouped.arrays]
    return (leaves, cotangents.arrays), (params, expected)


@mark(property=True, higher_order=True, ulp=0, source="the grouped form itself")
@mark(second=_filled)
@given(params=_leaves())
def regroup_leaves(ours, params):
    """It undoes ungrouping."""
    grouped = _group(params)
    return ours(_ungroup(grouped), grouped).arrays, grouped.arrays


@mark(property=True, higher_order=True, source="a loop over the leaves")
@mark(second=_own_norms, second_source="math.fsum")
@given(params=_leaves())
def per_leaf(ours, params):
    """Each leaf over its own norm, grouped or not."""

    def update(updates, state, params=None):
        total = sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(updates))
        return jax.tree.map(lambda x: x * jax.lax.rsqrt(total), updates), state

    def run(tree):
        tx = ours(_Transform(lambda p: (), update))
        return tx.update(tree, tx.init(tree))[0]

    grouped = run(_group(params))
    assert isinstance(grouped, _GroupedLeaves)
    wide = {k: np.asarray(x, np.float64) for k, x in params.items()}
    expected = {k: x / np.linalg.norm(x) for k, x in wide.items()}
    return (run(params), _ungroup(grouped)), (expected, expected)
