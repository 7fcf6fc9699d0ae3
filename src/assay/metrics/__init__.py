"""Metrics: what is reported, in at least float32, over what `where` says takes part.

A score of a set of examples is one number, or one a class; a score of a single ranking
or text is one number for each, as a loss is. What does not exist is NaN: the mean of no
examples, an area without both classes, a correlation with a constant. A ratio 0/0 that
scikit-learn sets to a number has that number.

Small functions compose. The mean over classes of F1 is `macro(dice_of(c), c)`, with
`c = class_counts(confusion_matrix(predictions, labels, classes=10))`; the metric of any
loss is `running_mean(loss)`; that of every group is
`jax.vmap(lambda g: accuracy(logits, labels, group == g))(jnp.arange(groups))`.
`running_...` makes a `Metric`, whose states merge over batches and devices. Norms of
gradients and updates are `assay.optim.monitor`'s.
"""

from assay.metrics._accuracy import accuracy as accuracy
from assay.metrics._accuracy import binary_accuracy as binary_accuracy
from assay.metrics._accuracy import categorical_accuracy as categorical_accuracy
from assay.metrics._accuracy import exact_match as exact_match
from assay.metrics._accuracy import hamming_loss as hamming_loss
from assay.metrics._accuracy import in_top_k as in_top_k
from assay.metrics._accuracy import top_k_accuracy as top_k_accuracy
from assay.metrics._agreement import adjusted_rand_index as adjusted_rand_index
from assay.metrics._agreement import balanced_accuracy as balanced_accuracy
from assay.metrics._agreement import cohen_kappa as cohen_kappa
from assay.metrics._agreement import matthews_correlation as matthews_correlation
from assay.metrics._agreement import mean_iou as mean_iou
from assay.metrics._agreement import (
    normalized_mutual_information as normalized_mutual_information,
)
from assay.metrics._bleu import BleuCounts as BleuCounts
from assay.metrics._bleu import bleu as bleu
from assay.metrics._bleu import bleu_of as bleu_of
from assay.metrics._bootstrap import Interval as Interval
from assay.metrics._bootstrap import bootstrap as bootstrap
from assay.metrics._calibration import Reliability as Reliability
from assay.metrics._calibration import brier_score as brier_score
from assay.metrics._calibration import (
    expected_calibration_error as expected_calibration_error,
)
from assay.metrics._calibration import (
    maximum_calibration_error as maximum_calibration_error,
)
from assay.metrics._calibration import reliability_diagram as reliability_diagram
from assay.metrics._confusion import Counts as Counts
from assay.metrics._confusion import binary_counts as binary_counts
from assay.metrics._confusion import class_counts as class_counts
from assay.metrics._confusion import confusion_matrix as confusion_matrix
from assay.metrics._confusion import dice_of as dice_of
from assay.metrics._confusion import f1_score as f1_score
from assay.metrics._confusion import f_beta_of as f_beta_of
from assay.metrics._confusion import iou_of as iou_of
from assay.metrics._confusion import macro as macro
from assay.metrics._confusion import micro as micro
from assay.metrics._confusion import precision as precision
from assay.metrics._confusion import precision_of as precision_of
from assay.metrics._confusion import recall as recall
from assay.metrics._confusion import recall_of as recall_of
from assay.metrics._confusion import specificity_of as specificity_of
from assay.metrics._confusion import weighted as weighted
from assay.metrics._correlation import (
    concordance_correlation as concordance_correlation,
)
from assay.metrics._correlation import kendall_correlation as kendall_correlation
from assay.metrics._correlation import pearson_correlation as pearson_correlation
from assay.metrics._correlation import spearman_correlation as spearman_correlation
from assay.metrics._curves import PrecisionRecallCurve as PrecisionRecallCurve
from assay.metrics._curves import RocCurve as RocCurve
from assay.metrics._curves import auc as auc
from assay.metrics._curves import average_precision as average_precision
from assay.metrics._curves import precision_at_recall as precision_at_recall
from assay.metrics._curves import precision_recall_curve as precision_recall_curve
from assay.metrics._curves import recall_at_precision as recall_at_precision
from assay.metrics._curves import roc_auc as roc_auc
from assay.metrics._curves import roc_curve as roc_curve
from assay.metrics._curves import (
    sensitivity_at_specificity as sensitivity_at_specificity,
)
from assay.metrics._curves import (
    specificity_at_sensitivity as specificity_at_sensitivity,
)
from assay.metrics._metric import Metric as Metric
from assay.metrics._metric import after as after
from assay.metrics._metric import before as before
from assay.metrics._metric import collection as collection
from assay.metrics._metric import merge_all as merge_all
from assay.metrics._metric import merge_over as merge_over
from assay.metrics._multilabel import coverage_error as coverage_error
from assay.metrics._multilabel import (
    label_ranking_average_precision as label_ranking_average_precision,
)
from assay.metrics._multilabel import label_ranking_loss as label_ranking_loss
from assay.metrics._ranking import average_precision_at_k as average_precision_at_k
from assay.metrics._ranking import hit_at_k as hit_at_k
from assay.metrics._ranking import ndcg as ndcg
from assay.metrics._ranking import precision_at_k as precision_at_k
from assay.metrics._ranking import recall_at_k as recall_at_k
from assay.metrics._ranking import reciprocal_rank as reciprocal_rank
from assay.metrics._regression import explained_variance as explained_variance
from assay.metrics._regression import mean_absolute_error as mean_absolute_error
from assay.metrics._regression import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from assay.metrics._regression import mean_cosine_similarity as mean_cosine_similarity
from assay.metrics._regression import mean_squared_error as mean_squared_error
from assay.metrics._regression import mean_squared_log_error as mean_squared_log_error
from assay.metrics._regression import r2_score as r2_score
from assay.metrics._regression import root_mean_squared_error as root_mean_squared_error
from assay.metrics._regression import (
    symmetric_mean_absolute_percentage_error as symmetric_mean_absolute_percentage_error,  # noqa: E501
)
from assay.metrics._running import ExtremeState as ExtremeState
from assay.metrics._running import MeanState as MeanState
from assay.metrics._running import ShareState as ShareState
from assay.metrics._running import Statistics as Statistics
from assay.metrics._running import WeightedState as WeightedState
from assay.metrics._running import running_accuracy as running_accuracy
from assay.metrics._running import running_max as running_max
from assay.metrics._running import running_mean as running_mean
from assay.metrics._running import running_min as running_min
from assay.metrics._running import running_moments as running_moments
from assay.metrics._running import running_perplexity as running_perplexity
from assay.metrics._running import running_share as running_share
from assay.metrics._running import running_sum as running_sum
from assay.metrics._running import running_weighted_mean as running_weighted_mean
from assay.metrics._running_counts import BleuState as BleuState
from assay.metrics._running_counts import ConfusionState as ConfusionState
from assay.metrics._running_counts import ErrorRateState as ErrorRateState
from assay.metrics._running_counts import HistogramState as HistogramState
from assay.metrics._running_counts import ReliabilityState as ReliabilityState
from assay.metrics._running_counts import (
    running_average_precision as running_average_precision,
)
from assay.metrics._running_counts import running_bleu as running_bleu
from assay.metrics._running_counts import running_confusion as running_confusion
from assay.metrics._running_counts import running_reliability as running_reliability
from assay.metrics._running_counts import running_roc_auc as running_roc_auc
from assay.metrics._running_counts import (
    running_word_error_rate as running_word_error_rate,
)
from assay.metrics._running_regression import Regression as Regression
from assay.metrics._running_regression import RegressionState as RegressionState
from assay.metrics._running_regression import running_regression as running_regression
from assay.metrics._text import Overlap as Overlap
from assay.metrics._text import edit_distance as edit_distance
from assay.metrics._text import perplexity as perplexity
from assay.metrics._text import rouge_l as rouge_l
from assay.metrics._text import rouge_n as rouge_n
from assay.metrics._text import word_error_rate as word_error_rate
