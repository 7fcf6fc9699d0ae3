"""The leaves of a tree by their paths, such as dense1/kernel."""

from typing import Any

import jax

from assay import _check
from assay.typing import PyTree


def named(tree: PyTree) -> tuple[list[tuple[str, Any]], Any]:
    """((path, leaf), ...) and the structure; an absent or hidden leaf keeps its place.

    A Flax Variable is a leaf: its path does not end in the name of its box.
    """

    def whole(x):
        return is_absent(x) or _is_variable(x)

    pairs, structure = jax.tree_util.tree_flatten_with_path(tree, is_leaf=whole)
    text = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in pairs]
    return [(t, leaf) for t, (_, leaf) in zip(text, pairs, strict=True)], structure


def spread(who: str, name: str, prefix: PyTree, tree: PyTree) -> list[Any]:
    """What `prefix` says of every leaf: a tree of the same form, or its upper part."""
    values = []

    def part(x, below):
        values.extend([x] * len(named(below)[0]))

    try:
        jax.tree.map(part, prefix, tree, is_leaf=is_absent)
    except (ValueError, TypeError) as error:
        must = f"{name} must have the form of the parameters, or of their upper part"
        _check.fail(who, must, str(error).rstrip("."))
    return values


def some(paths: list[str]) -> str:
    """The first few paths, and how many there are."""
    shown = ", ".join(path or "the only leaf" for path in paths[:8])
    return shown + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")


def is_absent(x: Any) -> bool:
    """Whether it is None, or hidden by a mask, ours or Optax's."""
    return x is None or type(x).__name__ == "MaskedNode"


def _is_variable(x: Any) -> bool:
    # By name, because Flax is not imported here.
    kinds = {(c.__module__.partition(".")[0], c.__name__) for c in type(x).__mro__}
    return ("flax", "Variable") in kinds
