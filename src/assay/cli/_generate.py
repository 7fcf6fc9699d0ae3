"""`assay generate`: a run on a text writes on, a byte at a time, from a KV cache."""

import argparse
import codecs
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import data, models, sampling
from assay.cli import _runs, _text
from assay.cli._words import UserError, dump

CHUNK = 16  # bytes a dispatch: as often as a reader sees something new


def generate(args: argparse.Namespace) -> int:
    """Read the prompt in one pass, then write as it comes."""
    run = _runs.read(args.run)
    if not _text.learns(run.settings):
        raise UserError(f"{args.run}: not a run on a text; train one: --model gpt.")
    if not args.prompt:
        raise UserError("--prompt: the text must begin with something.")
    say = (lambda _: None) if args.json else _speaker()
    say(args.prompt)
    choose = sampling.sampler(
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        min_p=args.min_p,
    )
    key, context = jax.random.key(args.seed), run.settings["shape"][0]
    pieces = write(run.params, args, choose, key, context)
    decoder, words, times = codecs.getincrementaldecoder("utf-8")("replace"), [], []
    for piece in pieces:
        times.append(time.perf_counter())
        words.append(decoder.decode(piece))
        say(words[-1])
    say(decoder.decode(b"", True) + "\n")
    if args.json:
        print(dump({"prompt": args.prompt, "text": "".join(words), **_speed(times)}))
    return 0


def write(
    params: Any, args: argparse.Namespace, choose: Callable, key: Any, context: int
) -> Iterator[bytes]:
    """The bytes after the prompt, a chunk at a time."""
    tokens = jnp.asarray(data.text(args.prompt))
    cache = models.byte_gpt_cache(params, tokens, len(tokens) + args.length + CHUNK)
    read = jax.jit(partial(models.byte_gpt_step, context=context))
    if len(tokens) > 1:
        cache, _ = read(params, cache, tokens[:-1])
    token, step = tokens[-1], partial(_step, context)

    @partial(jax.jit, donate_argnums=1)
    def more(params, cache, token, key):
        ending = sampling.Ending(CHUNK)
        one = partial(step, params)
        return sampling.generate(one, cache, token, ending, choose=choose, key=key)

    for start in range(0, args.length, CHUNK):
        made = more(params, cache, token, jax.random.fold_in(key, start))
        cache, token = made.carry, made.tokens[-1]
        yield bytes(np.asarray(made.tokens, np.uint8))[: args.length - start]


def _step(context: int, params: Any, cache: Any, token: Any) -> tuple[Any, Any]:
    """One byte in, the logits of the next out."""
    cache, logits = models.byte_gpt_step(params, cache, token[None], context=context)
    return cache, logits[0]


def _speed(times: list[float]) -> dict[str, float | None]:
    """After the first chunk, which compiles."""
    spent = times[-1] - times[0]
    rate = CHUNK * (len(times) - 1) / spent if len(times) > 1 else None
    return {"bytes_per_second": rate}


def _speaker() -> Callable[[str], None]:
    def say(words: str) -> None:
        sys.stdout.write(words)
        sys.stdout.flush()

    return say
