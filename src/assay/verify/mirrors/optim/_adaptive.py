"""The element-wise optimizers beside Optax's."""

import jax
import optax

from assay.verify.mirrors.optim._walks import rate as _rate
from assay.verify.mirrors.optim._walks import transform


def _on_time(learning_rate, **settings):
    """Optax's Rprop, emitting the update that it has just put into its state.

    Optax 0.2.8 emits the one that was there before: every step is one late and the
    first is 0 (github.com/google-deepmind/optax/pull/1725).
    """
    rule = optax.scale_by_rprop(learning_rate, **settings)

    def update(updates, state, params=None):
        _, state = rule.update(updates, state, params)
        return state.prev_updates, state

    return optax.GradientTransformation(rule.init, update)


def _downhill_on_time(learning_rate, **settings):
    return optax.chain(_on_time(learning_rate, **settings), optax.scale(-1.0))


def _dozat(momentum_decay, b1=0.9, b2=0.999, eps=1e-8):
    """NAdam with its momentum schedule, which Optax lacks: arithmetic alone."""

    def momentum(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def init(params):
        zeros = jax.tree.map(lambda p: 0 * p, params)
        return 0, 1.0, zeros, zeros

    def update(updates, state, params=None):
        t, product, m, v = state
        t = t + 1
        now, then = momentum(t), momentum(t + 1)
        product = product * now
        m = jax.tree.map(lambda a, g: b1 * a + (1 - b1) * g, m, updates)
        v = jax.tree.map(lambda a, g: b2 * a + (1 - b2) * g**2, v, updates)

        def leaf(g, m, v):
            head = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
            return head / ((v / (1 - b2**t)) ** 0.5 + eps)

        return jax.tree.map(leaf, updates, m, v), (t, product, m, v)

    return optax.GradientTransformation(init, update)


LATE = {"source": "optax, on time"}
RATE = {"learning_rate": 0.1}
RATED = {"learning_rate": _rate}
DECAY = {"weight_decay": 0.1}
DECAYED = {"weight_decay": _rate}
SMALL = {"b1": 0.5, "b2": 0.99, "eps": 1e-3}

adamw = transform(optax.adamw, RATE, {**RATED, **SMALL, **DECAYED})
nadam = transform(optax.nadam, RATE, {**RATED, **SMALL})
nadamw = transform(optax.nadamw, RATE, {**RATED, **SMALL, **DECAYED})
scale_by_nadam = transform(
    _dozat,
    {"momentum_decay": 4e-3},
    {"momentum_decay": 1.0, "b1": 0.999, "eps": 1e-3},
    source="formula in NumPy",
)
scale_by_amsgrad = transform(
    optax.scale_by_amsgrad,
    {},
    SMALL,
    {"bias_correction_mu": False, "bias_correction_nu": False, "eps_root": 1e-3},
)
amsgrad = transform(optax.amsgrad, RATE, {**RATED, **SMALL})
scale_by_adamax = transform(optax.scale_by_adamax, {}, SMALL)
adamax = transform(optax.adamax, RATE, {**RATED, **SMALL})
adamaxw = transform(optax.adamaxw, RATE, {**RATED, **SMALL, **DECAYED})
scale_by_radam = transform(
    optax.scale_by_radam,
    {},
    {"b2": 0.9, "eps": 1e-3, "nesterov": True},
    {"threshold": 10.0, "eps_root": 1e-3},
)
radam = transform(optax.radam, RATE, {**RATED, "b2": 0.9})
scale_by_belief = transform(optax.scale_by_belief, {}, {**SMALL, "nesterov": True})
adabelief = transform(optax.adabelief, RATE, {**RATED, **SMALL, "eps_root": 1e-3})
scale_by_yogi = transform(
    optax.scale_by_yogi, {}, {**SMALL, "initial_accumulator_value": 0.1}
)
yogi = transform(optax.yogi, RATE, {**RATED, **SMALL})
scale_by_lion = transform(
    optax.scale_by_lion,
    {},
    {"b1": 0.95, "b2": 0.98},
    {"mode": "smooth", "smooth_beta": 3.0},
    {"mode": "refined"},
)
lion = transform(optax.lion, RATE, {**RATED, **DECAYED})
scale_by_adan = transform(optax.scale_by_adan, {}, {**SMALL, "eps_root": 1e-3})
adan = transform(optax.adan, RATE, {**RATED, **DECAYED})
scale_by_adadelta = transform(optax.scale_by_adadelta, {}, {"rho": 0.5, "eps": 1e-3})
adadelta = transform(
    optax.adadelta, {"learning_rate": 1.0}, {**RATED, "eps": 1e-3, **DECAY}, {}
)
scale_by_novograd = transform(
    optax.scale_by_novograd, {}, {**SMALL, **DECAY, "eps_root": 1e-3}
)
novograd = transform(optax.novograd, RATE, {**RATED, **DECAY, "b2": 0.9})
scale_by_rprop = transform(_on_time, RATE, {"learning_rate": 40.0}, **LATE)
rprop = transform(
    _downhill_on_time,
    RATE,
    {**RATE, "eta_minus": 0.7, "eta_plus": 1.3, "max_step_size": 0.2},
    **LATE,
)
scale_by_sign = transform(optax.scale_by_sign)
sign_sgd = transform(optax.sign_sgd, RATE, RATED)
signum = transform(optax.signum, RATE, {**RATED, "beta": 0.99})
scale_by_optimistic_gradient = transform(
    optax.scale_by_optimistic_gradient, {}, {"alpha": 0.7, "beta": 0.3}
)
optimistic_gradient_descent = transform(
    optax.optimistic_gradient_descent, RATE, {**RATED, "alpha": 0.7, "beta": 0.3}
)
optimistic_adam_v2 = transform(
    optax.optimistic_adam_v2, RATE, {**RATED, "beta": 0.3, "nesterov": False}
)
