"""How many steps an optimizer needs, on problems that everybody knows.

Quadratics of known condition number, Rosenbrock's valley, logistic regression and a
small network: not a benchmark of training, but a place where a step that is too long,
or a moment that is never corrected, shows at once.
"""

import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from assay import _check, plots
from assay.optim import Transform, apply_updates, chain
from assay.typing import Array, PyTree
from assay.verify import _record
from assay.verify._comparison import SLIM, shown


class Problem(NamedTuple):
    """Something to minimise: from `start`, until the loss is below `target`."""

    name: str
    loss: Callable  # params -> scalar
    start: PyTree
    target: float
    bounds: tuple[float, float, float, float] | None = None  # of its picture


class Run(NamedTuple):
    """One optimizer on one problem."""

    optimizer: str
    problem: str
    steps: int | None  # until the loss was at most the target; None: never
    losses: np.ndarray  # (steps + 1,)
    points: np.ndarray | None  # (steps + 1, 2) where the problem has two parameters


class Convergence(NamedTuple):
    """Steps to the target; print it, read it as a dict, or draw it."""

    problems: tuple[Problem, ...]
    runs: tuple[Run, ...]

    def steps(self, optimizer: str, problem: str) -> int | None:
        """Of one optimizer on one problem; None if it did not get there."""
        runs = {(r.optimizer, r.problem): r.steps for r in self.runs}
        return runs[optimizer, problem]

    def as_dict(self) -> dict[str, dict[str, int | None]]:
        """{optimizer: {problem: steps}}, None where the target was not reached."""
        out: dict[str, dict[str, int | None]] = {}
        for r in self.runs:
            out.setdefault(r.optimizer, {})[r.problem] = r.steps
        return out

    def draw(self, path: str | os.PathLike) -> pathlib.Path:
        """The ways on the surfaces of two parameters; needs matplotlib."""
        surfaces = {}
        for problem in self.problems:
            if problem.bounds is None:
                continue
            here = [r for r in self.runs if r.problem == problem.name]
            ways = {r.optimizer: r.points for r in here}
            heights = _heights(problem.loss, problem.bounds)
            surfaces[problem.name] = plots.Surface(heights, problem.bounds, ways)
        return plots.optimizer_paths(path, surfaces)

    def __rich__(self) -> Table:
        """The table: one row an optimizer, one column a problem."""
        table = Table(title="steps to the target", title_justify="left", **SLIM)
        table.add_column("optimizer")
        for problem in self.problems:
            table.add_column(problem.name, justify="right")
        for name, found in self.as_dict().items():
            table.add_row(name, *("–" if n is None else str(n) for n in found.values()))
        return table

    def __str__(self) -> str:
        return shown(self)


def convergence(
    optimizers: Transform | Mapping[str, Transform],
    *,
    problems: Sequence[Problem] | None = None,
    steps: int = 1000,
) -> Convergence:
    """The steps that each optimizer needs to the target of each problem.

    One (init, update) pair, or several by name; `problems` are quadratics of condition
    10 and 1000, Rosenbrock's valley, logistic regression and a small network unless
    others are given. A line search is handed the loss.

    >>> from assay import optim
    >>> found = convergence({"sgd": optim.sgd(0.15)}, problems=[quadratic(10.0)])
    >>> found.as_dict()
    {'sgd': {'quadratic 10': 378}}
    """
    _check.within("verify.convergence", "steps", steps, 1, float("inf"))
    named = optimizers if isinstance(optimizers, Mapping) else {"mine": optimizers}
    known = tuple(standard() if problems is None else problems)
    runs = (_run(n, tx, p, steps) for n, tx in named.items() for p in known)
    return Convergence(known, tuple(runs))


def _run(name: str, tx: Transform, problem: Problem, steps: int) -> Run:
    tx = chain(tx)  # hands to an update the arguments that it has a parameter for

    def body(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(problem.loss)(params)
        more = {"value": value, "grad": grads, "value_fn": problem.loss}
        updates, state = tx.update(grads, state, params, **more)
        return (apply_updates(params, updates), state), (value, _point(params))

    @jax.jit
    def walk(params):
        carry = params, tx.init(params)
        (params, _), (values, points) = jax.lax.scan(body, carry, length=steps)
        return values, points, problem.loss(params), _point(params)

    with _record.relaxed():
        values, points, last, end = jax.device_get(walk(problem.start))
    losses = np.append(values, last)
    there = np.flatnonzero(losses <= problem.target)
    way = np.vstack([points, end]) if points.size else None
    return Run(name, problem.name, int(there[0]) if len(there) else None, losses, way)


def _point(params: PyTree) -> Array:
    """The two parameters of a problem that can be drawn, else nothing."""
    if isinstance(params, dict) or params.shape != (2,):
        return jnp.zeros(0)
    return params


def _heights(loss: Callable, bounds: tuple[float, float, float, float]) -> np.ndarray:
    x0, x1, y0, y1 = bounds
    grid = jnp.meshgrid(jnp.linspace(x0, x1, 121), jnp.linspace(y0, y1, 121))
    return np.asarray(jax.vmap(jax.vmap(loss))(jnp.stack(grid, -1)))


def standard() -> list[Problem]:
    """The problems that `convergence` starts from."""
    return [
        quadratic(10.0),
        quadratic(1000.0, size=10),
        rosenbrock(),
        logistic_regression(),
        small_network(),
    ]


def quadratic(condition: float, *, size: int = 2) -> Problem:
    """½ xᵀHx, the eigenvalues of H from 1 down to 1/condition, along turned axes.

    The target is a millionth of the loss at the start.

    >>> quadratic(100.0).name
    'quadratic 100'
    """
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((size, size)))[0]
    values = np.geomspace(1, 1 / condition, size)
    hessian = jnp.asarray(turn @ np.diag(values) @ turn.T, jnp.float32)
    start = jnp.asarray(turn @ np.ones(size), jnp.float32)

    def loss(x):
        return 0.5 * x @ hessian @ x

    bounds = (-1.6, 1.6, -1.6, 1.6) if size == 2 else None
    target = 1e-6 * 0.5 * float(values.sum())
    return Problem(f"quadratic {condition:g}", loss, start, target, bounds)


def rosenbrock() -> Problem:
    """(1 − x)² + 100 (y − x²)² from (−1.2, 1), to 1e-3: a bent valley, nearly flat.

    >>> float(rosenbrock().loss(jnp.ones(2)))
    0.0
    """

    def loss(p):
        x, y = p
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    start, bounds = jnp.array([-1.2, 1.0]), (-2.0, 2.0, -1.0, 3.0)
    return Problem("Rosenbrock", loss, start, 1e-3, bounds)


def logistic_regression() -> Problem:
    """Σ log(1 + exp(−y wᵀx))/n + 0.005 |w|², a thousandth of the way above its least.

    >>> logistic_regression().target < 0.5
    True
    """
    rng = np.random.default_rng(3)
    x = rng.standard_normal((64, 5)) * np.array([1.0, 2.0, 0.5, 1.0, 0.3])
    noisy = x @ rng.standard_normal(5) + 0.5 * rng.standard_normal(64)
    margins = x * np.where(noisy > 0, 1.0, -1.0)[:, None]
    z = jnp.asarray(margins, jnp.float32)

    def loss(w):
        return jnp.logaddexp(0.0, -(z @ w)).mean() + 0.005 * w @ w

    least, start = _newton(margins, 0.005), math.log(2)
    return Problem("logistic", loss, jnp.zeros(5), least + 1e-3 * (start - least))


def _newton(margins: np.ndarray, decay: float) -> float:
    """The least loss of the logistic regression, by Newton's method in NumPy."""
    w = np.zeros(margins.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(margins @ w))
        gradient = -(p @ margins) / len(p) + 2 * decay * w
        curve = margins.T * (p * (1 - p)) @ margins / len(p)
        w -= np.linalg.solve(curve + 2 * decay * np.eye(len(w)), gradient)
    return float(np.logaddexp(0, -margins @ w).mean() + decay * w @ w)


def small_network() -> Problem:
    """A tanh network of 2, 8 and 1 neurons that learns XOR, to a squared error of 0.01.

    >>> sorted(small_network().start)
    ['b1', 'b2', 'w1', 'w2']
    """
    rng = np.random.default_rng(4)
    x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = jnp.array([0.0, 1.0, 1.0, 0.0])
    start = {
        "w1": jnp.asarray(rng.standard_normal((2, 8)), jnp.float32),
        "b1": jnp.zeros(8),
        "w2": jnp.asarray(rng.standard_normal(8) / np.sqrt(8), jnp.float32),
        "b2": jnp.zeros(()),
    }

    def loss(p):
        hidden = jnp.tanh(x @ p["w1"] + jnp.broadcast_to(p["b1"], (4, 8)))
        out = hidden @ p["w2"] + jnp.broadcast_to(p["b2"], (4,))
        return jnp.mean((out - y) ** 2)

    return Problem("network", loss, start, 0.01)
