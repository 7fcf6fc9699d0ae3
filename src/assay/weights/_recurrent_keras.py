"""Recurrent weights of Keras, as `layer.get_weights()` has them, to ours and back.

Kernels lie as ours do; gates stand in another order. A layer with use_bias=False has
two arrays, and gets a bias of zeros.
"""

from typing import Any

from assay import _check
from assay.layers import GRUParams, LSTMParams, RNNParams
from assay.weights import _arrays

Kernel = Any  # an array of NumPy or of JAX


def lstm_from_keras(
    kernel: Kernel, recurrent_kernel: Kernel, bias: Kernel | None = None
) -> LSTMParams:
    """LSTMParams of Keras's; its gates i f c o are our i f g o.

    >>> import numpy as np
    >>> lstm_from_keras(np.ones((3, 8)), np.ones((2, 8)), np.ones(8)).bias.shape
    (8,)
    """
    _sized("lstm_from_keras", kernel, recurrent_kernel, 4)
    return LSTMParams(kernel, recurrent_kernel, _bias(kernel, bias))


def lstm_to_keras(params: LSTMParams) -> tuple[Kernel, Kernel, Kernel]:
    """(kernel, recurrent kernel, bias) for `layer.set_weights`.

    >>> import numpy as np
    >>> params = LSTMParams(np.ones((3, 8)), np.ones((2, 8)), np.ones(8))
    >>> [array.shape for array in lstm_to_keras(params)]
    [(3, 8), (2, 8), (8,)]
    """
    return params.kernel, params.recurrent_kernel, params.bias


def rnn_from_keras(
    kernel: Kernel, recurrent_kernel: Kernel, bias: Kernel | None = None
) -> RNNParams:
    """RNNParams of Keras's SimpleRNN.

    >>> import numpy as np
    >>> rnn_from_keras(np.ones((3, 2)), np.ones((2, 2))).bias.tolist()
    [0.0, 0.0]
    """
    _sized("rnn_from_keras", kernel, recurrent_kernel, 1)
    return RNNParams(kernel, recurrent_kernel, _bias(kernel, bias))


def rnn_to_keras(params: RNNParams) -> tuple[Kernel, Kernel, Kernel]:
    """(kernel, recurrent kernel, bias) for `layer.set_weights`.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> [array.shape for array in rnn_to_keras(params)]
    [(3, 2), (2, 2), (2,)]
    """
    return params.kernel, params.recurrent_kernel, params.bias


def gru_from_keras(
    kernel: Kernel, recurrent_kernel: Kernel, bias: Kernel | None = None
) -> GRUParams:
    """GRUParams of Keras's; its gates z r h are our z r n, in the order r z n.

    A bias (2, 3h) is that of reset_after=True, for `gru_cell`; one (3h,) is that of
    reset_after=False, for `gru_reset_before_cell`, and the recurrent bias is 0.

    >>> import numpy as np
    >>> params = gru_from_keras(
    ...     np.array([[1.0, 2.0, 3.0]]), np.ones((1, 3)), np.ones((2, 3)))
    >>> params.kernel.tolist()
    [[2.0, 1.0, 3.0]]
    """
    _sized("gru_from_keras", kernel, recurrent_kernel, 3)
    both = _bias(kernel, bias)
    two = tuple(both) if both.ndim == 2 else (both, _arrays.zeros(kernel))
    return GRUParams(*map(_exchanged, (kernel, recurrent_kernel, *two)))


def gru_to_keras(params: GRUParams) -> tuple[Kernel, Kernel, Kernel]:
    """(kernel, recurrent kernel, both biases) of a GRU with reset_after=True.

    >>> import numpy as np
    >>> bias = np.ones(3)
    >>> params = GRUParams(np.ones((1, 3)), np.ones((1, 3)), bias, bias)
    >>> [array.shape for array in gru_to_keras(params)]
    [(1, 3), (1, 3), (2, 3)]
    """
    kernel, inner, bias, again = map(_exchanged, params)
    return kernel, inner, _arrays.namespace(bias, again).stack([bias, again])


def gru_reset_before_to_keras(params: GRUParams) -> tuple[Kernel, Kernel, Kernel]:
    """(kernel, recurrent kernel, b + b′) of a GRU with reset_after=False.

    >>> import numpy as np
    >>> bias = np.ones(3)
    >>> params = GRUParams(np.ones((1, 3)), np.ones((1, 3)), bias, bias)
    >>> gru_reset_before_to_keras(params)[2].tolist()
    [2.0, 2.0, 2.0]
    """
    kernel, inner, bias, again = map(_exchanged, params)
    return kernel, inner, bias + again


def _exchanged(array: Kernel) -> Kernel:
    """The first two of three gates exchanged: z r h is r z n, and back."""
    first, second, third = _arrays.split(array, 3)
    return _arrays.beside([second, first, third])


def _bias(kernel: Any, bias: Any) -> Any:
    return _arrays.zeros(kernel) if bias is None else bias


def _sized(who: str, kernel: Kernel, inner: Kernel, gates: int) -> None:
    width = gates * inner.shape[0]
    if (kernel.shape[-1], inner.shape[-1]) != (width, width):
        must = f"{inner.shape[0]} units with {gates} gates must have {width} columns"
        got = f"{kernel.shape[-1]} and {inner.shape[-1]}"
        _check.fail(who, must, got, "Is it of another kind of cell?")
