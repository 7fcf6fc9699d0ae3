"""The sequences' benchmark: every peer agrees in value and cotangents, and is met."""

import sys
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
bench_sequences = pytest.importorskip(
    "benchmarks.bench_sequences", reason="not in a checkout"
)
sys.path.remove(str(ROOT))


def test_every_peer_agrees_both_ways():
    """One round of small arrays of every cell and peer."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows = [*bench_sequences.rows(smoke=True)]
    flax = [row for row in rows if row["peer"].startswith("flax")]
    assert len(flax) == 3 * 2 * 2 and len(rows) >= 12 + 6
    assert all("skipped" in row or row["ratio"] > 0 for row in rows)
    assert "| LSTM B2 T5 D3 H4 + cotangents |" in bench_sequences.table(rows)
    row = {"target": 1.2, "high": 1.3, "ratio": 1.1}
    assert bench_sequences.met(row) and not bench_sequences.met({**row, "high": 1.1})


def test_a_peer_that_is_missing_is_told(monkeypatch):
    """By its row: why, and not by a table that is shorter."""

    def gone(kind, size):
        raise ModuleNotFoundError("No module named 'haiku'")

    peers = bench_sequences._sequence_peers
    monkeypatch.setattr(peers, "PEERS", {"flax": peers.flax, "haiku": gone})
    found, missing = peers.peers("RNN", 4)
    assert list(found) == ["flax"] and missing == {"haiku": "No module named 'haiku'"}
    row = {"case": "RNN", "peer": "haiku", "skipped": missing["haiku"]}
    assert "skipped: No module named 'haiku'" in bench_sequences.table([row])
