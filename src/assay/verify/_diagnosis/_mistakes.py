"""Conventions and common mistakes: what each changes in a model, and its words."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from assay.verify._diagnosis import _fit as fits
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis._evidence import Evidence, Run
from assay.verify._diagnosis._model import Model


class Change(NamedTuple):
    """One difference from the reference."""

    phrase: str  # {weight_decay:.4g} stands for a number that is found
    settings: dict[str, Any]
    fit: tuple[str, ...] = ()  # numbers to be found


# What stands for a switch in words, by family ("" for all), name and new value.
WORDS: dict[tuple[str, str, Any], str] = {
    ("", "nesterov", True): "Nesterov's momentum",
    ("", "nesterov", False): "without Nesterov's look ahead",
    ("", "eps_hat", True): "eps scaled by the bias correction (added to √v before it)",
    ("", "eps_hat", False): "eps added after the bias correction",
    ("", "eps_in_sqrt", True): "eps added before the square root",
    ("", "eps_in_sqrt", False): "eps added after the square root",
    ("", "centered", True): "the variance in place of the mean square (centered)",
    ("", "centered", False): "the mean square in place of the variance (not centered)",
    ("", "bias_correction", True): "bias correction",
    ("", "bias_correction", False): "no bias correction",
    ("", "rate_last", True): "the learning rate after the momentum buffer",
    ("", "rate_last", False): "the learning rate inside the momentum buffer",
    ("", "maximize", True): "the sign flipped",
    ("", "max_before_correction", True): "the maximum before the bias correction",
    ("", "max_before_correction", False): "the maximum after the bias correction",
    ("", "missing", "root"): "the square root left out",
    ("", "missing", "weight"): "the weight 1 − b1 of the gradient left out",
    ("", "missing", "sign"): "the sign function left out",
    ("", "missing", "correction of m"): "no bias correction of m",
    ("", "missing", "correction of v"): "no bias correction of v",
    ("", "order", "moment first"): "the moment updated before it is used",
    ("", "order", "moment last"): "the moment used before it is updated",
    ("", "order", "moment alone"): "the moment alone in place of the look ahead",
    ("", "eps_at", ""): "eps added after the square root",
    ("", "eps_at", "root"): "eps added before the square root",
    ("", "eps_at", "raw root"): "eps added before both bias correction and square root",
    ("", "eps_at", "scaled"): "eps multiplied by √(1 − b2ᵗ)",
    ("", "eps_at", "squared"): "eps² added before the square root",
    ("", "eps_at", "floor"): "eps as a floor instead of added",
    ("rmsprop", "eps_at", "hat"): "eps scaled by the bias correction",
    ("adam", "nesterov", "today"): "Nesterov's look ahead corrected by today's 1 − b1ᵗ",
    ("adam", "nesterov", "next"): "Nesterov's look ahead corrected by 1 − b1ᵗ⁺¹ only",
    ("adam", "nesterov", "whole gradient"): "Nesterov's look ahead without 1 − b1",
    ("adam", "nesterov", "uncorrected gradient"): (
        "Nesterov's look ahead with the gradient uncorrected"
    ),
    **{
        (family, "nesterov", value): f"Nesterov's look ahead {words}"
        for family in ("sgd", "rmsprop")
        for value, words in (
            ("plain sum", "without its momentum"),
            ("buffer twice", "from the buffer twice"),
        )
    },
    ("", "maximum", "corrected"): "the maximum of v after its bias correction",
    ("", "maximum", "raw"): "the maximum of v before its bias correction",
    ("", "maximum", ""): "without the maximum of v",
}
COUNTS = {
    "ahead": "the count one step ahead",
    "behind": "the count one step behind",
    "frozen": "the count frozen at 1",
    "per leaf": "the count bumped once per leaf",
    "per leaf, before": "the count bumped once per leaf, before all",
    "never": "no bias correction",
}
FEW = "the weight decay of matrices only"


def changes(model: Model, seen: Evidence, run: Run) -> list[Change]:
    """All that may be different in `run`, the simplest first."""
    makers: list[Callable[..., Iterator[Change]]] = [
        *(_switches, _counts, _schedules, _leaves, _weights),
        *(_decays, _absent, _numbers, _storage, _families),
    ]
    made = itertools.chain.from_iterable(make(model, seen, run) for make in makers)
    return list(made)


def name_of(model: Model) -> str:
    """The name that the model has among optimizers."""
    name, get = model.family, model.get
    if name == "adam":
        name = "nadam" if get("nesterov") else "adam"
        name = "amsgrad" if get("maximum") else name
        if get("weight_decay") and get("decay_form") == "decoupled":
            name += "w" if name != "amsgrad" else " with decay"
    return name


def said(change: Change, model: Model, reference: Model) -> str:
    """The change in words, its numbers those of the model."""
    if change.phrase:
        return change.phrase.format(**{n: model.get(n) for n in change.fit})
    return " and ".join(_number_said(n, model, reference) for n in change.fit)


def _number_said(name: str, model: Model, reference: Model) -> str:
    new = f"{name} {model.get(name):.5g}"
    try:
        old = reference.get(name)
    except KeyError:
        return new
    return f"{new} instead of {old:.5g}" if old else f"{new} where there is none"


def _switches(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """Every other value of every switch of the rule."""
    del seen, run
    own = models.defaults(model.family)
    words = {(n, v): w for (f, n, v), w in WORDS.items() if f in ("", model.family)}
    words |= {(n, v): w for (f, n, v), w in WORDS.items() if f == model.family}
    for (name, value), phrase in words.items():
        # True == 1: a number with such a value is no switch.
        if name not in own or not isinstance(own[name], (bool, str)):
            continue
        if model.get(name) != value and _fits(model, name, value):
            both = {"eps_hat": False} if name == "eps_at" else {}
            both = {"eps_at": ""} if name in ("eps_hat", "eps_in_sqrt") else both
            both = {k: v for k, v in both.items() if k in own}
            yield Change(phrase, both | {name: value})
    for name, value in own.items():
        if isinstance(value, bool) and not any(n == name for n, _ in words):
            yield Change(f"{name} {not model.get(name)}", {name: not model.get(name)})


def _fits(model: Model, name: str, value: Any) -> bool:
    """Whether the switch means something here."""
    if model.family in ("sgd", "rmsprop") and name in ("nesterov", "rate_last"):
        return model.get("momentum") is not None
    if model.family == "rmsprop" and value in ("hat", "scaled", "raw root"):
        return bool(model.get("bias_correction"))
    return not (name == "eps_hat" and not value and model.get("eps_at"))


def _counted(model: Model, seen: Evidence) -> bool:
    """Whether the rule looks at its count."""
    once = [models.walk(model.but({"count": c}), seen, 2) for c in ("", "ahead")]
    return not np.array_equal(*once, equal_nan=True)


def _counts(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    del run
    if not _counted(model, seen):
        return
    for kind, phrase in COUNTS.items():
        yield Change(phrase, {"count": kind})


def _schedules(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """The schedule at another step, alone or with the rule's count."""
    factors = model.get("schedule")
    if factors is None:
        return
    counted = _counted(model, seen)
    # Before its first step a schedule may have any value.
    before = models.solved_schedule(model, seen, run, 1)[0]
    moved = {
        "ahead": (np.append(factors[1:], factors[-1]), "one step ahead"),
        "behind": (np.append(before, factors[:-1]), "one step behind"),
        "frozen": (factors[:1], "frozen at its first value"),
    }
    for kind, (schedule, where) in moved.items():
        yield Change(f"the schedule {where}", {"schedule": schedule})
        if not counted:
            continue
        both = {"schedule": schedule, "count": kind}
        yield Change(f"{COUNTS[kind]}, the schedule with it", both)


def _leaves(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """Signs and leaves at rest, as the updates show them; state in common."""
    mine, theirs = (np.nan_to_num(r.updates[:12]) for r in (run, seen.reference))
    wrong, still = [], []
    for i, leaf in enumerate(seen.layout.leaves):
        a, b = mine[..., leaf.columns], theirs[..., leaf.columns]
        agreement = np.sum(np.sign(a) * np.sign(b))
        wrong += [i] if agreement < 0 else []
        still += [i] if not a.any() and b.any() else []
    every = len(wrong) == len(seen.layout.leaves)
    where = "" if every else f" in {_listed(wrong, seen)}"
    if wrong:
        flip = {"flip": tuple(wrong)}
        yield Change(f"the sign flipped{where}", flip)
        apart = f"the sign flipped{where}, but not that of the decay"
        if model.get("weight_decay"):
            yield Change(apart, flip | {"flip_decay": False})
    if still:
        yield Change(f"no update of {_listed(still, seen)}", {"still": tuple(still)})
    shapes = [leaf.shape for leaf in seen.layout.leaves]
    if len(set(shapes)) < len(shapes):
        yield Change("the state shared by leaves of equal shape", {"alias": True})
    yield Change("the update of the step before", {"late": True})


def _listed(which: list[int], seen: Evidence) -> str:
    return ", ".join(seen.layout.leaves[i].name for i in which)


def _weights(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """Betas: swapped, the two weights of a mean exchanged, rounded."""
    del seen, run
    betas = [n for n in fits.numbers(model) if n in fits.BETAS]
    for a, b in itertools.combinations(betas, 2):
        swapped = {a: model.get(b), b: model.get(a)}
        yield Change(f"{a} and {b} swapped", swapped)
    for name in betas:
        yield Change(f"{name} and 1 − {name} exchanged", {name: 1 - model.get(name)})
    for names in [[n] for n in betas] + [betas] * (len(betas) > 1):
        known = []
        for kind, round_to in ROUNDINGS.items():
            new = {n: round_to(model.get(n)) for n in names}
            moved = [abs(v / model.get(n) - 1) > 1e-12 for n, v in new.items()]
            if all(moved) and new not in known:
                known.append(new)
                to = ", ".join(f"{v:.6g}" for v in new.values())
                yield Change(f"{' and '.join(names)} rounded to {kind} ({to})", new)


def _cut(x: float) -> float:
    """To bfloat16 by dropping the last 16 bits of float32."""
    bits = np.float32(x).view(np.uint32) & np.uint32(0xFFFF0000)
    return float(bits.view(np.float32))


ROUNDINGS: dict[str, Callable[[float], float]] = {
    "bfloat16": lambda x: float(ml_dtypes.bfloat16(x)),
    "bfloat16, downwards": _cut,
    "float16": lambda x: float(np.float16(x)),
    "float32": lambda x: float(np.float32(x)),
}


def _decays(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """What the decay is added to, multiplied by and taken of."""
    del seen, run
    inside = "weight_decay" in models.defaults(model.family)
    if inside and not models.decays_outside(model.family):
        return
    size = model.get("weight_decay")
    if not size:
        of = {"weight_decay": 0.01}, ("weight_decay",)
        decay = "a decoupled weight decay of {weight_decay:.4g}"
        yield Change(decay, *of)
        coupled = "a weight decay of {weight_decay:.4g} added to the gradient"
        yield Change(coupled, {**of[0], "decay_form": "coupled"}, of[1])
        free = f"{decay} not multiplied by the learning rate"
        yield Change(free, {**of[0], "decay_power": 0}, of[1])
        return
    if model.get("decay_form") == "coupled":
        yield Change("the decay decoupled", {"decay_form": "decoupled"})
    else:
        coupled = "the decay coupled (added to the gradient)"
        yield Change(coupled, {"decay_form": "coupled"})
        powers = {
            0: "the decay not multiplied by the learning rate",
            1: "the decay multiplied by the learning rate",
            2: "the decay multiplied twice by the learning rate",
        }
        for power, phrase in powers.items():
            if power != model.get("decay_power"):
                yield Change(phrase, {"decay_power": power})
        after = "the decay taken of the updated parameters"
        yield Change(after, {"decay_on": "after"})
    yield Change("the decay's sign flipped", {"weight_decay": -size})
    if model.get("decay_leaves") == "all":
        yield Change(FEW, {"decay_leaves": "matrices"})
    else:
        yield Change("the weight decay of all leaves", {"decay_leaves": "all"})


def _absent(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """A number left out."""
    del seen, run
    for name in fits.numbers(model):
        gone = None if name == "momentum" else 0.0
        if name not in ("learning_rate", "decay"):
            yield Change(f"without {name}", {name: gone})


def _numbers(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """Another number, or one where the reference has none."""
    del seen, run
    for name in fits.numbers(model):
        yield Change("", {}, (name,))
    own = {n: model.get(n) for n in models.defaults(model.family)}
    for name, value in ({"max_norm": model.get("max_norm")} | own).items():
        if name not in fits.STARTS or name == "weight_decay" or value:
            continue
        if name == "dampening" and model.get("momentum") is None:
            continue
        clipped = "the gradients clipped to a global norm of {max_norm:.4g}"
        phrase = clipped if name == "max_norm" else ""
        yield Change(phrase, {name: fits.STARTS[name]}, (name,))
        if name == "dampening":
            start = {name: fits.STARTS[name], "damped_first": True}
            first = "dampening {dampening:.4g} from the first step on"
            yield Change(first, start, (name,))


def _storage(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """The state in a short format: all of it, or one of two."""
    del run
    names = models.state_names(model, seen)
    if not names:
        return
    keeps = "keep" in models.defaults(model.family)
    for dtype in ("bfloat16", "float16"):
        kept = f"the moments kept in {dtype}"
        yield Change(kept, {"store": dtype})
        if keeps:
            used = f"{kept} and rounded before their use"
            yield Change(used, {"store": dtype, "store_before": True})
        for part in names if len(names) > 1 else ():
            yield Change(f"{part} kept in {dtype}", {"store": dtype, "store_of": part})


def _families(model: Model, seen: Evidence, run: Run) -> Iterator[Change]:
    """Another rule with the same numbers, or with its own."""
    del seen, run
    for family in models.families():
        if family == model.family:
            continue
        own = models.defaults(family)
        shared = {n: model.get(n) for n in own if n in models.defaults(model.family)}
        shared = {n: v for n, v in shared.items() if _like(v, own[n])}
        place = f"in place of {name_of(model)}"
        yield Change(f"{family} {place}", {"family": family, **shared})
        if shared:
            phrase = f"{family} and its own defaults {place}"
            yield Change(phrase, {"family": family})


def _like(new: Any, old: Any) -> bool:
    return type(new) is type(old) and not callable(new) or (new is None or old is None)
