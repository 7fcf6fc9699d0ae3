"""The rule of every optimizer in NumPy float64, under the name that ours has.

A second source beside Optax, written from the papers and from what torch and Keras do:
``rules.adam(t, g, p, s, rate, **settings) -> (update, s)``. The settings have the names
and defaults of ours, the conventions in which libraries differ among them.
"""

# ruff: noqa: F403
from assay.verify.rules._adagrad import *
from assay.verify.rules._adam import *
from assay.verify.rules._lion import *
from assay.verify.rules._rmsprop import *
from assay.verify.rules._sgd import *
