"""The table of accuracy beside time, on three functions and few numbers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
runner = pytest.importorskip("benchmarks.__main__", reason="not in a checkout")
sys.path.remove(str(ROOT))

from benchmarks import _elementwise, exhaustive  # noqa: E402
from benchmarks import bench_elementwise as cases  # noqa: E402


@pytest.fixture
def few(monkeypatch):
    """sigmoid, step (no peer), and log_softmax: the rest takes a minute."""
    some = {
        n: s for n, s in exhaustive.activations().items() if n in ("sigmoid", "step")
    }
    rows = [case for case in _elementwise.by_rows() if case.name == "log_softmax"]
    monkeypatch.setattr(exhaustive, "activations", lambda: some)
    monkeypatch.setattr(_elementwise, "by_rows", lambda: rows)
    monkeypatch.setattr(cases, "_keep_freed_memory", lambda: None)


def test_elementwise_smoke_run(few, tmp_path, capsys):
    """Ours and the peers agree, are measured in ULP and timed; the page has a table."""
    path = tmp_path / "rows.json"
    assert runner.main(["--smoke", "--only", "elementwise", "--json", str(path)]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = {(row["case"], row["peer"]): row for row in rows}
    sigmoid = found["sigmoid + gradient", "jax.nn"]
    assert sigmoid["ulp"] < 8 < sigmoid["peer_ulp"]  # 1 − σ cancels in theirs
    assert found["step", "alone"]["ratio"] == 1
    assert found["log_softmax", "jax.nn"]["ulp"] < 4
    said = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in said if "skipped: " not in line) <= 80
    text = runner.report(rows, {"device": "1 x cpu", "cores": 2, "jax": "0"})
    assert len({line.count("|") for line in text.splitlines() if "|" in line}) == 1
    assert "| log_softmax + gradient |" in text and "both: median" in text


def test_another_function_is_not_raced(few):
    """A peer that computes something else is skipped, with how far it is off."""
    case = _elementwise.elementwise()[0]
    *_, row = cases.race(case._replace(jax=("other", abs), torch=None), 50, 1)
    assert row["peer"] == "other" and "from ours: another function" in row["skipped"]


def test_the_summary_names_what_is_slow():
    """Below 0.8, and slower than a peer that is within our bound too."""
    row = {"case": "f", "name": "f", "way": "value", "peer": "jax.nn", "theirs": 1.0}
    row |= {"ratio": 0.7, "low": 0.6, "high": 0.9, "bound": 4.0, "peer_ulp": 2.0}
    far = {**row, "name": "g", "case": "g", "ratio": 0.9, "peer_ulp": np.inf}
    text = cases.summary([row, far, {"case": "g", "peer": "torch", "skipped": "no"}])
    assert text.startswith("value: median 0.80 of the JAX peer, the least 0.70 (`f`)")
    assert "below 0.8: `f` 0.70; " in text
    assert text.endswith("slower than a peer within our bound: `f` 0.70.")
