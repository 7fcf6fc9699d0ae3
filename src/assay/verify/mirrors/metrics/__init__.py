"""The metrics as scikit-learn computes them, or by their formula in NumPy.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.metrics._accuracy import *
from assay.verify.mirrors.metrics._agreement import *
from assay.verify.mirrors.metrics._bleu import *
from assay.verify.mirrors.metrics._calibration import *
from assay.verify.mirrors.metrics._confusion import *
from assay.verify.mirrors.metrics._correlation import *
from assay.verify.mirrors.metrics._curves import *
from assay.verify.mirrors.metrics._multilabel import *
from assay.verify.mirrors.metrics._ranking import *
from assay.verify.mirrors.metrics._regression import *
from assay.verify.mirrors.metrics._running import *
from assay.verify.mirrors.metrics._text import *
