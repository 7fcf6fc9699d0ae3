"""L-BFGS and the line searches: steps to the minimum, dtypes, and trials that fail."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from assay import optim

ZOOM = optim.scale_by_zoom_linesearch(20)
BACK = optim.scale_by_backtracking_linesearch(20, store_grad=True)


def rosenbrock(w):
    return jnp.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)


def traced(tx, f, start, steps):
    """f before each of the steps, and the trials of each search."""
    value_and_grad = optim.value_and_grad_from_state(f)

    def body(carry, _):
        w, state = carry
        value, grad = value_and_grad(w, state=state)
        extra = {"value": value, "grad": grad, "value_fn": f}
        updates, state = tx.update(grad, state, w, **extra)
        w = optim.apply_updates(w, updates)
        return (w, state), (value, state[-1].info.num_linesearch_steps)

    return jax.lax.scan(body, (start, tx.init(start)), length=steps)[1]


def values(tx, f, start, steps):
    """The same, compiled once."""
    return [np.asarray(x) for x in jax.jit(lambda w: traced(tx, f, w, steps))(start)]


def steps_to(found, target):
    """How many steps until f is below the target."""
    assert (found < target).any(), found[-1]
    return int(np.argmax(found < target))


def test_rosenbrock_takes_about_as_many_steps_as_scipy():
    """From the usual start, f below 1e-6, in float32; Optax's lbfgs: 34 too."""
    start = jnp.array([-1.2, 1.0])
    found, trials = values(optim.lbfgs(), rosenbrock, start, 45)
    assert steps_to(found, 1e-6) <= 36 and trials.sum() <= 80
    theirs = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method="L-BFGS-B", tol=1e-6)
    assert steps_to(found, max(theirs.fun, 1e-10)) <= theirs.nit + 3


def test_quadratics_of_known_condition():
    """f falls by 1e-8; where all curvatures are equal the second step is the last."""
    h = np.logspace(0, np.log10([1.0, 100.0]), 12, axis=1).astype(np.float32)

    def one(h):
        def bowl(w):
            return 0.5 * jnp.sum(h * w**2)

        return traced(optim.lbfgs(), bowl, jnp.ones(12), 42)[0]

    found = np.asarray(jax.jit(jax.vmap(one))(h))
    for values, most in zip(found, (2, 40), strict=True):
        assert steps_to(values, 1e-8 * values[0]) <= most
        assert np.all(np.diff(values[: most + 1]) <= 0)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16])
def test_state_is_the_same_from_the_first_step_on(dtype):
    """Structure, shapes and dtypes, weak ones too: one compilation for all steps."""
    with jax.enable_x64(dtype == jnp.float64):
        wide = jnp.float64 if dtype == jnp.float64 else jnp.float32
        w = {"a": jnp.ones(3, dtype)}
        f = lambda w: jnp.sum(w["a"] ** 2)  # noqa: E731
        for search in (ZOOM, BACK):
            tx = optim.lbfgs(linesearch=search)

            def step(w, state, tx=tx):
                value, grad = optim.value_and_grad_from_state(f)(w, state=state)
                extra = {"value": value, "grad": grad, "value_fn": f}
                return *tx.update(grad, state, w, **extra), grad

            first = jax.eval_shape(tx.init, w)
            updates, state, grad = jax.eval_shape(step, w, first)
            kept = [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(first)]
            assert kept == [
                (x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(state)
            ]
            assert jax.tree.structure(first) == jax.tree.structure(state)
            assert updates["a"].dtype == grad["a"].dtype == dtype
            kinds = {x.dtype for x in jax.tree.leaves(state)}
            assert kinds == {jnp.dtype(wide), jnp.dtype(jnp.int32)}


def test_bfloat16_parameters_reach_the_minimum_that_they_can_hold():
    """The memory in float32: (1, 1, 1, 1) exactly."""
    f = lambda w: jnp.sum(jnp.arange(1.0, 5.0) * (w.astype(jnp.float32) - 1) ** 2)  # noqa: E731
    start = jnp.array([3.0, -2.0, 0.5, 10.0], jnp.bfloat16)
    assert values(optim.lbfgs(), f, start, 15)[0][-1] == 0


def search(tx, f, start, steps):
    """(value, learning rate, parameters) after each step of −g and the search."""

    def body(carry, _):
        w, state = carry
        value, grad = jax.value_and_grad(f)(w)
        extra = {"value": value, "grad": grad, "value_fn": f}
        updates, state = tx.update(-grad, state, w, **extra)
        w = w + updates
        return (w, state), (state.value, state.learning_rate, w)

    return jax.lax.scan(body, (start, tx.init(start)), length=steps)[1]


@pytest.mark.parametrize("tx", [ZOOM, BACK])
def test_a_trial_that_is_not_finite_shrinks_the_step(tx):
    """f is no number below w = 0.5, and steep above it: the whole step leads there."""

    def four(beyond):
        f = lambda w: jnp.where(w > 0.5, 40 * w, beyond)  # noqa: E731
        return search(tx, f, jnp.float32(1.0), 4)

    beyond = jnp.array([jnp.nan, jnp.inf, -jnp.inf])
    found, rates, ws = map(np.asarray, jax.jit(jax.vmap(four))(beyond))
    assert np.isfinite(found).all() and (ws > 0.5).all() and (ws < 1).all()
    assert (rates > 0).all() and (rates < 0.0125).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.scale_by_zoom_linesearch(3, initial_guess_strategy="one"),
        lambda: optim.scale_by_backtracking_linesearch(2),
    ],
)
def test_a_search_that_finds_nothing_stays_and_goes_on_smaller_next_time(make):
    """Three trials are not enough for 1e-3; Optax's rate is then 0 for ever."""
    f = lambda w: jnp.where(w > 0.999, w, jnp.nan)  # noqa: E731
    found, rates, ws = search(make(), f, jnp.float32(1.0), 25)
    assert ws[0] == 1 and found[0] == 1 and 0 < rates[0] < 1
    assert 0.999 < ws[-1] < 1


def test_optax_stays_for_ever():
    """What the test above guards against, in Optax 0.2.8."""
    f = lambda w: jnp.where(w > 0.999, w, jnp.nan)  # noqa: E731
    with jax.numpy_dtype_promotion("standard"):
        tx = optax.scale_by_backtracking_linesearch(2)
        _, rates, ws = search(tx, f, jnp.float32(1.0), 5)
    assert (ws == 1).all() and (rates == 0).all()


def test_a_pair_of_negative_curvature_is_left_out():
    """On a saddle P g still points uphill, as Optax's does not."""
    slope = jnp.array([1.0, -3.0])
    ws = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)

    def products(tx):
        def body(state, w):
            g = slope * w
            u, state = tx.update(g, state, w)
            return state, jnp.sum(u * g)

        with jax.numpy_dtype_promotion("standard"):
            return jax.jit(lambda s, w: jax.lax.scan(body, s, w)[1])(tx.init(ws[0]), ws)

    assert (products(optim.scale_by_lbfgs()) > 0).all()
    assert not (products(optax.scale_by_lbfgs()) > 0).all()


def test_extra_arguments_reach_the_loss_and_no_others():
    """The searches hand value_fn what it names, and ignore the rest."""

    def loss(w, batch):
        return jnp.sum((w - batch) ** 2)

    w, batch = jnp.zeros(2), jnp.array([1.0, 2.0])
    value, grad = jax.value_and_grad(loss)(w, batch)
    extra = {"value": value, "grad": grad, "value_fn": loss, "batch": batch}
    tx = optim.chain(optim.sgd(1.0), ZOOM)
    update = jax.jit(lambda g, s, w: tx.update(g, s, w, **extra, other=3))
    u, state = update(grad, tx.init(w), w)
    np.testing.assert_allclose(u, batch, rtol=1e-6)
    stored = optim.value_and_grad_from_state(loss)(w + u, batch, state=state)
    assert stored[0] == state[-1].value and stored[1].shape == (2,)


def test_what_is_missing_is_named():
    """The loss in a search, a search in the state, its gradient."""
    w, read = jnp.ones(2), optim.value_and_grad_from_state(rosenbrock)
    for tx in (ZOOM, BACK):
        with pytest.raises(ValueError, match="value_fn must be given"):
            tx.update(w, tx.init(w), w, value=0.0, grad=w)
    with pytest.raises(ValueError, match="got 0 of them"):
        read(w, state=optim.adam(0.1).init(w))
    with pytest.raises(ValueError, match="must hold the gradient"):
        read(w, state=optim.scale_by_backtracking_linesearch(5).init(w))
    with pytest.raises(ValueError, match="memory_size must be at least 1; got 0"):
        optim.scale_by_lbfgs(0)


def test_the_first_step_differentiates():
    """Its length depends on the gradient: the derivative knows."""
    with jax.enable_x64(True):

        def loss(p):
            tx = optim.scale_by_lbfgs()
            u = tx.update(2 * p, tx.init(p), p)[0]
            return jnp.vdot(u, jnp.array([1.0, 3.0]))

        f, p = jax.jit(jax.value_and_grad(loss)), jnp.array([3.0, 1.0])
        v = jnp.array([0.6, -0.8])
        ends = [float(f(p + s * v)[0]) for s in (1e-6, -1e-6)]
        slope = float(jnp.vdot(f(p)[1], v))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
