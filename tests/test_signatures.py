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
    "losses": [optax.losses],
    "optim": [optax, optax.contrib],
}
# optax.<name> that is another thing than ours of that name: none so far.
OTHER_THING: set[tuple[str, str]] = set()


def peer_of(room: str, name: str):
    """The peer's function of the same name, or None."""
    for module in PEERS.get(room, []):
        if hasattr(module, name) and (room, name) not in OTHER_THING:
            return getattr(module, name)
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
    return [(p.name, p.default, p.kind is p.KEYWORD_ONLY) for p in parameters]


@pytest.mark.parametrize(("room", "name"), SHARED)
def test_the_signature_starts_with_the_peers(room, name):
    """Swapping the import is the whole migration."""
    peer = words(peer_of(room, name))
    assert words(discover(room)[name])[: len(peer)] == peer


def test_the_law_covers_what_it_should():
    """The list is found, not typed; it must not have become empty."""
    assert len(SHARED) > 40
