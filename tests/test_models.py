"""Flax modules as pure functions, the lectures' networks, and their summary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from assay import layers, losses, models, optim, training
from assay.models import functional

CROSS_ENTROPY = losses.softmax_cross_entropy_with_integer_labels


class Flaxes(nnx.Module):
    """Flax's own layers: a list, batch statistics, two dropouts."""

    def __init__(self, *, rngs):
        self.dense = nnx.List([nnx.Linear(3, 64, rngs=rngs) for _ in range(2)])
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.drop1 = nnx.Dropout(0.5, rngs=rngs)
        self.drop2 = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        y = self.norm(self.dense[0](x) + self.dense[1](x))
        return self.drop1(y), self.drop2(y)


class Ours(nnx.Module):
    """The same of our shells."""

    def __init__(self, *, rngs):
        self.dense = nnx.List([models.Dense(3, 64, rngs=rngs) for _ in range(2)])
        self.norm = models.BatchNorm(64)
        self.drop1 = models.Dropout(0.5, rngs=rngs)
        self.drop2 = models.Dropout(0.5, rngs=rngs)

    __call__ = Flaxes.__call__


BOTH = pytest.mark.parametrize("kind", [Flaxes, Ours])
X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def made(kind):
    return functional(kind(rngs=nnx.Rngs(0)))


def names(tree):
    return jax.tree.map(jnp.shape, tree)


# functional ---------------------------------------------------------------------


@BOTH
def test_plain_dicts(kind):
    """params and state are nested dicts with string keys, without random state."""
    _, params, state = made(kind)
    dense = {"bias": (64,), "kernel": (3, 64)}
    norm = {"bias": (64,), "scale": (64,)}
    assert names(params) == {"dense": {"0": dense, "1": dense}, "norm": norm}
    assert names(state) == {"norm": {"mean": (64,), "var": (64,)}}
    leaves = jax.tree.leaves((params, state))
    assert all(type(a) is type(jnp.zeros(1)) for a in leaves)


@BOTH
def test_at_rest(kind):
    """train=False: nothing dropped, statistics as they were, no key needed."""
    apply, params, state = made(kind)
    (a, b), after = apply(params, state, X)
    assert (a == b).all() and (a != 0).any()
    assert names(after) == names(state)
    assert jax.tree.all(jax.tree.map(np.array_equal, after, state))


@BOTH
def test_dropout_masks(kind):
    """Two layers never share a mask; one key repeats it, another key does not."""
    apply, params, state = made(kind)
    run = jax.jit(lambda key: apply(params, state, X, key=key, train=True)[0])
    masks = [[m == 0 for m in run(jax.random.key(seed))] for seed in (0, 0, 1)]
    assert (masks[0][0] == masks[1][0]).all() and (masks[0][1] == masks[1][1]).all()
    different = [(masks[0][0], masks[0][1]), (masks[0][0], masks[2][0])]
    for one, other in different:
        agree = float((one == other).mean())
        assert abs(agree - 0.5) < 4 * 0.5 / one.size**0.5


@BOTH
def test_old_keys_give_the_same_masks(kind):
    """jax.random.PRNGKey(0) is jax.random.key(0)."""
    apply, params, state = made(kind)
    keys = jax.random.key(0), jax.random.PRNGKey(0)
    a, b = (apply(params, state, X, key=k, train=True)[0][0] for k in keys)
    assert (a == b).all()


@BOTH
def test_no_key(kind):
    """train=True with random layers and no key says what to pass."""
    apply, params, state = made(kind)
    with pytest.raises(ValueError, match="apply: random layers need a key when train"):
        apply(params, state, X, train=True)


def test_a_model_that_draws_at_rest():
    """Randomness at rest needs a key as well, and gets it."""

    class Noise(nnx.Module):
        def __init__(self, *, rngs):
            self.rngs = rngs["noise"].fork()

        def __call__(self, x):
            return x + jax.random.normal(self.rngs(), x.shape)

    apply, params, state = functional(Noise(rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="draws at random needs a key"):
        apply(params, state, X)
    assert (apply(params, state, X, key=jax.random.key(0))[0] != X).all()


@BOTH
def test_batch_statistics_go_through(kind):
    """Training moves the running statistics, and only returns them."""
    apply, params, state = made(kind)
    key = jax.random.key(0)
    _, after = apply(params, state, X, key=key, train=True)
    assert (after["norm"]["mean"] != state["norm"]["mean"]).any()
    _, again = apply(params, after, X, key=key, train=True)
    towards = [s["norm"]["var"] for s in (state, after, again)]
    steps = np.diff(np.stack(towards), axis=0)
    np.testing.assert_allclose(steps[1], 0.99 * steps[0], rtol=1e-3, atol=1e-6)


def test_flax_and_ours_agree():
    """The shells and Flax's layers with the same parameters give the same numbers."""
    flax, params, state = made(Flaxes)
    ours, _, _ = made(Ours)
    for a, b in zip(*(f(params, state, X)[0] for f in (flax, ours)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@BOTH
def test_under_every_transform(kind):
    """jit, grad, vmap over parameters and keys, and scan over the state."""
    apply, params, state = made(kind)
    key = jax.random.key(0)

    def loss(params, state, key):
        (a, b), state = apply(params, state, X, key=key, train=True)
        return (a * b).sum() + (a**2).sum(), state

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, _), grads = step(params, state, key)
    assert names(grads) == names(params) and jnp.isfinite(value)
    assert (grads["norm"]["bias"] != 0).any()

    keys = jax.random.split(key, 4)
    many = jax.tree.map(lambda a: jnp.stack([a] * 4), params)
    (values, states), _ = jax.jit(jax.vmap(step, (0, None, 0)))(many, state, keys)
    assert len(set(values.tolist())) == 4
    assert states["norm"]["mean"].shape == (4, 64)

    def body(state, key):
        return loss(params, state, key)[::-1]

    last, values = jax.jit(lambda s, k: jax.lax.scan(body, s, k))(state, keys)
    assert names(last) == names(state) and len(set(values.tolist())) == 4


def test_the_model_is_left_alone():
    """The modes and the arrays of the model that was given do not change."""
    model = Ours(rngs=nnx.Rngs(0))
    apply, params, state = functional(model)
    apply(params, state, X, key=jax.random.key(0), train=True)
    assert model.drop1.deterministic is False and (model.norm.mean[...] == 0).all()
    assert int(model.drop1.rngs.count[...]) == 0


def test_wrong_structure():
    """Parameters of another model are refused, and the odd paths named."""
    apply, params, state = made(Ours)
    del params["dense"]["1"]
    with pytest.raises(
        ValueError, match="a difference at dense/1/bias, dense/1/kernel"
    ):
        apply(params, state, X)


def test_no_array_stays_behind():
    """apply holds shapes: no parameter becomes a constant of the program."""
    apply, params, state = made(Ours)
    closed = jax.make_jaxpr(lambda p, s: apply(p, s, X)[0])(params, state)
    assert sum(c.nbytes for c in closed.consts if c is not X) <= X.nbytes


# Models -------------------------------------------------------------------------


def test_lenet_shapes(capsys):
    """L2: 28 → 24 → 12 → 8 → 4, 256 → 120 → 84 → 10, 44,426 parameters."""
    models.summary(models.LeNet5(rngs=nnx.Rngs(0)))
    lines = capsys.readouterr().out.splitlines()
    got = [tuple(" ".join(line.split()).split(" ", 2)) for line in lines[2:7]]
    assert got == [
        ("conv1", "Conv", "(1, 24, 24, 6) 156"),
        ("conv2", "Conv", "(1, 8, 8, 16) 2,416"),
        ("dense1", "Dense", "(1, 120) 30,840"),
        ("dense2", "Dense", "(1, 84) 10,164"),
        ("out", "Dense", "(1, 10) 850"),
    ]
    assert lines[-1].split() == ["total", "44,426"]
    assert max(map(len, lines)) <= 80


def test_lenet_1998_is_the_same_network_with_tanh():
    """Same parameters; bounded activations and means instead of maxima."""
    x = jax.random.normal(jax.random.key(1), (2, 28, 28, 1))
    apply, params, _ = functional(models.lenet5_1998(rngs=nnx.Rngs(0)))
    p = params
    y = jnp.tanh(layers.conv(x, **p["conv1"]))
    y = jnp.tanh(layers.conv(layers.avg_pool(y, (2, 2)), **p["conv2"]))
    y = layers.avg_pool(y, (2, 2)).reshape(2, 256)
    for name in ("dense1", "dense2"):
        y = jnp.tanh(layers.dense(y, **p[name]))
    expected = layers.dense(y, **p["out"])
    np.testing.assert_allclose(apply(params, {}, x)[0], expected, rtol=1e-4, atol=1e-5)


CNNS = [models.LeNet5, models.lenet5_1998, models.ResidualCNN, models.SeparableCNN]


@pytest.mark.parametrize("make", CNNS)
def test_cnns_take_other_sizes(make):
    """32x32 colour images and three classes."""

    def run(x):
        model = make(channels=3, classes=3, size=32, rngs=nnx.Rngs(0))
        apply, params, state = functional(model)
        return *apply(params, state, x, train=True), state

    x = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    y, after, state = jax.eval_shape(run, x)
    assert y.shape == (2, 3) and names(after) == names(state)


def test_single_neurons():
    """L0's numbers in the shells: 0.9569, and 1."""
    apply, _, _ = functional(models.Neuron(2, rngs=nnx.Rngs(0)))
    params = {"weights": jnp.array([0.4, 0.6]), "bias": jnp.asarray(0.5)}
    y, _ = apply(params, {}, jnp.array([[2.0, 3.0]]))
    assert abs(float(y[0]) - 0.9568927450589139) < 1e-6
    apply, params, _ = functional(models.Perceptron(2, at_threshold=0.0))
    assert apply(params, {}, jnp.ones((1, 2)))[0].tolist() == [0.0]
    apply, params, _ = functional(models.Adaline(2))
    assert apply(params | {"bias": jnp.asarray(2.0)}, {}, jnp.ones((1, 2)))[0] == 2


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_recurrent_classifier_with_a_mask(cell):
    """The last state is that of the last step that takes part."""
    model = models.RecurrentClassifier(3, 5, 2, cell=cell, rngs=nnx.Rngs(0))
    apply, params, _ = functional(model)
    x = jax.random.normal(jax.random.key(0), (2, 7, 3))
    mask = layers.lengths_to_mask(jnp.array([4, 7]), 7)
    masked, _ = apply(params, {}, (x, mask))
    short, _ = apply(params, {}, x[:1, :4])
    np.testing.assert_allclose(masked[:1], short, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(masked[1:], apply(params, {}, x[1:])[0], rtol=1e-5)


def test_next_token_is_causal():
    """The logits at a place do not see the tokens after it."""
    apply, params, _ = functional(models.NextToken(9, 8, rngs=nnx.Rngs(0)))
    ids = jnp.array([[1, 2, 3, 4, 5], [1, 2, 3, 0, 8]])
    y, _ = apply(params, {}, ids)
    assert y.shape == (2, 5, 9)
    assert (y[0, :3] == y[1, :3]).all() and (y[0, 3:] != y[1, 3:]).any()


# Together with training ---------------------------------------------------------


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
def test_fit_carries_state_and_keys(dispatch):
    """Batch norm and dropout inside fit; evaluation at rest."""

    class Net(nnx.Module):
        def __init__(self, *, rngs):
            self.norm, self.dense = models.BatchNorm(3), models.Dense(3, 2, rngs=rngs)
            self.drop = models.Dropout(0.2, rngs=rngs)

        def __call__(self, x):
            return self.dense(self.drop(self.norm(x)))

    apply, params, state = functional(Net(rngs=nnx.Rngs(0)))
    x = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32) * 3 + 5
    y = (x[:, 0] > 5).astype(np.int32)
    args = ((apply, params, state), CROSS_ENTROPY, optim.adam(0.05), (x, y))
    how = {"key": jax.random.key(0), "epochs": 40, "dispatch": dispatch}
    done = training.fit(*args, **how)
    assert abs(done.state["norm"]["mean"] - x.mean(0)).max() < 3
    assert (done.state["norm"]["mean"] > 1).all()
    assert done.history["loss"][-1] < 0.5 * done.history["loss"][0]


def test_summary_of_models_with_state_and_lists(capsys):
    """Dropout and batch norm are listed; the model's arrays stay as they were."""
    model = Ours(rngs=nnx.Rngs(0))
    models.summary(model, X)
    out = capsys.readouterr().out
    assert "dense/1" in out and "Dropout" in out and "(6, 64)" in out
    assert out.splitlines()[-1].split() == ["total", str(2 * (3 * 64 + 64) + 128)]
    assert (
        isinstance(model.norm.mean[...], jax.Array)
        and model.drop1.deterministic is False
    )
    with pytest.raises(ValueError, match="inputs must be given for a Ours"):
        models.summary(model)
