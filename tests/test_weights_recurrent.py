"""Recurrent weights of torch, Keras and Flax: values, gradients and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers, weights

BATCH, TIME, INPUTS, UNITS = 2, 5, 3, 4
CELLS = {
    "LSTM": (layers.lstm_cell, weights.lstm_from_torch, weights.lstm_to_torch),
    "GRU": (layers.gru_cell, weights.gru_from_torch, weights.gru_to_torch),
    "RNN": (layers.rnn_cell, weights.rnn_from_torch, weights.rnn_to_torch),
}
every_cell = pytest.mark.parametrize("kind", CELLS)


def drawn(*shape):
    return np.random.default_rng(shape).standard_normal(shape)


X = drawn(BATCH, TIME, INPUTS)


def slopes(f, *args):
    """y, and the gradients of Σ y · g in every argument, in one program."""

    def pulled(*args):
        y, pull = jax.vjp(f, *args)
        return y, pull(jnp.asarray(drawn(*y.shape)))

    return jax.jit(pulled)(*jax.tree.map(jnp.asarray, args))


def agree(got, expected):
    """To 1e-10 of the largest entry, leaf by leaf."""
    got, expected = jax.tree.leaves(got), jax.tree.leaves(expected)
    for a, b in zip(got, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, np.float64)
        assert np.abs(a - b).max() <= 1e-10 * np.abs(b).max()


def run(cell, stack, x):
    """Layers on layers, one direction or two."""
    for directions in stack:
        zeros = [layers.zero_carry(p, x[..., 0, :]) for p in directions]
        if len(directions) == 2:
            _, x = layers.bidirectional(cell, directions, tuple(zeros), x)
        else:
            _, x = layers.recurrent(cell, directions[0], zeros[0], x)
    return x


def same(got, expected):
    """Bit for bit."""
    assert set(got) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


# torch --------------------------------------------------------------------------


def torch_or_skip():
    return pytest.importorskip("torch", reason="the peer is torch")


@every_cell
def test_layers_and_directions_of_torch(kind, x64):
    """Both ways, RNNs in two layers: y, and the gradients of x and every tensor."""
    torch = torch_or_skip()
    cell, read, _ = CELLS[kind]
    layer = getattr(torch.nn, kind)(
        *(INPUTS, UNITS, 1 + (kind == "RNN")),
        bidirectional=True,
        batch_first=True,
        dtype=torch.float64,
    )
    x = torch.tensor(X, requires_grad=True)
    y, _ = layer(x)
    y.backward(torch.tensor(drawn(*y.shape)))
    state = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    grads = {name: p.grad.numpy() for name, p in layer.named_parameters()}

    def ours(tensors, x):
        return run(cell, weights.stack_from_torch(read, tensors), x)

    got = slopes(ours, state, X)
    agree(got, (y.detach().numpy(), (grads, x.grad.numpy())))


@every_cell
def test_the_way_back_to_torch(kind):
    """Bit for bit where there is one bias; torch takes the tensors, without one too."""
    torch = torch_or_skip()
    cell, read, write = CELLS[kind]
    layer = getattr(torch.nn, kind)(INPUTS, UNITS, 2, bidirectional=True)
    state = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    stack = weights.stack_from_torch(read, state)
    back = weights.stack_to_torch(write, stack)
    if kind == "GRU":
        same(back, state)
    again = weights.stack_to_torch(write, weights.stack_from_torch(read, back))
    same(again, back)
    x = torch.tensor(X, dtype=torch.float32)
    y, _ = layer(x)
    layer.load_state_dict({name: torch.tensor(a) for name, a in back.items()})
    np.testing.assert_allclose(layer(x)[0].detach(), y.detach(), atol=1e-6)
    bare = getattr(torch.nn, f"{kind}Cell")(INPUTS, UNITS, bias=False)
    state = {f"a.{name}": p.detach().numpy() for name, p in bare.named_parameters()}
    params = read(state, prefix="a.", suffix="")
    assert not np.any(params.bias)
    same(
        {n: a for n, a in write(params, prefix="a.", suffix="").items() if n in state},
        state,
    )


def test_what_torch_does_not_have_is_told():
    """A name that is missing, a cell of another kind, a projection."""
    state = weights.rnn_to_torch(
        layers.RNNParams(np.ones((3, 4)), np.ones((4, 4)), np.ones(4))
    )
    with pytest.raises(
        ValueError, match="must have 'a.weight_ih_l0'; got none; the ne"
    ):
        weights.rnn_from_torch(state, prefix="a.")
    with pytest.raises(
        ValueError, match="for 4 units the shapes must be .*another kind"
    ):
        weights.gru_from_torch(state)
    with pytest.raises(ValueError, match="must have no projection"):
        weights.lstm_from_torch({**state, "weight_hr_l0": np.ones((2, 4))})
    del state["bias_hh_l0"]
    with pytest.raises(ValueError, match="must have 'bias_hh_l0'"):
        weights.rnn_from_torch(state)


# Keras --------------------------------------------------------------------------

KERAS = {
    "LSTM": (layers.lstm_cell, weights.lstm_from_keras, weights.lstm_to_keras, {}),
    "SimpleRNN": (layers.rnn_cell, weights.rnn_from_keras, weights.rnn_to_keras, {}),
    "GRU after": (
        *(layers.gru_cell, weights.gru_from_keras, weights.gru_to_keras),
        {"reset_after": True},
    ),
    "GRU before": (
        *(layers.gru_reset_before_cell, weights.gru_from_keras),
        *(weights.gru_reset_before_to_keras, {"reset_after": False}),
    ),
}


@pytest.mark.parametrize("kind", KERAS)
@pytest.mark.filterwarnings("ignore:__array__ implementation does")
def test_layers_of_keras(kind, x64, monkeypatch):
    """y, and the gradients of x and of every variable; then back bit for bit."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="the peer is Keras")
    cell, read, write, how = KERAS[kind]
    make = getattr(keras.layers, kind.split()[0])
    # Keras's own tanh of float64 is float32.
    how = {"activation": jnp.tanh, "dtype": "float64", **how}
    layer = make(UNITS, return_sequences=True, **how)
    with jax.numpy_rank_promotion("allow"):
        layer.build(X.shape)
    state = [drawn(*v.shape) for v in layer.trainable_variables]
    seed = [v.value for v in layer.non_trainable_variables]

    def theirs(state, x):
        with jax.numpy_rank_promotion("allow"):
            return layer.stateless_call(state, seed, x)[0]

    def ours(state, x):
        return run(cell, [[read(*state)]], x)

    agree(slopes(ours, state, X), slopes(theirs, state, X))
    for array, back in zip(state, write(read(*state)), strict=True):
        np.testing.assert_array_equal(back, array)
    bare = read(*state[:2])
    assert not np.any(bare.bias)


def test_another_kind_of_keras_is_told():
    """By the number of columns."""
    with pytest.raises(ValueError, match="2 units with 4 gates must have 8 columns"):
        weights.lstm_from_keras(np.ones((3, 6)), np.ones((2, 6)))


# Flax ---------------------------------------------------------------------------

FLAX = {
    "OptimizedLSTMCell": (layers.lstm_cell, "lstm", layers.LSTMParams, 4),
    "LSTMCell": (layers.lstm_cell, "lstm", layers.LSTMParams, 4),
    "GRUCell": (layers.gru_cell, "gru", layers.GRUParams, 3),
    "SimpleCell": (layers.rnn_cell, "rnn", layers.RNNParams, 1),
}


def drawn_params(params, gates):
    width = gates * UNITS
    biases = [drawn(width) + i for i in range(len(params._fields) - 2)]
    return params(drawn(INPUTS, width), drawn(UNITS, width), *biases)


def carry_of(kind):
    zeros = jnp.zeros((BATCH, UNITS), jnp.float64)
    return (zeros, zeros) if "LSTM" in kind else zeros


@pytest.mark.parametrize("kind", FLAX)
def test_cells_of_linen(kind, x64):
    """y, and the gradients of x and of every kernel and bias of the tree."""
    import flax.linen as nn

    cell, name, params, gates = FLAX[kind]
    read = getattr(weights, f"{name}_from_flax")
    write = getattr(weights, f"{name}_to_flax")
    tree = write(drawn_params(params, gates))
    module = nn.RNN(getattr(nn, kind)(UNITS, param_dtype=jnp.float64))

    def theirs(tree, x):
        return module.apply({"params": {"cell": tree}}, x, initial_carry=carry_of(kind))

    def ours(tree, x):
        return run(cell, [[read(tree)]], x)

    agree(slopes(ours, tree, X), slopes(theirs, tree, X))
    again = write(read(tree))
    same(weights.flatten(again), weights.flatten(tree))


@pytest.mark.parametrize("kind", FLAX)
def test_cells_of_nnx(kind, x64):
    """y, and the gradients of x and of the tree; its own tree is read."""
    from flax import nnx

    cell, name, params, gates = FLAX[kind]
    read = getattr(weights, f"{name}_from_flax")
    module = getattr(nnx, kind)(
        INPUTS, UNITS, param_dtype=jnp.float64, dtype=jnp.float64, rngs=nnx.Rngs(0)
    )
    graph, state = nnx.split(module)
    tree = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    rest = nnx.state(module, nnx.Not(nnx.Param))

    def theirs(tree, x):
        state = nnx.state(module, nnx.Param)
        nnx.replace_by_pure_dict(state, tree)

        def step(carry, x):
            return nnx.merge(graph, state, rest)(carry, x)

        _, y = jax.lax.scan(step, carry_of(kind), jnp.moveaxis(x, 1, 0))
        return jnp.moveaxis(y, 0, 1)

    def ours(tree, x):
        return run(cell, [[read(tree)]], x)

    agree(slopes(ours, tree, X), slopes(theirs, tree, X))
    if kind != "LSTMCell":
        back = getattr(weights, f"{name}_to_nnx")(read(tree))
        same(weights.flatten(back), weights.flatten(tree))


def test_what_flax_cannot_hold_is_told():
    """NNX's GRU has no recurrent bias; a tree may be of many cells."""
    with pytest.raises(ValueError, match="the recurrent bias of n must be 0, as NNX"):
        weights.gru_to_nnx(drawn_params(layers.GRUParams, 3))
    with pytest.raises(
        ValueError, match="the tree must have 'ii'; got .'cell'.. Is it"
    ):
        weights.lstm_from_flax({"cell": {}})
