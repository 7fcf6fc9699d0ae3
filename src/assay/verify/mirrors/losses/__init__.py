"""Losses by Optax, torch, and NumPy in extended precision where those cancel.

Every file is read whole: a name without underscore in it is a mirror.
"""

# ruff: noqa: F403
from assay.verify.mirrors.losses._basic import *
