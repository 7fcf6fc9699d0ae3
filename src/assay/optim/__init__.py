"""Optimizers as pairs of pure functions, in Optax's protocol: ours go inside Optax's.

A rule is `scale_by_x`; the named optimizer is the rule and a step downhill, chained.
To add one: its file, its line here, its mirror.
"""

from assay.optim import schedules as schedules
from assay.optim._accumulate import ApplyEvery as ApplyEvery
from assay.optim._accumulate import MultiSteps as MultiSteps
from assay.optim._accumulate import MultiStepsState as MultiStepsState
from assay.optim._accumulate import apply_every as apply_every
from assay.optim._accumulate import has_updated as has_updated
from assay.optim._adagrad import ScaleByRssState as ScaleByRssState
from assay.optim._adagrad import adagrad as adagrad
from assay.optim._adagrad import scale_by_rss as scale_by_rss
from assay.optim._adam import ScaleByAdamState as ScaleByAdamState
from assay.optim._adam import adam as adam
from assay.optim._adam import scale_by_adam as scale_by_adam
from assay.optim._clip import clip as clip
from assay.optim._clip import clip_by_global_norm as clip_by_global_norm
from assay.optim._clip import global_norm as global_norm
from assay.optim._conditional import ConditionallyMaskState as ConditionallyMaskState
from assay.optim._conditional import (
    ConditionallyTransformState as ConditionallyTransformState,
)
from assay.optim._conditional import conditionally_mask as conditionally_mask
from assay.optim._conditional import conditionally_transform as conditionally_transform
from assay.optim._decay import AddDecayedWeightsState as AddDecayedWeightsState
from assay.optim._decay import add_decayed_weights as add_decayed_weights
from assay.optim._finite import ApplyIfFiniteState as ApplyIfFiniteState
from assay.optim._finite import ZeroNansState as ZeroNansState
from assay.optim._finite import apply_if_finite as apply_if_finite
from assay.optim._finite import skip_large_updates as skip_large_updates
from assay.optim._finite import skip_not_finite as skip_not_finite
from assay.optim._finite import zero_nans as zero_nans
from assay.optim._flatten import flatten as flatten
from assay.optim._groups import GroupRow as GroupRow
from assay.optim._groups import decay_mask as decay_mask
from assay.optim._groups import group_table as group_table
from assay.optim._groups import label_by_path as label_by_path
from assay.optim._groups import layerwise_decay as layerwise_decay
from assay.optim._inject import (
    InjectStatefulHyperparamsState as InjectStatefulHyperparamsState,
)
from assay.optim._inject import WrappedScheduleState as WrappedScheduleState
from assay.optim._inject import hyperparams as hyperparams
from assay.optim._inject import inject_hyperparams as inject_hyperparams
from assay.optim._inject import set_hyperparams as set_hyperparams
from assay.optim._mask import MaskedNode as MaskedNode
from assay.optim._mask import MaskedState as MaskedState
from assay.optim._mask import freeze as freeze
from assay.optim._mask import masked as masked
from assay.optim._mask import stop_gradient as stop_gradient
from assay.optim._moments import bias_correction as bias_correction
from assay.optim._moments import safe_increment as safe_increment
from assay.optim._moments import safe_int32_increment as safe_int32_increment
from assay.optim._moments import safe_norm as safe_norm
from assay.optim._moments import safe_root_mean_squares as safe_root_mean_squares
from assay.optim._moments import update_infinity_moment as update_infinity_moment
from assay.optim._moments import update_moment as update_moment
from assay.optim._moments import (
    update_moment_per_elem_norm as update_moment_per_elem_norm,
)
from assay.optim._nonnegative import NonNegativeParamsState as NonNegativeParamsState
from assay.optim._nonnegative import keep_params_nonnegative as keep_params_nonnegative
from assay.optim._partition import PartitionState as PartitionState
from assay.optim._partition import multi_transform as multi_transform
from assay.optim._partition import partition as partition
from assay.optim._partition import selective_transform as selective_transform
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
from assay.optim._transform import init_empty_state as init_empty_state
from assay.optim._transform import named_chain as named_chain
from assay.optim._transform import scale as scale
from assay.optim._transform import scale_by_learning_rate as scale_by_learning_rate
from assay.optim._transform import scale_by_schedule as scale_by_schedule
from assay.optim._transform import set_to_zero as set_to_zero
from assay.optim._transform import stateless as stateless
from assay.optim._transform import stateless_with_tree_map as stateless_with_tree_map
from assay.optim._transform import with_extra_args_support as with_extra_args_support
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
