"""The inputs as the model of that name takes them."""

from typing import Any

import numpy as np

from assay import data, models
from assay.cli._words import UserError

SIDE = 28  # the lecture's images; smaller ones are enlarged for convolutions


def default_for(shape: tuple[int, ...]) -> str:
    """LeNet-5 for images, an MLP for the rows of a table."""
    return "lenet5" if len(shape) == 3 else "mlp"


def fit_inputs(name: str, x: Any) -> np.ndarray:
    """The inputs enlarged, flattened, or to be read row by row."""
    x, takes = np.asarray(x, np.float32), models.takes(name)
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
