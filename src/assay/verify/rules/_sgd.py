"""Gradient descent and its momenta, as Optax, torch and Keras have them."""


def sgd(
    t, g, p, s, rate, *, momentum=None, nesterov=False, dampening=0.0, maximize=False,
    rate_last=True,
):  # fmt: skip
    """−rate · b, b ← momentum · b + (1−dampening) · g from b₁ = g; Nesterov's is
    g + momentum · b. Without `rate_last` the rate is inside the buffer (Keras): the
    same at a constant rate, another thing under a schedule. torch.optim.SGD."""
    del t, p
    g = -g if maximize else g
    if momentum is None:
        return -rate * g, s
    g = g if rate_last else rate * g
    b = momentum * s["b"] + (1 - dampening) * g if "b" in s else g
    u = g + momentum * b if nesterov else b
    return -(rate if rate_last else 1.0) * u, {"b": b}


def momentum(t, g, p, s, rate, *, beta=0.9, nesterov=False):
    """v ← beta · v − rate · g; u = v, or beta · v − rate · g for Nesterov's.
    keras.optimizers.SGD."""
    return sgd(t, g, p, s, rate, momentum=beta, nesterov=nesterov, rate_last=False)
