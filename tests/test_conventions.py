"""The table of conventions is true: ours, theirs and the rules in NumPy agree."""

import importlib.util
import inspect
import io
import json
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.console import Console

from assay import verify
from assay.cli import main
from assay.verify import _rooms, _second, rules
from assay.verify._conventions import _check as checks
from assay.verify.rules import _rule

ROOT = Path(__file__).parent.parent
ROWS = verify.CONVENTIONS
# Rows that differ from another in these alone are the same program.
NUMBERS = {"eps", "rho", "decay", "weight_decay", "initial_scale", "consistent_rms"}
PAIRS = {"torch": "torch.optim", "keras": "keras.optimizers"}


def named(row):
    """adam/keras, and its flags where a library has several."""
    return "/".join([row.optimizer, row.library, *map(str, row.theirs)])


def needs(library):
    """Skip where the other library is not installed."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


@pytest.mark.parametrize("name", verify.discover("optim"))
def test_every_public_optimizer_has_a_second_source(name):
    """Optax is no oracle by itself: somebody else's formula stands beside it."""
    mirror = _rooms.mirror_of("optim", name)
    second = _second.second_of(name, mirror)
    assert second is not None, f"state second= in the mirror of {name}"
    known = [
        second.knows(
            {n: draw.make(np.random.default_rng(0)) for n, draw in case.items()}
        )
        for case in getattr(mirror, "cases", [{}])
    ]
    assert any(known), f"the second source of {name} knows none of its cases"


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "x64"])
def test_ours_follow_every_convention(dtype):
    """Every set of flags of the table at five eps, 200 steps, in one program."""
    rows = {
        (row.optimizer, *sorted(set(row.ours) - NUMBERS)): row
        for row in ROWS
        if set(row.ours) - NUMBERS
    }
    found = verify.conventions(rows.values(), (dtype,), ("ours",))
    assert len(found) > 20
    assert {named(f.convention): f for f in found if not f.ok} == {}


def test_torch_is_what_the_table_says():
    """torch by itself in float64 is the rule, save where it keeps float32."""
    needs("torch")
    rows = [
        r._replace(eps=None) for r in ROWS if r.library == "torch" and "Muon" != r.call
    ]
    found = verify.conventions(rows, (np.float64,), ("theirs",))
    assert len(found) > 15
    assert {named(f.convention): f for f in found if not f.ok} == {}


def test_keras_is_what_the_table_says():
    """Keras on JAX in float64 is the rule; all its rows are in `assay verify optim`."""
    needs("keras")
    backend = os.environ.get("KERAS_BACKEND")
    some = "adam", "nadam", "momentum"
    rows = [r for r in ROWS if r.library == "keras" and r.optimizer in some]
    found = verify.conventions(rows, (np.float64,), ("theirs",))
    assert os.environ.get("KERAS_BACKEND") == backend
    assert len(found) == 4
    assert {named(f.convention): f for f in found if not f.ok} == {}


def test_optax_alone_is_what_the_table_says():
    """Where the table calls Optax wrong or alone, its own code in float64 does that."""
    rows = [r for r in ROWS if r.library == "optax" and "Optax" in r.note]
    found = verify.conventions(rows, (np.float64,), ("theirs",))
    assert {f.convention.optimizer for f in found} == {
        "amsgrad",
        "nadam",
        "adan",
        "rprop",
    }
    assert {named(f.convention): f for f in found if not f.ok} == {}
    assert all(r.thread for r in rows)


@pytest.mark.parametrize("library", PAIRS)
def test_the_table_has_the_librarys_own_eps(library):
    """Rows are at the library's defaults: its eps is the one that ours is given."""
    needs(library)
    if library == "keras":
        verify.keras_optimizer("Adam")  # imports it on JAX
    module = importlib.import_module(PAIRS[library])
    compared = 0
    for row in ROWS:
        if row.library == library and row.eps is not None:
            theirs = inspect.signature(getattr(module, row.call)).parameters
            ours = checks.settings(row, checks.cases(row)[0][-1], 0)["eps"]
            assert theirs[row.eps[1]].default == ours, named(row)
            compared += 1
    assert compared > 8


@pytest.mark.parametrize("wrong", [{"eps_hat": True}, {"b2": 0.9991}, {"b1": 0.90001}])
def test_a_wrong_rule_is_seen(monkeypatch, wrong):
    """The check has teeth: a slightly other rule is not ours, nor torch's."""
    adam = rules.adam
    monkeypatch.setattr(rules, "adam", lambda *a, **s: adam(*a, **{**s, **wrong}))
    row = next(r for r in ROWS if named(r) == "adam/paper")
    (found,) = verify.conventions([row], (np.float32,))
    assert not found.ok and found.single > 1e-6


def steps(name, gradients, rate=1.0, **settings):
    """The updates of a rule for numbers."""
    tx = _rule.transform(getattr(rules, name), rate, **settings)
    state, out = tx.init(0.0), []
    for g in gradients:
        u, state = tx.update(g, state, 0.0)
        out.append(float(u))
    return np.array(out)


def test_keras_adam_differs_as_the_two_formulas_say():
    """At first √v/√(1−b2) = |g|: g/(|g| + eps) against g/(|g| + eps/√(1−b2))."""
    g = eps = 1e-3
    here = steps("adam", [g], eps=eps)[0]
    there = steps("adam", [g], eps=eps, eps_hat=True)[0]
    assert here == pytest.approx(-1 / 2, rel=1e-12)
    assert there == pytest.approx(-1 / (1 + 1 / np.sqrt(1 - 0.999)), rel=1e-12)


def test_amsgrads_differ_as_the_two_formulas_say():
    """After one gradient Optax divides by |g| ever after, torch by that times
    √((1−b2)/(1−b2ᵗ))."""
    gradients, t = [2.0] + [0.0] * 9, np.arange(1, 11)
    here = steps("amsgrad", gradients, eps=0.0)
    there = steps("amsgrad", gradients, eps=0.0, max_before_correction=True)
    ratio = np.sqrt((1 - 0.999**t) / (1 - 0.999))
    np.testing.assert_allclose(there / here, ratio, rtol=1e-12)


def test_the_place_of_the_rate_differs_as_the_two_formulas_say():
    """Inside the buffer the first gradient keeps the first rate."""

    def rate(t):
        return 1.0 if t == 0 else 0.5

    gradients, mu = [1.0, 1.0, 1.0], 0.9
    inside = steps("momentum", gradients, rate, beta=mu)
    outside = steps("sgd", gradients, rate, momentum=mu)
    np.testing.assert_allclose(inside, [-1, -(mu + 0.5), -(mu**2 + mu / 2 + 0.5)])
    np.testing.assert_allclose(outside, [-1, -0.5 * (mu + 1), -0.5 * (mu**2 + mu + 1)])


def test_optax_rprop_is_late_by_one_step():
    """While no sign turns, its update is the right one of the step before."""
    gradients = [1.0, 2.0, 0.5, 3.0]
    right, late = steps("rprop", gradients, 0.1), steps("late_rprop", gradients, 0.1)
    np.testing.assert_allclose(late, [0, *right[:-1]])


def test_the_page_of_the_documentation_is_up_to_date():
    """Regenerate it: print(assay.verify.conventions_markdown())."""
    page = (ROOT / "docs" / "optimizers.md").read_text()
    assert page == verify.conventions_markdown()


def test_a_row_names_both_sources_and_who_is_alone():
    """Optax's reading with its thread; a second distance beyond the bound is wrong."""
    row = _rooms.row("optim", "rprop")
    assert row.ok and row.second == "rule in NumPy" and row.second_ulp <= row.bound
    assert "optax/pull/1725" in row.note
    out = io.StringIO()
    Console(file=out, width=80).print(verify.table([row]))
    assert "rule in NumPy" in out.getvalue() and "pull/1725" in out.getvalue()


def test_a_wrong_second_source_is_a_wrong_row(monkeypatch):
    """Both distances must be within the bound."""
    monkeypatch.setattr(rules, "rprop", rules.late_rprop)
    row = _rooms.row("optim", "rprop")
    assert not row.ok and row.ulp <= row.bound < row.second_ulp


def test_the_table_prints_in_80_columns_and_as_json():
    """Who is missing, wrong or alone is said in words below the table."""
    one = dict.fromkeys(["single", "double", "theirs_double"], 1e-16)
    rows = {named(r): r for r in ROWS}
    found = [
        checks.Found(rows["adam/optax"], **one, theirs_single=1e-5, ok=True),
        checks.Found(rows["rprop/optax"], None, None, 0.0, 1e-3, False, "no"),
    ]
    out = io.StringIO()
    Console(file=out, width=80).print(verify.conventions_table(found))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for word in ("WRONG", "optax/pull/1725", "1−bᵗ in float32", "1e-05 1e-16"):
        assert word in text
    assert "1 of 2 conventions are wrong: rprop as optax" in verify.conventions_summary(
        found
    )
    plain = json.loads(json.dumps([f.as_dict() for f in found]))
    assert plain[0]["theirs_single"] == 1e-5 and plain[1]["as"] == "optax"


def test_assay_verify_shows_the_conventions_and_fails_with_them(monkeypatch, capsys):
    """After the rows of the room optim; nowhere else."""
    row = next(r for r in ROWS if named(r) == "adam/optax")
    wrong = checks.Found(row, 1.0, 1e-16, 1e-5, 1e-16, ok=False)
    right = verify.Row("optim", "adam", "optax", 1.0, 8.0, None, True)
    monkeypatch.setattr(verify, "rows", lambda rooms: iter([right]))
    monkeypatch.setattr(verify, "conventions", lambda: [wrong])
    assert main(["verify", "--room", "optim"]) == 1
    assert "wrong: adam as optax" in capsys.readouterr().out
    assert main(["verify", "--room", "optim", "--json"]) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["optimizer"] == "adam" and last["single"] == 1.0
    assert main(["verify", "--room", "costs"]) == 0
    assert "adam as optax" not in capsys.readouterr().out


def test_torch_under_jit_is_torch():
    """Called back from the compiled program: the same numbers, the state as it was."""
    needs("torch")
    tx = verify.torch_optimizer("Adam", lr=lambda t: 0.1 / (1 + t))
    g = {"w": np.float32([0.5, -2.0]), "b": np.float32(3.0)}
    eager, compiled = tx.init(g), tx.init(g)
    update = jax.jit(tx.update)
    for _ in range(3):
        u, eager = tx.update(g, eager, g)
        v, compiled = update(g, compiled, g)
        for a, b in zip(jax.tree.leaves(u), jax.tree.leaves(v), strict=True):
            assert a.dtype == np.float32 and np.array_equal(a, b)
    assert jax.tree.structure(eager) == jax.tree.structure(compiled)
    assert int(eager[0]) == 3
    old = tx.update(g, tx.init(g), g)[0]  # nothing is kept from the other steps
    np.testing.assert_allclose(old["b"], -0.1, rtol=1e-6)


def test_an_adapter_without_its_package_says_how_to_get_it(monkeypatch):
    """The house's sentence, not an ImportError from the depths."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'assay\[torch\]'"):
        verify.torch_optimizer("Adam", lr=0.1)
