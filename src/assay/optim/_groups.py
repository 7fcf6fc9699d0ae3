"""Groups of parameters by their paths, such as dense1/kernel: none by accident."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _mask, _paths
from assay.optim._transform import Transform, stateless
from assay.typing import PyTree, Scalar

# What the last name of a path says. In many models a norm's scale and every bias have
# two axes or more, because layers are stacked: the number of axes says nothing.
DECAYED = {"kernel", "recurrent_kernel", "weight", "w", "embedding", "embeddings"}
DECAYED |= {"depthwise", "pointwise", "row", "column"}  # kernels of our convolutions
DECAYED |= {"q_kernel", "k_kernel", "v_kernel", "out_kernel", "gate_kernel", "table"}
KEPT = {"bias", "recurrent_bias", "b", "scale", "offset", "gamma", "beta"}
KEPT |= {"q_bias", "k_bias", "v_bias", "out_bias", "gate_bias", "class_token"}
_NORM = re.compile(r"norm(alization)?(?![a-z])|(^|_)(ln|bn|gn)(?![a-z])", re.I)


class GroupRow(NamedTuple):
    """One leaf in the table of the groups."""

    path: str
    shape: tuple[int, ...]
    label: Any  # of any tree of labels: a group, a mask's True or False


def label_by_path(
    patterns: Mapping[str, Any], *, rest: Hashable | None = None
) -> Callable[[PyTree], PyTree]:
    """params -> labels: each leaf has that of the pattern found in its path.

    Patterns are regular expressions, searched for in paths such as dense1/kernel; a
    leaf that none finds has the label `rest`. Raises, with the paths, if `rest` is None
    and a leaf has no pattern, if it has two, and if a pattern finds no leaf.

    >>> labels = label_by_path({"^head/": "fast", "^body/": "slow"})
    >>> labels({"body": {"w": jnp.ones(2)}, "head": {"w": jnp.ones(2)}})
    {'body': {'w': 'slow'}, 'head': {'w': 'fast'}}

    Boolean labels make a mask: freeze(label_by_path({"^embed": True}, rest=False)).
    """
    search = {pattern: re.compile(pattern) for pattern in patterns}

    def labels(params):
        leaves, structure = _paths.named(params)
        found = [(p, [q for q, r in search.items() if r.search(p)]) for p, _ in leaves]
        if rest is None:
            bare = [
                path
                for (path, its), (_, leaf) in zip(found, leaves, strict=True)
                if not its and not _paths.is_absent(leaf)
            ]
            todo = "Add a pattern, or rest= for all others."
            _none("every path must have a pattern", bare, todo)
        _each_once(found, list(search))
        return structure.unflatten([patterns[q[0]] if q else rest for _, q in found])

    return labels


def decay_mask(
    params: PyTree,
    *,
    decayed: Iterable[str] = (),
    kept: Iterable[str] = (),
) -> PyTree:
    """True where weight decay belongs: kernels and embeddings, no bias and no norm.

    By the last name of the path, and by "norm" (or ln, bn, gn) in any name of it; not
    by the number of axes, which stacked layers add to. `decayed` and `kept` are more
    last names, before the known ones; a leaf that no list has raises, with its path.

    >>> params = {"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    >>> decay_mask(params)
    {'dense': {'bias': False, 'kernel': True}}

    One line for the user: add_decayed_weights(1e-4, mask=decay_mask).
    """
    decayed, kept = set(decayed), set(kept)
    leaves, structure = _paths.named(params)
    mask = [
        not _paths.is_absent(leaf) and _is_decayed(path, decayed, kept)
        for path, leaf in leaves
    ]
    odd = [path for (path, _), m in zip(leaves, mask, strict=True) if m is None]
    if odd:
        names = ", ".join(sorted(DECAYED | decayed)), ", ".join(sorted(KEPT | kept))
        must = f"every path must end in {names[0]} (decayed) or {names[1]} (kept)"
        todo = "Add its last name to decayed= or kept=."
        _check.fail("decay_mask", must, _paths.some(odd), todo)
    return structure.unflatten(mask)


def layerwise_decay(
    decay: Scalar, layers: Sequence[str | tuple[str, int]]
) -> Transform:
    """u = decay^(L − 1 − l) · g in layer l of L: lower layers learn more slowly.

    `layers` are patterns from the input up, as in `label_by_path`, every leaf in one. A
    pair (pattern, n) is n layers stacked along the leaves' first axis. Put it last.

    >>> tx = layerwise_decay(0.5, ["^embed", ("^blocks", 2), "^head"])
    >>> g = {"embed": jnp.ones(()), "blocks": jnp.ones(2), "head": jnp.ones(())}
    >>> {n: u.tolist() for n, u in tx.update(g, tx.init(g))[0].items()}
    {'blocks': [0.25, 0.5], 'embed': 0.125, 'head': 1.0}

    Howard and Ruder 2018, arXiv:1801.06146; Clark et al. 2020, arXiv:2003.10555.
    """
    pairs = [(x, None) if isinstance(x, str) else x for x in layers]
    if len(dict(pairs)) < len(pairs):
        _check.fail("layerwise_decay", "every pattern must be there once", layers)
    sizes = [1 if n is None else n for _, n in pairs]
    labels = label_by_path({pattern: k for k, (pattern, _) in enumerate(pairs)})
    base = arithmetic.number(decay)

    def branch(k, part):
        below = sum(sizes[k + 1 :])
        if pairs[k][1] is None:
            return arithmetic.each(lambda g: g * _power(base, below, g), part)
        return arithmetic.each(lambda g: _stacked(g, base, sizes[k], below), part)

    def update(updates, params):
        known = labels(updates if params is None else params)
        return jax.tree.map(branch, known, updates)

    return stateless(update)


def group_table(params: PyTree, labels: PyTree | Callable) -> list[GroupRow]:
    """(path, shape, label) of every leaf: print it and see what is decayed or frozen.

    `labels` is any tree of labels or booleans, its upper part, or params -> one.

    >>> params = {"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    >>> for row in group_table(params, decay_mask):
    ...     print(*row)
    dense/bias (3,) False
    dense/kernel (2, 3) True
    """
    known = labels(params) if _mask.is_function(labels) else labels
    leaves = _paths.named(params)[0]
    values = _paths.spread("group_table", "labels", known, params)
    return [
        GroupRow(path, tuple(jnp.shape(leaf)), label)
        for (path, leaf), label in zip(leaves, values, strict=True)
        if not _paths.is_absent(leaf)
    ]


def _is_decayed(path, decayed, kept):
    """Whether the leaf of this path is decayed; None if its name says nothing."""
    names = [name for name in path.split("/") if not name.isdigit()]
    last = names[-1] if names else path
    if last in decayed | kept:
        return last not in kept
    if last in KEPT or any(_NORM.search(name) for name in names):
        return False
    return True if last in DECAYED else None


def _each_once(found, patterns):
    """No path has two patterns, no pattern no path."""
    two = [f"{path} ({' and '.join(map(repr, q))})" for path, q in found if q[1:]]
    _none("no path may have two patterns", two, "Anchor them: '^head/', 'bias$'.")
    idle = [repr(p) for p in patterns if not any(p in q for _, q in found)]
    paths = _paths.some([path for path, _ in found])
    if found:
        _none(f"every pattern must find a path among {paths}", idle)


def _none(must, culprits, todo=""):
    """Raise, naming them, if there are any."""
    if culprits:
        _check.fail("label_by_path", must, _paths.some(culprits), todo)


def _power(base, k, g):
    """base^k for a whole k, 1 for k = 0 even where base is 0."""
    return arithmetic.like(base, g) ** k


def _stacked(g, base, size, below):
    """Each slice along axis 0 by the power of its own layer."""
    if g.ndim == 0 or g.shape[0] != size:
        must = f"a leaf of {size} stacked layers must have them along its first axis"
        _check.fail("layerwise_decay", must, f"shape {g.shape}")
    powers = [_power(base, below + size - 1 - layer, g) for layer in range(size)]
    factors = jnp.stack([jnp.asarray(x, g.dtype) for x in powers])
    return g * factors.reshape(-1, *([1] * (g.ndim - 1)))
