"""Which parts of two optimizers' states mean the same: by name, place and shape."""

from typing import Any, NamedTuple

import jax
import numpy as np

from assay.typing import PyTree

COUNTS = "iu"  # the kinds of dtype whose scalars are counts


class Field(NamedTuple):
    """A field that both states have, leaf by leaf."""

    name: str  # mu
    leaves: tuple[str, ...]  # the parameters' paths; ("",) for a count
    mine: tuple[int, ...]  # where they are among the leaves of my state
    theirs: tuple[int, ...]


def shared(mine: Any, theirs: Any, params: PyTree) -> list[Field]:
    """The fields of one name, on the same leaves, as often in the one as in the other.

    >>> import optax
    >>> from assay import optim
    >>> w = {"w": np.ones(3)}
    >>> both = optim.adam(0.1).init(w), optax.adam(0.1).init(w)
    >>> [field.name for field in shared(*both, w)]
    ['count', 'mu', 'nu']
    """
    ours, others = (_fields(state, params) for state in (mine, theirs))
    out = []
    for name in ours:
        a, b = ours[name], others.get(name, {})
        if set(a) == set(b) and all(len(a[leaf]) == len(b[leaf]) for leaf in a):
            out += _paired(name, a, b)
    return sorted(out)


def _paired(name: str, a: dict, b: dict) -> list[Field]:
    """One field for each time that the name stands in the states."""
    leaves = tuple(a)
    times = min(len(places) for places in a.values())
    return [
        Field(
            name if times == 1 else f"{name}[{k}]",
            leaves,
            tuple(a[leaf][k] for leaf in leaves),
            tuple(b[leaf][k] for leaf in leaves),
        )
        for k in range(times)
    ]


def _fields(state: Any, params: PyTree) -> dict[str, dict[str, list[int]]]:
    """{field: {leaf: its places in the flattened state}}."""
    known = {
        tuple(path): (_text(path), np.shape(p))
        for path, p in jax.tree_util.tree_leaves_with_path(params)
    }
    found: dict[str, dict[str, list[int]]] = {}
    for place, (path, x) in enumerate(jax.tree_util.tree_leaves_with_path(state)):
        name, leaf = _where(tuple(path), x, known)
        if name:
            found.setdefault(name, {}).setdefault(leaf, []).append(place)
    return found


def _where(path: tuple, x: Any, known: dict) -> tuple[str, str]:
    """(field, leaf) of one entry of a state; ("", "") if it is neither."""
    if not isinstance(x, (jax.Array, np.ndarray, np.generic, int)):
        return "", ""
    for k in range(1, len(path) + 1):
        leaf, shape = known.get(path[k:], ("", None))
        if shape == np.shape(x) and _name(path[k - 1]):
            return _name(path[k - 1]), leaf
    counts = np.ndim(x) == 0 and np.asarray(x).dtype.kind in COUNTS
    return (_name(path[-1]), "") if counts and path else ("", "")


def _name(key: Any) -> str:
    """The word of a NamedTuple's field or a dict's key, "" of a number in a row."""
    word = getattr(key, "name", getattr(key, "key", ""))
    return word if isinstance(word, str) else ""


def _text(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/") or "the only leaf"
