"""The metrics as scikit-learn computes them, or by their formula in NumPy.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.metrics._basic import *
