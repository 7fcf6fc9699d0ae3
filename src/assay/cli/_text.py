"""`assay train` on a text: a GPT of bytes, judged by bits a byte beside bz2."""

import argparse
import bz2
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from assay import data, losses, models, optim
from assay.cli import _plan, _sources
from assay.cli._plan import Plan
from assay.cli._words import UserError, blame, choose, nearest
from assay.typing import Array, PyTree

MODEL = "gpt"
NAMED: dict[str, Callable[[], str]] = {"documentation": data.documentation}
SUFFIXES = (".txt", ".md", ".rst", ".py")
CONTEXT = 128  # bytes
SIZES = {"features": 128, "depth": 4, "heads": 4}
ROWS = 10_000  # windows that a run sees unless --epochs says otherwise
BATCH = 16
WARM_UP = 50  # steps
DECAY = 0.1  # of the weights
ADAMS = 0.5  # the rate of what Muon leaves to Adam, in Muon's
CLIP = 1.0  # the greatest norm of all gradients


def asked(args: argparse.Namespace) -> bool:
    """Whether the model or the data say that it is a text."""
    spec = args.data or ""
    return args.model == MODEL or spec in NAMED or Path(spec).suffix in SUFFIXES


def learns(settings: dict[str, Any]) -> bool:
    """Whether these are the settings of a run on a text."""
    return settings["model"] == MODEL


def make(args: argparse.Namespace) -> Plan:
    """As `_plan.make`, of a text."""
    choose("--schedule", args.schedule, _plan.SCHEDULES)
    choose("--model", args.model or MODEL, [MODEL])
    if args.shift:
        raise UserError("--shift: a text is no image; leave it out.")
    spec = args.data or "documentation"
    source = load(spec, args.seed)
    settings = _settings(args, spec, source)
    params = _params(settings)
    steps = settings["epochs"] * (len(source.train[0]) // settings["batch_size"])
    tx, rule = _transform(settings, steps, params)
    out = _plan.folder(args.out)
    return Plan(settings, source, apply, params, {}, tx, rule, steps, out)


def _settings(args: argparse.Namespace, spec: str, source: _sources.Source) -> dict:
    """What run.json keeps."""
    rows = len(source.train[0])
    named = spec in NAMED
    return {
        "model": MODEL,
        "shape": [CONTEXT],
        "classes": source.classes,
        "sizes": SIZES,
        "data": spec if named else str(Path(spec).expanduser().absolute()),
        "python": platform.python_version() if named else None,
        "optimizer": args.optimizer or "muon",
        "against": None if args.against in (None, "none") else args.against,
        "learning_rate": args.learning_rate or 1e-2,
        "schedule": args.schedule,
        "epochs": args.epochs or max(1, round(ROWS / rows)),
        "batch_size": min(args.batch_size or BATCH, rows),
        "shift": 0,
        "seed": args.seed,
        "early_stopping": args.early_stopping,
    }


def read(spec: str) -> np.ndarray:
    """The bytes of the text that `--data` names."""
    if spec in NAMED:
        return data.text(NAMED[spec]())
    path = Path(spec).expanduser()
    if not path.is_file():
        raise UserError(f"--data: no text {spec!r}.{nearest(spec, NAMED)}")
    with blame("--data"):
        return data.text(path)


def load(spec: str, seed: int) -> _sources.Source:
    """Windows to learn from, to watch and to be judged by, in the order of the text."""
    with blame("--data"):
        learned, held = data.held_out(read(spec))
        learned, watched = data.held_out(learned, fraction=0.05)
        x, y = data.windows(learned, CONTEXT, stride=CONTEXT // 2)
        if len(x) > ROWS:
            key = jax.random.key(seed)
            x, y = data.random_windows(learned, CONTEXT, ROWS, key=key)
        rest = data.windows(watched, CONTEXT), data.windows(held, CONTEXT)
        return _sources.Source((x, y), *rest, 256, (), (), None)


def apply(
    params: PyTree, state: PyTree, x: Array, *, key: Any = None, train: bool = False
) -> tuple[Array, PyTree]:
    """The decoder in the form that `training` takes; nothing in it is random."""
    del key, train
    return models.byte_gpt(params, x), state


def build(settings: dict[str, Any]) -> tuple[Callable, PyTree, PyTree]:
    """(apply, params, state) in the shapes of a run."""
    return apply, _params(settings), {}


def _params(settings: dict[str, Any]) -> PyTree:
    key, sizes = jax.random.key(settings["seed"]), settings["sizes"]
    return models.byte_gpt_params(key, vocabulary=settings["classes"], **sizes)


def _transform(settings: dict[str, Any], steps: int, params: PyTree):
    """Muon for the matrices, Adam for the embedding and the norms; or what is asked."""
    rate, name = settings["learning_rate"], settings["optimizer"]

    def scheduled(rate: float) -> Any:
        if settings["schedule"] == "constant":
            return rate
        warm = min(WARM_UP, steps // 5)
        return optim.warmup_cosine_decay_schedule(0.0, rate, warm, max(1, steps))

    if name != "muon" or settings["against"]:
        against = settings["against"]
        return _plan.transform(name, against, scheduled(rate), params)
    muon = optim.muon(
        scheduled(rate),
        weight_decay=DECAY,
        consistent_rms=0.2,
        adam_learning_rate=scheduled(ADAMS * rate),
        muon_weight_dimension_numbers=_matrices,
    )
    return optim.chain(optim.clip_by_global_norm(CLIP), muon), None


def _matrices(params: PyTree) -> PyTree:
    """Which axes of a kernel are the matrix: heads are outputs, at the end inputs."""
    dims = optim.MuonDimensionNumbers
    heads = dims(0, (1, 2))
    attention = type(params.blocks[0].attention)(heads, heads, heads, dims((0, 1), 2))
    feed = type(params.blocks[0].feed_forward)(dims(), dims())
    block = params.blocks[0]._replace(
        attention=attention,
        attention_norm=(None,),
        feed_forward=feed,
        feed_forward_norm=(None,),
    )
    return params._replace(
        embedding=None, blocks=tuple(block for _ in params.blocks), norm=None
    )


def judge(model: tuple, spec: str) -> dict[str, float]:
    """Bits a byte of the held-out text: the network's and bz2's."""
    held = data.held_out(read(spec))[1]
    packed = len(bz2.compress(bytes(held.astype(np.uint8)), 9))
    return {
        "held_out_bytes": len(held),
        "bits_per_byte": bits_per_byte(model, held),
        "bz2_bits_per_byte": 8 * packed / len(held),
    }


def bits_per_byte(model: tuple, text: np.ndarray) -> float:
    """−Σ log₂ p(byte | those before, half a window at least) / bytes.

    The windows overlap by a half, and of each only what no other has seen counts; the
    first byte of all, which nothing stands before, costs 8 bits.
    """
    _, params, _ = model
    half = CONTEXT // 2
    last = len(text) - CONTEXT - 1
    starts = np.unique([*range(0, last + 1, half), last])
    places = starts[:, None] + np.arange(CONTEXT)
    done = np.concatenate([[-1], places[:-1, -1]])  # the last one that has counted
    counts = places > done[:, None]
    total = 8.0
    for i in range(0, len(starts), 32):
        x, y = text[places[i : i + 32]], text[places[i : i + 32] + 1]
        total += float(_bits(params, x, y, counts[i : i + 32].astype(np.float32)))
    return total / len(text)


@jax.jit
def _bits(params: PyTree, x: Array, y: Array, counts: Array) -> Array:
    logits = models.byte_gpt(params, x)
    each = losses.softmax_cross_entropy_with_integer_labels(logits, y)
    return (each * counts).sum() / np.log(2)


def tell(result: dict[str, Any], say: Callable) -> None:
    """The verdict, beside bz2's and that of knowing nothing."""
    size, bits = result["held_out_bytes"], result["bits_per_byte"]
    say(f"bits a byte        {bits:.3f}   (the last {size:,} bytes, never seen)")
    say(f"bz2 on the same    {result['bz2_bits_per_byte']:.3f}   (uniform: 8)")
