"""Everything `assay train` can be wrong about, settled before it starts to learn."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import augment, models, optim, verify
from assay.cli import _inputs, _sources
from assay.cli._words import UserError, blame, choose
from assay.typing import PyTree

SCHEDULES = ("cosine", "constant")
SHIFT = 1  # pixels
LARGE = 10_000  # rows: from here on larger batches and fewer epochs


class Plan(NamedTuple):
    """What is trained, on what, by which rule, beside which reference, and where to."""

    settings: dict[str, Any]  # what run.json keeps: enough to build the model again
    source: _sources.Source
    apply: Callable
    params: PyTree
    state: PyTree
    tx: optim.Transform  # the optimizer, shadowed by the reference if there is one
    rule: Any  # verify.Rule64 of the reference, or None
    steps: int  # of the whole run
    out: Path


def make(args: argparse.Namespace) -> Plan:
    """Read the options; a UserError says what is wrong."""
    choose("--schedule", args.schedule, SCHEDULES)
    args = _with_defaults(args)
    source = _sources.load(args.data, args.seed)
    model = args.model or _inputs.default_for(source.train[0].shape[1:])
    choose("--model", model, models.known())
    source = _prepare(model, source)
    shape, rows = source.train[0].shape[1:], len(source.train[0])
    with blame(f"--model {model}"):
        net = models.build(model, shape, source.classes, seed=args.seed)
        apply, params, state = models.functional(net)
        _try_model(apply, params, state, source)
    settings = _settings(args, model, source)
    steps = settings["epochs"] * (rows // settings["batch_size"])
    rate = _rate(args.schedule, args.learning_rate, steps)
    tx, rule = transform(args.optimizer, settings["against"], rate, params)
    apply, out = _moving(apply, settings["shift"]), folder(args.out)
    return Plan(settings, source, apply, params, state, tx, rule, steps, out)


def _with_defaults(args: argparse.Namespace) -> argparse.Namespace:
    """What texts have otherwise (`_text`)."""
    known = {"data": "digits", "optimizer": "adam", "learning_rate": 2e-3}
    given = {n: v for n, v in vars(args).items() if n not in known or v is not None}
    return argparse.Namespace(**{**known, **given})


def _settings(args: argparse.Namespace, model: str, source: _sources.Source) -> dict:
    """What run.json keeps: the options, and what they left open."""
    rows, *shape = source.train[0].shape
    batch = args.batch_size or (64 if rows >= LARGE else 32)
    return {
        "model": model,
        "shape": shape,
        "classes": source.classes,
        "words": source.words,
        "features": source.features,
        "scaling": source.scaling,
        "data": _absolute(args.data),
        "optimizer": args.optimizer,
        "against": _reference(args),
        "learning_rate": args.learning_rate,
        "schedule": args.schedule,
        "epochs": args.epochs or _default_epochs(rows, len(shape)),
        "batch_size": min(batch, rows),
        "shift": _shift(args, model, source),
        "seed": args.seed,
        "early_stopping": args.early_stopping,
    }


def _prepare(model: str, source: _sources.Source) -> _sources.Source:
    """The inputs as the model takes them."""

    def pair(part):
        return None if part is None else (_inputs.fit_inputs(model, part[0]), part[1])

    names = ("train", "validation", "test")
    return source._replace(**{n: pair(getattr(source, n)) for n in names})


def _try_model(apply, params, state, source) -> None:
    """Shapes only: a model that does not fit the data says so before the clock runs."""
    one = jnp.asarray(source.train[0][:1])
    run = lambda p, s: apply(p, s, one, key=jax.random.key(0), train=True)[0]  # noqa: E731
    logits = jax.eval_shape(run, params, state)
    if logits.shape != (1, source.classes):
        want = (1, source.classes)
        raise UserError(f"outputs must have shape {want}; got {logits.shape}.")


def _shift(args: argparse.Namespace, model: str, source: _sources.Source) -> int:
    """Few images are shown a little moved each time; many need no such help."""
    images = models.takes(model) == "images"
    if args.shift is None:
        return SHIFT if images and len(source.train[0]) < LARGE else 0
    if args.shift and not images:
        raise UserError(f"--shift: {model} takes no images; leave it out.")
    return args.shift


def _moving(apply: Callable, limit: int) -> Callable:
    """`apply` that sees each image moved at random by up to `limit` pixels."""
    if limit == 0:
        return apply

    def moving(params, state, x, *, key=None, train=False):
        if train and key is not None:
            key, own = jax.random.split(key)
            move = partial(augment.random_shift, limit=limit)
            each = jax.random.split(own, len(x))
            x = jax.vmap(lambda image, k: move(image, key=k))(x, each)
        return apply(params, state, x, key=key, train=train)

    return moving


def _default_epochs(rows: int, rank: int) -> int:
    if rank == 3:
        return 10 if rows >= LARGE else 12
    return max(10, min(200, 100_000 // rows))


def _rate(schedule: str, rate: float, steps: int) -> Any:
    return rate if schedule == "constant" else optim.cosine_decay_schedule(rate, steps)


def _reference(args: argparse.Namespace) -> str | None:
    """The same rule by someone else, unless another is asked for."""
    if args.against is not None:
        return None if args.against.lower() == "none" else args.against
    if args.optimizer.startswith("optax:"):
        return args.optimizer.removeprefix("optax:")
    return "optax:adam" if ":" in args.optimizer else f"optax:{args.optimizer}"


def transform(name: str, against: str | None, rate: Any, params: PyTree):
    """(the transform to train with, the rule in float64 if there is a reference)."""
    with blame("--optimizer"):
        mine = verify.named_transform(name, rate)
        _try_transform(mine, params)
    if against is None:
        return mine, None
    with blame("--against"):
        reference = verify.named_transform(against, rate)
        _try_transform(reference, params)
    return verify.shadow(mine, reference), verify.rule64(reference)


def _try_transform(tx: Any, params: PyTree) -> None:
    """One step on shapes alone."""
    if not callable(getattr(tx, "init", None)) or not callable(
        getattr(tx, "update", None)
    ):
        raise UserError(f"it must give a pair (init, update); got {tx!r}.")
    # JAX's own promotion: Optax does not run under the strict one.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        updates = jax.eval_shape(lambda p: tx.update(p, tx.init(p), p)[0], params)
    if jax.tree.structure(updates) != jax.tree.structure(params):
        raise UserError("its updates must have the structure of the parameters.")


def _absolute(spec: str) -> str:
    """A path that still means the same file when the run is read from elsewhere."""
    if spec in _sources.NAMED:
        return spec
    return str(Path(spec).expanduser().absolute())


def folder(out: str | None) -> Path:
    """The folder of the run, made now: an error here must not cost an hour."""
    with blame("--out"):
        if out is not None:
            path = Path(out).expanduser()
            path.mkdir(parents=True, exist_ok=True)
            return path
        stamp = time.strftime("%Y-%m-%d-%H%M%S")
        for n in range(1, 1000):
            path = Path("runs", stamp if n == 1 else f"{stamp}-{n}")
            if not path.exists():
                path.mkdir(parents=True)
                return path
    raise UserError("--out: runs/ is full; name a folder.")


def largest(tree: PyTree) -> int:
    """How many numbers are in a tree."""
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(tree))
