"""Experts, bags, low-rank kernels, codebooks: loops, torch, slopes, wording."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import ExpertParams, FeedForwardParams

B, T, D, E, F = 2, 6, 5, 4, 7


def drawn(*shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return jnp.asarray(rng.standard_normal(shape), jnp.float32)


def mixture(seed=0):
    one = FeedForwardParams(drawn(E, D, F, seed=seed), drawn(E, F, D, seed=seed))
    return ExpertParams(drawn(D, E, seed=seed), one)


# Experts ------------------------------------------------------------------------


def loop(x, params, k):
    """Every expert of its own, weighed by the softmax over the k largest logits."""
    logits = x @ params.router
    best = jnp.sort(logits, axis=-1)[..., -k]
    kept = logits >= jnp.broadcast_to(best[..., None], logits.shape)
    e = jnp.where(kept, jnp.exp(logits), 0)
    share = e / jnp.broadcast_to(e.sum(-1, keepdims=True), e.shape)
    experts = layers.unstack_params(params.experts)
    ys = [layers.feed_forward(x, p) for p in experts]
    parts = zip(jnp.moveaxis(share, -1, 0), ys, strict=True)
    return sum(jnp.broadcast_to(w[..., None], y.shape) * y for w, y in parts)


def dense(x, params, k):
    return layers.mixture_of_experts(x, params, layers.route(x, params.router, k=k))


def roomy(x, params, k):
    routing = layers.route(x, params.router, k=k)
    return layers.mixture_with_capacity(x, params, routing, capacity=B * T)


def test_a_mixture_is_the_loop_over_experts():
    """Value and exact gradients, the router's too, of both forms; k = 2 of 4."""
    with jax.enable_x64(True):
        x, params = jax.tree.map(lambda a: a.astype(float), (drawn(B, T, D), mixture()))

        def both(f):
            scalar = lambda *a: jnp.sum(jnp.sin(f(*a, 2)))  # noqa: E731
            return f(x, params, 2), jax.grad(scalar, (0, 1))(x, params)

        run = jax.jit(lambda: [both(f) for f in (loop, dense, roomy)])
        expected, *others = map(jax.tree.leaves, run())
    for got in others:
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=0, atol=1e-12)


def test_without_room_first_choices_and_earlier_tokens_come_first():
    """Three tokens want one expert that takes two."""
    routing = layers.Routing(
        jnp.zeros((3, 2)), jnp.array([[0, 1], [1, 0], [0, 1]]), jnp.ones((3, 2))
    )
    params = ExpertParams(jnp.zeros((1, 2)), jnp.array([[10.0], [1.0]]))
    run = functools.partial(
        layers.mixture_with_capacity,
        expert=lambda x, w: x * jnp.broadcast_to(w, x.shape),
    )
    x = jnp.array([[1.0], [1.0], [1.0]])
    assert run(x, params, routing, capacity=3).tolist() == [[11.0], [11.0], [11.0]]
    assert run(x, params, routing, capacity=2).tolist() == [[11.0], [1.0], [10.0]]
    assert run(x, params, routing, capacity=1).tolist() == [[10.0], [1.0], [0.0]]


def test_the_balance_loss_is_least_when_even():
    """1 for even choices and probabilities, e where one expert has all."""
    even = layers.Routing(jnp.zeros((4, 4)), jnp.arange(4)[:, None], jnp.ones((4, 1)))
    one = even._replace(
        logits=drawn(4, 4) * 0 + jnp.array([99.0, 0, 0, 0]).reshape(1, 4),
        experts=jnp.zeros((4, 1), jnp.int32),
    )
    losses = [layers.load_balance_loss(r) for r in (even, one)]
    np.testing.assert_allclose(losses, [1, 4], rtol=1e-6)


# Bags, ties, low rank -----------------------------------------------------------


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_are_torchs(mode):
    """nn.functional.embedding_bag: values, and the gradient of the table."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    ids = np.random.default_rng(0).integers(0, 9, (4, 3))
    f = {
        "sum": layers.embedding_bag,
        "mean": layers.embedding_bag_mean,
        "max": layers.embedding_bag_max,
    }[mode]
    table = drawn(9, 5)
    weights = torch.tensor(np.asarray(drawn(4, 5, seed=2)))
    theirs = torch.tensor(np.asarray(table), requires_grad=True)
    bag = torch.nn.functional.embedding_bag
    expected = bag(torch.tensor(ids), theirs, mode=mode)
    (expected * weights).sum().backward()
    y, back = jax.vjp(lambda t: f(jnp.asarray(ids), t), table)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-6, atol=1e-7)
    (slope,) = back(jnp.asarray(weights.numpy()))
    np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_an_empty_bag_is_zero_with_a_finite_slope():
    """Sum, mean and max of nothing."""
    ids, mask = jnp.array([[1, 2], [0, 1]]), jnp.array([[False, False], [True, True]])
    for f in (
        layers.embedding_bag,
        layers.embedding_bag_mean,
        layers.embedding_bag_max,
    ):
        y, back = jax.vjp(lambda t, f=f: f(ids, t, mask=mask), drawn(3, 4))
        assert (y[0] == 0).all()
        (slope,) = back(jnp.ones_like(y))
        assert np.isfinite(slope).all() and (slope[2] == 0).all()


def test_low_rank_updates_merge_and_come_apart():
    """One kernel gives what three gave, and is undone."""
    lora = layers.LoRAParams(drawn(5, 2), drawn(2, 3))
    x, kernel = drawn(4, 5), drawn(5, 3)
    merged = layers.merge_lora(kernel, lora, scale=0.5)
    y = layers.lora_dense(x, kernel, lora, scale=0.5)
    np.testing.assert_allclose(layers.dense(x, merged), y, rtol=1e-5, atol=1e-5)
    again = layers.unmerge_lora(merged, lora, scale=0.5)
    np.testing.assert_allclose(again, kernel, rtol=1e-5, atol=1e-6)


def test_the_bilinear_layer_is_torchs():
    """nn.functional.bilinear, whose weight is (o, i, j)."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    arrays = drawn(4, 5), drawn(4, 3), drawn(5, 3, 2), drawn(2)
    x, y, kernel, bias = (torch.tensor(np.asarray(a)) for a in arrays)
    expected = torch.nn.functional.bilinear(x, y, kernel.permute(2, 0, 1), bias)
    np.testing.assert_allclose(layers.bilinear_dense(*arrays), expected, rtol=1e-5)


# Codebooks ----------------------------------------------------------------------


def test_codes_are_exact_and_slopes_go_straight_through():
    """The value is a row of the codebook bit for bit; the codes have no slope."""
    x, codes = drawn(B, T, D), drawn(9, D, seed=1)
    y, back = jax.vjp(layers.vector_quantize, x, codes)
    assert (y == codes[layers.nearest_code(x, codes)]).all()
    weights = drawn(B, T, D, seed=2)
    to_x, to_codes = back(weights)
    assert (to_x == weights).all() and (to_codes == 0).all()
    loss = lambda x, codes: layers.quantization_loss(x, codes, commitment=0.5).sum()  # noqa: E731
    by_x, by_codes = jax.grad(loss, (0, 1))(x, codes)
    np.testing.assert_allclose(by_x, (x - y) / D, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_codes.sum(0), 2 * (y - x).sum((0, 1)) / D, atol=1e-4)


def test_a_codebook_moves_to_its_vectors():
    """Two clusters, found by the moving averages; a code that nothing hits stays."""
    x = jnp.concatenate([drawn(50, 2) * 0.1 + 3, drawn(50, 2, seed=1) * 0.1 - 3])
    codes = jnp.array([[1.0, 1.0], [-1.0, -1.0], [500.0, 500.0]])
    book = layers.Codebook(codes, jnp.ones(3), codes)
    step = jax.jit(lambda book, _: (layers.update_codebook(book, x, decay=0.5), None))
    book, _ = jax.lax.scan(step, book, None, length=12)
    means = jnp.stack([x[:50].mean(0), x[50:].mean(0)])
    np.testing.assert_allclose(book.codes[:2], means, atol=2e-3)
    assert np.isfinite(book.codes).all()


# What is told -------------------------------------------------------------------


def test_what_does_not_fit_is_told():
    """Each in its own name."""
    x, params = drawn(T, D), mixture()
    with pytest.raises(ValueError, match=r"route: k must be in \[1, 4\]"):
        layers.route(x, params.router, k=5)
    routing = layers.route(x, params.router)
    with pytest.raises(ValueError, match="mixture_of_experts: routing must be"):
        layers.mixture_of_experts(x[1:], params, routing)
    with pytest.raises(ValueError, match="patch_embedding: x must have 3 channels"):
        layers.patch_embedding(drawn(4, 5, 3), drawn(2, 2, 3, 6))
    with pytest.raises(ValueError, match="padded_embedding: padding must be"):
        layers.padded_embedding(jnp.array([1]), drawn(7, 3), padding=7)
    with pytest.raises(ValueError, match="efficient_channel_attention: kernel"):
        layers.efficient_channel_attention(drawn(4, 4, 3), jnp.ones(4))


def test_one_hot_is_jaxs():
    """Labels outside the classes too, and any place of the new axis."""
    ids = jnp.array([[2, -1, 7], [0, 6, 300]], jnp.int16)
    for axis in (-1, 0, 1, -3):
        expected = jax.nn.one_hot(ids, 7, axis=axis)
        np.testing.assert_array_equal(layers.one_hot(ids, 7, axis=axis), expected)
    assert layers.one_hot(ids, 7, dtype=jnp.int8).dtype == jnp.int8
    with pytest.raises(ValueError, match="one_hot: num_classes must not be negative"):
        layers.one_hot(ids, 7, axis=3)
    with pytest.raises(TypeError, match="one_hot: x must be integers"):
        layers.one_hot(jnp.ones(2), 7)
