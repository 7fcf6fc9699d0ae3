"""Losses by Optax, torch, and NumPy in extended precision where those cancel.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.losses._basic import *
from assay.verify.mirrors.losses._boxes import *
from assay.verify.mirrors.losses._contrastive import *
from assay.verify.mirrors.losses._ctc import *
from assay.verify.mirrors.losses._distances import *
from assay.verify.mirrors.losses._fenchel_young import *
from assay.verify.mirrors.losses._generative import *
from assay.verify.mirrors.losses._images import *
from assay.verify.mirrors.losses._likelihood import *
from assay.verify.mirrors.losses._log_cosh import *
from assay.verify.mirrors.losses._margin import *
from assay.verify.mirrors.losses._overlap import *
from assay.verify.mirrors.losses._ranking import *
from assay.verify.mirrors.losses._regression import *
from assay.verify.mirrors.losses._softmax import *
