"""The benchmarks run: one round of small arrays, absent peers skipped with a reason."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
runner = pytest.importorskip("benchmarks.__main__", reason="not in a checkout")
sys.path.remove(str(ROOT))


@pytest.fixture
def two_peers(monkeypatch):
    """One network, Flax, and a peer that nobody has: the rest takes minutes."""
    from benchmarks import _peers, bench_training

    def absent(task):
        raise ModuleNotFoundError("No module named 'nobody'")

    peers = {"flax nnx.jit loop": _peers.flax_loop, "nobody": absent}
    monkeypatch.setattr(bench_training, "PEERS", {"mlp": peers})
    monkeypatch.setattr(bench_training, "NETWORKS", [bench_training.mlp])


def test_training_smoke_run(two_peers, tmp_path, capsys):
    """Ours and Flax agree on the loss of an epoch, are timed, and kept as JSON."""
    path = tmp_path / "rows.json"
    assert runner.main(["--smoke", "--only", "training", "--json", str(path)]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["case"] for row in rows] == ["mlp", "mlp"]
    assert rows[0]["ratio"] > 0 and rows[0]["device"]
    assert rows[1]["skipped"] == "No module named 'nobody'"
    assert "skipped: No module named 'nobody'" in capsys.readouterr().out


def test_functions_smoke_run(capsys):
    """Every case agrees with its rival and runs both ways."""
    assert runner.main(["--smoke", "--only", "functions"]) == 0
    out = capsys.readouterr().out
    assert "gelu + cotangents" in out
    assert max(map(len, out.splitlines())) <= 80


def test_another_loss_is_refused(two_peers, monkeypatch):
    """A peer that computes something else is not raced."""
    from benchmarks import _peers, bench_training

    def other(task):
        return lambda n: [9.0] * n

    monkeypatch.setattr(bench_training, "PEERS", {"mlp": {"other": other}})
    task, model = bench_training.mlp(64)
    with pytest.raises(ValueError, match="other must have our loss; got 9.000000"):
        list(bench_training.race(task, model, 1, 1))
    assert _peers.RATE == 1e-3


def test_the_page_is_written_between_its_marks(tmp_path):
    """The table is replaced, what is around it stays."""
    page = tmp_path / "page.md"
    begin, end = runner.MARKS
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    row = {"case": "mlp", "peer": "flax", "ratio": 7.0, "low": 6.0, "high": 8.0}
    row |= {"ours": 70.0, "theirs": 10.0, "target": 6.0, "file": "training"}
    facts = {"device": "1 x cpu", "cores": 2, "jax": "0"}
    runner.update([page], runner.report([row], facts))
    text = page.read_text()
    assert "before" in text and "after" in text and "old" not in text
    assert "| mlp | flax | 70 | 10 | 7.00 | 6.00 - 8.00 | >= 6 |" in text
    assert runner.met(row) and not runner.met({**row, "target": 8.0})


def test_optimizers_smoke_run(monkeypatch, tmp_path, capsys):
    """Ours, Optax, torch and the grouped form take the same step and are timed."""
    from benchmarks import bench_optimizers as cases

    few = {"adam": cases.OPTIMIZERS["adam"], "lion": cases.OPTIMIZERS["lion"]}
    monkeypatch.setattr(cases, "OPTIMIZERS", few)
    monkeypatch.setattr(cases, "CASES", {"one leaf of 50M": cases.one_leaf})
    path = tmp_path / "rows.json"
    assert runner.main(["--smoke", "--only", "optimizers", "--json", str(path)]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = {(row["case"], row["peer"]) for row in rows}
    assert ("lion, one leaf of 50M", "optax") in kinds
    assert ("adam grouped, 2000 leaves of 1000", "ours as a tree") in kinds
    ran = [row for row in rows if "skipped" not in row]  # torch may be missing
    assert all(row["difference"] <= cases.TOLERANCE for row in ran)
    said = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in said if "skipped: " not in line) <= 80
    text = runner.report(rows, {"device": "1 x cpu", "cores": 2, "jax": "0"})
    assert "| adam grouped, whole step, 8 leaves |" in text
    assert len({line.count("|") for line in text.splitlines()[2:6]}) == 1


def test_a_wrong_step_is_not_timed(monkeypatch):
    """Another learning rate is named, with how far it is off."""
    from benchmarks import bench_optimizers as cases

    from assay import optim

    wrong = cases.OPTIMIZERS["adam"]._replace(theirs=optim.adam(2e-3), torch=None)
    monkeypatch.setattr(cases, "OPTIMIZERS", {"adam": wrong})
    with pytest.raises(ValueError, match="adam: optax must take our step; 1.0e.00 off"):
        list(cases.race("one leaf", "adam", [(10,)], 1))


def test_a_missing_zoo_is_told(monkeypatch, capsys):
    """Without its packages the row says which are missing."""
    from benchmarks import bench_zoo

    monkeypatch.setattr(bench_zoo, "NEEDED", ("nobody",))
    assert runner.main(["--smoke", "--only", "zoo"]) == 0
    out = capsys.readouterr().out
    assert "MiniLM-L6-v2, batch 2x8" in out and "skipped: no nobody" in out


def test_generation_smoke_run(capsys):
    """The cache and the whole prefix write the same tokens and are timed."""
    assert runner.main(["--smoke", "--only", "generation"]) == 0
    assert "the whole prefix" in capsys.readouterr().out
