"""The rule of every optimizer in NumPy float64, under the name that ours has.

A second source beside Optax, written from the papers and from what torch and Keras do:
``rules.adam(t, g, p, s, rate, **settings) -> (update, s)``. The settings have the names
and defaults of ours, the conventions in which libraries differ among them.
"""

# ruff: noqa: F403
from assay.verify.rules._adabelief import *
from assay.verify.rules._adadelta import *
from assay.verify.rules._adafactor import *
from assay.verify.rules._adagrad import *
from assay.verify.rules._adam import *
from assay.verify.rules._adamax import *
from assay.verify.rules._adan import *
from assay.verify.rules._lion import *
from assay.verify.rules._muon import *
from assay.verify.rules._nadam import *
from assay.verify.rules._novograd import *
from assay.verify.rules._optimistic import *
from assay.verify.rules._polyak import *
from assay.verify.rules._radam import *
from assay.verify.rules._rmsprop import *
from assay.verify.rules._rprop import *
from assay.verify.rules._schedule_free import *
from assay.verify.rules._sgd import *
from assay.verify.rules._signum import *
from assay.verify.rules._sm3 import *
from assay.verify.rules._trust import *
from assay.verify.rules._yogi import *
