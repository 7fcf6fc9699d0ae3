"""NAdam and NAdamW: the look ahead of Nesterov, at a constant or a growing momentum."""

import numpy as np

from assay.verify.rules._adam import adam
from assay.verify.rules._rule import at as _at


def nadam(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=True,
    momentum_decay=None,
):  # fmt: skip
    """−rate · (b1 m/(1−b1ᵗ⁺¹) + (1−b1) g/(1−b1ᵗ)) / (√(v/(1−b2ᵗ) + eps_root) + eps).

    With `momentum_decay` = ψ every b1 but the mean's own is μₜ = b1 (1 − 0.96^(tψ)/2),
    and every power the product of the μ so far. Dozat 2016 and torch have ψ = 0.004,
    Keras 1."""
    if momentum_decay is None:
        rest: dict = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
        return adam(t, g, p, s, rate, **rest, nesterov=nesterov)
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    now = b1 * (1 - 0.96 ** (t * momentum_decay) / 2)
    then = b1 * (1 - 0.96 ** ((t + 1) * momentum_decay) / 2)
    product = s.get("product", 1.0) * now
    head = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
    below = np.sqrt(v / (1 - b2**t) + eps_root) + eps
    return -rate * head / below, {"m": m, "v": v, "product": product}


def nadamw(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, weight_decay=1e-4,
    nesterov=True, momentum_decay=None, decay_scaled=True,
):  # fmt: skip
    """NAdam's update − rate · weight_decay · p, or − weight_decay · p."""
    about: dict = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
    about |= {"nesterov": nesterov, "momentum_decay": momentum_decay}
    u, s = nadam(t, g, p, s, rate, **about)
    return u - (rate if decay_scaled else 1.0) * _at(weight_decay, t) * p, s
