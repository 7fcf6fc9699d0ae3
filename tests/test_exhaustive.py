"""The walk over all float32, on a few blocks of 64 and functions of one line."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
exhaustive = pytest.importorskip("benchmarks.exhaustive", reason="not in a checkout")
sys.path.remove(str(ROOT))

from benchmarks import _asymptotes, _walk, _walk_page  # noqa: E402

# Around 1.34, around −0 and its subnormals, around ∞ and NaN.
GRID = _walk.Grid((0x3FABCDC0, 0x80000000, 0x7F7FFFC0), chunks=2, size=64)
CUBE = {"value": lambda x: x * x * x}


def cube(x):
    """Right to an ULP or two, but for what a test plants."""
    return x * x * x


def walked(ours, folder, truths=CUBE, regions=(), blocks=None):
    """The last state of a walk, perhaps stopped after some blocks."""
    subject = _walk.Subject("cube", ours, truths, _asymptotes.Regions(tuple(regions)))
    walker = _walk.Walker(subject, GRID.size, list(truths))
    steps = _walk.walk(walker, folder / "cube.json", {"date": "today"}, GRID)
    for state in steps:
        if state["done"] == blocks:
            break
    return state


def test_a_right_function_is_walked_to_the_end(tmp_path):
    """Value within an ULP or two, subnormals as they are or as zeros, NaN for NaN."""
    state = walked(cube, tmp_path)
    assert 0 < state["worst"]["value"]["ulp"] < 2
    assert _walk_page.finished(state)
    assert state["counts"]["value"] == {"oracle": 3 * 2 * 64, "asymptote": 0}


@pytest.mark.parametrize("regions", [(), (_asymptotes.above(0.5, 0, 0, 0, 1),)])
def test_an_error_at_one_number_is_found(tmp_path, regions):
    """Where the oracle is asked, and where the asymptote is."""
    bits = 0x3FABCDC7

    def planted(x):
        at = jax.lax.bitcast_convert_type(x, jnp.int32) == bits
        return jnp.where(at, x * x * x * (1 + 2**-19), x * x * x)

    worst = walked(planted, tmp_path, regions=regions)["worst"]["value"]
    assert worst["bits"] == bits
    assert 18 < worst["ulp"] < 21


def test_a_derivative_that_loses_nan_is_found(tmp_path):
    """The relu of many libraries: its slope at NaN is 0."""

    @jax.custom_jvp
    def relu(x):
        return jnp.maximum(x, 0)

    relu.defjvps(lambda t, y, x: jnp.where(x > 0, t, 0))
    truths = {"value": lambda x: x.__array_namespace__().maximum(x, 0.0)}
    truths["first"] = lambda x: x.__array_namespace__().sign(truths["value"](x))
    worst = walked(relu, tmp_path, truths)["worst"]
    assert worst["value"]["ulp"] == 0
    assert worst["first"]["ulp"] == np.inf
    assert np.isnan(_walk_page.number(worst["first"]["bits"]))


@pytest.mark.parametrize(("slope", "right"), [(0.0, True), (0.5, True), (2.0, False)])
def test_at_a_corner_any_slope_between_its_sides_is_right(tmp_path, slope, right):
    """0, ½ or 1 for relu at zeros and subnormals; nothing else."""

    @jax.custom_jvp
    def relu(x):
        return jnp.maximum(x, 0)

    relu.defjvps(lambda t, y, x: t * jnp.where(x == 0, slope, (x > 0).astype(x.dtype)))
    truth = {"first": lambda x: x.__array_namespace__().where(x < 0, 0 * x, 1 + 0 * x)}
    subject = _walk.Subject("relu", relu, truth, kinks=(0.0,))
    walker = _walk.Walker(subject, GRID.size, ["first"])
    worst, counts = {"first": {"ulp": -1.0}}, {"first": {"oracle": 0}}
    for start in (0, 0x80000000):
        walker.chunk(start, worst, counts)
    assert (worst["first"]["ulp"] == 0) == right


def test_a_stopped_walk_goes_on(tmp_path):
    """From the block where it stood, to the state of a walk in one go."""
    assert walked(cube, tmp_path, blocks=1)["done"] == 1
    asked = json.loads((tmp_path / "cube.json").read_text())
    end = walked(cube, tmp_path)
    whole = walked(cube, tmp_path / "again")
    assert asked["done"] == 1 and end["seconds"] > asked["seconds"]
    assert {**end, "seconds": 0} == {**whole, "seconds": 0}


def test_only_a_changed_program_is_walked_again(tmp_path):
    """Another name or docstring is not a change; another operation is."""

    def renamed(y):
        """The same."""
        return y * y * y

    before = walked(cube, tmp_path)
    assert walked(renamed, tmp_path, blocks=3)["seconds"] == before["seconds"]
    changed = walked(lambda x: x**2 * x + 0.0, tmp_path, blocks=0)
    assert changed["done"] == 0 and changed["fingerprint"] != before["fingerprint"]


def test_an_asymptote_that_is_none_is_refused(tmp_path):
    """The oracle proves the region before a number is compared with it."""
    wrong = [_asymptotes.near(2**-3, 0, 0, 0, 1.0001)]
    with pytest.raises(ValueError, match=r"cube value: terms are 1.* ULP off in \[-0"):
        walked(cube, tmp_path, regions=wrong)


def test_the_command_writes_the_table(tmp_path, monkeypatch, capsys):
    """One row a finished walk; a name without an oracle is answered with the names."""
    subject = _walk.Subject("cube", cube, CUBE)
    monkeypatch.setattr(exhaustive, "oracles", lambda: {"cube": CUBE})
    monkeypatch.setattr(exhaustive, "subject", lambda name, second: subject)
    out, page = tmp_path / "walks", tmp_path / "page.md"
    words = ["cube", "--out", str(out), "--update", "--page", str(page)]
    assert exhaustive.main(words, GRID) == 0
    assert "| `cube` | 0.81" in page.read_text()
    assert exhaustive.main(["cub"]) == 2
    assert "no oracle of cub; there are\n  cube" in capsys.readouterr().out


def test_the_committed_table_is_of_the_committed_walks():
    """`--update` was not forgotten, and all its walks were finished."""
    found = _walk_page.states(exhaustive.OUT)
    assert exhaustive.PAGE.read_text(encoding="utf-8") == _walk_page.page(found)
    assert len(found) == len(list(exhaustive.OUT.glob("*.json")))


WALKS = sorted((ROOT / "benchmarks" / "walks").glob("*.json"))


@pytest.mark.parametrize("path", WALKS, ids=lambda path: path.stem)
def test_a_committed_walk_is_within_the_stated_bound(path):
    """The docstrings' figures are those that no float32 exceeds."""
    from assay.verify._sections import stated

    found = json.loads(path.read_text())
    bound, worst = stated(found["name"]), found["worst"]
    assert found["done"] == found["blocks"] == 256
    assert worst["value"]["ulp"] <= bound.value
    assert worst["first"]["ulp"] <= bound.first
