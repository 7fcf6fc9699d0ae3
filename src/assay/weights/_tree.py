"""The leaves of a tree by their paths, and the subtrees that lie at one."""

from typing import Any

import jax

from assay.typing import PyTree


def named(tree: PyTree) -> dict[str, Any]:
    """{path: leaf}, in the order of the tree; a Flax Variable ends its path.

    >>> named({"a": {"b": 1}, "c": [2]})
    {'a/b': 1, 'c/0': 2}
    """
    leaves = jax.tree.leaves(tree)
    boxes = jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_variable)
    return dict(zip((_text(path) for path, _ in boxes), leaves, strict=True))


def at(tree: PyTree, path: str) -> PyTree:
    """The subtree whose path is `path`."""
    for keys, _ in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_variable):
        for depth in range(len(keys) + 1):
            if _text(keys[:depth]) == path:
                return _walked(tree, keys[:depth])
    raise KeyError(path)


def _walked(tree: PyTree, keys: Any) -> PyTree:
    for key in keys:
        if hasattr(key, "name"):
            tree = getattr(tree, key.name)
        else:
            tree = tree[key.key if hasattr(key, "key") else key.idx]
    return tree


def _text(keys: Any) -> str:
    return jax.tree_util.keystr(tuple(keys), simple=True, separator="/")


def _is_variable(x: Any) -> bool:
    # By name, because Flax is not imported here.
    kinds = {(c.__module__.partition(".")[0], c.__name__) for c in type(x).__mro__}
    return ("flax", "Variable") in kinds
