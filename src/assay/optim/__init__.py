"""Optimizers as pairs of pure functions, in Optax's protocol: ours go inside Optax's.

A rule is `scale_by_x`; the named optimizer is the rule and a step downhill, chained.
To add one: its file, its line here, its mirror.
"""

from assay.optim import schedules as schedules
from assay.optim._adagrad import ScaleByRssState as ScaleByRssState
from assay.optim._adagrad import adagrad as adagrad
from assay.optim._adagrad import scale_by_rss as scale_by_rss
from assay.optim._adam import ScaleByAdamState as ScaleByAdamState
from assay.optim._adam import adam as adam
from assay.optim._adam import scale_by_adam as scale_by_adam
from assay.optim._clip import clip as clip
from assay.optim._clip import clip_by_global_norm as clip_by_global_norm
from assay.optim._clip import global_norm as global_norm
from assay.optim._decay import AddDecayedWeightsState as AddDecayedWeightsState
from assay.optim._decay import add_decayed_weights as add_decayed_weights
from assay.optim._rmsprop import ScaleByRmsState as ScaleByRmsState
from assay.optim._rmsprop import ScaleByStddevState as ScaleByStddevState
from assay.optim._rmsprop import rmsprop as rmsprop
from assay.optim._rmsprop import scale_by_rms as scale_by_rms
from assay.optim._rmsprop import scale_by_stddev as scale_by_stddev
from assay.optim._sgd import TraceState as TraceState
from assay.optim._sgd import momentum as momentum
from assay.optim._sgd import sgd as sgd
from assay.optim._sgd import trace as trace
from assay.optim._transform import EmptyState as EmptyState
from assay.optim._transform import ScaleByScheduleState as ScaleByScheduleState
from assay.optim._transform import Transform as Transform
from assay.optim._transform import apply_updates as apply_updates
from assay.optim._transform import chain as chain
from assay.optim._transform import identity as identity
from assay.optim._transform import scale as scale
from assay.optim._transform import scale_by_learning_rate as scale_by_learning_rate
from assay.optim._transform import scale_by_schedule as scale_by_schedule
from assay.optim.schedules import RangeTest as RangeTest
from assay.optim.schedules import constant_schedule as constant_schedule
from assay.optim.schedules import cosine_decay_schedule as cosine_decay_schedule
from assay.optim.schedules import cosine_onecycle_schedule as cosine_onecycle_schedule
from assay.optim.schedules import cyclic_schedule as cyclic_schedule
from assay.optim.schedules import exponential_decay as exponential_decay
from assay.optim.schedules import inverse_sqrt_schedule as inverse_sqrt_schedule
from assay.optim.schedules import inverse_time_decay as inverse_time_decay
from assay.optim.schedules import join_schedules as join_schedules
from assay.optim.schedules import linear_onecycle_schedule as linear_onecycle_schedule
from assay.optim.schedules import linear_schedule as linear_schedule
from assay.optim.schedules import lr_range_schedule as lr_range_schedule
from assay.optim.schedules import lr_range_test as lr_range_test
from assay.optim.schedules import multiply_schedules as multiply_schedules
from assay.optim.schedules import (
    piecewise_constant_schedule as piecewise_constant_schedule,
)
from assay.optim.schedules import (
    piecewise_interpolate_schedule as piecewise_interpolate_schedule,
)
from assay.optim.schedules import polynomial_schedule as polynomial_schedule
from assay.optim.schedules import sgdr_schedule as sgdr_schedule
from assay.optim.schedules import warmup_constant_schedule as warmup_constant_schedule
from assay.optim.schedules import (
    warmup_cosine_decay_schedule as warmup_cosine_decay_schedule,
)
from assay.optim.schedules import (
    warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
)
from assay.optim.schedules import (
    warmup_stable_decay_schedule as warmup_stable_decay_schedule,
)
