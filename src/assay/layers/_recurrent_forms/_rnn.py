"""The simple recurrent network: h′ = tanh(x W + h U + b)."""

from jax import lax

from assay.layers._recurrent_forms._rule import Rule


def _step(lay, params):
    del lay, params

    def step(net, state):
        h = lax.tanh(net)
        return (h.astype(state[0].dtype),), (h,)

    return step


def _pull(lay, params):
    against = lay.against(params.recurrent_kernel)

    def pull(kept, ct):
        (h,), (dh,) = kept, ct
        net = dh * (1 - h * h)
        return net, (against(net),)

    return pull


def _weights(lay, kept, before, net):
    return lay.gradient(before, net), lay.total(net)


RNN = Rule(1, True, lambda params: params.bias, _step, _pull, 1, _weights)
