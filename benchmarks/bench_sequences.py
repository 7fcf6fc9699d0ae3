"""Recurrent layers over whole sequences, beside Flax's as they come and unrolled by 4,
Equinox's, Haiku's, Keras's and torch's; then parallel scans beside one step by one."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from assay import layers
from benchmarks import (
    _rivals,
    _sequence_peers,
    _torch_layers,
    bench_parallel_recurrences,
)
from benchmarks._rivals import COTANGENTS
from benchmarks._rivals import met as met

SIZES = ((32, 50, 128, 128), (32, 100, 128, 256), (32, 200, 256, 512))
SMALL = (2, 5, 3, 4)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
TARGETS = {
    ("LSTM", 50): (1, 1.7),
    ("LSTM", 100): (1.25, 1.12),
    ("LSTM", 200): (1.25, 1.15),
}
FASTEST = 1, 1.1  # beside any other JAX peer


def ours(kind: str) -> Callable:
    """(x, *weights) -> y from a carry of zeros."""
    cell, params = {
        "LSTM": (layers.lstm_cell, layers.LSTMParams),
        "GRU": (layers.gru_cell, layers.GRUParams),
        "RNN": (layers.rnn_cell, layers.RNNParams),
    }[kind]

    def run(x: Any, *weights: Any) -> Any:
        p = params(*weights)
        return layers.recurrent(cell, p, layers.zero_carry(p, x[:, 0]), x)[1]

    return run


def rows(*, smoke: bool = False, only: str = "") -> Iterator[dict[str, Any]]:
    """One row a kind, size, direction and peer; then the parallel scans."""
    torch = None if smoke else _torch_layers.start()
    for kind in GATES:
        for size in (SMALL,) if smoke else SIZES:
            for way in ("", COTANGENTS):
                batch, time, i, h = size
                name = f"{kind} B{batch} T{time} D{i} H{h}{way}"
                if only in name:
                    yield from _case(name, kind, size, torch)
    if torch:
        torch.close()
    for row in () if only else bench_parallel_recurrences.rows(smoke=smoke):
        yield {"target": None, "runs": 1, **row}


def _case(name: str, kind: str, size: tuple, torch: Any) -> Iterator[dict[str, Any]]:
    """All rivals in turns on the same arrays."""
    (batch, time, i, h), both = size, name.endswith(COTANGENTS)
    gates, rng = GATES[kind], np.random.default_rng(0)
    shapes = [(i, gates * h), (h, gates * h), (gates * h,)]
    shapes += [(h,)] if kind == "GRU" else []
    args = [_rivals.drawn(rng, s, s[0] ** -0.5) for s in shapes]
    args = [_rivals.drawn(rng, (batch, time, i)), *args]
    mine = ours(kind)
    found, missing = _sequence_peers.peers(kind, h)
    fs = {"ours": _with_one_bias(mine) if kind == "GRU" else mine, **found}
    targets = {peer: FASTEST[both] for peer in fs}
    targets["flax"] = TARGETS.get((kind, time), (1, 1.15))[both]
    how = {"form": kind, "shapes": [[batch, time, i]], "options": [h], "both": both}
    asked = _rivals.asked(torch, how)
    yield from _rivals.race(name, fs, args, targets, asked, smoke=size == SMALL)
    for peer, why in missing.items():
        yield {"case": name, "peer": peer, "skipped": why}


def _with_one_bias(f: Callable) -> Callable:
    """Our GRU with a second bias for the candidate alone, as Flax has it."""

    def run(x: Any, kernel: Any, inner: Any, bias: Any, again: Any) -> Any:
        full = jnp.concatenate([jnp.zeros_like(bias)[: -again.size], again])
        return f(x, kernel, inner, bias, full)

    return run


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    return _rivals.table("sequence", found)


if __name__ == "__main__":  # python -m benchmarks.bench_sequences [PART OF A NAME]
    import sys

    for found in rows(only=sys.argv[1] if len(sys.argv) > 1 else ""):
        print(_rivals.line(found), flush=True)
