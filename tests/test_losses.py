"""What is special about losses: confident, masked and impossible rows; shapes."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses
from assay.verify._discover import discover

INF, NAN = np.inf, np.nan
soft = losses.softmax_cross_entropy
by_label = losses.softmax_cross_entropy_with_integer_labels


def orders(total, x):
    """Value, gradient by both modes, Hessian by both compositions, in one program."""
    fs = (total, jax.grad(total), jax.jacfwd(total), jax.hessian(total))
    fs = (*fs, jax.jacrev(jax.jacrev(total)))
    return jax.device_get(jax.jit(lambda x: [g(x) for g in fs])(x))


def test_equal_huge_logits_cost_log_2():
    """Two of 1e8, and 1e4 against 9999."""
    x = jnp.array([[1e8, 1e8], [1e4, 9999.0]])
    expected = [np.log(2), np.log1p(np.exp(-1))]
    one_hot = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(by_label(x, jnp.array([1, 0])), expected, rtol=2e-7)
    np.testing.assert_allclose(soft(x, one_hot), expected, rtol=2e-7)


def test_a_confident_prediction_keeps_its_gradient():
    """p − 1 is −e^−margin, not 0, by all three losses; and so is the value."""
    margins = np.array([5.0, 20.0, 60.0])
    x = jnp.asarray(np.stack([margins, 0 * margins], 1), jnp.float32)
    tiny = np.exp(-margins) / (1 + np.exp(-margins))
    binary = jax.grad(losses.sigmoid_binary_cross_entropy)

    @jax.jit
    def found(x):
        by_hand = jax.value_and_grad(lambda x: by_label(x, jnp.array(0)))
        one_hot = jnp.array([1.0, 0.0])
        slopes = jax.vmap(lambda x: (by_hand(x), jax.grad(soft)(x, one_hot)))(x)
        return *slopes, jax.vmap(lambda x: binary(x[0], jnp.array(1.0)))(x)

    (cost, first), second, single = found(x)
    for slope in (first, second):
        np.testing.assert_allclose(slope, np.stack([-tiny, tiny], 1), rtol=1e-6)
    np.testing.assert_allclose(single, -tiny, rtol=1e-6)
    np.testing.assert_allclose(cost, np.log1p(np.exp(-margins)), rtol=1e-6)


def test_impossible_classes_without_mass_cost_nothing():
    """-∞ logits with label 0: value, gradients and Hessians are those of the rest."""
    x, labels = jnp.array([-INF, 0.0, 1.0]), jnp.array([0.0, 0.25, 0.75])
    fs = [lambda x: soft(x, labels), lambda x: by_label(x, jnp.array(2))]
    rests = [lambda x: soft(x, labels[1:]), lambda x: by_label(x, jnp.array(1))]
    for f, rest in zip(fs, rests, strict=True):
        for got, expected in zip(orders(f, x), orders(rest, x[1:]), strict=True):
            inner = (slice(1, None),) * got.ndim
            np.testing.assert_allclose(got[inner], expected, rtol=1e-6)
            assert np.isfinite(got).all()
    modes = jax.jit(lambda *a: [mode(soft, 1)(*a) for mode in (jax.grad, jax.jacfwd)])
    assert np.isfinite(modes(x, labels)).all()


def test_impossible_classes_with_mass_cost_infinity():
    """A label of probability 0; its gradient is still p − label."""
    x = jnp.array([-INF, 0.0, 0.0])
    cost, slope = jax.jit(jax.value_and_grad(by_label))(x, jnp.array(0))
    assert cost == INF and soft(x, jnp.array([1.0, 0.0, 0.0])) == INF
    np.testing.assert_allclose(slope, [-1, 0.5, 0.5])
    masked = jnp.array([False, True, True])
    assert by_label(jnp.zeros(3), jnp.array(0), where=masked) == INF


def test_masked_rows_cost_nothing_and_masked_entries_never_leak():
    """No True in a row: 0 with derivatives 0, whatever stands there."""
    x = jnp.array([[NAN, INF, -INF], [1.0, 2.0, NAN]])
    where = jnp.array([[False, False, False], [True, True, False]])
    labels = jnp.array([[NAN, 1.0, 1.0], [1.0, 0.0, NAN]])
    fs = [
        lambda x: soft(x, labels, where=where),
        lambda x: by_label(x, jnp.array([7, 0]), where=where),
    ]
    for f in fs:
        both = jax.jit(lambda x, f=f: (f(x), jax.jacfwd(f)(x), jax.jacrev(f)(x)))
        value, *slopes = both(x)
        np.testing.assert_allclose(value, [0, np.log1p(np.e)], rtol=1e-7)
        for got in orders(lambda x, f=f: f(x).sum(), x):
            assert np.isfinite(got).all()
        for slope in map(np.asarray, slopes):
            assert not slope[0].any() and slope[1].any()


def test_ignored_examples():
    """where=labels != -100, one for each example; a label that is no class is NaN."""
    x, labels = jnp.array([[0.0, 0.0], [1.0, 3.0]]), jnp.array([1, -100])
    got = by_label(x, labels, where=labels != -100)
    np.testing.assert_allclose(got, [np.log(2), 0], rtol=1e-7)
    assert np.isnan(by_label(x, jnp.array([2, -1]))).all()


def test_labels_are_differentiated_for_distillation():
    """∂/∂label = −log p, also where the label is exactly 0."""
    x, labels = jnp.array([1.0, 0.0, -2.0]), jnp.array([0.0, 1.0, 0.0])
    modes = jax.jit(lambda *a: [mode(soft, 1)(*a) for mode in (jax.grad, jax.jacfwd)])
    expected = np.log(np.exp(np.asarray(x)).sum()) - np.asarray(x)
    for got in modes(x, labels):
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    binary = jax.grad(losses.sigmoid_binary_cross_entropy, 1)
    assert binary(jnp.array(3.0), jnp.array(0.0)) == -3


def test_binary_cross_entropy_of_infinite_logits():
    """Certain and right costs 0 with slope 0, certain and wrong ∞ with slope ±1."""
    f = losses.sigmoid_binary_cross_entropy
    x, labels = jnp.array([INF, -INF, INF, -INF]), jnp.array([1.0, 0.0, 0.0, 1.0])
    fs = (f, jax.grad(f), jax.grad(jax.grad(f)))
    value, slope, bend = jax.jit(jax.vmap(lambda *a: [g(*a) for g in fs]))(x, labels)
    assert value.tolist() == [0, 0, INF, INF]
    assert slope.tolist() == [0, 0, 1, -1] and bend.tolist() == [0, 0, 0, 0]


def test_binary_cross_entropy_of_certain_probabilities():
    """Where the truth is finite: value 0 and slope ±1 at the right end."""
    f = losses.binary_cross_entropy
    p, labels = jnp.array([0.0, 1.0, 1e-30]), jnp.array([0.0, 1.0, 1.0])
    fs = (f, jax.grad(f), jax.jacfwd(f), jax.hessian(f))
    value, *slopes, bend = jax.jit(jax.vmap(lambda *a: [g(*a) for g in fs]))(p, labels)
    np.testing.assert_allclose(value, [0, 0, 30 * np.log(10)], rtol=1e-6)
    for slope in slopes:
        np.testing.assert_allclose(slope, [1, -1, -1e30], rtol=1e-6)
    assert np.isfinite(bend[:2]).all()
    assert f(jnp.array(0.0), jnp.array(1.0)) == INF


def test_squared_log_error_of_a_near_miss():
    """log1p(p) − log1p(t) cancels; the quotient's logarithm does not."""
    t, p = np.float32(1000.0), np.nextafter(np.float32(1000.0), np.float32(2000))
    expected = (np.log1p(float(p)) - np.log1p(float(t))) ** 2
    got = losses.squared_log_error(jnp.asarray(p), jnp.asarray(t))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_corners():
    """At the kink: perceptron 0, absolute error 0, huber ±delta from both sides."""
    one = jnp.ones(())
    assert jax.grad(losses.perceptron_loss)(0 * one, one) == 0
    assert jax.grad(losses.absolute_error)(one, one) == 0
    assert jax.grad(losses.huber_loss)(one) == 1
    assert jax.grad(lambda e: losses.huber_loss(e, delta=0.5))(-one) == -0.5


def _pairs(f):
    """Whether `f` takes two arrays of one shape; the rest has defaults."""
    parameters = inspect.signature(f).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty]
    return len(needed) == 2 and needed[1] == "targets"


ADDS_A_CHANNEL = {"dice_loss", "binary_dice_loss"}  # where one of the two lacks it


PAIRS = [n for n, f in discover("losses").items() if f.__name__ == n and _pairs(f)]
PAIRS = sorted({*PAIRS} - ADDS_A_CHANNEL)


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_must_match(name):
    """(3,) against (3, 1) raises and names the loss; nothing broadcasts."""
    with pytest.raises(ValueError, match=rf"^{name}: .*same shape"):
        discover("losses")[name](jnp.zeros(3), jnp.zeros((3, 1)))


def test_labels_must_match_the_logits():
    """A label too many, a float label, an integer logit: each says who and what."""
    with pytest.raises(ValueError, match=f"^{by_label.__name__}: labels must have"):
        by_label(jnp.zeros((4, 3)), jnp.zeros(3, int))
    with pytest.raises(TypeError, match=f"^{by_label.__name__}: labels must be int"):
        by_label(jnp.zeros((4, 3)), jnp.zeros(4))
    with pytest.raises(TypeError, match="^squared_error: predictions must be float"):
        losses.squared_error(jnp.zeros(3, int), jnp.zeros(3, int))


def test_penalties_find_parameters_by_path():
    """Kernels only, everything, nothing: the last raises and lists the paths."""
    params = {"a": {"kernel": jnp.full((2, 3), -2.0)}, "b": [jnp.ones(4)]}
    assert losses.l1_penalty(params) == 16 and losses.l2_penalty(params) == 28
    assert losses.l1_penalty(params, matching="kernel$") == 12
    assert losses.l2_penalty(params, matching="^b/0") == 4
    assert jax.grad(losses.l1_penalty)({"w": jnp.zeros(2)})["w"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="^l2_penalty: .*a/kernel, b/0; got 'bias'"):
        losses.l2_penalty(params, matching="bias")
    assert losses.l2_penalty({}) == 0


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16], ids=str)
def test_half_precision_is_float32_rounded_once(dtype):
    """Cross-entropy over 1000 classes, whose sum would stall in half precision."""
    x = jax.random.normal(jax.random.key(0), (5, 1000)).astype(dtype)
    labels = jnp.arange(5)
    got = by_label(x, labels)
    assert got.dtype == dtype
    expected = by_label(x.astype(jnp.float32), labels).astype(dtype)
    np.testing.assert_array_equal(got, expected)


def test_empty_batches():
    """No examples cost nothing, and have gradients of their shape."""
    x = jnp.zeros((0, 3))
    assert soft(x, x).shape == (0,)
    assert by_label(x, jnp.zeros(0, int)).shape == (0,)
    assert losses.squared_error(x, x).shape == (0, 3)
    assert jax.grad(lambda x: soft(x, x).sum())(x).shape == (0, 3)
