"""Samples a second of small networks on the handwritten digits, beside the peers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flax import nnx

from assay import bench, data, models
from benchmarks import _peers
from benchmarks._peers import Layer, Task

EPOCHS = {"mlp": 20, "lenet5": 4}  # in one timed call
TARGETS = {  # times ours must be faster, in one run
    ("mlp", "flax nnx.jit loop"): 6.0,
    ("mlp", "keras fit (jax)"): 3.0,
    ("lenet5", "flax nnx.jit loop"): 1.4,
}
PEERS: dict[str, dict[str, Callable[[Task], _peers.Epochs]]] = {
    "mlp": {
        "flax nnx.jit loop": _peers.flax_loop,
        "flax cached_partial": _peers.flax_cached,
        "keras fit (jax)": _peers.keras_fit,
        "equinox filter_jit": _peers.equinox_loop,
        "torch eager, fused": _peers.torch_loop,
    },
    "lenet5": {
        "flax nnx.jit loop": _peers.flax_loop,
        "keras fit (jax)": _peers.keras_fit,
        "torch eager, fused": _peers.torch_loop,
    },
}


def _whole(x: Any, y: Any, batch: int, limit: int | None) -> tuple[Any, Any]:
    """Whole batches only: a partial one compiles twice everywhere and tells nothing."""
    rows = min(len(x), limit or len(x)) // batch * batch
    return np.asarray(x[:rows], np.float32), np.asarray(y[:rows], np.int32)


def mlp(limit: int | None = None) -> tuple[Task, tuple]:
    """64-128-128-10, batch 32."""
    x, y = _digits(8)
    model = models.functional(models.MLP([64, 128, 128, 10], rngs=nnx.Rngs(0)))
    layers = [Layer(p["kernel"], p["bias"]) for p in _in_order(model[1])]
    x, y = _whole(x.reshape(len(x), 64), y, 32, limit)
    return Task("mlp", layers, x, y, 32), model


def lenet5(limit: int | None = None) -> tuple[Task, tuple]:
    """LeNet-5 on 28x28, batch 64."""
    x, y = _digits(28)
    model = models.functional(models.LeNet5(rngs=nnx.Rngs(0)))
    layers = [
        Layer(p["kernel"], p["bias"], pool=p["kernel"].ndim == 4)
        for p in _in_order(model[1])
    ]
    x, y = _whole(x, y, 64, limit)
    return Task("lenet5", layers, x, y, 64), model


def _digits(size: int) -> tuple[Any, Any]:
    (x, y), (x_test, y_test) = data.digits(size=size)[:2]
    return np.concatenate([x, x_test]), np.concatenate([y, y_test])


def _in_order(params: dict) -> list[dict]:
    """The layers by name, which is their order in both networks."""
    if "kernel" in params:
        return [params]
    return [layer for name in sorted(params) for layer in _in_order(params[name])]


NETWORKS = [mlp, lenet5]


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """One row a peer: samples a second, ours over theirs; or why it was skipped."""
    for make in NETWORKS:
        task, model = make(128 if smoke else None)
        epochs = 1 if smoke else EPOCHS[task.name]
        yield from race(task, model, 1 if smoke else 7, epochs)


def race(task: Task, model: tuple, rounds: int, epochs: int) -> Iterator[dict]:
    """Agreement first, then all rivals in one process, in turns."""
    mine, rivals, skipped = _peers.ours(task, model), {}, []
    (first,) = mine(1)
    for name, make in PEERS[task.name].items():
        try:
            rivals[name] = make(task)
        except ImportError as error:
            skipped.append({"case": task.name, "peer": name, "skipped": str(error)})
            continue
        (theirs,) = rivals[name](1)
        if abs(theirs - first) > 1e-3 * abs(first):
            gap = f"{theirs:.6f} for {first:.6f}"
            raise ValueError(f"{task.name}: {name} must have our loss; got {gap}.")
    everyone = {"ours": mine, **rivals}
    calls = {name: lambda f=f: f(epochs) for name, f in everyone.items()}
    times = bench.interleave(calls, rounds=rounds)
    samples = len(task.x) * epochs
    for name in rivals:
        middle, low, high = bench.ratio(times[name], times["ours"])
        yield {
            "case": task.name,
            "peer": name,
            "ratio": middle,
            "low": low,
            "high": high,
            "ours": samples / bench.quartiles(times["ours"])[0],
            "theirs": samples / bench.quartiles(times[name])[0],
            "target": TARGETS.get((task.name, name)),
        }
    yield from skipped
