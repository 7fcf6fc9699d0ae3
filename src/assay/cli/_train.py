"""`assay train`: learn, and be checked against a reference at every step."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import jax

from assay import __version__, plots, training
from assay.cli import _plan, _runs, _shadow, _text
from assay.cli._plan import Plan
from assay.cli._words import blame, cells, dump

WIDTHS = (5, 8)  # epoch, seconds; then 14 a column
SIGNED = 130  # the shell's status after Ctrl-C


def train(args: argparse.Namespace) -> int:
    """Plan, fit, judge, write, tell. 1 if it diverged or the optimizers differ."""
    began = time.perf_counter()
    plan = _text.make(args) if _text.asked(args) else _plan.make(args)
    say = (lambda *words: None) if args.json else _speaker()
    _introduce(plan, say)
    witness = _shadow.Witness(plan)
    fitted = _fit(plan, witness, args, say)
    if fitted.epochs == 0:
        say(f"nothing learned: {fitted.stop.value}")
        return SIGNED
    result = _judge(plan, fitted) | _shadow.judge(witness)
    if _text.learns(plan.settings):
        model = plan.apply, fitted.params, fitted.state
        result |= _text.judge(model, plan.settings["data"])
    result["seconds"] = time.perf_counter() - began
    with blame("--out"):
        files = _write(plan, fitted, result)
    _conclude(plan, fitted, result, files, say)
    if args.json:
        print(dump({"run": str(plan.out), **result}))
    if fitted.stop is training.Stop.interrupted:
        return SIGNED
    return 1 if fitted.stop is training.Stop.diverged or result["wrong"] else 0


def _speaker() -> Callable:
    """Print to standard output, also while a progress bar has taken it over."""
    out = sys.stdout

    def say(*words: str) -> None:
        # The bar lives on standard error and repeats there what is printed: right on
        # a terminal, but a file or pipe must get its lines all the same.
        print(*words, file=None if out.isatty() else out, flush=True)

    return say


def _introduce(plan: Plan, say: Any) -> None:
    source, s = plan.source, plan.settings
    parts = [f"{len(source.train[0]):,} rows to learn from"]
    if source.validation is not None:
        parts.append(f"{len(source.validation[0]):,} to watch")
    parts.append(f"{len(source.test[0]):,} to test")
    say(f"{s['model']}, {_plan.largest(plan.params):,} parameters, on {s['data']}")
    say(", ".join(parts))
    beside = f", beside {s['against']}" if s["against"] else ""
    say(f"optimizer {s['optimizer']}{beside}")
    moved = f"; images moved by up to {s['shift']} pixels" if s["shift"] else ""
    say(f"learning rate {s['learning_rate']:g} ({s['schedule']}){moved}")
    count = f"{s['epochs']} epochs, {plan.steps:,} steps"
    say(f"batches of {s['batch_size']}, seed {s['seed']}: {count}\n")


def _fit(plan: Plan, witness: _shadow.Witness, args: Any, say: Any) -> training.Fitted:
    began = [time.perf_counter()]

    def on_epoch(epoch: int, row: dict[str, float]) -> None:
        row = _ordered(row)
        if epoch == 1:
            say(_heading(row))
        now = time.perf_counter()
        spent, began[0] = now - began[0], now
        numbers = [f"{value:.4f}" for value in row.values()]
        widths = (*WIDTHS, *[14] * len(row))
        say(cells((epoch, f"{spent:.2f}", *numbers), widths))

    patience = args.early_stopping
    stopping = training.early_stopping(patience) if patience else None
    return training.fit(
        (plan.apply, plan.params, plan.state),
        _runs.LOSS,
        plan.tx,
        plan.source.train,
        key=jax.random.key(args.seed),
        epochs=plan.settings["epochs"],
        batch_size=plan.settings["batch_size"],
        drop_last=True,
        validation=plan.source.validation,
        metrics=_runs.METRICS,
        early_stopping=stopping,
        progress=False if args.quiet or args.json else None,
        on_epoch=on_epoch,
        on_step=witness.on_step,
    )


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    """Loss and accuracy, then the same of the rows that are only watched."""
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return {name: row[name] for name in names if name in row}


def _heading(row: dict[str, float]) -> str:
    head = ["epoch".rjust(5), "seconds".rjust(8), *(n.rjust(14) for n in row)]
    return " ".join(head)


def _judge(plan: Plan, fitted: training.Fitted) -> dict[str, Any]:
    """What the run came to."""
    model = plan.apply, fitted.params, fitted.state
    scores = training.evaluate(
        model, _runs.LOSS, plan.source.test, metrics=_runs.METRICS
    )
    # The first epoch compiles; it says nothing of the speed.
    steady = fitted.seconds[1:] or fitted.seconds
    size, epochs = plan.settings["batch_size"], plan.settings["epochs"]
    rate = plan.steps // epochs * size * len(steady) / sum(steady)
    return {
        "stop": fitted.stop.name,
        "epochs": fitted.epochs,
        "samples_per_second": rate,
        **{f"test_{name}": value for name, value in scores.items()},
    }


def _write(plan: Plan, fitted: training.Fitted, result: dict[str, Any]) -> list[str]:
    """Every file whole; the picture where matplotlib is installed."""
    trees = {"params": fitted.params, "state": fitted.state}
    training.save_params(plan.out / _runs.PARAMS, trees)
    _runs.write_text(plan.out / _runs.HISTORY, dump(_ordered(fitted.history)) + "\n")
    facts = {"assay": __version__, **plan.settings, "result": result}
    _runs.write_text(plan.out / _runs.SETTINGS, dump(facts) + "\n")
    files = [_runs.HISTORY, _runs.PARAMS, _runs.SETTINGS]
    try:
        plots.curves(fitted.history, plan.out / _runs.CURVES)
    except ModuleNotFoundError:
        return [*files, "(no curves.png: python -m pip install 'assay[plots]')"]
    return [*files, _runs.CURVES]


def _conclude(plan, fitted, result, files, say) -> None:
    stop = "" if fitted.stop is training.Stop.finished else f" ({fitted.stop.value})"
    say(f"\n{fitted.epochs} epochs in {result['seconds']:.1f} s{stop}")
    accuracy, rate = result["test_accuracy"], result["samples_per_second"]
    say(f"test accuracy      {accuracy:.4f}   (loss {result['test_loss']:.4f})")
    say(f"samples a second   {rate:,.0f}   (after the first epoch, which compiles)")
    if _text.learns(plan.settings):
        _text.tell(result, say)
    _shadow.tell(plan, result, say)
    say(f"\nwritten to {plan.out}/: {' '.join(files)}")
