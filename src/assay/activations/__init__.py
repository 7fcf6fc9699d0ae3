"""Activations: elementwise functions, softmax and log_softmax.

Half precision is computed in float32 and rounded once. Derivatives are written by hand
where the automatic ones cancel or overflow, in terms of functions that have such
derivatives themselves, so every order follows. NaN gives NaN, infinities the limits.
"""

from assay.activations._gelu import gelu as gelu
from assay.activations._piecewise import elu as elu
from assay.activations._piecewise import identity as identity
from assay.activations._piecewise import leaky_relu as leaky_relu
from assay.activations._piecewise import linear as linear
from assay.activations._piecewise import prelu as prelu
from assay.activations._piecewise import relu as relu
from assay.activations._piecewise import sign as sign
from assay.activations._piecewise import step as step
from assay.activations._sigmoid import sigmoid as sigmoid
from assay.activations._sigmoid import silu as silu
from assay.activations._sigmoid import softplus as softplus
from assay.activations._sigmoid import swish as swish
from assay.activations._sigmoid import swish_beta as swish_beta
from assay.activations._sigmoid import tanh as tanh
from assay.activations._softmax import log_softmax as log_softmax
from assay.activations._softmax import softmax as softmax
