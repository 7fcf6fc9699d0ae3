"""Generative models, distillation and preferences, as printed, in longdouble."""

import numpy as np

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    mark,
    normal,
    positive,
    static,
)


def _long(*arrays):
    return [np.asarray(a, np.longdouble) for a in arrays]


def _total(x, axis, where):
    inside = True if where is None else where
    return np.asarray(np.where(inside, x, 0).sum(axis), float)


@mark(source="formula in NumPy")
@given(mean=normal(4, 3), log_variance=normal(4, 3))
@given(mean=normal(4, 3, scale=1e-3), log_variance=normal(4, 3, scale=1e-2))
@given(mean=normal(2, 3, 4), log_variance=normal(2, 3, 4, scale=9.0), axis=static(None))
@given(
    mean=normal(5, 3),
    log_variance=normal(5, 3),
    prior_mean=normal(5, 3),
    prior_log_variance=normal(5, 3, scale=2.0),
    where=booleans(5, 3),
)
def gaussian_kl(
    mean,
    log_variance,
    prior_mean=None,
    prior_log_variance=None,
    axis=-1,
    where=None,
):
    m, v = _long(mean, log_variance)
    m0 = 0 if prior_mean is None else prior_mean
    v0 = 0 if prior_log_variance is None else np.longdouble(prior_log_variance)
    each = ((m - m0) ** 2 / np.exp(v0) + np.exp(v - v0) - 1 - (v - v0)) / 2
    return _total(each, axis, where)


def _softplus(x):
    return np.logaddexp(np.longdouble(0), np.longdouble(x))


def _pairs(mirror):
    for scale in (30.0, 2.0):
        draw = normal(4, 3, scale=scale)
        mirror = given(real=draw, fake=draw)(mirror)
    return mirror


def _fakes(mirror):
    for scale in (30.0, 2.0):
        mirror = given(fake=normal(4, 3, scale=scale))(mirror)
    return mirror


@mark(source="formula in NumPy")
@_pairs
def gan_discriminator_loss(real, fake):
    return np.asarray(_softplus(-real) + _softplus(fake), float)


@mark(source="formula in NumPy")
@_fakes
def minimax_generator_loss(fake):
    return np.asarray(-_softplus(fake), float)


@mark(source="formula in NumPy")
@_fakes
def non_saturating_generator_loss(fake):
    return np.asarray(_softplus(-fake), float)


@mark(source="formula in NumPy")
@_pairs
def hinge_discriminator_loss(real, fake):
    return np.maximum(1 - real, 0) + np.maximum(1 + fake, 0)


@mark(source="formula in NumPy")
@_pairs
def least_squares_discriminator_loss(real, fake):
    return 0.5 * (real - 1) ** 2 + 0.5 * fake**2


@mark(source="formula in NumPy")
@_fakes
def least_squares_generator_loss(fake):
    return 0.5 * (fake - 1) ** 2


@mark(source="formula in NumPy")
@_pairs
def wasserstein_critic_loss(real, fake):
    return fake - real


@mark(source="formula in NumPy")
@_fakes
def wasserstein_generator_loss(fake):
    return -fake


# The critic x ↦ Σ w sin x has the slope w cos x, and a linear one w wherever x̂ is.
@mark(property=True, higher_order=True, source="by hand")
@given(real=normal(4, 3), fake=normal(4, 3), w=normal(3, scale=2.0))
def gradient_penalty(ours, real, fake, w):
    import jax
    import jax.numpy as jnp

    def bent(x):
        return jnp.sin(x) @ w

    key = jax.random.key(0)
    got = ours(lambda x: x @ w, real, fake, key), ours(bent, real, real, key)
    x, w = (np.asarray(a, np.float64) for a in (real, w))
    slopes = np.broadcast_to(w, x.shape), w * np.cos(x)
    return got, tuple((np.linalg.norm(s, axis=-1) - 1) ** 2 for s in slopes)


def _close(*shape):
    """Logits close to another draw of the same."""
    return Draw(lambda rng: np.arange(shape[-1]) + 1e-3 * rng.normal(size=shape))


def _log_shares(x, axis, where):
    x = np.where(where, x, -np.inf)
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@mark(source="formula in NumPy")
@given(student_logits=normal(4, 5), teacher_logits=normal(4, 5))
@given(
    student_logits=normal(4, 5, scale=9.0),
    teacher_logits=normal(4, 5, scale=9.0),
    temperature=static(3.0),
    axis=static(0),
)
@given(student_logits=_close(4, 5), teacher_logits=_close(4, 5))
@given(
    student_logits=normal(4, 5),
    teacher_logits=normal(4, 5),
    temperature=static(2.0),
    where=booleans(4, 5),
)
def distillation_loss(
    student_logits, teacher_logits, temperature=1.0, axis=-1, where=None
):
    inside = True if where is None else where
    s, t = _long(student_logits / temperature, teacher_logits / temperature)
    log_p, log_q = _log_shares(t, axis, inside), _log_shares(s, axis, inside)
    with np.errstate(invalid="ignore"):
        each = np.exp(log_p) * (log_p - log_q)
    return temperature**2 * _total(each, axis, where)


@mark(source="formula in NumPy")
@given(
    chosen=normal(5, scale=9.0),
    rejected=normal(5, scale=9.0),
    reference_chosen=normal(5),
    reference_rejected=normal(5),
)
def dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return np.asarray(_softplus(-np.float32(beta).astype(float) * margin), float)


@mark(source="formula in NumPy")
@given(
    log_probabilities=normal(6, 2),
    old_log_probabilities=normal(6, 2),
    advantages=normal(6, 2),
)
@given(
    log_probabilities=normal(6, scale=0.1),
    old_log_probabilities=normal(6, scale=0.1),
    advantages=positive(6),
    clip=static(0.125),
)
def ppo_clip_loss(log_probabilities, old_log_probabilities, advantages, clip=0.2):
    ratio = np.exp(log_probabilities - old_log_probabilities)
    kept = np.clip(ratio, 1 - clip, 1 + clip)
    return -np.minimum(ratio * advantages, kept * advantages)
