"""assay: a functional deep learning kit for JAX.

Every layer, activation and loss is a pure function, and every one is tested.
Rooms, from the ground up; a room imports only rooms below it:

    4  cli
    3  verify   bench
    2  models   data   training   weights   plots
    1  activations  initializers  losses  metrics  layers  optim  augment  images
       costs  sampling
    0  typing   autodiff   _check   _numerics   _geometry

This door imports no room: write ``from assay import layers, losses, optim``.
"""

from importlib.metadata import version as _version

__version__ = _version("assay")
