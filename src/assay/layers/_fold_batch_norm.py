"""A batch norm that no longer learns, folded into the weights before it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._batch_norm import BatchStats
from assay.layers._precision import wide
from assay.layers._weight_norm import LAYOUT
from assay.typing import Array, Float, Scalar


class BatchNormParams(NamedTuple):
    """What `batch_norm_inference(x, *params)` takes beside x."""

    scale: Float[Array, " o"] | None
    bias: Float[Array, " o"] | None
    stats: BatchStats


def fold_batch_norm(
    kernel: Float[Array, "*window i o"],
    bias: Float[Array, "*out o"] | None,
    norm: BatchNormParams,
    *,
    eps: Scalar = 1e-5,
) -> tuple[Float[Array, "*window i o"], Float[Array, "*out o"]]:
    """(a·kernel, a·(bias − mean) + norm.bias), a = norm.scale / √(var + eps).

    With these weights a layer gives at once what `batch_norm_inference(y, *norm,
    eps=eps)` makes of its y: `dense`, and convolutions of every kind (grouped,
    depthwise, transposed, local), since outputs are the last axis of each kernel here.

    >>> stats = BatchStats(jnp.array([2.0]), jnp.array([4.0]))
    >>> norm = BatchNormParams(jnp.array([6.0]), jnp.array([1.0]), stats)
    >>> kernel, bias = fold_batch_norm(jnp.array([[5.0]]), None, norm, eps=0)
    >>> kernel.tolist(), bias.tolist()
    ([[15.0]], [-5.0])

    Jacob et al. 2017, Quantization and training of neural networks, arXiv:1712.05877.
    """
    who = "fold_batch_norm"
    _check.floating(who, kernel=kernel)
    _check.rank_at_least(who, "kernel", kernel, 2, LAYOUT)
    if not isinstance(norm, tuple):
        must, got = "norm must be BatchNormParams(scale, bias, stats)", type(norm)
        _check.fail(who, must, got.__name__, kind=TypeError)
    scale, shift, stats = norm
    mean, var = stats
    o, dtype = jnp.shape(kernel)[-1], jnp.result_type(kernel)
    _per_output(who, o, {"scale": scale, "bias": shift, "mean": mean, "var": var})
    if bias is not None and jnp.shape(bias)[-1:] != (o,):
        must = f"bias must have the {o} outputs of the kernel last"
        _check.fail(who, must, f"bias.shape={jnp.shape(bias)}")
    w, zero = wide(dtype), jnp.zeros(o)
    mean, var, shift, bias = (
        jnp.asarray(zero if v is None else v, w) for v in (mean, var, shift, bias)
    )
    a = jax.lax.rsqrt(var + jnp.asarray(eps, w))
    a = a if scale is None else a * jnp.asarray(scale, w)

    def over(values, like):
        return jnp.broadcast_to(values, like.shape)

    kernel = jnp.asarray(kernel, w)
    moved = (bias - over(mean, bias)) * over(a, bias) + over(shift, bias)
    return (kernel * over(a, kernel)).astype(dtype), moved.astype(dtype)


def _per_output(who: str, o: int, values: dict) -> None:
    """Each of the values that is there has one number per output."""
    for name, v in values.items():
        if v is not None and jnp.shape(v) != (o,):
            must = f"norm's {name} must have one number per output, shape ({o},)"
            _check.fail(who, must, jnp.shape(v))
