"""Metrics: masks, the undefined cases, wrong arguments, half precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import metrics

LOGITS = jnp.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5]])
LABELS = jnp.array([1, 2, 0])  # right, wrong (second), wrong (third)
REGRESSION = [
    metrics.mean_squared_error,
    metrics.root_mean_squared_error,
    metrics.mean_absolute_error,
    metrics.mean_squared_log_error,
    metrics.r2_score,
]


def test_masked_examples_do_not_count():
    """Dropping the wrong ones leaves 1; what a masked row holds is never seen."""
    keep = jnp.array([True, False, False])
    broken = LOGITS.at[1].set(jnp.nan)
    assert metrics.accuracy(broken, LABELS, keep) == 1
    one_hot = jnp.eye(3)[LABELS]
    assert metrics.categorical_accuracy(broken, one_hot, keep) == 1
    assert metrics.top_k_accuracy(LOGITS, LABELS, k=2, where=keep) == 1
    assert metrics.binary_accuracy(LOGITS[0], one_hot[0], where=keep) == 1


@pytest.mark.parametrize(("k", "share"), [(1, 1 / 3), (2, 2 / 3), (3, 1.0)])
def test_top_k_grows_with_k(k, share):
    """Label 2 is second, label 0 third."""
    got = metrics.top_k_accuracy(LOGITS, LABELS, k=k)
    np.testing.assert_allclose(got, share, rtol=1e-6)


def test_top_1_is_accuracy_also_on_ties():
    """The first of equal logits wins in both."""
    ties, labels = jnp.zeros((4, 3)), jnp.array([0, 1, 2, 0])
    assert metrics.accuracy(ties, labels) == 0.5
    assert metrics.top_k_accuracy(ties, labels, k=1) == 0.5


def test_a_score_at_the_threshold_is_negative():
    """prediction > threshold, as in Keras."""
    half = jnp.array([0.5])
    assert metrics.binary_accuracy(half, jnp.array([0])) == 1
    assert metrics.binary_accuracy(half, jnp.array([0]), threshold=0.4) == 0


def test_the_average_of_nothing_is_nan():
    """No example, no accuracy; not 0, which would be an answer."""
    assert jnp.isnan(metrics.accuracy(jnp.zeros((0, 3)), jnp.zeros(0, jnp.int32)))
    assert jnp.isnan(metrics.accuracy(LOGITS, LABELS, jnp.zeros(3, bool)))


def test_undefined_ratios_are_0():
    """Class 2 is never predicted, class 3 is not there at all."""
    guesses, labels = jnp.array([0, 0, 1]), jnp.array([0, 1, 2])
    kind = {"classes": 4}
    assert metrics.precision(guesses, labels, **kind).tolist() == [0.5, 0, 0, 0]
    assert metrics.recall(guesses, labels, **kind).tolist() == [1, 0, 0, 0]
    f1 = metrics.f1_score(guesses, labels, **kind)
    np.testing.assert_allclose(f1, [2 / 3, 0, 0, 0], rtol=1e-6)


def test_confusion_has_labels_as_rows():
    """One example of class 0 that was taken for class 2."""
    matrix = metrics.confusion_matrix(jnp.array([2]), jnp.array([0]), classes=3)
    assert matrix[0, 2] == 1 and matrix.sum() == 1


def test_classes_out_of_range():
    """Raises where the numbers are known; under jit nothing else is counted for it."""
    bad = jnp.array([0, -1, 3])
    fine = jnp.array([0, 1, 2])
    with pytest.raises(ValueError, match=r"labels must be in \[0, 3\); got -1"):
        metrics.confusion_matrix(fine, bad, classes=3)
    count = jax.jit(lambda p, t: metrics.confusion_matrix(p, t, classes=3))
    assert count(fine, bad).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("score", REGRESSION, ids=lambda f: f.__name__)
def test_shapes_never_broadcast(score):
    """(3,) against (3, 1) would be nine errors."""
    with pytest.raises(ValueError, match=f"{score.__name__}: predictions and targets"):
        score(jnp.zeros(3), jnp.zeros((3, 1)))


@pytest.mark.parametrize("score", [metrics.accuracy, metrics.top_k_accuracy])
def test_labels_are_integers_one_an_example(score):
    """One-hot labels belong to categorical_accuracy."""
    with pytest.raises(TypeError, match="labels must be integers"):
        score(jnp.zeros((2, 6)), jnp.zeros(2))
    with pytest.raises(ValueError, match="must have the same shape"):
        score(jnp.zeros((2, 6)), jnp.zeros((2, 6), jnp.int32))


def test_k_is_at_most_the_classes():
    """The default of 5 needs five classes."""
    with pytest.raises(ValueError, match=r"k must be in \[1, 3\]; got 5"):
        metrics.top_k_accuracy(LOGITS, LABELS)


def test_r2_of_constant_targets():
    """Where nothing varies: 1 if all are right, else 0."""
    flat = jnp.full(3, 2.0)
    assert metrics.r2_score(flat, flat) == 1
    assert metrics.r2_score(flat.at[0].set(1.0), flat) == 0
    assert metrics.r2_score(jnp.array([3.0, 1.0]), jnp.array([1.0, 3.0])) == -3


def test_half_precision_averages_in_float32():
    """Of 1000 bfloat16 examples 999 are right; bfloat16 itself would say 1.0."""
    logits = jnp.zeros((1000, 2), jnp.bfloat16).at[:, 1].set(1)
    labels = jnp.ones(1000, jnp.int32).at[0].set(0)
    share = metrics.accuracy(logits, labels)
    assert share.dtype == jnp.float32
    np.testing.assert_allclose(share, 0.999, rtol=1e-6)
    one = metrics.mean_absolute_error(jnp.ones(1000, jnp.bfloat16), jnp.zeros(1000))
    assert one == 1
