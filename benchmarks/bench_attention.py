"""Attention by blocks beside jax.nn's, Flax's two and torch's; and the memory it takes.

Haiku and Equinox have attention only with its projections around it, and Keras's on
JAX is jax.nn's.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

from assay import layers
from benchmarks import _rivals, _torch_layers
from benchmarks._rivals import COTANGENTS
from benchmarks._rivals import met as met

SIZES = (4, 512, 8, 64), (1, 2048, 8, 64)  # batch, time, heads, size
SMALL = ((2, 258, 2, 4),)
# (time, causal) -> jax.nn's time over ours: the value, and with all cotangents.
TARGETS = {
    (512, False): (1.6, 1.15),
    (512, True): (1.6, 1.4),
    (2048, False): (2.5, 1.9),
    (2048, True): (4.3, 4.2),
}
FASTEST = 1, 1.1  # beside any other JAX peer
LONG = (1, 8192, 8, 64)


def peers(causal: bool) -> dict[str, Callable]:
    """(q, k, v) -> y of each."""

    def masked(attend: Callable) -> Callable:
        def run(q: Any, k: Any, v: Any) -> Any:
            # Made inside, or the program would carry it as a constant.
            mask = linen.make_causal_mask(q[:1, :, 0, 0]) if causal else None
            return attend(q, k, v, mask=mask)

        return run

    return {
        "jax.nn": partial(jax.nn.dot_product_attention, is_causal=causal),
        "flax linen": masked(linen.dot_product_attention),
        "flax nnx": masked(nnx.dot_product_attention),
    }


def rows(*, smoke: bool = False, only: str = "") -> Iterator[dict[str, Any]]:
    """One row a size, mask, direction and peer; then the memory of the definition."""
    torch = None if smoke else _torch_layers.start()
    for shape in SMALL if smoke else SIZES:
        for causal in (False, True):
            for way in ("", COTANGENTS):
                if only in (name := _name(shape, causal) + way):
                    yield from _case(name, shape, causal, torch)
    if torch:
        torch.close()
    for way in ("", COTANGENTS):
        shape = SMALL[0] if smoke else LONG
        if only in (
            name := f"temporary memory at T {shape[1]}, jax.nn's over ours{way}"
        ):
            yield memory(name, shape)


def _name(shape: tuple[int, ...], causal: bool) -> str:
    batch, time, heads, size = shape
    return f"B{batch} T{time} N{heads} H{size} {'causal' if causal else 'full'}"


def _case(name: str, shape: tuple, causal: bool, torch: Any) -> Iterator[dict]:
    """All rivals in turns on the same arrays."""
    both = name.endswith(COTANGENTS)
    rng = np.random.default_rng(0)
    args = [_rivals.drawn(rng, shape) for _ in range(3)]
    batch, time, heads, size = shape
    shapes = [[batch, heads, time, size]] * 3
    how = {"form": "attention", "shapes": shapes, "options": [causal], "both": both}
    targets = {peer: FASTEST[both] for peer in peers(causal)}
    targets["jax.nn"] = TARGETS.get((time, causal), FASTEST)[both]
    ours = partial(layers.dot_product_attention, is_causal=causal)
    fs = {"ours": ours, **peers(causal)}
    asked = _rivals.asked(torch, how)
    yield from _rivals.race(name, fs, args, targets, asked, smoke=shape in SMALL)


def memory(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What the compiled program asks for beside its arguments and results."""
    x = jax.ShapeDtypeStruct(shape, jnp.float32)

    def peak(f: Callable) -> float:
        ask, args = (_rivals.pulled(f), [x] * 4) if COTANGENTS in name else (f, [x] * 3)
        program = jax.jit(ask).lower(*args).compile()
        return program.memory_analysis().temp_size_in_bytes / 2**20

    took = peak(layers.dot_product_attention)
    plain = peak(peers(False)["jax.nn"])
    ratio = plain / max(took, 1e-9)
    spread = {"ratio": ratio, "low": ratio, "high": ratio, "runs": 1}
    row = {"case": name, "peer": "jax.nn", "target": 10, "unit": "MiB"}
    return {**row, **spread, "ours": took, "theirs": plain}


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown; memory in MiB."""
    return _rivals.table("attention", found)


if __name__ == "__main__":  # python -m benchmarks.bench_attention [PART OF A NAME]
    import sys

    for found in rows(only=sys.argv[1] if len(sys.argv) > 1 else ""):
        print(_rivals.line(found), flush=True)
