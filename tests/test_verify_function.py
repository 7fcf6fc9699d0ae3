"""`verify.function`: no false alarm on what is right, and every mutant is named."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import verify
from assay.autodiff import with_backward
from assay.verify._function_checks import CHECKS


def noise(*shape, dtype=np.float32, seed=0):
    """Gaussian numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def only(*names):
    """The other checks left out: each costs compilations."""
    return tuple(set(CHECKS) - set(names))


def affine(params, x):
    """A layer of two parameters."""
    bias = jnp.broadcast_to(params["b"], (len(x), 3))
    return jnp.tanh(x @ params["w"] + bias)


def affine_numpy(params, x):
    """The same in NumPy."""
    return np.tanh(x @ params["w"] + params["b"])


def entropy(logits, labels):
    """Cross-entropy with integer labels."""
    return jax.nn.logsumexp(logits, -1) - logits[jnp.arange(3), labels]


def entropy_numpy(logits, labels):
    """The same in NumPy."""
    return np.log(np.exp(logits).sum(-1)) - logits[np.arange(3), labels]


def sum_of_sines(x):
    """One number of many terms, which cancel."""
    return jnp.sum(jnp.sin(x))


@jax.custom_vjp
def sine_by_vjp(x):
    """A hand-written reverse rule, which is right; it has no forward mode."""
    return jnp.sin(x)


sine_by_vjp.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (g * jnp.cos(x),))

KINKS = np.float32([-2, -1, 0, 0, 1, 2])
RIGHT = {
    "sin": (jnp.sin, np.sin, (noise(3, 4),)),
    "a sum": (sum_of_sines, lambda x: np.sum(np.sin(x)), (noise(100),)),
    "a long sum": (sum_of_sines, lambda x: np.sum(np.sin(x)), (noise(10**4),)),
    "float16": (jnp.sin, np.sin, (noise(30, dtype=np.float16),)),
    "a sum in bfloat16": (
        sum_of_sines,
        lambda x: np.sum(np.sin(x)),
        (jnp.asarray(noise(100), jnp.bfloat16),),
    ),
    "relu": (jax.nn.relu, lambda x: np.maximum(x, 0), (KINKS,)),
    "maximum": (lambda x: jnp.maximum(x, 0), lambda x: np.maximum(x, 0), (KINKS,)),
    "abs": (jnp.abs, np.abs, (KINKS,)),
    "every size": (jnp.log, np.log, (np.float32([1e-30, 1e-3, 1, 1e4, 1e30]),)),
    "an edge": (jnp.arccos, np.arccos, (np.float32([-1, -0.5, 0.7, 1]),)),
    "not finite": (jnp.exp, np.exp, (np.float32([-104, 88.7, 100, np.inf, np.nan]),)),
    "labels": (entropy, entropy_numpy, (noise(3, 4), np.array([0, 3, 1]))),
    "a tree": (affine, affine_numpy, ({"w": noise(5, 3), "b": noise(3)}, noise(4, 5))),
    "integers": (lambda n, by: n * by, lambda n, by: n * by, (np.arange(5), 3)),
    "indices": (
        lambda x: jnp.argmax(x, -1),
        lambda x: np.argmax(x, -1),
        (noise(3, 4),),
    ),
    "custom_vjp": (sine_by_vjp, np.sin, (noise(7),)),
    "linear": (lambda x: x[::-1], lambda x: x[::-1], (noise(7),)),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_called_right(case):
    report = verify.function(*RIGHT[case])
    report.check()
    assert "matches the reference" in report.sentence


def wrong_slope(factor):
    """sin, and a rule for its derivative that is not quite it."""

    @jax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    sine.defjvps(lambda t, y, x: factor(x) * jnp.cos(x) * t)
    return sine


@pytest.mark.parametrize("n", [3, 100, 10**4])
@pytest.mark.parametrize("what", ["every entry", "a sum", "one term"])
def test_a_percent_in_a_derivative_is_seen_at_every_size(n, what):
    """Relative to the norm of the slope, whatever the number of entries."""

    def factor(x):
        if what == "one term":
            return jnp.where(jnp.arange(n) == n // 2, 1.01, 1.0).astype(x.dtype)
        return jnp.asarray(1.01, x.dtype)

    sine = wrong_slope(factor)
    mine = sine if what == "every entry" else lambda x: jnp.sum(sine(x))
    reference = np.sin if what == "every entry" else lambda x: np.sum(np.sin(x))
    report = verify.function(mine, reference, (noise(n),), skip=only("derivatives"))
    found = {c.name: c.found for c in report.wrong}
    assert {"gradient, forward", "gradient, backward"} <= set(found)
    if what != "one term":
        assert found["gradient, forward"] == pytest.approx(0.01, rel=0.01)


@jax.custom_vjp
def wrong_vjp(x):
    """sin, whose cotangents are a percent too large."""
    return jnp.sin(x)


wrong_vjp.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (1.01 * g * jnp.cos(x),))
wrong_backward = with_backward(
    jnp.sin, lambda x: (jnp.sin(x), x), lambda args, x, g: (1.01 * g * jnp.cos(x),)
)


@jax.custom_batching.custom_vmap
def mixes_the_batch(x):
    """sin, whose own rule for vmap subtracts a mean over the batch."""
    return jnp.sin(x)


@mixes_the_batch.def_vmap
def _(size, batched, x):
    y = jnp.sin(x)
    return y - 0.01 * jnp.mean(y, axis=0, keepdims=True).repeat(size, 0), True


def other_when_eager(x):
    """sin under jit, something else op by op."""
    return jnp.sin(x) if isinstance(x, jax.core.Tracer) else jnp.sin(x) * 1.001


def promotes(x):
    """sin, in float32 whatever comes in."""
    return jnp.sin(x.astype(jnp.float32))


MUTANTS = {
    "wrong vjp": (wrong_vjp, np.sin, "derivatives", "gradient, backward"),
    "jvp is not vjp": (wrong_backward, np.sin, "derivatives", "jvp = vjp"),
    "flat": (
        wrong_slope(lambda x: jax.lax.stop_gradient(jnp.cos(x)) / jnp.cos(x)),
        np.sin,
        "derivatives",
        "second order, backward",
    ),
    "value": (lambda x: jnp.exp(x) - 1, np.expm1, "values", "values, ULP"),
    "shape": (lambda x: jnp.sin(x)[:, None], np.sin, "values", "values, ULP"),
    "dtype": (promotes, np.sin, "dtype", "dtype kept"),
    "nan": (lambda x: jnp.nan_to_num(jnp.sin(x)), np.sin, "non_finite", "nan and inf"),
    "eager": (other_when_eager, np.sin, "jit", "jit = eager, ULP"),
    "batch": (mixes_the_batch, np.sin, "vmap", "vmap = loop, ULP"),
    "empty": (lambda x: jnp.max(x), lambda x: np.max(x, initial=-9), "empty", "empty"),
    "raises": (lambda x: x if x[0] > 0 else -x, np.abs, "values", "values"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_named(name):
    """Where it is, by how much, and `check` says the same."""
    mine, reference, check, expected = MUTANTS[name]
    inputs = {"x": noise(7) * np.float32(1e-3 if name == "value" else 1)}
    report = verify.function(mine, reference, inputs, skip=only(check))
    assert any(c.name.startswith(expected) for c in report.wrong)
    with pytest.raises(AssertionError) as error:
        report.check()
    assert str(error.value) == report.sentence
    assert expected in report.sentence


def test_the_diagnosis_says_which_input_and_which_entry():
    """A bias whose derivative is wrong, and one wrong entry of the output."""

    def off(params, x):
        bias = params["b"] + 0.01 * (params["b"] - jax.lax.stop_gradient(params["b"]))
        return affine({**params, "b": bias}, x)

    inputs = RIGHT["a tree"][2]
    report = verify.function(off, affine_numpy, inputs, skip=only("derivatives"))
    assert "by params/b" in report.sentence and "params/w" not in report.sentence
    report = verify.function(
        lambda x: jnp.sin(x).at[2, 1].add(1e-3),
        np.sin,
        (noise(3, 4),),
        skip=only("values"),
    )
    assert "output[2, 1] is" in report.sentence


def test_the_report_for_people_and_for_machines():
    """80 columns, one row a check; JSON without infinities."""
    report = verify.function(
        lambda x: jnp.full_like(x, jnp.nan), np.sin, {"x": noise(7)}
    )
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    assert "WRONG" in text and "output[0] is nan" in " ".join(text.split())
    facts = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert facts["checks"]["values, ULP"] == {
        "ok": False,
        "found": "inf",
        "bound": 8.0,
        "note": facts["checks"]["values, ULP"]["note"],
    }
    assert facts["matches"] is False and facts["dtype"] == "float32"


def test_inputs_may_be_made_and_must_hold_an_array():
    """`rng -> arguments`; a lone array is one argument; a wrong name is suggested."""
    few = only("values")
    assert verify.function(jnp.sin, np.sin, lambda rng: rng.random(3), skip=few).matches
    assert verify.function(jnp.sin, np.sin, noise(3), skip=few).matches
    with pytest.raises(ValueError, match="inputs must hold arrays; got none"):
        verify.function(jnp.sin, np.sin, (1.0,))
    with pytest.raises(ValueError, match="Did you mean 'derivatives'"):
        verify.function(jnp.sin, np.sin, noise(3), skip=("derivative",))


def test_a_reference_that_raises_is_the_callers_mistake():
    """It is no verdict on mine."""
    with pytest.raises(ZeroDivisionError):
        verify.function(jnp.sin, lambda x: 1 / 0, noise(3))


def test_a_derivative_that_is_nan_at_the_inputs_is_wrong():
    """`where` hides 0/0 from the value and not from the derivative."""

    def sinc(x):
        return jnp.where(x == 0, 1.0, jnp.sin(x) / x)

    def reference(x):
        return np.sinc(np.asarray(x) / np.pi)

    x = np.array([0.0, 0.5, 1.0, 2.0], np.float32)
    assert not verify.function(sinc, reference, (x,)).matches
