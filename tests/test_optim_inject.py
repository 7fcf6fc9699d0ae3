"""Hyper-parameters in the state: set, scheduled, swept and read."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from assay import optim
from assay.verify import discover
from tests.optimizers import equal, gradients, run, tree

RATES = np.linspace(0.01, 0.08, 8, dtype=np.float32)


def forms(state):
    """Shapes, dtypes and weak types, in the state's structure."""
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), state)


def stepper(tx):
    """A compiled update, and how often it was traced."""
    traces = []

    @jax.jit
    def step(g, state):
        traces.append(1)
        return tx.update(g, state, g)

    return step, traces


def test_a_changed_rate_is_not_a_new_trace():
    """Set by name or written into the dict; the first step and the next are one."""
    tx = optim.inject_hyperparams(optim.sgd)(learning_rate=0.1)
    step, traces = stepper(tx)
    g = jnp.ones(2)
    _, state = step(g, tx.init(g))
    state = optim.set_hyperparams(state, learning_rate=0.5)
    updates, state = step(g, state)
    assert updates.tolist() == [-0.5, -0.5]
    state.hyperparams["learning_rate"] = jnp.float32(0.25)
    updates, state = step(g, state)
    assert updates.tolist() == [-0.25, -0.25]
    assert len(traces) == 1
    # A Python number is of a weak type: one trace more, and then never again.
    for rate in (0.5, 0.125):
        state.hyperparams["learning_rate"] = rate
        updates, state = step(g, state)
        assert updates.tolist() == [-rate, -rate]
    assert len(traces) == 2


def test_eight_rates_at_once_are_eight_runs():
    """vmap over the rate in the state, and over the one given to the factory."""
    grads, make = gradients(5), optim.inject_hyperparams(optim.adam)

    def updates(rate):
        return run(make(rate, b2=0.99), grads, tree())[1]

    def set_later(rate):
        tx = make(0.1, b2=0.99)
        state = optim.set_hyperparams(tx.init(tree()), learning_rate=rate)
        return run(optim.Transform(lambda p: state, tx.update), grads, tree())[1]

    alone = jax.jit(lambda rate: run(optim.adam(rate, b2=0.99), grads, tree())[1])
    runs = [alone(rate) for rate in RATES]
    for f in (updates, set_later):
        together = jax.jit(jax.vmap(f))(RATES)
        for i, one in enumerate(runs):
            equal(jax.tree.map(lambda u, i=i: u[i], together), one, 2e-5)


def test_betas_are_not_rounded_to_the_parameters():
    """bfloat16 has no 0.999; float64 parameters keep all digits of it."""
    make = optim.inject_hyperparams(optim.adam)(0.1)
    held = make.init(jnp.ones(2, jnp.bfloat16)).hyperparams
    assert {x.dtype for x in held.values()} == {jnp.dtype("float32")}
    assert float(held["b2"]) == np.float32(0.999)
    with jax.enable_x64(True):
        held = make.init(jnp.ones(2, jnp.float64)).hyperparams
        assert float(held["b2"]) == 0.999
        mixed = optim.inject_hyperparams(optim.adam, hyperparam_dtype=jnp.float32)
        assert mixed(0.1).init(jnp.ones(2)).hyperparams["b2"].dtype == jnp.float32


MAKERS = {
    name: make
    for name, make in discover("optim").items()
    if next(iter(inspect.signature(make).parameters), "") == "learning_rate"
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_number_of_every_optimizer_takes_a_schedule(name):
    """All float arguments at once; the values of the last step are in the state."""
    parameters = list(inspect.signature(MAKERS[name]).parameters.values())[1:]
    numbers = {p.name: p.default for p in parameters if type(p.default) is float}
    numbers["learning_rate"] = 0.05
    schedules = {n: optim.constant_schedule(x) for n, x in numbers.items()}
    schedules["learning_rate"] = optim.exponential_decay(0.05, 1, 0.5)
    tx = optim.inject_hyperparams(MAKERS[name])(**schedules)
    p, value = {"w": jnp.ones((2, 3))}, jnp.float32(1.0)

    def step(state):
        def loss(q):
            return jnp.sum(q["w"] ** 2)

        extra = {"value": value, "grad": p, "value_fn": loss}
        return tx.update(p, state, p, **extra)[1]

    state = jax.eval_shape(tx.init, p)
    assert forms(jax.eval_shape(step, state)) == forms(state)
    assert set(numbers) <= set(optim.hyperparams(state))


def test_a_schedule_counts_from_zero():
    """The first update has its value at 0; what was used is what is read."""
    rate = optim.piecewise_constant_schedule(1.0, {1: 0.5, 2: 0.5})
    tx = optim.inject_hyperparams(optim.sgd)(rate)
    g, seen = jnp.ones(()), []
    state = tx.init(g)
    for _ in range(3):
        updates, state = tx.update(g, state)
        seen.append((-float(updates), float(optim.hyperparams(state)["learning_rate"])))
    assert seen == [(1.0, 1.0), (0.5, 0.5), (0.25, 0.25)]
    with pytest.raises(ValueError, match="only what follows no schedule can be set"):
        optim.set_hyperparams(state, learning_rate=3.0)


class Falling:
    """A schedule with a state of its own, driven by the loss."""

    def init(self):
        return jnp.float32(1.0)

    def update(self, state, **extra):
        return state * extra["value"]

    def __call__(self, state, **extra):
        return state


def test_a_schedule_with_a_state():
    """It sees the extra arguments, as in Optax."""
    for library in (optim, optax):
        tx = library.inject_hyperparams(library.sgd)(Falling())
        g = jnp.ones(())
        with jax.numpy_dtype_promotion("standard"):
            _, state = tx.update(g, tx.init(g), g, value=jnp.float32(0.25))
            updates, state = tx.update(g, state, g, value=jnp.float32(0.25))
        assert float(updates) == -0.25


def test_what_is_no_number_stays_out_of_the_state():
    """A mask's function is no schedule, a dtype no number, an int no float."""

    def make(rate: float, mask: dict | None = None, k: int = 2, dtype=None, name="x"):
        assert callable(mask) and k == 3 and dtype is jnp.bfloat16 and name == "x"
        return optim.scale(rate)

    injected = optim.inject_hyperparams(make)
    state = injected(0.5, mask=lambda p: p, k=3, dtype=jnp.bfloat16).init(jnp.ones(()))
    assert list(state.hyperparams) == ["rate"]
    kept = optim.inject_hyperparams(optim.adam, static_args=("b1", "eps"))
    assert {"b1", "eps"}.isdisjoint(kept(0.1).init(jnp.ones(2)).hyperparams)
    with pytest.raises(ValueError, match="a name in static_args must be one of b1"):
        optim.inject_hyperparams(optim.scale_by_adam, static_args="beta1")


def test_numbers_are_found_wherever_they_are():
    """In chains, groups and accumulation; twice the same name has its place before."""
    one, two = (optim.inject_hyperparams(optim.sgd)(rate) for rate in (0.1, 0.2))
    both = optim.partition({"x": one, "y": two}, {"a": "x", "b": "y"})
    tx = optim.MultiSteps(optim.chain(optim.clip(1.0), both), 2)
    state = tx.init({"a": jnp.ones(2), "b": jnp.ones(2)})
    names = [
        f"inner_opt_state/1/inner_states/{g}/inner_state/learning_rate" for g in "xy"
    ]
    assert list(optim.hyperparams(state)) == names
    state = optim.set_hyperparams(state, **{names[1]: 0.5})
    assert [round(float(x), 6) for x in optim.hyperparams(state).values()] == [0.1, 0.5]
    with pytest.raises(ValueError, match="set_hyperparams: a name must be one of"):
        optim.set_hyperparams(state, learning_rate=0.5)


def test_held_in_nnx_optimizer():
    """Flax drives it, and the rate is changed between two steps."""
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    tx = optim.inject_hyperparams(optim.sgd)(0.5)
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    grads = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    for rate in (0.5, 0.25):
        before = model.bias[...]
        optimizer.opt_state.hyperparams["learning_rate"][...] = rate
        optimizer.update(model, grads)
        np.testing.assert_allclose(before - model.bias[...], rate)


def test_held_numbers_share_no_buffer():
    """Neither with the state of the transform nor with the user's own array."""
    rate, w = jnp.float32(0.1), jnp.ones(())
    for make in (optim.schedule_free_sgd, optim.sgd):
        tx = optim.inject_hyperparams(make)(rate)
        state = tx.init(w)
        places = [x.unsafe_buffer_pointer() for x in jax.tree.leaves(state)]
        assert len(set(places)) == len(places)
        assert rate.unsafe_buffer_pointer() not in places
