"""`assay verify mine --against theirs`: the report, the status, and kind answers."""

import contextlib
import io
import json

import numpy as np
import pytest

from assay import verify
from assay.cli import main

MINE = """
import jax
import jax.numpy as jnp

from assay import optim


def my_adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8):
    return optim.adam(learning_rate, b1, b2, eps)


def doubled(learning_rate):
    return optim.sgd(2 * learning_rate)


def forgetful(learning_rate):
    return optim.Transform(lambda p: p, lambda g, state, p=None: (g, state))


ready = optim.sgd(0.5)


def my_tanh(x):
    return jnp.tanh(x)


def flat(x):
    return 0.99 * jnp.tanh(x)


def broken(learning_rate):
    raise RuntimeError("out of order")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with the user's module in it."""
    (tmp_path / "own_rules.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)


def run(*words):
    """(status, standard output)."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(["verify", *words])
    return status, out.getvalue()


def complaint(capsys, *words):
    """The one line on standard error of a command that must end with status 2."""
    assert main(["verify", *words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Traceback" not in err, err
    return err.strip()


@pytest.fixture
def small(monkeypatch):
    """The comparison on one leaf, without the search for the reason: quick."""
    asked = {}

    def compared(mine, reference, **options):
        asked.update(options)
        tree = {"w": np.ones(3, np.float32)}
        return compare(mine, reference, params=tree, diagnose=False, **options)

    compare = verify.optimizer
    monkeypatch.setattr(verify, "optimizer", compared)
    return asked


def test_mine_beside_optax(here, small):
    """A table in 80 columns, status 0; the settings reach both."""
    against = "--against", "optax:adam", "--steps", "3"
    status, out = run("own_rules:my_adam", *against, "--set", "b1=0.8")
    assert status == 0 and "matches the reference over 3 steps" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_difference_is_status_1_and_json(here, small):
    """One JSON object: verdict, first step, leaf and field."""
    words = "own_rules:doubled", "--against", "optax:sgd", "--set", "learning_rate=1e-2"
    status, out = run(*words, "--steps", "2", "--json")
    found = json.loads(out)
    assert status == 1 and not found["matches"] and small == {"steps": 2}
    assert found["first"]["step"] == 1 and found["first"]["field"] == "updates"
    assert found["first"]["relative"] == pytest.approx(1, rel=1e-3)


def test_a_finished_pair_is_compared_as_it_is(here, small):
    """No argument is asked of what takes none; the reference's rate is set alone."""
    words = "own_rules:ready", "--against", "sgd", "--set", "learning_rate=0.5"
    assert run(*words, "--steps", "2")[0] == 0


def test_alone_an_optimizer_is_held_to_its_contract(here):
    """Status 0 where all is kept, 1 with the broken clause."""
    status, out = run("own_rules:ready")
    assert status == 0 and "keeps all" in out
    status, out = run("own_rules:forgetful", "--json")
    broken = [c for c in json.loads(out)["clauses"] if c["verdict"] == "broken"]
    assert status == 1
    assert broken[0]["name"] == "state shares no buffer with the parameters"


def test_functions_are_compared_too(here):
    """What makes no optimizer is a function of arrays."""
    status, out = run("own_rules:my_tanh", "--against", "jax.numpy:tanh")
    assert status == 0 and "values, ULP" in out
    status, out = run("own_rules:flat", "--against", "jax.numpy:tanh", "--json")
    assert status == 1 and not json.loads(out)["matches"]


def test_torch_takes_our_words(here, small):
    """learning_rate, b1 and b2 reach torch as lr and betas."""
    pytest.importorskip("torch")
    from assay.cli import _compare

    words = {"learning_rate": 0.1, "b1": 0.8, "eps": 1e-4}
    assert _compare._translated(words, "torch") == {
        "lr": 0.1,
        "betas": (0.8, 0.999),
        "eps": 1e-4,
    }
    against = "--against", "torch:SGD", "--set", "learning_rate=0.25", "--steps", "2"
    assert run("sgd", *against)[0] == 0


MISTAKES = {
    ("own_rules:my_adm", "--against", "optax:adam"): "mean 'own_rules:my_adam'?",
    ("own_rules:my_adam", "--against", "optax:adm"): "--against: optax must have it",
    ("a:b", "c:d", "--against", "optax:adam"): "one optimizer or function",
    ("own_rule:my_adam", "--against", "optax:adam"): "there must be a module own_rule",
    ("own_rules:my_adam", "--against", "optax:adam", "--set", "b_1=0.8"): (
        "--set: own_rules:my_adam has no 'b_1'. Did you mean 'b1'?"
    ),
    ("own_rules:my_adam", "--against", "optax:adam", "--set", "b1"): (
        "--set: write name=value; got 'b1'."
    ),
    ("own_rules:my_tanh",): "name its reference with --against",
    ("own_rules:my_adam", "--against", "jax.numpy:tanh"): "the other is not",
    ("own_rules:broken",): "own_rules:broken: out of order",
    ("own_rules:ready", "--room", "optim"): "one optimizer or function",
    ("optm",): "room: no 'optm'. Did you mean 'optim'?",
    ("activations", "--only", "gelo"): "--only: no 'gelo'. Did you mean 'gelu'?",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_gets_one_line_and_status_2(words, here, capsys):
    """What is wrong, and where a name is near, the name that was meant."""
    assert MISTAKES[words] in complaint(capsys, *words)


def test_rooms_are_named_without_an_option(monkeypatch):
    """`assay verify costs optim`: those rooms, once each."""
    asked = []
    row = verify.Row("costs", "a", "formula", 0.0, 0.0, None, True)
    monkeypatch.setattr(
        verify, "rows", lambda rooms: asked.append(rooms) or iter([row])
    )
    assert run("costs", "--room", "costs")[0] == 0
    assert asked == [("costs",)]


@pytest.fixture
def jax_alone(monkeypatch):
    """No torch and no Keras among the peers, and few inputs: quick."""
    from assay.verify import _beside, _sections

    monkeypatch.setattr(_sections, "LIBRARIES", ("jax", "optax"))
    monkeypatch.setattr(_beside.beside, "__defaults__", (2**10,))


def test_value_and_derivatives_stand_beside_the_peers(jax_alone, monkeypatch):
    """Ours first, jax.nn below, its NaN slope told; 96 columns; the bound is judged."""
    from assay.verify import _bounds

    words = "activations", "--only", "relu"
    monkeypatch.setitem(_bounds.ACTIVATIONS, "relu", _bounds.Bound(0, 0, 0))
    status, out = run(*words)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert status == 0 and "relu assay 0 0 0 right ≤ 0, 0, 0" in lines
    assert "jax 0 0 0 not nan" in lines and max(map(len, out.splitlines())) <= 96


@pytest.mark.optimized
def test_a_broken_bound_is_status_1_and_json_has_the_input(jax_alone, monkeypatch):
    """The note names the order, the ULP and the worst input."""
    from assay.verify import _bounds

    monkeypatch.setitem(_bounds.ACTIVATIONS, "elu", _bounds.Bound(4, 0.25))
    status, out = run("activations", "--only", "elu", "--json")
    found = json.loads(out)
    first = found["beside"]["elu"]["assay"]["first"]
    assert status == 1 and not found["ok"] and first["ulp"] > 0.25
    assert (
        found["note"].startswith("first 0.") and f"{first['at']:.9g}" in found["note"]
    )


def test_the_errors_make_a_picture(jax_alone, tmp_path, capsys):
    """Three panels of a function, in a file; without an oracle, a kind answer."""
    path = tmp_path / "errors.png"
    assert run("activations", "--only", "relu", "--plot", str(path))[0] == 0
    assert path.read_bytes()[:4] == b"\x89PNG" and capsys.readouterr()
    words = "activations", "--only", "softmax", "--plot", str(path)
    assert "takes one array" in complaint(capsys, *words)
