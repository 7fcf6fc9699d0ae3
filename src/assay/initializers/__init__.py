"""Initializers: jax.nn.initializers' names, signatures and, for one key, its numbers.

Each is ``(key, shape, dtype, out_sharding) -> array`` or makes one. Compared with JAX's
own, the float32 numbers are the same bit for bit under jit, and to 2 ULP op by op.
To know shapes without drawing anything: ``jax.eval_shape(init, key)``.

Not here, because they are no functions of a key and a shape: LSUV looks at data, Fixup
and T-Fixup change the network (biases and scales that they need) as they initialize it.
"""

from assay.initializers._constant import constant as constant
from assay.initializers._constant import ones as ones
from assay.initializers._constant import zeros as zeros
from assay.initializers._identity import bilinear_upsampling as bilinear_upsampling
from assay.initializers._identity import dirac as dirac
from assay.initializers._identity import eye as eye
from assay.initializers._identity import identity as identity
from assay.initializers._orthogonal import delta_orthogonal as delta_orthogonal
from assay.initializers._orthogonal import orthogonal as orthogonal
from assay.initializers._random import normal as normal
from assay.initializers._random import truncated_normal as truncated_normal
from assay.initializers._random import uniform as uniform
from assay.initializers._recipes import calculate_gain as calculate_gain
from assay.initializers._recipes import depth_scaled as depth_scaled
from assay.initializers._recipes import mup_readout as mup_readout
from assay.initializers._recipes import torch_bias as torch_bias
from assay.initializers._recipes import torch_kernel as torch_kernel
from assay.initializers._recipes import uniform_scaling as uniform_scaling
from assay.initializers._sparse import sparse as sparse
from assay.initializers._variance_scaling import glorot_normal as glorot_normal
from assay.initializers._variance_scaling import glorot_uniform as glorot_uniform
from assay.initializers._variance_scaling import he_normal as he_normal
from assay.initializers._variance_scaling import he_uniform as he_uniform
from assay.initializers._variance_scaling import kaiming_normal as kaiming_normal
from assay.initializers._variance_scaling import kaiming_uniform as kaiming_uniform
from assay.initializers._variance_scaling import lecun_normal as lecun_normal
from assay.initializers._variance_scaling import lecun_uniform as lecun_uniform
from assay.initializers._variance_scaling import variance_scaling as variance_scaling
from assay.initializers._variance_scaling import xavier_normal as xavier_normal
from assay.initializers._variance_scaling import xavier_uniform as xavier_uniform
