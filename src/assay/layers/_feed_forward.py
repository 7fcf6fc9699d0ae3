"""The feed-forward part of a transformer: two dense layers, plain and gated."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._dense import dense
from assay.typing import Array, Float


class FeedForwardParams(NamedTuple):
    """The weights of `feed_forward`: f hidden features."""

    kernel: Float[Array, "d f"]
    out_kernel: Float[Array, "f o"]
    bias: Float[Array, " f"] | None = None
    out_bias: Float[Array, " o"] | None = None


class GatedParams(NamedTuple):
    """The weights of `gated_feed_forward`: f hidden features, each with its gate."""

    gate_kernel: Float[Array, "d f"]
    kernel: Float[Array, "d f"]
    out_kernel: Float[Array, "f o"]
    gate_bias: Float[Array, " f"] | None = None
    bias: Float[Array, " f"] | None = None
    out_bias: Float[Array, " o"] | None = None


def feed_forward(
    x: Float[Array, "*batch d"],
    params: FeedForwardParams,
    *,
    activation: Callable[[Array], Array] = activations.gelu,
) -> Float[Array, "*batch o"]:
    """activation(x W + b) Wo + bo.

    Vaswani et al. take `activations.relu`, BERT the exact GELU, Primer
    `activations.squared_relu`.

    >>> params = FeedForwardParams(jnp.ones((1, 3)), jnp.ones((3, 1)))
    >>> feed_forward(jnp.ones(1), params, activation=activations.relu).tolist()
    [3.0]

    Vaswani et al. 2017, arXiv:1706.03762, section 3.3.
    """
    _features("feed_forward", x, params.kernel)
    return dense(
        activation(dense(x, params.kernel, params.bias)),
        params.out_kernel,
        params.out_bias,
    )


def gated_feed_forward(
    x: Float[Array, "*batch d"],
    params: GatedParams,
    *,
    activation: Callable[[Array], Array] = activations.silu,
) -> Float[Array, "*batch o"]:
    """(activation(x Wg + bg) · (x W + b)) Wo + bo: SwiGLU.

    With `activations.gelu` it is GEGLU, with `sigmoid` GLU, with `relu` ReGLU, with the
    identity the bilinear form.

    >>> params = GatedParams(jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.ones((3, 1)))
    >>> gated_feed_forward(jnp.ones(1), params).tolist()
    [2.193...]

    Shazeer 2020, arXiv:2002.05202.
    """
    _features("gated_feed_forward", x, params.kernel)
    gate = activation(dense(x, params.gate_kernel, params.gate_bias))
    y = gate * dense(x, params.kernel, params.bias)
    return dense(y, params.out_kernel, params.out_bias)


def _features(who: str, x: Array, kernel: Array) -> None:
    """One feature for each row of the kernel."""
    if jnp.shape(x)[-1:] != jnp.shape(kernel)[:1]:
        must = "x must be (*batch, features), one for each row of params.kernel"
        got = f"x.shape={jnp.shape(x)}, params.kernel.shape={jnp.shape(kernel)}"
        _check.fail(who, must, got)
