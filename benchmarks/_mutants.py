"""The cases of `benchmarks.mutants`: optimizers with mistakes, and right ones."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from assay import optim
from benchmarks import _handwritten as hand
from benchmarks._handwritten import Mistakes

COLUMNS = "adam", "adamw", "rmsprop", "sgd-momentum", "lion"
DECAY = 0.1


class Case(NamedTuple):
    """One optimizer against one reference."""

    mistake: str
    column: str
    make: Callable[[], tuple[Any, Any]] | None  # (mine, reference); None: no such cell
    words: tuple[str, ...] = ()  # what the diagnosis must say, a word a change
    why: str = ""  # why there is no such cell


@functools.cache
def schedule(base: float) -> optax.Schedule:
    """A warm-up, and down again."""
    return optax.warmup_cosine_decay_schedule(0.1 * base, base, 10, 60, 0.01 * base)


# The right ones: name -> (hand-written, Optax's), both taking a rate and settings.


def _adam(rate=1e-3, **kw):
    return hand.adam(rate, **kw)


def _adamw(rate=1e-3, **kw):
    return hand.adam(rate, weight_decay=DECAY, **kw)


def _lion(rate=1e-4, **kw):
    return hand.lion(rate, weight_decay=DECAY, **kw)


MINE = {"adam": _adam, "adamw": _adamw, "rmsprop": hand.rmsprop}
MINE |= {"sgd-momentum": hand.sgd, "lion": _lion}
THEIRS: dict[str, Callable] = {
    "adam": lambda rate=1e-3, **kw: optax.adam(rate, **kw),
    "adamw": lambda rate=1e-3, **kw: optax.adamw(rate, weight_decay=DECAY, **kw),
    "rmsprop": lambda rate=1e-2, **kw: optax.rmsprop(rate, **kw),
    "sgd-momentum": lambda rate=0.1, **kw: optax.sgd(rate, 0.9, **kw),
    "lion": lambda rate=1e-4, **kw: optax.lion(rate, weight_decay=DECAY, **kw),
}
RATES = {
    "adam": 1e-3,
    "adamw": 1e-3,
    "rmsprop": 1e-2,
    "sgd-momentum": 0.1,
    "lion": 1e-4,
}
SCALERS = {
    "adam": optax.scale_by_adam,
    "rmsprop": optax.scale_by_rms,
    "sgd-momentum": lambda: optax.trace(0.9),
}


def _same(column: str, theirs: dict | None = None, **mine: Any) -> Callable:
    """Mine with these arguments against Optax's with those."""
    items = tuple((theirs or {}).items())
    return lambda: (MINE[column](**mine), _reference(column, items))


@functools.cache
def _reference(column: str, settings: tuple) -> Any:
    """The same object for the same settings: it is run and recognised only once."""
    return THEIRS[column](**dict(settings))


def _scheduled(column: str, theirs: dict | None = None, **mine: Any) -> Callable:
    rate = schedule(RATES[column])
    return _same(column, {"rate": rate, **(theirs or {})}, rate=rate, **mine)


@functools.cache
def _decayed(column: str, coupled: bool) -> Any:
    """Optax's with decay, in the place that is asked for."""
    if column == "lion" and coupled:
        rule, decay = optax.scale_by_lion(), optax.add_decayed_weights(DECAY)
        return optax.chain(decay, rule, optax.scale(-RATES[column]))
    if column in ("adamw", "lion") and not coupled:
        return _reference(column, ())
    rule = SCALERS["adam" if column == "adamw" else column]()
    decay, rate = optax.add_decayed_weights(DECAY), optax.scale(-RATES[column])
    return optax.chain(decay, rule, rate) if coupled else optax.chain(rule, decay, rate)


def _decay(column: str, kind: str, coupled: bool = False) -> Callable:
    """The mistake `kind` in a decay that the reference has coupled or not."""
    wrong = Mistakes(decay=kind)
    more = {} if column in ("adamw", "lion") else {"weight_decay": DECAY}
    return lambda: (MINE[column](wrong=wrong, **more), _decayed(column, coupled))


def table() -> list[Case]:
    """Every mistake with every optimizer."""
    rows = [*_eps(), *_counts(), *_forms(), *_decays(), *_states(), *_numbers()]
    return [
        Case(row[0], column, *_cell(row, column)) for row in rows for column in COLUMNS
    ]


def _cell(row: tuple, column: str) -> tuple:
    """(make, words, why) of one column of a row."""
    _, cells, words, why = row
    if column not in cells:
        return None, (), why
    chosen = words.get(column, words["all"]) if isinstance(words, dict) else words
    return cells[column], (chosen,), ""


NO_EPS = "no eps in the rule"
NO_COUNT = "no count in the rule"


def _eps() -> Iterator[tuple]:
    """Rows (name, cells, words, why not the others)."""
    both = {c: _same(c, place="inside") for c in ("adam", "adamw")}
    both["rmsprop"] = _same("rmsprop", place="outside")
    words = {"all": "eps added before the square root"}
    words["rmsprop"] = "eps added after the square root"
    yield "eps on the other side of the root", both, words, NO_EPS
    scaled = {c: _same(c, place="scaled") for c in ("adam", "adamw")}
    theirs = {"bias_correction": True, "eps_in_sqrt": False}
    scaled["rmsprop"] = _same("rmsprop", theirs, corrected=True, place="scaled")
    yield "eps scaled by the bias correction", scaled, "eps scaled", NO_EPS


def _counts() -> Iterator[tuple]:
    said = {
        "ahead": "count one step ahead",
        "behind": "count one step behind",
        "frozen": "count frozen",
        "per leaf": "count bumped once per leaf",
    }
    for kind, words in said.items():
        wrong = Mistakes(count=kind)
        cells = {c: _same(c, wrong=wrong) for c in ("adam", "adamw")}
        theirs = {"bias_correction": True}
        cells["rmsprop"] = _same("rmsprop", theirs, corrected=True, wrong=wrong)
        yield f"count {kind}", cells, words, NO_COUNT
    for shift, words in (
        (1, "schedule one step ahead"),
        (-1, "schedule one step behind"),
    ):
        cells = {c: _scheduled(c, wrong=Mistakes(schedule=shift)) for c in COLUMNS}
        yield words, cells, words, ""


def _forms() -> Iterator[tuple]:
    cells = {c: _same(c, {"nesterov": True}, look="today") for c in ("adam", "adamw")}
    theirs = {"momentum": 0.9, "nesterov": True}
    cells["rmsprop"] = _same("rmsprop", theirs, momentum=0.9, look="wrong")
    cells["sgd-momentum"] = _same("sgd-momentum", {"nesterov": True}, look="wrong")
    yield "Nesterov's form", cells, "Nesterov's look ahead", "no Nesterov form"
    amsgrad = optax.amsgrad(1e-3)
    cells = {"adam": lambda: (hand.adam(most="before"), amsgrad)}
    cells["adamw"] = lambda: (hand.adam(most="before", weight_decay=DECAY), _amsgradw())
    words = "maximum of v before its bias correction"
    yield "maximum before the correction", cells, words, "no maximum"
    cells = {"sgd-momentum": _same("sgd-momentum", damp=0.5)}
    cells["rmsprop"] = _same("rmsprop", {"momentum": 0.9}, momentum=0.9, damp=0.5)
    why = "its mean is weighted by 1 − b1 already"
    yield "dampening", cells, "dampening 0.5", why
    cells = {"sgd-momentum": _scheduled("sgd-momentum", inside=True)}
    theirs = {"momentum": 0.9}
    cells["rmsprop"] = _scheduled("rmsprop", theirs, momentum=0.9, outside=True)
    yield (
        "rate on the other side of the buffer",
        cells,
        "the learning rate",
        ("no buffer of updates"),
    )


@functools.cache
def _amsgradw() -> Any:
    rule, decay = optax.scale_by_amsgrad(), optax.add_decayed_weights(DECAY)
    return optax.chain(rule, decay, optax.scale(-1e-3))


def _decays() -> Iterator[tuple]:
    cells = {c: _decay(c, "coupled") for c in COLUMNS}
    yield "decay coupled", cells, "decay coupled", ""
    cells = {c: _decay(c, "decoupled", True) for c in COLUMNS}
    yield "decay decoupled", cells, "decay decoupled", ""
    cells = {c: _decay(c, "free") for c in COLUMNS}
    yield "decay without the rate", cells, "not multiplied by the learning rate", ""
    cells = {c: _decay(c, "after") for c in COLUMNS}
    yield "decay of updated parameters", cells, "of the updated parameters", ""


def _states() -> Iterator[tuple]:
    cells = {c: _same(c, wrong=Mistakes(flip="kernel")) for c in COLUMNS}
    yield "sign of one leaf", cells, "sign flipped in kernel", ""
    cells = {c: _same(c, start=0.1) for c in ("adam", "adamw", "rmsprop")}
    why = "no accumulator of squares"
    yield "initial accumulator", cells, "initial_scale 0.1", why
    cells = {c: _same(c, wrong=Mistakes(alias=True)) for c in COLUMNS}
    yield "state shared by leaves", cells, "shared by leaves of equal shape", ""
    for kind in (jnp.bfloat16, jnp.float16):
        low = Mistakes(low=kind)
        cells = {c: _same(c, wrong=low) for c in COLUMNS}
        name = jnp.dtype(kind).name
        yield f"moments in {name}", cells, f"kept in {name}", ""


def _numbers() -> Iterator[tuple]:
    betas = {"adam": {"b2": 0.99609375}, "adamw": {"b2": 0.99609375}}
    betas |= {"rmsprop": {"decay": 0.8984375}, "sgd-momentum": {"momentum": 0.8984375}}
    betas["lion"] = {"b2": 0.98828125}
    cells = {c: _same(c, **betas[c]) for c in COLUMNS}
    yield "beta cut to bfloat16", cells, "rounded to bfloat16", ""
    cells = {c: _same(c, rate=1.1 * RATES[c]) for c in COLUMNS}
    yield "learning rate", cells, "learning_rate", ""
    cells = {c: _same(c, b1=0.999, b2=0.9) for c in ("adam", "adamw")}
    cells["lion"] = _same("lion", b1=0.99, b2=0.9)
    theirs = {"decay": 0.95, "momentum": 0.8}
    cells["rmsprop"] = _same("rmsprop", theirs, decay=0.8, momentum=0.95)
    yield "betas swapped", cells, "swapped", "one beta only"
    cells = {c: _same(c, eps=1e-6) for c in ("adam", "adamw", "rmsprop")}
    yield "eps scaled", cells, "eps 1e-06 instead of 1e-08", NO_EPS


def doubles() -> list[Case]:
    """Two mistakes at once."""
    made: list[Case] = []

    def add(column, words, make):
        made.append(Case(" + ".join(words), column, make, words))

    inside, swapped = "eps added before the square root", "b1 and b2 swapped"
    flip, shared = "sign flipped in kernel", "shared by leaves"
    rate, ahead = "learning_rate 0.0011", "count one step ahead"
    behind, coupled = "count one step behind", "decay coupled"
    for c in ("adam", "adamw"):
        add(c, (inside, rate), _same(c, rate=1.1e-3, place="inside"))
        add(c, (inside, swapped), _same(c, place="inside", b1=0.999, b2=0.9))
        add(c, (ahead, rate), _same(c, rate=1.1e-3, wrong=Mistakes(count="ahead")))
        wrong = Mistakes(count="behind", flip="kernel")
        add(c, (behind, flip), _same(c, wrong=wrong))
        add(c, ("b2 0.99 ", "eps 1e-06"), _same(c, b2=0.99, eps=1e-6))
        add(c, (inside, shared), _same(c, place="inside", wrong=Mistakes(alias=True)))
        low = Mistakes(low=jnp.bfloat16, count="ahead")
        add(c, ("kept in bfloat16", ahead), _same(c, wrong=low))
        late = Mistakes(schedule=-1, flip="scale")
        words = "schedule one step behind", "sign flipped in scale"
        add(c, words, _scheduled(c, wrong=late))
        frozen = Mistakes(count="frozen")
        add(c, ("count frozen", "b1 0.8"), _same(c, b1=0.8, wrong=frozen))
    both = Mistakes(decay="coupled", count="ahead")
    add("adamw", (coupled, ahead), _same("adamw", wrong=both))
    after = Mistakes(decay="after")
    words = swapped, "decay taken of the updated parameters"
    add("adamw", words, _same("adamw", b1=0.999, b2=0.9, wrong=after))
    free = Mistakes(decay="free")
    words = "not multiplied by the learning rate", "eps 1e-06"
    add("adamw", words, _same("adamw", eps=1e-6, wrong=free))
    words = "eps added after", "decay 0.99 instead of 0.9"
    add("rmsprop", words, _same("rmsprop", place="outside", decay=0.99))
    words = "eps added after", "initial_scale 1 "
    add("rmsprop", words, _same("rmsprop", place="outside", start=1.0))
    words = "momentum 0.9", "learning_rate 0.02"
    add("rmsprop", words, _same("rmsprop", rate=0.02, momentum=0.9))
    words = "Nesterov's momentum", "learning_rate 0.2"
    add("sgd-momentum", words, _same("sgd-momentum", rate=0.2, look="right"))
    words = "dampening 0.5", "momentum 0.8"
    add("sgd-momentum", words, _same("sgd-momentum", momentum=0.8, damp=0.5))
    words = "inside the momentum buffer", "schedule one step ahead"
    one = Mistakes(schedule=1)
    add("sgd-momentum", words, _scheduled("sgd-momentum", inside=True, wrong=one))
    words = swapped, "learning_rate 0.0003"
    add("lion", words, _same("lion", rate=3e-4, b1=0.99, b2=0.9))
    words = coupled, "b2 0.95"
    add("lion", words, _same("lion", b2=0.95, wrong=Mistakes(decay="coupled")))
    return made


def right() -> list[Case]:
    """Pairs in which there is no mistake."""
    pairs: dict[str, tuple[Any, Any]] = {
        "handwritten adam": (hand.adam(), optax.adam(1e-3)),
        "handwritten adamw": (_adamw(), THEIRS["adamw"]()),
        "handwritten rmsprop": (hand.rmsprop(), optax.rmsprop(1e-2)),
        "handwritten rmsprop, eps outside": (
            hand.rmsprop(place="outside"),
            optax.rmsprop(1e-2, eps_in_sqrt=False),
        ),
        "handwritten sgd-momentum": (hand.sgd(), optax.sgd(0.1, 0.9)),
        "handwritten nesterov": (hand.sgd(look="x"), optax.sgd(0.1, 0.9, True)),
        "handwritten lion": (_lion(), THEIRS["lion"]()),
        "handwritten adagrad": (hand.adagrad(), optax.adagrad(0.1)),
        "handwritten amsgrad": (hand.adam(most="after"), optax.amsgrad(1e-3)),
        "handwritten nadam": (hand.adam(look="x"), optax.nadam(1e-3)),
        "ours at a constant rate": (optim.momentum(0.1), optax.sgd(0.1, 0.9)),
    }
    settings = {
        "rmsprop": {"centered": True, "momentum": 0.9},
        "sgd": {"momentum": 0.9},
    }
    for name in (
        *("adam", "adamw", "amsgrad", "adamax", "nadam", "radam", "adabelief", "yogi"),
        *("rmsprop", "adagrad", "adadelta", "sgd", "lion", "novograd", "lamb", "lars"),
    ):
        if hasattr(optim, name):
            kw = settings.get(name, {})
            ours, theirs = (getattr(at, name)(1e-2, **kw) for at in (optim, optax))
            pairs[f"our {name}"] = ours, theirs
            rate = schedule(1e-2)
            ours, theirs = (getattr(at, name)(rate, **kw) for at in (optim, optax))
            if name in ("adam", "adamw", "sgd", "rmsprop", "lion"):
                pairs[f"our {name} under a schedule"] = ours, theirs
    return [Case("none", name, lambda pair=pair: pair) for name, pair in pairs.items()]
