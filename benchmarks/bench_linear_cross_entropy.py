"""The fused linear layer and cross-entropy: temporary memory, and time to gradients.

Memory is XLA's own analysis of the compiled program, as a part of the full logits; it
needs no run, so it is taken at sizes that would not fit. `python -m
benchmarks.bench_linear_cross_entropy` prints both tables.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench, losses


class Size(NamedTuple):
    """Tokens, features, vocabulary."""

    tokens: int
    features: int
    vocabulary: int

    def arrays(self) -> list[Any]:
        """The shapes of hidden, kernel and labels."""
        t, d, v = self
        shapes = ((t, d), jnp.float32), ((d, v), jnp.float32), ((t,), jnp.int32)
        return [jax.ShapeDtypeStruct(*shape) for shape in shapes]


MEMORY = [Size(8192, 512, 32_768), Size(4096, 256, 32_768), Size(8192, 512, 131_072)]
TIME = [Size(4096, 128, 32_768), Size(1024, 64, 131_072)]
SMALL = [Size(32, 4, 64)]


def fused(hidden: Any, kernel: Any, labels: Any) -> Any:
    """Ours: no array of all logits."""
    return losses.linear_cross_entropy(hidden, kernel, labels).mean()


def plain(hidden: Any, kernel: Any, labels: Any) -> Any:
    """The definition."""
    cost = losses.softmax_cross_entropy_with_integer_labels
    return cost(hidden @ kernel, labels).mean()


def both(f: Callable) -> Callable:
    """Value and gradients in hidden and kernel."""
    return jax.value_and_grad(f, (0, 1))


def memory(size: Size, f: Callable) -> float:
    """The temporary memory of value and gradients over that of all logits."""
    analysis = jax.jit(both(f)).lower(*size.arrays()).compile().memory_analysis()
    return analysis.temp_size_in_bytes / (4 * size.tokens * size.vocabulary)


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """Time to value and gradients against the definition, with memory beside it."""
    rng = np.random.default_rng(0)
    for size in SMALL if smoke else TIME:
        t, d, v = size
        args = [
            jnp.asarray(rng.standard_normal((t, d)), jnp.float32),
            jnp.asarray(rng.standard_normal((d, v)) / d**0.5, jnp.float32),
            jnp.asarray(rng.integers(0, v, t)),
        ]
        name = f"linear_cross_entropy {t}x{d}x{v}"
        rounds = 1 if smoke else 5
        row = bench.compare(both(fused), both(plain), args, name=name, rounds=rounds)
        part = memory(size, fused)
        yield {"case": name, "peer": "plain", "memory": part, **row._asdict()}


def main() -> None:
    """Print the memory at large sizes, then the times."""
    for size in MEMORY:
        ours, theirs = (memory(size, f) for f in (fused, plain))
        print(*size, f"fused {ours:.1%} of the logits, plain {theirs:.1%}", flush=True)
    for row in rows():
        low, high = row["low"], row["high"]
        took = f"{row['ours']:.2f} s against {row['theirs']:.2f} s"
        spread = f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"
        print(row["case"], f"plain / fused {spread}, {took}", flush=True)


if __name__ == "__main__":
    main()
