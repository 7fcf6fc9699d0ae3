"""Learning from another model's outputs."""

import functools

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, softmax
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.losses._variational import _bent_exp
from assay.typing import Array, Axis, Bool, Float, Scalar


def _ratio(s, t, heat, axis):
    """(p, log q/p less its mean, where that is finite) at one temperature.

    Of the differences of the logits and of what rounding took from them, so that it
    is right where both models almost agree.
    """
    p = softmax(t / heat, axis)
    d, lost = _numerics.difference(*(jnp.where(p > 0, x, 0) for x in (s, t)))
    known = jnp.isfinite(d)

    def centred(x):
        mean = jnp.sum(p * jnp.where(known, x, 0), axis, keepdims=True)
        return x - jnp.broadcast_to(mean, x.shape)

    return p, (centred(d) + centred(lost)) / heat, known


def _heated(x, heat, axis):
    """log softmax(x / heat): of differences, which dividing rounds less."""
    top = jnp.broadcast_to(jnp.max(x, axis, keepdims=True), x.shape)
    return log_softmax((x - top) / heat, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _kl(s, t, heat, axis):
    """KL(p ‖ q) = log(1 + Σ p (e^d − 1 − d)), d = log q/p − Σ p log q/p.

    All terms are of one sign. From 1 on Σ p log p/q is nearer, and overflows nowhere.
    """
    p, d, _ = _ratio(s, t, heat, axis)
    log_p, log_q = _heated(t, heat, axis), _heated(s, heat, axis)
    # What only the student believes in has no d: q e^c, where q e^c = p e^d elsewhere.
    c = jnp.max(jnp.where(p > 0, log_p + d - log_q, -jnp.inf), axis, keepdims=True)
    alone = jnp.exp(log_q + jnp.broadcast_to(c, d.shape))
    terms = jnp.where(p > 0, p * _bent_exp(d), alone)
    near = jnp.log1p(jnp.sum(terms, axis))
    far = jnp.sum(jnp.where(p > 0, p * (log_p - log_q), 0), axis)
    return jnp.where(near < 1, near, far)


@_kl.defjvp
def _(axis, primals, tangents):
    s, t, heat = primals
    y = _kl(s, t, heat, axis)
    p, d, known = _ratio(s, t, heat, axis)
    r = d - jnp.broadcast_to(jnp.expand_dims(y, axis), d.shape)
    near = known & (p > 0) & (jnp.abs(r) < 1)
    apart = softmax(s / heat, axis) - p
    excess = jnp.where(near, p * jnp.expm1(jnp.where(near, r, 0)), apart)
    lack = p * jnp.where(known, d, 0)
    ts, tt = (
        _scaled_tangent(*x, heat, tangents[2])
        for x in ((s, tangents[0]), (t, tangents[1]))
    )
    return y, jnp.sum(excess * ts - lack * tt, axis)


def _scaled_tangent(x, tangent, heat, change):
    """The tangent of x / heat; an x of -∞ has none."""
    finite = jnp.isfinite(x)
    x = jnp.where(finite, x, 0)
    return jnp.where(finite, tangent - x * (change / heat), 0) / heat


def distillation_loss(
    student_logits: Float[Array, "*shape"],
    teacher_logits: Float[Array, "*shape"],
    *,
    temperature: Scalar = 1.0,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)) over `axis`.

    The factor T² keeps the gradients as large as those of hard labels, to which it is
    added. No True in a row of `where` gives 0. The teacher's gradient is kept: stop it
    with `jax.lax.stop_gradient`. Features are distilled by `squared_error`.

    >>> student, teacher = jnp.array([0.0, 0.0]), jnp.array([0.0, 1e-3])
    >>> distillation_loss(student, teacher, temperature=2.0).item()
    1.25...e-07

    Hinton, Vinyals and Dean 2015, arXiv:1503.02531.

    Float32, CPU: within 8 ULP of the result, from 1 on of |log softmax|.
    """
    who = "distillation_loss"
    s, t = _pair(who, student_logits=student_logits, teacher_logits=teacher_logits)
    if isinstance(temperature, (int, float)) and not temperature > 0:
        _check.fail(who, "temperature must be positive", temperature)
    heat = jnp.asarray(temperature, s.dtype)
    inside = jnp.ones(s.shape, bool) if where is None else _mask(where, s, axis)
    empty = ~jnp.any(inside, axis, keepdims=True)
    s, t = (jnp.where(inside, x, jnp.where(empty, 0, -jnp.inf)) for x in (s, t))
    y = heat * heat * _kl(s, t, heat, axis)
    y = jnp.where(jnp.squeeze(empty, axis), 0, y)
    return _numerics.narrow(y, student_logits)
