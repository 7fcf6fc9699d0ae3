"""Activations by jax.nn, SciPy and NumPy; limits at infinity where those give NaN.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.activations._elementwise import *
from assay.verify.mirrors.activations._gates import *
from assay.verify.mirrors.activations._maps import *
from assay.verify.mirrors.activations._piecewise import *
from assay.verify.mirrors.activations._rows import *
