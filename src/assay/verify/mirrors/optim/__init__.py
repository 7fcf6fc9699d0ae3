"""Optax under the same names, and NumPy where Optax has no such rule.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.optim._adaptive import *
from assay.verify.mirrors.optim._averages import *
from assay.verify.mirrors.optim._basic import *
from assay.verify.mirrors.optim._clips import *
from assay.verify.mirrors.optim._grouped import *
from assay.verify.mirrors.optim._groups import *
from assay.verify.mirrors.optim._guards import *
from assay.verify.mirrors.optim._layerwise import *
from assay.verify.mirrors.optim._looks import *
from assay.verify.mirrors.optim._moments import *
from assay.verify.mirrors.optim._precision import *
from assay.verify.mirrors.optim._schedules import *
from assay.verify.mirrors.optim._searches import *
from assay.verify.mirrors.optim._wrappers import *
