"""The loop: counted steps, one trace, the same bits, and every way to stop."""

import os
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses, metrics, optim, training
from assay.training import Stop

CROSS_ENTROPY = losses.softmax_cross_entropy_with_integer_labels


def rows(n=50, seed=0):
    """n points of two features, labels by their side of a slanted line."""
    x = np.random.default_rng(seed).standard_normal((n, 2)).astype(np.float32)
    return x, (x[:, 0] + 2 * x[:, 1] > 0.3).astype(np.int32)


def line(params, state, x, *, key=None, train=False):
    """Logits of two classes; the state counts the rows and steps of training."""
    del key
    y = x @ params["kernel"] + jnp.broadcast_to(params["bias"], (len(x), 2))
    seen = {"rows": state["rows"] + len(x), "steps": state["steps"] + 1}
    return y, seen if train else state


def model(apply=line):
    """(apply, params, state), freshly made."""
    params = {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    return apply, params, {n: jnp.zeros((), jnp.int32) for n in ("rows", "steps")}


# One object each: equal rules share one compilation, also between the tests.
TX = optim.sgd(0.5)


def fit(data=None, *, apply=line, tx=TX, loss=CROSS_ENTROPY, seed=0, **options):
    """A short run of 50 rows, 16 a batch."""
    data, options = rows() if data is None else data, {"batch_size": 16} | options
    key = jax.random.key(seed)
    return training.fit(model(apply), loss, tx, data, key=key, **options)


def same(a, b):
    """Every leaf equal, bit for bit."""
    return jax.tree.all(jax.tree.map(np.array_equal, a, b))


# Steps --------------------------------------------------------------------------


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
@pytest.mark.parametrize(
    ("size", "drop", "updates", "seen"),
    [
        (16, False, 4, 50),  # 3 full batches and one of 2
        (16, True, 3, 48),
        (None, False, 1, 50),  # batch gradient descent
        (400, False, 1, 50),
    ],
)
def test_updates_of_an_epoch(size, drop, updates, seen, dispatch):
    """The regime is the batch size; a smaller last batch counts, unless dropped."""
    done = fit(batch_size=size, drop_last=drop, dispatch=dispatch, epochs=3)
    assert int(done.state["steps"]) == 3 * updates
    assert int(done.state["rows"]) == 3 * seen


@pytest.mark.parametrize(
    ("n", "size", "epochs", "updates"),
    [
        (1000, 100, 10, 100),
        (100_000, None, 1, 1),
        (100_000, 1, 1, 100_000),
        (100_000, 100, 1, 1000),
    ],
)
def test_lecture_iterations(n, size, epochs, updates):
    """L0 and L3: 1000/100 * 10 = 100; 100,000 rows: 1, 100,000, 1,000 updates."""
    x = np.linspace(-1, 1, n, dtype=np.float32)

    def scaled(params, state, x, *, key, train):
        return params * x, state + 1

    start = (scaled, jnp.zeros(()), jnp.zeros((), jnp.int32))
    done = training.fit(
        start,
        losses.squared_error,
        optim.sgd(1e-4),
        (x, 3 * x),
        key=jax.random.key(0),
        epochs=epochs,
        batch_size=size,
    )
    assert int(done.state) == updates


def test_one_step_is_gradient_descent():
    """One full batch: params - rate * gradient of the mean loss."""
    x, y = rows()
    apply, params, state = model()

    def loss(params):
        return CROSS_ENTROPY(apply(params, state, x)[0], y).mean()

    value, grads = jax.jit(jax.value_and_grad(loss))(params)
    done = fit((x, y), batch_size=None)
    expected = jax.tree.map(lambda p, g: p - 0.5 * g, params, grads)
    for got, want in zip(*map(jax.tree.leaves, (done.params, expected)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)
    assert abs(done.history["loss"][0] - value) < 1e-6


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
def test_no_retrace_after_the_first_epoch(dispatch):
    """The Python body runs while the first epoch is compiled, and never again."""
    traces = []

    def counted(params, state, x, *, key=None, train=False):
        traces.append(x.shape)
        return line(params, state, x, train=train)

    def note(epoch, logs):
        epochs.append(len(traces))

    epochs, options = [], {"dispatch": dispatch, "validation": rows(7)}
    fit(apply=counted, epochs=5, on_epoch=note, **options)
    assert epochs == [epochs[0]] * 5
    assert epochs[0] <= 3  # full batch, last batch, validation

    fit(apply=counted, epochs=2, **options)  # another run with the same rules
    assert len(traces) == epochs[0]


def test_choosing_the_dispatch_traces_nothing_twice():
    """The look into the compiled epoch is the trace that then runs."""
    traces = []

    def counted(params, state, x, *, key=None, train=False):
        traces.append(x.shape)
        return line(params, state, x, train=train)

    fit(apply=counted, epochs=3)
    assert traces == [(16, 2), (2, 2)]


def convolved(params, state, x, *, key=None, train=False):
    """A model with XLA's own convolution in it."""
    image = x.reshape(len(x), 1, 2, 1)
    kernel = params["kernel"].reshape(1, 2, 1, 2)
    dims = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(
        image, kernel, (1, 1), "VALID", dimension_numbers=dims
    )
    return y.reshape(len(x), 2), state


def test_convolutions_of_xla_leave_the_loop(monkeypatch):
    """On CPU a step with XLA's convolution is dispatched alone; a dense one is not."""
    calls = []
    real = training._loop._step.compiled_step

    def spy(*args):
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(training._loop._step, "compiled_step", spy)
    fit(batch_size=16)
    assert calls == []
    fit(apply=convolved)
    assert len(calls) == (4 if jax.default_backend() == "cpu" else 0)


def test_both_dispatches_agree():
    """One dispatch an epoch and one a step do the same arithmetic."""
    runs = [fit(epochs=3, dispatch=d) for d in ("epoch", "step")]
    for a, b in zip(*(jax.tree.leaves(r[:3]) for r in runs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(*(r.history["loss"] for r in runs), rtol=1e-6)


def test_same_seed_same_bits():
    """The key decides everything; another key, another order of the rows."""
    one, two = (fit(epochs=3) for _ in range(2))
    assert same(one[:3], two[:3]) and one.history == two.history
    other = fit(epochs=3, seed=1)
    assert not same(one.params, other.params)
    straight = [fit(epochs=2, shuffle=False, seed=s) for s in (0, 1)]
    assert same(straight[0].params, straight[1].params)


def test_both_kinds_of_key():
    """The uint32 key of older code gives the same run."""
    args = (model(), CROSS_ENTROPY, TX, rows())
    keys = jax.random.key(3), jax.random.PRNGKey(3)
    a, b = (training.fit(*args, key=k, batch_size=16) for k in keys)
    assert same(a.params, b.params)


def test_layer_keys_differ_by_step_and_epoch():
    """Every step of every epoch hands the model another key."""

    def noisy(params, state, x, *, key=None, train=False):
        y = x @ params["kernel"]
        slot = jnp.argmin(state["keys"][:, 0] != 0)
        keys = state["keys"].at[slot].set(jax.random.key_data(key))
        return y, {"keys": keys}

    start = (noisy, model()[1], {"keys": jnp.zeros((12, 2), jnp.uint32)})
    tx, key = optim.sgd(0.1), jax.random.key(0)
    how = {"key": key, "epochs": 3, "batch_size": 16}
    done = training.fit(start, CROSS_ENTROPY, tx, rows(), **how)
    assert len({tuple(k) for k in done.state["keys"].tolist()}) == 12


def test_the_users_arrays_survive():
    """fit donates copies: the parameters handed over can be used again."""
    start = model()
    for dispatch in ("epoch", "step"):
        how = {"key": jax.random.key(0), "epochs": 2, "dispatch": dispatch}
        training.fit(start, CROSS_ENTROPY, optim.adam(0.1), rows(), **how)
    assert not any(a.is_deleted() for a in jax.tree.leaves(start[1:]))


def test_steps_donate():
    """The first step already gives its buffers back."""
    from assay.training import _step

    rule = _step.Rule(line, CROSS_ENTROPY, optim.adam(0.1), batch_size=25)
    carry, data = _step.start(rule, *model()[1:]), tuple(map(jnp.asarray, rows()))
    args = (jnp.arange(50), jax.random.key(0))
    after = _step.compiled_step(rule, 25, carry, data, *args)
    given = jax.tree.leaves((carry.params, carry.state, carry.opt_state))
    assert all(a.is_deleted() for a in given)
    assert not any(a.is_deleted() for a in jax.tree.leaves((after, data)))


def test_weak_types_do_not_retrace():
    """Python numbers as parameters and an optimizer that counts in Python ints."""
    tx = optim.Transform(
        lambda p: {"n": 0},
        lambda g, s, p=None: (jax.tree.map(lambda a: -a, g), {"n": s["n"] + 1}),
    )

    def scale(params, state, x, *, key, train):
        return params * x, state

    start, key = (scale, 0.5, {}), jax.random.key(0)
    data = (np.ones(4, np.float32), np.ones(4, np.float32))
    done = training.fit(start, losses.squared_error, tx, data, key=key, batch_size=2)
    assert done.opt_state["n"] == 2


def test_state_that_changes_its_dtype():
    """An optimizer whose state changes its type is named, with the leaf."""
    tx = optim.Transform(
        lambda p: {"n": jnp.zeros((), jnp.int32)},
        lambda g, s, p=None: (g, {"n": s["n"].astype(jnp.float32)}),
    )
    with pytest.raises(
        ValueError, match=r"opt_state; got float32\[\] at 'n' after int32"
    ):
        fit(tx=tx)


# History, weights, penalty ------------------------------------------------------


def test_history():
    """loss, metrics and their val_ twins, one number an epoch; metrics over rows."""
    done = fit(
        epochs=4,
        metrics={"accuracy": metrics.accuracy},
        validation=rows(20, seed=1),
    )
    assert set(done.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {len(v) for v in done.history.values()} == {4} and done.epochs == 4
    assert all(type(v) is float for row in done.history.values() for v in row)
    assert done.stop is Stop.finished and len(done.seconds) == 4
    fitted = (line, done.params, done.state)
    named = {"accuracy": metrics.accuracy}
    scores = training.evaluate(fitted, CROSS_ENTROPY, rows(20, seed=1), metrics=named)
    assert abs(scores["loss"] - done.history["val_loss"][-1]) < 1e-6
    assert scores["accuracy"] == done.history["val_accuracy"][-1]


def test_epoch_loss_weighs_the_last_batch_by_its_rows():
    """With a rate of zero the epoch's loss is the mean over all rows."""
    x, y = rows()
    target = x[:, :1] * 3
    done = fit((x, np.hstack([target, y[:, None]])), loss=losses.squared_error,
               tx=optim.sgd(0.0))  # fmt: skip
    expected = (np.hstack([target, y[:, None]]) ** 2).mean()
    assert abs(done.history["loss"][0] - expected) < 1e-5 * expected


def test_sample_weights_are_a_weighted_mean():
    """Whole-number weights equal repeated rows; a weight of zero removes a row."""
    x, y = rows(12)
    weight = np.array([0, 1, 2, 3] * 3, np.float32)
    again = np.repeat(np.arange(12), weight.astype(int))
    weighted = fit((x, y, weight), batch_size=None, epochs=3)
    repeated = fit((x[again], y[again]), batch_size=None, epochs=3)
    for a, b in zip(
        *map(jax.tree.leaves, (weighted.params, repeated.params)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        weighted.history["loss"], repeated.history["loss"], rtol=1e-5
    )


@pytest.mark.parametrize("weights", [[1.0, 3.0], {1: 3.0}])
@pytest.mark.parametrize("kind", ["integer", "one-hot"])
def test_class_weights(weights, kind):
    """A class's weight multiplies that of its rows, for either kind of label."""
    x, y = rows(12)
    loss = CROSS_ENTROPY
    by_row = fit((x, y, np.where(y == 1, 3, 1).astype(np.float32)), batch_size=None)
    if kind == "one-hot":
        y, loss = np.eye(2, dtype=np.float32)[y], losses.softmax_cross_entropy
    by_class = fit((x, y), loss=loss, class_weight=weights, batch_size=None)
    for a, b in zip(
        *map(jax.tree.leaves, (by_row.params, by_class.params)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weights_that_are_all_zero():
    """0/0 is no reason to diverge."""
    x, y = rows(8)
    done = fit((x, y, np.zeros(8, np.float32)), batch_size=4)
    assert done.stop is Stop.finished and done.history["loss"] == [0.0]


def test_penalty_joins_the_loss():
    """loss + penalty(params), in the value and in the gradient."""

    def pull(params):
        return 0.1 * losses.l2_penalty(params, matching="kernel")

    free, held = fit(epochs=30), fit(epochs=30, penalty=pull)
    assert losses.l2_penalty(held.params) < losses.l2_penalty(free.params)
    assert held.history["loss"][-1] > free.history["loss"][-1]


# Stopping -----------------------------------------------------------------------


def follow(params, state, x, *, key=None, train=False):
    """Outputs that follow the script in the state."""
    value = state["script"][params["epoch"].astype(jnp.int32)]
    return jnp.broadcast_to(value, x.shape), state


def outputs_themselves(outputs, y):
    return outputs


COUNTING = optim.Transform(
    lambda params: (),
    lambda grads, state, params=None: (jax.tree.map(jnp.ones_like, grads), state),
)


def scripted(losses_by_epoch):
    """A run whose loss follows a script, and whose parameter counts the epochs."""
    script = jnp.resize(jnp.asarray(losses_by_epoch, jnp.float32), 8)
    start = (follow, {"epoch": jnp.zeros(())}, {"script": script})
    data = (np.ones(4, np.float32), np.ones(4, np.float32))
    args = (start, outputs_themselves, COUNTING, data)
    return lambda **o: training.fit(*args, key=jax.random.key(0), **o)


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
def test_early_stopping_restores_the_best(dispatch):
    """Patience 2 after the best epoch; its parameters come back, not the last."""
    run = scripted([5.0, 3, 2, 2.5, 2.4, 1.0, 9])
    stopper = training.early_stopping(patience=2)
    done = run(epochs=7, early_stopping=stopper, dispatch=dispatch)
    assert done.stop is Stop.patience
    assert done.history["loss"] == [5, 3, 2, 2.5, 2.400000095367431640625]
    assert done.params["epoch"] == 3  # after the third epoch, whose loss was 2


def test_early_stopping_min_delta_and_monitor():
    """An improvement below min_delta does not count; the monitor must exist."""
    run = scripted([5.0, 4.5, 4.2, 4.1, 4.0])
    stopper = training.early_stopping(patience=2, min_delta=1.0)
    assert len(run(epochs=5, early_stopping=stopper).history["loss"]) == 3
    stopper = training.early_stopping(monitor="val_los")
    with pytest.raises(
        ValueError, match="monitor must be one of loss, val_loss; .*mean 'val_l"
    ):
        run(early_stopping=stopper, validation=(np.ones(2), np.ones(2)))


def test_early_stopping_keeps_the_best_when_all_epochs_are_done():
    """Without running out of patience, too."""
    run = scripted([5.0, 1.0, 3.0])
    done = run(epochs=3, early_stopping=training.early_stopping(patience=9))
    assert done.stop is Stop.finished and done.params["epoch"] == 2


def test_early_stopping_is_pure():
    """The pair goes through jit and vmap: a sweep stops each run by itself."""
    rule = training.early_stopping(patience=2, maximize=True)
    values = jnp.array([[0.1, 0.5, 0.4, 0.3], [0.1, 0.2, 0.3, 0.4]])

    def run(values):
        def body(state, value):
            return rule.update(value, state, value), state.stop

        return jax.lax.scan(body, rule.init(jnp.zeros(())), values)[0]

    state = jax.jit(jax.vmap(run))(values)
    assert state.stop.tolist() == [True, False]
    np.testing.assert_allclose(state.kept, [0.5, 0.4])


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_divergence(dispatch, bad):
    """A loss that is not finite: stop, with the last finite epoch's parameters."""
    done = scripted([5.0, 4.0, bad, 1.0])(epochs=4, dispatch=dispatch)
    assert done.stop is Stop.diverged and done.params["epoch"] == 2
    assert done.history["loss"][:2] == [5, 4] and not np.isfinite(
        done.history["loss"][2]
    )


def test_divergence_of_the_parameters_alone():
    """The last step's loss is finite but what it leaves is not: stop there and then."""
    done = fit(tx=optim.scale(jnp.inf), batch_size=None, epochs=5)
    assert done.stop is Stop.diverged and done.epochs == 1
    assert same(done.params, model()[1])


@pytest.mark.parametrize("dispatch", ["epoch", "step"])
def test_interruption(dispatch):
    """Control-C gives back every complete epoch."""

    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    done = fit(epochs=9, on_epoch=interrupt, dispatch=dispatch)
    assert done.stop is Stop.interrupted and done.epochs == 2
    assert same(done.params, fit(epochs=2, dispatch=dispatch).params)


def test_interruption_within_an_epoch():
    """In the middle of an epoch: the one before it comes back whole."""

    def interrupt(view):
        if (view.epoch, view.step) == (2, 3):
            raise KeyboardInterrupt

    done = fit(epochs=9, on_step=interrupt)
    assert done.stop is Stop.interrupted and done.epochs == 1
    assert same(done.params, fit(dispatch="step").params)


def test_on_step_sees_every_step():
    """Steps from 1, losses of the batches, arrays that stay alive."""
    views = []
    fit(epochs=2, on_step=views.append)
    assert [(v.epoch, v.step) for v in views] == [
        (e, s) for e in (1, 2) for s in (1, 2, 3, 4)
    ]
    assert abs(float(views[0].loss) - np.log(2)) < 1e-6
    assert np.isfinite(views[0].params["kernel"]).all()
    assert int(views[3].state["rows"]) == 50


# Mistakes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, "option must be one of .*Did you mean 'epochs'"),
        ({"batchsize": 3}, "Did you mean 'batch_size'"),
        ({"batch_size": 0}, r"batch_size must be in \[1, inf\]; got 0"),
        ({"epochs": -1}, r"epochs must be in \[0, inf\]"),
        ({"dispatch": "scan"}, "dispatch must be one of epoch, step"),
        ({"dispatch": "epoch", "on_step": print}, "dispatch must be 'step'"),
        ({"drop_last": True, "batch_size": 51}, "one full batch; got 50 rows"),
        ({"class_weight": [1.0]}, "a weight for each label 0 to 1; got 1 weights"),
        (
            {"validation": (np.ones((3, 2)), np.ones(2))},
            "validation: x, y must have the",
        ),
    ],
)
def test_mistaken_options(options, message):
    """One sentence each."""
    with pytest.raises(ValueError, match=message):
        fit(**options)


def test_mistaken_data():
    """Unequal lengths, nothing at all, numbers that are not finite."""
    x, y = rows()
    with pytest.raises(ValueError, match="x, y must have the same.*50 rows in x, 49"):
        fit((x, y[:-1]))
    with pytest.raises(ValueError, match="at least one row"):
        fit((x[:0], y[:0]))
    bad = x.copy()
    bad[7, 1] = np.nan
    with pytest.raises(ValueError, match="x must be finite; got nan in row 7"):
        fit((bad, y))
    with pytest.raises(TypeError, match=r"data must be \(x, y\)"):
        fit(x)


def test_mistaken_loss_and_metric():
    """A loss that reduces cannot be weighted; a metric is one number."""
    x, y = rows()

    def mean(outputs, y):
        return CROSS_ENTROPY(outputs, y).mean()

    assert fit((x, y), loss=mean, batch_size=None).stop is Stop.finished
    with pytest.raises(ValueError, match="one number per example; got a scalar"):
        fit((x, y, np.ones(50, np.float32)), loss=mean)
    with pytest.raises(
        ValueError, match="metric 'm' must return one number; got shape"
    ):
        fit(metrics={"m": lambda outputs, y: outputs})


def test_captured_arrays_are_named():
    """More than a MiB in a closure becomes a constant: warned of, with its size."""
    big = jnp.ones((2, 300_000))

    def wide(params, state, x, *, key=None, train=False):
        return line(params, state, x)[0] + 0 * big.sum(), state

    with pytest.warns(UserWarning, match="captures 2.3 MiB of arrays"):
        fit(apply=wide)


def test_quiet_when_not_a_terminal(capfd):
    """Nothing on standard output or error, unless asked for."""
    fit(epochs=2)
    assert capfd.readouterr() == ("", "")
    fit(epochs=2, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "epoch 2/2" in err


# evaluate, predict, online ------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 50, 64])
def test_predict_in_batches(size):
    """Any batch size gives the model's own outputs, last batch included."""
    x, _ = rows()
    params = {"kernel": jnp.array([[1.0, 2], [3, 4]]), "bias": jnp.array([5.0, 6])}
    fitted = (line, params, model()[2])
    got = training.predict(fitted, x, batch_size=size)
    np.testing.assert_allclose(got, line(params, fitted[2], x)[0], rtol=1e-5)


def test_predict_nothing_and_trees():
    """No rows give no outputs; inputs and outputs may be trees."""
    assert training.predict(model(), np.zeros((0, 2), np.float32)).shape == (0, 2)

    def pair(params, state, x, *, key=None, train=False):
        return {"sum": x["a"] + x["b"]}, state

    x = {"a": np.arange(5.0, dtype=np.float32), "b": np.ones(5, np.float32)}
    y = training.predict((pair, {}, {}), x, batch_size=2)
    assert y["sum"].tolist() == [1, 2, 3, 4, 5]


def test_evaluate_does_not_depend_on_the_batch_size():
    """Even for a metric that is no average."""
    x = np.linspace(0, 1, 23, dtype=np.float32)
    halves = (lambda p, s, x, *, key=None, train=False: (x / 2, s), {}, {})
    named = {"rmse": metrics.root_mean_squared_error}
    args = (halves, losses.squared_error, (x, x))
    one, two = (training.evaluate(*args, metrics=named, batch_size=b) for b in (5, 23))
    assert one == pytest.approx(two, rel=1e-6)
    assert one["rmse"] == pytest.approx(np.sqrt((x**2 / 4).mean()), rel=1e-5)


def test_online_is_row_by_row():
    """The trail holds the parameters after every row of every epoch."""

    def rule(w, x, y):
        return w + x * y

    last, trail = training.online(rule, 0.0, jnp.arange(1.0, 4), jnp.ones(3), epochs=2)
    assert trail.tolist() == [[1, 3, 6], [7, 9, 12]] and last == 12


# Checkpoints --------------------------------------------------------------------

TREE = {
    "conv": [{"kernel": np.arange(6.0, dtype=np.float32).reshape(2, 3)}],
    "half": jnp.array([1.5, -2], jnp.bfloat16),
    "count": np.int32(7),
}


def test_checkpoint_round_trip(tmp_path):
    """Every leaf comes back in its dtype, bfloat16 and scalars too."""
    path = training.save_params(tmp_path / "p.npz", TREE)
    assert sorted(np.load(path).files) == ["conv/0/kernel", "count", "half"]
    back = training.load_params(path, TREE)
    assert same(back, TREE) and back["half"].dtype == jnp.bfloat16


def test_a_save_is_whole_or_not_at_all(tmp_path, monkeypatch):
    """A crash in the middle leaves the old file, and nothing beside it."""
    path = training.save_params(tmp_path / "p.npz", {"w": np.ones(3, np.float32)})

    def crash(file, **arrays):
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(OSError, match="disk full"):
        training.save_params(path, {"w": np.zeros(3, np.float32)})
    assert os.listdir(tmp_path) == ["p.npz"]
    like = {"w": jax.ShapeDtypeStruct((3,), jnp.float32)}
    assert training.load_params(path, like)["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"v": np.ones(3, np.float32)}, "a difference at v, w. Is it the same model"),
        ({"w": np.ones(4, np.float32)}, r"w must be float32\[4\]; got float32\[3\]"),
        ({"w": np.ones(3, np.int32)}, r"w must be int32\[3\]; got float32\[3\]"),
    ],
)
def test_load_what_was_not_saved(tmp_path, like, message):
    """Names, shapes and dtypes must be those of `like`."""
    path = training.save_params(tmp_path / "p.npz", {"w": np.ones(3, np.float32)})
    with pytest.raises(ValueError, match=message):
        training.load_params(path, like)


def test_load_what_is_no_checkpoint(tmp_path):
    """Another file, or half of one, gives a sentence and not a zip error."""
    path = tmp_path / "p.npz"
    for content in (b"", b"PK\x03\x04", b"hello"):
        path.write_bytes(content)
        with (
            warnings.catch_warnings(),
            pytest.raises(ValueError, match="must be a .npz"),
        ):
            training.load_params(path, {})


def test_two_leaves_with_one_path(tmp_path):
    """Names that collide are refused, not overwritten."""
    with pytest.raises(ValueError, match="every leaf must have a path of its own"):
        training.save_params(tmp_path / "p.npz", {"a/b": 1, "a": {"b": 2}})
