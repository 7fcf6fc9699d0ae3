"""Channels weighed by what the whole image holds: squeeze-and-excitation, ECA, CBAM."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._conv import conv
from assay.layers._feed_forward import FeedForwardParams, feed_forward
from assay.layers._global_pool import global_avg_pool, global_max_pool
from assay.layers._precision import wide
from assay.typing import Array, Float


class CBAMParams(NamedTuple):
    """The weights of `cbam`: the channels' perceptron, the places' convolution."""

    channels: FeedForwardParams
    kernel: Float[Array, "*window 2 1"]


def squeeze_excitation(
    x: Float[Array, "*batch_and_space c"],
    params: FeedForwardParams,
    *,
    activation: Callable[[Array], Array] = activations.relu,
    gate: Callable[[Array], Array] = activations.sigmoid,
    spatial: int = 2,
) -> Float[Array, "*batch_and_space c"]:
    """x · gate(feed_forward(mean of x over space)): one weight a channel.

    MobileNetV3 has `hard_sigmoid` for the gate.

    >>> params = FeedForwardParams(jnp.ones((1, 2)), jnp.zeros((2, 1)))
    >>> squeeze_excitation(jnp.ones((2, 1, 1)), params).ravel().tolist()
    [0.5, 0.5]

    Hu et al. 2017, arXiv:1709.01507.
    """
    _image("squeeze_excitation", x, spatial, jnp.shape(params.kernel)[0])
    pooled = global_avg_pool(x, spatial=spatial)
    weights = gate(feed_forward(pooled, params, activation=activation))
    return _weighed(x, weights, spatial)


def efficient_channel_attention(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, " k"],
    *,
    spatial: int = 2,
) -> Float[Array, "*batch_and_space c"]:
    """x · σ(kernel ∗ mean of x over space): each channel hears k neighbours.

    >>> x = jnp.ones((2, 1, 3))
    >>> efficient_channel_attention(x, jnp.zeros(3))[0, 0].tolist()
    [0.5, 0.5, 0.5]

    Wang et al. 2019 (ECA), arXiv:1910.03151.
    """
    who = "efficient_channel_attention"
    if jnp.ndim(kernel) != 1 or jnp.shape(kernel)[0] % 2 == 0:
        _check.fail(who, "kernel must have one axis of odd size", jnp.shape(kernel))
    _image(who, x, spatial, None)
    pooled = global_avg_pool(x, spatial=spatial)
    heard = conv(pooled[..., None], jnp.reshape(kernel, (-1, 1, 1)), padding="SAME")
    return _weighed(x, activations.sigmoid(heard[..., 0]), spatial)


def cbam(
    x: Float[Array, "*batch_and_space c"], params: CBAMParams
) -> Float[Array, "*batch_and_space c"]:
    """z = x · σ(f(mean) + f(max)) a channel, then z · σ(kernel ∗ (mean, max)) a place.

    f is `feed_forward` with ReLU of the means and maxima over space; the second pair
    are those over channels. The kernel's rank says how many axes are space.

    >>> params = CBAMParams(
    ...     FeedForwardParams(jnp.ones((3, 1)), jnp.zeros((1, 3))),
    ...     jnp.zeros((7, 7, 2, 1)))
    >>> cbam(jnp.ones((4, 4, 3)), params)[0, 0].tolist()
    [0.25, 0.25, 0.25]

    Woo et al. 2018, arXiv:1807.06521.
    """
    spatial = jnp.ndim(params.kernel) - 2
    _image("cbam", x, spatial, jnp.shape(params.channels.kernel)[0])

    def f(pooled: Array) -> Array:
        return feed_forward(pooled, params.channels, activation=activations.relu)

    mean, most = (p(x, spatial=spatial) for p in (global_avg_pool, global_max_pool))
    z = _weighed(x, activations.sigmoid(f(mean) + f(most)), spatial)
    mean = jnp.mean(z, axis=-1, keepdims=True, dtype=wide(z.dtype)).astype(z.dtype)
    both = jnp.concatenate([mean, jnp.max(z, axis=-1, keepdims=True)], axis=-1)
    gate = activations.sigmoid(conv(both, params.kernel, padding="SAME"))
    return z * jnp.broadcast_to(gate, z.shape)


def _weighed(x: Array, weights: Array, spatial: int) -> Array:
    """x · weights (*batch, c), laid over space."""
    x = jnp.asarray(x)
    places = tuple(range(weights.ndim - 1, weights.ndim - 1 + spatial))
    return x * jnp.broadcast_to(jnp.expand_dims(weights, places), x.shape)


def _image(who: str, x: Array, spatial: int, channels: int | None) -> None:
    """Space, and as many channels as the weights have."""
    layout = f"(*batch, {spatial} of space, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    if channels is not None and jnp.shape(x)[-1] != channels:
        must = f"x must have {channels} channels, as the weights"
        _check.fail(who, must, f"x.shape={jnp.shape(x)}")
