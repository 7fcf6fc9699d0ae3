"""The ways to compute attention, and which one runs where."""

from assay.layers._attention_forms._definition import definition as definition
from assay.layers._attention_forms._definition import weights as weights
from assay.layers._attention_forms._head import FAR as FAR
from assay.layers._attention_forms._head import Inputs as Inputs
from assay.layers._attention_forms._head import Rules as Rules


def attend(rules: Rules, x: Inputs):
    """Attention of all heads: (B, N, T, D)."""
    return definition(rules, x)
