"""Recurrent weights of torch, to ours and back: kernels turned, gates in its order.

torch keeps two biases a layer. The LSTM and the simple network add them, so ours is
their sum, and the way back gives ours and zeros; the GRU's are both kept.

All take and give a {name: array}, names being prefix + "weight_ih" + suffix and so on:
suffix "_l0" is a layer of nn.LSTM, "_l0_reverse" its other direction, "" an LSTMCell.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assay import _check
from assay.layers import GRUParams, LSTMParams, RNNParams
from assay.weights import _arrays

Tensors = Mapping[str, Any]


def lstm_from_torch(
    tensors: Tensors, *, prefix: str = "", suffix: str = "_l0"
) -> LSTMParams:
    """LSTMParams of torch's; gates i f g o in both, b = b_ih + b_hh.

    >>> import numpy as np
    >>> tensors = {"weight_ih_l0": np.ones((8, 3)), "weight_hh_l0": np.ones((8, 2))}
    >>> lstm_from_torch(tensors).kernel.shape
    (3, 8)
    """
    who = "lstm_from_torch"
    if f"{prefix}weight_hr{suffix}" in tensors:
        must = "the layer must have no projection (proj_size=0)"
        _check.fail(who, must, f"{prefix}weight_hr{suffix}")
    kernel, inner, bias, again = _taken(who, tensors, prefix, suffix, 4)
    return LSTMParams(kernel, inner, bias + again)


def lstm_to_torch(
    params: LSTMParams, *, prefix: str = "", suffix: str = "_l0"
) -> dict[str, Any]:
    """torch's names for LSTMParams; bias_hh is 0.

    >>> import numpy as np
    >>> params = LSTMParams(np.ones((3, 8)), np.ones((2, 8)), np.ones(8))
    >>> {name: array.shape for name, array in lstm_to_torch(params).items()}
    {'weight_ih_l0': (8, 3), 'weight_hh_l0': (8, 2),
     'bias_ih_l0': (8,), 'bias_hh_l0': (8,)}
    """
    return _named(params, _arrays.zeros(params.kernel), prefix, suffix)


def gru_from_torch(
    tensors: Tensors, *, prefix: str = "", suffix: str = "_l0"
) -> GRUParams:
    """GRUParams of torch's, for `gru_cell`; gates r z n in both.

    >>> import numpy as np
    >>> tensors = {"weight_ih_l0": np.ones((6, 3)), "weight_hh_l0": np.ones((6, 2))}
    >>> gru_from_torch(tensors).kernel.shape
    (3, 6)
    """
    return GRUParams(*_taken("gru_from_torch", tensors, prefix, suffix, 3))


def gru_to_torch(
    params: GRUParams, *, prefix: str = "", suffix: str = "_l0"
) -> dict[str, Any]:
    """torch's names for GRUParams.

    >>> import numpy as np
    >>> bias = np.ones(6)
    >>> params = GRUParams(np.ones((3, 6)), np.ones((2, 6)), bias, bias)
    >>> list(gru_to_torch(params, prefix="gru."))
    ['gru.weight_ih_l0', 'gru.weight_hh_l0', 'gru.bias_ih_l0', 'gru.bias_hh_l0']
    """
    return _named(params, params.recurrent_bias, prefix, suffix)


def rnn_from_torch(
    tensors: Tensors, *, prefix: str = "", suffix: str = "_l0"
) -> RNNParams:
    """RNNParams of torch's with tanh; b = b_ih + b_hh.

    >>> import numpy as np
    >>> tensors = {"weight_ih_l0": np.ones((2, 3)), "weight_hh_l0": np.ones((2, 2))}
    >>> rnn_from_torch(tensors).kernel.shape
    (3, 2)
    """
    kernel, inner, bias, again = _taken("rnn_from_torch", tensors, prefix, suffix, 1)
    return RNNParams(kernel, inner, bias + again)


def rnn_to_torch(
    params: RNNParams, *, prefix: str = "", suffix: str = "_l0"
) -> dict[str, Any]:
    """torch's names for RNNParams; bias_hh is 0.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> rnn_to_torch(params)["bias_hh_l0"].tolist()
    [0.0, 0.0]
    """
    return _named(params, _arrays.zeros(params.kernel), prefix, suffix)


def stack_from_torch(
    convert: Callable[..., Any], tensors: Tensors, *, prefix: str = ""
) -> tuple[tuple[Any, ...], ...]:
    """All layers of nn.LSTM, nn.GRU or nn.RNN: one tuple a layer, of its directions.

    `convert` is `lstm_from_torch` or another of its kind. A pair of directions is what
    `layers.bidirectional` takes.

    >>> import numpy as np
    >>> tensors = {"weight_ih_l0": np.ones((2, 3)), "weight_hh_l0": np.ones((2, 2))}
    >>> [len(directions) for directions in stack_from_torch(rnn_from_torch, tensors)]
    [1]
    """
    stack, first = [], f"{prefix}weight_ih_l"
    while not stack or f"{first}{len(stack)}" in tensors:
        suffixes = [f"_l{len(stack)}"]
        if f"{first}{len(stack)}_reverse" in tensors:
            suffixes.append(f"_l{len(stack)}_reverse")
        stack.append(tuple(convert(tensors, prefix=prefix, suffix=s) for s in suffixes))
    return tuple(stack)


def stack_to_torch(
    convert: Callable[..., dict[str, Any]],
    stack: Sequence[Sequence[Any]],
    *,
    prefix: str = "",
) -> dict[str, Any]:
    """torch's names for `stack`; `convert` is `lstm_to_torch` or another of its kind.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> list(stack_to_torch(rnn_to_torch, [(params, params)]))[4:6]
    ['weight_ih_l0_reverse', 'weight_hh_l0_reverse']
    """
    tensors: dict[str, Any] = {}
    for i, directions in enumerate(stack):
        for params, way in zip(directions, ("", "_reverse"), strict=False):
            tensors |= convert(params, prefix=prefix, suffix=f"_l{i}{way}")
    return tensors


def _taken(
    who: str, tensors: Tensors, prefix: str, suffix: str, gates: int
) -> tuple[Any, ...]:
    """(kernel, recurrent kernel, bias, recurrent bias): zeros if it has no bias."""
    names = [f"{prefix}{n}{suffix}" for n in ("weight_ih", "weight_hh")]
    biases = [f"{prefix}{n}{suffix}" for n in ("bias_ih", "bias_hh")]
    has_bias = any(name in tensors for name in biases)
    kernel, inner = (_arrays.taken(who, tensors, name).T for name in names)
    if has_bias:
        two = [_arrays.taken(who, tensors, name) for name in biases]
    else:
        two = [_arrays.zeros(kernel)] * 2
    return _sized(who, kernel, inner, *two, gates=gates)


def _sized(who: str, kernel: Any, inner: Any, *biases: Any, gates: int) -> tuple:
    """Shapes that go together, or an error that says which do not."""
    width = gates * inner.shape[0]
    shapes = [tuple(a.shape) for a in (kernel, inner, *biases)]
    right = [(kernel.shape[0], width), (inner.shape[0], width), *[(width,)] * 2]
    if shapes != right[: len(shapes)]:
        must = f"for {inner.shape[0]} units the shapes must be {right}"
        _check.fail(who, must, shapes, "Is it of another kind of cell?")
    return kernel, inner, *biases


def _named(params: Any, again: Any, prefix: str, suffix: str) -> dict[str, Any]:
    arrays = (params.kernel.T, params.recurrent_kernel.T, params.bias, again)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {f"{prefix}{n}{suffix}": a for n, a in zip(names, arrays, strict=True)}
