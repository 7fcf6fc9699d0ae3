"""How far two optimizers' updates are apart: kept per leaf on the device, read once."""

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.typing import Array, PyTree

TINY = 1e-37  # a distance below it is float32 having run out of small numbers


WIDTH = 64  # entries in a row of the matrix in which leaves are compared


class Record(NamedTuple):
    """One entry a leaf, in the order of `jax.tree.leaves`; steps count from 1."""

    relative: Array  # (leaves,) greatest distance over the update's largest entry
    ulp: Array  # (leaves,) the same distance in ULP of that entry
    step: Array  # (leaves,) int32, when that was; 0 = never any distance
    first: Array  # (leaves,) int32, first step beyond the tolerance; 0 = none
    first_relative: Array  # (leaves,) the distance at that step
    first_ulp: Array  # (leaves,)
    peak: Array  # (leaves,) largest entry lately, fading by 0.9 a step
    lately: Array  # (leaves,) greatest distance over that entry
    lately_ulp: Array  # (leaves,) and in its ULP


class Gap(NamedTuple):
    """How far two updates are apart at one step, one entry a leaf, all float32."""

    off: Array  # greatest distance of two entries
    size: Array  # largest entry of the reference
    unit: Array  # one ULP of that entry, in the dtype of the other


class Difference(NamedTuple):
    """The worst of a record: where two optimizers were furthest apart."""

    relative: float  # over the largest entry of the update in that leaf
    ulp: float  # in units in the last place of that entry
    step: int  # from 1; 0 if they never differed
    leaf: str  # the leaf's path
    first: "First | None"  # the first step beyond the tolerance
    lately: float = 0.0  # relative to the leaf's largest entry of the last steps
    lately_ulp: float = 0.0  # and in ULP of that

    def __str__(self):
        if not self.step:
            return "equal bit for bit"
        where = f"at step {self.step} in {self.leaf}"
        return f"{self.relative:.1e} ({self.ulp:.3g} ULP) {where}"


class First(NamedTuple):
    """The first difference beyond the tolerance."""

    step: int
    leaf: str
    relative: float
    ulp: float


@contextlib.contextmanager
def relaxed() -> Iterator[None]:
    """JAX's default promotion: Optax does not run under the strict one."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def leaves(tree: PyTree) -> list:
    """The leaves, an absent one (None) keeping its place."""
    return jax.tree.leaves(tree, is_leaf=lambda x: x is None)


def names(params: PyTree) -> list[str]:
    """The paths of the leaves: dense/kernel."""
    paths = jax.tree_util.tree_leaves_with_path(params, is_leaf=lambda x: x is None)
    text = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in paths]
    return [t or "the only leaf" for t in text]


def empty(params: PyTree) -> Record:
    """Nothing recorded yet."""
    n = len(leaves(params))
    zero, never = jnp.zeros(n, jnp.float32), jnp.zeros(n, jnp.int32)
    return Record(zero, zero, never, never, *[zero] * 5)


def gap(updates: PyTree, reference: PyTree) -> Gap:
    """How far two trees of updates are apart, leaf by leaf.

    All leaves lie in one matrix of short rows, each leaf in rows of its own: one
    program for all leaves compiles in a fraction of the time of one for each.
    """
    pairs = list(zip(leaves(updates), leaves(reference), strict=True))
    both = [(u, r) for u, r in pairs if u is not None and r is not None]
    owner = np.repeat(np.arange(len(both)), [_rows(r) for _, r in both])
    wide = _wide([r for _, r in both])
    u, r = matrix([u for u, _ in both], wide), matrix([r for _, r in both], wide)
    same = (u == r) | (jnp.isnan(u) & jnp.isnan(r))
    off = jnp.where(
        same, 0, jnp.nan_to_num(jnp.abs(u - r), nan=jnp.inf, posinf=jnp.inf)
    )
    size = jnp.where(jnp.isfinite(r), jnp.abs(r), 0)
    tops = [jax.ops.segment_max(x.max(1), owner, len(both)) for x in (off, size)]
    off, size = (jnp.maximum(top, 0) for top in tops)
    bits = np.array([jnp.finfo(jnp.result_type(u)).nmant for u, _ in both], np.int32)
    unit = jnp.ldexp(jnp.ones_like(size), jnp.frexp(size)[1] - 1 - bits)
    found = jnp.stack([jnp.where(off <= TINY, 0, off), size, unit]).astype(jnp.float32)
    # Infinitely far where only one of the two moves the leaf; 0 where neither does.
    table = np.array([[0.0 if u is r else np.inf, 0.0, 1.0] for u, r in pairs])
    table = jnp.asarray(table.reshape(-1, 3).T, jnp.float32)
    places = [k for k, (u, r) in enumerate(pairs) if u is not None and r is not None]
    return Gap(*table.at[:, np.array(places, np.int32)].set(found))


def _rows(x: Array) -> int:
    """How many rows a leaf fills."""
    return -(-np.size(x) // WIDTH)


def _wide(arrays: list) -> Any:
    """float64 if any has it, else float32."""
    some = any(jnp.result_type(a) == jnp.float64 for a in arrays)
    return jnp.float64 if some else jnp.float32


def matrix(side: list, dtype: Any) -> Array:
    """The leaves below each other, filled up with zeros."""
    flat = [jnp.ravel(x).astype(dtype) for x in side]
    flat = [jnp.pad(x, (0, _rows(x) * WIDTH - x.size)) for x in flat]
    return jnp.concatenate([jnp.zeros(0, dtype), *flat]).reshape(-1, WIDTH)


def note(
    old: Record, step: Array, gap: Gap, tolerance: Any, xp: ModuleType = jnp
) -> Record:
    """The record after one more step, by `jax.numpy` on the device or by `numpy`.

    What is left of a sum that crosses zero has lost its digits without anybody's
    mistake: the tolerance is of the largest entry lately, not only at this step.
    """
    apart = gap.off > 0
    relative = xp.where(apart, gap.off / gap.size, 0)
    ulp = xp.where(apart, gap.off / gap.unit, 0)
    peak = xp.maximum(gap.size, 0.9 * old.peak)
    lately = xp.where(apart, gap.off / peak, 0)
    unit = xp.ldexp(gap.unit, xp.frexp(peak)[1] - xp.frexp(gap.size)[1])
    lately_ulp = xp.where(apart, gap.off / unit, 0)
    worse = relative > old.relative
    new = (gap.off > tolerance * peak) & (old.first == 0)
    now = xp.full_like(old.step, step)
    return Record(
        relative=xp.where(worse, relative, old.relative),
        ulp=xp.where(worse, ulp, old.ulp),
        step=xp.where(worse, now, old.step),
        first=xp.where(new, now, old.first),
        first_relative=xp.where(new, relative, old.first_relative),
        first_ulp=xp.where(new, ulp, old.first_ulp),
        peak=peak,
        lately=xp.maximum(old.lately, lately),
        lately_ulp=xp.maximum(old.lately_ulp, lately_ulp),
    )


def read(record: Record, params: PyTree) -> Difference:
    """The worst of the record, fetched from the device."""
    return worst(jax.device_get(record), names(params))


def worst(r: Record, paths: list[str]) -> Difference:
    """The worst of a record of NumPy arrays, one entry for each of `paths`."""
    if not paths:
        return Difference(0.0, 0.0, 0, "", None)
    top = int(np.argmax(r.relative))
    figures = float(r.relative[top]), float(r.ulp[top]), int(r.step[top])
    never = np.iinfo(np.int32).max
    k = int(np.argmin(np.where(r.first > 0, r.first, never)))
    first = None
    if r.first[k] > 0:
        size = float(r.first_relative[k]), float(r.first_ulp[k])
        first = First(int(r.first[k]), paths[k], *size)
    lately = float(r.lately.max()), float(r.lately_ulp.max())
    return Difference(*figures, paths[top], first, *lately)
