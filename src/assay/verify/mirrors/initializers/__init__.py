"""Initializers by jax.nn.initializers, and by formulas in NumPy.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.initializers._drawn import *
from assay.verify.mirrors.initializers._recipes import *
