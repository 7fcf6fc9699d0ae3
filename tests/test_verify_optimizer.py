"""The prover of optimizers: right ones pass, wrong ones are named by step and leaf."""

import json
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from assay.verify import _named, _optimizer, _record, _shadow, _walk, rules
from assay.verify._diagnosis import _diagnose
from assay.verify.rules import _rule

STEPS = 30  # enough for every mutant below; the default is 100
SMALL = {"kernel": np.ones((2, 3), np.float32), "scale": np.float32(0.5)}


class State(NamedTuple):
    """What a hand-written Adam carries."""

    count: jax.Array
    mu: dict
    nu: dict


def handwritten(
    learning_rate=1e-3, b1=0.9, b2=0.999, eps=1e-8, *, inside=False, start=0, flip=""
):
    """Adam as users write it, with a mistake on request."""

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return State(jnp.array(start), zeros, zeros)

    def update(grads, state, params=None):
        t = state.count + 1
        mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, grads)
        nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g**2, state.nu, grads)

        def leaf(path, m, v):
            m, v = m / (1 - b1 ** t.astype(m.dtype)), v / (1 - b2 ** t.astype(v.dtype))
            below = jnp.sqrt(v + eps) if inside else jnp.sqrt(v) + eps
            sign = 1 if flip and flip in jax.tree_util.keystr(path) else -1
            return sign * learning_rate * m / below

        updates = jax.tree_util.tree_map_with_path(leaf, mu, nu)
        return updates, State(t, mu, nu)

    return optim.Transform(init, update)


def walk(mine, reference, params=SMALL, steps=STEPS):
    """The comparison alone, without the search for the reason."""
    return _optimizer.optimizer(
        mine, reference, params=params, steps=steps, diagnose=False
    )


RIGHT = {
    "handwritten": (handwritten(), optax.adam(1e-3)),
    "adam": (optim.adam(1e-3), optax.adam(1e-3)),
    "adam, b2 near 1": (optim.adam(1e-3, b2=0.99999), optax.adam(1e-3, b2=0.99999)),
    "adam, rounded b2": (handwritten(b2=0.99999), optax.adam(1e-3, b2=0.99999)),
    "sgd": (optim.sgd(0.1, 0.9, nesterov=True), optax.sgd(0.1, 0.9, nesterov=True)),
    "rmsprop": (
        optim.rmsprop(0.1, centered=True, momentum=0.9),
        optax.rmsprop(0.1, centered=True, momentum=0.9),
    ),
    "adagrad": (optim.adagrad(0.1), optax.adagrad(0.1)),
    "the reference itself": (optax.adamw(1e-3), optax.adamw(1e-3)),
    "decayed": (
        optim.chain(
            optim.scale_by_adam(), optim.add_decayed_weights(1e-4), optim.scale(-1e-3)
        ),
        optax.adamw(1e-3),
    ),
    "at a constant rate": (optim.momentum(0.1), optax.sgd(0.1, 0.9)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_optimizers_pass(name):
    """No false alarm, whoever's rounding it is."""
    _optimizer.optimizer(*RIGHT[name], params=SMALL).check()


WRONG = {  # name: (mine, first step, first leaf or None for the first of all)
    "eps inside the root": (handwritten(inside=True), 1, None),
    "count one ahead": (handwritten(start=1), 1, None),
    "count one behind": (handwritten(start=-1), 1, None),
    "wrong b2": (handwritten(b2=0.996), 2, None),
    "swapped betas": (handwritten(b1=0.999, b2=0.9), 2, None),
    "wrong rate": (handwritten(1.001e-3), 1, None),
    "one leaf uphill": (handwritten(flip="kernel"), 1, "kernel"),
    "another leaf uphill": (handwritten(flip="scale"), 1, "scale"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_optimizers_are_caught(name):
    """The first step and leaf of the mistake, in an AssertionError's sentence."""
    mine, step, leaf = WRONG[name]
    report = walk(mine, optax.adam(1e-3))
    first = report.first.apart.first
    assert first.step == step == report.first.step
    assert first.leaf == (leaf or "kernel")
    with pytest.raises(AssertionError, match=f"first at step {step} in {first.leaf} "):
        report.check()


def test_a_schedule_tells_the_two_momenta_apart():
    """The rate inside the velocity and outside differ from the first change on."""
    rate = optim.piecewise_constant_schedule(0.1, {5: 0.1})
    report = walk(optim.momentum(rate), optax.sgd(rate, 0.9))
    assert report.first.apart.first.step == 6


def test_nan_and_missing_updates_are_differences():
    """A NaN that the reference has not, or a leaf without an update, is far off."""
    nan = optim.Transform(
        lambda p: (), lambda g, s, p=None: (jax.tree.map(lambda x: x * jnp.nan, g), s)
    )
    report = walk(nan, optax.sgd(0.1), steps=2)
    assert report.first.apart.first.relative == np.inf
    gap = _record.gap({"a": None, "b": None}, {"a": jnp.ones(2), "b": None})
    assert gap.off.tolist() == [np.inf, 0]


def test_the_report_prints_and_serialises():
    """A table with a row a stream, and plain values for machines."""
    good = _optimizer.optimizer(optim.adam(1e-3), optax.adam(1e-3), steps=3)
    text = str(good)
    assert "matches the reference" in text and "bursts" in text
    *single, half = good.streams
    assert max(s.mine.lately for s in single) < 1e-6 and half.name == "half precision"
    assert max(map(len, text.splitlines())) <= 80
    machine = json.loads(json.dumps(good.as_dict()))
    assert machine["matches"] and machine["streams"]["noise"]["mine"]["relative"] < 1e-6
    wrong = optim.adam(2e-3), optax.adam(1e-3)
    bad = _optimizer.optimizer(*wrong, steps=3, diagnose=False)
    assert "step 1, conv/kernel" in str(bad)
    first = json.loads(json.dumps(bad.as_dict()))["streams"]["noise"]["apart"]["first"]
    assert first["relative"] == pytest.approx(1, rel=1e-4)


def test_a_small_error_shows_in_float64_alone():
    """A rate 1e-5 off is within float32's tolerance, and 10 million ULP of float64."""
    report = walk(optim.adam(1.00001e-3), optax.adam(1e-3), steps=2)
    assert (report.first.step, report.first.field) == (1, "float64")
    assert report.first.apart.first is None
    assert report.first.relative == pytest.approx(1e-5, rel=1e-3)
    with pytest.raises(AssertionError, match="float64.* where 1e-12 is allowed"):
        report.check()


def test_who_computes_in_float32_is_told_so():
    """No false alarm: float32 inside, or a hyper-parameter rounded to it."""

    def single(tx):
        def update(g, state, p=None):
            u, state = tx.update(jax.tree.map(lambda x: x.astype("f4"), g), state, p)
            return jax.tree.map(lambda a, b: a.astype(b.dtype), u, g), state

        return optim.Transform(tx.init, update)

    inside = walk(single(optax.sgd(0.1)), optax.sgd(0.1), steps=3)
    rounded = walk(optim.sgd(np.float32(0.1)), optax.sgd(0.1), steps=3)
    for report, who in ((inside, "mine computes"), (rounded, "or a number in it,")):
        assert report.matches and who in report.sentence
        assert 1e-12 < max(s.double.lately for s in report.streams) < 1e-6
    exact = walk(optim.sgd(0.1), optax.sgd(0.1), steps=3)
    assert not exact.notes and max(s.double.lately for s in exact.streams) < 1e-12


def test_states_of_one_meaning_are_compared():
    """mu, nu and count by name; a count that starts at one is said, and no verdict."""
    report = walk(handwritten(), optax.adam(1e-3), steps=3)
    assert set(report.streams[0].state) == {"count", "mu", "nu"}
    assert max(d.lately for d in report.streams[0].state.values()) < 1e-6

    def ahead(tx):
        def update(g, state, p=None):
            u, new = tx.update(g, state._replace(count=state.count - 1), p)
            return u, new._replace(count=new.count + 1)

        def init(p):
            return tx.init(p)._replace(count=jnp.array(1))

        return optim.Transform(init, update)

    other = walk(ahead(handwritten()), optax.adam(1e-3), steps=3)
    assert other.matches and "the state differs in count" in other.sentence
    assert other.streams[0].state_parting.step == 1
    wrong = walk(handwritten(b2=0.996), optax.adam(1e-3), steps=3)
    assert wrong.first.step == 2 and "nu of the state from step 1" in wrong.sentence


def test_the_growth_of_a_difference():
    """A rate 1 % off is 1 % of the way off at every step; rounding grows slowly."""
    wrong = walk(optim.sgd(0.101), optax.sgd(0.1), steps=12)
    noise, zeros = (s for s in wrong.streams if s.name in ("noise", "zeros"))
    assert noise.growth == pytest.approx({1: 0.01, 10: 0.01, 12: 0.01}, rel=1e-3)
    assert zeros.growth == {1: 0, 10: 0, 12: 0}
    right = walk(optim.sgd(0.1), optax.sgd(0.1), steps=12)
    assert 0 < right.streams[0].growth[1] <= right.streams[0].growth[12] < 1e-6


def test_a_pair_in_numpy_walks_as_it_is():
    """What cannot be traced is called step by step; so is what branches in Python."""
    numpy = _rule.transform(rules.adam, 1e-3)
    assert not _walk.compiled(numpy, SMALL).traced
    walk(optim.adam(1e-3), numpy, steps=3).check()
    walk(numpy, optax.adam(1e-3), steps=3).check()
    assert not walk(numpy, optax.adam(2e-3), steps=3).matches


def test_what_a_parameter_rounds_off_its_update_is_no_difference(monkeypatch):
    """torch and Keras give parameters: p + u − p has an ULP of p, not of u."""

    def update(g, state, p=None):
        u, state = optax.sgd(1e-4).update(g, state, p)
        return jax.tree.map(lambda a, b: (a + b) - b, u, p), state

    rounding = optim.Transform(optax.sgd(1e-4).init, update)
    assert not walk(rounding, optax.sgd(1e-4), steps=5).matches
    monkeypatch.setattr(update, "__module__", "assay.verify._adapters")
    walk(rounding, optax.sgd(1e-4), steps=5).check()
    double = optim.Transform(rounding.init, lambda g, s, p=None: update(g, s, p))
    double.update.__module__ = update.__module__
    assert not walk(double, optax.sgd(1.1e-4), steps=5).matches


def test_mixed_dtypes_that_somebody_cannot_take_are_told():
    """An optimizer that needs entries is compared on the others, and it is said."""
    tx = optim.Transform(
        optax.sgd(0.1).init,
        lambda g, s, p=None: (jax.tree.map(lambda x: x / jnp.max(x), g), s),
    )
    report = _optimizer.optimizer(tx, tx, steps=1)
    assert report.matches and "mixed dtypes not compared (ValueError" in str(report)


def test_half_precision_is_told_and_not_judged():
    """b2 = 0.999 is 1 in bfloat16; whoever passes such parameters is judged by them."""
    report = _optimizer.optimizer(handwritten(), optax.adam(1e-3), steps=3)
    assert report.matches
    assert "half precision differs from step 1 in bfloat16" in report.sentence
    params = {"w": np.ones(3).astype(jnp.bfloat16)}
    assert not walk(handwritten(), optax.adam(1e-3), params, 3).matches


def test_the_reason_is_part_of_the_verdict(monkeypatch):
    """The sentence of the diagnosis; a search that fails leaves the difference."""
    wrong = optim.sgd(0.2), optax.sgd(0.1)
    found = SimpleNamespace(
        sentence="matches sgd at twice the rate", explained=True, changes=("twice",)
    )
    monkeypatch.setattr(_diagnose, "diagnose", lambda *a, **k: found)
    report = _optimizer.optimizer(*wrong, params=SMALL, steps=1)
    with pytest.raises(AssertionError, match="; matches sgd at twice the rate$"):
        report.check()
    assert report.as_dict()["diagnosis"] == found.sentence
    monkeypatch.setattr(_diagnose, "diagnose", lambda *a, **k: 1 / 0)
    report = _optimizer.optimizer(*wrong, params=SMALL, steps=1)
    assert "the search for the reason failed (ZeroDivisionError" in report.diagnosis


def test_my_own_parameters_in_my_own_precision():
    """`params` may be any tree, of bfloat16 too: ULP are then of that format."""
    params = {"w": jnp.ones((2, 3), jnp.bfloat16)}
    tx = optim.sgd(0.3)
    report = _optimizer.optimizer(tx, optax.sgd(0.3), params=params, steps=3)
    worst = max(s.mine.ulp for s in report.streams)
    assert 0 < worst <= 0.5


# The shadow, while training ------------------------------------------------------


def train(tx, steps=60, seed=0):
    """A small regression; returns the parameters and every state."""
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.standard_normal((16, 5)), jnp.float32)
    y = jnp.asarray(rng.standard_normal((16, 2)), jnp.float32)
    params = {"bias": jnp.zeros(2), "kernel": jnp.ones((5, 2))}

    def loss(p):
        bias = jnp.broadcast_to(p["bias"], y.shape)
        return jnp.sum((jnp.tanh(x @ p["kernel"] + bias) - y) ** 2)

    @jax.jit
    def step(p, state):
        updates, state = tx.update(jax.grad(loss)(p), state, p)
        return optim.apply_updates(p, updates), state

    state, states = tx.init(params), []
    for _ in range(steps):
        params, state = step(params, state)
        states.append(state)
    return params, states


@pytest.mark.optimized
def test_the_shadow_changes_nothing():
    """Training with a shadow is training with mine, bit for bit."""
    alone, _ = train(optim.adam(1e-2))
    watched, _ = train(_shadow.shadow(optim.adam(1e-2), optax.adam(1e-2)))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, alone, watched))


def test_the_shadow_and_the_rule_measure_adam():
    """Optax's second step is 1e-5 from the rule, ours never 1e-6."""
    tx, rule = (
        _shadow.shadow(optim.adam(1e-2), optax.adam(1e-2)),
        _shadow.rule64(optax.adam(1e-2)),
    )
    params, states = train(tx, 300)
    beside = rule.init(params)
    for state in states:
        beside = rule.step(beside, state)
    found = _shadow.rule_distances(beside, params)
    assert found.mine.relative < 1e-6
    assert 5e-6 < found.theirs.relative < 2e-5 and found.theirs.step <= 4
    assert found.apart.first is None
    apart = _shadow.difference(states[-1], params)
    assert apart.relative < 2e-5 and apart.leaf in ("bias", "kernel")


def test_the_shadow_names_the_step_of_a_mistake():
    """A rate that is wrong from the seventh update on is found at step 7."""
    late = optim.piecewise_constant_schedule(1e-2, {6: 1.5})
    tx = _shadow.shadow(optim.adam(late), optax.adam(1e-2))
    params, states = train(tx, 10)
    first = _shadow.difference(states[-1], params).first
    assert (first.step, first.leaf) == (7, "bias")
    assert first.relative == pytest.approx(0.5, rel=1e-3)


def test_the_shadow_runs_in_scan_and_in_a_chain():
    """One state structure from the start: scan carries it, Optax's chain holds it."""
    tx = optax.chain(optax.clip(1.0), _shadow.shadow(optim.adam(0.1), optax.adam(0.1)))
    params = {"w": jnp.ones(3)}
    grads = {"w": jnp.linspace(-2, 2, 30).reshape(10, 3)}

    def body(state, g):
        updates, state = tx.update(g, state, params)
        return state, updates

    with _record.relaxed():
        state, _ = jax.jit(lambda s: jax.lax.scan(body, s, grads))(tx.init(params))
    found = _shadow.difference(state, params)
    assert 0 < found.relative < 2e-5 and found.first is None


def test_without_a_shadow_there_is_no_difference():
    """The error says what is missing."""
    with pytest.raises(TypeError, match="must hold that of a shadow"):
        _shadow.difference(optim.adam(0.1).init(jnp.ones(2)), jnp.ones(2))


def test_the_process_stays_in_float32():
    """The float64 rule leaves no mode behind."""
    rule = _shadow.rule64(optax.adam(0.1))
    rule.init(jnp.ones(2))
    assert jnp.asarray(1.0).dtype == jnp.float32


# Names ---------------------------------------------------------------------------


def test_names_are_ours_optax_or_a_module(tmp_path, monkeypatch):
    """`adam`, `optax:adam`, and a file of the working directory."""
    (tmp_path / "my_rules.py").write_text(
        "from assay import optim\n\ndef mine(rate):\n    return optim.sgd(2 * rate)\n"
    )
    monkeypatch.chdir(tmp_path)
    g = jnp.ones(2)
    for name, expected in [("sgd", -0.5), ("optax:sgd", -0.5), ("my_rules:mine", -1)]:
        tx = _named.named_transform(name, 0.5)
        assert tx.update(g, tx.init(g), g)[0].tolist() == [expected] * 2


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("adm", "'adam'"),
        ("optax:adamx", "'optax:adam"),
        ("optx:adam", "'optax:adam'"),
        ("assay.optim:rmspro", "'assay.optim:rmsprop'"),
        ("no_such_module_at_all:f", "package.module:function"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(name, near):
    """One sentence, with what was probably meant."""
    with pytest.raises(ValueError, match=near):
        _named.named_transform(name, 0.1)


def test_a_name_must_make_a_transform():
    """A function that returns something else is refused."""
    with pytest.raises(TypeError, match=r"must return an \(init, update\) pair"):
        _named.named_transform("math:sqrt", 4.0)


# What a review found to pass in silence ------------------------------------------


def test_a_factored_moment_is_seen():
    """Adafactor factors from 128 entries a side: one leaf is as large."""
    whole = optax.adafactor(1e-2, factored=False)
    report = walk(whole, optax.adafactor(1e-2), None, 5)
    assert not report.matches and report.first.leaf == "large"


def test_a_leaf_that_starts_at_zero_is_walked():
    """A LAMB whose ratio is 0 there never moves its biases."""
    right = optax.lamb(1e-2)

    def update(g, state, p):
        u, state = right.update(g, state, p)
        still = jax.tree.map(lambda x, w: x * (jnp.sum(w * w) > 0), u, p)
        return still, state

    report = walk(optim.Transform(right.init, update), right, None, 5)
    assert not report.matches and report.first.leaf == "zero"


def test_raising_where_the_reference_runs_is_a_difference():
    """On leaves without entries, say."""

    def update(g, state, p=None):
        if any(x.size == 0 for x in jax.tree.leaves(g)):
            raise RuntimeError("no entries")
        return optim.sgd(0.1).update(g, state, p)

    mine = optim.Transform(optim.sgd(0.1).init, update)
    report = walk(mine, optax.sgd(0.1), None, 3)
    with pytest.raises(AssertionError, match="raises RuntimeError: no entries"):
        report.check()


def test_crossing_zero_does_not_disarm_the_shadow():
    """A doubled step after the update has nearly vanished once is still seen."""
    late = optim.piecewise_constant_schedule(0.1, {6: 2.0})
    pair = optim.sgd(late, 0.9), optax.sgd(0.1, 0.9)
    tx, rule, w = _shadow.shadow(*pair), _shadow.rule64(pair[1]), jnp.ones(1)
    state, beside = tx.init(w), rule.init(w)
    for g in (1.0, -0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        _, state = tx.update(jnp.full(1, g), state, w)
        beside = rule.step(beside, state)
    assert _shadow.rule_distances(beside, w).apart.first.step == 7
