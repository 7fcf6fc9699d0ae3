"""The stated bounds: one table, which tests, docstrings, docs and `assay verify` read.

Float32 on CPU, under jit, inputs and results normal numbers, in ULP of the true value
(`of` names what else they are relative to). A docstring ends with `Bound.sentence`.
"""

from typing import NamedTuple


class Bound(NamedTuple):
    """How far a function, and its first two derivatives, may be from the truth."""

    value: float
    first: float | None = None  # over the whole domain, the roots included
    second: float | None = None  # absolute 2^-22 within 1e-5 of a root
    of: str = ""  # "the row's largest entry", "max(|max x|, |result|)"

    def sentence(self) -> str:
        """The last line of the function's docstring."""
        slopes = "" if self.first is None else f"; derivatives {self.first:g}"
        slopes += "" if self.second is None else f" and {self.second:g}"
        of = f" of {self.of}" if self.of else ""
        return f"Float32, CPU: within {self.value:g} ULP{of}{slopes}."


# What a row may state at most, but for the activations whose value has 8.
MOST = Bound(4, 8, 16)
WIDER = {"gelu", "tanh_shrink", "log_cosh", "tanh"}


def most(room: str, name: str) -> Bound:
    """The largest bound that the function may state."""
    wider = room != "activations" or name in WIDER
    return MOST._replace(value=8.0) if wider else MOST


ACTIVATIONS: dict[str, Bound] = {
    "softmax": Bound(5),
    "log_softmax": Bound(4),
    "logsumexp": Bound(4, of="max(|max x|, |result|)"),
    "logmeanexp": Bound(4, of="max(|max x|, log n)"),
    "sigmoid": Bound(3, 5, 7),
    "softplus": Bound(3, 3, 5),
    "log_sigmoid": Bound(3, 3, 5),
    "tanh": Bound(3, 5, 8),
    "silu": Bound(4, 6, 8),
    "quick_gelu": Bound(4, 8, 10),
    "swish_beta": Bound(4, 8),
    "gelu": Bound(7, 8, 16),
    "mish": Bound(4, 6, 9),
    "logit": Bound(2, 3, 7),
    "log1mexp": Bound(3, 3, 7),
    "tanh_shrink": Bound(5, 8, 8),
    "soft_sign": Bound(2, 4, 6),
    "squareplus": Bound(3, 3, 8),
    "exponential": Bound(2, 2, 2),
    "swish": Bound(4, 6, 8),
    "elu": Bound(2, 1, 1),
    "celu": Bound(2, 1, 1),
    "selu": Bound(3, 2, 2),
    "identity": Bound(0, 0, 0),
    "step": Bound(0, 0, 0),
    "sign": Bound(0, 0, 0),
    "hard_sigmoid": Bound(1.5, 0.5, 0),
    "hard_silu": Bound(2.5, 1.5, 0.5),
    "hard_tanh": Bound(0, 0, 0),
    "hard_mish": Bound(1.5, 0.5, 0),
    "gaussian": Bound(4, 5, 6),
    "sine": Bound(1, 1, 1),
    "snake": Bound(3),
    "relu": Bound(0, 0, 0),
    "relu6": Bound(0, 0, 0),
    "leaky_relu": Bound(1, 0.5, 0),
    "prelu": Bound(1),
    "rrelu": Bound(1),
    "rrelu_inference": Bound(1),
    "squared_relu": Bound(0.5, 0, 0),
    "star_relu": Bound(3, 1, 0.5),
    "sparse_sigmoid": Bound(0.5, 0, 0),
    "sparse_plus": Bound(2, 0.5, 0),
    "soft_cap": Bound(4, 7, 10),
    "step_straight_through": Bound(0, 0),
    "step_sigmoid": Bound(0, 6),
    "step_triangular": Bound(0, 0.5),
    "step_arctan": Bound(0, 5),
    "step_fast_sigmoid": Bound(0, 6),
    "sign_straight_through": Bound(0, 0),
    "sign_sigmoid": Bound(0, 6),
    "sign_triangular": Bound(0, 0.5),
    "binarize": Bound(0, 0),
    "ternarize": Bound(0, 0),
    "threshold": Bound(0),
    "hard_shrink": Bound(0, 0, 0),
    "soft_shrink": Bound(0.5, 0, 0),
    "hard_swish": Bound(2.5, 1.5, 0.5),
    "linear": Bound(0, 0, 0),
    "standardize": Bound(4, of="the row's largest entry"),
    "glu": Bound(4),
    "geglu": Bound(8),
    "swiglu": Bound(4),
    "reglu": Bound(0.5),
    "bilinear": Bound(0.5),
    "maxout": Bound(0),
    "gumbel_softmax": Bound(4, of="the row's largest entry"),
    "hard_gumbel_softmax": Bound(0),
    "sparsemax": Bound(3, of="the row's largest entry"),
    "entmax15": Bound(4, of="the row's largest entry"),
    "norm": Bound(4),
    "normalize": Bound(4),
    "softmin": Bound(5),
}
LOSSES: dict[str, Bound] = {
    "softmax_cross_entropy": Bound(4),
    "safe_softmax_cross_entropy": Bound(4),
    "softmax_cross_entropy_with_integer_labels": Bound(4),
    "log_cosh": Bound(3, 3, 5),
    "ctc_loss": Bound(4),
    "ctc_loss_with_forward_probs": Bound(4),
    "ctc_greedy_decode": Bound(4),
    "ctc_beam_decode": Bound(4),
    "dice_loss": Bound(4),
    "binary_dice_loss": Bound(4),
    "multiclass_generalized_dice_loss": Bound(4),
    "tversky_loss": Bound(4),
    "focal_tversky_loss": Bound(4),
    "jaccard_loss": Bound(4),
    "lovasz_hinge": Bound(4),
    "lovasz_softmax": Bound(4),
    "iou": Bound(4),
    "giou_loss": Bound(3),
    "diou_loss": Bound(3),
    "ciou_loss": Bound(3),
    "squared_error": Bound(2, 0.5),
    "l2_loss": Bound(2, 0.5),
    "absolute_error": Bound(0.5, 0),
    "huber_loss": Bound(2, 0.5),
    "smooth_l1_loss": Bound(2, 0.5),
    "absolute_percentage_error": Bound(3, 1),
    "quantile_loss": Bound(2, 0.5),
    "squared_log_error": Bound(8, 5),
    "half_sum_of_squares": Bound(3),
    "charbonnier_loss": Bound(2, 3),
    "general_robust_loss": Bound(6),
    "poisson_nll_loss": Bound(3, 2, of="the largest term"),
    "gaussian_nll_loss": Bound(4, 2, of="the largest term"),
    "laplace_nll_loss": Bound(2, 0.5, of="the largest term"),
    "poisson_deviance": Bound(8, 2),
    "gamma_deviance": Bound(7, 3),
    "tweedie_deviance": Bound(4, 3, of="the largest term"),
    "squared_hinge_loss": Bound(2, 0.5),
    "soft_margin_loss": Bound(3, 3),
    "multiclass_hinge_loss": Bound(1, of="max(1, result)"),
    "multiclass_perceptron_loss": Bound(1),
    "multi_margin_loss": Bound(3, of="max(1, result)"),
    "multilabel_margin_loss": Bound(3, of="max(1, result)"),
    "multilabel_soft_margin_loss": Bound(3),
    "sparsemax_loss": Bound(2, 0.5),
    "multiclass_sparsemax_loss": Bound(3, of="max(1, result)"),
    "make_fenchel_young_loss": Bound(2, of="the largest term"),
    "cosine_similarity": Bound(3, of="1"),
    "cosine_distance": Bound(6, of="1"),
    "cosine_embedding_loss": Bound(6, of="1"),
    "pairwise_distance": Bound(3),
    "cdist": Bound(3),
    "pdist": Bound(3),
    "hinge_embedding_loss": Bound(0.5, 0),
    "contrastive_loss": Bound(2, 0.5),
    "margin_ranking_loss": Bound(1, 0, of="the largest term"),
    "triplet_margin_loss": Bound(5, of="the largest term"),
    "triplet_margin_with_distance_loss": Bound(3, of="the largest term"),
    "ntxent": Bound(2, of="1 / temperature"),
    "info_nce": Bound(3, of="1 / temperature"),
    "clip_loss": Bound(3, of="1 / temperature"),
    "supervised_contrastive_loss": Bound(3, of="1 / temperature"),
    "siglip_loss": Bound(2, of="|scale| + |bias|"),
    "arcface_loss": Bound(2, of="the scale"),
    "cosface_loss": Bound(2, of="the scale"),
    "barlow_twins_loss": Bound(3),
    "vicreg_loss": Bound(3),
    "ranking_softmax_loss": Bound(4),
    "list_mle_loss": Bound(4),
    "pairwise_logistic_loss": Bound(3),
    "pairwise_hinge_loss": Bound(2),
    "approx_ndcg_loss": Bound(3, of="1"),
    "mean": Bound(1, of="the mean of |values|"),
}
METRICS: dict[str, Bound] = {}
_DRAWN = Bound(2, of="JAX's number")
INITIALIZERS: dict[str, Bound] = {
    "bilinear_upsampling": Bound(0.5),
    "calculate_gain": Bound(0.5),
    "constant": Bound(0.5),
    "dirac": Bound(0),
    "eye": Bound(0.5),
    "identity": Bound(0.5),
    "ones": Bound(0),
    "zeros": Bound(0),
    "delta_orthogonal": _DRAWN,
    "depth_scaled": _DRAWN,
    "glorot_normal": _DRAWN,
    "glorot_uniform": _DRAWN,
    "he_normal": _DRAWN,
    "he_uniform": _DRAWN,
    "kaiming_normal": _DRAWN,
    "kaiming_uniform": _DRAWN,
    "lecun_normal": _DRAWN,
    "lecun_uniform": _DRAWN,
    "mup_readout": _DRAWN,
    "normal": _DRAWN,
    "orthogonal": _DRAWN,
    "sparse": _DRAWN,
    "torch_bias": _DRAWN,
    "torch_kernel": _DRAWN,
    "truncated_normal": _DRAWN,
    "uniform": _DRAWN,
    "uniform_scaling": _DRAWN,
    "variance_scaling": _DRAWN,
    "xavier_normal": _DRAWN,
    "xavier_uniform": _DRAWN,
}

STATED = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "metrics": METRICS,
    "initializers": INITIALIZERS,
}
