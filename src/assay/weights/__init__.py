"""Other people's weights: their files (extra `weights`), names and layouts.

    tensors = weights.read("model.safetensors")          # {name: array}

Nothing in a file is executed, and nothing is downloaded.
"""

from assay.weights._bert_torch import BERTParams as BERTParams
from assay.weights._bert_torch import bert_from_torch as bert_from_torch
from assay.weights._bert_torch import bert_to_torch as bert_to_torch
from assay.weights._keras import read_keras as read_keras
from assay.weights._layouts import conv_from_torch as conv_from_torch
from assay.weights._layouts import conv_to_torch as conv_to_torch
from assay.weights._layouts import conv_transpose_from_flax as conv_transpose_from_flax
from assay.weights._layouts import (
    conv_transpose_from_keras as conv_transpose_from_keras,
)
from assay.weights._layouts import (
    conv_transpose_from_torch as conv_transpose_from_torch,
)
from assay.weights._layouts import conv_transpose_to_flax as conv_transpose_to_flax
from assay.weights._layouts import conv_transpose_to_keras as conv_transpose_to_keras
from assay.weights._layouts import conv_transpose_to_torch as conv_transpose_to_torch
from assay.weights._layouts import dense_from_torch as dense_from_torch
from assay.weights._layouts import dense_to_torch as dense_to_torch
from assay.weights._layouts import (
    depthwise_conv_from_keras as depthwise_conv_from_keras,
)
from assay.weights._layouts import depthwise_conv_to_keras as depthwise_conv_to_keras
from assay.weights._layouts import kernel_from_torch as kernel_from_torch
from assay.weights._layouts import kernel_to_torch as kernel_to_torch
from assay.weights._layouts import same as same
from assay.weights._match import TORCH_RULES as TORCH_RULES
from assay.weights._match import Rule as Rule
from assay.weights._match import flatten as flatten
from assay.weights._match import match as match
from assay.weights._match import unmatch as unmatch
from assay.weights._read import read as read
from assay.weights._recurrent_flax import gru_from_flax as gru_from_flax
from assay.weights._recurrent_flax import gru_to_flax as gru_to_flax
from assay.weights._recurrent_flax import gru_to_nnx as gru_to_nnx
from assay.weights._recurrent_flax import lstm_from_flax as lstm_from_flax
from assay.weights._recurrent_flax import lstm_to_flax as lstm_to_flax
from assay.weights._recurrent_flax import lstm_to_nnx as lstm_to_nnx
from assay.weights._recurrent_flax import rnn_from_flax as rnn_from_flax
from assay.weights._recurrent_flax import rnn_to_flax as rnn_to_flax
from assay.weights._recurrent_flax import rnn_to_nnx as rnn_to_nnx
from assay.weights._recurrent_keras import gru_from_keras as gru_from_keras
from assay.weights._recurrent_keras import (
    gru_reset_before_to_keras as gru_reset_before_to_keras,
)
from assay.weights._recurrent_keras import gru_to_keras as gru_to_keras
from assay.weights._recurrent_keras import lstm_from_keras as lstm_from_keras
from assay.weights._recurrent_keras import lstm_to_keras as lstm_to_keras
from assay.weights._recurrent_keras import rnn_from_keras as rnn_from_keras
from assay.weights._recurrent_keras import rnn_to_keras as rnn_to_keras
from assay.weights._recurrent_torch import gru_from_torch as gru_from_torch
from assay.weights._recurrent_torch import gru_to_torch as gru_to_torch
from assay.weights._recurrent_torch import lstm_from_torch as lstm_from_torch
from assay.weights._recurrent_torch import lstm_to_torch as lstm_to_torch
from assay.weights._recurrent_torch import rnn_from_torch as rnn_from_torch
from assay.weights._recurrent_torch import rnn_to_torch as rnn_to_torch
from assay.weights._recurrent_torch import stack_from_torch as stack_from_torch
from assay.weights._recurrent_torch import stack_to_torch as stack_to_torch
from assay.weights._safetensors import read_metadata as read_metadata
from assay.weights._safetensors import read_safetensors as read_safetensors
from assay.weights._safetensors import write_safetensors as write_safetensors
from assay.weights._torch import read_torch as read_torch
from assay.weights._transformer_torch import (
    attention_from_torch as attention_from_torch,
)
from assay.weights._transformer_torch import attention_to_torch as attention_to_torch
from assay.weights._transformer_torch import encoder_from_torch as encoder_from_torch
from assay.weights._transformer_torch import encoder_to_torch as encoder_to_torch
from assay.weights._transformer_torch import heads_from_torch as heads_from_torch
from assay.weights._transformer_torch import heads_to_torch as heads_to_torch
from assay.weights._transformer_torch import merge_from_torch as merge_from_torch
from assay.weights._transformer_torch import merge_to_torch as merge_to_torch
