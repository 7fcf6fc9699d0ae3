"""Curves, agreements, rankings and texts: the degenerate cases and wrong arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as peer

from assay import metrics

ONES, SCORES = jnp.ones(3, jnp.int32), jnp.array([0.1, 0.5, 0.9])


def test_the_curves_are_scikit_learns_where_points_are_not_repeated():
    """Equal scores share a point: without repeats it is scikit-learn's curve."""
    rng = np.random.default_rng(0)
    scores, labels = rng.uniform(0, 1, 40).round(1), rng.integers(0, 2, 40)
    x, y = jnp.asarray(scores, jnp.float32), jnp.asarray(labels)
    roc, pr = jax.jit(
        lambda x, y: (metrics.roc_curve(x, y), metrics.precision_recall_curve(x, y))
    )(x, y)
    fpr, tpr, _ = peer.roc_curve(labels, scores, drop_intermediate=False)
    new = np.append(True, np.diff(roc.thresholds) != 0)
    np.testing.assert_allclose(roc.false_positive_rate[new], fpr, rtol=1e-6)
    np.testing.assert_allclose(roc.true_positive_rate[new], tpr, rtol=1e-6)
    precision, recall, _ = peer.precision_recall_curve(labels, scores)
    new = np.append(np.append(True, np.diff(pr.thresholds) != 0), True)
    np.testing.assert_allclose(pr.precision[new], precision, rtol=1e-6)
    np.testing.assert_allclose(pr.recall[new], recall, rtol=1e-6)
    area = metrics.auc(pr.recall, pr.precision)
    np.testing.assert_allclose(area, peer.auc(recall, precision), rtol=1e-6)


def test_areas_without_a_class_are_nan():
    """As are those of NaN scores; masked NaN scores do not matter."""
    one = metrics.roc_auc(SCORES, ONES), metrics.roc_auc(SCORES, 0 * ONES)
    none = metrics.roc_auc(jnp.zeros(0), jnp.zeros(0, jnp.int32))
    assert np.isnan([*one, none]).all()
    assert metrics.average_precision(SCORES, ONES) == 1
    assert jnp.isnan(metrics.average_precision(SCORES, 0 * ONES))
    scores, labels = jnp.array([0.1, jnp.nan, 0.9]), jnp.array([False, True, True])
    assert jnp.isnan(metrics.roc_auc(scores, labels))
    where = jnp.array([True, False, True])
    assert metrics.roc_auc(scores, labels, where) == 1


def test_large_scores_keep_their_order():
    """Neighbours at 1e8, and infinities, are ranked by comparison, not difference."""
    scores = jnp.array([1e8, 100000008.0, jnp.inf, -jnp.inf], jnp.float32)
    assert metrics.roc_auc(scores, jnp.array([0, 1, 1, 0])) == 1


def test_constants_have_no_correlation():
    """NaN, as SciPy says; concordance knows two equal constants no better."""
    flat, rising = jnp.full(4, 2.0), jnp.arange(4.0)
    for f in (metrics.pearson_correlation, metrics.spearman_correlation):
        assert jnp.isnan(f(flat, rising)) and f(rising, rising) == 1
    assert jnp.isnan(metrics.kendall_correlation(flat, rising))
    assert metrics.concordance_correlation(flat, rising) == 0
    assert jnp.isnan(metrics.concordance_correlation(flat, flat))


def test_agreement_of_one_class():
    """Kappa has no answer, MCC is 0, clusters agree."""
    one = jnp.array([[5, 0], [0, 0]])
    assert jnp.isnan(metrics.cohen_kappa(one))
    assert metrics.matthews_correlation(one) == 0
    assert metrics.normalized_mutual_information(one) == 1
    assert metrics.adjusted_rand_index(one) == 1
    assert metrics.balanced_accuracy(one) == 1 and metrics.mean_iou(one) == 1
    assert jnp.isnan(metrics.mean_iou(0 * one))


def test_averages_of_counts_are_scikit_learns():
    """Macro over the classes that occur, weighted by their examples, micro over all."""
    p, t = np.array([0, 0, 1, 3, 3, 1]), np.array([0, 1, 1, 3, 0, 1])
    matrix = metrics.confusion_matrix(jnp.asarray(p), jnp.asarray(t), classes=5)
    c = metrics.class_counts(matrix)
    each = metrics.f_beta_of(c, beta=2.0)
    averages = {
        "macro": metrics.macro(each, c),
        "weighted": metrics.weighted(each, c),
        "micro": metrics.f_beta_of(metrics.micro(c), beta=2.0),
    }
    for average, got in averages.items():
        expected = peer.fbeta_score(t, p, beta=2, average=average)
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_metrics_are_small_functions_of_each_other():
    """A vmap over one-hot labels is a multi-class area; over masks, a score a group."""
    rng = np.random.default_rng(2)
    logits = rng.standard_normal((30, 3)).astype(np.float32)
    labels, groups = rng.integers(0, 3, 30), rng.integers(0, 2, 30)

    @jax.jit
    def both(logits, labels, groups):
        areas = jax.vmap(metrics.roc_auc, (1, 1))(logits, jnp.eye(3)[labels])
        of_group = jax.vmap(lambda g: metrics.accuracy(logits, labels, groups == g))
        return jnp.mean(areas), of_group(jnp.arange(2))

    areas, shares = both(logits, jnp.asarray(labels), jnp.asarray(groups))
    each = [peer.roc_auc_score(labels == k, logits[:, k]) for k in range(3)]
    np.testing.assert_allclose(areas, np.mean(each), rtol=1e-6)
    right = logits.argmax(-1) == labels
    expected = [right[groups == g].mean() for g in range(2)]
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


def test_rankings_without_relevant_items_are_0():
    """Also where everything is masked."""
    scores, labels = jnp.array([[0.1, 0.2], [0.3, 0.1]]), jnp.array([[0, 0], [1, 1]])
    where = jnp.array([[True, True], [False, False]])
    for name in ("recall_at_k", "hit_at_k", "average_precision_at_k", "ndcg"):
        score = getattr(metrics, name)
        assert score(scores, labels, k=2, where=where).tolist() == [0, 0], name
    assert metrics.reciprocal_rank(scores, labels, where=where).tolist() == [0, 0]


def test_empty_texts():
    """All insertions; no target tokens have no error rate; nothing predicted is 0."""
    text, none = jnp.array([[3, 1, 2]]), jnp.zeros((1, 3), bool)
    assert metrics.edit_distance(text, text, targets_mask=none).tolist() == [3]
    assert jnp.isnan(metrics.word_error_rate(text, text, targets_mask=none))
    assert metrics.rouge_l(text, text, predictions_mask=none).f1.tolist() == [0]
    assert metrics.bleu(text, text[:, None], predictions_mask=none) == 0


def test_bleu_punishes_what_is_short():
    """Half of a text has all its n-grams: e^(1 − 8/4)."""
    text = jnp.arange(8)[None]
    got = metrics.bleu(text[:, :4], text[:, None])
    np.testing.assert_allclose(got, np.exp(-1), rtol=1e-6)


def test_labels_that_are_no_class_are_nan():
    """Never another class's number."""
    bad = jnp.array([0, 4, 1])
    assert jnp.isnan(metrics.perplexity(jnp.zeros((3, 4)), bad))
    assert jnp.isnan(metrics.brier_score(jnp.full((3, 4), 0.25), bad))


def test_a_masked_nan_is_not_seen():
    """In regression and correlation, by value and gradient."""
    p = jnp.array([1.0, 2.0, jnp.nan, 4.0])
    t, where = jnp.array([1.0, 3.0, 2.0, 5.0]), jnp.array([True, True, False, True])
    for f in (
        metrics.mean_squared_error,
        metrics.r2_score,
        metrics.pearson_correlation,
    ):
        value, slope = jax.jit(jax.value_and_grad(lambda p, f=f: f(p, t, where)))(p)
        plain, direct = jax.value_and_grad(lambda p, f=f: f(p, t[where]))(p[where])
        np.testing.assert_allclose(value, plain, rtol=1e-6)
        np.testing.assert_allclose(slope[where], direct, rtol=1e-5, atol=1e-7)
        assert slope[2] == 0


def test_the_interval_holds_what_it_says():
    """95 % of means lie within 1.96 standard errors; the key decides the draws."""
    x = jax.random.normal(jax.random.key(1), (400,))
    run = jax.jit(lambda key: metrics.bootstrap(jnp.mean, x, key=key, resamples=300))
    low, high = run(jax.random.key(0))
    error = 1.96 * float(jnp.std(x)) / 20
    middle = float(jnp.mean(x))
    np.testing.assert_allclose([low, high], [middle - error, middle + error], atol=0.03)
    assert run(jax.random.key(2)).low != low


WRONG = {
    "roc_auc: scores must be floating": lambda: metrics.roc_auc(ONES, ONES),
    "roc_auc: scores and labels": lambda: metrics.roc_auc(SCORES, ONES[:2]),
    r"threshold must be in \[0, 1\]": lambda: metrics.binary_counts(
        SCORES, ONES, threshold=1.5
    ),
    r"recall must be in \[0, 1\]; got 2": lambda: metrics.precision_at_recall(
        SCORES, ONES, recall=2
    ),
    "perplexity: labels must be integers": lambda: metrics.perplexity(
        jnp.zeros((3, 2)), SCORES
    ),
    r"matrix must be \(classes, classes\)": lambda: metrics.cohen_kappa(ONES[None]),
    r"ndcg: k must be in \[1, 3\]": lambda: metrics.ndcg(SCORES, ONES, k=4),
    "edit_distance: predictions must be integers": lambda: metrics.edit_distance(
        SCORES, ONES
    ),
    r"bins must be in \[1": lambda: metrics.running_roc_auc(0),
    r"level must be in \[0, 1\]": lambda: metrics.bootstrap(
        jnp.mean, SCORES, key=jax.random.key(0), level=95
    ),
    "all arrays must have the same number": lambda: metrics.bootstrap(
        jnp.mean, SCORES, ONES[:2], key=jax.random.key(0)
    ),
}


@pytest.mark.parametrize("words", list(WRONG))
def test_wrong_arguments_are_named(words):
    """Who, what must hold, what came."""
    with pytest.raises((ValueError, TypeError), match=words):
        WRONG[words]()
