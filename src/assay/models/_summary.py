"""A table of a model: its layers, what comes out of them, what they hold."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from flax import nnx

from assay import _check


def summary(model: nnx.Module, *inputs: Any) -> None:
    """Print the layers in the order of their calls, output shapes, parameter counts.

    `inputs` may be arrays or `jax.ShapeDtypeStruct`; a model that knows its
    `input_shape` needs none, and is shown a batch of one. Nothing is computed.

    >>> summary(nnx.Linear(3, 2, rngs=nnx.Rngs(0)), jnp.ones((1, 3)))
    layer    type    output  parameters
    -----------------------------------
    (model)  Linear  (1, 2)           8
    -----------------------------------
    total                             8
    """
    calls: list[tuple[str, str, str]] = []

    def run(*x):
        copy = nnx.clone(model)  # a forward pass may write to the model's state
        copy.eval()
        with _noting(_layers(copy), calls):
            copy(*x)

    jax.eval_shape(run, *(inputs or _default_inputs(model)))
    counts = {name: _numbers(layer) for name, layer in _layers(model).items()}
    rows = [(*call, f"{counts[call[0]]:,}") for call in calls]
    print(_table(rows, f"{_numbers(model):,}"))


def _default_inputs(model: nnx.Module) -> tuple[jax.ShapeDtypeStruct, ...]:
    shape = getattr(model, "input_shape", None)
    if shape is None:
        must = f"inputs must be given for a {type(model).__name__}"
        _check.fail("summary", must, "none", "Pass an array: summary(model, x).")
    return (jax.ShapeDtypeStruct((1, *shape), jnp.float32),)


def _numbers(module: nnx.Module) -> int:
    params = jax.tree.leaves(nnx.state(module, nnx.Param))
    return sum(math.prod(jnp.shape(a)) for a in params)


def _layers(model: nnx.Module) -> dict[str, nnx.Module]:
    """Path -> module that holds no other module."""
    modules = _modules(model)
    return {p: m for p, m in modules.items() if set(_modules(m)) == {"(model)"}}


def _modules(model: nnx.Module) -> dict[str, nnx.Module]:
    """Path -> module; the model itself is "(model)"."""
    return {
        "/".join(map(str, path)) or "(model)": node
        for path, node in nnx.iter_graph(model)
        if isinstance(node, nnx.Module) and not isinstance(node, nnx.List | nnx.Dict)
    }


@contextlib.contextmanager
def _noting(layers: dict[str, nnx.Module], calls: list) -> Iterator[None]:
    """While open, each call of one of `layers` is noted with its output's shape."""
    paths = {id(layer): path for path, layer in layers.items()}
    kinds = {type(layer): type(layer).__call__ for layer in layers.values()}

    def noted(kind, original):
        def __call__(self, *args, **kwargs):
            y = original(self, *args, **kwargs)
            if id(self) in paths:
                calls.append((paths[id(self)], kind.__name__, _shapes(y)))
            return y

        return mock.patch.object(kind, "__call__", __call__)

    with contextlib.ExitStack() as stack:
        for kind, original in kinds.items():
            stack.enter_context(noted(kind, original))
        yield


def _shapes(y: Any) -> str:
    return " ".join(str(jnp.shape(leaf)) for leaf in jax.tree.leaves(y))


def _table(rows: list[tuple[str, ...]], total: str) -> str:
    """Columns as wide as they need to be, numbers to the right."""
    head, foot = ("layer", "type", "output", "parameters"), ("total", "", "", total)
    widths = [max(map(len, column)) for column in zip(head, *rows, foot, strict=True)]

    def line(cells):
        *left, number = cells
        texts = [c.ljust(w) for c, w in zip(left, widths, strict=False)]
        return "  ".join([*texts, number.rjust(widths[-1])])

    rule = "-" * len(line(head))
    return "\n".join([line(head), rule, *map(line, rows), rule, line(foot)])
