"""References for the layers: loops in NumPy, one private file a kind."""

from assay.verify.mirrors.layers._attention import (
    additive_attention as additive_attention,
)
from assay.verify.mirrors.layers._attention import all_masks as all_masks
from assay.verify.mirrors.layers._attention import any_mask as any_mask
from assay.verify.mirrors.layers._attention import attention as attention
from assay.verify.mirrors.layers._attention import attention_pool as attention_pool
from assay.verify.mirrors.layers._attention import (
    attention_weights as attention_weights,
)
from assay.verify.mirrors.layers._attention import bias_score as bias_score
from assay.verify.mirrors.layers._attention import causal_mask as causal_mask
from assay.verify.mirrors.layers._attention import document_mask as document_mask
from assay.verify.mirrors.layers._attention import (
    dot_product_attention as dot_product_attention,
)
from assay.verify.mirrors.layers._attention import dropout_weights as dropout_weights
from assay.verify.mirrors.layers._attention import linear_attention as linear_attention
from assay.verify.mirrors.layers._attention import luong_attention as luong_attention
from assay.verify.mirrors.layers._attention import prefix_mask as prefix_mask
from assay.verify.mirrors.layers._attention import shaw_attention as shaw_attention
from assay.verify.mirrors.layers._attention import sink_attention as sink_attention
from assay.verify.mirrors.layers._attention import soft_cap_score as soft_cap_score
from assay.verify.mirrors.layers._attention import window_mask as window_mask
from assay.verify.mirrors.layers._block import decoder_block as decoder_block
from assay.verify.mirrors.layers._block import encoder_block as encoder_block
from assay.verify.mirrors.layers._block import feed_forward as feed_forward
from assay.verify.mirrors.layers._block import gated_feed_forward as gated_feed_forward
from assay.verify.mirrors.layers._block import parallel_block as parallel_block
from assay.verify.mirrors.layers._block import post_norm as post_norm
from assay.verify.mirrors.layers._block import pre_norm as pre_norm
from assay.verify.mirrors.layers._cells import broadcast_carry as broadcast_carry
from assay.verify.mirrors.layers._cells import coupled_lstm_cell as coupled_lstm_cell
from assay.verify.mirrors.layers._cells import jordan_cell as jordan_cell
from assay.verify.mirrors.layers._cells import (
    layer_norm_gru_cell as layer_norm_gru_cell,
)
from assay.verify.mirrors.layers._cells import (
    layer_norm_lstm_cell as layer_norm_lstm_cell,
)
from assay.verify.mirrors.layers._cells import mgu_cell as mgu_cell
from assay.verify.mirrors.layers._cells import peephole_lstm_cell as peephole_lstm_cell
from assay.verify.mirrors.layers._cells import (
    projected_lstm_cell as projected_lstm_cell,
)
from assay.verify.mirrors.layers._compose import parallel as parallel
from assay.verify.mirrors.layers._compose import sequential as sequential
from assay.verify.mirrors.layers._compose import stack as stack
from assay.verify.mirrors.layers._compose import stack_cells as stack_cells
from assay.verify.mirrors.layers._compose import stack_params as stack_params
from assay.verify.mirrors.layers._compose import unstack_params as unstack_params
from assay.verify.mirrors.layers._conditional_norm import (
    adaptive_layer_norm as adaptive_layer_norm,
)
from assay.verify.mirrors.layers._conditional_norm import film as film
from assay.verify.mirrors.layers._constraints import max_norm as max_norm
from assay.verify.mirrors.layers._constraints import min_max_norm as min_max_norm
from assay.verify.mirrors.layers._conv import conv as conv
from assay.verify.mirrors.layers._conv import depthwise_conv as depthwise_conv
from assay.verify.mirrors.layers._conv import fft_conv as fft_conv
from assay.verify.mirrors.layers._conv import grouped_conv as grouped_conv
from assay.verify.mirrors.layers._conv import pointwise_conv as pointwise_conv
from assay.verify.mirrors.layers._conv import separable_conv as separable_conv
from assay.verify.mirrors.layers._conv import (
    spatially_separable_conv as spatially_separable_conv,
)
from assay.verify.mirrors.layers._conv_transpose import conv_transpose as conv_transpose
from assay.verify.mirrors.layers._dense import dense as dense
from assay.verify.mirrors.layers._dense import flatten as flatten
from assay.verify.mirrors.layers._dense import residual as residual
from assay.verify.mirrors.layers._dense_general import dense_general as dense_general
from assay.verify.mirrors.layers._dropout import alpha_dropout as alpha_dropout
from assay.verify.mirrors.layers._dropout import drop_block as drop_block
from assay.verify.mirrors.layers._dropout import drop_connect as drop_connect
from assay.verify.mirrors.layers._dropout import drop_path as drop_path
from assay.verify.mirrors.layers._dropout import dropout as dropout
from assay.verify.mirrors.layers._dropout import (
    feature_alpha_dropout as feature_alpha_dropout,
)
from assay.verify.mirrors.layers._dropout import patch_dropout as patch_dropout
from assay.verify.mirrors.layers._dropout import spatial_dropout as spatial_dropout
from assay.verify.mirrors.layers._dropout import zoneout as zoneout
from assay.verify.mirrors.layers._dropout import zoneout_inference as zoneout_inference
from assay.verify.mirrors.layers._embedding import embedding as embedding
from assay.verify.mirrors.layers._embedding_bag import attend as attend
from assay.verify.mirrors.layers._embedding_bag import embedding_bag as embedding_bag
from assay.verify.mirrors.layers._embedding_bag import (
    embedding_bag_max as embedding_bag_max,
)
from assay.verify.mirrors.layers._embedding_bag import (
    embedding_bag_mean as embedding_bag_mean,
)
from assay.verify.mirrors.layers._embedding_bag import multi_hot as multi_hot
from assay.verify.mirrors.layers._embedding_bag import (
    padded_embedding as padded_embedding,
)
from assay.verify.mirrors.layers._experts import load_balance_loss as load_balance_loss
from assay.verify.mirrors.layers._experts import (
    mixture_of_experts as mixture_of_experts,
)
from assay.verify.mirrors.layers._experts import (
    mixture_with_capacity as mixture_with_capacity,
)
from assay.verify.mirrors.layers._experts import route as route
from assay.verify.mirrors.layers._experts import router_z_loss as router_z_loss
from assay.verify.mirrors.layers._fold_batch_norm import (
    fold_batch_norm as fold_batch_norm,
)
from assay.verify.mirrors.layers._local_conv import deformable_conv as deformable_conv
from assay.verify.mirrors.layers._local_conv import local_conv as local_conv
from assay.verify.mirrors.layers._lora import affine as affine
from assay.verify.mirrors.layers._lora import bilinear_dense as bilinear_dense
from assay.verify.mirrors.layers._lora import highway as highway
from assay.verify.mirrors.layers._lora import layer_scale as layer_scale
from assay.verify.mirrors.layers._lora import lora_dense as lora_dense
from assay.verify.mirrors.layers._lora import merge_lora as merge_lora
from assay.verify.mirrors.layers._lora import unmerge_lora as unmerge_lora
from assay.verify.mirrors.layers._masked_conv import masked_conv as masked_conv
from assay.verify.mirrors.layers._masked_conv import pixel_cnn_mask as pixel_cnn_mask
from assay.verify.mirrors.layers._multi_head import cached_attention as cached_attention
from assay.verify.mirrors.layers._multi_head import cross_attention as cross_attention
from assay.verify.mirrors.layers._multi_head import kv_cache as kv_cache
from assay.verify.mirrors.layers._multi_head import merge_heads as merge_heads
from assay.verify.mirrors.layers._multi_head import (
    multi_head_attention as multi_head_attention,
)
from assay.verify.mirrors.layers._multi_head import project_qkv as project_qkv
from assay.verify.mirrors.layers._neurons import adaline as adaline
from assay.verify.mirrors.layers._neurons import lms_step as lms_step
from assay.verify.mirrors.layers._neurons import mcculloch_pitts as mcculloch_pitts
from assay.verify.mirrors.layers._neurons import (
    mcculloch_pitts_theta as mcculloch_pitts_theta,
)
from assay.verify.mirrors.layers._neurons import neuron as neuron
from assay.verify.mirrors.layers._neurons import perceptron as perceptron
from assay.verify.mirrors.layers._neurons import perceptron_rule as perceptron_rule
from assay.verify.mirrors.layers._noise import gaussian_dropout as gaussian_dropout
from assay.verify.mirrors.layers._noise import gaussian_noise as gaussian_noise
from assay.verify.mirrors.layers._normalization import batch_norm as batch_norm
from assay.verify.mirrors.layers._normalization import (
    batch_norm_inference as batch_norm_inference,
)
from assay.verify.mirrors.layers._normalization import (
    batch_norm_moments as batch_norm_moments,
)
from assay.verify.mirrors.layers._normalization import group_norm as group_norm
from assay.verify.mirrors.layers._normalization import instance_norm as instance_norm
from assay.verify.mirrors.layers._normalization import layer_norm as layer_norm
from assay.verify.mirrors.layers._normalization import (
    local_response_norm as local_response_norm,
)
from assay.verify.mirrors.layers._normalization import (
    merge_moments as merge_moments,
)
from assay.verify.mirrors.layers._normalization import moments as moments
from assay.verify.mirrors.layers._normalization import rms_norm as rms_norm
from assay.verify.mirrors.layers._normalization import unit_norm as unit_norm
from assay.verify.mirrors.layers._normalization import (
    update_batch_stats as update_batch_stats,
)
from assay.verify.mirrors.layers._one_hot import one_hot as one_hot
from assay.verify.mirrors.layers._parallel import linear_recurrence as linear_recurrence
from assay.verify.mirrors.layers._parallel import lru as lru
from assay.verify.mirrors.layers._parallel import lru_cell as lru_cell
from assay.verify.mirrors.layers._parallel import lru_params as lru_params
from assay.verify.mirrors.layers._parallel import mamba as mamba
from assay.verify.mirrors.layers._parallel import mamba_cell as mamba_cell
from assay.verify.mirrors.layers._parallel import min_gru as min_gru
from assay.verify.mirrors.layers._parallel import min_gru_cell as min_gru_cell
from assay.verify.mirrors.layers._parallel import min_lstm as min_lstm
from assay.verify.mirrors.layers._parallel import min_lstm_cell as min_lstm_cell
from assay.verify.mirrors.layers._parallel import selective_scan as selective_scan
from assay.verify.mirrors.layers._patches import cbam as cbam
from assay.verify.mirrors.layers._patches import (
    efficient_channel_attention as efficient_channel_attention,
)
from assay.verify.mirrors.layers._patches import patch_embedding as patch_embedding
from assay.verify.mirrors.layers._patches import prepend_tokens as prepend_tokens
from assay.verify.mirrors.layers._patches import (
    squeeze_excitation as squeeze_excitation,
)
from assay.verify.mirrors.layers._pooling import adaptive_avg_pool as adaptive_avg_pool
from assay.verify.mirrors.layers._pooling import adaptive_max_pool as adaptive_max_pool
from assay.verify.mirrors.layers._pooling import avg_pool as avg_pool
from assay.verify.mirrors.layers._pooling import global_avg_pool as global_avg_pool
from assay.verify.mirrors.layers._pooling import global_max_pool as global_max_pool
from assay.verify.mirrors.layers._pooling import lp_pool as lp_pool
from assay.verify.mirrors.layers._pooling import max_pool as max_pool
from assay.verify.mirrors.layers._pooling import (
    max_pool_with_indices as max_pool_with_indices,
)
from assay.verify.mirrors.layers._pooling import max_unpool as max_unpool
from assay.verify.mirrors.layers._pooling import min_pool as min_pool
from assay.verify.mirrors.layers._pooling import sum_pool as sum_pool
from assay.verify.mirrors.layers._positions import alibi_bias as alibi_bias
from assay.verify.mirrors.layers._positions import alibi_slopes as alibi_slopes
from assay.verify.mirrors.layers._positions import (
    dynamic_ntk_frequencies as dynamic_ntk_frequencies,
)
from assay.verify.mirrors.layers._positions import (
    factorized_positions as factorized_positions,
)
from assay.verify.mirrors.layers._positions import grid_positions as grid_positions
from assay.verify.mirrors.layers._positions import (
    learned_positions as learned_positions,
)
from assay.verify.mirrors.layers._positions import (
    linear_frequencies as linear_frequencies,
)
from assay.verify.mirrors.layers._positions import (
    llama3_frequencies as llama3_frequencies,
)
from assay.verify.mirrors.layers._positions import ntk_frequencies as ntk_frequencies
from assay.verify.mirrors.layers._positions import relative_bias as relative_bias
from assay.verify.mirrors.layers._positions import relative_buckets as relative_buckets
from assay.verify.mirrors.layers._positions import rotary_angles as rotary_angles
from assay.verify.mirrors.layers._positions import rotary_axes as rotary_axes
from assay.verify.mirrors.layers._positions import (
    rotary_frequencies as rotary_frequencies,
)
from assay.verify.mirrors.layers._positions import rotary_halves as rotary_halves
from assay.verify.mirrors.layers._positions import (
    rotary_interleaved as rotary_interleaved,
)
from assay.verify.mirrors.layers._positions import sinusoidal as sinusoidal
from assay.verify.mirrors.layers._positions import sinusoidal_2d as sinusoidal_2d
from assay.verify.mirrors.layers._positions import (
    sinusoidal_halves as sinusoidal_halves,
)
from assay.verify.mirrors.layers._positions import yarn_frequencies as yarn_frequencies
from assay.verify.mirrors.layers._positions import yarn_scale as yarn_scale
from assay.verify.mirrors.layers._quantizer import nearest_code as nearest_code
from assay.verify.mirrors.layers._quantizer import (
    quantization_loss as quantization_loss,
)
from assay.verify.mirrors.layers._quantizer import update_codebook as update_codebook
from assay.verify.mirrors.layers._quantizer import vector_quantize as vector_quantize
from assay.verify.mirrors.layers._recurrent import bidirectional as bidirectional
from assay.verify.mirrors.layers._recurrent import gru_cell as gru_cell
from assay.verify.mirrors.layers._recurrent import (
    gru_reset_before_cell as gru_reset_before_cell,
)
from assay.verify.mirrors.layers._recurrent import lengths_to_mask as lengths_to_mask
from assay.verify.mirrors.layers._recurrent import lstm_cell as lstm_cell
from assay.verify.mirrors.layers._recurrent import recurrent as recurrent
from assay.verify.mirrors.layers._recurrent import recurrent_remat as recurrent_remat
from assay.verify.mirrors.layers._recurrent import (
    recurrent_truncated as recurrent_truncated,
)
from assay.verify.mirrors.layers._recurrent import rnn_cell as rnn_cell
from assay.verify.mirrors.layers._recurrent import zero_carry as zero_carry
from assay.verify.mirrors.layers._sequences import (
    bidirectional_stack as bidirectional_stack,
)
from assay.verify.mirrors.layers._sequences import conv_lstm as conv_lstm
from assay.verify.mirrors.layers._sequences import conv_lstm_cell as conv_lstm_cell
from assay.verify.mirrors.layers._sequences import last_step as last_step
from assay.verify.mirrors.layers._sequences import (
    recurrent_dropout as recurrent_dropout,
)
from assay.verify.mirrors.layers._sequences import recurrent_stack as recurrent_stack
from assay.verify.mirrors.layers._sequences import (
    recurrent_with_keys as recurrent_with_keys,
)
from assay.verify.mirrors.layers._sequences import (
    reverse_sequences as reverse_sequences,
)
from assay.verify.mirrors.layers._weight_norm import spectral_norm as spectral_norm
from assay.verify.mirrors.layers._weight_norm import weight_norm as weight_norm
from assay.verify.mirrors.layers._weight_norm import (
    weight_standardize as weight_standardize,
)
