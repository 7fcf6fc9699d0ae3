"""What two optimizers did on the same gradients, as plain arrays in float64."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.optim import Transform
from assay.typing import PyTree
from assay.verify import _record

SIDE = 3  # leaves keep their rank; no side is longer than this
PLAIN_STEPS = 40  # of an optimizer that JAX cannot compile


class Leaf(NamedTuple):
    """One leaf of the parameters and where it lies in a row of all entries."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def columns(self) -> slice:
        """Its entries in the row."""
        return slice(self.start, self.start + math.prod(self.shape))


class Layout(NamedTuple):
    """Trees as rows: the leaves behind each other."""

    leaves: tuple[Leaf, ...]
    structure: Any
    width: int

    def tree(self, row: Any, dtype: Any) -> PyTree:
        """A row of all entries as the tree of parameters."""
        parts = [row[leaf.columns].reshape(leaf.shape) for leaf in self.leaves]
        return self.structure.unflatten([p.astype(dtype) for p in parts])

    def row(self, tree: PyTree, xp: Any) -> Any:
        """The tree as a row; a leaf without an update does not move."""
        parts = zip(_record.leaves(tree), self.leaves, strict=True)
        flat = [
            xp.zeros(math.prod(at.shape)) if x is None else xp.ravel(xp.asarray(x))
            for x, at in parts
        ]
        return xp.concatenate(flat)


class Run(NamedTuple):
    """What one optimizer did: updates (steps, streams, entries), and its noise."""

    updates: np.ndarray
    peaks: np.ndarray  # the largest of each entry lately, fading by 0.9 a step
    noise: float  # 1.1e-16 in float64; 6e-8 where anything in it is float32


class Evidence(NamedTuple):
    """Both optimizers on the same gradients and parameters, one row a stream."""

    gradients: np.ndarray  # (steps, streams, entries)
    params: np.ndarray  # before each step; they follow the reference
    mine: Run
    reference: Run
    layout: Layout


def layout(params: PyTree | None) -> Layout:
    """The user's tree in small, or one with all that mistakes need."""
    if params is None:
        shapes = {"bias": (3,), "kernel": (2, 3), "scale": (), "shift": (3,)}
        params = {name: np.zeros(shape) for name, shape in shapes.items()}
    whole = list(zip(_record.names(params), _record.leaves(params), strict=True))
    if any(leaf is None for _, leaf in whole):  # absent: nothing is to be seen there
        params = {name: leaf for name, leaf in whole if leaf is not None}
    names, start, made = _record.names(params), 0, []
    leaves, structure = jax.tree.flatten(params)
    for name, leaf in zip(names, leaves, strict=True):
        shape = tuple(min(n, SIDE) for n in np.shape(leaf))
        made.append(Leaf(name, shape, start))
        start += math.prod(shape)
    return Layout(tuple(made), structure, start)


def alone(reference: Transform, where: Layout, steps: int) -> Evidence:
    """The reference's run, one step further than asked, for want of mine twice.

    One step further: the schedule of the other may be one step ahead.
    """
    gradients = streams(steps + 1, where.width)
    rng = np.random.default_rng(7)
    size = 10 ** rng.uniform(-1, 1, gradients.shape[1:])
    start = size * np.sign(rng.standard_normal(size.shape))
    theirs, seen = run(reference, where, gradients, start)
    return Evidence(gradients[: len(seen)], seen, theirs, theirs, where)


def together(mine: Transform, seen: Evidence) -> Evidence:
    """Mine beside the reference, at the reference's parameters."""
    ours, params = run(mine, seen.layout, seen.gradients, seen.params)
    n = len(ours.updates)
    theirs = as_run(seen.reference.updates[:n], seen.reference.noise)
    return Evidence(seen.gradients[:n], params, ours, theirs, seen.layout)


def narrow(mine: Transform, seen: Evidence, dtype: Any) -> Evidence | None:
    """Mine on the same rounded to float32 or less; None if it will not run."""
    g, p = (x.astype(dtype).astype(float) for x in (seen.gradients, seen.params))
    try:
        ours, _ = run(mine, seen.layout, g, p, dtype)
    except Exception:  # whatever a user's code may raise
        return None
    if len(ours.updates) < len(g):
        return None
    return seen._replace(gradients=g, params=p, mine=ours)


def run(
    tx: Transform,
    where: Layout,
    gradients: np.ndarray,
    params: np.ndarray,
    dtype: Any = np.float64,
) -> tuple[Run, np.ndarray]:
    """The updates of `tx`, and the parameters it saw.

    `params` are those before every step, or the first only: then they follow `tx`.
    """
    try:
        with jax.enable_x64(dtype == np.float64), _record.relaxed():
            return _compiled(tx, where, gradients, params, dtype)
    except Exception:  # whatever a plain Python optimizer makes of a tracer
        with _record.relaxed():
            return _plain(tx, where, gradients, params, dtype)


def _compiled(tx, where, gradients, params, dtype):
    """All streams at once, one compiled step."""

    def one(g, state, p):
        u, state = tx.update(where.tree(g, dtype), state, where.tree(p, dtype))
        return where.row(u, jnp), state

    step = jax.jit(jax.vmap(one))
    p = params if params.ndim == 2 else params[0]
    state = jax.vmap(lambda row: tx.init(where.tree(row, dtype)))(jnp.asarray(p))
    state = jax.tree.map(jnp.asarray, state)
    made = str(jax.make_jaxpr(step)(gradients[0], state, p))
    coarse = " f32[" in made or ":f32[" in made  # shorter formats are a mistake's
    updates, seen = [], []
    for k, g in enumerate(gradients):
        p = p if params.ndim == 2 else params[k]
        u, state = step(g, state, p)
        updates.append(np.asarray(u, np.float64))
        seen.append(p)
        p = p + updates[-1]
    noise = np.finfo(np.float32 if coarse else np.float64).eps / 2
    return as_run(np.stack(updates), float(noise)), np.stack(seen)


def _plain(tx, where, gradients, params, dtype):
    """One stream after the other, in Python: NumPy's, torch's, Keras's."""
    updates, seen = [], []
    for s in range(gradients.shape[1]):
        p = params[s] if params.ndim == 2 else params[0, s]
        state, moved, at = tx.init(where.tree(p, dtype)), [], []
        for k, g in enumerate(gradients[:PLAIN_STEPS, s]):
            p = p if params.ndim == 2 else params[k, s]
            u, state = tx.update(where.tree(g, dtype), state, where.tree(p, dtype))
            moved.append(where.row(jax.tree.map(np.asarray, u), np).astype(float))
            at.append(p)
            p = p + moved[-1]
        updates.append(moved)
        seen.append(at)
    made, at = (np.stack(x, axis=1) for x in (updates, seen))
    finite = made[np.isfinite(made)]
    coarse = np.array_equal(finite, finite.astype(np.float32).astype(float))
    noise = np.finfo(np.float32 if coarse else np.float64).eps / 2
    return as_run(made, float(noise)), at


def as_run(updates: np.ndarray, noise: float) -> Run:
    """With the peaks that distances are measured by."""
    sizes = np.where(np.isfinite(updates), np.abs(updates), 0)
    peaks, peak = [], np.zeros_like(sizes[0])
    for size in sizes:
        peak = np.maximum(size, 0.9 * peak)
        peaks.append(peak)
    return Run(updates, np.maximum(np.stack(peaks), 1e-30), noise)


def streams(steps: int, width: int) -> np.ndarray:
    """Gradients (steps, streams, entries): each kind of mistake shows in some stream.

    Magnitudes of every decade (eps), steady ones (weights of means), bursts and
    fading ones (maxima, orders), signs that turn, sparse ones, none at all (decay).
    """
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((8, steps, width))
    t = np.arange(steps)[:, None]
    sign = np.sign(rng.standard_normal((8, width)))
    near = 1 + 0.2 * noise
    ladder = 10 ** np.linspace(-11, 3, width)
    kinds = [
        noise[0],
        sign[1] * 10 ** rng.uniform(-2, 1, width) * near[1],
        sign[2] * rng.permutation(ladder) * near[2],
        rng.permutation(ladder) * noise[3],
        10 ** rng.uniform(-3, 3, (steps, 1)) * noise[4],
        sign[5] * 10 ** -(t % 16 / 4) * near[5],
        (-1.0) ** t * 10 ** rng.uniform(-3, 1, width),
        noise[7] * (rng.random((steps, width)) < 0.4),
        np.zeros((steps, width)),
    ]
    return np.stack(kinds, axis=1)
