"""The second source of an optimizer: the rule in NumPy, read by another hand.

Optax is no oracle by itself: its rprop is one step late. What a mirror does not state
as `second` is looked up by name in `assay.verify.rules`.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from assay.verify import rules
from assay.verify.rules import _rule


class Scale(NamedTuple):
    """`scale_by_x` said as a rule: which one, with what, and ours' words in its."""

    rule: str
    fixed: dict[str, Any] = {}
    words: dict[str, str] = {}


# scale_by_x is the rule of x at the rate −1, save where Optax has other words.
SCALES = {
    "trace": Scale("sgd", words={"decay": "momentum"}),
    "scale_by_adan": Scale("adan", {"eps_root": 0.0}),
    "scale_by_belief": Scale("adabelief"),
    "scale_by_lion": Scale("lion", {"weight_decay": 0.0}),
    "scale_by_muon": Scale("orthogonal"),
    "scale_by_nadam": Scale("nadam", {"momentum_decay": 0.004}),
    "scale_by_novograd": Scale("novograd", {"eps": 1e-8}),
    "scale_by_optimistic_gradient": Scale("optimistic_gradient_descent"),
    "scale_by_rms": Scale("rmsprop"),
    "scale_by_rss": Scale("adagrad"),
    "scale_by_sign": Scale("sign_sgd"),
    "scale_by_sm3": Scale("sm3", words={"b1": "momentum"}),
    "scale_by_stddev": Scale("rmsprop", {"centered": True}),
}
# What a rule is given where the caller states no rate; Optax's adadelta turns no sign.
RATES = {
    "adadelta": None,
    "adafactor": None,
    "schedule_free_sgd": 1.0,
    "schedule_free_adamw": 0.0025,
}


class Second(NamedTuple):
    """The maker of a NumPy pair or schedule, and the arguments that it knows."""

    make: Callable
    source: str
    known: frozenset[str] | None  # None: whatever its own signature takes

    def knows(self, arguments: dict[str, Any]) -> bool:
        """Whether it can be made with these: a storage dtype is not for a rule."""
        if self.known is not None:
            return self.known >= set(arguments)
        try:
            inspect.signature(self.make).bind(**arguments)
        except TypeError:
            return False
        return True


def second_of(name: str, mirror: Callable) -> Second | None:
    """What the mirror states, or the rule of the name; None if there is neither."""
    facts = getattr(mirror, "facts", {})
    if facts.get("second") is not None:
        return Second(facts["second"], facts.get("second_source", "NumPy"), None)
    scale = SCALES.get(name)
    if name.startswith("scale_by_"):
        scale = scale or Scale(name.removeprefix("scale_by_"))
    rule = getattr(rules, scale.rule if scale else name, None)
    if rule is None:
        return None
    known = frozenset(inspect.signature(rule).parameters)
    if "rate" not in known:  # a pair already: its leaves share something
        return Second(rule, "NumPy", known)
    if scale is None:
        rate = RATES.get(name, 1.0)
        make = partial(_rule.transform, rule, learning_rate=rate)
        rest = {"learning_rate"}
    else:
        make, rest = partial(_scaled, rule, scale), {"learning_rate", *scale.words}
    return Second(make, "rule in NumPy", known | rest)


def _scaled(rule: Callable, scale: Scale, **settings: Any) -> Any:
    """The rule without a rate: the step that it takes at the rate −1."""
    settings = scale.fixed | {scale.words.get(n, n): v for n, v in settings.items()}
    rate = settings.pop("learning_rate", 1.0)  # rprop's, the first step
    return _rule.transform(rule, -rate, **settings)


def expected(second: Second, mirror: Callable, arguments: dict) -> Any:
    """What the second source gives, read as the mirror reads the first."""
    made = second.make(**arguments)
    read = getattr(mirror, "read", None)
    return made if read is None else read(made, x64=True, numpy=True)
