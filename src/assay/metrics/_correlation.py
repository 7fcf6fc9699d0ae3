"""How two series go together. NaN where a correlation does not exist: a constant.

Arrays of any shape are one series; vmap for one correlation an output.
"""

import jax
import jax.numpy as jnp

from assay.metrics._reduce import centred, count, pair, quotient
from assay.typing import Array, Bool, Float, Num


def pearson_correlation(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """r = Σ (p − p̄)(t − t̄) / √(Σ (p − p̄)² Σ (t − t̄)²).

    >>> p, t = jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0])
    >>> pearson_correlation(p, t).round(4).tolist()
    0.5

    Float32, CPU: within 3 ULP of 1.
    """
    who = "pearson_correlation"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    return _cosine(centred(p, keep), centred(t, keep))


def _cosine(x: Array, y: Array) -> Array:
    """Σ xy / √(Σx² Σy²) of centred series, scaled so that no square overflows."""
    x, y = (quotient(a, jnp.broadcast_to(_size(a), a.shape)) for a in (x, y))
    scale = jnp.sqrt(jnp.sum(x * x)) * jnp.sqrt(jnp.sum(y * y))
    return jnp.clip(quotient(jnp.sum(x * y), scale, empty=jnp.nan), -1, 1)


def _size(x: Array) -> Array:
    return jax.lax.stop_gradient(jnp.max(jnp.abs(x), initial=0))


def concordance_correlation(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """ρ = 2 sₚₜ / (sₚ² + sₜ² + (p̄ − t̄)²): 1 only where p = t.

    >>> p, t = jnp.array([2.0, 3.0, 4.0]), jnp.array([1.0, 2.0, 3.0])
    >>> concordance_correlation(p, t).round(4).tolist()
    0.571...

    Lin 1989, doi:10.2307/2532051.

    Float32, CPU: within 2 ULP of 1.
    """
    who = "concordance_correlation"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    x, y, off = centred(p, keep), centred(t, keep), p - t
    size = jnp.maximum(jnp.maximum(_size(x), _size(y)), _size(off))
    x, y, off = (quotient(a, jnp.broadcast_to(size, a.shape)) for a in (x, y, off))
    n = jnp.maximum(count(keep), 1).astype(x.dtype)
    apart = jnp.sum(off) * (jnp.sum(off) / n)
    spread = jnp.sum(x * x) + jnp.sum(y * y) + apart
    return quotient(2 * jnp.sum(x * y), spread, empty=jnp.nan)


def spearman_correlation(
    predictions: Num[Array, "..."],
    targets: Num[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """`pearson_correlation` of the ranks; equal numbers share their mean rank.

    >>> p, t = jnp.array([1.0, 20.0, 300.0]), jnp.array([1.0, 3.0, 2.0])
    >>> spearman_correlation(p, t).round(4).tolist()
    0.5

    Spearman 1904, doi:10.2307/1412159.

    Float32, CPU: within 2 ULP of 1.
    """
    who = "spearman_correlation"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    broken = jnp.any((jnp.isnan(p) | jnp.isnan(t)) & keep)
    r = _cosine(_centred_ranks(p, keep), _centred_ranks(t, keep))
    return jnp.where(broken, jnp.nan, r)


def _centred_ranks(x: Array, keep: Array) -> Array:
    """Twice (mean rank − middle rank), an integer, as floats; 0 for the others."""
    n = count(keep)
    x, keep = jnp.ravel(x), jnp.ravel(keep)
    at = jnp.arange(x.size, dtype=jnp.int32)
    alone, rising, order = jax.lax.sort((~keep, x, at), num_keys=2)
    new = (rising[1:] != rising[:-1]) | (alone[1:] != alone[:-1])
    first = jax.lax.cummax(jnp.where(jnp.append(True, new)[: x.size], at, 0))
    last = jnp.where(jnp.append(new, True)[: x.size], at, x.size)
    twice = first + jax.lax.cummin(last, reverse=True) - (n - 1)
    ranks = jnp.zeros_like(twice).at[order].set(twice, unique_indices=True)
    return jnp.where(keep, ranks, 0).astype(x.dtype)


def kendall_correlation(
    predictions: Num[Array, "..."],
    targets: Num[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """τ_b = Σ sign(Δp) sign(Δt) / √(Σ sign²(Δp) Σ sign²(Δt)) over all pairs.

    Row by row: n² comparisons, memory for n.

    >>> p, t = jnp.array([1.0, 2.0, 3.0]), jnp.array([1.0, 3.0, 2.0])
    >>> kendall_correlation(p, t).round(4).tolist()
    0.333...

    Kendall 1945, doi:10.1093/biomet/33.3.239.

    Float32, CPU: within 2 ULP of 1.
    """
    who = "kendall_correlation"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    p, t, keep = jnp.ravel(p), jnp.ravel(t), jnp.ravel(keep)

    def row(one):
        x, y, here = one
        dx = jnp.where(here & keep, jnp.sign(p - x), 0)
        dy = jnp.where(here & keep, jnp.sign(t - y), 0)
        return jnp.stack([jnp.sum(dx * dy), jnp.sum(dx * dx), jnp.sum(dy * dy)])

    together, first, second = jnp.sum(jax.lax.map(row, (p, t, keep)), 0)
    return quotient(together, jnp.sqrt(first) * jnp.sqrt(second), empty=jnp.nan)
