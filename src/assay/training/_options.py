"""What `fit` may be told, and what it gives back."""

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from assay import _check
from assay.training._step import Rule
from assay.training._stopping import EarlyStopping
from assay.typing import Array, PyTree

_NONE: Mapping[str, Callable] = MappingProxyType({})


class Options(NamedTuple):
    """The options of `fit`."""

    epochs: int = 1
    batch_size: int | None = 32  # None: all rows at once (batch gradient descent)
    validation: tuple | None = None  # (x, y) or (x, y, sample_weight)
    metrics: Mapping[str, Callable] = _NONE  # name -> (outputs, y) -> one number
    early_stopping: EarlyStopping | None = None
    shuffle: bool = True
    drop_last: bool = False  # drop the last, smaller batch
    class_weight: Mapping[int, float] | Sequence[float] | None = None
    penalty: Callable | None = None  # params -> one number, added to the loss
    progress: bool | None = None  # None: a bar on a terminal only
    on_step: Callable | None = None  # (StepView) after each step
    on_epoch: Callable | None = None  # (epoch from 1, its row of the history)
    dispatch: str | None = None  # "epoch", "step", or None: the faster one


class Stop(enum.Enum):
    """Why `fit` came back."""

    finished = "all epochs were done"
    patience = "early stopping ran out of patience"
    diverged = "the loss or a parameter was no longer finite"
    interrupted = "it was interrupted from the keyboard"


class Fitted(NamedTuple):
    """What `fit` returns."""

    params: PyTree
    state: PyTree
    opt_state: PyTree
    history: dict[str, list[float]]  # loss, metrics, val_loss, val_metrics by epoch
    stop: Stop
    epochs: int  # rows of the history
    seconds: list[float]  # training time by epoch; the first has the compilation in it


class StepView(NamedTuple):
    """What `on_step` sees. Arrays stay on the device; nothing waits for them."""

    epoch: int  # from 1
    step: int  # from 1 in each epoch
    loss: Array  # () of this step's batch
    params: PyTree
    state: PyTree
    opt_state: PyTree


def read_options(options: dict[str, Any]) -> Options:
    """Checked options; a misspelt name is answered with the nearest one."""
    for name in options:
        _check.choice("fit", "option", name, Options._fields)
    o = Options(**options)
    _check.within("fit", "epochs", o.epochs, 0, float("inf"))
    if o.batch_size is not None:
        _check.within("fit", "batch_size", o.batch_size, 1, float("inf"))
    if o.dispatch is not None:
        _check.choice("fit", "dispatch", o.dispatch, ("epoch", "step"))
    if o.dispatch == "epoch" and o.on_step is not None:
        must = "dispatch must be 'step' when on_step is given"
        _check.fail("fit", must, "'epoch'", "Leave it out.")
    return o


def rule_of(apply: Callable, loss: Callable, tx: Any, o: Options, rows: int) -> Rule:
    """The part of the options that the compiled step depends on."""
    size = min(o.batch_size or rows, rows)
    if o.drop_last and rows < (o.batch_size or rows):
        must = "drop_last needs at least one full batch"
        _check.fail("fit", must, f"{rows} rows for batch_size={o.batch_size}")
    metrics = tuple(o.metrics.items())
    return Rule(apply, loss, tx, metrics, o.penalty, size, o.shuffle, o.drop_last)
