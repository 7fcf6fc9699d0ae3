"""A run on disk: written by `train`, read by `evaluate` and `predict`."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay import activations, data, losses, metrics, models, training
from assay.cli import _inputs, _sources, _text
from assay.cli._words import UserError, blame, cells, dump
from assay.typing import PyTree

SETTINGS, PARAMS = "run.json", "params.npz"
HISTORY, CURVES = "history.json", "curves.png"
METRICS = {"accuracy": metrics.accuracy}
LOSS = losses.softmax_cross_entropy_with_integer_labels


class Run(NamedTuple):
    """A trained model and how it came about."""

    apply: Callable
    params: PyTree
    state: PyTree
    settings: dict[str, Any]

    @property
    def model(self) -> tuple[Callable, PyTree, PyTree]:
        """The triple that `training` takes."""
        return self.apply, self.params, self.state


def write_text(path: Path, text: str) -> None:
    """All of the text, or the file as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(folder: str) -> Run:
    """Build the model again and put the parameters into it."""
    path = Path(folder).expanduser()
    if not (path / SETTINGS).is_file():
        missing = "no such folder" if not path.is_dir() else f"no {SETTINGS} in it"
        raise UserError(f"{folder}: {missing}. `assay train` writes one under runs/.")
    with blame(str(path / SETTINGS)):
        settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
        if not isinstance(settings, dict) or not settings.keys() >= {"model", "shape"}:
            raise UserError(f"{path / SETTINGS}: not the settings of a run.")
        apply, params, state = _build(settings)
    with blame(str(path / PARAMS)):
        like = {"params": params, "state": state}
        trees = training.load_params(path / PARAMS, like)
    return Run(apply, trees["params"], trees["state"], settings)


def _build(settings: dict[str, Any]) -> tuple[Callable, PyTree, PyTree]:
    if _text.learns(settings):
        return _text.build(settings)
    known = settings["model"], settings["shape"], settings["classes"]
    return models.functional(models.build(*known, seed=settings["seed"]))


def evaluate(args: argparse.Namespace) -> int:
    """Loss and accuracy on the test rows of the data that the run was trained on."""
    run = read(args.run)
    x, y = _test_rows(run)
    scores = training.evaluate(run.model, LOSS, (x, y), metrics=METRICS)
    more = {}
    if _text.learns(run.settings):
        more = _text.judge(run.model, run.settings["data"])
    if args.json:
        print(dump({"run": args.run, "rows": len(x), **scores, **more}))
        return 0
    then = run.settings.get("result", {})
    name, spec = run.settings["model"], run.settings["data"]
    print(f"{name} on the {len(x):,} test rows of {spec}")
    print(cells(("", "now", "when trained"), (10, 10, 14)))
    for name, value in scores.items():
        before = then.get(f"test_{name}")
        was = f"{before:.4f}" if isinstance(before, float) else "-"
        print(cells((name, f"{value:.4f}", was), (10, 10, 14)))
    if more:
        _text.tell(more, print)
    return 0


def _test_rows(run: Run) -> data.Pair:
    """The rows that the run was not trained on, as its model takes them."""
    spec, seed = run.settings["data"], run.settings["seed"]
    if _text.learns(run.settings):
        return _text.load(spec, seed).test
    x, y = _sources.load(spec, seed).test
    x = _inputs.fit_inputs(run.settings["model"], x)
    _same_shape(x, run, spec)
    return x, y


def _same_shape(x: np.ndarray, run: Run, what: str) -> None:
    wanted = tuple(run.settings["shape"])
    if x.shape[1:] != wanted:
        got = f"got {x.shape[1:]}"
        raise UserError(f"{what}: inputs must have shape {wanted} each; {got}.")


def predict(args: argparse.Namespace) -> int:
    """The class of each row of FILE and how sure the network is."""
    run = read(args.run)
    if _text.learns(run.settings):
        raise UserError(f"{args.run}: a run on a text; `assay generate` writes on.")
    x = _sources.read_inputs(args.file, tuple(run.settings["features"]))
    x = _as_trained(x, run, args.file)
    logits = training.predict(run.model, x)
    chances = np.asarray(activations.softmax(logits, axis=-1))
    names = run.settings["words"] or [str(n) for n in range(run.settings["classes"])]
    order = np.argsort(-chances, axis=-1, kind="stable")
    if args.json:
        for row, best in zip(chances, order, strict=True):
            line = {"class": names[best[0]], "probabilities": row.tolist()}
            print(dump(line))
        return 0
    _print_predictions(chances, order[:, :3], names)
    return 0


def _as_trained(x: np.ndarray, run: Run, file: str) -> np.ndarray:
    """(rows, *shape) from rows, images without a channel axis, or flat images."""
    settings = run.settings
    with blame(file):
        if settings["scaling"] is not None:
            wide = len(settings["scaling"]["mean"])
            x = x[None] if x.ndim == 1 else x
            if x.ndim != 2 or x.shape[1] != wide:
                raise UserError(f"{file}: needs {wide} columns; got {x.shape}.")
            x = _sources.scale(x, settings["scaling"])
        elif settings["model"] != "mlp":
            x = _as_images(x, tuple(settings["shape"]))
        elif x.size and x.size % settings["shape"][0] == 0 and x.ndim > 1:
            x = x.reshape(-1, settings["shape"][0])
        x = _inputs.fit_inputs(settings["model"], x)
    _same_shape(x, run, file)
    return x


def _as_images(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    channels = shape[2] if len(shape) == 3 else 1
    if x.ndim == 4:
        return x
    if x.ndim == 3 and channels == 1:
        return x[..., None]
    if x.ndim == 3:
        return x[None]
    side = round((x.shape[-1] / channels) ** 0.5) if x.ndim == 2 else 0
    if x.ndim == 2 and side * side * channels == x.shape[1]:
        return x.reshape(len(x), side, side, channels)
    return x


def _print_predictions(chances: Any, order: Any, names: list[str]) -> None:
    """The three likeliest classes of each row."""
    widths = (7, 14, 7, 14, 7, 14, 7)[: 1 + 2 * order.shape[1]]
    head = ("row", "class", "prob.", "then", "prob.", "then", "prob.")
    print(cells(head[: len(widths)], widths))
    for n, (row, best) in enumerate(zip(chances, order, strict=True)):
        pairs = [(names[c].rjust(14), f"{row[c]:.4f}") for c in best]
        print(cells((n, *(cell for pair in pairs for cell in pair)), widths))
