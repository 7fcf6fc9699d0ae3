"""Muon: the momentum of a matrix with all its singular values made about 1."""

import numpy as np

from assay.verify.rules._adam import adamw

_JORDAN = (3.4445, -4.775, 2.0315)


def _newton_schulz(x, coefficients, steps, eps, clamp):
    """x/(‖x‖ + eps), or x/max(‖x‖, eps), and then `steps` times
    X ← a X + b (XXᵀ)X + c (XXᵀ)²X."""
    turn = x.shape[0] > x.shape[1]
    x = x.T if turn else x
    norm = np.sqrt(np.sum(x**2))
    x = x / (max(norm, eps) if clamp else norm + eps)
    table = np.broadcast_to(np.asarray(coefficients), (steps, 3))
    for a, b, c in table:
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if turn else x


def orthogonal(
    t, g, p, s, rate, *, ns_coeffs=_JORDAN, ns_steps=5, beta=0.95, eps=1e-8,
    nesterov=True, bias_correction=True, eps_clamp=False,
):  # fmt: skip
    """−rate · the orthogonal factor of m̂ (beta m/(1−βᵗ⁺¹) + (1−beta) g/(1−βᵗ) for
    Nesterov); Jordan's code and torch correct no bias. Jordan 2024."""
    del p
    m = beta * s.get("m", 0.0) + (1 - beta) * g
    now, then = 1 - beta**t, 1 - beta ** (t + 1)
    if not bias_correction:
        now = then = 1.0
    head = beta * m / then + (1 - beta) * g / now if nesterov else m / now
    return -rate * _newton_schulz(head, ns_coeffs, ns_steps, eps, eps_clamp), {"m": m}


def muon(
    t, g, p, s, rate, *, weight_decay=0.0, consistent_rms=None, eps=1e-8,
    nesterov=True, adam_b1=0.9, adam_b2=0.999, adam_eps_root=0.0,
    adam_weight_decay=0.0, ns_coeffs=_JORDAN, ns_steps=5, beta=0.95,
    bias_correction=True, eps_clamp=False, muon_weight_dimension_numbers=None,
):  # fmt: skip
    """Matrices: −rate · (√max(1, columns/rows) · orthogonal + weight_decay · p), or
    √max(rows, columns) · consistent_rms for the root. The rest: AdamW."""
    if g.ndim != 2:
        about: dict = {
            "b1": adam_b1,
            "b2": adam_b2,
            "eps": eps,
            "eps_root": adam_eps_root,
        }
        about |= {"weight_decay": adam_weight_decay, "nesterov": nesterov}
        return adamw(t, g, p, s, rate, **about)
    about: dict = {
        "ns_coeffs": ns_coeffs,
        "ns_steps": ns_steps,
        "beta": beta,
        "eps": eps,
    }
    about |= {"nesterov": nesterov, "bias_correction": bias_correction}
    about |= {"eps_clamp": eps_clamp}
    u, s = orthogonal(t, g, p, s, -1.0, **about)
    rows, columns = g.shape
    if muon_weight_dimension_numbers is not None:
        rows = g.shape[muon_weight_dimension_numbers.reduction_axis]
        columns = g.shape[muon_weight_dimension_numbers.output_axis]
    scale = np.sqrt(max(1.0, columns / rows))
    if consistent_rms is not None:
        scale = np.sqrt(max(rows, columns)) * consistent_rms
    return -rate * (scale * u + weight_decay * p), s
