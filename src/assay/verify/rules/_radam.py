"""RAdam: Adam's second mean is used once its variance is known."""

from fractions import Fraction

import numpy as np


def radam(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0,
    nesterov=False, eps_hat=False,
):  # fmt: skip
    """−rate · m̂ · r / (√(v/(1−b2ᵗ) + eps_root) + eps) where ρ ≥ threshold, else
    −rate · m̂; ρ∞ = 2/(1−b2) − 1, ρ = ρ∞ − 2t b2ᵗ/(1−b2ᵗ), r² = (ρ−4)(ρ−2)ρ∞ /
    ((ρ∞−4)(ρ∞−2)ρ). `eps_hat`: eps beside the uncorrected √v (the paper's code, torch).
    Liu et al. 2020, arXiv:1908.03265, has ρ > 4."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    c1, c2 = 1 - b1**t, 1 - b2**t
    head = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / c1 if nesterov else m / c1
    most = 2 / (1 - b2) - 1
    # Two numbers of the size of 1/(1−b2) leave a ρ of about 5: exactly, then.
    b = Fraction(b2)
    rho = float(2 / (1 - b) - 1 - 2 * t * b**t / (1 - b**t))
    known = rho >= threshold
    rho = np.where(known, rho, most)  # its root is not wanted where rho is small
    r = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    below = np.sqrt(v / c2 + eps_root) + (eps / np.sqrt(c2) if eps_hat else eps)
    return -rate * head * np.where(known, r / below, 1.0), {"m": m, "v": v}
