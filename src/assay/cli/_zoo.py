"""The models that the command line knows by name, and how they take their inputs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from assay import data, models
from assay.cli._words import UserError, choose

SIDE = 28  # the lecture's images; smaller ones are enlarged for convolutions


class Kind(NamedTuple):
    """How a model is made from one input's shape and the number of classes."""

    takes: str  # "images", "rows" or "sequences"
    make: Callable[[tuple[int, ...], int, nnx.Rngs], nnx.Module]


def _images(model: Callable) -> Kind:
    def make(shape, classes, rngs):
        size, _, channels = shape
        return model(channels=channels, classes=classes, size=size, rngs=rngs)

    return Kind("images", make)


def _recurrent(cell: str) -> Kind:
    def make(shape, classes, rngs):
        model = models.RecurrentClassifier
        return model(shape[-1], 64, classes, cell=cell, rngs=rngs)

    return Kind("sequences", make)


def _mlp(shape, classes, rngs):
    return models.MLP([shape[0], 128, 128, classes], rngs=rngs)


def _dropout(shape, classes, rngs):
    return models.DropoutNet(shape[0], 512, classes, rngs=rngs)


KINDS = {
    "lenet5": _images(models.LeNet5),
    "lenet5_1998": _images(models.lenet5_1998),
    "residual": _images(models.ResidualCNN),
    "separable": _images(models.SeparableCNN),
    "mlp": Kind("rows", _mlp),
    "dropout": Kind("rows", _dropout),
    "rnn": _recurrent("rnn"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
}


def kind_of(name: str) -> Kind:
    """The entry of that name; a near miss is suggested."""
    return KINDS[choose("--model", name, KINDS)]


def default_for(shape: tuple[int, ...]) -> str:
    """LeNet-5 for images, an MLP for the rows of a table."""
    return "lenet5" if len(shape) == 3 else "mlp"


def fit_inputs(name: str, x: Any) -> np.ndarray:
    """The inputs as the model takes them: enlarged, flattened, or read row by row."""
    x, takes = np.asarray(x, np.float32), kind_of(name).takes
    if takes == "rows":
        return x.reshape(len(x), -1)
    if x.ndim != 4:
        got = "the rows of a table" if x.ndim == 2 else f"inputs of shape {x.shape[1:]}"
        raise UserError(f"--model: {name} needs images; got {got}. Try --model mlp.")
    if takes == "sequences":
        return x.reshape(len(x), x.shape[1], -1)
    if x.shape[1] < SIDE and x.shape[1] == x.shape[2]:
        x = np.asarray(data.enlarge(x, SIDE))
    return x


def build(name: str, shape: tuple[int, ...], classes: int, seed: int) -> nnx.Module:
    """A fresh model for inputs of one `shape`."""
    return kind_of(name).make(tuple(shape), classes, nnx.Rngs(seed))
