"""Foreign names to our trees and back, by rules; all that does not fit is told at once.

RULES = [
    Rule("layers/{i}/up/kernel", "encoder.layer.{i}.up.weight", dense_from_torch,
         dense_to_torch),
    *TORCH_RULES,
]
params = match(read("model.safetensors"), params, RULES, ignore=["pooler.*"])
"""

import difflib
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.typing import PyTree
from assay.weights import _layouts, _template, _tree


class Rule(NamedTuple):
    """One of our leaves or subtrees, and the foreign tensors that it is made of.

    Words in braces stand for one part of a path, the same on both sides; {path} for
    several. One that is only in `theirs` counts from 0: its tensors are stacked along
    a first axis, as `layers.stack` wants them. The first rule that knows a path has it.
    """

    ours: str  # "layers/{i}/kernel", or the path of a NamedTuple of weights
    theirs: str | tuple[str, ...]  # "layers.{i}.weight"
    read: Callable[..., PyTree] = _layouts.same  # theirs, one argument each -> ours
    write: Callable[[PyTree], Any] = _layouts.same  # ours -> theirs, a tuple if several


# torch's names for a tree that is called as its modules are.
TORCH_RULES = (
    Rule(
        *("{path}/kernel", "{path}.weight"),
        *(_layouts.kernel_from_torch, _layouts.kernel_to_torch),
    ),
    Rule("{path}/scale", "{path}.weight"),
    Rule("{path}/embedding", "{path}.weight"),
    Rule("{path}/bias", "{path}.bias"),
    Rule("{path}/mean", "{path}.running_mean"),
    Rule("{path}/var", "{path}.running_var"),
)


class _Claim(NamedTuple):
    """What one rule makes of one of our paths."""

    path: str
    rule: Rule
    theirs: tuple[str, ...]  # one place may be left: then they are counted
    leaves: tuple[str, ...]  # the paths of the leaves at or below `path`


def match(
    tensors: Mapping[str, Any],
    like: PyTree,
    rules: Sequence[Rule] = TORCH_RULES,
    *,
    ignore: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> PyTree:
    """The tree `like`, of arrays or shapes, filled with `tensors` as the rules say.

    Its dtypes are those of `like`, where no number is rounded for it. Foreign names
    that match `ignore` ("pooler.*") may be left over; leaves whose paths match `keep`
    stay as they are. Every tensor that is missing, misshapen or left over, and every
    leaf without a rule, is named in one error.

    >>> tensors = {"out.weight": np.array([[1, 2]], np.float16)}
    >>> match(tensors, {"out": {"kernel": jnp.zeros((2, 1))}})
    {'out': {'kernel': Array([[1.],
           [2.]], dtype=float32)}}
    """
    wanted = _tree.named(like)
    kept = {path for path in wanted if _fits(path, keep)}
    claims, faults = _claims([p for p in wanted if p not in kept], rules)
    found, used = {path: wanted[path] for path in kept}, set()
    for claim in claims:
        names = _names(claim, tensors)
        used |= {name for row in names for name in row}
        faults += _take(claim, names, tensors, wanted, found)
    left = [n for n in tensors if n not in used and not _fits(n, ignore)]
    faults += [f"left over: {name!r}, {_shape(tensors[name])}" for name in left]
    if faults:
        _fail("match", faults)
    leaves = [found[path] for path in wanted]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def unmatch(tree: PyTree, rules: Sequence[Rule] = TORCH_RULES) -> dict[str, np.ndarray]:
    """{foreign name: array}: `match` backwards, bit for bit.

    >>> tree = {"out": {"kernel": jnp.zeros((2, 3)), "bias": jnp.zeros(3)}}
    >>> {name: array.shape for name, array in unmatch(tree).items()}
    {'out.bias': (3,), 'out.weight': (3, 2)}
    """
    claims, faults = _claims(list(_tree.named(tree)), rules)
    tensors: dict[str, np.ndarray] = {}
    for claim in claims:
        for name, array in _given(claim, _tree.at(tree, claim.path)):
            if name in tensors:
                faults.append(f"twice: {name!r}, the second time of {claim.path}")
            tensors[name] = np.asarray(array)
    if faults:
        _fail("unmatch", faults)
    return tensors


def flatten(tree: PyTree) -> dict[str, np.ndarray]:
    """{path: array}, paths such as "layers/0/kernel": what `write_safetensors` takes.

    >>> flatten({"layers": [{"kernel": jnp.ones(2)}]})
    {'layers/0/kernel': array([1., 1.], dtype=float32)}
    """
    return {path: np.asarray(leaf) for path, leaf in _tree.named(tree).items()}


def _claims(paths: list[str], rules: Sequence[Rule]) -> tuple[list[_Claim], list[str]]:
    """Who has which paths, in the order of the paths; and those that nobody has."""
    patterns = [_template.pattern(rule.ours) for rule in rules]
    held: dict[tuple[str, int], tuple[dict[str, str], list[str]]] = {}
    faults = []
    for path in paths:
        for n, pattern in enumerate(patterns):
            part = _above(pattern, path)
            if part is not None:
                held.setdefault((part[0], n), (part[1], []))[1].append(path)
                break
        else:
            faults.append(f"no rule: for {path}")
    claims = []
    for (path, n), (values, leaves) in held.items():
        theirs = rules[n].theirs
        theirs = (theirs,) if isinstance(theirs, str) else theirs
        theirs = tuple(_template.filled(t, values) for t in theirs)
        claims.append(_Claim(path, rules[n], theirs, tuple(leaves)))
    return claims, faults


def _above(pattern: Any, path: str) -> tuple[str, dict[str, str]] | None:
    """(the part of `path` that the pattern knows, its places): a leaf, or above one."""
    parts = path.split("/")
    for n in range(len(parts), 0, -1):
        found = pattern.fullmatch("/".join(parts[:n]))
        if found:
            return found[0], found.groupdict()
    return None


def _names(claim: _Claim, tensors: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The foreign names, a row for every entry of the stack, or one row."""
    counts = [_template.count(t, tensors) for t in claim.theirs]
    rows = range(max(1, *counts))
    return [tuple(_template.numbered(t, i) for t in claim.theirs) for i in rows]


def _take(
    claim: _Claim,
    names: list[tuple[str, ...]],
    tensors: Mapping[str, Any],
    wanted: dict[str, Any],
    found: dict[str, Any],
) -> list[str]:
    """Put the leaves of a claim into `found`; say what is not right with them."""
    missing = [name for row in names for name in row if name not in tensors]
    if missing:
        return [_missing(name, claim.path, tensors) for name in missing]
    shapes = ", ".join(f"{n!r} {_shape(tensors[n])}" for n in names[0])
    try:
        rows = [claim.rule.read(*(tensors[n] for n in row)) for row in names]
        value = rows[0] if not _counts(claim) else jax.tree.map(_stacked, *rows)
    except (ValueError, TypeError, IndexError) as error:
        return [f"misshapen: {shapes} for {claim.path}: {error}"]
    got = {_joined(claim.path, p): leaf for p, leaf in _tree.named(value).items()}
    faults = []
    for path in dict.fromkeys([*claim.leaves, *got]):
        if path not in got or path not in wanted:
            which = "no" if path not in got else "more than is wanted,"
            faults.append(f"misshapen: {shapes} gives {which} {path}")
            continue
        fault = _misfit(got[path], wanted[path])
        if fault:
            faults.append(f"misshapen: {shapes} gives {fault} for {path}")
        else:
            found[path] = jnp.array(np.asarray(got[path]), wanted[path].dtype)
    return faults


def _given(claim: _Claim, value: PyTree) -> list[tuple[str, Any]]:
    """(foreign name, array) of one claim."""
    if not _counts(claim):
        return _pairs(claim.theirs, claim.rule.write(value))
    pairs = []
    for i in range(len(jax.tree.leaves(value)[0])):
        names = tuple(_template.numbered(t, i) for t in claim.theirs)
        one = jax.tree.map(lambda leaf, i=i: leaf[i], value)
        pairs += _pairs(names, claim.rule.write(one))
    return pairs


def _pairs(names: tuple[str, ...], written: Any) -> list[tuple[str, Any]]:
    arrays = (written,) if len(names) == 1 else tuple(written)
    return list(zip(names, arrays, strict=True))


def _counts(claim: _Claim) -> bool:
    return any(_template.places(t) for t in claim.theirs)


def _stacked(*rows: Any) -> np.ndarray:
    return np.stack([np.asarray(row) for row in rows])


def _joined(path: str, below: str) -> str:
    return f"{path}/{below}" if below else path


def _misfit(array: Any, leaf: Any) -> str:
    """What is wrong with its shape or dtype; "" if nothing is."""
    if tuple(array.shape) != tuple(leaf.shape):
        return f"{tuple(array.shape)}, not {tuple(leaf.shape)},"
    if not np.can_cast(array.dtype, leaf.dtype):
        return f"{array.dtype}, which {np.dtype(leaf.dtype)} cannot hold exactly,"
    return ""


def _missing(name: str, path: str, tensors: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(tensors), n=3, cutoff=0.6)
    told = f" (nearest: {', '.join(map(repr, near))})" if near else ""
    return f"missing: {name!r} for {path}{told}"


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(array.shape)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _fail(who: str, faults: list[str]) -> None:
    """One error for all of them."""
    kinds = dict.fromkeys(fault.partition(":")[0] for fault in faults)
    counts = (f"{sum(f.startswith(k + ':') for f in faults)} {k}" for k in kinds)
    got = "\n  ".join([", ".join(counts), *faults])
    todo = "\nGive a rule for it, or name it in `ignore` or `keep`."
    _check.fail(who, "every tensor must have its place and its shape", got, todo)
