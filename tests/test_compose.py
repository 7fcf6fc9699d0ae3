"""One layer many times over: the size of the program, the loop's numbers, wording."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, layers


def layer(x, params):
    return x + activations.tanh(layers.dense(x, *params))


def deep(n):
    """Weights of n layers, one tree each."""
    rng = np.random.default_rng(n)
    shapes = (n, 4, 4), (n, 4)
    kernels, biases = (
        jnp.asarray(0.3 * rng.standard_normal(s), jnp.float32) for s in shapes
    )
    return list(zip(kernels, biases, strict=True))


X = jnp.asarray(np.random.default_rng(1).standard_normal((3, 4)), jnp.float32)


def slope(f):
    return jax.grad(lambda params, x: jnp.sum(jnp.sin(f(params, x))), (0, 1))


@pytest.mark.parametrize("options", [{}, {"remat": True}, {"unroll": 3}])
def test_a_stack_is_the_loop(options):
    """Values and gradients to 1e-6 of the loop over seven layers."""
    params = deep(7)

    def loop(params, x):
        for p in params:
            x = layer(x, p)
        return x

    def scanned(params, x):
        return layers.stack(layer, layers.stack_params(params), x, **options)

    both = jax.jit(
        lambda *a: ((loop(*a), slope(loop)(*a)), (scanned(*a), slope(scanned)(*a)))
    )
    expected, got = both(params, X)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    for g, e in pairs:
        np.testing.assert_allclose(g, e, rtol=1e-6, atol=1e-6 * float(jnp.abs(e).max()))


@pytest.mark.parametrize("remat", [False, True])
def test_the_program_is_as_long_for_any_depth(remat):
    """As many equations for 2 layers as for 48, gradient included."""

    def size(n):
        params = layers.stack_params(deep(n))
        run = slope(lambda p, x: layers.stack(layer, p, x, remat=remat))
        return len(str(jax.make_jaxpr(run)(params, X)).splitlines())

    assert size(2) == size(48)


def test_remat_keeps_the_inputs_alone():
    """What the backward pass is given: one x a layer beside the weights."""

    def kept(remat):
        params = layers.stack_params(deep(5))
        f = lambda x: layers.stack(layer, params, x, remat=remat)  # noqa: E731
        _, back = jax.vjp(f, X)
        return sum(leaf.size for leaf in jax.tree.leaves(back))

    weights = 5 * (16 + 4)
    assert kept(True) <= weights + 5 * X.size + X.size < kept(False) + weights


def test_unstacking_undoes_stacking():
    """And a stack of none, or of layers that differ, is told by its path."""
    params = deep(3)
    again = layers.unstack_params(layers.stack_params(params))
    assert len(again) == 3
    for got, expected in zip(
        jax.tree.leaves(again), jax.tree.leaves(params), strict=True
    ):
        assert (got == expected).all()
    with pytest.raises(ValueError, match="stack_params: there must be at least one"):
        layers.stack_params([])
    with pytest.raises(ValueError, match=r"layers 0 and 1 apart at \('\[0\]', \(\("):
        layers.stack_params([params[0], (jnp.ones((4, 5)), jnp.ones(4))])
    with pytest.raises(ValueError, match="stack: all leaves must have the layers"):
        layers.stack(layer, (jnp.ones((3, 4, 4)), jnp.ones((2, 4))), X)
    with pytest.raises(ValueError, match="unstack_params: all leaves .* no leaves"):
        layers.unstack_params({})
