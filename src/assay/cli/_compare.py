"""`assay verify mine --against reference`: one optimizer, or one function."""

import argparse
import ast
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from assay import verify as proofs
from assay.cli._words import UserError, blame, dump, nearest

RATE = 1e-3  # where neither the user nor the optimizer says one

RATE_WORDS = {"lr", "rate", "step_size", "stepsize", "alpha"}  # of a first argument
# What we, and Optax, call an argument, and what they do.
WORDS = {
    "torch": {"learning_rate": "lr", "decay": "alpha"},
    "keras": {"b1": "beta_1", "b2": "beta_2", "eps": "epsilon", "decay": "rho"},
}


def compare(args: argparse.Namespace) -> int:
    """Print what was found; 1 if the two differ, or a clause is broken."""
    if len(args.what) != 1 or args.room:
        raise UserError("name one optimizer or function to compare.")
    name, settings = args.what[0], _settings(args.set or [])
    mine = _named("", name)
    if args.against is None:
        report = _contract(name, mine, settings)
    else:
        reference = _named("--against: ", args.against)
        pair = _made(name, mine, settings), _made(args.against, reference, settings)
        if any(pair) != all(pair):
            raise UserError("one of the two is an optimizer, the other is not.")
        report = _report(args, pair) if all(pair) else _function(mine, reference)
    if args.json:
        print(dump(report.as_dict()))
    else:
        console = Console()
        console = console if console.is_terminal else Console(width=80)
        console.print(report)
    return 0 if getattr(report, "matches", getattr(report, "kept", False)) else 1


def _report(args: argparse.Namespace, pair: tuple) -> Any:
    with blame(f"{args.what[0]} against {args.against}"):
        return proofs.optimizer(*pair, steps=args.steps)


def _contract(name: str, mine: Any, settings: dict[str, Any]) -> Any:
    """An optimizer alone: does it keep what training relies on?"""
    if _made(name, mine, settings) is None:
        raise UserError(f"{name} is no optimizer: name its reference with --against.")
    if _is_pair(mine):
        return proofs.contract(mine)
    rate = settings.pop("learning_rate", RATE)

    def make(learning_rate):
        return mine(learning_rate, **settings)

    rated = next(iter(_parameters(mine)), "") == "learning_rate"
    return proofs.contract(make if rated else mine(**settings), learning_rate=rate)


def _function(mine: Callable, reference: Callable) -> Any:
    """Two functions of arrays, on one vector for each argument without a default."""
    rng = np.random.default_rng(0)
    count = sum(p.default is p.empty for p in _parameters(mine).values()) or 1
    inputs = tuple(rng.normal(0, 2, 37).astype(np.float32) for _ in range(count))
    with blame("on vectors of 37 numbers"):
        return proofs.function(mine, reference, inputs)


def _named(option: str, name: str) -> Any:
    """What the name names; the error is the name's own sentence."""
    try:
        return proofs.named(name)
    except Exception as error:
        text = str(error).removeprefix("optimizer: ") or type(error).__name__
        raise UserError(f"{option}{text.splitlines()[0]}") from error


def _made(name: str, found: Any, settings: dict[str, Any]) -> Any:
    """The (init, update) pair that it is or makes; None if it makes none."""
    if _is_pair(found):
        return found
    guest = name.partition(":")[0]
    given = _translated(settings, guest) if guest in WORDS else dict(settings)
    known = _parameters(found)
    rate = WORDS.get(guest, {}).get("learning_rate", "learning_rate")
    if rate not in known and next(iter(known), "") in RATE_WORDS:
        rate = next(iter(known))  # as the user calls it
        given = {rate if n == "learning_rate" else n: v for n, v in given.items()}
    if rate in known or guest in WORDS:
        given.setdefault(rate, RATE)
    for word in given:
        if known and word not in known:
            raise UserError(f"--set: {name} has no {word!r}.{nearest(word, known)}")
    if not given and any(p.default is p.empty for p in known.values()):
        return None  # a function of arrays
    with blame(name):
        made = found(**given)
    return made if _is_pair(made) else None


def _translated(settings: dict[str, Any], guest: str) -> dict[str, Any]:
    """The arguments in the words of the library."""
    out = {WORDS[guest].get(n, n): v for n, v in settings.items()}
    if guest == "torch" and {"b1", "b2"} & set(out):
        out["betas"] = out.pop("b1", 0.9), out.pop("b2", 0.999)
    return out


def _is_pair(x: Any) -> bool:
    return hasattr(x, "init") and hasattr(x, "update") and not inspect.isclass(x)


def _parameters(found: Any) -> dict[str, inspect.Parameter]:
    """What it can be called with by name; {} if it takes whatever comes."""
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return {}
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return {}
    return dict(parameters)


def _settings(words: list[str]) -> dict[str, Any]:
    """{"learning_rate": 0.001} of ["learning_rate=1e-3"]."""
    out = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--set: write name=value; got {word!r}.")
        try:
            out[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            out[name] = text
    return out
