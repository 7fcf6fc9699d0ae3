"""Mamba's block: a short convolution, a selective state space and a gate."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._conv import depthwise_conv
from assay.layers._linear_recurrence import seen_steps
from assay.layers._precision import plus, product, spread
from assay.layers._recurrent import lengths_to_mask
from assay.layers._selective_scan import Selection, selective_scan
from assay.typing import Array, Bool, Float


class MambaParams(NamedTuple):
    """The weights of `mamba`: m features outside, d inside, n states a feature."""

    kernel: Float[Array, "m 2d"]  # what is convolved, then the gate
    conv_kernel: Float[Array, "k 1 d"]
    conv_bias: Float[Array, " d"]
    selection_kernel: Float[Array, "d r_2n"]  # r for the step size, then b, then c
    delta_kernel: Float[Array, "r d"]
    delta_bias: Float[Array, " d"]
    a_log: Float[Array, "d n"]  # A = −exp of it
    skip: Float[Array, " d"]
    output_kernel: Float[Array, "d m"]


class MambaCarry(NamedTuple):
    """What `mamba` hands on: the last inputs of the convolution, and the states."""

    window: Float[Array, "*batch k_1 d"]
    h: Float[Array, "*batch d n"]


def mamba(
    params: MambaParams,
    carry: MambaCarry,
    x: Float[Array, "*batch time m"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    chunk: int = 64,
) -> tuple[MambaCarry, Float[Array, "*batch time m"]]:
    """y = (s∘scan(u) + D u) silu(z) W′, u = silu(conv(x W)), z the other half of x W.

    The scan is `selective_scan` with Δ = softplus(u S_r V + v), b = u S_b, c = u S_c.
    What `recurrent(mamba_cell, ...)` gives, all steps together; steps that the mask
    leaves out are stepped over. The block's norm and residual are the caller's.

    >>> params = MambaParams(jnp.ones((1, 2)), jnp.ones((2, 1, 1)), jnp.zeros(1),
    ...     jnp.ones((1, 3)), jnp.ones((1, 1)), jnp.zeros(1), jnp.zeros((1, 1)),
    ...     jnp.ones(1), jnp.ones((1, 1)))
    >>> zero = MambaCarry(jnp.zeros((1, 1)), jnp.zeros((1, 1)))
    >>> last, y = mamba(params, zero, jnp.array([[1.0], [0.0]]))
    >>> y[:, 0].round(3).tolist()
    [0.85..., 0.0]

    Gu and Dao 2023, arXiv:2312.00752, figure 3.
    """
    who = "mamba"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    x = jnp.asarray(x)
    if not x.shape[-2]:
        return carry, x
    if mask is None:
        wide, h, y = _block(who, params, carry, x, None, chunk)
        return MambaCarry(wide[..., x.shape[-2] :, :], h), y
    # The convolution must not see a gap: what takes part goes to the front, in order.
    seen = seen_steps(who, mask, x)
    count = jnp.sum(mask, axis=-1, dtype=jnp.int32)
    order = jnp.argsort(~mask, axis=-1, stable=True)
    front = lengths_to_mask(count, x.shape[-2])
    x = jnp.where(_over(front, x), _taken(x, order), jnp.zeros_like(x))
    wide, h, y = _block(who, params, carry, x, front, chunk)
    back = jnp.argsort(order, axis=-1)
    y = jnp.where(seen, _taken(y, back), jnp.zeros_like(y))
    last = jnp.arange(carry.window.shape[-2], dtype=jnp.int32)
    last = jnp.broadcast_to(last, (*count.shape, *last.shape))
    return MambaCarry(_taken(wide, last + count[..., None]), h), y


def mamba_cell(
    params: MambaParams, carry: MambaCarry, x: Float[Array, "*batch m"]
) -> tuple[MambaCarry, Float[Array, "*batch m"]]:
    """One step of `mamba`: the window moves on by one, and so does every state.

    >>> params = MambaParams(jnp.ones((1, 2)), jnp.ones((2, 1, 1)), jnp.zeros(1),
    ...     jnp.ones((1, 3)), jnp.ones((1, 1)), jnp.zeros(1), jnp.zeros((1, 1)),
    ...     jnp.ones(1), jnp.ones((1, 1)))
    >>> zero = MambaCarry(jnp.zeros((1, 1)), jnp.zeros((1, 1)))
    >>> carry, y = mamba_cell(params, zero, jnp.ones(1))
    >>> y.round(3).tolist()
    [0.85...]

    Gu and Dao 2023, arXiv:2312.00752, section 3.3.
    """
    who, x = "mamba_cell", jnp.asarray(x)
    u, z = _halves(who, params, carry, x)
    window = jnp.concatenate([carry.window, u[..., None, :]], axis=-2)
    u = jnp.sum(window * jnp.broadcast_to(params.conv_kernel[:, 0], window.shape), -2)
    selection, u = _selected(who, params, plus(who, u, params.conv_bias))
    a = -jnp.exp(jnp.asarray(params.a_log, u.dtype))
    shape = (*u.shape, a.shape[-1])
    b, c = (jnp.broadcast_to(v[..., None, :], shape) for v in selection[1:])
    delta, driven = selection.delta, selection.delta * u
    kept = jnp.exp(delta[..., None] * jnp.broadcast_to(a, shape))
    h = kept * carry.h.astype(u.dtype) + driven[..., None] * b
    y = _gated(who, params, jnp.sum(h * c, axis=-1), u, z).astype(x.dtype)
    return MambaCarry(window[..., 1:, :], h.astype(carry.h.dtype)), y


def _block(
    who: str,
    params: MambaParams,
    carry: MambaCarry,
    x: Array,
    mask: Array | None,
    chunk: int,
) -> tuple[Array, Array, Array]:
    """(all inputs of the convolution, last h, y); the mask is one of lengths."""
    u, z = _halves(who, params, carry, x)
    wide = jnp.concatenate([carry.window, u], axis=-2)
    u = depthwise_conv(wide, params.conv_kernel, params.conv_bias)
    selection, u = _selected(who, params, u)
    a = -jnp.exp(jnp.asarray(params.a_log, u.dtype))
    h = carry.h.astype(u.dtype)
    h, y = selective_scan(a, selection, h, u, mask=mask, chunk=chunk)
    return wide, h.astype(carry.h.dtype), _gated(who, params, y, u, z).astype(x.dtype)


def _halves(
    who: str, params: MambaParams, carry: MambaCarry, x: Array
) -> tuple[Array, Array]:
    """What is convolved, as the window holds it, and the gate."""
    u, z = jnp.split(product(who, x, params.kernel), 2, axis=-1)
    return u.astype(carry.window.dtype), z


def _selected(who: str, params: MambaParams, u: Array) -> tuple[Selection, Array]:
    """(Δ, b, c and u, computed on from here in float32 at least)."""
    u = activations.silu(u)
    r, n = params.delta_kernel.shape[0], params.a_log.shape[-1]
    net = product(who, u, params.selection_kernel, "the convolution")
    step, b, c = jnp.split(net, [r, r + n], axis=-1)
    step = product(who, step.astype(u.dtype), params.delta_kernel, "the step size")
    delta = activations.softplus(plus(who, step, params.delta_bias))
    return Selection(delta, b, c), u.astype(delta.dtype)


def _gated(who: str, params: MambaParams, y: Array, u: Array, z: Array) -> Array:
    """(y + D u) silu(z) W′."""
    y = (y + spread(who, "skip", params.skip, u) * u) * activations.silu(z)
    y = y.astype(params.output_kernel.dtype)
    return product(who, y, params.output_kernel, "what is gated")


def _taken(x: Array, steps: Array) -> Array:
    """x at these steps of each sequence."""
    return jnp.take_along_axis(x, steps[..., None], axis=-2)


def _over(mask: Array, like: Array) -> Array:
    return jnp.broadcast_to(mask[..., None], like.shape)
