"""What makes steps fast, tested without a clock: no copies, and few programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import optim

SIZE = 4096


def step(tx):
    """Update and apply."""

    def one(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optim.apply_updates(params, updates), state

    return jax.jit(one, donate_argnums=(0, 1))


@pytest.mark.parametrize(
    "tx",
    [
        optim.adam(0.1),
        optim.adamw(0.1),
        optim.sgd(0.1, momentum=0.9),
        optim.lion(0.1),
    ],
    ids=["adam", "adamw", "sgd", "lion"],
)
def test_a_donated_step_overwrites_its_state(tx):
    """Nothing of a leaf's size beside parameters, state and gradients (on CPU)."""
    if jax.default_backend() != "cpu":
        pytest.skip("how XLA assigns buffers on CPU")
    x = jax.ShapeDtypeStruct((SIZE,), jnp.float32)
    program = step(tx).lower(x, jax.eval_shape(tx.init, x), x).compile()
    memory = program.memory_analysis()
    assert memory.temp_size_in_bytes < SIZE
    assert memory.alias_size_in_bytes >= 2 * 4 * SIZE


def test_lion_from_the_mean_after_is_lion_from_the_mean_before():
    """Python's numbers read the one, traced numbers the other: the same rule."""
    g = np.random.default_rng(2).standard_normal((30, 50)).astype(np.float32)

    @jax.jit
    def both(g, b1, b2):
        kept = []
        for betas in ((0.9, 0.99), (b1, b2)):
            tx = optim.scale_by_lion(*betas, mode="smooth")

            def one(state, g, tx=tx):
                u, state = tx.update(g, state)
                return state, u

            kept.append(jax.lax.scan(one, tx.init(g[0]), g)[1])
        return kept

    after, before = both(g, 0.9, 0.99)
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize(("b1", "b2"), [(0.99, 0.9), (0.9, 0.0), (0.0, 0.0)])
def test_lion_with_unusual_betas(b1, b2):
    """Where b1/b2 is above 1 or has no value: still c = b1 m + (1 − b1) g."""
    tx = optim.scale_by_lion(b1, b2, mode="refined")
    state, m = tx.init(jnp.zeros(3)), np.zeros(3)
    for g in np.random.default_rng(1).uniform(-0.5, 0.5, (4, 3)):
        u, state = tx.update(jnp.asarray(g, jnp.float32), state)
        np.testing.assert_allclose(u, b1 * m + (1 - b1) * g, rtol=1e-5, atol=1e-7)
        m = b2 * m + (1 - b2) * g


def test_a_grouped_update_is_one_program_for_all_leaves():
    """As many operations for 60 leaves as for one; the tree has 60 times as many."""
    tx, leaves = optim.adam(0.1), [jnp.ones(3)] * 60

    def operations(params):
        text = step(tx).lower(params, tx.init(params), params).as_text()
        return text.count(" = stablehlo.")

    one = operations(leaves[:1])
    assert operations(optim.group_leaves(leaves)) == one
    assert operations(leaves) > 20 * one
