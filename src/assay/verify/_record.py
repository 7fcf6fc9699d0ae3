"""How far two optimizers' updates are apart: kept per leaf on the device, read once."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.typing import Array, PyTree

TINY = 1e-37  # a distance below it is float32 having run out of small numbers


class Record(NamedTuple):
    """One entry a leaf, in the order of `jax.tree.leaves`; steps count from 1."""

    relative: Array  # (leaves,) greatest distance over the update's largest entry
    ulp: Array  # (leaves,) the same distance in ULP of that entry
    step: Array  # (leaves,) int32, when that was; 0 = never any distance
    first: Array  # (leaves,) int32, first step beyond the tolerance; 0 = none
    first_relative: Array  # (leaves,) the distance at that step
    first_ulp: Array  # (leaves,)
    peak: Array  # (leaves,) largest entry lately, fading by 0.9 a step


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
    return Record(zero, zero, never, never, zero, zero, zero)


def gap(updates: PyTree, reference: PyTree) -> Gap:
    """How far two trees of updates are apart, leaf by leaf."""
    pairs = zip(leaves(updates), leaves(reference), strict=True)
    table = [_gap(u, r) for u, r in pairs]
    return Gap(*jnp.asarray(table, jnp.float32).reshape(-1, 3).T)


def _gap(update: Array | None, reference: Array | None) -> tuple:
    if update is None or reference is None:
        return 0.0 if update is reference else jnp.inf, 0.0, 1.0
    bits = jnp.finfo(jnp.result_type(update)).nmant
    wide = jnp.promote_types(jnp.result_type(reference), jnp.float32)
    u, r = jnp.asarray(update, wide), jnp.asarray(reference, wide)
    same = (u == r) | (jnp.isnan(u) & jnp.isnan(r))
    off = jnp.where(
        same, 0, jnp.nan_to_num(jnp.abs(u - r), nan=jnp.inf, posinf=jnp.inf)
    )
    off = jnp.max(off, initial=0)
    size = jnp.max(jnp.where(jnp.isfinite(r), jnp.abs(r), 0), initial=0)
    unit = jnp.ldexp(jnp.ones([], wide), jnp.frexp(size)[1] - 1 - bits)
    return jnp.where(off <= TINY, 0, off), size, unit


def note(old: Record, step: Array, gap: Gap, tolerance: Any) -> Record:
    """The record after one more step.

    What is left of a sum that crosses zero has lost its digits without anybody's
    mistake: the tolerance is of the largest entry lately, not only at this step.
    """
    apart = gap.off > 0
    relative = jnp.where(apart, gap.off / gap.size, 0)
    ulp = jnp.where(apart, gap.off / gap.unit, 0)
    peak = jnp.maximum(gap.size, 0.9 * old.peak)
    worse = relative > old.relative
    new = (gap.off > tolerance * peak) & (old.first == 0)
    now = jnp.full_like(old.step, step)
    return Record(
        relative=jnp.where(worse, relative, old.relative),
        ulp=jnp.where(worse, ulp, old.ulp),
        step=jnp.where(worse, now, old.step),
        first=jnp.where(new, now, old.first),
        first_relative=jnp.where(new, relative, old.first_relative),
        first_ulp=jnp.where(new, ulp, old.first_ulp),
        peak=peak,
    )


def read(record: Record, params: PyTree) -> Difference:
    """The worst of the record, fetched from the device."""
    r, paths = jax.device_get(record), names(params)
    if not paths:
        return Difference(0.0, 0.0, 0, "", None)
    worst = int(np.argmax(r.relative))
    figures = float(r.relative[worst]), float(r.ulp[worst]), int(r.step[worst])
    never = np.iinfo(np.int32).max
    k = int(np.argmin(np.where(r.first > 0, r.first, never)))
    first = None
    if r.first[k] > 0:
        size = float(r.first_relative[k]), float(r.first_ulp[k])
        first = First(int(r.first[k]), paths[k], *size)
    return Difference(*figures, paths[worst], first)
