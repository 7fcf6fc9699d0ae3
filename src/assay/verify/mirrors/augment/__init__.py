"""Augmentation: what changes colours by the formula in NumPy or by colorsys; what
draws at random by properties: every result is one of the possible ones, and every
possible one occurs.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.augment._colours import *
from assay.verify.mirrors.augment._deform import *
from assay.verify.mirrors.augment._erase import *
from assay.verify.mirrors.augment._jitter import *
from assay.verify.mirrors.augment._mix import *
from assay.verify.mirrors.augment._moves import *
from assay.verify.mirrors.augment._rand_augment import *
from assay.verify.mirrors.augment._resized import *
from assay.verify.mirrors.augment._spectrogram import *
from assay.verify.mirrors.augment._warp import *
