"""Segments of a sequence: the whole's numbers, and the gradient that was asked for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from tests.test_recurrent import MASK, TIME, X, make, start


def question():
    """(cell, params, carry) of a small GRU."""
    cell, params = make("gru")
    return cell, params, start(params, X)


def loss(run, params, carry, x):
    """Uneven in y and in the last carry."""
    last, y = run(params, carry, x, mask=MASK)
    return jnp.sum(jnp.sin(last)) + jnp.sum(
        y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)
    )


@pytest.mark.parametrize("steps", [1, 4, 6, 9])
def test_remat_is_the_whole_with_its_gradient(steps):
    """Whole segments, a rest, and one segment that is longer than the sequence."""
    cell, params, carry = question()
    whole = functools.partial(layers.recurrent, cell)
    again = functools.partial(layers.recurrent_remat, cell, steps=steps)
    slope = jax.value_and_grad(loss, argnums=(1, 2, 3))
    got = jax.jit(functools.partial(slope, again))(params, carry, X)
    expected = jax.jit(functools.partial(slope, whole))(params, carry, X)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    for g, e in pairs:
        np.testing.assert_allclose(g, e, atol=2e-6)


def test_the_truncated_gradient_ends_between_segments():
    """As if every segment began with a constant; the first has the carry's gradient."""
    cell, params, carry = question()
    steps = 4

    def by_hand(params, carry, x, mask):
        first, y = layers.recurrent(
            cell, params, carry, x[:, :steps], mask=mask[:, :steps]
        )
        held = jax.lax.stop_gradient(first)
        last, z = layers.recurrent(
            cell, params, held, x[:, steps:], mask=mask[:, steps:]
        )
        return last, jnp.concatenate([y, z], axis=1)

    cut = functools.partial(layers.recurrent_truncated, cell, steps=steps)
    slope = jax.value_and_grad(loss, argnums=(1, 2, 3))
    got = jax.jit(functools.partial(slope, cut))(params, carry, X)
    expected = jax.jit(functools.partial(slope, by_hand))(params, carry, X)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    for g, e in pairs:
        np.testing.assert_allclose(g, e, atol=2e-6)
    late = jax.grad(lambda c: jnp.sum(cut(params, c, X)[1][:, steps:]))(carry)
    early = jax.grad(lambda c: jnp.sum(cut(params, c, X)[1][:, :steps]))(carry)
    assert (late == 0).all() and (early != 0).any() and TIME > steps


def test_steps_are_named():
    """None, and a fraction."""
    cell, params, carry = question()
    with pytest.raises(ValueError, match="recurrent_truncated: steps must be a whole"):
        layers.recurrent_truncated(cell, params, carry, X, steps=0)
    with pytest.raises(ValueError, match="recurrent_remat: steps must be a whole"):
        layers.recurrent_remat(cell, params, carry, X, steps=2.5)
