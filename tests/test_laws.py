"""Every law over every public function that has inputs: found, not listed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay.verify import _function, _laws, _laws_batch, _measure, _rooms
from assay.verify._discover import discover, mirrored_rooms
from tests.programs import equations

# Eager calls are many small programs to compile: metrics and optimizers are asked in
# one program instead, with NumPy arrays known while traced.
EAGER = {"activations", "losses", "initializers", "augment", "layers", "images"}
SHAPED = {"layers", "images", "sampling"}
EXEMPT = {  # law -> rooms it does not speak about
    "op_by_op_on_numpy_is_compiled": set(mirrored_rooms()) - EAGER,
    "takes_numpy": EAGER,
    "batch_axes_are_vmap": set(mirrored_rooms()) - SHAPED,
    "refuses_what_does_not_fit": set(mirrored_rooms()) - SHAPED,
    "keeps_dtype": {"metrics", "optim"},
    "has_second_derivatives": {"metrics", "sampling"},  # -inf has no slope
}
LARGE = 80  # equations: from there on op by op is hundreds of programs
IN_ONE_PROGRAM = EXEMPT | {
    "op_by_op_on_numpy_is_compiled": set(mirrored_rooms()),
    "takes_numpy": set(),
}


def samples() -> list[tuple[str, str, dict, dict]]:
    """(room, name, inputs, facts) of every function that takes arrays."""
    found = []
    for room in (r for r in mirrored_rooms() if r != "costs"):  # Python numbers
        for name in discover(room):
            mirror = _rooms.mirror_of(room, name)
            cases = _rooms.cases_of(room, mirror)
            inputs, facts = (
                _function.draw(cases[0]) if cases else {},
                _rooms.facts_of(mirror),
            )
            takes_arrays = jax.tree.leaves(_function.split(inputs)[0])
            if takes_arrays and not facts.get("higher_order"):
                found.append((room, name, inputs, facts))
    return found


SAMPLES = samples()
IDS = [f"{room}.{name}" for room, name, *_ in SAMPLES]


def large(subject):
    """Whether its program is so long that every operation by itself takes too long."""
    program = subject.compiled.trace(subject.prepared()[1]).jaxpr
    return sum(1 for _ in equations(program.jaxpr)) > LARGE


@pytest.mark.parametrize(("room", "name", "inputs", "facts"), SAMPLES, ids=IDS)
def test_laws(room, name, inputs, facts, request):
    """The function keeps every law that speaks about its room."""
    shapes_executed = request.config.getoption("--jaxtyping-packages", None)
    laws = _laws.TRACED if shapes_executed else (*_laws.LAWS, *_laws_batch.LAWS)
    subject, broken = _laws.Subject(discover(room)[name], inputs, facts), []
    compiled = request.config.getoption("--compiled-laws", False) or large(subject)
    exempt = IN_ONE_PROGRAM if compiled else EXEMPT
    for law in laws:
        if room not in exempt.get(law.__name__, ()):
            try:
                law(subject)
            except Exception as error:
                broken.append(f"{law.__name__}: {type(error).__name__}: {error}")
    assert broken == []


@pytest.mark.parametrize("name", list(discover("activations")))
def test_activations_are_finite_with_finite_slope(name):
    """At 0, ±1e-30, ±88 and ±1e4 value and slope are finite where the truth is."""
    f = discover("activations")[name]
    mirror = _rooms.mirror_of("activations", name)
    if _rooms.WHOLE_LINE not in _rooms.cases_of("activations", mirror):
        pytest.skip("takes more than one array: its own tests cover the limits")
    x = jnp.array([0.0, 1e-30, -1e-30, 88.0, -88.0, 1e4, -1e4], jnp.float32)
    y, slope = jax.jvp(f, (x,), (jnp.ones_like(x),))
    true = _function.truth(mirror, {"x": np.asarray(x, np.float64)})
    finite = np.abs(true) < _measure.F32_MAX  # e^(1e4) is not
    assert np.isfinite(y)[finite].all() and np.isfinite(slope)[finite].all()
