"""Recurrences that are linear in their state: all steps together against one by one.

`python -m benchmarks.bench_parallel_recurrences` prints how many times as fast the form
for all steps is as `layers.recurrent` over its own cell, forwards and with gradients.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench, layers

SIZE = (4, 2048, 64)  # sequences, steps, features in and out
SMALL = (2, 16, 4)


def _weights(kind: Any, *shapes: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(0)
    draw = lambda s: rng.standard_normal(s) / s[0] ** 0.5  # noqa: E731
    return kind(*(jnp.asarray(draw(s), jnp.float32) for s in shapes))


def cases(d: int) -> dict[str, tuple[Callable, Callable, Any]]:
    """name -> (all steps together, one step, weights) of d features."""
    gru = _weights(layers.MinGRUParams, (d, 2 * d), (2 * d,))
    lru = layers.lru_params(d, d, radius=(0.9, 0.999), key=jax.random.key(0))
    shapes = (d, 4 * d), (4, 1, 2 * d), (2 * d,), (2 * d, 36), (4, 2 * d), (2 * d,)
    block = _weights(layers.MambaParams, *shapes, (2 * d, 16), (2 * d,), (2 * d, d))
    return {
        "min_gru": (layers.min_gru, layers.min_gru_cell, gru),
        "lru": (layers.lru, layers.lru_cell, lru),
        "mamba": (layers.mamba, layers.mamba_cell, block),
    }


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """The value, then value and gradients, of each form against its cell."""
    batch, time, d = SMALL if smoke else SIZE
    x = np.random.default_rng(1).standard_normal((batch, time, d))
    x = jnp.asarray(x, jnp.float32)
    for name, (whole, cell, params) in cases(d).items():
        carry = layers.zero_carry(params, x[:, 0])
        forms = partial(_output, whole), partial(_output, partial(_stepped, cell))
        for what, how in {"forward": lambda f: f, "with gradient": _slopes}.items():
            ours, theirs = map(how, forms)
            rounds, case = 1 if smoke else 7, f"{name} {batch}x{time}x{d} {what}"
            args = [params, carry, x]
            row = bench.compare(
                ours, theirs, args, name=case, rounds=rounds, tolerance=1e-3
            )
            yield {"case": case, "peer": "one by one", **row._asdict()}


def _output(f: Callable, params: Any, carry: Any, x: Any) -> Any:
    return f(params, carry, x)[1]


def _stepped(cell: Callable, params: Any, carry: Any, x: Any) -> Any:
    return layers.recurrent(cell, params, carry, x)


def _slopes(f: Callable) -> Callable:
    """Gradients in the weights and the input."""
    return jax.grad(lambda *args: jnp.mean(f(*args) ** 2), argnums=(0, 2))


def main() -> None:
    """Print a line a case."""
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
