"""The gated recurrent unit: h′ = (1 − z) n + z h, its reset after or before."""

import jax.numpy as jnp
from jax import lax

from assay.layers._recurrent_forms._rule import Rule


def _after_step(lay, params):
    inner = lay.times(params.recurrent_kernel)

    def step(net, state):
        (h,) = state
        r, z, n = lay.split(net, 3)
        again = inner(h)
        again = again + lay.spread(params.recurrent_bias, again)
        hr, hz, m = lay.split(again, 3)
        r, z = lax.logistic(r + hr), lax.logistic(z + hz)
        n = lax.tanh(n + r * m)
        h = h.astype(net.dtype)
        return (((1 - z) * n + z * h).astype(state[0].dtype),), (r, z, n, m, h)

    return step


def _after_pull(lay, params):
    against = lay.against(params.recurrent_kernel)

    def pull(kept, ct):
        r, z, n, m, h = kept
        (dh,) = ct
        dn = dh * (1 - z) * (1 - n * n)
        dr, dz = dn * m * r * (1 - r), dh * (h - n) * z * (1 - z)
        before = against(lay.join([dr, dz, dn * r])) + dh * z
        return lay.join([dr, dz, dn]), (before,)

    return pull


def _after_weights(lay, kept, before, net):
    """The reset gate stands between the candidate's two halves."""
    dr, dz, dn = lay.split(net, 3)
    inner = lay.join([dr, dz, dn * kept[0]])
    return lay.gradient(before, inner), lay.total(net), lay.total(inner)


def _before_step(lay, params):
    size = params.recurrent_kernel.shape[0]
    gates = lay.times(params.recurrent_kernel[:, : 2 * size])
    inner = lay.times(params.recurrent_kernel[:, 2 * size :])

    def step(net, state):
        (h,) = state
        r, z, n = lay.split(net, 3)
        hr, hz = lay.split(gates(h), 2)
        r, z = lax.logistic(r + hr), lax.logistic(z + hz)
        before = h.astype(net.dtype)
        n = lax.tanh(n + inner((r * before).astype(h.dtype)))
        return (((1 - z) * n + z * before).astype(h.dtype),), (r, z, n, before)

    return step


def _before_pull(lay, params):
    size = params.recurrent_kernel.shape[0]
    gates = lay.against(params.recurrent_kernel[:, : 2 * size])
    inner = lay.against(params.recurrent_kernel[:, 2 * size :])

    def pull(kept, ct):
        r, z, n, h = kept
        (dh,) = ct
        dn = dh * (1 - z) * (1 - n * n)
        reset = inner(dn)  # the cotangent of r h
        dr, dz = reset * h * r * (1 - r), dh * (h - n) * z * (1 - z)
        before = gates(lay.join([dr, dz])) + reset * r + dh * z
        return lay.join([dr, dz, dn]), (before,)

    return pull


def _before_weights(lay, kept, before, net):
    """r h is what the candidate's third of the kernel multiplied."""
    dr, dz, dn = lay.split(net, 3)
    gates = lay.gradient(before, lay.join([dr, dz]))
    inner = lay.gradient(kept[0] * kept[3], dn)
    bias = lay.total(net)
    return jnp.concatenate([gates, inner], axis=1), bias, bias


GRU_AFTER = Rule(
    3, False, lambda params: params.bias, _after_step, _after_pull, 5, _after_weights
)
GRU_BEFORE = Rule(
    3,
    False,
    lambda params: params.bias + params.recurrent_bias,
    _before_step,
    _before_pull,
    4,
    _before_weights,
)
