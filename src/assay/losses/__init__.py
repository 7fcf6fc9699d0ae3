"""Losses: one number per example, and the caller reduces.

Shapes must match exactly, since broadcasting would give a number too. Half precision
is computed in float32 and rounded once.
"""

from assay.losses._binary import binary_cross_entropy as binary_cross_entropy
from assay.losses._binary import hinge_loss as hinge_loss
from assay.losses._binary import perceptron_loss as perceptron_loss
from assay.losses._binary import (
    sigmoid_binary_cross_entropy as sigmoid_binary_cross_entropy,
)
from assay.losses._penalties import l1_penalty as l1_penalty
from assay.losses._penalties import l2_penalty as l2_penalty
from assay.losses._regression import absolute_error as absolute_error
from assay.losses._regression import half_sum_of_squares as half_sum_of_squares
from assay.losses._regression import huber_loss as huber_loss
from assay.losses._regression import l2_loss as l2_loss
from assay.losses._regression import squared_error as squared_error
from assay.losses._regression import squared_log_error as squared_log_error
from assay.losses._softmax import smooth_labels as smooth_labels
from assay.losses._softmax import softmax_cross_entropy as softmax_cross_entropy
from assay.losses._softmax import (
    softmax_cross_entropy_with_integer_labels as softmax_cross_entropy_with_integer_labels,  # noqa: E501
)
