"""Other people's weights: their files (extra `weights`), names and layouts.

    tensors = weights.read("model.safetensors")          # {name: array}

Nothing in a file is executed, and nothing is downloaded.
"""

from assay.weights._keras import read_keras as read_keras
from assay.weights._read import read as read
from assay.weights._safetensors import read_metadata as read_metadata
from assay.weights._safetensors import read_safetensors as read_safetensors
from assay.weights._safetensors import write_safetensors as write_safetensors
from assay.weights._torch import read_torch as read_torch
