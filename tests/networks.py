"""What the tests of whole networks share: numbers for parameters, and learning."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from assay import losses
from assay.models import functional


def traced(make):
    """functional(), of a model of which nothing is computed: apply and two trees."""
    kept = []

    def trees():
        apply, *rest = functional(make(rngs=nnx.Rngs(0)))
        kept.append(apply)
        return rest

    return *jax.eval_shape(trees), kept[0]


def drawn(make, dtype=np.float32):
    """functional(), with numbers by NumPy: no compiling, and no bias is 0."""
    params, state, apply = traced(make)
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        if path[-1].key in ("scale", "var"):
            values = rng.uniform(0.5, 1.5, leaf.shape)
        else:
            fan = math.prod(leaf.shape[:-1])
            values = rng.standard_normal(leaf.shape) / fan**0.5
        return values.astype(dtype)

    numbers = jax.tree_util.tree_map_with_path(draw, (params, state))
    return apply, *numbers


# A shift of all keys moves all scores of a query alike: softmax does not see it.
UNSEEN = ("k_bias",)


def learns(make, x, method="__call__"):
    """Two steps lower the loss, every parameter has a gradient, state comes back.

    At rest it needs no key, and gives as many outputs as there are inputs.
    """
    apply, params, state = drawn(make)
    at_rest, same = jax.eval_shape(
        lambda *args: apply(*args, method=method), params, state, x
    )
    leaf = jax.tree.leaves(x)[0]
    assert at_rest.shape[0] == leaf.shape[0] and at_rest.ndim > 1
    places, classes = at_rest.shape[:-1], at_rest.shape[-1]
    labels = np.arange(math.prod(places), dtype=np.int32).reshape(places) % classes

    def loss(params, state):
        how = {"key": jax.random.key(0), "train": True, "method": method}
        y, state = apply(params, state, x, **how)
        cost = losses.softmax_cross_entropy_with_integer_labels(y, labels)
        return cost.mean(), state

    @jax.jit
    def step(params, state):
        (value, state), grads = jax.value_and_grad(loss, has_aux=True)(params, state)
        slope = sum((g**2).sum() for g in jax.tree.leaves(grads))
        rate = 0.1 * value / slope  # a straight line would fall by a tenth
        moved = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        return moved, state, value, grads

    one, after, first, grads = step(params, state)
    two, _, second, _ = step(one, after)
    assert step(two, after)[2] < second < first
    for path, grad in jax.tree_util.tree_leaves_with_path(grads):
        assert (grad != 0).any() or path[-1].key in UNSEEN, path
    assert jax.tree.map(jnp.shape, same) == jax.tree.map(jnp.shape, after)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), after, state)
    assert jax.tree.all(moved)
