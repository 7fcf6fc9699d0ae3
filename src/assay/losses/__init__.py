"""Losses: one number per example, and the caller reduces.

Shapes must match exactly, since broadcasting would give a number too. Half precision
is computed in float32 and rounded once.
"""

from assay.losses._adversarial import gan_discriminator_loss as gan_discriminator_loss
from assay.losses._adversarial import gradient_penalty as gradient_penalty
from assay.losses._adversarial import (
    hinge_discriminator_loss as hinge_discriminator_loss,
)
from assay.losses._adversarial import (
    least_squares_discriminator_loss as least_squares_discriminator_loss,
)
from assay.losses._adversarial import (
    least_squares_generator_loss as least_squares_generator_loss,
)
from assay.losses._adversarial import minimax_generator_loss as minimax_generator_loss
from assay.losses._adversarial import (
    non_saturating_generator_loss as non_saturating_generator_loss,
)
from assay.losses._adversarial import wasserstein_critic_loss as wasserstein_critic_loss
from assay.losses._adversarial import (
    wasserstein_generator_loss as wasserstein_generator_loss,
)
from assay.losses._angular import arcface_loss as arcface_loss
from assay.losses._angular import cosface_loss as cosface_loss
from assay.losses._binary import binary_cross_entropy as binary_cross_entropy
from assay.losses._binary import hinge_loss as hinge_loss
from assay.losses._binary import perceptron_loss as perceptron_loss
from assay.losses._binary import (
    sigmoid_binary_cross_entropy as sigmoid_binary_cross_entropy,
)
from assay.losses._boxes import ciou_loss as ciou_loss
from assay.losses._boxes import diou_loss as diou_loss
from assay.losses._boxes import giou_loss as giou_loss
from assay.losses._boxes import iou as iou
from assay.losses._contrastive import clip_loss as clip_loss
from assay.losses._contrastive import info_nce as info_nce
from assay.losses._contrastive import ntxent as ntxent
from assay.losses._contrastive import siglip_loss as siglip_loss
from assay.losses._contrastive import (
    supervised_contrastive_loss as supervised_contrastive_loss,
)
from assay.losses._ctc import ctc_loss as ctc_loss
from assay.losses._ctc import ctc_loss_with_forward_probs as ctc_loss_with_forward_probs
from assay.losses._ctc_decode import ctc_beam_decode as ctc_beam_decode
from assay.losses._ctc_decode import ctc_greedy_decode as ctc_greedy_decode
from assay.losses._deviance import gamma_deviance as gamma_deviance
from assay.losses._deviance import poisson_deviance as poisson_deviance
from assay.losses._deviance import tweedie_deviance as tweedie_deviance
from assay.losses._distances import cdist as cdist
from assay.losses._distances import cosine_distance as cosine_distance
from assay.losses._distances import cosine_similarity as cosine_similarity
from assay.losses._distances import pairwise_distance as pairwise_distance
from assay.losses._distances import pdist as pdist
from assay.losses._distillation import distillation_loss as distillation_loss
from assay.losses._divergence import convex_kl_divergence as convex_kl_divergence
from assay.losses._divergence import (
    generalized_kl_divergence as generalized_kl_divergence,
)
from assay.losses._divergence import js_divergence as js_divergence
from assay.losses._divergence import kl_divergence as kl_divergence
from assay.losses._divergence import (
    kl_divergence_with_log_targets as kl_divergence_with_log_targets,
)
from assay.losses._embedding import contrastive_loss as contrastive_loss
from assay.losses._embedding import cosine_embedding_loss as cosine_embedding_loss
from assay.losses._embedding import hinge_embedding_loss as hinge_embedding_loss
from assay.losses._embedding import margin_ranking_loss as margin_ranking_loss
from assay.losses._embedding import triplet_margin_loss as triplet_margin_loss
from assay.losses._embedding import (
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from assay.losses._fenchel_young import (
    make_fenchel_young_loss as make_fenchel_young_loss,
)
from assay.losses._fenchel_young import (
    multiclass_sparsemax_loss as multiclass_sparsemax_loss,
)
from assay.losses._fenchel_young import sparsemax_loss as sparsemax_loss
from assay.losses._focal import sigmoid_focal_loss as sigmoid_focal_loss
from assay.losses._images import psnr as psnr
from assay.losses._images import ssim as ssim
from assay.losses._images import ssim_loss as ssim_loss
from assay.losses._images import total_variation as total_variation
from assay.losses._integer_labels import (
    generalized_cross_entropy as generalized_cross_entropy,
)
from assay.losses._integer_labels import nll_loss as nll_loss
from assay.losses._integer_labels import (
    softmax_cross_entropy_with_integer_labels as softmax_cross_entropy_with_integer_labels,  # noqa: E501
)
from assay.losses._integer_labels import softmax_focal_loss as softmax_focal_loss
from assay.losses._likelihood import gaussian_nll_loss as gaussian_nll_loss
from assay.losses._likelihood import laplace_nll_loss as laplace_nll_loss
from assay.losses._likelihood import poisson_nll_loss as poisson_nll_loss
from assay.losses._linear_cross_entropy import (
    linear_cross_entropy as linear_cross_entropy,
)
from assay.losses._log_cosh import log_cosh as log_cosh
from assay.losses._lovasz import lovasz_hinge as lovasz_hinge
from assay.losses._lovasz import lovasz_softmax as lovasz_softmax
from assay.losses._margin import multi_margin_loss as multi_margin_loss
from assay.losses._margin import multiclass_hinge_loss as multiclass_hinge_loss
from assay.losses._margin import (
    multiclass_perceptron_loss as multiclass_perceptron_loss,
)
from assay.losses._margin import multilabel_margin_loss as multilabel_margin_loss
from assay.losses._margin import (
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from assay.losses._margin import soft_margin_loss as soft_margin_loss
from assay.losses._margin import squared_hinge_loss as squared_hinge_loss
from assay.losses._overlap import binary_dice_loss as binary_dice_loss
from assay.losses._overlap import dice_loss as dice_loss
from assay.losses._overlap import focal_tversky_loss as focal_tversky_loss
from assay.losses._overlap import jaccard_loss as jaccard_loss
from assay.losses._overlap import (
    multiclass_generalized_dice_loss as multiclass_generalized_dice_loss,
)
from assay.losses._overlap import tversky_loss as tversky_loss
from assay.losses._penalties import elastic_net_penalty as elastic_net_penalty
from assay.losses._penalties import l1_penalty as l1_penalty
from assay.losses._penalties import l2_penalty as l2_penalty
from assay.losses._penalties import orthogonal_penalty as orthogonal_penalty
from assay.losses._preference import dpo_loss as dpo_loss
from assay.losses._preference import ppo_clip_loss as ppo_clip_loss
from assay.losses._ranking import approx_ndcg_loss as approx_ndcg_loss
from assay.losses._ranking import list_mle_loss as list_mle_loss
from assay.losses._ranking import pairwise_hinge_loss as pairwise_hinge_loss
from assay.losses._ranking import pairwise_logistic_loss as pairwise_logistic_loss
from assay.losses._ranking import ranking_softmax_loss as ranking_softmax_loss
from assay.losses._reduce import mean as mean
from assay.losses._redundancy import barlow_twins_loss as barlow_twins_loss
from assay.losses._redundancy import vicreg_loss as vicreg_loss
from assay.losses._regression import absolute_error as absolute_error
from assay.losses._regression import (
    absolute_percentage_error as absolute_percentage_error,
)
from assay.losses._regression import half_sum_of_squares as half_sum_of_squares
from assay.losses._regression import huber_loss as huber_loss
from assay.losses._regression import l2_loss as l2_loss
from assay.losses._regression import quantile_loss as quantile_loss
from assay.losses._regression import smooth_l1_loss as smooth_l1_loss
from assay.losses._regression import squared_error as squared_error
from assay.losses._regression import squared_log_error as squared_log_error
from assay.losses._robust import charbonnier_loss as charbonnier_loss
from assay.losses._robust import general_robust_loss as general_robust_loss
from assay.losses._smoothing import smooth_labels as smooth_labels
from assay.losses._smoothing import uniform_cross_entropy as uniform_cross_entropy
from assay.losses._smoothing import z_loss as z_loss
from assay.losses._softmax import poly_loss_cross_entropy as poly_loss_cross_entropy
from assay.losses._softmax import (
    safe_softmax_cross_entropy as safe_softmax_cross_entropy,
)
from assay.losses._softmax import softmax_cross_entropy as softmax_cross_entropy
from assay.losses._variational import gaussian_kl as gaussian_kl
