"""Vector quantization: the nearest row of a codebook, and how the codebook learns."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._precision import product, wide
from assay.typing import Array, Float, Int, Scalar


class Codebook(NamedTuple):
    """A codebook that follows its vectors by moving averages."""

    codes: Float[Array, "n d"]
    counts: Float[Array, " n"]  # vectors a step that have this code
    sums: Float[Array, "n d"]  # their sum


def nearest_code(
    x: Float[Array, "*batch d"], codes: Float[Array, "n d"]
) -> Int[Array, " *batch"]:
    """argminₙ ‖x − codesₙ‖²; of equal ones the first.

    >>> nearest_code(jnp.array([0.9, 0.0]), jnp.eye(2)).item()
    0

    van den Oord et al. 2017, arXiv:1711.00937.
    """
    _codes("nearest_code", x, codes)
    codes = jnp.asarray(codes)
    size = jnp.sum(jnp.square(codes.astype(wide(codes.dtype))), axis=-1)
    inner = product("nearest_code", x, codes.T)
    far = jnp.broadcast_to(size.astype(inner.dtype), inner.shape) - 2 * inner
    return jnp.argmin(far, axis=-1).astype(jnp.int32)


def vector_quantize(
    x: Float[Array, "*batch d"], codes: Float[Array, "n d"]
) -> Float[Array, "*batch d"]:
    """codes[nearest], whose derivative is that of x: straight through.

    The codes have none here: they learn by `quantization_loss` or `update_codebook`.

    >>> vector_quantize(jnp.array([0.9, 0.0]), jnp.eye(2)).tolist()
    [1.0, 0.0]
    >>> f = lambda x: vector_quantize(x, jnp.eye(2)).sum()
    >>> jax.grad(f)(jnp.array([0.9, 0.0])).tolist()
    [1.0, 1.0]

    van den Oord et al. 2017, arXiv:1711.00937.
    """
    _codes("vector_quantize", x, codes)
    # x − x is 0 but for its slope: exact, where x + (code − x) is rounded.
    code = jax.lax.stop_gradient(_chosen(x, codes))
    return code + (x - jax.lax.stop_gradient(x))


def quantization_loss(
    x: Float[Array, "*batch d"],
    codes: Float[Array, "n d"],
    *,
    commitment: Scalar = 0.25,
) -> Float[Array, " *batch"]:
    """mean (sg(x) − code)² + commitment · mean (x − sg(code))², over the features.

    >>> quantization_loss(jnp.array([0.5, 0.0]), jnp.eye(2)).item()
    0.15625

    van den Oord et al. 2017, arXiv:1711.00937, equation 3.
    """
    _codes("quantization_loss", x, codes)
    code, stop = _chosen(x, codes), jax.lax.stop_gradient
    most = wide(jnp.result_type(x))
    pull = jnp.square((stop(x) - code).astype(most))
    commit = jnp.square((x - stop(code)).astype(most))
    return jnp.mean(pull + commitment * commit, axis=-1).astype(jnp.result_type(x))


def update_codebook(
    codebook: Codebook,
    x: Float[Array, "*batch d"],
    *,
    decay: Scalar = 0.99,
    eps: Scalar = 1e-5,
) -> Codebook:
    """counts ← decay · counts + (1 − decay) · hits, sums alike; codes = sums / counts.

    The counts are smoothed: (counts + eps) / (n + N eps) · n, n their sum over N codes,
    so that a code that nothing hits stays finite. Begin with counts of 0 and sums of
    codes, or with what a first batch gives.

    >>> book = Codebook(jnp.eye(2), jnp.ones(2), jnp.eye(2))
    >>> update_codebook(book, jnp.array([[3.0, 0.0]]), decay=0.5).counts.tolist()
    [1.0, 0.5]

    van den Oord et al. 2017, arXiv:1711.00937, appendix A.1.
    """
    _codes("update_codebook", x, codebook.codes)
    n = codebook.codes.shape[0]
    flat = jnp.reshape(x, (-1, jnp.shape(x)[-1]))
    ids = nearest_code(flat, codebook.codes)
    shape = (ids.shape[0], n)
    places = jax.lax.broadcasted_iota(jnp.int32, shape, 1)
    hits = (jnp.broadcast_to(ids[:, None], shape) == places).astype(flat.dtype)
    most = wide(flat.dtype)
    total = jnp.sum(hits, axis=0, dtype=most).astype(codebook.counts.dtype)
    added = product("update_codebook", hits.T, flat).astype(codebook.sums.dtype)
    counts = decay * codebook.counts + (1 - decay) * total
    sums = decay * codebook.sums + (1 - decay) * added
    whole = jnp.sum(counts)
    smoothed = (counts + eps) / (whole + n * eps) * whole
    codes = sums / jnp.broadcast_to(smoothed[:, None], sums.shape)
    return Codebook(codes, counts, sums)


def _chosen(x: Array, codes: Array) -> Array:
    """The nearest code itself."""
    return jnp.take(codes, nearest_code(x, codes), axis=0, mode="clip")


def _codes(who: str, x: Array, codes: Array) -> None:
    """A codebook of vectors like x."""
    if jnp.ndim(codes) != 2 or jnp.shape(x)[-1:] != jnp.shape(codes)[1:]:
        must = "x must be (*batch, features), and the codes (n, features)"
        _check.fail(
            who, must, f"x.shape={jnp.shape(x)}, codes.shape={jnp.shape(codes)}"
        )
