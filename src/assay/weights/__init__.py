"""Other people's weights: their files (extra `weights`), names and layouts.

    tensors = weights.read("model.safetensors")          # {name: array}

Nothing in a file is executed, and nothing is downloaded.
"""

from assay.weights._keras import read_keras as read_keras
from assay.weights._layouts import conv_from_torch as conv_from_torch
from assay.weights._layouts import conv_to_torch as conv_to_torch
from assay.weights._layouts import conv_transpose_from_flax as conv_transpose_from_flax
from assay.weights._layouts import (
    conv_transpose_from_keras as conv_transpose_from_keras,
)
from assay.weights._layouts import (
    conv_transpose_from_torch as conv_transpose_from_torch,
)
from assay.weights._layouts import conv_transpose_to_flax as conv_transpose_to_flax
from assay.weights._layouts import conv_transpose_to_keras as conv_transpose_to_keras
from assay.weights._layouts import conv_transpose_to_torch as conv_transpose_to_torch
from assay.weights._layouts import dense_from_torch as dense_from_torch
from assay.weights._layouts import dense_to_torch as dense_to_torch
from assay.weights._layouts import (
    depthwise_conv_from_keras as depthwise_conv_from_keras,
)
from assay.weights._layouts import depthwise_conv_to_keras as depthwise_conv_to_keras
from assay.weights._layouts import kernel_from_torch as kernel_from_torch
from assay.weights._layouts import kernel_to_torch as kernel_to_torch
from assay.weights._layouts import same as same
from assay.weights._match import TORCH_RULES as TORCH_RULES
from assay.weights._match import Rule as Rule
from assay.weights._match import flatten as flatten
from assay.weights._match import match as match
from assay.weights._match import unmatch as unmatch
from assay.weights._read import read as read
from assay.weights._safetensors import read_metadata as read_metadata
from assay.weights._safetensors import read_safetensors as read_safetensors
from assay.weights._safetensors import write_safetensors as write_safetensors
from assay.weights._torch import read_torch as read_torch
