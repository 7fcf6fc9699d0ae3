"""Derivatives written by hand that keep all of calculus.

``jax.custom_vjp`` makes reverse mode fast and forbids forward mode: `jax.jvp` raises an
error, and `jax.hessian` does too where the rule itself has no derivative (a kernel, a
callback). Here they all work.
"""

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def with_backward(plain: Callable, forward: Callable, backward: Callable) -> Callable:
    """f(*args) = plain(*args), computed by `forward`, reversed by `backward`.

    `plain(*args)` is the readable definition, from which forward mode and all higher
    orders come. `forward(*args) -> (y, residuals)` is the fast value.
    `backward(args, residuals, ct) -> cts` is the reverse rule: one cotangent an
    argument, None for integers, booleans and keys. It runs exactly where a reverse
    pass is asked for, and neither it nor `forward` has to be differentiable. Make f
    once (at the top of a module, or in a cached function), not anew at every call.

    >>> cube = with_backward(
    ...     lambda x: x**3,
    ...     lambda x: (x * x * x, x * x),
    ...     lambda args, square, ct: (3 * square * ct,),
    ... )
    >>> jax.grad(cube)(2.0).item(), jax.hessian(cube)(2.0).item()
    (12.0, 12.0)
    """
    rule = _Rule(plain, backward)

    @jax.custom_jvp
    def both(*args):
        return forward(*args)

    @partial(both.defjvp, symbolic_zeros=True)
    def _(args, tangents):
        y, residuals = both(*args)
        dy = _push(rule, args, residuals, tangents, y)
        # The residuals are a function of the arguments, and count as such: the
        # derivatives of the linear map below are taken in the arguments alone.
        return (y, residuals), (dy, jax.tree.map(_no_tangent, residuals))

    @wraps(plain)
    def f(*args):
        return both(*_prepare(args))[0]

    return f


class _Rule(NamedTuple):
    plain: Callable
    backward: Callable


class _Map(NamedTuple):
    """One linear map. Equal by value, or every eager call would compile anew."""

    rule: _Rule
    trees: tuple  # of the arguments, the residuals and the result
    moving: tuple[bool, ...]  # which leaves of the arguments have a tangent
    floating: tuple[bool, ...]  # which leaves of the result have one
    pull: bool = False  # tangents to tangents, or cotangents to cotangents
    vmaps: tuple = ()  # (axes of the constants, name, spmd name), innermost first

    def constants(self) -> int:
        return self.trees[0].num_leaves + self.trees[1].num_leaves


def _push(rule, args, residuals, tangents, y):
    """The tangent of y: the linear map applied to the tangents that are not zero."""
    flat, args_tree = jax.tree.flatten(args)
    kept, kept_tree = jax.tree.flatten(residuals)
    out, out_tree = jax.tree.flatten(y)
    dots = args_tree.flatten_up_to(tangents)
    moving = tuple(
        _inexact(x) and type(t) is not SymbolicZero
        for x, t in zip(flat, dots, strict=True)
    )
    floating = tuple(map(_inexact, out))
    trees = (args_tree, kept_tree, out_tree)
    which = _Map(rule, trees, moving, floating)
    result = iter(_linear.bind(*flat, *kept, *_pick(dots, moving), which=which))
    dy = [
        next(result) if m else _no_tangent(v)
        for v, m in zip(out, floating, strict=True)
    ]
    return out_tree.unflatten(dy)


def _by_definition(which: _Map, constants, linear):
    """The same map from `plain` alone: differentiable to every order."""
    flat = constants[: which.trees[0].num_leaves]

    def f(*moving):
        args = which.trees[0].unflatten(_fill(flat, which.moving, moving))
        return tuple(_pick(jax.tree.leaves(which.rule.plain(*args)), which.floating))

    at = tuple(_pick(flat, which.moving))
    if which.pull:
        return jax.vjp(f, *at)[1](tuple(linear))
    return jax.jvp(f, at, tuple(linear))[1]


def _by_hand(which: _Map, constants, linear):
    """The map as it runs: the hand-written rule where cotangents are pulled back."""
    if not which.pull:
        return _by_definition(which, constants, linear)
    args_tree, kept_tree, out_tree = which.trees
    n = args_tree.num_leaves
    args = args_tree.unflatten(constants[:n])
    residuals = kept_tree.unflatten(constants[n:])
    ct = out_tree.unflatten(_fill([None] * len(which.floating), which.floating, linear))
    cts = which.rule.backward(args, residuals, ct)
    return tuple(_pick(args_tree.flatten_up_to(tuple(cts)), which.moving))


def _batched(how: Callable, which: _Map) -> Callable:
    """`how` as a function of (constants, linear), under the map's vmaps."""
    f = partial(how, which)
    for axes, name, spmd in which.vmaps:
        over = (list(axes), 0)
        f = jax.vmap(f, in_axes=over, axis_name=name, spmd_axis_name=spmd)
    return f


def _run(*operands, which: _Map):
    n = which.constants()
    return list(_batched(_by_hand, which)(list(operands[:n]), list(operands[n:])))


def _abstract(*operands, which: _Map):
    # Not eval_shape, which forgets sharding and varying axes.
    return jax.make_jaxpr(partial(_run, which=which))(*operands).out_avals


def _jvp(operands, tangents, *, which: _Map):
    n = which.constants()
    constants, linear = list(operands[:n]), list(operands[n:])
    y = _linear.bind(*operands, which=which)
    dots = [ad.instantiate_zeros(t) for t in tangents[n:]]
    if any(type(t) is not ad.Zero for t in tangents[n:]):
        dy = _linear.bind(*constants, *dots, which=which)
    else:
        dy = [ad.Zero(jax.typeof(v).to_tangent_aval()) for v in y]
    leaves = which.trees[0].num_leaves
    moved = [i < leaves and type(t) is not ad.Zero for i, t in enumerate(tangents[:n])]
    if not any(moved):
        return y, dy

    def f(*moving):
        return _batched(_by_definition, which)(_fill(constants, moved, moving), linear)

    at, by = _pick(constants, moved), _pick(tangents[:n], moved)
    return y, list(map(ad.add_tangents, dy, jax.jvp(f, tuple(at), tuple(by))[1]))


def _transpose(cts, *operands, which: _Map):
    n = which.constants()
    cts = [ad.instantiate_zeros(ct) for ct in cts]
    back = which._replace(pull=not which.pull)
    result = _linear.bind(*operands[:n], *cts, which=back)
    wanted = map(ad.is_undefined_primal, operands[n:])
    return [None] * n + [
        ct if w else None for ct, w in zip(result, wanted, strict=True)
    ]


def _batch(axis, operands, axes, *, which: _Map):
    if all(d is None for d in axes):
        y = _linear.bind(*operands, which=which)
        return y, [None] * len(y)
    n = which.constants()
    # A tangent without the axis is given it: JAX transposes that into a sum.
    linear = [
        _to_front(x, d, axis.size) for x, d in zip(operands[n:], axes[n:], strict=True)
    ]
    vmaps = (*which.vmaps, (tuple(axes[:n]), axis.name, axis.spmd_name))
    batched = which._replace(vmaps=vmaps)
    y = _linear.bind(*operands[:n], *linear, which=batched)
    return y, [0] * len(y)


def _to_front(x, axis, size):
    if axis is None:
        return jnp.broadcast_to(x, (size, *jnp.shape(x)))
    return jnp.moveaxis(x, axis, 0)


def _inexact(x) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _no_tangent(x):
    return SymbolicZero(jax.typeof(x).to_tangent_aval())


def _pick(items, which: Iterable[bool]) -> list:
    return [x for x, w in zip(items, which, strict=True) if w]


def _fill(items, which, news) -> list:
    """`items`, with `news` at the places named by `which`."""
    news = iter(news)
    return [next(news) if w else x for x, w in zip(items, which, strict=True)]


def _prepare(args):
    """JAX arrays that all vary over the union of their axes under `shard_map`.

    So the sum over devices that an unvarying argument's gradient needs is the
    transpose of this step, and JAX writes it.
    """
    args = jax.tree.map(jnp.asarray, args)  # numbers and NumPy's arrays too
    axes = frozenset().union(*map(_varying, jax.tree.leaves(args)))

    def vary(x):
        missing = tuple(axes - _varying(x))
        return jax.lax.pcast(x, missing, to="varying") if missing else x

    return jax.tree.map(vary, args)


def _varying(x) -> frozenset:
    return jax.typeof(x).manual_axis_type.varying


_linear = Primitive("with_backward")
_linear.multiple_results = True
_linear.def_impl(jax.jit(_run, static_argnames="which", inline=True))
_linear.def_abstract_eval(_abstract)
ad.primitive_jvps[_linear] = _jvp
ad.primitive_transposes[_linear] = _transpose
batching.fancy_primitive_batchers[_linear] = _batch
mlir.register_lowering(_linear, mlir.lower_fun(_run, multiple_results=True))
