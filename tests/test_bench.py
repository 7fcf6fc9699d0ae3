"""The timing protocol: true times, agreement first, pictures written whole."""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import bench, plots


def sleeper(x):
    """A workload of a known length: 5 ms on the host, inside the program."""

    def wait(v):
        time.sleep(0.005)
        return v

    return jax.pure_callback(wait, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


def test_a_known_workload_is_never_reported_faster_than_it_is():
    """Dispatch is asynchronous: a clock that does not wait would read microseconds."""
    cost = bench.measure(sleeper, jnp.zeros(3), rounds=3)
    assert cost.low >= 0.005
    assert cost.median < 0.05


def test_compiling_is_timed_apart():
    """The first and the steady calls do not contain the trace and the compilation."""
    cost = bench.measure(lambda x: jnp.linalg.svd(x)[1], jnp.eye(5), rounds=3)
    assert cost.trace > 0 and cost.compile > 0
    assert cost.median < cost.trace + cost.compile


def test_disagreement_refuses_to_time():
    """A wrong answer is never fast, and the message says by how much."""
    x = jnp.arange(1.0, 5.0)
    with pytest.raises(ValueError, match=r"wrong: results must agree to 0.0001"):
        bench.compare(lambda x: x * 1.01, lambda x: x, [x], name="wrong")


@pytest.mark.parametrize(
    "got, expected, gap",
    [
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([np.inf, 2.0], [np.inf, 1.0], 1.0),
        ([np.inf, 2.0], [-np.inf, 2.0], np.inf),
        ([True, False], [True, True], 1.0),
        ([0.5, 0.0], [0.0, 0.0], 0.5),
        ([], [], 0.0),
    ],
)
def test_difference_at_the_edges(got, expected, gap):
    """NaN agrees with NaN only, infinity with its own sign only."""
    assert bench.difference(np.array(got), np.array(expected)) == gap


def test_shapes_and_counts_must_agree():
    """Nothing broadcasts in a comparison."""
    with pytest.raises(ValueError, match="one shape; got"):
        bench.difference(jnp.zeros(3), jnp.zeros((3, 1)))
    with pytest.raises(ValueError, match="as many arrays; got 1, 2"):
        bench.difference(jnp.zeros(3), (jnp.zeros(3), jnp.zeros(3)))


def test_rivals_take_turns_in_reversed_order():
    """Every other round runs backwards, so no rival always follows the same one."""
    seen = []
    rivals = {n: lambda n=n: (seen.append(n), time.sleep(0.02)) for n in "abc"}
    bench.interleave(rivals, rounds=3)
    assert "".join(seen) == "aabbcc" + "abc" + "cba" + "abc"


def test_numpy_references_run_as_python():
    """A loop over NumPy arrays cannot be traced; it is timed all the same, and said."""

    def loop(x):
        return np.array([float(v) * 2 for v in np.asarray(x)], np.float32)

    row = bench.compare(lambda x: x * 2, loop, [jnp.ones(4)], rounds=3)
    assert row.how == "python" and row.compile_theirs == 0


def test_captured_arrays_are_warned_of():
    """A megabyte in a closure becomes a constant of the program."""
    big = jnp.ones(2**19)
    with pytest.warns(UserWarning, match="captures 2.1 MB of arrays"):
        bench.prepare(lambda x: x + big, big)


def test_a_row_is_one_json_line():
    """Versions, device and flags are in it."""
    row = bench.compare(jnp.sin, jnp.sin, [jnp.ones(4)], name="sin", rounds=3)
    text = bench.json_line(row, room="demo")
    facts = json.loads(text)
    assert "\n" not in text
    assert {"jax", "device", "backend", "xla_flags", "low", "room"} <= set(facts)


def test_ceilings_are_positive():
    """Both figures are there, and finite."""
    top = bench.ceilings(size=64, elements=2**16, rounds=2)
    assert 0 < top.matmul < np.inf and 0 < top.stream < np.inf


def test_curves_have_two_legible_panels(tmp_path):
    """Loss and accuracy, with their validation; a stray list is no curve."""
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5], "accuracy": [0.1, 0.5]}
    path = plots.curves({**history, "odd": [1.0]}, tmp_path / "new" / "curves.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in path.parent.iterdir()] == ["curves.png"]


def test_a_failed_picture_leaves_the_old_one(tmp_path):
    """Written to one side first, then put in place; nothing is left behind."""
    path = tmp_path / "line.what"
    path.write_text("old")
    with pytest.raises(ValueError, match="what"):
        plots.line(path, {"a": [1, 2]})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_surface_paths_draws(tmp_path):
    """Contours and a walk."""
    walk = {"gd": np.array([[1.0, 1.0], [0.0, 0.0]])}
    assert plots.surface_paths(tmp_path / "s.png", lambda p: p @ p, walk).exists()


def test_without_matplotlib_the_install_command_is_said(monkeypatch, tmp_path):
    """A missing extra is one sentence."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'assay\[plots\]'"):
        plots.curves({"loss": [1.0]}, tmp_path / "c.png")
