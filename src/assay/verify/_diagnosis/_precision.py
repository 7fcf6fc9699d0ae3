"""What an optimizer that is right in float64 loses for parameters of a short dtype."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay.optim import Transform
from assay.typing import PyTree
from assay.verify import _record
from assay.verify._diagnosis import _evidence as evidence
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis._evidence import Evidence
from assay.verify._diagnosis._model import Model

STEPS = 40


def lost(
    mine: Transform, model: Model, seen: Evidence, params: PyTree | None
) -> tuple[str, str]:
    """(dtype, why) where mine is off for such parameters; ("", "") where it is not.

    The distance is that of the typical entry: one rounding is half a unit, and moments
    kept in the dtype are many.
    """
    dtype = _short(params)
    few = None if dtype is None else evidence.narrow(mine, _head(seen), dtype)
    if few is None or _typical(model, few) < float(jnp.finfo(dtype).eps):
        return "", ""
    name = jnp.dtype(dtype).name
    kept = _keeps(mine, params, dtype)
    return name, f"the moments kept in {name}" if kept else ""


def _short(params: PyTree | None) -> Any:
    """The dtype of the parameters if all are bfloat16, or all float16."""
    kinds = {jnp.result_type(p) for p in jax.tree.leaves(params)}
    short = [k for k in (jnp.bfloat16, jnp.float16) if kinds == {jnp.dtype(k)}]
    return short[0] if short else None


def _keeps(mine: Transform, params: PyTree, dtype: Any) -> bool:
    """Whether the state is of that dtype."""
    with _record.relaxed():
        state = jax.tree.leaves(mine.init(jax.tree.map(jnp.asarray, params)))
    return any(jnp.result_type(x) == jnp.dtype(dtype) for x in state)


def _head(seen: Evidence) -> Evidence:
    """The first steps."""
    return seen._replace(gradients=seen.gradients[:STEPS], params=seen.params[:STEPS])


def _typical(model: Model, seen: Evidence) -> float:
    """The middle of all distances over the largest update lately."""
    run = seen.mine
    off = np.abs(models.walk(model, seen, len(run.updates)) - run.updates) / run.peaks
    # The last stream has no gradients.
    off = np.nan_to_num(off[..., :-1, :], nan=np.inf)
    return float(np.median(off))
