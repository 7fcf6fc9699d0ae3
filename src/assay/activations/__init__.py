"""Activations: elementwise functions, softmax and log_softmax.

Half precision is computed in float32 and rounded once. Derivatives are written by hand
where the automatic ones cancel or overflow, in terms of functions that have such
derivatives themselves, so every order follows. NaN gives NaN, infinities the limits.
"""

from assay.activations._elu import celu as celu
from assay.activations._elu import elu as elu
from assay.activations._elu import selu as selu
from assay.activations._gelu import gelu as gelu
from assay.activations._hard import hard_mish as hard_mish
from assay.activations._hard import hard_sigmoid as hard_sigmoid
from assay.activations._hard import hard_silu as hard_silu
from assay.activations._hard import hard_swish as hard_swish
from assay.activations._hard import hard_tanh as hard_tanh
from assay.activations._piecewise import identity as identity
from assay.activations._piecewise import linear as linear
from assay.activations._piecewise import sign as sign
from assay.activations._piecewise import step as step
from assay.activations._relu import leaky_relu as leaky_relu
from assay.activations._relu import prelu as prelu
from assay.activations._relu import relu as relu
from assay.activations._relu import relu6 as relu6
from assay.activations._relu import rrelu as rrelu
from assay.activations._relu import rrelu_inference as rrelu_inference
from assay.activations._relu import squared_relu as squared_relu
from assay.activations._relu import star_relu as star_relu
from assay.activations._shrink import hard_shrink as hard_shrink
from assay.activations._shrink import soft_shrink as soft_shrink
from assay.activations._shrink import threshold as threshold
from assay.activations._sigmoid import sigmoid as sigmoid
from assay.activations._sigmoid import silu as silu
from assay.activations._sigmoid import softplus as softplus
from assay.activations._sigmoid import swish as swish
from assay.activations._sigmoid import swish_beta as swish_beta
from assay.activations._sigmoid import tanh as tanh
from assay.activations._soft_cap import soft_cap as soft_cap
from assay.activations._logsumexp import logmeanexp as logmeanexp
from assay.activations._logsumexp import logsumexp as logsumexp
from assay.activations._softmax import log_softmax as log_softmax
from assay.activations._softmax import softmax as softmax
from assay.activations._sparse import sparse_plus as sparse_plus
from assay.activations._sparse import sparse_sigmoid as sparse_sigmoid
from assay.activations._surrogates import binarize as binarize
from assay.activations._surrogates import sign_sigmoid as sign_sigmoid
from assay.activations._surrogates import sign_straight_through as sign_straight_through
from assay.activations._surrogates import sign_triangular as sign_triangular
from assay.activations._surrogates import step_arctan as step_arctan
from assay.activations._surrogates import step_fast_sigmoid as step_fast_sigmoid
from assay.activations._surrogates import step_sigmoid as step_sigmoid
from assay.activations._surrogates import step_straight_through as step_straight_through
from assay.activations._surrogates import step_triangular as step_triangular
from assay.activations._surrogates import ternarize as ternarize
from assay.activations._waves import gaussian as gaussian
from assay.activations._waves import sine as sine
from assay.activations._waves import snake as snake
