"""Decoding: tokens from a KV cache, against reading the whole prefix for each.

Both write the likeliest tokens behind a prefix until 512 are full, in one dispatch;
that they write the same ones is checked before they are timed.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import bench, models, sampling

TARGET = 20.0


class Size(NamedTuple):
    """A decoder, how many tokens there are at the end, and how many are written."""

    features: int
    depth: int
    total: int
    new: int


SIZES = [Size(256, 6, 512, 16)]
SMALL = [Size(16, 1, 24, 4)]


def cached(size: Size, params: Any, cache: Any, tokens: Any) -> Any:
    """Ours: one token in, one out."""

    def step(cache: Any, token: Any) -> tuple[Any, Any]:
        cache, logits = models.byte_gpt_step(params, cache, token[None])
        return cache, logits[0]

    last = tokens[size.total - size.new - 1]
    choose = sampling.sampler(temperature=0.0)
    key = jax.random.key(0)
    how = {"choose": choose, "key": key}
    return sampling.generate(step, cache, last, sampling.Ending(size.new), **how).tokens


def recomputed(size: Size, params: Any, cache: Any, tokens: Any) -> Any:
    """All of the prefix for every token, in a buffer of 512 as compilation wants it."""
    del cache

    def body(tokens: Any, t: Any) -> tuple[Any, Any]:
        logits = models.byte_gpt(params, tokens)
        token = sampling.greedy(logits[t - 1]).astype(tokens.dtype)
        return tokens.at[t].set(token), token

    return lax.scan(body, tokens, jnp.arange(size.total - size.new, size.total))[1]


def arguments(size: Size) -> list[Any]:
    """(params, the cache of all but the last token of the prefix, the buffer)."""
    how = {"features": size.features, "depth": size.depth}
    params = models.byte_gpt_params(jax.random.key(0), **how)
    tokens = jax.random.randint(jax.random.key(1), (size.total,), 0, 256)
    cache = models.byte_gpt_cache(params, tokens, size.total)
    prefix = tokens[: size.total - size.new - 1]
    cache, _ = jax.jit(models.byte_gpt_step)(params, cache, prefix)
    return [params, cache, tokens]


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """One row a size; `ours` and `theirs` are seconds a token."""
    for size in SMALL if smoke else SIZES:
        name = f"decode, T {size.total}, {size.features} x {size.depth}"
        f, g = partial(cached, size), partial(recomputed, size)
        rounds = 1 if smoke else 7
        row = bench.compare(f, g, arguments(size), name=name, rounds=rounds)
        each = {n: getattr(row, n) / size.new for n in ("ours", "theirs")}
        case = {"case": name, "peer": "the whole prefix", "target": TARGET}
        yield {**case, **row._asdict(), **each}


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    head = "| case | peer | ours, tokens/s | peer | ratio | quartiles | target |"
    lines = [head, "|---" * 7 + "|"]
    for row in found:
        lines.append(
            f"| {row['case']} | {row['peer']} | {1 / row['ours']:,.0f} "
            f"| {1 / row['theirs']:,.1f} | {row['ratio']:.1f} "
            f"| {row['low']:.1f} - {row['high']:.1f} | >= {row['target']:g} |"
        )
    return "\n".join(lines)
