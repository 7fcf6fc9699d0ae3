"""The element-wise optimizers: conventions by their formulas, digits and forms.

That they are the rules, Optax's, torch's and Keras's is the mirrors' and the table of
conventions' to show.
"""

import fractions
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import optim
from assay.optim import _radam
from assay.verify import discover, rules
from assay.verify.rules import _rule


def walk(tx, gradients, params=1.0):
    """The updates of a fixed parameter, step by step, as plain numbers."""
    p = jnp.float32(params)
    state, seen = tx.init(p), []
    for g in gradients:
        update, state = tx.update(jnp.float32(g), state, p)
        seen.append(float(update))
    return seen


def close(got, expected, rel=2e-6):
    np.testing.assert_allclose(got, expected, rtol=rel, atol=1e-12)


# Conventions, each by what its formula says ---------------------------------------


def test_eps_hat_is_eps_over_the_root_of_the_correction():
    """One step: g/(|g| + eps), and g/(|g| + eps/√(1 − b2))."""
    for make in (optim.adam, optim.adamw, optim.amsgrad):
        close(walk(make(1.0, eps=0.01), [0.5], 0.0), -0.5 / 0.51)
        hat = 0.01 / math.sqrt(1 - 0.999)
        close(walk(make(1.0, eps=0.01, eps_hat=True), [0.5], 0.0), -0.5 / (0.5 + hat))


def test_the_two_maxima_of_amsgrad():
    """1, then zeros: v̂ of the first step reigns, or v of it over today's correction."""
    steps = [1.0, 0.0, 0.0, 0.0]
    mean = [0.1 * 0.9**t / (1 - 0.9 ** (t + 1)) for t in range(4)]
    close(walk(optim.amsgrad(1.0, eps=0.0), steps), -np.array(mean))
    v = [0.001 / (1 - 0.999 ** (t + 1)) for t in range(4)]
    tx = optim.amsgrad(1.0, eps=0.0, max_before_correction=True)
    close(walk(tx, steps), -np.array(mean) / np.sqrt(v))
    paper = optim.amsgrad(1.0, 0.9, 0.999, 0.0, 0.0, None, False, False)
    close(walk(paper, steps), [-0.1 * 0.9**t / math.sqrt(0.001) for t in range(4)])


def test_adamaxs_eps_decays_or_does_not():
    """1, then 0: the maximum is b2 (1 + eps), or b2 and eps is added to it."""
    mean = 0.1 * 0.9 / (1 - 0.81)
    inside = walk(optim.adamax(1.0, b2=0.5, eps=0.01), [1.0, 0.0])
    outside = walk(optim.adamax(1.0, b2=0.5, eps=0.01, eps_in_max=False), [1.0, 0.0])
    close(inside, [-1 / 1.01, -mean / 0.505])
    close(outside, [-1 / 1.01, -mean / 0.51])


@pytest.mark.parametrize(("ahead", "w"), [(False, 0.08), (True, 0.92)])
def test_the_two_weights_of_adans_difference(ahead, w):
    """Equal at the first step, which has no difference; w apart at the second."""
    tx = optim.adan(1.0, eps=0.0, eps_root=0.0, b2_ahead=ahead)
    m = (0.98 * 0.02 * 1 + 0.02 * 2) / (1 - 0.98**2)
    v = 0.08 * (2 - 1) / (1 - 0.92**2)
    n = (0.99 * 0.01 * 1 + 0.01 * (2 + w) ** 2) / (1 - 0.99**2)
    close(walk(tx, [1.0, 2.0]), [-1, -(m + w * v) / math.sqrt(n)])


def test_dozats_schedule_ends_at_the_constant_momentum():
    """With momentum_decay → ∞ every μ is b1; torch's first μ is b1 (1 − 0.96^ψ/2)."""
    g = np.random.default_rng(0).standard_normal(8)
    constant = walk(optim.nadam(1.0), g)
    close(walk(optim.nadam(1.0, momentum_decay=1e6), g), constant)
    now, then = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2))
    tx = optim.nadam(1.0, eps=0.0, momentum_decay=0.004)
    close(walk(tx, [2.0]), -(then * 0.1 / (1 - now * then) + 1))
    with pytest.raises(ValueError, match="nadam: momentum_decay is a schedule of"):
        optim.nadamw(0.1, nesterov=False, momentum_decay=0.004)


def test_the_three_decays_of_adamw():
    """Times the rate; beside it; and the paper's: times the schedule, not the rate."""
    rates, a = [0.1, 0.05], 1.0  # a constant gradient: Adam's direction is 1
    schedule = optim.piecewise_constant_schedule(0.1, {1: 0.5})
    for make in (optim.adamw, optim.nadamw):
        kind = {"eps": 0.0, "b1": 0.0, "weight_decay": 0.3}
        close(walk(make(schedule, **kind), [1, 1], 2), [-r * (a + 0.6) for r in rates])
        kind["decay_scaled"] = False
        close(walk(make(schedule, **kind), [1, 1], 2), [-r * a - 0.6 for r in rates])
        kind["weight_decay"] = lambda t: 3.0 * schedule(t)  # λ η for η = 10 · schedule
        close(
            walk(make(schedule, **kind), [1, 1], 2),
            [-10 * r * (0.1 * a + 0.3 * 2) for r in rates],
        )


def test_dampening_spares_the_first_gradient():
    """1, 1, 1: the buffer is 1, then 0.9 + 0.7, then 0.9 · 1.6 + 0.7; torch's."""
    tx = optim.sgd(0.1, 0.9, dampening=0.3)
    close(walk(tx, [1, 1, 1]), [-0.1, -0.16, -0.214])
    schedule = optim.piecewise_constant_schedule(0.1, {1: 0.5})
    up = optim.sgd(schedule, maximize=True)
    close(walk(up, [1, 1]), [0.1, 0.05])
    for wrong in ({}, {"momentum": 0.9, "nesterov": True}):
        with pytest.raises(ValueError, match="sgd: dampening needs a momentum"):
            optim.sgd(0.1, dampening=0.3, **wrong)


def test_the_two_places_of_rmsprops_rate():
    """The rate halves: 0.5 + 0.9 with it inside the buffer, 0.5 (1 + 0.9) outside."""
    schedule = optim.piecewise_constant_schedule(1.0, {1: 0.5})
    kind = {"decay": 0.0, "eps": 0.0, "momentum": 0.9}
    close(walk(optim.rmsprop(schedule, **kind), [3, 3]), [-1, -1.4])
    close(walk(optim.rmsprop(schedule, **kind, rate_last=True), [3, 3]), [-1, -0.95])


def test_the_two_places_of_adagrads_eps():
    """a = 4 after one step: 2/√(4 + eps), or 2/(2 + eps); 0 stays 0 in both."""
    for outside, expected in ((True, 2 / math.sqrt(4.5)), (False, 2 / 2.5)):
        tx = optim.adagrad(1.0, 0.0, 0.5, eps_in_sqrt=outside)
        close(walk(tx, [0.0, 2.0]), [0, -expected])


def test_lions_modes():
    """The sign, a tanh, the clipped mix; another word is an error that names them."""
    for mode, expected in (("hard", 1), ("smooth", math.tanh(0.15)), ("refined", 0.05)):
        tx = optim.scale_by_lion(mode=mode, smooth_beta=3.0)
        close(walk(tx, [0.5]), expected)
    with pytest.raises(ValueError, match="Did you mean 'smooth'?"):
        optim.scale_by_lion(mode="smoth")


def test_novograds_decay_may_be_a_schedule():
    """u = −rate · (0.9 · last + g/‖g‖ + decay(t) p); with a decay it needs params."""
    tx = optim.novograd(1.0, eps=0.0, weight_decay=lambda t: jnp.where(t > 0, 0.5, 0.0))
    p = jnp.array([2.0, 0.0])
    state = tx.init(p)
    first, state = tx.update(jnp.array([3.0, 4.0]), state, p)
    second, _ = tx.update(jnp.array([3.0, 4.0]), state, p)
    close(first, [-0.6, -0.8])
    close(second, [-(0.9 * 0.6 + 0.6 + 1), -(0.9 * 0.8 + 0.8)])
    with pytest.raises(ValueError, match="scale_by_novograd: params must be given"):
        tx.update(p, state)


def test_signum_is_the_sign_of_the_mean():
    """Of the exponential average, whatever its weight."""
    g, mean, signs = np.random.default_rng(1).standard_normal(30), 0.0, []
    for x in g:
        mean = 0.9 * mean + 0.1 * x
        signs.append(np.sign(mean))
    close(walk(optim.signum(1.0), g), -np.array(signs))


# Rprop ----------------------------------------------------------------------------


def test_rprop_is_on_time():
    """Grow, grow, turn (no move), start anew: torch's; Optax 0.2.8 is a step late."""
    late = walk(optim.rprop(0.1), [1, 1, 1, -1, 1])
    close(late, [-0.1, -0.12, -0.144, 0, -0.072])
    # The product of the first and the last step vanishes in float32; the signs do not.
    for size in (3e-38, 1e38):
        close(walk(optim.rprop(0.1), [size, size, -size]), [-0.1, -0.12, 0])


def test_rprops_steps_stay_in_their_bounds():
    """From above, and on the way up and down."""
    close(walk(optim.rprop(100.0), [1, 1]), [-50, -50])
    tx = optim.rprop(1.0, 0.5, 1.5, 0.9, 2.0)
    close(walk(tx, [1, 1, 1, -1, -1, 1, 1]), [-1, -1.5, -2, 0, 1, 0, -0.9])


# Numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("b2", [0.9, 0.999, 0.9999999])
def test_the_rectification_keeps_its_digits(b2):
    """ρ in float32, whose formula cancels: exact fractions up to 300 steps, to 2e-7."""
    b, steps = fractions.Fraction(b2), np.arange(1, 301)
    full = 2 / (1 - b) - 1
    true = [float(full - 2 * t * b**t / (1 - b**t)) for t in steps.tolist()]
    t = jnp.asarray(steps, jnp.float32)
    got = jax.jit(lambda t: _radam._length(t, -math.log(b2), 2 / (1 - b2) - 1))(t)
    np.testing.assert_allclose(np.asarray(got, np.float64), true, rtol=2e-7)


def steps_of(tx, gradients, params):
    """All updates by one scan, the parameters moving."""

    def body(carry, g):
        p, state = carry
        updates, state = tx.update(g, state, p)
        return (optim.apply_updates(p, updates), state), updates

    return jax.lax.scan(body, (params, tx.init(params)), gradients)[1]


def by_rule(name, rate, kind, gradients, p):
    """All updates of the NumPy rule, the parameters moving."""
    rule = _rule.transform(getattr(rules, name), rate, **kind)
    state, seen = rule.init(p), []
    for g in gradients:
        update, state = rule.update(g, state, p)
        p = p + update
        seen.append(update)
    return np.stack(seen)


LONG = {  # memories long enough that a rounded beta, or a rounded 1.2, would show
    "sgd": {"momentum": 0.999},
    "adamax": {"b1": 0.99, "b2": 0.9999},
    "nadam": {"b1": 0.999, "momentum_decay": 1e6},
    "radam": {"b2": 0.99999},
    "rprop": {"max_step_size": 1e9},
}


def test_long_memories_keep_their_digits():
    """200 steps in float32 within 1e-6 of the rule in float64."""
    rng = np.random.default_rng(0)
    g = (1 + 0.1 * rng.standard_normal((200, 50))).astype(np.float32)
    g[100:, ::2] *= 1e-3  # a maximum that is only decayed from here
    p = rng.standard_normal(50).astype(np.float32)
    txs = {n: getattr(optim, n)(0.01, **kind) for n, kind in LONG.items()}
    ours = jax.jit(lambda g, p: {n: steps_of(tx, g, p) for n, tx in txs.items()})(g, p)
    for name, kind in LONG.items():
        expected = by_rule(name, 0.01, kind, g, p)
        apart = np.abs(np.asarray(ours[name]) - expected).max(1)
        assert (apart / np.abs(expected).max(1)).max() < 1e-6, name


def test_gradients_of_1e30():
    """Rules without a square stay finite and right; no mean of such gradients is ∞."""
    close(walk(optim.adamax(0.1), [1e30, -1e30]), [-0.1, 0.1 * 0.01 / 0.19], 1e-5)
    for make in (optim.sign_sgd, optim.signum, optim.rprop):
        assert walk(make(0.1), [1e30])[0] == pytest.approx(-0.1)
    assert walk(optim.lion(0.1), [1e30], 0.0)[0] == pytest.approx(-0.1)
    close(walk(optim.sgd(0.1, 0.9, dampening=0.5), [1e30, 1e30]), [-1e29, -1.4e29])
    close(walk(optim.optimistic_gradient_descent(0.1), [1e30, 2e30]), [-1e29, -3e29])
    # Adam's family squares: up to 1e20 the square of b2's share still fits.
    for make in (optim.nadam, optim.radam, optim.yogi, optim.adan, optim.adabelief):
        assert np.isfinite(walk(make(0.1), [1e20, -1e20])).all()


def adams(x):
    """The three numbers of the family."""
    return {"b1": 0.9 * x, "b2": 0.99 * x, "eps": 1e-3 * x}


TRACED = {  # every number, as a function of one from 0.5 to 1; by name and rate
    ("adam", "eps_hat"): lambda x: adams(x) | {"eps_root": 1e-3 * x, "eps_hat": True},
    ("adamw", "plain"): lambda x: {"weight_decay": x, "decay_scaled": False},
    ("nadam",): lambda x: adams(x) | {"momentum_decay": x},
    ("amsgrad",): lambda x: adams(x) | {"max_before_correction": True},
    ("adamax",): adams,
    ("adamax", "outside"): lambda x: adams(x) | {"eps_in_max": False},
    ("radam",): lambda x: adams(x) | {"threshold": 4 + x, "nesterov": True},
    ("adabelief",): lambda x: adams(x) | {"eps_root": 1e-3 * x, "nesterov": True},
    ("yogi",): adams,
    ("lion",): lambda x: {"b1": x / 2, "b2": x, "weight_decay": x},
    ("adan",): lambda x: adams(x) | {"b3": x / 2, "eps_root": x, "weight_decay": x},
    ("adadelta",): lambda x: {"rho": x / 2, "eps": 0.1 * x, "weight_decay": x},
    ("novograd",): lambda x: adams(x) | {"eps_root": x, "weight_decay": x},
    ("rprop",): lambda x: {
        **{"eta_minus": x / 2, "eta_plus": 1 + x},
        **{"min_step_size": x / 4, "max_step_size": 2 * x},
    },
    ("signum",): lambda x: {"beta": x / 2},
    ("optimistic_adam_v2",): lambda x: adams(x) | {"alpha": x, "beta": x / 2},
    ("sgd",): lambda x: {"momentum": x, "dampening": x / 2, "maximize": True},
    ("rmsprop",): lambda x: {"momentum": x, "decay": x / 2, "rate_last": True},
    ("adagrad",): lambda x: {"eps": x, "eps_in_sqrt": False},
}


def test_every_number_may_be_traced():
    """vmap over values of every hyper-parameter is the rule at each, in NumPy."""
    rng, values = np.random.default_rng(2), (0.5, 0.75)
    g = rng.standard_normal((7, 6)).astype(np.float32)
    p = np.linspace(-1, 1, 6, dtype=np.float32)

    @jax.jit
    @jax.vmap
    def together(x):
        return {
            " ".join(of): steps_of(getattr(optim, of[0])(x, **kind(x)), g, p)
            for of, kind in TRACED.items()
        }

    with jax.numpy_dtype_promotion("strict"):
        ours = together(jnp.array(values))
    for of, kind in TRACED.items():
        for got, x in zip(ours[" ".join(of)], values, strict=True):
            expected = by_rule(of[0], x, kind(x), g, p)
            scale = 2e-5 * np.abs(expected).max()
            np.testing.assert_allclose(got, expected, rtol=0, atol=scale, err_msg=of[0])


# Forms ----------------------------------------------------------------------------


def test_nu_dtype_says_otherwise():
    """The squares in bfloat16 on request; the means and the updates stay float32."""
    p = jnp.ones(3)
    for make in (optim.adam, optim.adamw, optim.amsgrad):
        tx = make(0.1, nu_dtype=jnp.bfloat16)
        updates, state = jax.eval_shape(tx.update, p, tx.init(p), p)
        assert updates.dtype == state[0].mu.dtype == jnp.float32
        assert state[0].nu.dtype == jnp.bfloat16
        assert jax.tree.structure(state) == jax.tree.structure(tx.init(p))


MINE = (
    "adabelief adadelta adagrad adam adamax adamaxw adamw adan amsgrad lion nadam "
    "nadamw novograd optimistic_adam_v2 optimistic_gradient_descent radam rmsprop "
    "rprop sgd sign_sgd signum yogi"
).split()


@pytest.mark.parametrize("name", MINE)
def test_absent_and_empty_leaves(name):
    """None stays None, a leaf without a gradient keeps its state, an empty one too."""
    tx = discover("optim")[name](0.1)
    params = {"none": None, "idle": jnp.ones(2), "empty": jnp.ones((0, 3))}
    params["w"] = jnp.ones(3, jnp.bfloat16)
    state = tx.init(params)
    leaves = jax.tree.leaves((params, state))
    pointers = [x.unsafe_buffer_pointer() for x in leaves if x.size]
    assert len(set(pointers)) == len(pointers)
    grads = {**params, "idle": None}
    updates, after = jax.eval_shape(tx.update, grads, state, params)
    assert updates["none"] is None and updates["idle"] is None
    assert (updates["empty"].shape, updates["w"].dtype) == ((0, 3), jnp.bfloat16)
    forms = [jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in (state, after)]
    assert forms[0] == forms[1]
