"""Cross-entropies of classes: what composes in a line, limits, labels out of range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

from assay import activations, losses

INF, NAN = np.inf, np.nan
by_label = losses.softmax_cross_entropy_with_integer_labels


def cross_entropy(logits, labels, weights, ignored, a):
    """torch's options, from small functions: a line each."""
    kept, w = labels != ignored, weights[labels]
    cost = w * by_label(logits, labels, where=kept)
    smooth = losses.uniform_cross_entropy(logits, weights, where=kept)
    cost = (1 - a) * cost + a * smooth
    return jnp.sum(cost, where=kept) / jnp.sum(w, where=kept)


def test_torch_cross_entropy_is_a_few_lines():
    """On a grid of class weights, ignored labels and label smoothing, to 1e-6."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    x = 3 * rng.normal(size=(12, 5)).astype(np.float32)
    labels = rng.integers(0, 5, 12)
    ones, some = np.ones(5, np.float32), rng.uniform(0.5, 2, 5).astype(np.float32)
    f = jax.jit(jax.value_and_grad(cross_entropy))
    for weights in (ones, some):
        for ignored in (-100, 2):
            for a in (0.0, 0.1, 1.0):
                logits = torch.tensor(x, requires_grad=True)
                expected = torch.nn.functional.cross_entropy(
                    logits,
                    torch.tensor(labels),
                    torch.tensor(weights),
                    ignore_index=ignored,
                    label_smoothing=a,
                )
                expected.backward()
                got, slope = f(x, labels, weights, ignored, a)
                np.testing.assert_allclose(got, expected.item(), rtol=1e-6)
                np.testing.assert_allclose(slope, logits.grad, atol=1e-6)


def test_the_weight_of_positives_is_a_factor():
    """torch's pos_weight: w · label · cost of 1, and the cost of 0 as it is."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    bce = losses.sigmoid_binary_cross_entropy
    x, y = jnp.array([-3.0, 0.5, 20.0]), jnp.array([1.0, 0.25, 0.0])
    got = 2.5 * y * bce(x, jnp.ones(3)) + (1 - y) * bce(x, jnp.zeros(3))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        *(torch.tensor(np.asarray(a)) for a in (x, y)),
        pos_weight=torch.tensor(2.5),
        reduction="none",
    )
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_smoothed_integer_labels_are_smoothed_rows():
    """Without one-hot rows the same as with them."""
    x, labels = jnp.array([[1.0, 2.0, -1.0], [0.0, 5.0, 5.0]]), jnp.array([2, 0])
    got = 0.9 * by_label(x, labels) + 0.1 * losses.uniform_cross_entropy(x)
    rows = losses.smooth_labels(jnp.eye(3)[labels], 0.1)
    expected = losses.softmax_cross_entropy(x, rows)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    other = losses.nll_loss(activations.log_softmax(x), labels)
    np.testing.assert_allclose(other, by_label(x, labels), rtol=1e-6)


def test_labels_out_of_range_are_nan_until_checkify_says_why():
    """No other class's loss, silent under jit; an error with the house's sentence."""
    x, labels = jnp.zeros((3, 4)), jnp.array([0, 4, -1])
    both = jax.jit(lambda x, y: (by_label(x, y), losses.nll_loss(x, y)))
    for got in both(x, labels):
        assert np.isnan(got).tolist() == [False, True, True]
    for f in (by_label, losses.nll_loss, losses.linear_cross_entropy):
        args = (x, jnp.zeros((4, 4)), labels) if "linear" in f.__name__ else (x, labels)
        checked = checkify.checkify(jax.jit(f))
        error, _ = checked(*args)
        with pytest.raises(Exception, match=rf"{f.__name__}: labels must be in \[0, 4"):
            error.throw()
        error, _ = checked(*args[:-1], jnp.abs(labels) % 4)
        error.throw()
    error, _ = checkify.checkify(by_label)(x, labels, where=labels == 0)
    error.throw()


ROWS = np.array([[1e8, 1e8, 1e8], [INF, INF, INF], [20.0, 0.0, -INF], [60, 0, 0]])
KEPT = np.array([[1, 1, 1], [0, 0, 0], [1, 1, 1], [1, 1, 0]], bool)
LOG_Q = np.array([[-1.0, -1.0, -1.0], [NAN, 0, 0], [0.0, -INF, -INF], [-1, -2, NAN]])
P = np.array([[0.5, 0.5, 0.0], [NAN, 1, 1], [1.0, 0.0, 0.0], [0.5, 0.5, 7.0]])
CASES = {
    **{
        f.__name__: (lambda x, f=f: f(x, jnp.array([0, 9, 0, 1]), where=KEPT), ROWS)
        for f in (
            by_label,
            losses.generalized_cross_entropy,
            losses.softmax_focal_loss,
        )
    },
    "poly_loss_cross_entropy": (
        lambda x: losses.poly_loss_cross_entropy(
            x, jnp.asarray(np.eye(3)[[0, 1, 0, 1]], jnp.float32), where=KEPT
        ),
        ROWS,
    ),
    **{
        name: (
            lambda x, name=name: getattr(losses, name)(x, jnp.asarray(P), where=KEPT),
            LOG_Q,
        )
        for name in ("kl_divergence", "generalized_kl_divergence", "js_divergence")
    },
    "kl_divergence_with_log_targets": (
        lambda x: losses.kl_divergence_with_log_targets(x, jnp.log(P), where=KEPT),
        LOG_Q,
    ),
    "targets of kl_divergence": (
        lambda p: losses.kl_divergence(jnp.asarray(LOG_Q), p, where=KEPT),
        P,
    ),
    "z_loss": (lambda x: 1e-9 * losses.z_loss(x, where=KEPT), ROWS),
    "logsumexp": (
        lambda x: jnp.where(KEPT.any(-1), activations.logsumexp(x, -1, where=KEPT), 0),
        ROWS,
    ),
    "weights of logsumexp": (
        lambda b: activations.logsumexp(jnp.array([1.0, 5.0, -INF]), -1, b=b),
        np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 0.5]]),
    ),
    "empty": (lambda x: by_label(x, jnp.zeros(0, int)), np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", CASES)
def test_the_limits_are_finite_in_every_order(name):
    """Ties at 1e8, nothing kept, -∞ without mass, exact zeros, no examples at all.

    Value, gradient, jvp, jacfwd and Hessian; a row of which nothing is kept gives 0.
    """
    f, x = CASES[name]
    x = jnp.asarray(x, jnp.float32)

    @jax.jit
    def orders(x):
        def total(x):
            return f(x).sum()

        pushed = jax.jvp(f, (x,), (jnp.ones_like(x),))
        return *pushed, jax.grad(total)(x), jax.jacfwd(f)(x), jax.hessian(total)(x)

    value, pushed, slope, forward, bend = orders(x)
    for got in (value, pushed, slope, forward, bend):
        assert np.isfinite(got).all()
    if len(x) == len(KEPT):
        assert value[1] == 0 and not slope[1].any() and not forward[1].any()


def test_focal_losses_at_certain_labels():
    """The slope in the label is finite at 0 and 1; far from the edge nothing is NaN."""
    x, y = jnp.array([3.0, -3.0, 100.0, -100.0, 0.0]), jnp.array([1.0, 0, 1, 0, 1])
    f = losses.sigmoid_focal_loss
    fs = (f, jax.grad(f), jax.grad(f, 1), jax.hessian(f))
    value, *orders = jax.jit(jax.vmap(lambda *a: [g(*a) for g in fs]))(x, y)
    p = 1 / (1 + np.exp(-3.0))
    expected = -((1 - p) ** 2) * np.log(p)
    np.testing.assert_allclose(value, [expected, expected, 0, 0, np.log(2) / 4], 1e-6)
    assert all(np.isfinite(order).all() for order in orders)

    def cost(y):
        miss = (1 - y) * p + y * (1 - p)
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)) * miss**2

    rise = (cost(1 + 1e-6) - cost(1 - 1e-6)) / 2e-6
    np.testing.assert_allclose(orders[1][0], rise, rtol=1e-5)


def test_divergences_of_near_distributions_keep_their_digits():
    """p log(p/q) − p + q for p = q (1 + 1e-4): second order, where the terms cancel."""
    q = np.float32([0.25, 0.5, 0.125])
    p = q * np.float32(1 + 1e-4)
    d, q = p.astype(np.float64) / q - 1, q.astype(np.float64)
    general = (q * ((1 + d) * np.log1p(d) - d)).sum()
    js = (q * (1 + d / 2) * (d / (2 + d)) ** 2).sum() / 2
    log_q = jnp.log(jnp.asarray(q, jnp.float32))
    got = losses.js_divergence(log_q, jnp.asarray(p))
    np.testing.assert_allclose(got, js, rtol=2e-3)
    # log q has been rounded before: 6e-8 of 1e-4, twice.
    got = losses.generalized_kl_divergence(log_q, jnp.asarray(p))
    np.testing.assert_allclose(got, general, rtol=4e-3)
    same = losses.js_divergence(jnp.zeros(3), jnp.ones(3))
    assert same == 0 == losses.generalized_kl_divergence(jnp.zeros(3), jnp.ones(3))


def test_rates_are_checked():
    """q outside (0, 1], alpha outside [0, 1]: the house's sentence."""
    x, y = jnp.zeros((2, 3)), jnp.zeros(2, int)
    with pytest.raises(ValueError, match="^generalized_cross_entropy: q must be"):
        losses.generalized_cross_entropy(x, y, q=0.0)
    with pytest.raises(ValueError, match="^sigmoid_focal_loss: alpha must be"):
        losses.sigmoid_focal_loss(x, x, alpha=1.5)
