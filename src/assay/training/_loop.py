"""fit, evaluate, predict."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check
from assay.training import _data, _step
from assay.training._options import (
    _NONE,
    Fitted,
    Options,
    StepView,
    Stop,
    read_options,
    rule_of,
)
from assay.training._progress import Bar, progress_bar
from assay.training._step import Carry, Rule
from assay.typing import Array, Key, PyTree


def fit(
    model: tuple[Callable, PyTree, PyTree],
    loss: Callable,
    tx: Any,
    data: tuple,
    *,
    key: Key,
    **options: Any,
) -> Fitted:
    """params ← params + tx(∇ mean loss), batch by batch, epoch by epoch.

    `model` is ``(apply, params, state)`` with ``apply(params, state, x, *, key, train)
    -> (outputs, state)``, as `models.functional` returns it; `loss(outputs, y)` gives
    one number per example; `tx` is any Optax-like pair; `data` is ``(x, y)`` or
    ``(x, y, sample_weight)``, and x may be a tree. Weights, of samples or classes, make
    the loss the weighted mean Σ wᵢ lᵢ / Σ wᵢ of its batch. The options are the fields
    of `Options`. The user's arrays are copied, never donated.

    The data lie on the device; an epoch is one dispatch (a scan over its batches)
    where that is faster, else one dispatch a step: `dispatch`. Order of the rows and
    keys of the layers depend on `key` and the epoch alone, so a seed gives the same
    bits again. Failing is an answer, not an exception: see `Stop`.

    >>> def line(params, state, x, *, key, train):
    ...     return params["w"] * x, state
    >>> def squares(outputs, y):
    ...     return (outputs - y) ** 2
    >>> from assay import optim
    >>> x = jnp.arange(8.0)
    >>> fitted = fit((line, {"w": 0.0}, {}), squares, optim.sgd(0.01), (x, 3 * x),
    ...              key=jax.random.key(0), epochs=20, batch_size=4)
    >>> round(float(fitted.params["w"]), 3), fitted.stop.name, fitted.epochs
    (3.0, 'finished', 20)
    """
    o = read_options(options)
    apply, params, state = model
    data = _data.with_class_weight(_data.on_device("fit", data), o.class_weight)
    if o.validation is not None:
        validation = _data.on_device("fit: validation", o.validation)
        o = o._replace(validation=validation)
    rule = rule_of(apply, loss, tx, o, _step.len_of(data))
    carry = _step.start(rule, params, state)
    with progress_bar(o.progress, o.epochs, _step.len_of(data)) as bar:
        run = _runner(rule, carry, data, key, o, bar)
        return _epochs(run, rule, carry, o, bar)


def _epochs(run: Callable, rule: Rule, carry: Carry, o: Options, bar: Bar) -> Fitted:
    """Epoch after epoch until one of the reasons in `Stop`."""
    history, seconds, stop = {}, [], Stop.finished
    best, watch = _watch(o, carry)
    try:
        for epoch in range(o.epochs):
            began = time.perf_counter()
            after, logs = run(carry, epoch)
            logs = _floats(logs)
            seconds.append(time.perf_counter() - began)
            healthy = logs.pop("healthy") and math.isfinite(logs["loss"])
            logs |= _validate(rule, after, o)
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            if not healthy:
                stop = Stop.diverged
                break
            carry, best = after, watch(logs, best, after)
            _tell(epoch + 1, logs, seconds, o, bar)
            if best is not None and best.stop:
                stop = Stop.patience
                break
    except KeyboardInterrupt:
        stop = Stop.interrupted
    params, state = carry.params, carry.state
    if best is not None and best.seen > 0:
        params, state = best.kept
    epochs = len(history.get("loss", ()))
    return Fitted(
        params, state, carry.opt_state, history, stop, epochs, seconds[:epochs]
    )


def _tell(epoch: int, logs: dict, seconds: list[float], o: Options, bar: Bar) -> None:
    bar.epoch(epoch, logs, seconds)
    if o.on_epoch is not None:
        o.on_epoch(epoch, logs)


def _floats(logs: dict[str, Array]) -> dict[str, Any]:
    """One transfer; bool stays bool."""
    return {n: v.item() for n, v in jax.device_get(logs).items()}


def _validate(rule: Rule, carry: Carry, o: Options) -> dict[str, float]:
    """The val_ entries of the epoch."""
    if o.validation is None:
        return {}
    trees = (carry.params, carry.state, o.validation)
    scores = _scores(rule.apply, rule.loss, rule.metrics, 256, *trees)
    return {f"val_{name}": value for name, value in _floats(scores).items()}


def _watch(o: Options, carry: Carry) -> tuple[Any, Callable]:
    """(state, (logs, state, carry) -> state) of early stopping; (None, ...) without."""
    if o.early_stopping is None:
        return None, lambda logs, state, carry: None
    rule = o.early_stopping
    name = rule.monitor or ("val_loss" if o.validation is not None else "loss")
    update = jax.jit(rule.update)

    def watch(logs, state, carry):
        _check.choice("fit", "early_stopping's monitor", name, logs)
        return update(logs[name], state, (carry.params, carry.state))

    return rule.init(_step.own((carry.params, carry.state))), watch


def _runner(
    rule: Rule, carry: Carry, data: tuple, key: Key, o: Options, bar: Bar
) -> Callable:
    """(carry, epoch) -> (carry, logs), by one dispatch or by one a step."""
    how = (
        "step"
        if o.on_step is not None
        else o.dispatch or _faster(rule, carry, data, key)
    )

    def by_epoch(carry, epoch):
        return _step.compiled_epoch(rule, carry, data, key, np.int32(epoch))

    def by_step(carry, epoch):
        # A copy of the carry goes through the steps: they donate it, and an epoch that
        # diverges or is interrupted must leave the one before intact.
        carry, order, layers = _step.compiled_begin(
            rule, carry, data, key, np.int32(epoch)
        )
        step = _step.kept_step if o.on_step else _step.compiled_step
        for i, size in enumerate(_sizes(rule, _step.len_of(data))):
            carry = step(rule, size, carry, data, order, layers)
            bar.step(size)
            if o.on_step is not None:
                trees = (carry.params, carry.state, carry.opt_state)
                o.on_step(StepView(epoch + 1, i + 1, carry.loss, *trees))
        return carry, _step.compiled_report(rule, carry)

    return by_epoch if how == "epoch" else by_step


def _sizes(rule: Rule, rows: int) -> Iterator[int]:
    """The batches of an epoch."""
    full, rest = divmod(rows, rule.batch_size)
    yield from [rule.batch_size] * full
    if rest and not rule.drop_last:
        yield rest


def _faster(rule: Rule, carry: Carry, data: tuple, key: Key) -> str:
    """One dispatch an epoch, unless XLA's CPU convolution would run inside its loop.

    There it takes a slow path: 3 times slower in a whole step, 14 at worst
    (github.com/jax-ml/jax/issues/12868).
    """
    args = (rule, carry, data, key, np.int32(0))
    traced = _step.compiled_epoch.trace(*args)
    _warn_of_constants(traced.jaxpr.consts)
    leaf = jax.tree.leaves(carry.params)[0]
    if next(iter(leaf.devices())).platform != "cpu":
        return "epoch"
    return "step" if "stablehlo.convolution" in traced.lower().as_text() else "epoch"


def _warn_of_constants(consts: list) -> None:
    """Data that a closure captured is copied into the program: say so once."""
    size = sum(getattr(c, "nbytes", 0) for c in consts)
    if size > 2**20:
        message = (
            f"fit: the model or the loss captures {size / 2**20:.1f} MiB of arrays, "
            "which become constants of the compiled step. Pass them in params or data."
        )
        warnings.warn(message, stacklevel=4)


def evaluate(
    model: tuple[Callable, PyTree, PyTree],
    loss: Callable,
    data: tuple,
    *,
    metrics: Mapping[str, Callable] = _NONE,
    batch_size: int = 256,
) -> dict[str, float]:
    """{"loss": mean loss, name: metric(outputs, y), ...} over all rows, layers at rest.

    The outputs are computed batch by batch, loss and metrics once from all of them:
    the result does not depend on the batch size, even for metrics that do not average.

    >>> def double(params, state, x, *, key=None, train=False):
    ...     return params * x, state
    >>> def errors(outputs, y):
    ...     return abs(outputs - y)
    >>> evaluate((double, jnp.asarray(2.0), {}), errors, (jnp.ones(5), jnp.zeros(5)))
    {'loss': 2.0}
    """
    _check.within("evaluate", "batch_size", batch_size, 1, float("inf"))
    data = _data.on_device("evaluate", data)
    apply, params, state = model
    named = tuple(metrics.items())
    return _floats(_scores(apply, loss, named, batch_size, params, state, data))


def predict(
    model: tuple[Callable, PyTree, PyTree], x: PyTree, *, batch_size: int = 256
) -> PyTree:
    """The model's outputs for all rows of `x`, batch by batch, layers at rest.

    >>> def double(params, state, x, *, key=None, train=False):
    ...     return params * x, state
    >>> predict((double, jnp.asarray(2.0), {}), jnp.arange(3.0), batch_size=2).tolist()
    [0.0, 2.0, 4.0]
    """
    _check.within("predict", "batch_size", batch_size, 1, float("inf"))
    apply, params, state = model
    return _outputs(apply, batch_size, params, state, jax.tree.map(jnp.asarray, x))


@partial(jax.jit, static_argnums=(0, 1))
def _outputs(apply, batch_size, params, state, x):
    """All outputs: full batches in a loop, the rest by itself."""
    rows = _step.len_of(x)
    full = rows // batch_size

    def forward(batch):
        return apply(params, state, batch, key=None, train=False)[0]

    if full == 0:
        return forward(x)
    head = jax.tree.map(lambda a: a[: full * batch_size], x)
    chunks = jax.tree.map(lambda a: a.reshape(full, batch_size, *a.shape[1:]), head)
    y = lax.map(forward, chunks)
    y = jax.tree.map(lambda a: a.reshape(full * batch_size, *a.shape[2:]), y)
    if rows == full * batch_size:
        return y
    rest = forward(jax.tree.map(lambda a: a[full * batch_size :], x))
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), y, rest)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _scores(apply, loss, metrics, batch_size, params, state, data):
    """Loss and metrics from the outputs of all rows."""
    x, y, *weight = data
    outputs = _outputs(apply, batch_size, params, state, x)
    value, _ = _step.weighted_mean(loss(outputs, y), _step.len_of(x), *weight)
    scores = {name: _step.scalar(name, metric(outputs, y)) for name, metric in metrics}
    return {"loss": value} | scores
