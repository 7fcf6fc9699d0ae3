"""Rprop without backtracking (iRprop−), as torch has it; Optax's is one step late."""

import numpy as np


def rprop(
    t, g, p, s, rate, *, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-6,
    max_step_size=50.0,
):  # fmt: skip
    """−sign(g) · step, the step (at first the rate) times eta_plus where the sign stays
    and eta_minus where it turns, there g counts as 0. Igel and Hüsken 2003."""
    del t, p
    agree = np.sign(g * s.get("g", 0.0))
    grown = s.get("step", abs(rate)) * np.where(agree > 0, eta_plus, 1.0)
    step = grown * np.where(agree < 0, eta_minus, 1.0)
    step = step.clip(min_step_size, max_step_size)
    g = np.where(agree < 0, 0.0, g)
    return -np.sign(rate) * np.sign(g) * step, {"g": g, "step": step}


def late_rprop(t, g, p, s, rate, **settings):
    """What Optax 0.2.8 does: the update that `rprop` gave at the last step, and 0 where
    the gradient has turned since. github.com/google-deepmind/optax/pull/1725."""
    u, new = rprop(t, g, p, s, rate, **settings)
    last = s.get("u", np.zeros_like(g))
    late = np.where(g * last > 0, 0.0, last)  # the last update is against its gradient
    return late, {**new, "u": u}
