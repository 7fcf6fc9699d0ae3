"""What a test reads off a traced program."""

import jax
import jax.numpy as jnp


def equations(jaxpr):
    """All equations of a program, those of its inner programs after their own."""
    for eqn in jaxpr.eqns:
        yield eqn
        for inner in jax.tree.leaves(list(eqn.params.values()), is_leaf=_is_program):
            if _is_program(inner):
                yield from equations(getattr(inner, "jaxpr", inner))


def maps_in(jaxpr):
    """The linear maps of `with_backward` in a program: True where one is by hand."""
    found = equations(jaxpr)
    return (
        e.params["which"].pull for e in found if e.primitive.name == "with_backward"
    )


def rules_in(jaxpr):
    """The rules by hand that a program goes through."""
    found = (e for e in equations(jaxpr) if e.primitive.name == "with_backward")
    return {e.params["which"].rule for e in found}


def loops_in(jaxpr):
    """How many floating leaves every scan of a program carries."""
    for eqn in equations(jaxpr):
        if eqn.primitive.name == "scan":
            consts, carry = _counts(eqn.params)
            body = eqn.params["jaxpr"].in_avals[consts:][:carry]
            yield sum(jnp.issubdtype(v.dtype, jnp.floating) for v in body)


def _counts(params):
    """(constants, leaves carried) of a scan; jax 0.12 says it by trees."""
    if "num_carry" in params:
        return params["num_consts"], params["num_carry"]
    consts, carry, _ = (len(part.vals) for part in params["ft_in"].unpack())
    return consts, carry


def _is_program(value):
    return hasattr(value, "eqns")
