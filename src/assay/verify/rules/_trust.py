"""The trust ratio ‖p‖/‖u‖ and who uses it: LAMB, LARS, Fromage; block scales."""

import numpy as np

from assay.verify.rules._adam import adam
from assay.verify.rules._rule import at as _at


def trust_ratio(t, g, p, s, rate, *, min_norm=0.0, trust_coefficient=1.0, eps=0.0):
    """−rate · trust_coefficient · ‖p‖/(‖g‖ + eps) · g, norms at least min_norm; the
    ratio is 1 where either norm is 0. You et al. 2017, arXiv:1708.03888."""
    del t
    of_p, of_g = (max(np.sqrt(np.sum(x**2)), min_norm) for x in (p, g))
    if of_p == 0 or of_g == 0:
        return -rate * g, s
    return -rate * trust_coefficient * of_p / (of_g + eps) * g, s


def lamb(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-6, eps_root=0.0, weight_decay=0.0
):
    """The trust ratio of Adam's direction + weight_decay · p. You et al. 2020,
    arXiv:1904.00962, with φ(z) = z."""
    u, s = adam(t, g, p, s, -1.0, b1=b1, b2=b2, eps=eps, eps_root=eps_root)
    return trust_ratio(t, u + _at(weight_decay, t) * p, p, {}, rate)[0], s


def lars(
    t, g, p, s, rate, *, weight_decay=0.0, trust_coefficient=0.001, eps=0.0,
    momentum=0.9, nesterov=False,
):  # fmt: skip
    """v ← momentum · v + rate · ratio · (g + weight_decay · p); −v. You et al. 2017,
    algorithm 1: the rate is inside the velocity."""
    more: dict = {"trust_coefficient": trust_coefficient, "eps": eps}
    u, _ = trust_ratio(t, g + _at(weight_decay, t) * p, p, {}, -rate, **more)
    v = momentum * s.get("v", 0.0) + u
    return -(momentum * v + u if nesterov else v), {"v": v}


def fromage(t, g, p, s, rate, *, min_norm=1e-6):
    """(p − rate · ‖p‖/‖g‖ · g)/√(1 + rate²) − p. Bernstein et al. 2020,
    arXiv:2002.03432."""
    u, s = trust_ratio(t, g, p, s, rate, min_norm=min_norm)
    return (p + u) / np.sqrt(1 + rate**2) - p, s


def param_block_norm(t, g, p, s, rate, *, min_scale=1e-3):
    """−rate · max(‖p‖, min_scale) · g."""
    del t
    return -rate * max(np.sqrt(np.sum(p**2)), min_scale) * g, s


def param_block_rms(t, g, p, s, rate, *, min_scale=1e-3):
    """−rate · max(√mean(p²), min_scale) · g."""
    del t
    return -rate * max(np.sqrt(np.mean(p**2)), min_scale) * g, s
