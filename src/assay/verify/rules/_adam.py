"""Adam, AdamW and AMSGrad as the papers, torch, Keras and TensorFlow 1 have them."""

import numpy as np


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


def adamw(t, g, p, s, rate, *, weight_decay=1e-4, **settings):
    """Adam's update − rate · weight_decay · p. Loshchilov and Hutter 2019, with the
    decay multiplied by the rate as torch, Optax and Keras do."""
    u, s = adam(t, g, p, s, rate, **settings)
    return u - rate * weight_decay * p, s


def amsgrad(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, eps_hat=False,
    max_before_correction=False,
):  # fmt: skip
    """Adam with the greatest v so far: of v/(1−b2ᵗ) (Optax), or, with
    `max_before_correction`, of v itself, corrected by today's 1−b2ᵗ (torch, Keras).
    Reddi, Kale and Kumar 2018 correct neither mean."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    c1, c2 = 1 - b1**t, 1 - b2**t
    top = np.maximum(s.get("top", 0.0), v if max_before_correction else v / c2)
    most = top / c2 if max_before_correction else top
    below = np.sqrt(most + eps_root) + (eps / np.sqrt(c2) if eps_hat else eps)
    return -rate * m / c1 / below, {"m": m, "v": v, "top": top}
