"""Two optimizers over one stream of gradients, in float32 and in float64 beside it.

Any pair of functions walks: what can be traced is compiled, the rest (NumPy, torch)
is called step by step.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.optim import Transform, apply_updates
from assay.typing import Array, PyTree
from assay.verify import _fields, _record, _streams
from assay.verify._record import WIDTH

# What is compared with what, in this order along an axis.
SIDES = ("mine", "theirs", "apart", "double")


class Walker(NamedTuple):
    """Two optimizers made ready for one tree of parameters."""

    run: Callable  # (kind of gradients, steps) -> (steps, 3, sides, places) float64
    blocks: dict[str, tuple[int, int]]  # updates, params and fields: from, to
    leaves: list[str]  # the name of every place
    fine: np.ndarray  # (places,) one ULP of float64 in ULP of that leaf
    slack: np.ndarray  # (sides, places) of the parameter: rounded off by p + u
    start: np.ndarray  # (leaves,) the largest of each parameter


class _Both(NamedTuple):
    """The states of a walk."""

    mine: Any
    theirs: Any
    mine64: Any
    true: Any  # the reference in float64: the rule
    moved: Any  # the sums of all updates of mine, theirs, mine64 and true


def walker(mine: Transform, reference: Transform, params: PyTree) -> Walker:
    """Both, their states of one meaning found, compiled where that is possible."""
    with _record.relaxed():
        states = mine.init(params), reference.init(params)
    fields = _fields.shared(*states, params)
    ours, theirs = compiled(mine, params), compiled(reference, params)
    single = _single(ours.update, theirs.update)
    beside = _beside(ours.update, theirs.update)
    if ours.traced and theirs.traced:
        single, beside = jax.jit(single), jax.jit(beside)

    def run(kind: str, steps: int) -> np.ndarray:
        p, both, out = _arrays(params), _start(mine, reference, params), []
        for g in _streams.gradients(kind, params, steps):
            with _record.relaxed():
                u, r, m, s, following = single(g, both.mine, both.theirs, p)
            with jax.enable_x64(True), _record.relaxed():
                fine, true, d, t = beside(g, p, both.mine64, both.true)
                states = [_chosen(fields, x, k) for k, x in enumerate((m, s, d, t))]
                moved, gaps = _measured(both.moved, (u, r, fine, true), states)
            both = _Both(m, s, d, t, moved)
            out.append(gaps)
            p = following
        return np.stack(jax.device_get(out)).astype(np.float64)

    blocks, leaves, fine = _places(params, fields)
    slack = _rounded(mine, reference, blocks, fine)
    start = [
        0.0 if p is None else float(np.max(np.abs(np.asarray(p, float)), initial=0))
        for p in _record.leaves(params)
    ]
    return Walker(run, blocks, leaves, fine, slack, np.array(start))


class Compiled(NamedTuple):
    """An update, and whether it could be traced."""

    update: Callable
    traced: bool


def compiled(tx: Transform, params: PyTree) -> Compiled:
    """The update under jit; as it is where that cannot be: NumPy, torch, Keras."""

    def shapes(p):
        return tx.update(p, tx.init(p), p)

    try:
        with _record.relaxed():
            jaxpr = jax.make_jaxpr(shapes)(_arrays(params))
    except Exception:  # whatever is wrong will be wrong, and be said, without a trace
        return Compiled(tx.update, False)
    if "pure_callback" in str(jaxpr):  # on a thread that knows nothing of float64
        return Compiled(tx.update, False)
    return Compiled(jax.jit(tx.update), True)


def _single(mine: Callable, reference: Callable) -> Callable:
    """One step of both in the parameters' precision, at the reference's parameters."""

    def step(g, ours, theirs, p):
        u, ours = mine(g, ours, p)
        r, theirs = reference(g, theirs, p)
        _same_tree(p, u)
        return u, r, ours, theirs, apply_updates(p, r)

    return step


def _beside(mine: Callable, reference: Callable) -> Callable:
    """One step of both in float64, at the same parameters."""

    def step(g, p, ours, rule):
        g, p = double(g), double(p)
        fine, ours = mine(g, ours, p)
        true, rule = reference(g, rule, p)
        return fine, true, ours, rule

    return step


def _chosen(fields: list, state: Any, side: int) -> list:
    """The leaves of a state that are compared; every other state is of mine."""
    leaves = jax.tree.leaves(state)
    return [leaves[k] for f in fields for k in (f.theirs if side % 2 else f.mine)]


@jax.jit
def _measured(moved: tuple, updates: tuple, states: list) -> tuple[tuple, Array]:
    """The sums after one more step, and how far all four are apart in everything.

    Compiled once for all optimizers on the same parameters.
    """
    moved = _add(moved, updates)
    sides = zip(updates, moved, states, strict=True)
    blocks = [[*_record.leaves(u), *_record.leaves(m), *s] for u, m, s in sides]
    return moved, _compare(*blocks)


def _start(mine: Transform, reference: Transform, params: PyTree) -> _Both:
    p = _arrays(params)
    with _record.relaxed():
        single = mine.init(p), reference.init(p)
    with jax.enable_x64(True), _record.relaxed():
        wide = double(p)
        zeros = jax.tree.map(jnp.zeros_like, wide)
        return _Both(*single, mine.init(wide), reference.init(wide), (zeros,) * 4)


def _add(sums: tuple, updates: tuple) -> tuple:
    """The sums in float64; an absent update moves nothing."""

    def leaf(s, u):
        if s is None or u is None or jnp.shape(u) != s.shape:
            return s
        return s + jnp.asarray(u).astype(s.dtype)

    pairs = zip(sums, updates, strict=True)
    return tuple(
        jax.tree.map(leaf, *pair, is_leaf=lambda x: x is None) for pair in pairs
    )


def _compare(mine: list, theirs: list, double: list, true: list) -> Array:
    """Greatest distance, largest entry and its ULP: (3, sides, places).

    All leaves lie in one matrix of short rows, as in `_record.gap`.
    """
    fours = list(zip(mine, theirs, double, true, strict=True))
    fit = [k for k, four in enumerate(fours) if _one_shape(four)]
    columns = [[fours[k][side] for k in fit] for side in range(4)]
    m, r, d, t = (_record.matrix(side, jnp.float64) for side in columns)
    u, v = jnp.stack([m, r, m, d]), jnp.stack([t, t, r, t])
    same = (u == v) | (jnp.isnan(u) & jnp.isnan(v))
    off = jnp.nan_to_num(jnp.abs(u - v), nan=jnp.inf, posinf=jnp.inf)
    size = jnp.where(jnp.isfinite(v), jnp.abs(v), 0)
    both = jnp.stack([jnp.where(same, 0, off), size]).max(-1)
    owner = np.repeat(
        np.arange(len(fit)), [-(-np.size(x) // WIDTH) for x in columns[3]]
    )
    tops = jax.ops.segment_max(jnp.moveaxis(both, -1, 0), owner, len(fit))
    off, size = jnp.moveaxis(jnp.maximum(tops, 0), 0, -1)
    bits = np.array([[_bits(x) for x in columns[k]] for k in (0, 1, 0, 2)], np.int32)
    bits = bits.reshape(size.shape)
    unit = jnp.ldexp(jnp.ones_like(size), jnp.frexp(size)[1] - 1 - bits)
    floor = jnp.where(bits < 52, _record.TINY, 0)
    found = jnp.stack([jnp.where(off <= floor, 0, off), size, unit])
    return jnp.asarray(_apart(fours)).at[:, :, np.array(fit, np.int32)].set(found)


def _apart(fours: list) -> np.ndarray:
    """Infinitely far where only some move the leaf; 0 where none does."""
    out = np.zeros((3, 4, len(fours)))
    out[2] = 1
    for k, (m, r, d, t) in enumerate(fours):
        pairs = (m, t), (r, t), (m, r), (d, t)
        out[0, :, k] = [0.0 if _alike(a, b) else np.inf for a, b in pairs]
    return out


def _alike(a: Any, b: Any) -> bool:
    """Whether neither moves the leaf, or both do in one shape."""
    return a is b is None or _one_shape((a, b))


def _one_shape(four: tuple) -> bool:
    return all(x is not None and jnp.shape(x) == jnp.shape(four[0]) for x in four)


def _bits(x: Any) -> int:
    """The digits of the format; those of float32 for counts."""
    dtype = jnp.result_type(x)
    return jnp.finfo(dtype).nmant if jnp.issubdtype(dtype, jnp.floating) else 23


def _places(params: PyTree, fields: list) -> tuple[dict, list[str], np.ndarray]:
    names = _record.names(params)
    blocks, n = {"updates": (0, len(names))}, len(names)
    blocks["params"] = (n, 2 * n)
    fine = [_fine(p) for p in _record.leaves(params)]
    leaves, known = names + names, dict(zip(names, fine, strict=True))
    fine = fine + fine
    for field in fields:
        blocks[field.name] = (len(leaves), len(leaves) + len(field.leaves))
        leaves += field.leaves
        fine += [known.get(leaf, 2.0**-29) for leaf in field.leaves]
    return blocks, leaves, np.array(fine)


def _rounded(
    mine: Transform, reference: Transform, blocks: dict, fine: np.ndarray
) -> np.ndarray:
    """torch and Keras give parameters: as an update they have an ULP of the parameter.

    That is 1e-4 of an update that is a thousandth of its parameter.
    """
    ours, theirs = _in_place(mine), _in_place(reference)
    times = np.array([[ours, theirs, ours or theirs, ours or theirs]]).T
    units = np.finfo(np.float64).eps / np.stack([fine, fine, fine, np.ones(len(fine))])
    out = np.zeros(units.shape)
    for block, ulps in (("updates", 2.0), ("params", 20.0)):
        low, high = blocks[block]
        out[:, low:high] = ulps * times * units[:, low:high]
    return out


def _in_place(tx: Transform) -> bool:
    return getattr(tx.update, "__module__", "").endswith("verify._adapters")


def _fine(p: Any) -> float:
    return 1.0 if p is None else 2.0 ** (_bits(p) - 52)


def double(tree: PyTree) -> PyTree:
    """Every floating leaf in float64, under `jax.enable_x64`."""

    def leaf(x):
        x = jnp.asarray(x)
        return x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(leaf, tree)


def _arrays(params: PyTree) -> PyTree:
    return jax.tree.map(jnp.asarray, params)


def _same_tree(params: PyTree, updates: PyTree) -> None:
    """A tree of another form cannot be compared leaf by leaf."""
    if len(_record.leaves(updates)) != len(_record.leaves(params)):
        must = "mine's updates must have a leaf for each of the parameters"
        _check.fail("verify.optimizer", must, jax.tree.structure(updates))


def narrow(tx: Transform, params: PyTree) -> bool:
    """Whether it computes in float32 what it was given in float64."""
    with jax.enable_x64(True), _record.relaxed():
        p = double(_arrays(params))
        if not compiled(tx, p).traced:
            out = tx.update(p, tx.init(p), p)
            return any(_small(getattr(x, "dtype", int)) for x in jax.tree.leaves(out))
        closed = jax.make_jaxpr(lambda q: tx.update(q, tx.init(q), q))(p)
        return bool(re.search(r"\b(f32|f16|bf16)\[", str(closed)))


def _small(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, jnp.floating)) and np.dtype(dtype).itemsize < 8
