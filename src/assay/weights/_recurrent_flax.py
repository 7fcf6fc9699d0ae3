"""Recurrent weights of Flax, Linen's and NNX's trees, to ours and back.

A tree is the dictionary of one cell: {"ii": {"kernel": ...}, ...} with a kernel a gate
as Linen has them, or {"dense_i": ..., "dense_h": ...} as NNX has most.
"""

from collections.abc import Mapping
from typing import Any

from assay import _check
from assay.layers import GRUParams, LSTMParams, RNNParams
from assay.weights import _arrays

Tree = Mapping[str, Any]


def lstm_from_flax(tree: Tree) -> LSTMParams:
    """LSTMParams of LSTMCell's or OptimizedLSTMCell's; gates i f g o in both.

    >>> import numpy as np
    >>> tree = lstm_to_flax(LSTMParams(np.ones((3, 8)), np.ones((2, 8)), np.ones(8)))
    >>> lstm_from_flax(tree).kernel.shape
    (3, 8)
    """
    if "dense_i" in tree:
        return LSTMParams(*_joint("lstm_from_flax", tree, "dense_i", "dense_h"))
    tree = {name.rstrip("_"): part for name, part in tree.items()}
    kernels, _ = _gates("lstm_from_flax", tree, "i", "ifgo")
    inner, biases = _gates("lstm_from_flax", tree, "h", "ifgo")
    bias = [_or_zero(b, k) for b, k in zip(biases, inner, strict=True)]
    return LSTMParams(*map(_arrays.beside, (kernels, inner, bias)))


def lstm_to_flax(params: LSTMParams) -> dict[str, Any]:
    """The tree of Linen's LSTMCell and OptimizedLSTMCell.

    >>> import numpy as np
    >>> tree = lstm_to_flax(LSTMParams(np.ones((3, 8)), np.ones((2, 8)), np.ones(8)))
    >>> sorted(tree)
    ['hf', 'hg', 'hi', 'ho', 'if', 'ig', 'ii', 'io']
    """
    kernels, inner, biases = (_arrays.split(array, 4) for array in params)
    tree: dict[str, Any] = {
        f"i{g}": {"kernel": k} for g, k in zip("ifgo", kernels, strict=True)
    }
    for g, k, b in zip("ifgo", inner, biases, strict=True):
        tree[f"h{g}"] = {"kernel": k, "bias": b}
    return tree


def lstm_to_nnx(params: LSTMParams) -> dict[str, Any]:
    """The tree of NNX's OptimizedLSTMCell.

    >>> import numpy as np
    >>> tree = lstm_to_nnx(LSTMParams(np.ones((3, 8)), np.ones((2, 8)), np.ones(8)))
    >>> {name: sorted(part) for name, part in tree.items()}
    {'dense_i': ['kernel'], 'dense_h': ['bias', 'kernel']}
    """
    inner = {"kernel": params.recurrent_kernel, "bias": params.bias}
    return {"dense_i": {"kernel": params.kernel}, "dense_h": inner}


def gru_from_flax(tree: Tree) -> GRUParams:
    """GRUParams of GRUCell's, for `gru_cell`; gates r z n in both.

    >>> import numpy as np
    >>> bias = np.ones(6)
    >>> params = GRUParams(np.ones((3, 6)), np.ones((2, 6)), bias, 0 * bias)
    >>> gru_from_flax(gru_to_nnx(params)).kernel.shape
    (3, 6)
    """
    if "dense_i" in tree:
        kernel, inner, bias = _joint("gru_from_flax", tree, "dense_i", "dense_h")
        return GRUParams(kernel, inner, bias, _arrays.zeros(kernel))
    kernels, biases = _gates("gru_from_flax", tree, "i", "rzn")
    inner, again = _gates("gru_from_flax", tree, "h", "rzn")
    bias = [_or_zero(b, k) for b, k in zip(biases, kernels, strict=True)]
    more = [_or_zero(b, k) for b, k in zip(again, inner, strict=True)]
    return GRUParams(*map(_arrays.beside, (kernels, inner, bias, more)))


def gru_to_flax(params: GRUParams) -> dict[str, Any]:
    """The tree of Linen's GRUCell; of the recurrent bias it has the part of n alone.

    Those of r and z are added to the bias, which changes no result.

    >>> import numpy as np
    >>> bias = np.ones(6)
    >>> params = GRUParams(np.ones((3, 6)), np.ones((2, 6)), bias, bias)
    >>> gru_to_flax(params)["ir"]["bias"].tolist()
    [2.0, 2.0]
    """
    kernels, inner, biases, again = (_arrays.split(array, 3) for array in params)
    biases = [biases[0] + again[0], biases[1] + again[1], biases[2]]
    tree: dict[str, Any] = {}
    for g, k, b in zip("rzn", kernels, biases, strict=True):
        tree[f"i{g}"] = {"kernel": k, "bias": b}
    for g, k in zip("rzn", inner, strict=True):
        tree[f"h{g}"] = {"kernel": k}
    tree["hn"]["bias"] = again[2]
    return tree


def gru_to_nnx(params: GRUParams) -> dict[str, Any]:
    """The tree of NNX's GRUCell, which has no recurrent bias: n's must be 0.

    >>> import numpy as np
    >>> bias = np.ones(3)
    >>> gru_to_nnx(GRUParams(np.ones((1, 3)), np.ones((1, 3)), bias, bias))
    Traceback (most recent call last):
    ValueError: gru_to_nnx: the recurrent bias of n must be 0, as NNX has none; got ...
    """
    r, z, n = _arrays.split(params.recurrent_bias, 3)
    if (n != 0).any():
        must = "the recurrent bias of n must be 0, as NNX has none"
        todo = "Give it to Linen's cell: gru_to_flax."
        _check.fail("gru_to_nnx", must, n, todo)
    bias = params.bias + _arrays.beside([r, z, n])
    inner = {"kernel": params.recurrent_kernel}
    return {"dense_i": {"kernel": params.kernel, "bias": bias}, "dense_h": inner}


def rnn_from_flax(tree: Tree) -> RNNParams:
    """RNNParams of SimpleCell's.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> rnn_from_flax(rnn_to_flax(params)).kernel.shape
    (3, 2)
    """
    names = ("dense_i", "dense_h") if "dense_i" in tree else ("i", "h")
    return RNNParams(*_joint("rnn_from_flax", tree, *names))


def rnn_to_flax(params: RNNParams) -> dict[str, Any]:
    """The tree of Linen's SimpleCell.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> sorted(rnn_to_flax(params)["i"])
    ['bias', 'kernel']
    """
    inner = {"kernel": params.recurrent_kernel}
    return {"i": {"kernel": params.kernel, "bias": params.bias}, "h": inner}


def rnn_to_nnx(params: RNNParams) -> dict[str, Any]:
    """The tree of NNX's SimpleCell.

    >>> import numpy as np
    >>> params = RNNParams(np.ones((3, 2)), np.ones((2, 2)), np.ones(2))
    >>> sorted(rnn_to_nnx(params))
    ['dense_h', 'dense_i']
    """
    return {f"dense_{name}": part for name, part in rnn_to_flax(params).items()}


def _joint(who: str, tree: Tree, first: str, second: str) -> tuple[Any, Any, Any]:
    """(kernel, recurrent kernel, bias): whichever of the two has one, or both."""
    parts = [_part(who, tree, name) for name in (first, second)]
    kernels = [_part(who, part, "kernel") for part in parts]
    biases = [part["bias"] for part in parts if "bias" in part]
    if not biases:
        biases = [_arrays.zeros(kernels[0])]
    return *kernels, sum(biases[1:], biases[0])


def _gates(who: str, tree: Tree, side: str, gates: str) -> tuple[list, list]:
    """(kernels, biases or None) of one side, a gate each."""
    parts = [_part(who, tree, side + gate) for gate in gates]
    kernels = [_part(who, part, "kernel") for part in parts]
    return kernels, [part.get("bias") for part in parts]


def _part(who: str, tree: Tree, name: str) -> Any:
    if name not in tree:
        must = f"the tree must have {name!r}"
        _check.fail(who, must, sorted(tree), "Is it one cell?")
    return tree[name]


def _or_zero(bias: Any, kernel: Any) -> Any:
    return _arrays.zeros(kernel) if bias is None else bias
