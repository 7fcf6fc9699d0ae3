"""Our optimizers inside Optax and Flax, theirs inside ours, and absent leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from assay import optim
from tests.optimizers import OURS, equal, gradients, run, tree

# Company -------------------------------------------------------------------------


def test_optaxs_inside_ours_and_ours_inside_optaxs():
    """The two chains of the same parts give the same updates."""
    grads = gradients(20)
    outer = optim.chain(optax.clip(1.0), optim.scale_by_adam(), optax.scale(-0.1))
    inner = optax.chain(optim.clip(1.0), optim.scale_by_adam(), optim.scale(-0.1))
    equal(run(outer, grads, tree())[1], run(inner, grads, tree())[1], 1e-6)


def test_extra_arguments_find_those_who_want_them():
    """Optax's polyak_sgd takes `value`; ours and Optax's scale ignore it."""
    tx = optim.chain(optim.scale(1.0), optax.scale(1.0), optax.polyak_sgd())
    p = jnp.array([1.0, 2.0])
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = tx.update(p, tx.init(p), p, value=1.0, unheard_of=3)
    np.testing.assert_allclose(updates, -p / 5, rtol=1e-6)
    assert optim.adam(0.1).update(p, optim.adam(0.1).init(p), p, value=1.0)


@pytest.mark.parametrize(
    "wrapped", ["inject", "masked", "steps", "partition", "finite"]
)
def test_inside_optaxs_wrappers(wrapped):
    """inject_hyperparams, masked, MultiSteps, partition, apply_if_finite."""

    def wrap(m):
        if wrapped == "inject":
            return optax.inject_hyperparams(m.adam)(learning_rate=0.1)
        if wrapped == "masked":
            return optax.masked(m.adam(0.1), {"a": True, "b": [False, True]})
        if wrapped == "steps":
            return optax.MultiSteps(m.adam(0.1), every_k_schedule=2)
        if wrapped == "partition":
            both = {"x": m.adam(0.1), "y": m.sgd(0.1, 0.9)}
            return optax.partition(both, {"a": "x", "b": ["y", "x"]})
        return optax.apply_if_finite(m.adam(0.1), 3)

    grads = gradients(6)
    equal(run(wrap(optim), grads, tree())[1], run(wrap(optax), grads, tree())[1], 2e-5)


def test_inject_hyperparams_changes_the_rate_without_a_trace():
    """The rate lives in the state; both steps run the same program."""
    tx, traces = optax.inject_hyperparams(optim.sgd)(learning_rate=0.1), 0

    @jax.jit
    def update(g, state):
        nonlocal traces
        traces += 1
        return tx.update(g, state, g)

    g = jnp.ones(2)
    with jax.numpy_dtype_promotion("standard"):
        _, state = update(g, tx.init(g))
        state.hyperparams["learning_rate"] = jnp.float32(0.5)
        updates, _ = update(g, state)
    assert traces == 1
    assert updates.tolist() == [-0.5, -0.5]


def test_inside_nnx_optimizer():
    """Flax's optimizer drives ours; a linear model learns."""
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optim.adam(0.1), wrt=nnx.Param)
    x = jnp.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = x @ jnp.array([[2.0], [-1.0]]) + 0.5

    @nnx.jit
    def step(model, optimizer):
        loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2))(model)
        optimizer.update(model, grads)
        return loss

    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        losses = [step(model, optimizer) for _ in range(200)]
    assert losses[-1] < 1e-3 * losses[0]


@pytest.mark.parametrize("name", OURS)
def test_absent_leaves(name):
    """None in both trees is no leaf; a missing gradient moves nothing and no state."""
    tx = OURS[name]()
    params = {
        "frozen": None,
        "idle": jnp.ones(2),
        "mask": optax.MaskedNode(),
        "w": jnp.ones(3),
    }
    grads = {**params, "idle": None}
    state = tx.init(params)
    updates, after = tx.update(grads, state, params)
    assert jax.tree.structure(state) == jax.tree.structure(after)
    assert updates["frozen"] is None and updates["idle"] is None
    assert updates["mask"] == optax.MaskedNode()
    moved = optim.apply_updates(params, updates)
    assert moved["idle"] is params["idle"]
    assert not np.array_equal(moved["w"], params["w"])


def test_a_gradient_without_state_is_an_error():
    """It names the transform and says what to do."""
    tx = optim.scale_by_adam()
    with pytest.raises(ValueError, match="scale_by_adam: every update needs its state"):
        tx.update({"w": jnp.ones(2)}, tx.init({"w": None}))
    with pytest.raises(ValueError, match="Make it with init"):
        optim.chain(tx, tx).update(jnp.ones(2), ())
    with pytest.raises(ValueError, match="params must be given"):
        optim.add_decayed_weights(0.1).update(jnp.ones(2), ())


@pytest.mark.parametrize("name", OURS)
def test_init_shares_no_buffer(name):
    """Donating the parameters and the state together is safe."""
    params = tree()
    leaves = jax.tree.leaves((params, OURS[name]().init(params)))
    pointers = [x.unsafe_buffer_pointer() for x in leaves]
    assert len(set(pointers)) == len(pointers)


def test_weight_decay_follows_its_mask():
    """A prefix tree, or a function of the parameters."""
    p = {"dense": {"bias": jnp.ones(2), "kernel": jnp.ones(3)}, "scale": jnp.ones(1)}
    mask = {"dense": {"bias": False, "kernel": True}, "scale": False}
    for given in (mask, lambda _: mask):
        tx = optim.add_decayed_weights(0.5, given)
        updates, _ = tx.update(p, tx.init(p), p)
        assert updates["dense"]["kernel"].tolist() == [1.5] * 3
        assert updates["dense"]["bias"].tolist() == [1.0] * 2
    tx = optim.add_decayed_weights(0.5, {"dense": True, "scale": False})
    updates, _ = tx.update(p, tx.init(p), p)
    assert updates["dense"]["bias"].tolist() == [1.5] * 2
    assert updates["scale"].tolist() == [1.0]
