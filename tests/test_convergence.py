"""Steps to a target on problems whose answer is known from elsewhere."""

import json

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim, plots, verify
from assay.verify import _convergence

RATE, CONDITION = 0.15, 10.0


def test_gradient_descent_needs_the_steps_of_the_closed_form():
    """On ½ Σ λ x² from ones every coordinate shrinks by 1 − ηλ a step."""
    problem = verify.quadratic(CONDITION)
    values = np.array([1, 1 / CONDITION])
    powers = (1 - RATE * values) ** (2 * np.arange(1000)[:, None])
    expected = int(np.flatnonzero(powers @ values <= 1e-6 * values.sum())[0])
    found = verify.convergence({"sgd": optim.sgd(RATE)}, problems=[problem])
    assert abs(found.steps("sgd", "quadratic 10") - expected) <= 1
    run = found.runs[0]
    np.testing.assert_allclose(run.losses[:50], powers[:50] @ values / 2, rtol=1e-4)
    assert run.points.shape == (1001, 2) and run.losses.shape == (1001,)


def test_every_standard_problem_is_solved():
    """Adam reaches every target."""
    found = verify.convergence(optim.adam(0.1))
    assert list(found.as_dict()["mine"]) == [p.name for p in _convergence.standard()]
    assert None not in found.as_dict()["mine"].values()


def test_ours_goes_as_optax():
    """In as many steps on the way to XOR, but for rounding."""
    both = {"ours": optim.adam(0.1), "theirs": optax.adam(0.1)}
    found = verify.convergence(both, problems=[verify.small_network()], steps=50)
    assert 10 < found.steps("ours", "network") < 40
    assert abs(found.steps("ours", "network") - found.steps("theirs", "network")) <= 1


def test_what_diverges_or_creeps_never_arrives():
    """NaN is no target reached, and a step too short for 30 steps is said to be so."""
    two = {"long": optim.sgd(1e20), "short": optim.sgd(1e-6)}
    report = verify.convergence(two, problems=[verify.rosenbrock()], steps=30)
    assert report.as_dict() == {
        "long": {"Rosenbrock": None},
        "short": {"Rosenbrock": None},
    }
    assert str(report).count("–") == 2 and max(map(len, str(report).split("\n"))) <= 80
    assert json.loads(json.dumps(report.as_dict()))["long"] == {"Rosenbrock": None}


def test_a_line_search_is_given_the_loss():
    """L-BFGS asks for value, gradient and function, and finds Newton's least."""
    problem = verify.logistic_regression()
    report = verify.convergence(optim.lbfgs(), problems=[problem], steps=60)
    assert report.steps("mine", "logistic") <= 10
    least, start = report.runs[0].losses.min(), np.log(2)
    assert problem.target == pytest.approx(least + 1e-3 * (start - least), abs=1e-6)


def test_my_own_problem():
    """Any loss of any tree; the target is reached at step 0 if one starts there."""
    problem = _convergence.Problem(
        "mine", lambda p: jnp.sum(p["x"] ** 2), {"x": jnp.full(3, 0.1)}, 0.1
    )
    report = verify.convergence(optim.sgd(0.1), problems=[problem], steps=2)
    assert report.as_dict() == {"mine": {"mine": 0}} and report.runs[0].points is None


def test_the_ways_are_drawn(tmp_path):
    """A panel for each problem of two parameters."""
    pytest.importorskip("matplotlib")
    problems = [verify.quadratic(CONDITION), verify.rosenbrock()]
    two = {"sgd": optim.sgd(1e-3), "adam": optim.adam(0.1)}
    report = verify.convergence(two, problems=problems, steps=20)
    assert report.draw(tmp_path / "ways.png").stat().st_size > 10_000
    bowl = np.add.outer(np.linspace(-1, 1, 9) ** 2, np.linspace(-1, 1, 7) ** 2)
    surface = plots.Surface(bowl, (-1.0, 1.0, -1.0, 1.0), {})
    assert plots.optimizer_paths(tmp_path / "one.png", {"bowl": surface}).exists()
