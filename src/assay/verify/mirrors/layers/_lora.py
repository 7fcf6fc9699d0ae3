"""Low-rank and bilinear layers, in NumPy."""

import numpy as np

from assay.layers import LoRAParams
from assay.verify.mirrors._given import given, static, tree
from assay.verify.mirrors.layers._dense import dense

lora = tree(
    lambda rng: LoRAParams(rng.standard_normal((5, 2)), rng.standard_normal((2, 3)))
)


def _update(lora):
    return np.array([[sum(a * b) for b in lora.up.T] for a in lora.down])


@given(x=(2, 4, 5), kernel=(5, 3), lora=lora)
@given(x=(5,), kernel=(5, 3), lora=lora, bias=(3,), scale=static(0.5))
def lora_dense(x, kernel, lora, bias=None, scale=1.0):
    return dense(x, kernel + scale * _update(lora), bias)


@given(kernel=(5, 3), lora=lora, scale=static(0.5))
def merge_lora(kernel, lora, scale=1.0):
    return kernel + scale * _update(lora)


@given(kernel=(5, 3), lora=lora, scale=static(0.5))
def unmerge_lora(kernel, lora, scale=1.0):
    return kernel - scale * _update(lora)


@given(x=(2, 7, 5), y=(2, 7, 4), kernel=(5, 4, 3))
@given(x=(5,), y=(4,), kernel=(5, 4, 3), bias=(3,))
def bilinear_dense(x, y, kernel, bias=None):
    z = np.zeros((*x.shape[:-1], kernel.shape[-1])) + (0 if bias is None else bias)
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            z = z + x[..., i : i + 1] * y[..., j : j + 1] * kernel[i, j]
    return z


@given(x=(2, 4, 5), scale=(5,))
@given(x=(5,), scale=(5,), bias=(5,))
def affine(x, scale, bias=None):
    return x * scale + (0 if bias is None else bias)


@given(x=(2, 4, 5), scale=(5,))
def layer_scale(x, scale):
    return x * scale


@given(x=(2, 4, 5), kernel=(5, 5), bias=(5,), y=(2, 4, 5))
def highway(x, kernel, bias, y):
    gate = 1 / (1 + np.exp(-dense(x, kernel, bias)))
    return gate * y + (1 - gate) * x
