"""The layers' benchmark: every case agrees with Flax, and a row says how it was met."""

import sys
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
bench_layers = pytest.importorskip(
    "benchmarks.bench_layers", reason="not in a checkout"
)
_torch_layers = pytest.importorskip("benchmarks._torch_layers", reason="as above")
sys.path.remove(str(ROOT))


def test_every_case_agrees_with_its_peer_both_ways(monkeypatch):
    """One round of small arrays; no torch, which is asked below."""
    monkeypatch.setattr(bench_layers, "same_pool", lambda smoke: {"case": "pool"})
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        *rows, last = bench_layers.rows(smoke=True)
    assert len(rows) == 2 * len(bench_layers.cases()) and last["case"] == "pool"
    assert all(row["difference"] <= 1e-4 and row["ratio"] > 0 for row in rows)
    text = bench_layers.table(rows)
    assert "| depthwise 7x7, 16x14x14x384 + cotangents |" in text


def test_the_average_pool_is_compiled_thrice():
    """SAME's time beside VALID's, and Flax's."""
    row = bench_layers.same_pool(smoke=True)
    assert 0 < row["ours"] < 60 and row["compile_theirs"] > 0
    assert row["target"] == 0.5


def test_a_row_is_met_by_its_upper_quartile():
    """One of three runs is enough, and what is only reported is never missed."""
    row = {"target": 2.0, "high": 2.1, "ratio": 1.9}
    assert bench_layers.met(row) and not bench_layers.met({**row, "high": 1.9})
    assert bench_layers.met({**row, "target": None})


def test_torch_answers_from_its_own_process():
    """Every form that a case names runs there, with gradients."""
    pytest.importorskip("torch", reason="torch is an optional peer")
    torch = _torch_layers.start()
    try:
        for case in bench_layers.cases():
            told = {"form": case.torch, "shapes": case.small, "options": case.options}
            assert torch.ask({**told, "both": True})["seconds"] > 0, case.name
            assert torch.ask({"calls": 2})["seconds"] > 0, case.name
    finally:
        torch.close()
