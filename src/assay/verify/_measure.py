"""How far a float32 result is from the truth: ULP of the value, or of its row."""

from typing import Any

import jax
import numpy as np

F32_MAX = float(np.finfo(np.float32).max)
TINY = 2.0**-126  # below it float32 is subnormal, and XLA on CPU flushes to zero


def spacing(true: np.ndarray, bits: int = 23, tiny: float = TINY) -> np.ndarray:
    """2^(⌊log₂|true|⌋ − bits): the distance of neighbouring floats around `true`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.floor(np.log2(np.maximum(np.abs(true), tiny)))
    return np.exp2(exponent - bits)


def ulp(got: Any, true: Any, *, rows: bool = False) -> float:
    """The greatest |got − true| in float32 ULP of the value, or of the row's largest.

    Where the truth is subnormal, zero counts as right; where it overflows float32,
    infinity does. A NaN or infinity that stands where it should not is infinitely far.
    """
    got, true = np.asarray(got, np.float64), np.asarray(true, np.float64)
    if got.shape != true.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    same = (np.isnan(got) & np.isnan(true)) | (got == true)
    same |= (np.abs(true) < TINY) & (np.abs(got) <= TINY)
    same |= np.isinf(got) & (np.abs(true) > F32_MAX) & (np.sign(got) == np.sign(true))
    if not np.isfinite(got[~same]).all() or not np.isfinite(true[~same]).all():
        return float("inf")
    size = np.where(np.isfinite(true), np.abs(true), 0)
    if rows and true.ndim:
        size = np.broadcast_to(size.max(-1, keepdims=True), size.shape)
    off = np.abs(np.where(same, 0.0, got) - np.where(same, 0.0, true))
    return float((off / spacing(size)).max())


def tree_ulp(got: Any, true: Any, *, rows: bool = False) -> float:
    """The greatest `ulp` over the leaves of two results of one structure."""
    ours, theirs = jax.tree.leaves(got), jax.tree.leaves(true)
    if len(ours) != len(theirs):
        return float("inf")
    return max(
        (ulp(g, t, rows=rows) for g, t in zip(ours, theirs, strict=True)), default=0.0
    )


def norm(leaves: list) -> float:
    """√Σx² over all leaves."""
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(x))) for x in leaves)))


def relative(got: list, true: list) -> float:
    """‖got − true‖ / ‖true‖ over all leaves; ‖got‖ where the truth is 0."""
    off = norm([np.asarray(g) - np.asarray(t) for g, t in zip(got, true, strict=True)])
    return off / (norm(true) or 1.0)
