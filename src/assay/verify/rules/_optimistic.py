"""Optimism: a step back from the last gradient, for games."""

from assay.verify.rules._adam import adam


def optimistic_gradient_descent(t, g, p, s, rate, *, alpha=1.0, beta=1.0):
    """−rate · ((alpha + beta) g − beta · the last g), which at first is g itself.
    Mokhtari et al. 2019, arXiv:1901.08511."""
    del t, p
    return -rate * ((alpha + beta) * g - beta * s.get("g", g)), {"g": g}


def optimistic_adam_v2(
    t, g, p, s, rate, *, alpha=1.0, beta=1.0, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0,
    nesterov=True,
):  # fmt: skip
    """Adam's direction, then optimism. Daskalakis et al. 2018, arXiv:1711.00141."""
    about: dict = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
    u, of_adam = adam(t, g, p, s.get("adam", {}), -1.0, nesterov=nesterov, **about)
    u, last = optimistic_gradient_descent(t, u, p, s, rate, alpha=alpha, beta=beta)
    return u, {**last, "adam": of_adam}


def optimistic_adam(
    t, g, p, s, rate, *, optimism=None, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0,
    nesterov=True,
):  # fmt: skip
    """Optax's first form: alpha is the rate, beta the optimism, or the rate too."""
    about: dict = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
    about |= {"nesterov": nesterov, "alpha": rate}
    beta = rate if optimism is None else optimism
    return optimistic_adam_v2(t, g, p, s, 1.0, beta=beta, **about)
