"""The proof beside the training: two optimizers on the same gradients, and the rule."""

from collections.abc import Callable
from typing import Any

from assay import training, verify
from assay.cli._plan import Plan


class Witness:
    """Steps the rule in float64 on every gradient that the shadow saw."""

    def __init__(self, plan: Plan):
        self.rule, self.params, self.shadow = plan.rule, plan.params, None
        self.state = None if plan.rule is None else plan.rule.init(plan.params)

    def step(self, view: training.StepView) -> None:
        """After each step; nothing waits for the device."""
        self.shadow = view.opt_state
        self.state = self.rule.step(self.state, view.opt_state)

    @property
    def on_step(self) -> Callable | None:
        """What `fit` is given: nothing without a reference."""
        return None if self.rule is None else self.step


def judge(witness: Witness) -> dict[str, Any]:
    """How far the two were apart, how far from the rule, and whether that is wrong."""
    if witness.shadow is None or witness.state is None:
        return {"wrong": False}
    params = witness.params
    found = verify.rule_distances(witness.state, params)
    first = found.apart.first
    return {
        "wrong": first is not None,
        "first": None if first is None else first._asdict(),
        "apart": _plain(verify.difference(witness.shadow, params)),
        "from_rule": _plain(found.mine),
        "reference_from_rule": _plain(found.theirs),
    }


def _plain(found: verify.Difference) -> dict[str, Any]:
    facts = found._asdict()
    return {name: facts[name] for name in ("relative", "ulp", "step", "leaf")}


def tell(plan: Plan, result: dict[str, Any], say: Callable) -> None:
    """The greatest difference, where it was, and the verdict."""
    if "apart" not in result:
        return
    mine, theirs = plan.settings["optimizer"], plan.settings["against"]
    say(f"\n{mine} beside {theirs} on the same gradients, greatest differences")
    say("relative to the largest entry of the update in that leaf:")
    rows = {
        "the two updates": result["apart"],
        f"{mine} from the rule": result["from_rule"],
        f"{theirs} from the rule": result["reference_from_rule"],
    }
    wide = max(map(len, rows))
    for name, row in rows.items():
        say(f"  {name:<{wide}}  {_where(row)}")
    say(f"  (the rule: {theirs} evaluated in float64)")
    say(_verdict(mine, theirs, result["first"]))


def _where(row: dict[str, Any]) -> str:
    if not row["step"]:
        return "none"
    size = f"{row['relative']:.1e}, {row['ulp']:8.3g} ULP"
    return f"{size}, step {row['step']}, {row['leaf']}"


def _verdict(mine: str, theirs: str, first: dict[str, Any] | None) -> str:
    if first is None:
        return f"verdict: {mine} follows the rule of {theirs} at every step"
    return (
        f"verdict: {mine} and {theirs} differ, first at step {first['step']} in "
        f"{first['leaf']}:\n  {first['relative']:.1e} of the update's largest entry, "
        f"{first['ulp']:.3g} ULP"
    )
