"""Losses of policies: preferred answers, and clipped policy gradients."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import softplus
from assay.typing import Array, Float, Scalar


def dpo_loss(
    chosen: Float[Array, "*shape"],
    rejected: Float[Array, "*shape"],
    reference_chosen: Float[Array, "*shape"],
    reference_rejected: Float[Array, "*shape"],
    *,
    beta: Scalar = 0.1,
) -> Float[Array, "*shape"]:
    """−log σ(β ((chosen − reference) − (rejected − reference))), log-probabilities.

    >>> zero = jnp.zeros(1)
    >>> dpo_loss(jnp.array([-1.0]), jnp.array([-21.0]), zero, zero).tolist()
    [0.126...]

    Rafailov et al. 2023, arXiv:2305.18290.

    Float32, CPU: within 4 ULP.
    """
    arrays = {"chosen": chosen, "rejected": rejected}
    arrays["reference_chosen"] = reference_chosen
    arrays["reference_rejected"] = reference_rejected
    _check.same_shape("dpo_loss", **arrays)
    _check.floating("dpo_loss", **arrays)
    c, r, rc, rr = _numerics.widest(*arrays.values())
    margin = jnp.asarray(beta, c.dtype) * ((c - rc) - (r - rr))
    return _numerics.narrow(softplus(-margin), chosen)


def ppo_clip_loss(
    log_probabilities: Float[Array, "*shape"],
    old_log_probabilities: Float[Array, "*shape"],
    advantages: Float[Array, "*shape"],
    *,
    clip: Scalar = 0.2,
) -> Float[Array, "*shape"]:
    """−min(r A, clamp(r, 1 − clip, 1 + clip) A), r = exp(log p − old log p).

    >>> zero, advantage = jnp.zeros(2), jnp.array([2.0, -2.0])
    >>> ppo_clip_loss(jnp.log(jnp.array([1.5, 1.5])), zero, advantage).tolist()
    [-2.4..., 3.0]

    Schulman et al. 2017, arXiv:1707.06347.

    Float32, CPU: within 4 ULP.
    """
    who = "ppo_clip_loss"
    arrays = {"log_probabilities": log_probabilities}
    arrays["old_log_probabilities"] = old_log_probabilities
    arrays["advantages"] = advantages
    _check.same_shape(who, **arrays)
    _check.floating(who, **arrays)
    _check.within(who, "clip", clip, 0, 1)
    new, old, gain = _numerics.widest(*arrays.values())
    width = jnp.asarray(clip, new.dtype)
    ratio = jnp.exp(new - old)
    kept = jax.lax.clamp(1 - width, ratio, 1 + width)
    return _numerics.narrow(-jnp.minimum(ratio * gain, kept * gain), log_probabilities)
