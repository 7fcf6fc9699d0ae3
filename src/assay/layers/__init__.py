"""Layers: pure functions of arrays, channels last, with any number of batch axes.

``x`` is (*batch, *spatial, features), a sequence (*batch, time, features). Weights
come in as arguments, in the order of the formula; hyper-parameters are keywords;
what is random takes a ``key``; state that changes is returned. Half precision is
computed in float32 and rounded once.
"""

from assay.layers._batch_norm import BatchStats as BatchStats
from assay.layers._batch_norm import batch_norm as batch_norm
from assay.layers._batch_norm import batch_norm_inference as batch_norm_inference
from assay.layers._batch_norm import batch_norm_moments as batch_norm_moments
from assay.layers._batch_norm import update_batch_stats as update_batch_stats
from assay.layers._conditional_norm import adaptive_layer_norm as adaptive_layer_norm
from assay.layers._conditional_norm import film as film
from assay.layers._constraints import max_norm as max_norm
from assay.layers._constraints import min_max_norm as min_max_norm
from assay.layers._conv import conv as conv
from assay.layers._conv import depthwise_conv as depthwise_conv
from assay.layers._conv import fft_conv as fft_conv
from assay.layers._conv import grouped_conv as grouped_conv
from assay.layers._conv import pointwise_conv as pointwise_conv
from assay.layers._conv import separable_conv as separable_conv
from assay.layers._conv import spatially_separable_conv as spatially_separable_conv
from assay.layers._conv_transpose import conv_transpose as conv_transpose
from assay.layers._dense import dense as dense
from assay.layers._dense import flatten as flatten
from assay.layers._dense import residual as residual
from assay.layers._drop_block import drop_block as drop_block
from assay.layers._dropout import drop_connect as drop_connect
from assay.layers._dropout import drop_path as drop_path
from assay.layers._dropout import dropout as dropout
from assay.layers._dropout import spatial_dropout as spatial_dropout
from assay.layers._dropout_alpha import alpha_dropout as alpha_dropout
from assay.layers._dropout_alpha import feature_alpha_dropout as feature_alpha_dropout
from assay.layers._dropout_gaussian import gaussian_dropout as gaussian_dropout
from assay.layers._dropout_gaussian import gaussian_noise as gaussian_noise
from assay.layers._embedding import embedding as embedding
from assay.layers._group_norm import group_norm as group_norm
from assay.layers._group_norm import instance_norm as instance_norm
from assay.layers._layer_norm import layer_norm as layer_norm
from assay.layers._layer_norm import rms_norm as rms_norm
from assay.layers._layer_norm import unit_norm as unit_norm
from assay.layers._neurons import adaline as adaline
from assay.layers._neurons import lms_step as lms_step
from assay.layers._neurons import mcculloch_pitts as mcculloch_pitts
from assay.layers._neurons import mcculloch_pitts_theta as mcculloch_pitts_theta
from assay.layers._neurons import neuron as neuron
from assay.layers._neurons import perceptron as perceptron
from assay.layers._neurons import perceptron_rule as perceptron_rule
from assay.layers._patch_dropout import patch_dropout as patch_dropout
from assay.layers._pooling import avg_pool as avg_pool
from assay.layers._pooling import global_avg_pool as global_avg_pool
from assay.layers._pooling import global_max_pool as global_max_pool
from assay.layers._pooling import max_pool as max_pool
from assay.layers._recurrent import GRUParams as GRUParams
from assay.layers._recurrent import LSTMCarry as LSTMCarry
from assay.layers._recurrent import LSTMParams as LSTMParams
from assay.layers._recurrent import RNNParams as RNNParams
from assay.layers._recurrent import bidirectional as bidirectional
from assay.layers._recurrent import gru_cell as gru_cell
from assay.layers._recurrent import gru_reset_before_cell as gru_reset_before_cell
from assay.layers._recurrent import lengths_to_mask as lengths_to_mask
from assay.layers._recurrent import lstm_cell as lstm_cell
from assay.layers._recurrent import recurrent as recurrent
from assay.layers._recurrent import rnn_cell as rnn_cell
from assay.layers._recurrent import zero_carry as zero_carry
from assay.layers._response_norm import local_response_norm as local_response_norm
from assay.layers._statistics import Moments as Moments
from assay.layers._statistics import merge_moments as merge_moments
from assay.layers._statistics import moments as moments
from assay.layers._weight_norm import spectral_norm as spectral_norm
from assay.layers._weight_norm import weight_norm as weight_norm
from assay.layers._weight_norm import weight_standardize as weight_standardize
from assay.layers._zoneout import zoneout as zoneout
from assay.layers._zoneout import zoneout_inference as zoneout_inference
