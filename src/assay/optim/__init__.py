"""Optimizers as pairs of pure functions, in Optax's protocol: ours go inside Optax's.

A rule is `scale_by_x`; the named optimizer is the rule and a step downhill, chained.
To add one: its file, its line here, its mirror. A research optimizer (Shampoo, SOAP,
Sophia, Prodigy, ...) is the same: `_shampoo.py` holds `scale_by_shampoo` and `shampoo`.
"""

from assay.optim import schedules as schedules
from assay.optim._accumulate import ApplyEvery as ApplyEvery
from assay.optim._accumulate import MultiSteps as MultiSteps
from assay.optim._accumulate import MultiStepsState as MultiStepsState
from assay.optim._accumulate import apply_every as apply_every
from assay.optim._accumulate import has_updated as has_updated
from assay.optim._adabelief import ScaleByBeliefState as ScaleByBeliefState
from assay.optim._adabelief import adabelief as adabelief
from assay.optim._adabelief import scale_by_belief as scale_by_belief
from assay.optim._adadelta import ScaleByAdaDeltaState as ScaleByAdaDeltaState
from assay.optim._adadelta import adadelta as adadelta
from assay.optim._adadelta import scale_by_adadelta as scale_by_adadelta
from assay.optim._adafactor import FactoredState as FactoredState
from assay.optim._adafactor import adafactor as adafactor
from assay.optim._adafactor import scale_by_factored_rms as scale_by_factored_rms
from assay.optim._adagrad import ScaleByRssState as ScaleByRssState
from assay.optim._adagrad import adagrad as adagrad
from assay.optim._adagrad import scale_by_rss as scale_by_rss
from assay.optim._adam import ScaleByAdamState as ScaleByAdamState
from assay.optim._adam import adam as adam
from assay.optim._adam import scale_by_adam as scale_by_adam
from assay.optim._adamax import ScaleByAdamaxState as ScaleByAdamaxState
from assay.optim._adamax import adamax as adamax
from assay.optim._adamax import adamaxw as adamaxw
from assay.optim._adamax import scale_by_adamax as scale_by_adamax
from assay.optim._adamw import adamw as adamw
from assay.optim._adamw import nadamw as nadamw
from assay.optim._adan import ScaleByAdanState as ScaleByAdanState
from assay.optim._adan import adan as adan
from assay.optim._adan import scale_by_adan as scale_by_adan
from assay.optim._adaptive_clip import adaptive_grad_clip as adaptive_grad_clip
from assay.optim._adaptive_clip import unitwise_norm as unitwise_norm
from assay.optim._amsgrad import ScaleByAmsgradState as ScaleByAmsgradState
from assay.optim._amsgrad import amsgrad as amsgrad
from assay.optim._amsgrad import scale_by_amsgrad as scale_by_amsgrad
from assay.optim._average import EmaState as EmaState
from assay.optim._average import ParamsEmaState as ParamsEmaState
from assay.optim._average import SwaState as SwaState
from assay.optim._average import ema as ema
from assay.optim._average import incremental_update as incremental_update
from assay.optim._average import params_ema as params_ema
from assay.optim._average import periodic_update as periodic_update
from assay.optim._average import swa as swa
from assay.optim._blocks import clip_by_block_rms as clip_by_block_rms
from assay.optim._blocks import scale_by_param_block_norm as scale_by_param_block_norm
from assay.optim._blocks import scale_by_param_block_rms as scale_by_param_block_rms
from assay.optim._centralize import centralize as centralize
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
from assay.optim._fromage import fromage as fromage
from assay.optim._grouped import GroupedLeaves as GroupedLeaves
from assay.optim._grouped import group_leaves as group_leaves
from assay.optim._grouped import per_leaf as per_leaf
from assay.optim._grouped import regroup_leaves as regroup_leaves
from assay.optim._grouped import ungroup_leaves as ungroup_leaves
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
from assay.optim._lamb import lamb as lamb
from assay.optim._lars import lars as lars
from assay.optim._lbfgs import ScaleByLBFGSState as ScaleByLBFGSState
from assay.optim._lbfgs import lbfgs as lbfgs
from assay.optim._lbfgs import scale_by_lbfgs as scale_by_lbfgs
from assay.optim._linesearch import (
    value_and_grad_from_state as value_and_grad_from_state,
)
from assay.optim._linesearch_backtracking import (
    BacktrackingLinesearchInfo as BacktrackingLinesearchInfo,
)
from assay.optim._linesearch_backtracking import (
    ScaleByBacktrackingLinesearchState as ScaleByBacktrackingLinesearchState,
)
from assay.optim._linesearch_backtracking import (
    scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
)
from assay.optim._linesearch_zoom import (
    ScaleByZoomLinesearchState as ScaleByZoomLinesearchState,
)
from assay.optim._linesearch_zoom import ZoomLinesearchInfo as ZoomLinesearchInfo
from assay.optim._linesearch_zoom import (
    scale_by_zoom_linesearch as scale_by_zoom_linesearch,
)
from assay.optim._lion import ScaleByLionState as ScaleByLionState
from assay.optim._lion import lion as lion
from assay.optim._lion import scale_by_lion as scale_by_lion
from assay.optim._lookahead import LookaheadParams as LookaheadParams
from assay.optim._lookahead import LookaheadState as LookaheadState
from assay.optim._lookahead import lookahead as lookahead
from assay.optim._loss_scale import LossScaleState as LossScaleState
from assay.optim._loss_scale import dynamic_loss_scale as dynamic_loss_scale
from assay.optim._loss_scale import scale_loss as scale_loss
from assay.optim._loss_scale import static_loss_scale as static_loss_scale
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
from assay.optim._monitor import MonitorState as MonitorState
from assay.optim._monitor import SnapshotState as SnapshotState
from assay.optim._monitor import measure_with_ema as measure_with_ema
from assay.optim._monitor import monitor as monitor
from assay.optim._monitor import snapshot as snapshot
from assay.optim._muon import MuonDimensionNumbers as MuonDimensionNumbers
from assay.optim._muon import MuonState as MuonState
from assay.optim._muon import muon as muon
from assay.optim._muon import muon_labels as muon_labels
from assay.optim._muon import scale_by_muon as scale_by_muon
from assay.optim._nadam import ScaleByNadamState as ScaleByNadamState
from assay.optim._nadam import nadam as nadam
from assay.optim._nadam import scale_by_nadam as scale_by_nadam
from assay.optim._noise import AddNoiseState as AddNoiseState
from assay.optim._noise import add_noise as add_noise
from assay.optim._noise import noisy_sgd as noisy_sgd
from assay.optim._nonnegative import NonNegativeParamsState as NonNegativeParamsState
from assay.optim._nonnegative import keep_params_nonnegative as keep_params_nonnegative
from assay.optim._normalize import normalize_by_update_norm as normalize_by_update_norm
from assay.optim._novograd import ScaleByNovogradState as ScaleByNovogradState
from assay.optim._novograd import novograd as novograd
from assay.optim._novograd import scale_by_novograd as scale_by_novograd
from assay.optim._optimistic import (
    ScaleByOptimisticGradientState as ScaleByOptimisticGradientState,
)
from assay.optim._optimistic import optimistic_adam_v2 as optimistic_adam_v2
from assay.optim._optimistic import (
    optimistic_gradient_descent as optimistic_gradient_descent,
)
from assay.optim._optimistic import (
    scale_by_optimistic_gradient as scale_by_optimistic_gradient,
)
from assay.optim._partition import PartitionState as PartitionState
from assay.optim._partition import multi_transform as multi_transform
from assay.optim._partition import partition as partition
from assay.optim._partition import selective_transform as selective_transform
from assay.optim._per_example import (
    per_example_global_norm_clip as per_example_global_norm_clip,
)
from assay.optim._per_example import (
    per_example_layer_norm_clip as per_example_layer_norm_clip,
)
from assay.optim._plateau import ReduceLROnPlateauState as ReduceLROnPlateauState
from assay.optim._plateau import reduce_on_plateau as reduce_on_plateau
from assay.optim._polyak import polyak_sgd as polyak_sgd
from assay.optim._polyak import scale_by_polyak as scale_by_polyak
from assay.optim._privacy import (
    DifferentiallyPrivateAggregateState as DifferentiallyPrivateAggregateState,
)
from assay.optim._privacy import (
    differentially_private_aggregate as differentially_private_aggregate,
)
from assay.optim._radam import ScaleByRadamState as ScaleByRadamState
from assay.optim._radam import radam as radam
from assay.optim._radam import scale_by_radam as scale_by_radam
from assay.optim._rmsprop import ScaleByRmsState as ScaleByRmsState
from assay.optim._rmsprop import ScaleByStddevState as ScaleByStddevState
from assay.optim._rmsprop import rmsprop as rmsprop
from assay.optim._rmsprop import scale_by_rms as scale_by_rms
from assay.optim._rmsprop import scale_by_stddev as scale_by_stddev
from assay.optim._rounding import KahanState as KahanState
from assay.optim._rounding import MasterWeightsState as MasterWeightsState
from assay.optim._rounding import StochasticRoundingState as StochasticRoundingState
from assay.optim._rounding import kahan_summation as kahan_summation
from assay.optim._rounding import master_weights as master_weights
from assay.optim._rounding import stochastic_rounding as stochastic_rounding
from assay.optim._rprop import ScaleByRpropState as ScaleByRpropState
from assay.optim._rprop import rprop as rprop
from assay.optim._rprop import scale_by_rprop as scale_by_rprop
from assay.optim._schedule_free import ScheduleFreeState as ScheduleFreeState
from assay.optim._schedule_free import schedule_free as schedule_free
from assay.optim._schedule_free import schedule_free_adamw as schedule_free_adamw
from assay.optim._schedule_free import (
    schedule_free_eval_params as schedule_free_eval_params,
)
from assay.optim._schedule_free import schedule_free_sgd as schedule_free_sgd
from assay.optim._sgd import TraceState as TraceState
from assay.optim._sgd import momentum as momentum
from assay.optim._sgd import sgd as sgd
from assay.optim._sgd import trace as trace
from assay.optim._signum import scale_by_sign as scale_by_sign
from assay.optim._signum import sign_sgd as sign_sgd
from assay.optim._signum import signum as signum
from assay.optim._sm3 import ScaleBySM3State as ScaleBySM3State
from assay.optim._sm3 import scale_by_sm3 as scale_by_sm3
from assay.optim._sm3 import sm3 as sm3
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
from assay.optim._trust import scale_by_trust_ratio as scale_by_trust_ratio
from assay.optim._yogi import ScaleByYogiState as ScaleByYogiState
from assay.optim._yogi import scale_by_yogi as scale_by_yogi
from assay.optim._yogi import yogi as yogi
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
