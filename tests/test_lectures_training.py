"""The numbers of the lectures: backpropagation by hand and the optimizers."""

import jax
import jax.numpy as jnp
import pytest

from assay import activations, layers, losses, optim
from tests.figures import erratum, exactly, lecture, many

# The recomputed column is float64.
pytestmark = pytest.mark.usefixtures("x64")


# Backpropagation by hand --------------------------------------------------------


def weights(*outgoing):
    """The lectures' network: w1 w2 feed h1, w3 w4 feed h2, then the output's pairs."""
    hidden = {"kernel": jnp.array([[0.15, 0.25], [0.20, 0.30]]), "bias": [0.35, 0.35]}
    output = {"kernel": jnp.array(outgoing).T, "bias": [0.60] * len(outgoing)}
    params = {"hidden": hidden, "output": output}
    return {
        k: {"kernel": v["kernel"], "bias": jnp.array(v["bias"])}
        for k, v in params.items()
    }


def forward(params, x):
    """(hidden net, hidden out, output net, output)."""
    net_h = layers.dense(x, **params["hidden"])
    h = activations.sigmoid(net_h)
    net_o = layers.dense(h, **params["output"])
    return net_h, h, net_o, activations.sigmoid(net_o)


def error(params, target):
    x = jnp.array([0.05, 0.10])
    return losses.half_sum_of_squares(forward(params, x)[-1], target)


def in_order(params):
    """w1, w2, w3, w4, w5, … as the lectures number them."""
    return [
        *params["hidden"]["kernel"].T.ravel(),
        *params["output"]["kernel"].T.ravel(),
    ]


def stepped(params, target, learning_rate):
    tx = optim.sgd(learning_rate)
    grads = jax.grad(error)(params, target)
    return optim.apply_updates(params, tx.update(grads, tx.init(params), params)[0])


def test_221_forward():
    """L0: the 2-2-1 network gives 0.75136507 and an error of 0.27481108."""
    params = weights([0.40, 0.45])
    net_h, h, net_o, o = forward(params, jnp.array([0.05, 0.10]))
    many(exactly, net_h, "0.3775 0.3925")
    many(exactly, h, "0.59326999 0.59688438")
    many(exactly, [*net_o, *o], "1.10590597 0.75136507")
    e = error(params, jnp.array([0.01]))
    exactly(e, "0.27481108")
    many(lecture, [*h, *net_o, *o, e], "0.59327 0.59688 1.1059 0.75136 0.2748")
    many(lecture, [h[0] * 0.40, h[1] * 0.45], "0.2373 0.2686")


def test_221_gradients():
    """L0: the six derivatives, by jax.grad."""
    grads = in_order(jax.grad(error)(weights([0.40, 0.45]), jnp.array([0.01])))
    many(exactly, grads[:4], "0.00066840 0.00133679 0.00074980 0.00149961")
    many(exactly, grads[4:], "0.08216704 0.08266763")
    many(lecture, [grads[4], grads[5], grads[0]], "0.08216 0.08267 0.00067")


def test_221_step():
    """L0: one step at a rate of 0.5. (L0's table lists the weights row by row.)"""
    new = in_order(stepped(weights([0.40, 0.45]), jnp.array([0.01]), 0.5))
    many(exactly, new[:4], "0.14966580 0.19933160 0.24962510 0.29925020")
    many(exactly, new[4:], "0.35891648 0.40866619")
    many(lecture, [new[4], new[5], new[0]], "0.35892 0.40867 0.14967")


FULL = ([0.40, 0.45], [0.50, 0.55])
TARGETS = (0.01, 0.99)


def test_222_forward():
    """L2: the 2-2-2 network's outputs and its two errors."""
    params, target = weights(*FULL), jnp.array(TARGETS)
    net_h, h, net_o, o = forward(params, jnp.array([0.05, 0.10]))
    many(exactly, o, "0.75136507 0.77292847")
    each = losses.l2_loss(o, target)
    many(exactly, [*each, error(params, target)], "0.27481108 0.02356003 0.29837111")
    many(lecture, [net_h[0], *h, *net_o], "0.377 0.5932 0.5968 1.105 1.2249")
    many(lecture, [*h, net_o[0], *o], "0.59327 0.59689 1.1060 0.75136 0.77293")
    many(lecture, [*o, *each], "0.7513 0.7729 0.274 0.0235")
    many(lecture, [error(params, target)] * 3, "0.298371109 0.2983 0.2984")


def test_222_gradients():
    """L2: the eight derivatives; .08216709 is printed for .08216704."""
    grads = in_order(jax.grad(error)(weights(*FULL), jnp.array(TARGETS)))
    many(exactly, grads[:4], "0.00043857 0.00087714 0.00049771 0.00099543")
    many(exactly, grads[4:], "0.08216704 0.08266763 -0.02260254 -0.02274024")
    lecture(grads[0], "0.000438568")
    erratum(grads[4], "0.08216709")


def test_222_step():
    """L2: one step at 0.5. Its w3' is printed 0.2497; 0.24975 is meant."""
    new = in_order(stepped(weights(*FULL), jnp.array(TARGETS), 0.5))
    many(exactly, new[:4], "0.14978072 0.19956143 0.24975114 0.29950229")
    many(exactly, new[4:], "0.35891648 0.40866619 0.51130127 0.56137012")
    many(lecture, new, "0.1498 0.1996 0.2497 0.2995 0.359 0.4087 0.5113 0.5613")


def test_222_step_at_another_rate():
    """L2 also takes the step at 0.6."""
    new = in_order(stepped(weights(*FULL), jnp.array(TARGETS), 0.6))
    many(exactly, [new[4], new[0]], "0.35069978 0.14973686")
    many(lecture, [new[4], new[0]], "0.350699776 0.149736859")
    # The last digit of its 0.1497368592 comes from a derivative that was rounded first.
    erratum(new[0], "0.1497368592")
    many(exactly, [0.15 - 0.6 * 0.000438568], "0.1497368592")


def test_222_chain_factors():
    """L2: every factor of the chain rule, and the three figures that L2 gets wrong."""
    params, target = weights(*FULL), jnp.array(TARGETS)
    net_h, h, net_o, o = forward(params, jnp.array([0.05, 0.10]))
    d_out = jax.grad(lambda o: losses.half_sum_of_squares(o, target))(o)
    d_net = jax.vmap(jax.grad(activations.sigmoid))(net_o)
    delta = d_out * d_net
    through = delta * params["output"]["kernel"][0]  # back to h1 over w5 and w7
    d_h1 = jax.grad(activations.sigmoid)(net_h[0])
    many(exactly, [d_out[0], d_net[0], delta[0]], "0.74136507 0.18681560 0.13849856")
    many(exactly, [*through, through.sum()], "0.05539942 -0.01904912 0.03635031")
    many(exactly, [d_h1, through.sum() * d_h1], "0.24130071 0.00877135")
    many(lecture, [*d_out, d_net[0]], "0.741365 -0.217071535 0.186815602")
    many(lecture, [delta[0], d_net[1], delta[1]], "0.1385 0.175510052 -0.0380982")
    many(lecture, [*through, through.sum()], "0.055399425 -0.019049119 0.036350306")
    many(lecture, [d_h1, through.sum() * d_h1, h[0]], "0.241300709 0.0088 0.593269992")
    erratum(d_net[1], "0.17529")  # exact 0.17551
    erratum(delta[1], "-0.03807")  # exact -0.03810


def test_321_forward_and_log_loss():
    """L3: 3-2-1; its 0.7 has to be -0.7, its log loss 0.494 is 0.48315982."""
    h1 = layers.neuron(
        jnp.array([2.0, 1.0, 3.0]), jnp.array([0.5, 0.2, 0.1]), jnp.array(0.1)
    )
    h = jnp.stack([h1, activations.sigmoid(jnp.array(1.5))])
    many(exactly, h, "0.83201839 0.81757448")
    net = layers.adaline(h, jnp.array([1.2, -0.7]), jnp.array(0.05))
    y = activations.sigmoid(net)
    many(exactly, [net, y], "0.47611993 0.61683123")
    loss = losses.binary_cross_entropy(y, jnp.array(1.0))
    exactly(loss, "0.48315982")
    exactly(losses.sigmoid_binary_cross_entropy(net, jnp.array(1.0)), "0.48315982")
    many(lecture, [*h, net, y], "0.8320 0.8176 0.4761 0.6168")
    erratum(loss, "0.494")
    erratum(layers.adaline(h, jnp.array([1.2, 0.7]), jnp.array(0.05)), "0.4761")


# Optimizers ---------------------------------------------------------------------


def walk(tx, grads, w=0.0):
    """Where the weight is after each gradient."""
    w = jnp.array(w)
    state, path = tx.init(w), []
    for g in grads:
        updates, state = tx.update(jnp.array(g), state, w)
        w = optim.apply_updates(w, updates)
        path.append(float(w))
    return path


GRADS = [0.4, -0.3, 0.8, 0.1]


def test_sgd_step():
    """L0: w = 0.5, rate 0.1 and a gradient of 0.4 give 0.46."""
    exactly(walk(optim.sgd(0.1), [0.4], 0.5)[0], "0.46")


def test_momentum_has_the_rate_inside_the_velocity():
    """L3: v = beta v + eta g; w = w - v. Optax's only at a constant rate."""
    w, v, inside = 0.0, 0.0, []
    rates = [0.1, 0.1, 0.01, 0.01]
    for g, rate in zip(GRADS, rates, strict=True):
        v = 0.9 * v + rate * g
        w = w - v
        inside.append(w)
    schedule = optim.piecewise_constant_schedule(0.1, {2: 0.1})
    assert walk(optim.momentum(schedule), GRADS) == pytest.approx(inside, rel=1e-12)
    outside = walk(optim.sgd(schedule, momentum=0.9), GRADS)
    assert outside[:2] == pytest.approx(inside[:2], rel=1e-12)
    assert abs(outside[2] - inside[2]) > 0.001
    constant = walk(optim.momentum(0.1), GRADS)
    assert walk(optim.sgd(0.1, momentum=0.9), GRADS) == pytest.approx(constant)


@pytest.mark.parametrize("start", [0.0, 0.1], ids=["L3", "Optax and Keras"])
def test_adagrad(start):
    """L3: w = w - eta / sqrt(sum g^2 + eps) g, from a sum of 0; Optax's is 0.1."""
    w, total, expected = 0.0, start, []
    for g in GRADS:
        total += g * g
        w -= 0.5 / (total + 1e-7) ** 0.5 * g
        expected.append(w)
    tx = optim.adagrad(0.5, initial_accumulator_value=start, eps=1e-7)
    assert walk(tx, GRADS) == pytest.approx(expected, rel=1e-12)
    default = walk(optim.adagrad(0.5), GRADS)
    assert (default == pytest.approx(expected, rel=1e-12)) == (start == 0.1)


def test_adam_is_momentum_and_rmsprop_not_momentum_and_adagrad():
    """Under one constant gradient Adam keeps its step (L0); L3's Adagrad shrinks it."""
    adam = jnp.diff(jnp.array([0.0, *walk(optim.adam(0.1), [0.4] * 9)]))
    adagrad = walk(optim.adagrad(0.1, initial_accumulator_value=0.0), [0.4] * 9)
    adagrad = jnp.diff(jnp.array([0.0, *adagrad]))
    assert abs(adam + 0.1).max() < 1e-7
    root = 1 / jnp.sqrt(jnp.arange(1.0, 10.0))
    assert abs(adagrad + 0.1 * root).max() < 1e-6


def test_l2_penalty_has_no_half():
    """L2: loss + lambda sum w^2; optax.l2_loss has the half."""
    w = {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([3.0])}
    assert losses.l2_penalty(w) == 14
    assert losses.l2_penalty(w, matching="kernel") == 5
    assert losses.l2_loss(w["kernel"]).sum() == 2.5
    assert losses.l1_penalty(w) == 6


@pytest.mark.parametrize(
    ("d1", "d2", "printed"), [(0.03, 0.05, "0.0015"), (100, 500, "50000")]
)
def test_gradient_products(d1, d2, printed):
    """L2: two slopes in a chain multiply: 0.03 · 0.05 vanishes, 100 · 500 explodes."""
    w = jnp.array(1.0)

    def loss(w):
        hidden = layers.adaline(w[None], jnp.array([d2 * 1.0]), jnp.array(0.0))
        return layers.adaline(hidden[None], jnp.array([d1 * 1.0]), jnp.array(0.0))

    exactly(jax.grad(loss)(w), printed)
