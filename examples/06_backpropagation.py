"""Backpropagation by hand, the lectures' two networks, against jax.grad.

You should get: E = 0.27481108 for the 2-2-1 network and 0.29837111 for the 2-2-2 one,
the same derivatives by the chain rule and by jax.grad, and w5 = 0.35891648 then.
"""

import jax
import jax.numpy as jnp
import numpy as np

from assay import activations, layers, losses, optim

x = jnp.array([0.05, 0.10])  # (2,)
networks = {
    # name: (output kernel (2, outputs), targets, lecture's dE/dw5, lecture's new w5)
    "2-2-1": ([[0.40], [0.45]], [0.01], "0.08216", "0.35892"),
    "2-2-2": ([[0.40, 0.50], [0.45, 0.55]], [0.01, 0.99], "0.08216709", "0.359"),
}
exact = {  # w1, w2, w3, w4, w5, … : float64, recomputed
    "2-2-1": [0.00066840, 0.00133679, 0.00074980, 0.00149961, 0.08216704, 0.08266763],
    "2-2-2": [0.00043857, 0.00087714, 0.00049771, 0.00099543]
    + [0.08216704, 0.08266763, -0.02260254, -0.02274024],
}
exact_step = {
    "2-2-1": [0.14966580, 0.19933160, 0.24962510, 0.29925020, 0.35891648, 0.40866619],
    "2-2-2": [0.14978072, 0.19956143, 0.24975114, 0.29950229]
    + [0.35891648, 0.40866619, 0.51130127, 0.56137012],
}


def forward(params, x):
    """(hidden outputs (2,), outputs (outputs,)), all sigmoid."""
    h = activations.sigmoid(layers.dense(x, **params["hidden"]))
    return h, activations.sigmoid(layers.dense(h, **params["output"]))


def error(params, target):
    """E = ½ Σ (target - out)²."""
    return losses.half_sum_of_squares(forward(params, x)[1], target)


def by_hand(params, target):
    """The lectures' chain rule, from the output back to the input."""
    h, o = forward(params, x)
    delta_o = (o - target) * o * (1 - o)  # (outputs,)  dE/dnet_o
    back = params["output"]["kernel"] @ delta_o  # (2,)  dE/dout_h, over both outputs
    delta_h = back * h * (1 - h)  # (2,)  dE/dnet_h
    return {
        "hidden": {"kernel": jnp.outer(x, delta_h), "bias": delta_h},
        "output": {"kernel": jnp.outer(h, delta_o), "bias": delta_o},
    }


def numbered(params):
    """The weights in the lectures' order: those into h1, into h2, into o1, into o2."""
    kernels = params["hidden"]["kernel"], params["output"]["kernel"]
    return np.concatenate([np.asarray(k).T.ravel() for k in kernels])


for name, (kernel, target, said_gradient, said_step) in networks.items():
    target = jnp.array(target)
    params = {
        # w1, w2 feed h1 and w3, w4 feed h2: columns here. (The 2-2-1 lecture's table
        # lists the same weights row by row: x1 has 0.15, 0.25 and x2 has 0.20, 0.30.)
        "hidden": {"kernel": jnp.array([[0.15, 0.25], [0.20, 0.30]])},
        "output": {"kernel": jnp.array(kernel)},
    }
    params["hidden"]["bias"] = jnp.full(2, 0.35)
    params["output"]["bias"] = jnp.full(target.shape, 0.60)

    e, grads = jax.value_and_grad(error)(params, target)
    mine = by_hand(params, target)
    tx = optim.sgd(0.5)
    updates, _ = tx.update(grads, tx.init(params), params)
    new = optim.apply_updates(params, updates)

    print(f"{name}: outputs {forward(params, x)[1]}  E = {e:.8f}")
    print("   w   chain rule    jax.grad   after a step of 0.5")
    rows = zip(numbered(mine), numbered(grads), numbered(new), strict=True)
    for i, (hand, auto, after) in enumerate(rows, 1):
        print(f"  w{i} {hand:11.8f} {auto:11.8f} {after:11.8f}")
    print(f"  the lecture: dE/dw5 = {said_gradient}, w5' = {said_step}")

    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(numbered(grads), exact[name], atol=2e-8)
    np.testing.assert_allclose(numbered(new), exact_step[name], atol=1e-7)
    np.testing.assert_allclose(
        e, {"2-2-1": 0.27481108, "2-2-2": 0.29837111}[name], atol=1e-7
    )

# ERRATA of the 2-2-2 lecture: it prints .08216709 for dE/dw5 (exact .08216704), .17529
# for o2(1 - o2) on its second pass (exact .17551, as on its first), -.03807 for
# delta_o2 (exact -.03810), 0.2497 for w3' = 0.24975, and names o1 in dE_o2/dout_o2.
delta_o2 = mine["output"]["bias"][1]
print(f"delta_o2 = {delta_o2:.7f}   the lecture: -0.0380982, then -0.03807")
np.testing.assert_allclose(delta_o2, -0.0380982, atol=1e-7)
