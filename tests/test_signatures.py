"""Where a peer has the function, our signature starts with the peer's."""

import inspect

import jax
import optax
import optax.contrib
import pytest

from assay.verify import discover

PEERS = {
    "activations": [jax.nn],
    "initializers": [jax.nn.initializers],
    "layers": [jax.nn],
    "losses": [optax.losses],
    "optim": [optax, optax.contrib],
}
# optax.<name> that is another thing than ours of that name: none so far.
OTHER_THING: set[tuple[str, str]] = set()
# Which kernel runs is chosen by a table, and a flag never adds a result. Where an array
# lies is `jax.sharding.reshard`'s to say, after any function.
LEFT_OUT = {
    "dot_product_attention": {"implementation", "return_residual"},
    "one_hot": {"out_sharding"},
}


def peer_of(room: str, name: str):
    """The peer's function of the same name, or None."""
    for module in PEERS.get(room, []):
        # Not hasattr: Optax's door still opens, with a warning, to what it has moved.
        if name in vars(module) and (room, name) not in OTHER_THING:
            return vars(module)[name]
    return None


SHARED = [
    (room, name)
    for room in PEERS
    for name in discover(room)
    if peer_of(room, name) is not None
]


def words(function) -> list[tuple]:
    """(name, default, keyword-only?) of every parameter."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, _default(p.default), p.kind is p.KEYWORD_ONLY) for p in parameters]


def _default(value):
    """A default; of a function, or a pair of them, only that there is one."""
    if inspect.isfunction(value):
        return "function"
    if isinstance(value, tuple) and any(inspect.isfunction(x) for x in value):
        return "transform"
    return value


@pytest.mark.parametrize(("room", "name"), SHARED)
def test_the_signature_starts_with_the_peers(room, name):
    """Swapping the import is the whole migration."""
    peer = words(peer_of(room, name))
    peer = [word for word in peer if word[0] not in LEFT_OUT.get(name, ())]
    assert words(discover(room)[name])[: len(peer)] == peer


def test_the_law_covers_what_it_should():
    """The list is found, not typed; it must not have become empty."""
    assert len(SHARED) > 40
