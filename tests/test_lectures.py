"""The numbers of the lectures: neurons and their learning rules, epochs and batches."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, costs, data, layers, losses
from tests.figures import exactly, lecture, many

# The recomputed column is float64.
pytestmark = pytest.mark.usefixtures("x64")


# Neurons ------------------------------------------------------------------------

BITS = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.float32)
AND, OR, XOR = [0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0]


def test_neuron():
    """L0: x = (2, 3), w = (0.4, 0.6), b = 0.5 gives z = 3.1 and y = 0.957."""
    x, w, b = jnp.array([2.0, 3.0]), jnp.array([0.4, 0.6]), jnp.array(0.5)
    exactly(layers.neuron(x, w, b, activation=activations.linear), "3.1")
    y = layers.neuron(x, w, b)
    exactly(y, "0.9568927450589139")
    lecture(y, "0.957")


def test_weights_and_bias():
    """L0: x = (2, 5), w = (0.6, 0.4), b = -0.7 gives z = 2.5."""
    x, w, b = jnp.array([2.0, 5.0]), jnp.array([0.6, 0.4]), jnp.array(-0.7)
    exactly(layers.adaline(x, w, b), "2.5")


def test_relu_of_one_number():
    """L0: ReLU(-3) = 0 and ReLU(5) = 5."""
    assert activations.relu(jnp.array([-3.0, 5.0])).tolist() == [0, 5]


def test_perceptron_fires():
    """L0: x = (1, 1), w = (0.6, 0.5), b = -0.7 gives z = 0.4: the student passes."""
    x, w, b = jnp.ones(2), jnp.array([0.6, 0.5]), jnp.array(-0.7)
    exactly(layers.adaline(x, w, b), "0.4")
    assert layers.perceptron(x, w, b) == 1


@pytest.mark.parametrize(("lecture", "fires"), [("L2", 1.0), ("L0", 0.0)])
def test_threshold_convention(lecture, fires):
    """Exactly at z = 0, L2's perceptron (z >= 0) fires and L0's (z > 0) does not."""
    del lecture
    x, w = jnp.ones(2), jnp.array([1.0, -1.0])
    assert layers.perceptron(x, w, jnp.array(0.0), at_threshold=fires) == fires
    assert activations.step(jnp.array(0.0), at_threshold=fires) == fires


def run_rule(labels, epochs, at_threshold=1.0):
    """The parameters after each epoch of the perceptron rule, from zero."""
    w, b = jnp.zeros(2, jnp.float32), jnp.zeros((), jnp.float32)
    for _ in range(epochs):
        for x, y in zip(BITS, jnp.array(labels, jnp.float32), strict=True):
            w, b = layers.perceptron_rule(w, b, x, y, at_threshold=at_threshold)
        yield w, b


@pytest.mark.parametrize("at_threshold", [0.0, 1.0])
@pytest.mark.parametrize("labels", [AND, OR], ids=["and", "or"])
def test_perceptron_rule_learns(labels, at_threshold):
    """L0: the rule learns AND and OR, under both conventions at the threshold."""
    w, b = list(run_rule(labels, 10, at_threshold))[-1]
    y = layers.perceptron(BITS, w, b, at_threshold=at_threshold)
    assert y.tolist() == labels


@pytest.mark.parametrize("at_threshold", [0.0, 1.0])
def test_perceptron_rule_cycles_on_xor(at_threshold):
    """L0: on XOR the rule comes back to where it was, so it never learns it."""
    seen = [(*w.tolist(), float(b)) for w, b in run_rule(XOR, 12, at_threshold)]
    assert len(set(seen)) < len(seen)
    for w, b in run_rule(XOR, 12, at_threshold):
        y = layers.perceptron(BITS, w, b, at_threshold=at_threshold)
        assert y.tolist() != XOR


def test_perceptron_rule_is_the_lectures():
    """L0: w += eta (y - y_hat) x; the bias follows it with x = 1, which L0 omits."""
    w, b, x = jnp.array([0.3, -0.2]), jnp.array(0.1), jnp.array([2.0, 5.0])
    y = jnp.array(1.0)  # w·x + b = -0.3, so y_hat = 0 and the error is 1
    w, b = layers.perceptron_rule(w, b, x, y, learning_rate=0.5)
    many(exactly, [*w, b], "1.3 2.3 0.6")


def test_logistic_perceptron_separates_the_patients():
    """L3: sigmoid, log loss with its minus sign, and gradient descent."""
    x, y = jnp.asarray(data.heart().train[0]), jnp.asarray(data.heart().train[1])
    assert x.tolist() == [[28, 150, 110], [36, 120, 90], [42, 180, 160]]
    assert y.tolist() == [1, 0, 1]
    x, y = x.astype(jnp.float64), y.astype(jnp.float64)
    x = np.asarray(x)
    x = jnp.asarray((x - x.mean(0)) / x.std(0))

    def loss(params):
        return losses.binary_cross_entropy(layers.neuron(x, *params), y).mean()

    @jax.jit
    def descend(params):
        return jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(loss)(params))

    params = (jnp.zeros(3), jnp.zeros(()))
    for _ in range(20):
        params = descend(params)
    assert loss((jnp.zeros(3), jnp.zeros(()))) > loss(params) > 0
    assert (layers.neuron(x, *params) > 0.5).tolist() == [True, False, True]


def test_mcculloch_pitts():
    """L2: w = (1, 1) with theta = 1.5 is AND."""
    assert layers.mcculloch_pitts(BITS, jnp.ones(2, jnp.float32), 1.5).tolist() == AND


def test_mcculloch_pitts_theta():
    """L2: theta >= n w - p = 2 is AND; theta > n w - p, also in L2, is not."""
    theta = layers.mcculloch_pitts_theta(2, 1, 0)
    assert theta == 2
    w = jnp.ones(2, jnp.float32)
    assert layers.mcculloch_pitts(BITS, w, theta).tolist() == AND
    assert layers.mcculloch_pitts(BITS, w, theta + 0.5).tolist() == [0, 0, 0, 0]


def test_inhibitory_input():
    """L2: any active inhibitory input forces 0, however strong the excitation."""
    w = jnp.array([1.0, 1.0], jnp.float32)
    for x, silent in itertools.product(BITS, BITS):
        y = layers.mcculloch_pitts(x, w, 1.0, inhibitory=silent)
        assert bool(y) == (x.sum() >= 1 and silent.sum() == 0)


def test_football():
    """L2: not at home (x3) always keeps the neuron silent: 0.

    Erratum: L2 labels that 0 'will watch it' and reads it as 'will not'.
    """
    likes = jnp.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]], jnp.float32)
    w = jnp.ones(3, jnp.float32)  # league on, a friendly, United playing
    home, away = jnp.zeros((3, 1), jnp.float32), jnp.ones((3, 1), jnp.float32)
    assert layers.mcculloch_pitts(likes, w, 1.0, inhibitory=home).tolist() == [1, 0, 1]
    assert layers.mcculloch_pitts(likes, w, 1.0, inhibitory=away).tolist() == [0, 0, 0]


LMS = [  # output, error, w1, w2, bias after the row
    "0 1 0.3 -0.2 0.2",
    "0.7 -1.7 0.13 -0.03 0.03",
    "-0.13 -0.87 0.217 -0.117 -0.057",
    "-0.157 -0.843 0.3013 -0.0327 -0.1413",
]


def test_lms_rows():
    """L2: four rows of LMS at 0.1, one sample at a time; L2 prints the first."""
    xs = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    ds = jnp.array([1.0, -1.0, -1.0, -1.0])
    w, b = jnp.array([0.2, -0.3]), jnp.array(0.1)
    for x, d, printed in zip(xs, ds, LMS, strict=True):
        y = layers.adaline(x, w, b)
        w, b = layers.lms_step(w, b, x, d, learning_rate=0.1)
        for value, text in zip([y, d - y, *w, b], printed.split(), strict=True):
            exactly(value, text) if text != "0" else exactly(value, "0.000000000000")


def test_xor_by_hand():
    """L2: hidden (20, 20, -10), (-20, -20, 30), output (20, 20, -30) make XOR."""
    kernel, bias = jnp.array([[20.0, -20.0], [20.0, -20.0]]), jnp.array([-10.0, 30.0])
    net = layers.dense(BITS.astype(jnp.float64), kernel, bias)
    assert net.tolist() == [[-10, 30], [10, 10], [10, 10], [30, -10]]
    h = activations.sigmoid(net)
    y = layers.neuron(h, jnp.array([20.0, 20.0]), jnp.array(-30.0))
    assert y.round().tolist() == XOR
    assert abs(y - jnp.array(XOR, jnp.float64)).max() < 1e-4


# Epochs, batches, iterations ----------------------------------------------------


def test_iterations():
    """L0: 1000 samples in batches of 100 for 10 epochs; L3: 100,000 rows."""
    assert costs.iterations(1000, 100) == 10
    assert costs.iterations(1000, 100, 10) == 100
    assert costs.iterations(100_000, 100_000) == 1  # batch gradient descent
    assert costs.iterations(100_000, 1) == 100_000  # stochastic
    assert costs.iterations(100_000, 100) == 1_000  # mini-batch
    assert costs.iterations(100_000, 100_000, 100) == 100
    assert costs.iterations(100_000, 1, 100) == 10_000_000  # a crore


def test_last_smaller_batch():
    """A last, smaller batch counts as one more iteration, unless it is dropped."""
    assert costs.iterations(1050, 100) == 11
    assert costs.iterations(1050, 100, drop_last=True) == 10
