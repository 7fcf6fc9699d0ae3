"""The rules with their formulas changed: conventions, and mistakes seen in the wild.

Each agrees with the rule of the same name in `verify.rules` where nothing is changed;
`_mistakes` says in words what each change is.
"""

from typing import Any

import numpy as np


def _kept(x: Any) -> Any:
    """The moments as they are: the default of `keep`."""
    return x


def adam(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=False,
    eps_hat=False, eps_at="", maximum="", missing="", initial_scale=0.0, keep=_kept,
):  # fmt: skip
    """Adam, NAdam and AMSGrad (`maximum` "corrected" or "raw")."""
    del p
    weight = 1.0 if missing == "weight" else 1 - b1
    m = keep(b1 * s.get("m", 0.0) + weight * g)
    v = keep(b2 * s.get("v", initial_scale) + (1 - b2) * g**2)
    c1, c2 = 1 - b1**t, 1 - b2**t
    new = {"m": m, "v": v}
    c1 = 1.0 if missing == "correction of m" else c1
    c2 = 1.0 if missing == "correction of v" else c2
    if maximum:
        top = v / c2 if maximum == "corrected" else v
        new["top"] = top = keep(np.maximum(s.get("top", 0.0), top))
        v_hat = top / c2 if maximum == "raw" else top
    else:
        v_hat = v / c2
    head = _head(nesterov, t, g, m, b1, c1)
    below = _below(v_hat, c2, eps, eps_root, eps_hat, eps_at, missing)
    return -rate * head / below, new


def _head(nesterov, t, g, m, b1, c1):
    """m, or m seen one step ahead."""
    if not nesterov:
        return m / c1
    if nesterov == "today":
        return (b1 * m + (1 - b1) * g) / c1
    if nesterov == "whole gradient":
        return b1 * m / c1 + g
    if nesterov == "uncorrected gradient":
        return b1 * m / c1 + (1 - b1) * g
    if nesterov == "next":
        return (b1 * m + (1 - b1) * g) / (1 - b1 ** (t + 1))
    return b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / c1


def _below(v, c2, eps, eps_root, eps_hat, eps_at, missing):
    """The denominator: where the eps stands."""
    if missing == "root":
        return v + eps
    if eps_at == "root":
        return np.sqrt(v + eps_root + eps)
    if eps_at == "raw root":
        return np.sqrt(v + eps_root + eps / c2)
    if eps_at == "squared":
        return np.sqrt(v + eps_root + eps**2)
    if eps_at == "floor":
        return np.maximum(np.sqrt(v + eps_root), eps)
    if eps_at == "scaled":
        return np.sqrt(v + eps_root) + eps * np.sqrt(c2)
    return np.sqrt(v + eps_root) + (eps / np.sqrt(c2) if eps_hat else eps)


def rmsprop(
    t, g, p, s, rate, *, decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=True,
    centered=False, momentum=None, nesterov=False, bias_correction=False,
    rate_last=False, dampening=0.0, damped_first=False, eps_at="", maximum="",
    missing="", keep=_kept,
):  # fmt: skip
    """RMSprop."""
    del p
    v = keep(decay * s.get("v", initial_scale) + (1 - decay) * g**2)
    m = keep(decay * s.get("m", 0.0) + (1 - decay) * g) if centered else 0.0
    c = 1 - decay**t if bias_correction else 1.0
    new = {"v": v, "m": m} if centered else {"v": v}
    v_hat = v / c
    if maximum:
        top = v_hat if maximum == "corrected" else v
        new["top"] = top = keep(np.maximum(s.get("top", 0.0), top))
        v_hat = top / c if maximum == "raw" else top
    square = np.maximum(v_hat - (m / c) ** 2, 0) if centered else v_hat
    hat = eps_at == "hat"
    at = eps_at if eps_at and not hat else ("root" if eps_in_sqrt else "")
    u = g / _below(square, c, eps, 0.0, hat, at, missing)
    if momentum is None:
        return -rate * u, new
    u = u if rate_last else rate * u
    u, b = _velocity(u, s, momentum, nesterov, dampening, damped_first, keep)
    return -(rate if rate_last else 1.0) * u, {**new, "b": b}


def sgd(
    t, g, p, s, rate, *, momentum=None, nesterov=False, dampening=0.0, maximize=False,
    rate_last=True, damped_first=False, keep=_kept,
):  # fmt: skip
    """Gradient descent and its momenta."""
    del t, p
    g = -g if maximize else g
    if momentum is None:
        return -rate * g, s
    g = g if rate_last else rate * g
    u, b = _velocity(g, s, momentum, nesterov, dampening, damped_first, keep)
    return -(rate if rate_last else 1.0) * u, {"b": b}


def _velocity(g, s, momentum, nesterov, dampening, damped_first, keep):
    """The buffer, and what is taken from it."""
    weight = 1 - dampening if "b" in s or damped_first else 1.0
    b = keep(momentum * s.get("b", 0.0) + weight * g)
    if nesterov == "plain sum":
        return g + b, b
    if nesterov == "buffer twice":
        return b + momentum * b, b
    return (g + momentum * b if nesterov else b), b


def lion(
    t, g, p, s, rate, *, b1=0.9, b2=0.99, order="", missing="", keep=_kept
):  # fmt: skip
    """Lion without its decay, which the walk adds."""
    del t, p
    m = s.get("m", 0.0)
    w1, w2 = (1.0, 1.0) if missing == "weight" else (1 - b1, 1 - b2)
    new = keep(b2 * m + w2 * g)
    look = b1 * (new if order == "moment first" else m) + w1 * g
    look = new if order == "moment alone" else look
    return -rate * (look if missing == "sign" else np.sign(look)), {"m": new}


def adagrad(
    t, g, p, s, rate, *, initial_accumulator_value=0.1, eps=1e-7, eps_in_sqrt=True,
    lr_decay=0.0, missing="", order="", keep=_kept,
):  # fmt: skip
    """Adagrad."""
    del p
    old = s.get("a", initial_accumulator_value)
    a = keep(old + g**2)
    used = old + 0 * g if order == "moment last" else a
    root = np.sqrt(used + eps) if eps_in_sqrt else np.sqrt(used) + eps
    root = used + eps if missing == "root" else root
    u = np.where(used > 0, g / np.where(used > 0, root, 1.0), 0.0)
    return -rate / (1 + (t - 1) * lr_decay) * u, {"a": a}
