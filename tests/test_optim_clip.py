"""Clipping up to the largest number, and schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import optim

# Clipping ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32], ids=str)
@pytest.mark.parametrize("size", ["tiny", "one", "large", "largest"])
def test_clipping_is_right_up_to_the_largest_number(dtype, size):
    """The clipped tree has norm min(norm, max_norm) to 1e-3, in its own dtype."""
    info = jnp.finfo(dtype)
    top = {
        "tiny": 64 * info.tiny,
        "one": 1,
        "large": info.max / 64,
        "largest": info.max,
    }
    rng = np.random.default_rng(0)
    g = (rng.uniform(-1, 1, 1024) * float(top[size])).astype(dtype)
    g = {"a": jnp.asarray(g[:24]), "b": jnp.asarray(g[24:])}
    flat = np.concatenate([np.asarray(x, np.float64) for x in jax.tree.leaves(g)])
    norm = np.linalg.norm(flat)
    for max_norm in (1.0, 100.0):
        clipped = jax.jit(optim.clip_by_global_norm(max_norm).update)(
            g, optim.EmptyState()
        )[0]
        parts = [np.asarray(x, np.float64) for x in jax.tree.leaves(clipped)]
        got = np.linalg.norm(np.concatenate(parts))
        assert got == pytest.approx(min(norm, max_norm), rel=1e-3)
        assert all(x.dtype == dtype for x in jax.tree.leaves(clipped))
    if norm < 3e38:
        assert float(optim.global_norm(g)) == pytest.approx(norm, rel=1e-5)


def test_zeros_stay_zeros_and_the_rest_is_reported():
    """max_norm 0 makes zeros, never 0/0; nan and infinity make every entry nan."""
    clip = optim.clip_by_global_norm(0.0)
    assert clip.update(jnp.zeros(3), ())[0].tolist() == [0.0] * 3
    assert clip.update(jnp.ones(3), ())[0].tolist() == [0.0] * 3
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        g = {"a": jnp.array([1.0, bad]), "b": jnp.ones(2)}
        clipped = optim.clip_by_global_norm(1.0).update(g, ())[0]
        assert all(np.isnan(x).all() for x in jax.tree.leaves(clipped))
    assert np.isinf(optim.global_norm(jnp.array([1.0, jnp.inf])))
    assert np.isnan(optim.global_norm(jnp.array([1.0, jnp.nan])))
    assert float(optim.global_norm({})) == 0


def test_clipping_differentiates_at_zero():
    """The Jacobian at zero gradients is the identity; the norm's slope there is 0."""

    @jax.jit
    def clip(g):
        return optim.clip_by_global_norm(1.0).update(g, ())[0]

    assert np.array_equal(jax.jacobian(clip)(jnp.zeros(3)), np.eye(3))
    assert jax.grad(optim.global_norm)(jnp.zeros(3)).tolist() == [0.0] * 3
    g = jnp.array([3.0, 4.0])
    np.testing.assert_allclose(jax.grad(optim.global_norm)(g), [0.6, 0.8], rtol=1e-6)
    slope = jax.jacobian(clip)(g)
    np.testing.assert_allclose(slope @ g, 0, atol=1e-6)
    np.testing.assert_allclose(slope[0, 0], 0.128, rtol=1e-5)


# Schedules -----------------------------------------------------------------------


def test_schedules_refuse_what_has_no_meaning():
    """Worded by the house."""
    with pytest.raises(ValueError, match="decay_steps must be positive; got 0"):
        optim.cosine_decay_schedule(0.1, 0)
    with pytest.raises(ValueError, match="the scale at 3 must be in"):
        optim.piecewise_constant_schedule(0.1, {3: -1.0})


@pytest.mark.parametrize(
    "name",
    ["piecewise_constant_schedule", "exponential_decay", "cosine_decay_schedule"],
)
def test_schedules_take_a_python_step_and_a_traced_one(name):
    """Plain integers, int32 under vmap, and float32 values, from 0 to far beyond."""
    arguments = {
        "piecewise_constant_schedule": (0.3, {2: 0.5}),
        "exponential_decay": (0.3, 4, 0.5),
        "cosine_decay_schedule": (0.3, 4),
    }
    f = getattr(optim, name)(*arguments[name])
    assert getattr(optim.schedules, name) is getattr(optim, name)
    steps = [0, 1, 2, 5, 10**6]
    traced = jax.jit(jax.vmap(f))(jnp.array(steps, jnp.int32))
    assert traced.dtype == jnp.float32
    np.testing.assert_allclose(traced, [float(f(t)) for t in steps], rtol=1e-6)


def test_the_first_update_uses_step_zero():
    """A schedule's value at 0 scales the first update, as in Optax."""
    tx = optim.sgd(lambda t: jnp.where(t == 0, 1.0, 0.0))
    g = jnp.ones(2)
    updates, state = tx.update(g, tx.init(g))
    assert updates.tolist() == [-1.0, -1.0]
    assert tx.update(g, state)[0].tolist() == [0.0, 0.0]
