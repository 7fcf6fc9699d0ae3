"""Attention and transformer blocks of torch and BERT, to ours and back: heads apart.

torch and Hugging Face keep the heads beside one another in one axis, ours in two.
"""

from collections.abc import Mapping
from typing import Any

from assay import _check
from assay.layers import AttentionParams, EncoderParams, FeedForwardParams
from assay.weights import _arrays, _layouts

Tensors = Mapping[str, Any]
WAYS = ("q", "k", "v")


def heads_from_torch(weight: Any, *, heads: int) -> Any:
    """(heads·h, i) -> (i, heads, h); a bias (heads·h,) -> (heads, h).

    >>> import numpy as np
    >>> heads_from_torch(np.ones((6, 5)), heads=3).shape
    (5, 3, 2)
    """
    if heads < 1 or weight.shape[0] % heads:
        must = f"{heads} heads must divide the outputs"
        _check.fail("heads_from_torch", must, tuple(weight.shape))
    split = weight.reshape(heads, weight.shape[0] // heads, *weight.shape[1:])
    return split if weight.ndim == 1 else split.transpose(2, 0, 1)


def heads_to_torch(kernel: Any) -> Any:
    """(i, heads, h) -> (heads·h, i); a bias (heads, h) -> (heads·h,).

    >>> import numpy as np
    >>> heads_to_torch(np.ones((5, 3, 2))).shape
    (6, 5)
    """
    turned = kernel if kernel.ndim == 2 else kernel.transpose(1, 2, 0)
    return turned.reshape(turned.shape[0] * turned.shape[1], *turned.shape[2:])


def merge_from_torch(weight: Any, *, heads: int) -> Any:
    """(o, heads·h) -> (heads, h, o): the product that merges the heads.

    >>> import numpy as np
    >>> merge_from_torch(np.ones((5, 6)), heads=3).shape
    (3, 2, 5)
    """
    kernel = _layouts.dense_from_torch(weight)
    if heads < 1 or kernel.shape[0] % heads:
        must = f"{heads} heads must divide the inputs"
        _check.fail("merge_from_torch", must, tuple(weight.shape))
    return kernel.reshape(heads, kernel.shape[0] // heads, kernel.shape[1])


def merge_to_torch(kernel: Any) -> Any:
    """(heads, h, o) -> (o, heads·h).

    >>> import numpy as np
    >>> merge_to_torch(np.ones((3, 2, 5))).shape
    (5, 6)
    """
    n, h, o = kernel.shape
    return kernel.reshape(n * h, o).T


def attention_from_torch(
    tensors: Tensors, *, heads: int, prefix: str = ""
) -> AttentionParams:
    """AttentionParams of nn.MultiheadAttention, with kdim and vdim or without.

    >>> import numpy as np
    >>> one = np.ones((6, 6))
    >>> tensors = {"in_proj_weight": np.ones((18, 6)), "out_proj.weight": one}
    >>> attention_from_torch(tensors, heads=3).q_kernel.shape
    (6, 3, 2)
    """
    who = "attention_from_torch"
    if f"{prefix}bias_k" in tensors:
        must = "the layer must have no extra key and value (add_bias_kv=False)"
        _check.fail(who, must, f"{prefix}bias_k")
    joint = f"{prefix}in_proj_weight"
    if joint in tensors:
        kernels = _thirds(tensors[joint])
    else:
        names = (f"{prefix}{way}_proj_weight" for way in WAYS)
        kernels = [_arrays.taken(who, tensors, name) for name in names]
    joint = f"{prefix}in_proj_bias"
    biases = _thirds(tensors[joint]) if joint in tensors else [None] * 3
    out = _arrays.taken(who, tensors, f"{prefix}out_proj.weight")
    q, k, v = (heads_from_torch(kernel, heads=heads) for kernel in kernels)
    qb, kb, vb = (b if b is None else heads_from_torch(b, heads=heads) for b in biases)
    merge = merge_from_torch(out, heads=heads)
    last = tensors.get(f"{prefix}out_proj.bias")
    return AttentionParams(q, k, v, merge, qb, kb, vb, last)


def attention_to_torch(params: AttentionParams, *, prefix: str = "") -> dict[str, Any]:
    """torch's names for AttentionParams with as many heads of keys as of queries.

    >>> import numpy as np
    >>> params = AttentionParams(*[np.ones((6, 3, 2))] * 3, np.ones((3, 2, 6)))
    >>> {name: a.shape for name, a in attention_to_torch(params).items()}
    {'in_proj_weight': (18, 6), 'out_proj.weight': (6, 6)}
    """
    kernels = [heads_to_torch(kernel) for kernel in params[:3]]
    if len({kernel.shape[0] for kernel in kernels}) > 1:
        shapes = [tuple(kernel.shape) for kernel in params[:3]]
        must = "q, k and v must have as many heads, as nn.MultiheadAttention has"
        _check.fail("attention_to_torch", must, shapes)
    if len({kernel.shape for kernel in kernels}) == 1:
        tensors = {f"{prefix}in_proj_weight": _joined(kernels)}
    else:
        names = (f"{prefix}{way}_proj_weight" for way in WAYS)
        tensors = dict(zip(names, kernels, strict=True))
    tensors[f"{prefix}out_proj.weight"] = merge_to_torch(params.out_kernel)
    biases = (params.q_bias, params.k_bias, params.v_bias)
    if all(bias is not None for bias in biases):
        joint = _joined([heads_to_torch(bias) for bias in biases])
        tensors[f"{prefix}in_proj_bias"] = joint
    if params.out_bias is not None:
        tensors[f"{prefix}out_proj.bias"] = params.out_bias
    return tensors


def encoder_from_torch(
    tensors: Tensors, *, heads: int, prefix: str = ""
) -> EncoderParams:
    """EncoderParams of nn.TransformerEncoderLayer; its order of norms is `arrange`'s.

    >>> import numpy as np
    >>> params = AttentionParams(*[np.ones((6, 3, 2))] * 3, np.ones((3, 2, 6)))
    >>> wide = FeedForwardParams(np.ones((6, 7)), np.ones((7, 6)))
    >>> norm = np.ones(6), np.zeros(6)
    >>> tensors = encoder_to_torch(EncoderParams(params, norm, wide, norm))
    >>> encoder_from_torch(tensors, heads=3).feed_forward.kernel.shape
    (6, 7)
    """

    def get(name: str) -> Any:
        return _arrays.taken("encoder_from_torch", tensors, prefix + name)

    first, second = (
        (get(f"norm{n}.weight"), tensors.get(f"{prefix}norm{n}.bias")) for n in (1, 2)
    )
    wide = FeedForwardParams(
        _layouts.dense_from_torch(get("linear1.weight")),
        _layouts.dense_from_torch(get("linear2.weight")),
        *(tensors.get(f"{prefix}linear{n}.bias") for n in (1, 2)),
    )
    attention = attention_from_torch(tensors, heads=heads, prefix=f"{prefix}self_attn.")
    return EncoderParams(attention, first, wide, second)


def encoder_to_torch(params: EncoderParams, *, prefix: str = "") -> dict[str, Any]:
    """torch's names for EncoderParams, with FeedForwardParams inside.

    >>> import numpy as np
    >>> params = AttentionParams(*[np.ones((6, 3, 2))] * 3, np.ones((3, 2, 6)))
    >>> wide = FeedForwardParams(np.ones((6, 7)), np.ones((7, 6)))
    >>> norm = np.ones(6), np.zeros(6)
    >>> tensors = encoder_to_torch(EncoderParams(params, norm, wide, norm), prefix="a.")
    >>> sorted(tensors)[:3]
    ['a.linear1.weight', 'a.linear2.weight', 'a.norm1.bias']
    """
    wide = params.feed_forward
    tensors = attention_to_torch(params.attention, prefix=f"{prefix}self_attn.")
    tensors[f"{prefix}linear1.weight"] = _layouts.dense_to_torch(wide.kernel)
    tensors[f"{prefix}linear2.weight"] = _layouts.dense_to_torch(wide.out_kernel)
    norms = (params.attention_norm, params.feed_forward_norm)
    more = {
        **{f"linear{n}.bias": b for n, b in ((1, wide.bias), (2, wide.out_bias))},
        **{f"norm{n}.weight": norm[0] for n, norm in enumerate(norms, 1)},
        **{f"norm{n}.bias": norm[1] for n, norm in enumerate(norms, 1)},
    }
    return tensors | {prefix + n: a for n, a in more.items() if a is not None}


def _thirds(array: Any) -> list[Any]:
    return _arrays.namespace(array).split(array, 3, axis=0)


def _joined(arrays: list[Any]) -> Any:
    return _arrays.namespace(*arrays).concatenate(arrays, axis=0)
