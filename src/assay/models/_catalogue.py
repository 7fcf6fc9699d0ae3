"""Models by name, made from the shape of one input: what the command line trains."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from flax import nnx

from assay import _check
from assay.models._cnn import LeNet5, ResidualCNN, SeparableCNN, lenet5_1998
from assay.models._convnext import ConvNeXt
from assay.models._mixer import Mixer
from assay.models._mlp import MLP, DropoutNet
from assay.models._mobilenet import MobileNetV2
from assay.models._resnet import resnet18
from assay.models._rnn import RecurrentClassifier
from assay.models._vit import ViT


class _Kind(NamedTuple):
    """How a model is made from one input's shape and the number of classes."""

    takes: str  # "images", "rows" or "sequences"
    make: Callable[[tuple[int, ...], int, nnx.Rngs], nnx.Module]


def _images(model: Callable) -> _Kind:
    def make(shape, classes, rngs):
        size, _, channels = shape
        return model(channels=channels, classes=classes, size=size, rngs=rngs)

    return _Kind("images", make)


def _recurrent(cell: str) -> _Kind:
    def make(shape, classes, rngs):
        return RecurrentClassifier(shape[-1], 64, classes, cell=cell, rngs=rngs)

    return _Kind("sequences", make)


def _mlp(shape, classes, rngs):
    return MLP([shape[0], 128, 128, classes], rngs=rngs)


def _dropout(shape, classes, rngs):
    return DropoutNet(shape[0], 512, classes, rngs=rngs)


# For images of 28 pixels: patches of 4, and what a few minutes on a CPU can train.
_MIXER = {"patch": 4, "features": 64, "hidden": (32, 256), "depth": 4}
_VIT = {"patch": 4, "features": 64, "depth": 4, "heads": 4}
_CONVNEXT = {"depths": (1, 1), "widths": (32, 64), "patch": 2, "rate": 0.0}
_CONVNEXT |= {"scale": 0.1}  # in a shallow network a branch may count at once

_KINDS = {
    "lenet5": _images(LeNet5),
    "lenet5_1998": _images(lenet5_1998),
    "residual": _images(ResidualCNN),
    "separable": _images(SeparableCNN),
    "resnet18": _images(partial(resnet18, small=True)),
    "mobilenet_v2": _images(partial(MobileNetV2, small=True)),
    "convnext": _images(partial(ConvNeXt, **_CONVNEXT)),
    "vit": _images(partial(ViT, **_VIT)),
    "mixer": _images(partial(Mixer, **_MIXER)),
    "mlp": _Kind("rows", _mlp),
    "dropout": _Kind("rows", _dropout),
    "rnn": _recurrent("rnn"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
}


def build(name: str, shape: tuple[int, ...], classes: int, *, seed: int) -> nnx.Module:
    """A fresh model of that name for inputs of one `shape`; a near miss is suggested.

    >>> type(build("lenet5", (28, 28, 1), 10, seed=0)).__name__
    'LeNet5'
    """
    return _kind(name).make(tuple(shape), classes, nnx.Rngs(seed))


def known() -> tuple[str, ...]:
    """The names that `build` takes.

    >>> "lenet5" in known()
    True
    """
    return tuple(_KINDS)


def takes(name: str) -> str:
    """What the model of that name reads: "images", "rows" or "sequences".

    >>> takes("mlp")
    'rows'
    """
    return _kind(name).takes


def _kind(name: str) -> _Kind:
    _check.choice("models.build", "name", name, _KINDS)
    return _KINDS[name]
