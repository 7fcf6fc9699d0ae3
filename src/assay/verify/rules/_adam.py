"""Adam as the paper has it, and as torch, Keras and TensorFlow 1 do."""

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
