"""The same recurrent layers in other libraries: our weights, cut into their gates.

Each is `peer(kind, size)`, a function (x, kernel, inner, bias[, again]) -> y over whole
sequences from a state of zeros, or None where the library has another layer or none:
Haiku's GRU resets before its product and its RNN has a ReLU; Equinox has no RNN.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

Run = Callable[..., Any]


def flax(kind: str, size: int, unroll: int = 1) -> Run:
    """Linen's cells in `RNN`; the GRU's second bias is its candidate's alone."""
    cells = {
        "LSTM": linen.OptimizedLSTMCell,
        "GRU": linen.GRUCell,
        "RNN": linen.SimpleCell,
    }
    net = linen.RNN(cells[kind](size), unroll=unroll)

    def run(x: Any, kernel: Any, inner: Any, bias: Any, *again: Any) -> Any:
        p: dict[str, dict] = {}
        if kind == "RNN":
            p = {"i": {"kernel": kernel, "bias": bias}, "h": {"kernel": inner}}
        for i, name in enumerate({"LSTM": "ifgo", "GRU": "rzn"}.get(kind, "")):
            p[f"i{name}"] = {"kernel": _gate(kernel, i, size)}
            p[f"h{name}"] = {"kernel": _gate(inner, i, size)}
            place = ("h" if kind == "LSTM" else "i") + name
            p[place]["bias"] = _gate(bias, i, size)
        if kind == "GRU":
            p["hn"]["bias"] = again[0]
        return net.apply({"params": {"cell": p}}, x)

    return run


def equinox(kind: str, size: int) -> Run | None:
    """A cell under a scan, as its documentation writes it, and vmap over sequences."""
    import equinox as eqx

    if kind == "RNN":
        return None
    make = eqx.nn.LSTMCell if kind == "LSTM" else eqx.nn.GRUCell

    def run(x: Any, kernel: Any, inner: Any, bias: Any, *again: Any) -> Any:
        cell = make(x.shape[-1], size, key=jax.random.key(0))
        leaves = kernel.T, inner.T, bias, *again
        names = ("weight_ih", "weight_hh", "bias", "bias_n")[: len(leaves)]
        cell = eqx.tree_at(lambda c: [getattr(c, n) for n in names], cell, leaves)
        zeros = jnp.zeros(size)

        def step(state: Any, now: Any) -> Any:
            state = cell(now, state)
            return state, state[0] if kind == "LSTM" else state

        start = (zeros, zeros) if kind == "LSTM" else zeros
        return jax.vmap(lambda series: jax.lax.scan(step, start, series)[1])(x)

    return run


def haiku(kind: str, size: int) -> Run | None:
    """`dynamic_unroll` of its LSTM, which adds 1 to the forget gate itself."""
    import haiku as hk

    if kind != "LSTM":
        return None

    def net(x: Any) -> Any:
        core = hk.LSTM(size)
        start = core.initial_state(x.shape[0])
        return hk.dynamic_unroll(core, x, start, time_major=False)[0]

    apply = hk.without_apply_rng(hk.transform(net)).apply

    def run(x: Any, kernel: Any, inner: Any, bias: Any) -> Any:
        w, order = jnp.concatenate([kernel, inner]), (0, 2, 1, 3)
        w, b = (
            jnp.concatenate([_gate(a, i, size) for i in order], -1) for a in (w, bias)
        )
        b = b.at[2 * size : 3 * size].add(-1)
        return apply({"lstm/linear": {"w": w, "b": b}}, x)

    return run


def keras(kind: str, size: int) -> Run:
    """A layer that gives all its states, called without any of its own."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() != "jax":
        raise ModuleNotFoundError("keras runs on another backend than JAX")
    make = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN"}[kind]
    layer = getattr(keras.layers, make)(size, return_sequences=True)

    def run(x: Any, kernel: Any, inner: Any, bias: Any, *again: Any) -> Any:
        if not layer.built:
            layer.build(x.shape)
        if kind == "GRU":  # z, r, h; a bias of the input's, and one of the state's
            states = jnp.concatenate([jnp.zeros(2 * size), again[0]])
            kernel, inner, bias, states = (
                jnp.concatenate([_gate(a, i, size) for i in (1, 0, 2)], -1)
                for a in (kernel, inner, bias, states)
            )
            bias = jnp.stack([bias, states])
        rest = [v.value for v in layer.non_trainable_variables]
        return layer.stateless_call([kernel, inner, bias], rest, x)[0]

    return run


PEERS: dict[str, Callable[[str, int], Run | None]] = {
    "flax": flax,
    "flax unroll=4": partial(flax, unroll=4),
    "equinox": equinox,
    "haiku": haiku,
    "keras": keras,
}


def peers(kind: str, size: int) -> tuple[dict[str, Run], dict[str, str]]:
    """({peer: its layer}, {peer: why it is missing}); none of who has no such layer."""
    found, missing = {}, {}
    for name, make in PEERS.items():
        try:
            run = make(kind, size)
        except ModuleNotFoundError as error:
            missing[name] = str(error)
        else:
            found |= {} if run is None else {name: run}
    return found, missing


def _gate(a: Any, i: int, size: int) -> Any:
    return a[..., i * size : (i + 1) * size]
