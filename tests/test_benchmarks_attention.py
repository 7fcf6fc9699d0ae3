"""The benchmark of attention: every peer agrees in value and cotangents, and is met."""

import sys
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
bench_attention = pytest.importorskip(
    "benchmarks.bench_attention", reason="not in a checkout"
)
sys.path.remove(str(ROOT))


def test_every_peer_agrees_both_ways():
    """One round of small arrays, causal and not, and the memory of a small case."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows = [*bench_attention.rows(smoke=True)]
    assert len(rows) == 2 * 2 * 3 + 2
    assert all(row["ratio"] > 0 for row in rows)
    assert "| B2 T258 N2 H4 causal + cotangents |" in bench_attention.table(rows)
    row = {"target": 1.2, "high": 1.3}
    assert bench_attention.met(row) and not bench_attention.met({**row, "high": 1.1})
