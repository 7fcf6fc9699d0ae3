"""The diagnosis: hand-written mistakes are named, right optimizers are passed."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from assay.verify import rules
from assay.verify._diagnosis import _evidence as evidence
from assay.verify._diagnosis import _fit as fits
from assay.verify._diagnosis import _forms
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis import _reference as references
from assay.verify._diagnosis._diagnose import diagnose
from assay.verify.rules._rule import transform

cases = pytest.importorskip("benchmarks._mutants", reason="not in a checkout")
mutants = pytest.importorskip("benchmarks.mutants", reason="not in a checkout")

STEPS = 40
ADAM = optax.adam(1e-3)

# A mistake of every kind, the optimizers in turn; the whole table is
# `python -m benchmarks.mutants`.
SINGLES = {
    ("eps scaled by the bias correction", "adam"),
    ("state shared by leaves", "sgd-momentum"),
    ("moments in bfloat16", "sgd-momentum"),
    ("sign of one leaf", "sgd-momentum"),
    ("Nesterov's form", "sgd-momentum"),
    ("schedule one step behind", "sgd-momentum"),
    ("beta cut to bfloat16", "lion"),
    ("initial accumulator", "rmsprop"),
    ("count per leaf", "rmsprop"),
    ("decay coupled", "adamw"),
    ("decay without the rate", "lion"),
    ("maximum before the correction", "adam"),
}
DOUBLES = {
    ("b1 and b2 swapped + decay taken of the updated parameters", "adamw"),
    ("eps added before the square root + learning_rate 0.0011", "adam"),
    ("dampening 0.5 + momentum 0.8", "sgd-momentum"),
}


def chosen(made, wanted):
    """The cases asked for: all must be there."""
    found = [c for c in made if (c.mistake, c.column) in wanted]
    assert len(found) == len(wanted)
    return [pytest.param(c, id=f"{c.column}: {c.mistake}") for c in found]


@pytest.mark.parametrize(
    "case", chosen(cases.table(), SINGLES) + chosen(cases.doubles(), DOUBLES)
)
def test_mistakes_are_named(case):
    """One change or two, and no other."""
    found = diagnose(*case.make(), steps=STEPS)
    assert found.explained
    assert any(mutants.says(said, case.words) for said in (found.changes, *found.also))
    assert found.sentence.startswith(f"matches {found.family} ")
    assert found.sentence.endswith(f" ULP over {STEPS} steps")
    assert found.relative < 1e-9 and found.steps == STEPS


def test_every_mistake_has_a_cell_or_a_reason():
    """Nothing is left out in silence."""
    made = cases.table()
    assert len(made) == len({(c.mistake, c.column) for c in made})
    assert all(bool(c.make) != bool(c.why) for c in made)
    assert sum(c.make is not None for c in made) >= 80


RIGHT = {
    "handwritten adam": (cases.hand.adam(), ADAM),
    "our adam": (optim.adam(1e-3), ADAM),
    "a rate inside the buffer that never changes": (
        optim.momentum(0.1),
        optax.sgd(0.1, 0.9),
    ),
    "the rule itself, in plain Python": (transform(rules.lion, 1e-3), optax.lion(1e-3)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_passed(name):
    """No change is found where there is none."""
    found = diagnose(*RIGHT[name], steps=STEPS)
    assert found.explained and not found.changes
    assert found.ulp < 500


def test_the_sentence_says_what_the_issue_asked_for():
    """Word for word."""
    inside = cases.hand.adam(place="inside")
    found = diagnose(inside, ADAM, steps=STEPS)
    start = "matches adam with eps added before the square root, to "
    assert found.sentence.startswith(start)
    assert found.settings["eps_at"] == "root" and found.family == "adam"


def test_another_family_is_recognised():
    """Mine may be something else altogether."""
    found = diagnose(optax.yogi(1e-3), ADAM, steps=STEPS)
    assert found.sentence.startswith(
        "matches yogi and its own defaults in place of adam, to "
    )


def strange():
    """An update of no family: cubes of gradients, now and then."""

    def update(grads, state, params=None):
        return {k: -1e-3 * g**3 / (1 + g**2) for k, g in grads.items()}, state

    return optim.Transform(lambda params: (), update)


def test_what_nothing_explains_is_said():
    """An honest answer, with what came nearest."""
    found = diagnose(strange(), optax.sgd(0.1), steps=STEPS)
    assert not found.explained and not found.changes
    start = "no known convention or mistake explains it"
    assert found.sentence.startswith(start)


def test_an_unknown_reference_still_gives_its_multiple():
    """Without a rule, at least sign and size are said."""
    doubled = optax.chain(strange(), optax.scale(-2.0))
    found = diagnose(doubled, strange(), steps=STEPS)
    said = "matches the reference with the sign flipped and 2 times its learning rate"
    assert found.sentence == said


def test_leaves_are_named_as_the_user_names_them():
    """The user's own tree, in small."""
    params = {"conv": {"kernel": np.ones((3, 3, 8, 16))}, "scale": np.float32(1)}
    wrong = cases.hand.sgd(wrong=cases.Mistakes(flip="conv"))
    found = diagnose(wrong, optax.sgd(0.1, 0.9), params=params, steps=STEPS)
    assert found.changes == ("the sign flipped in conv/kernel",)


# The parts ------------------------------------------------------------------------


def seen_by(tx, steps=8):
    """Evidence of a NumPy rule alone, walked in plain Python."""
    return evidence.alone(tx, evidence.layout(None), steps)


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("adam", {"b1": 0.8, "eps": 1e-4, "nesterov": True}),
        ("adam", {"eps_hat": True, "eps_root": 1e-3}),
        ("amsgrad", {"max_before_correction": True}),
        ("amsgrad", {}),
        ("rmsprop", {"momentum": 0.9, "centered": True, "rate_last": True}),
        ("rmsprop", {"bias_correction": True, "eps_in_sqrt": False}),
        ("sgd", {"momentum": 0.9, "dampening": 0.5, "nesterov": True}),
        ("sgd", {"momentum": 0.9, "rate_last": False, "maximize": True}),
        ("lion", {"b1": 0.8}),
        ("adagrad", {"eps_in_sqrt": False, "lr_decay": 0.1}),
    ],
)
def test_the_forms_are_the_rules_where_nothing_is_wrong(family, settings):
    """Two writings of the same formulas."""
    formed = dict(settings)
    if family == "amsgrad":
        raw = formed.pop("max_before_correction", False)
        formed["maximum"] = "raw" if raw else "corrected"
    form = getattr(_forms, "adam" if family == "amsgrad" else family)
    rule, mine, theirs = getattr(rules, family), {}, {}
    if "weight_decay" in inspect.signature(rule).parameters:
        settings = {**settings, "weight_decay": 0.0}
    rng = np.random.default_rng(0)
    for t in range(1, 9):
        g, p = rng.standard_normal((2, 5))
        u, mine = form(t, g, p, mine, 0.1 / t, **formed)
        v, theirs = rule(t, g, p, theirs, 0.1 / t, **settings)
        np.testing.assert_allclose(u, v, rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "rate", "settings"),
    [
        (rules.adam, 3e-4, {"b1": 0.8, "b2": 0.95, "eps": 1e-5}),
        (rules.rmsprop, 0.02, {"decay": 0.99, "momentum": 0.8, "centered": True}),
        (rules.adagrad, 0.5, {"initial_accumulator_value": 0.3}),
        (rules.sgd, 0.1, {"momentum": 0.95, "nesterov": True}),
    ],
)
def test_numbers_are_found_exactly(rule, rate, settings):
    """Nobody says what they are."""
    seen = seen_by(transform(rule, rate, **settings), 12)
    found = references.identify(seen, seen.reference)
    assert found.distance < 1e-9 and found.model.family == rule.__name__
    for name, value in {**settings, "learning_rate": rate}.items():
        assert found.model.get(name) == pytest.approx(value, rel=1e-12)


def test_a_schedule_is_read_off_the_updates():
    """With decay, at a rate that warms up."""

    def warm(t):
        return 0.01 * min(t + 1, 5)

    seen = seen_by(transform(rules.adamw, warm, weight_decay=0.2), 12)
    model = references.identify(seen, seen.reference).model
    assert model.get("weight_decay") == pytest.approx(0.2)
    rates = model.get("learning_rate") * model.get("schedule")
    np.testing.assert_allclose(rates, [warm(t) for t in range(13)], rtol=1e-7)


def test_numbers_are_rounded_as_people_write_them():
    """Few digits, of 1 − b where that is the small one."""
    assert fits.nice("b2", 0.99900003, 1) == 0.999
    assert fits.nice("learning_rate", 0.00110002, 2) == 0.0011
    assert fits.nice("b1", 0.30001, 1) == 0.3


def test_layerwise_rules_are_walked_leaf_by_leaf():
    """Norms are those of leaves, not of all entries together."""
    assert models.elementwise("adam") and not models.elementwise("lamb")
    seen = seen_by(transform(rules.lamb, 0.1), 3)
    u = models.walk(models.Model("lamb", {"learning_rate": 0.1}), seen, 3)
    assert models.distance(u, seen.reference) < 1e-12
    assert jnp.shape(u) == (3, 9, seen.layout.width)


def test_moments_in_the_parameters_dtype_are_named():
    """Right in float64, and lost in bfloat16: Optax's state is of that dtype."""
    params = {"w": jnp.ones((2, 3), jnp.bfloat16)}
    found = diagnose(ADAM, ADAM, params=params, steps=STEPS)
    assert found.changes == ("the moments kept in bfloat16",)
    assert "but for bfloat16 parameters it differs with the moments" in found.sentence
    ours = diagnose(optim.adam(1e-3), ADAM, params=params, steps=STEPS)
    assert not ours.changes and "bfloat16" not in ours.sentence


def test_nan_is_no_evidence():
    """An optimizer that gives only nan is no known one."""
    nan = optim.Transform(
        lambda p: (), lambda g, s, p=None: (jax.tree.map(lambda x: x * jnp.nan, g), s)
    )
    assert not diagnose(nan, ADAM, steps=10).explained


def test_absent_leaves_are_passed():
    """A tree with None in it is diagnosed like any other."""
    params = {"a": jnp.ones(3), "b": None}
    found = diagnose(optax.adam(2e-3), ADAM, params=params, steps=STEPS)
    assert "learning_rate 0.002" in found.sentence
