"""What an (init, update) pair owes to whoever trains with it, clause by clause.

Each clause is a function whose docstring is its name in the table; it raises when the
pair breaks it, and `NotRun` where it has nothing to say.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from assay.optim import apply_updates
from assay.typing import PyTree

STEPS = 4
CLOSE = 1e-5  # of the largest entry: what fusing may round differently


class NotRun(Exception):
    """The clause does not concern this optimizer, or this machine."""


class Subject:
    """An optimizer with parameters and gradients; what clauses share is done once."""

    def __init__(self, make: Callable | None, tx: Any, rate: float, extra: Any):
        self.make, self.tx, self.rate, self.extra = make, tx, rate, extra
        rng = np.random.default_rng(3)
        draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
        self.params = {"b": jnp.asarray(draw(3)), "w": jnp.asarray(draw(4, 3))}
        self.gradients = [{"b": draw(3), "w": draw(4, 3)} for _ in range(STEPS)]
        self.traces = 0

    def update(self, g: PyTree, state: Any, p: PyTree, tx: Any = None) -> Any:
        """The update with the extra arguments that this optimizer needs."""
        more = {} if self.extra is None else self.extra(g, p)
        return (tx or self.tx).update(g, state, p, **more)

    @functools.cached_property
    def state(self) -> Any:
        """The first state."""
        return self.tx.init(self.params)

    @functools.cached_property
    def step(self) -> Callable:
        """The compiled update, which counts how often it is traced."""

        def step(g, state, p):
            self.traces += 1
            return self.update(g, state, p)

        return jax.jit(step)

    @functools.cached_property
    def trail(self) -> list[tuple[PyTree, Any]]:
        """(parameters, state) before the first compiled step and after each."""
        out = [(self.params, self.state)]
        for g in self.gradients:
            out.append(self.follow(self.step, g, out[-1]))
        return out

    def follow(self, step: Callable, g: PyTree, now: tuple) -> tuple[PyTree, Any]:
        """(parameters, state) after one more step."""
        p, state = now
        updates, state = step(g, state, p)
        return apply_updates(p, updates), state

    def shapes(self, params: PyTree, tx: Any = None) -> tuple[Any, Any, Any]:
        """(updates, state before, state after), traced on gradients like `params`."""

        def once(p):
            state = (tx or self.tx).init(p)
            return *self.update(p, state, p, tx), state

        updates, after, before = jax.eval_shape(once, params)
        return updates, before, after

    def within(self, wrapped: Any) -> None:
        """The optimizer inside another transform: it runs, and the states keep form."""
        if self.extra and not isinstance(
            self.tx, optax.GradientTransformationExtraArgs
        ):
            raise NotRun("Optax hands extra arguments to its own type only")
        updates, before, after = self.shapes(self.params, wrapped)
        _same_form(before, after, "the state")
        _same_form(self.params, updates, "the update")


def state_keeps_its_form(s: Subject) -> None:
    """state keeps structure, shapes and dtypes"""
    for path, x in jax.tree_util.tree_leaves_with_path(s.state):
        where = f"state{jax.tree_util.keystr(path)}"
        assert isinstance(x, (jax.Array, np.ndarray)), (
            f"{where} is a Python {type(x).__name__}: make it an array"
        )
    after = jax.eval_shape(s.update, s.gradients[0], s.state, s.params)[1]
    _same_form(s.state, after, "the state", weak=True)


def one_compilation(s: Subject) -> None:
    """compiles once"""
    assert s.trail and s.traces == 1, (
        f"{STEPS} steps were traced {s.traces} times: the state changes its form, "
        "perhaps only from a Python number to an array"
    )


def jit_is_eager(s: Subject) -> None:
    """jit = eager"""
    now = s.params, s.tx.init(s.params)
    for g, (before, _), (after, _) in zip(
        s.gradients[:2], s.trail, s.trail[1:], strict=False
    ):
        now = s.follow(s.update, jax.tree.map(jnp.asarray, g), now)
        _close(now[0], after, before, "without jit")


def scans(s: Subject) -> None:
    """runs in lax.scan"""
    many = jax.tree.map(lambda *gs: np.stack(gs), *s.gradients)

    def body(state, g):
        updates, state = s.update(g, state, s.params)
        return state, updates

    jax.eval_shape(lambda state, gs: jax.lax.scan(body, state, gs), s.state, many)


def vmaps_over_the_rate(s: Subject) -> None:
    """vmap over learning rates = runs one by one"""
    if s.make is None:
        raise NotRun("needs a maker with a learning rate, not a finished pair")
    make = s.make

    def run(rate):
        tx = make(rate)
        now = s.params, tx.init(s.params)
        for g in s.gradients[:2]:
            now = s.follow(functools.partial(s.update, tx=tx), g, now)
        return now[0]

    rates = jnp.array([s.rate / 2, s.rate, s.rate * 2], jnp.float32)
    found = jax.jit(jax.vmap(run))(rates)
    middle = jax.tree.map(lambda p: p[1], found)
    _close(middle, s.trail[2][0], s.params, "with a traced rate")


def in_chain(s: Subject) -> None:
    """inside optax.chain"""
    s.within(optax.chain(optax.clip(1.0), s.tx))


def in_masked(s: Subject) -> None:
    """inside optax.masked"""
    s.within(optax.masked(s.tx, {"b": False, "w": True}))


def in_multi_transform(s: Subject) -> None:
    """inside optax.multi_transform"""
    labels = {"b": "still", "w": "mine"}
    parts: Any = {"mine": s.tx, "still": optax.set_to_zero()}
    s.within(optax.multi_transform(parts, labels))


def in_multi_steps(s: Subject) -> None:
    """inside optax.MultiSteps"""
    s.within(optax.MultiSteps(s.tx, 2))


def in_inject_hyperparams(s: Subject) -> None:
    """inside optax.inject_hyperparams"""
    if s.make is None:
        raise NotRun("needs a maker with a learning rate, not a finished pair")
    # What is no number, or says how large something is, stays as it is.
    static = [
        p.name
        for p in inspect.signature(s.make).parameters.values()
        if isinstance(p.default, (bool, int, str))
    ]
    s.within(optax.inject_hyperparams(s.make, static_args=static)(s.rate))


class _Model(nnx.Module):
    def __init__(self, params: PyTree):
        self.b, self.w = nnx.Param(params["b"]), nnx.Param(params["w"])


def in_nnx(s: Subject) -> None:
    """inside flax.nnx.Optimizer"""

    if s.extra is not None:
        raise NotRun("needs extra arguments")

    def run(params):
        model = _Model(params)
        optimizer = nnx.Optimizer(model, s.tx, wrt=nnx.Param)  # type: ignore[arg-type]
        gradients = nnx.state(model, nnx.Param)
        optimizer.update(model, gradients)
        return nnx.to_pure_dict(nnx.state(model, nnx.Param))

    _same_form(s.params, jax.eval_shape(run, s.params), "the model")


def none_leaves(s: Subject) -> None:
    """None leaves pass"""
    updates, before, after = s.shapes({**s.params, "none": None})
    assert updates["none"] is None, "the update of an absent leaf is not None"
    _same_form(before, after, "the state")


def zero_size_leaf(s: Subject) -> None:
    """a leaf without entries passes"""
    params = {**s.params, "none": jnp.zeros((0, 3))}
    updates, _ = s.update(params, s.tx.init(params), params)
    _same_form(params, updates, "the update")
    for name in s.params:
        assert np.isfinite(updates[name]).all(), f"{name} is no longer finite"


def extra_arguments(s: Subject) -> None:
    """unknown extra arguments are ignored"""
    names = inspect.signature(s.tx.update).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in names):
        raise NotRun("update takes none; chains leave them out")

    def text(**more):
        both = lambda g, t, p: s.tx.update(g, t, p, **more)  # noqa: E731
        args = s.gradients[0], s.state, s.params
        return str(jax.make_jaxpr(both)(*args))

    needed = {} if s.extra is None else s.extra(s.gradients[0], s.params)
    more = text(**needed, an_argument_of_somebody_else=1.0)
    assert more == text(**needed), "the update changes with an argument of another"


def shares_no_buffer(s: Subject) -> None:
    """state shares no buffer with the parameters"""
    theirs = _pointers(s.params)
    for path, pointer in _pointers(s.tx.init(s.params)).items():
        same = [p for p, q in theirs.items() if p and q == pointer]
        assert not same, f"state{path} is the buffer of the parameter {same[0]}"


def donates(s: Subject) -> None:
    """state and gradients may be donated"""
    seen: dict[int, str] = {}
    for path, pointer in _pointers(s.tx.init(s.params)).items():
        first = seen.setdefault(pointer, path)
        assert first == path, f"state{first} and state{path} are one buffer"
    g = jax.tree.map(jnp.asarray, s.gradients[0])
    given = jax.jit(s.update, donate_argnums=(0, 1)).lower(g, s.state, s.params)
    idle = given.as_text().count("jax.buffer_donor")
    assert not idle, (
        f"{idle} buffers have another shape or dtype than what follows them"
    )


def dtypes(s: Subject) -> None:
    """update dtype = parameter dtype, of rates in Python, NumPy and JAX"""
    kinds = jnp.float32, jnp.bfloat16, jnp.float16
    params = {k.__name__: s.params["w"].astype(k) for k in kinds}
    rates: list[Any] = [s.rate]
    if s.make is not None:
        rates += [np.float32(s.rate), np.float64(s.rate), jnp.float32(s.rate)]
    for rate in rates:
        updates, before, after = s.shapes(params, s.make and s.make(rate))
        kind = type(rate).__name__
        _same_form(params, updates, f"the update (rate: {kind})")
        _same_form(before, after, f"the state (rate: {kind})")


def keeps_shardings(s: Subject) -> None:
    """state has its parameter's sharding, and keeps it"""
    devices = jax.devices()
    if len(devices) < 2:
        raise NotRun(
            "one device; set XLA_FLAGS=--xla_force_host_platform_device_count=8"
        )
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((2,), ("d",), axis_types=kinds, devices=devices[:2])
    rows, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("d",), ()))
    like = {"b": whole, "w": rows}
    params, g = (jax.device_put(t, like) for t in (s.params, s.gradients[0]))
    state = s.tx.init(params)
    _sharded(state, rows, s.params["w"].shape, "init")
    after = jax.jit(s.update)(g, state, params)[1]
    _sharded(after, rows, s.params["w"].shape, "update")


def _sharded(state: Any, rows: Any, shape: tuple, when: str) -> None:
    for path, x in jax.tree_util.tree_leaves_with_path(state):
        kept = np.shape(x) != shape or x.sharding.is_equivalent_to(rows, len(shape))
        assert kept, f"{when}: state{jax.tree_util.keystr(path)} lies on {x.sharding}"


def continues_after_a_save(s: Subject) -> None:
    """steps + save + load + steps = all steps, bit for bit"""
    params, middle = s.trail[2]
    leaves, structure = jax.tree.flatten(middle)
    saved = [_bits(x) for x in leaves]
    state = structure.unflatten(
        [_loaded(bits, x) for bits, x in zip(saved, leaves, strict=True)]
    )
    now = params, state
    for g in s.gradients[2:]:
        now = s.follow(s.step, g, now)
    for got, expected in zip(*map(jax.tree.leaves, (now, s.trail[-1])), strict=True):
        same = np.array_equal(_bits(got), _bits(expected), equal_nan=not _is_key(got))
        assert same, "the loaded state goes another way: it is not all in its leaves"


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jax.dtypes.prng_key)


def _bits(x: Any) -> np.ndarray:
    """What a file holds of a leaf; a key's words."""
    return np.asarray(jax.random.key_data(x) if _is_key(x) else x)


def _loaded(bits: np.ndarray, old: Any) -> jax.Array:
    if _is_key(old):
        return jax.random.wrap_key_data(
            jnp.asarray(bits), impl=jax.random.key_impl(old)
        )
    return jnp.asarray(bits)


CLAUSES: tuple[Callable, ...] = (
    state_keeps_its_form,
    one_compilation,
    jit_is_eager,
    scans,
    vmaps_over_the_rate,
    in_chain,
    in_masked,
    in_multi_transform,
    in_multi_steps,
    in_inject_hyperparams,
    in_nnx,
    none_leaves,
    zero_size_leaf,
    extra_arguments,
    shares_no_buffer,
    donates,
    dtypes,
    keeps_shardings,
    continues_after_a_save,
)


def _same_form(before: Any, after: Any, what: str, weak: bool = False) -> None:
    """Same structure, shapes and dtypes; weak types too where that is asked."""
    one, other = (jax.tree_util.tree_flatten_with_path(t) for t in (before, after))
    assert one[1] == other[1], f"{what} changes its structure: {one[1]} to {other[1]}"
    for (path, x), (_, y) in zip(one[0], other[0], strict=True):
        names = _kind(x, weak), _kind(y, weak)
        where = jax.tree_util.keystr(path)
        assert names[0] == names[1], f"{what}{where}: {names[0]} becomes {names[1]}"


def _kind(x: Any, weak: bool) -> str:
    kind = f"{jnp.result_type(x).name}{list(np.shape(x))}"
    return f"weak {kind}" if weak and getattr(x, "weak_type", False) else kind


def _close(got: PyTree, expected: PyTree, start: PyTree, what: str) -> None:
    """Parameters as near as the way that they went allows."""
    for g, e, p in zip(*map(jax.tree.leaves, (got, expected, start)), strict=True):
        g, e, p = (np.asarray(x, np.float64) for x in (g, e, p))
        off, way = np.abs(g - e).max(initial=0), np.abs(e - p).max(initial=1e-30)
        rounded = np.abs(e).max(initial=0) * 2.0**-22
        assert off <= CLOSE * way + rounded, f"{off / way:.0e} of its way off {what}"


def _pointers(tree: PyTree) -> dict[str, int]:
    """{path: address} of the arrays that hold something."""
    return {
        jax.tree_util.keystr(path): x.unsafe_buffer_pointer()
        for path, x in jax.tree_util.tree_leaves_with_path(tree)
        if isinstance(x, jax.Array) and x.size and not _is_key(x)
    }
