"""Muon: the momentum of a matrix with all its singular values made about 1."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _newton_schulz
from assay.optim._adam import scale_by_adam
from assay.optim._decay import add_decayed_weights
from assay.optim._grouped import leafwise
from assay.optim._partition import partition
from assay.optim._transform import Transform, chain, scale_by_learning_rate, stateless
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class MuonDimensionNumbers(NamedTuple):
    """Which axes of a leaf are the matrix; every other axis counts matrices."""

    reduction_axis: Sequence[int] | int = 0  # summed over by the layer: fan in
    output_axis: Sequence[int] | int = 1  # what it gives: fan out


class MuonState(NamedTuple):
    """The state of `scale_by_muon`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32 or mu_dtype


def scale_by_muon(
    ns_coeffs: Any = (3.4445, -4.775, 2.0315),
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    mu_dtype: DType = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    weight_dimension_numbers: PyTree | Callable | None = None,
    bias_correction: bool = True,
    eps_clamp: bool = False,
    ns_dtype: DType = None,
) -> Transform:
    """U p(S) Vᵀ of the momentum's U S Vᵀ, with p(S) about 1.

    p(S) is within [0.68, 1.21] where S/‖S‖ >= 0.002; `muon` has a preset "dion" that
    keeps it within [0.85, 1.15]. S/(‖S‖ + eps) goes ns_steps times through
    s ← a s + b s³ + c s⁵ (Newton-Schulz; one row of ns_coeffs for all steps, or one a
    step), by matrix products in at least float32, or in `ns_dtype`. The other starts
    are "spectral" (over the largest of S), "aol" and "schatten". `adaptive` multiplies
    by the inner product with the momentum.

    The momentum is Adam's, corrected for its start; without `bias_correction` it is
    Jordan's, torch's and Keras's, beta m + (1 − beta) g for Nesterov. `eps_clamp` is
    torch's max(‖S‖, eps).

    A leaf is a matrix of axes (in, out), or what its MuonDimensionNumbers say, in
    `weight_dimension_numbers`: a tree (or its upper part), or params -> one.

    >>> tx = scale_by_muon(ns_steps=20, ns_coeffs=(1.5, -0.5, 0.0))
    >>> g = jnp.diag(jnp.array([3.0, -4.0]))
    >>> [[round(x, 4) for x in row] for row in tx.update(g, tx.init(g))[0].tolist()]
    [[1.0, 0.0], [0.0, -1.0]]

    Jordan 2024, kellerjordan.github.io/posts/muon; "aol": arXiv:2512.04632;
    "schatten": arXiv:2506.10935; `adaptive`: arXiv:2409.20325.
    """
    who = "scale_by_muon"
    _check.choice(who, "preconditioning", preconditioning, _newton_schulz.STARTS)
    table = _newton_schulz.table(who, ns_coeffs)

    def orthogonal(x, spec):
        start = _newton_schulz.STARTS[preconditioning]
        args = (table, ns_steps, start, eps, eps_clamp, ns_dtype)
        split, join = _matrices(x.shape, spec)
        return join(jax.vmap(lambda y: _newton_schulz.orthogonal(y, *args))(split(x)))

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        return MuonState(jnp.zeros([], jnp.int32), mu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, beta)
        look = _head(beta, count, mu, nesterov, bias_correction)
        head = arithmetic.accumulate(who, look, updates, mu)

        def leaf(g, x, spec):
            u = orthogonal(x, spec)
            u = jnp.sum(x * u) * u if adaptive else u
            return (u.astype(jnp.result_type(g)),)

        specs = _every(who, weight_dimension_numbers, state.mu)
        updates = _leaves.spread(who, leaf, 1, updates, head, specs)[0]
        return updates, MuonState(count, arithmetic.cast_like(mu, state.mu))

    return leafwise("scale_by_muon", Transform(init, update))


def muon(
    learning_rate: ScalarOrSchedule,
    ns_coeffs: Any = (3.4445, -4.775, 2.0315),
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    weight_decay_mask: PyTree | Callable | None = None,
    mu_dtype: DType = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: Scalar = 0.0,
    adam_learning_rate: ScalarOrSchedule | None = None,
    muon_weight_dimension_numbers: PyTree | Callable | None = None,
    consistent_rms: Scalar | None = None,
    bias_correction: bool = True,
    eps_clamp: bool = False,
    ns_dtype: DType = None,
) -> Transform:
    """Muon: `scale_by_muon` times √max(1, out/in), decay, rate; Adam for the rest.

    With `consistent_rms` the factor is consistent_rms · √max(in, out): 0.2 is torch's
    "match_rms_adamw". `muon_labels` says which leaves go to Adam: all but the matrices,
    or those without dimension numbers. torch stores matrices as (out, in): there
    MuonDimensionNumbers(reduction_axis=1, output_axis=0).

    >>> tx = muon(0.1, ns_coeffs=(1.5, -0.5, 0.0), ns_steps=20)
    >>> g = {"bias": jnp.array([2.0]), "kernel": jnp.array([[3.0, -4.0]])}
    >>> u, _ = tx.update(g, tx.init(g), g)
    >>> {name: [round(x, 4) for x in leaf.ravel().tolist()] for name, leaf in u.items()}
    {'bias': [-0.1474], 'kernel': [-0.0849, 0.1131]}

    Jordan 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982.
    """
    dims = muon_weight_dimension_numbers
    if isinstance(ns_coeffs, str):
        _check.choice("muon", "ns_coeffs", ns_coeffs, _newton_schulz.PRESETS)
        ns_coeffs = _newton_schulz.PRESETS[ns_coeffs]
    rule = scale_by_muon(
        ns_coeffs,
        ns_steps,
        beta,
        eps,
        mu_dtype,
        nesterov=nesterov,
        adaptive=adaptive,
        preconditioning=preconditioning,
        weight_dimension_numbers=dims,
        bias_correction=bias_correction,
        eps_clamp=eps_clamp,
        ns_dtype=ns_dtype,
    )
    matrices = chain(
        rule,
        _scale_by_shape(dims, consistent_rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    rest = chain(
        scale_by_adam(
            adam_b1, adam_b2, eps, adam_eps_root, mu_dtype, nesterov=nesterov
        ),
        add_decayed_weights(adam_weight_decay),
        scale_by_learning_rate(
            learning_rate if adam_learning_rate is None else adam_learning_rate
        ),
    )
    return partition(
        {"muon": matrices, "adam": rest}, lambda params: muon_labels(params, dims)
    )


def muon_labels(
    params: PyTree, muon_weight_dimension_numbers: PyTree | Callable | None = None
) -> PyTree:
    """ "muon" or "adam" for every leaf: what `muon` does with it.

    >>> muon_labels({"bias": jnp.zeros(3), "kernel": jnp.zeros((2, 3))})
    {'bias': 'adam', 'kernel': 'muon'}
    """
    specs = _specs("muon_labels", muon_weight_dimension_numbers, params)
    names = ["adam" if spec is None else "muon" for spec in specs]
    return jax.tree.structure(params).unflatten(names)


def _scale_by_shape(dims: PyTree | Callable | None, rms: Scalar | None) -> Transform:
    """u · √max(1, out/in), or u · rms · √max(in, out)."""

    def scaled(u, spec):
        reduced, given = _fans(u.shape, spec)
        if rms is None:
            return u * math.sqrt(max(1, given / max(reduced, 1)))
        factor = arithmetic.like(arithmetic.number(rms), u)
        return u * (factor * math.sqrt(max(reduced, given)))

    def update(updates, params):
        whole = updates if params is None else params
        specs = _every("muon", dims, whole)
        return arithmetic.each(scaled, updates, specs)

    return stateless(update)


def _head(beta, count, mu, nesterov, corrected):
    """(g, m) -> what is made orthogonal."""
    b, w = arithmetic.number(beta), arithmetic.complement(beta)
    one = jnp.ones([], arithmetic.wide(*jax.tree.leaves(mu)))

    def weight(count):
        return arithmetic.correction(b, count, one.dtype) if corrected else one

    now = weight(count)
    if not nesterov:
        return lambda g, m: m / now.astype(m.dtype)
    of_m = arithmetic.like(b, one) / weight(arithmetic.increment(count))
    of_g = arithmetic.like(w, one) / now
    return lambda g, m: of_m.astype(m.dtype) * m + of_g.astype(g.dtype) * g


def _is_spec(x):
    return x is None or hasattr(x, "reduction_axis")


def _specs(who, dims, tree):
    """The dimension numbers of every leaf, None for Adam's."""
    leaves, structure = jax.tree.flatten(tree)
    if dims is None:
        matrix = MuonDimensionNumbers()
        return [matrix if jnp.ndim(x) == 2 else None for x in leaves]
    dims = dims(tree) if callable(dims) else dims

    def branch(spec, part):
        if not _is_spec(spec):
            must = "dimension numbers must be MuonDimensionNumbers or None"
            _check.fail(who, must, repr(spec), kind=TypeError)
        return jax.tree.map(lambda _: spec, part)

    whole = jax.tree.map(branch, dims, tree, is_leaf=_is_spec)
    return structure.flatten_up_to(whole)


def _every(who, dims, tree):
    """The tree of dimension numbers where no leaf may be without."""
    specs = _specs(who, dims, tree)
    for (path, x), spec in zip(jax.tree.leaves_with_path(tree), specs, strict=True):
        if spec is None:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            must = "every leaf must be a matrix or have dimension numbers"
            todo = "Give weight_dimension_numbers, or use muon, which has Adam for it."
            _check.fail(who, must, f"{name or 'the leaf'}.shape={x.shape}", todo)
    return jax.tree.structure(tree).unflatten(specs)


def _axes(shape, spec):
    """Reduction and output axes from 0, as two tuples."""
    found = []
    for axes in (spec.reduction_axis, spec.output_axis):
        axes = (axes,) if isinstance(axes, int) else tuple(axes)
        found.append(tuple(a % len(shape) for a in axes))
    both = found[0] + found[1]
    if len(set(both)) < len(both):
        must = "reduction and output axes must be different axes"
        _check.fail("muon", must, f"{spec} for shape {shape}")
    return found


def _fans(shape, spec):
    """How many entries the layer sums over, and how many it gives."""
    return [math.prod(shape[a] for a in axes) for axes in _axes(shape, spec)]


def _matrices(shape, spec):
    """x -> (matrices, in, out), and the way back."""
    reduced, given = _axes(shape, spec)
    rest = tuple(a for a in range(len(shape)) if a not in reduced + given)
    order = rest + reduced + given
    moved = [shape[a] for a in order]
    count = math.prod(shape[a] for a in rest)
    fans = _fans(shape, spec)
    back = tuple(order.index(a) for a in range(len(shape)))

    def split(x):
        return x.transpose(order).reshape(count, *fans)

    def join(x):
        return x.reshape(moved).transpose(back)

    return split, join
