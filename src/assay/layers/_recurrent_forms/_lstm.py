"""The LSTM: c′ = f c + i g and h′ = o tanh c′."""

from jax import lax

from assay.layers._recurrent_forms._rule import Rule


def _step(lay, params):
    del params

    def step(net, state):
        h, c = state
        i, f, g, o = lay.split(net, 4)
        # lax's own: XLA computes them once, where it would repeat a polynomial in
        # every loop that needs the gate. σ is within 2 ULP, tanh within 5.
        i, f, o, g = lax.logistic(i), lax.logistic(f), lax.logistic(o), lax.tanh(g)
        before = c.astype(net.dtype)
        now = f * before + i * g
        state = (o * lax.tanh(now)).astype(h.dtype), now.astype(c.dtype)
        return state, (i, f, g, o, before)

    return step


def _pull(lay, params):
    against = lay.against(params.recurrent_kernel)

    def pull(kept, ct):
        i, f, g, o, before = kept
        t = lax.tanh(f * before + i * g)  # again: reading it would take as long
        dh, dc = ct
        dc = dc + dh * o * (1 - t * t)
        net = lay.join(
            [
                dc * g * i * (1 - i),
                dc * before * f * (1 - f),
                dc * i * (1 - g * g),
                dh * t * o * (1 - o),
            ]
        )
        return net, (against(net), dc * f)

    return pull


def _weights(lay, kept, before, net):
    return lay.gradient(before, net), lay.total(net)


LSTM = Rule(4, True, lambda params: params.bias, _step, _pull, 5, _weights)
