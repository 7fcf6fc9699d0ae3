"""The numbers of the lectures: convolution, costs, recurrence and whole networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, costs, data, layers, losses, models
from tests.figures import erratum, exactly, lecture

# The recomputed column is float64.
pytestmark = pytest.mark.usefixtures("x64")


# Convolution and pooling --------------------------------------------------------

IMAGE = [[1, 2, 3, 0, 1], [4, 5, 6, 1, 2], [7, 8, 9, 2, 3], [1, 2, 3, 4, 5]]
IMAGE = [*IMAGE, [6, 7, 8, 9, 0]]
EDGE = [[1, 0, -1]] * 3
BINARY = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0]]
BINARY = [*BINARY, [0, 1, 1, 0, 0]]
CROSS = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def image(rows):
    return jnp.array(rows, jnp.float64)[..., None]  # (height, width, 1)


def kernel(rows):
    return jnp.array(rows, jnp.float64)[..., None, None]  # (3, 3, 1, 1)


def test_conv_of_the_5x5_image():
    """L2 prints -6 in all nine cells; only the first column is -6."""
    y = layers.conv(image(IMAGE), kernel(EDGE))[..., 0]
    assert y.tolist() == [[-6, 12, 12], [-6, 8, 8], [-6, 2, 12]]
    for cell in y[:, 0]:
        lecture(cell, "-6")
    for cell in y[:, 1:].ravel():
        erratum(cell, "-6")


def test_conv_of_the_binary_image():
    """L2 shows the first of nine cells, 4."""
    y = layers.conv(image(BINARY), kernel(CROSS))[..., 0]
    assert y.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


CORNERS = [
    [[0, 0, 0], [0, 156, 155], [0, 153, 154]],
    [[0, 0, 0], [0, 167, 166], [0, 164, 165]],
    [[0, 0, 0], [0, 163, 162], [0, 160, 161]],
]
KERNELS = [
    [[-1, -1, 1], [0, 1, -1], [0, 1, 1]],
    [[1, 0, 0], [1, -1, -1], [1, 0, -1]],
    [[0, 1, 1], [0, 1, 0], [1, -1, 1]],
]


def test_conv_of_the_rgb_corner():
    """L2: 308 - 498 + 164 + 1 = -25."""
    x = jnp.moveaxis(jnp.array(CORNERS, jnp.float64), 0, -1)  # (3, 3, rgb)
    k = jnp.moveaxis(jnp.array(KERNELS, jnp.float64), 0, -1)  # (3, 3, rgb)
    each = layers.depthwise_conv(x, k[:, :, None])
    assert each.ravel().tolist() == [308, -498, 164]
    y = layers.conv(x, k[..., None], jnp.ones(1))
    assert y.ravel().tolist() == [-25]


def test_conv_of_the_rgb_corner_pads_with_zeros():
    """L2's frame of zeros is SAME padding: the first output cell is the corner."""
    x = jnp.moveaxis(jnp.array(CORNERS, jnp.float64)[:, 1:, 1:], 0, -1)  # (2, 2, rgb)
    k = jnp.moveaxis(jnp.array(KERNELS, jnp.float64), 0, -1)[..., None]
    y = layers.conv(x, k, jnp.ones(1), padding="SAME")
    assert y[0, 0, 0] == -25


def test_max_pool():
    """L2: 3x3 windows, one step at a time."""
    rows = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2]]
    y = layers.max_pool(image([*rows, [2, 0, 0, 0, 1]]), (3, 3), strides=1)[..., 0]
    assert y.tolist() == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]


def test_relu_of_a_feature_map():
    """L2: negative values become 0."""
    x = jnp.array([[-2.0, 3, -1], [5, -6, 2], [-3, 4, -7]])
    assert activations.relu(x).tolist() == [[0, 3, 0], [5, 0, 2], [0, 4, 0]]


def test_fft_conv_is_conv():
    """L2: multiplication of the frequencies, with the kernel flipped before."""
    x, k = image(IMAGE), kernel([[1, 2, 0], [0, -1, 3], [5, 0, -2]])
    direct = layers.conv(x, k)
    assert abs(layers.fft_conv(x, k) - direct).max() < 1e-12
    unflipped = layers.fft_conv(x, k[::-1, ::-1])
    assert abs(unflipped - direct).max() > 1


def test_spatially_separable_conv():
    """L2: (3x1)(1x3) is a 3x3 kernel of rank one, with 6 multiplications for 9."""
    column, row = jnp.array([1.0, 2.0, 1.0]), jnp.array([1.0, 0.0, -1.0])
    y = layers.spatially_separable_conv(image(IMAGE), column, row)
    whole = layers.conv(image(IMAGE), kernel(jnp.outer(column, row)))
    assert abs(y - whole).max() < 1e-12
    assert (
        costs.spatially_separable_multiplications((1, 1), (3, 3), padding="SAME") == 6
    )
    assert costs.conv_multiplications((1, 1), (3, 3), 1, 1) == 9
    assert np.linalg.matrix_rank(np.array(EDGE)) == 1
    assert np.linalg.matrix_rank(np.array(CROSS)) == 2  # this one does not separate


# What it costs ------------------------------------------------------------------

SIZE, PIXELS = (32, 32), 32 * 32


def test_multiplications_standard():
    """L2 prints 56,623,104, 32 times too many: its own 1,728 a pixel says so."""
    n = costs.conv_multiplications(SIZE, (3, 3), 3, 64)
    assert n == 1_769_472 == 1_728 * PIXELS
    assert 32 * n == 56_623_104


def test_multiplications_depthwise():
    """L2: 27 an output pixel."""
    n = costs.depthwise_multiplications(SIZE, (3, 3), 3, padding="SAME")
    assert n == 27_648 == 27 * PIXELS


def test_multiplications_pointwise():
    """L2: 192 an output pixel."""
    assert costs.pointwise_multiplications(SIZE, 3, 64) == 196_608 == 192 * PIXELS


def test_multiplications_separable():
    """L2: 27 + 192 = 219 an output pixel."""
    n = costs.separable_multiplications(SIZE, (3, 3), 3, 64, padding="SAME")
    assert n == 224_256 == 219 * PIXELS


# LeNet and the dropout network --------------------------------------------------

LENET = [(24, 24, 6), (12, 12, 6), (8, 8, 16), (4, 4, 16), (256,), (120,), (84,), (10,)]


def lenet_shapes(x):
    """The lecture's table, row by row, from the layers."""
    for i, o in [(1, 6), (6, 16)]:
        x = layers.conv(x, jnp.zeros((5, 5, i, o)), jnp.zeros(o))
        yield x.shape
        x = layers.max_pool(activations.relu(x), (2, 2))
        yield x.shape
    x = layers.flatten(x)
    yield x.shape
    for i, o in [(256, 120), (120, 84), (84, 10)]:
        x = layers.dense(x, jnp.zeros((i, o)), jnp.zeros(o))
        yield x.shape


def test_lenet_shapes():
    """L2: (28, 28, 1) to 10 over eight layers."""
    shapes = []
    jax.eval_shape(lambda x: shapes.extend(lenet_shapes(x)), jnp.zeros((28, 28, 1)))
    assert shapes == LENET
    assert costs.conv_output_shape((28, 28), (5, 5)) == (24, 24)
    assert costs.conv_output_shape((24, 24), (2, 2), strides=2) == (12, 12)
    assert costs.conv_output_shape((12, 12), (5, 5)) == (8, 8)


def rngs():
    from flax import nnx

    return nnx.Rngs(0)


def test_lenet_parameters():
    """L2's table: 156 + 2,416 in the convolutions, 30,840 + 10,164 + 850 after them."""
    apply, params, state = models.functional(models.LeNet5(rngs=rngs()))
    assert costs.parameters(params) == 156 + 2_416 + 30_840 + 10_164 + 850
    y, _ = jax.eval_shape(apply, params, state, jnp.zeros((3, 28, 28, 1), jnp.float32))
    assert y.shape == (3, 10)


def test_dropout_network():
    """L2: 784 -> Dense(512, relu) -> Dropout(0.5) -> Dense(10, softmax)."""
    apply, params, state = models.functional(models.DropoutNet(rngs=rngs()))
    assert costs.parameters(params) == 784 * 512 + 512 + 512 * 10 + 10 == 407_050
    x = jax.random.uniform(jax.random.key(1), (3, 784), jnp.float32)
    y, _ = jax.jit(apply)(params, state, x)
    assert y.shape == (3, 10)
    train = jax.jit(lambda key: apply(params, state, x, key=key, train=True)[0])
    dropped, again = train(jax.random.key(2)), train(jax.random.key(2))
    assert (dropped != y).any() and (dropped == again).all()


def test_dropout_drops_half():
    """L2: Dropout(0.5) sets half of the 512 units to 0; the others count double."""
    y = layers.dropout(jnp.ones((200, 512)), rate=0.5, key=jax.random.key(0))
    assert set(np.unique(y)) == {0, 2}
    assert abs((y == 0).mean() - 0.5) < 0.01


# Recurrent ----------------------------------------------------------------------


def test_rnn():
    """L2: W_x = W_h = 1, b = 0, h_0 = 0 over 1, 2, 3 gives 0.761, 0.992, 0.999."""
    params = layers.RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    x = jnp.array([[1.0], [2.0], [3.0]])  # (time, features)
    carry = layers.zero_carry(params, x[0])
    h, hs = layers.recurrent(layers.rnn_cell, params, carry, x)
    exact = ["0.7615941559557649", "0.9920455700292888", "0.9993185480009414"]
    for value, text, printed in zip(
        hs[:, 0], exact, ["0.761", "0.992", "0.999"], strict=True
    ):
        exactly(value, text)
        lecture(value, printed)
    assert (h == hs[-1]).all()


def drawn(*shape, seed):
    return jax.random.normal(jax.random.key(seed), shape, jnp.float64)


def test_lstm_equations():
    """L2: f, i, o = sigmoid(W [h, x] + b), c = f c + i tanh(W_c [h, x] + b_c)."""
    i, n = 3, 2
    hx = [drawn(n, seed=0), drawn(i, seed=1)]
    W = {gate: drawn(n + i, n, seed=s) for s, gate in enumerate("ifgo", 2)}
    b = {gate: drawn(n, seed=s) for s, gate in enumerate("ifgo", 6)}
    c = drawn(n, seed=10)
    net = {gate: jnp.concatenate(hx) @ W[gate] + b[gate] for gate in "ifgo"}
    gates = {gate: activations.sigmoid(net[gate]) for gate in "ifo"}
    new_c = gates["f"] * c + gates["i"] * jnp.tanh(net["g"])
    new_h = gates["o"] * jnp.tanh(new_c)

    every = jnp.concatenate([W[gate] for gate in "ifgo"], axis=1)  # (n + i, 4n)
    bias = jnp.concatenate([b[gate] for gate in "ifgo"])
    params = layers.LSTMParams(every[n:], every[:n], bias)
    carry, y = layers.lstm_cell(params, layers.LSTMCarry(hx[0], c), hx[1])
    for got, expected in [(carry.h, new_h), (carry.c, new_c), (y, new_h)]:
        assert abs(got - expected).max() < 1e-14


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_gru_conventions(before):
    """L1's GRU resets before the recurrent product (Cho 2014) or after it (cuDNN)."""
    i, n = 3, 2
    x, h = drawn(i, seed=0), drawn(n, seed=1)
    kernel, recurrent = drawn(i, 3 * n, seed=2), drawn(n, 3 * n, seed=3)
    bias, again = drawn(3 * n, seed=4), drawn(3 * n, seed=5)
    xr, xz, xn = jnp.split(x @ kernel + bias, 3)
    hr, hz, hn = jnp.split(h @ recurrent + again, 3)
    r, z = activations.sigmoid(xr + hr), activations.sigmoid(xz + hz)
    inner = (r * h) @ recurrent[:, 2 * n :] + again[2 * n :] if before else r * hn
    candidate = jnp.tanh(xn + inner)
    expected = (1 - z) * candidate + z * h
    cell = layers.gru_reset_before_cell if before else layers.gru_cell
    got, y = cell(layers.GRUParams(kernel, recurrent, bias, again), h, x)
    assert abs(got - expected).max() < 1e-14
    assert (y == got).all()


# Pass or fail -------------------------------------------------------------------

STUDENTS = "1 5, 2 6, 1 4, 3 5, 4 6, 5 5, 5 7, 6 6, 7 5, 8 6, 2 3, 3 4, 6 7, 7 8, 8 7"
PASSED = [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1]


def test_students_are_split_as_in_the_lecture():
    """L1: 15 rows, split 70/30 with scikit-learn's train_test_split, seed 42."""
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    rows = [[float(n) for n in row.split()] for row in STUDENTS.split(",")]
    expected = split(np.array(rows), np.array(PASSED), test_size=0.3, random_state=42)
    students = data.students()
    got = [students.train[0], students.test[0], students.train[1], students.test[1]]
    assert [np.asarray(a).tolist() for a in got] == [a.tolist() for a in expected]


def test_pass_fail_network():
    """L1: Dense(5, relu) -> Dense(1, sigmoid): 21 parameters, and downhill."""
    apply, params, state = models.functional(models.MLP([2, 5, 1], rngs=rngs()))
    assert costs.parameters(params) == 2 * 5 + 5 + 5 + 1
    x, y = data.students().train
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)

    def loss(params):
        logits = apply(params, state, x)[0][:, 0]
        return losses.sigmoid_binary_cross_entropy(logits, y).mean()

    value, grads = jax.value_and_grad(loss)(params)
    smaller = jax.tree.map(lambda p, g: p - 1e-3 * g, params, grads)
    assert loss(smaller) < value
