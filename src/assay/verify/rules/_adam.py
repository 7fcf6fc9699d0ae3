"""Adam, AdamW and AMSGrad as the papers, torch, Keras and TensorFlow 1 have them."""

import numpy as np

from assay.verify.rules._rule import at as _at


def adam(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=False,
    eps_hat=False,
):  # fmt: skip
    """−rate · m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps); with `eps_hat` the eps is
    added to √v before its correction (TensorFlow 1, Keras). Kingma and Ba 2015."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    c1, c2 = 1 - b1**t, 1 - b2**t
    head = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / c1 if nesterov else m / c1
    below = np.sqrt(v / c2 + eps_root) + (eps / np.sqrt(c2) if eps_hat else eps)
    return -rate * head / below, {"m": m, "v": v}


def adamw(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, weight_decay=1e-4,
    nesterov=False, eps_hat=False, decay_scaled=True,
):  # fmt: skip
    """Adam's update − rate · weight_decay · p, as torch, Optax and Keras do, or, with
    `decay_scaled` False, − weight_decay · p. Loshchilov and Hutter 2019, who multiply
    the decay by the schedule but not by the rate."""
    about: dict = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
    u, s = adam(t, g, p, s, rate, **about, nesterov=nesterov, eps_hat=eps_hat)
    return u - (rate if decay_scaled else 1.0) * _at(weight_decay, t) * p, s


def amsgrad(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0,
    bias_correction_mu=True, bias_correction_nu=True, eps_hat=False,
    max_before_correction=False,
):  # fmt: skip
    """Adam with the greatest v so far: of v/(1−b2ᵗ) (Optax), or, with
    `max_before_correction`, of v itself, corrected by today's 1−b2ᵗ (torch, Keras).
    Reddi, Kale and Kumar 2018 correct neither mean."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    c1 = 1 - b1**t if bias_correction_mu else 1.0
    c2 = 1 - b2**t if bias_correction_nu else 1.0
    top = np.maximum(s.get("top", 0.0), v if max_before_correction else v / c2)
    most = top / c2 if max_before_correction else top
    below = np.sqrt(most + eps_root) + (eps / np.sqrt(c2) if eps_hat else eps)
    return -rate * m / c1 / below, {"m": m, "v": v, "top": top}
