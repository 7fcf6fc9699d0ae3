"""Schedule-free SGD and AdamW: gradients between the last iterate and the mean."""

from assay.verify.rules._rmsprop import rmsprop


def _averaged(p, s, step, rate, b1, power):
    """z ← z + step; x ← (1−c) x + c z, c the share of the greatest rate^power so far;
    p = b1 x + (1−b1) z. Defazio et al. 2024, arXiv:2405.15682."""
    z = s.get("z", p)
    x = (p - (1 - b1) * z) / b1
    most = max(s.get("most", 0.0), rate)
    total = s.get("total", 0.0) + most**power
    c = most**power / total if total else 0.0
    z = z + step
    x = (1 - c) * x + c * z
    new = {"z": z, "most": most, "total": total}
    return b1 * x + (1 - b1) * z - p, new


def _warm(rate, t, warmup_steps):
    """The rate at step t of a linear start from 0."""
    return rate * min(1.0, t / warmup_steps) if warmup_steps else rate


def schedule_free_sgd(
    t, g, p, s, rate, *, warmup_steps=None, b1=0.9, weight_decay=None,
    weight_lr_power=2.0,
):  # fmt: skip
    """z steps by −rate (g + weight_decay · p)."""
    step = -_warm(rate, t - 1, warmup_steps) * (g + (weight_decay or 0.0) * p)
    return _averaged(p, s, step, _warm(rate, t, warmup_steps), b1, weight_lr_power)


def schedule_free_adamw(
    t, g, p, s, rate, *, warmup_steps=None, b1=0.9, b2=0.999, eps=1e-8,
    weight_decay=0.0, weight_lr_power=2.0,
):  # fmt: skip
    """z steps by −rate (g/(√(v/(1−b2ᵗ)) + eps) + weight_decay · p)."""
    about: dict = {
        "decay": b2,
        "eps": eps,
        "eps_in_sqrt": False,
        "bias_correction": True,
    }
    u, rms = rmsprop(t, g, p, s.get("rms", {}), -1.0, **about)
    step = -_warm(rate, t - 1, warmup_steps) * (u + weight_decay * p)
    now = _warm(rate, t, warmup_steps)
    u, new = _averaged(p, s, step, now, b1, weight_lr_power)
    return u, {**new, "rms": rms}
