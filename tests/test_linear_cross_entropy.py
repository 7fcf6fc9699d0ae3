"""The fused linear layer and cross-entropy: the same numbers, without the logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses

by_label = losses.softmax_cross_entropy_with_integer_labels
T, D, V = 300, 8, 37  # three chunks of 128 tokens, the last of them not full


def plain(hidden, kernel, labels, weights):
    return weights * by_label(hidden @ kernel, labels)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    normal = [rng.normal(size=s).astype(np.float32) for s in ((T, D), (D, V))]
    weights = rng.uniform(0.5, 2, T).astype(np.float32)
    return [*map(jnp.asarray, (*normal, rng.integers(0, V, T), weights))]


def agree(got, expected, tolerance=1e-5):
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        size = max(np.abs(e).max(initial=0), 1e-6)
        np.testing.assert_allclose(g, e, atol=tolerance * size)


@pytest.mark.parametrize("power", [1, 2], ids=["one cotangent", "many"])
def test_values_and_gradients(inputs, power):
    """In hidden, kernel and weights, of a mean and of a sum of squares; and no more.

    Forward mode, and Hessian-vector products by forward over reverse.
    """

    def orders(f):
        def total(h, k, w):
            return jnp.mean(f(h, k, inputs[2], w) ** power)

        grad = jax.grad(total, (0, 1, 2))

        def found(*args):
            ones = tuple(map(jnp.ones_like, args))
            first = jax.value_and_grad(total, (0, 1, 2))(*args)
            return first, jax.jvp(total, args, ones), jax.jvp(grad, args, ones)

        return jax.jit(found)(inputs[0], inputs[1], inputs[3])

    agree(orders(losses.linear_cross_entropy), orders(plain))


def test_hessians(inputs):
    """By both compositions, under jit."""
    hidden, kernel, labels = inputs[0][:20, :2], inputs[1][:2, :5], inputs[2][:20] % 5

    def both(f):
        def total(k):
            return f(hidden, k, labels, jnp.ones(20)).mean()

        orders = jax.hessian, lambda g: jax.jacrev(jax.jacrev(g))
        return jax.jit(lambda k: [order(total)(k) for order in orders])(kernel)

    agree(both(losses.linear_cross_entropy), both(plain))


def test_ignored_tokens_and_batches_of_sequences(inputs):
    """where=labels != -100 over two axes; what stands in ignored rows is no matter."""
    hidden, kernel, labels, _ = inputs
    kept = np.arange(T) % 3 > 0
    dirty = jnp.where(kept[:, None], hidden, jnp.nan).reshape(3, 100, D)
    labels = jnp.where(kept, labels, -100)

    def ours(h, k):
        y, rows = labels.reshape(3, 100), kept.reshape(3, 100)
        return losses.linear_cross_entropy(h, k, y, where=rows).sum()

    def expected(h, k):
        return by_label(h @ k, labels, where=kept).sum()

    value, slopes = jax.jit(jax.value_and_grad(ours, (0, 1)))(dirty, kernel)
    true = jax.jit(jax.value_and_grad(expected, (0, 1)))(hidden, kernel)
    d_hidden = slopes[0].reshape(T, D)
    agree((value, (d_hidden, slopes[1])), true)
    assert not d_hidden[~kept].any()


def test_bfloat16_accumulates_in_float32(inputs):
    """Against float32 of the same rounded inputs: to the rounding of the result."""
    half = [x.astype(jnp.bfloat16) for x in inputs[:2]]
    wide = [x.astype(jnp.float32) for x in half]

    @jax.jit
    def found(half, wide):
        found = []
        fs = losses.linear_cross_entropy, lambda h, k, y: by_label(h @ k, y)
        for f, args in zip(fs, (half, wide), strict=True):
            y, pull = jax.vjp(lambda h, k, f=f: f(h, k, inputs[2]), *args)
            found.append((y, pull(jnp.ones_like(y))))
        return found

    (y, slopes), (expected, true) = found(half, wide)
    assert y.dtype == jnp.bfloat16
    agree(y.astype(np.float32), expected, 2**-8)
    agree([d.astype(np.float32) for d in slopes], true, 2**-7)


@pytest.mark.parametrize("vocabulary", [32_768, 131_072])
def test_memory_is_a_part_of_the_logits(vocabulary):
    """Temporary memory of value and gradients, by XLA's analysis: at most 15 %."""
    shapes = ((8192, 512), jnp.float32), ((512, vocabulary), jnp.float32)
    args = [jax.ShapeDtypeStruct(*s) for s in (*shapes, ((8192,), jnp.int32))]

    def total(h, k, y):
        return losses.linear_cross_entropy(h, k, y).mean()

    program = jax.jit(jax.value_and_grad(total, (0, 1))).lower(*args).compile()
    used = program.memory_analysis().temp_size_in_bytes
    assert used <= 0.15 * 4 * 8192 * vocabulary


def test_shapes_are_checked():
    """A kernel of another width, labels of another length."""
    h, k = jnp.zeros((4, 3)), jnp.zeros((3, 5))
    with pytest.raises(ValueError, match="^linear_cross_entropy: labels must have"):
        losses.linear_cross_entropy(h, k, jnp.zeros(3, int))
    with pytest.raises(ValueError, match="^linear_cross_entropy: kernel must have"):
        losses.linear_cross_entropy(h, k.T, jnp.zeros(4, int))
