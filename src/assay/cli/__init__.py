"""The command line: `assay train`, `evaluate`, `predict`, `generate`, `verify`, ...

Each command lives in its own file and is imported when it is run, so that `--help`
answers at once. What a user can do wrong ends in one line and exit status 2.
"""

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from assay.cli._words import UserError, nearest

_TRAIN = """\
Train a network with a hand-written optimizer, and feed a reference optimizer the very
same gradients at every step. With no arguments: LeNet-5 on scikit-learn's handwritten
digits, our Adam beside Optax's."""

_VERIFY = """\
Compare every public function, or those of the rooms named, with an independent
reference; or your own optimizer or function (my_module:my_adam) with the one named
by --against. Alone, an optimizer is held to its contract."""


class _Parser(argparse.ArgumentParser):
    """argparse that says what is wrong in one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message} (try {self.prog} --help)\n")


def _positive(kind: type):
    def read(text: str):
        with contextlib.suppress(ValueError):
            if 0 < kind(text) < float("inf"):
                return kind(text)
        number = "number" if kind is float else "whole number"
        must = f"must be a {number} above zero; got {text!r}"
        raise argparse.ArgumentTypeError(must)

    return read


def _share(most: float):
    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            if 0 <= float(text) <= most and float(text) < float("inf"):
                return float(text)
        must = f"must be a number from 0 to {most:g}; got {text!r}"
        raise argparse.ArgumentTypeError(must)

    return read


def _whole(text: str) -> int:
    if not text.isdigit():
        must = f"must be a whole number, zero or more; got {text!r}"
        raise argparse.ArgumentTypeError(must)
    return int(text)


def _parser() -> _Parser:
    about = "A functional deep learning kit for JAX, and its proofs."
    parser = _Parser(prog="assay", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_train(commands)
    _add_runs(commands)
    _add_tables(commands)
    return parser


def _add_train(commands) -> None:
    add = _command(commands, "train", "train a network", _TRAIN).add_argument
    add("--model", default=None, help="lenet5, mlp, gpt ... (default: fits the data)")
    add("--data", default=None, help="a name, an IDX folder, a CSV or text file")
    add("--optimizer", default=None, help="adam, optax:adam or package.module:name")
    add("--against", default=None, help="reference optimizer, or none")
    add("--learning-rate", type=_positive(float), help="(2e-3; of a text 1e-2)")
    add("--schedule", default="cosine", help="cosine (default) or constant")
    add("--epochs", type=_positive(int), default=None, help="passes over the data")
    add("--batch-size", type=_positive(int), default=None, help="examples a step")
    add("--seed", type=_whole, default=0, help="of weights, order and split (0)")
    add("--shift", type=_whole, default=None, help="move images by up to SHIFT pixels")
    add(
        "--early-stopping",
        type=_positive(int),
        metavar="PATIENCE",
        help="stop after PATIENCE epochs without a better val_loss",
    )
    add("--out", default=None, help="folder to write (default: runs/<time>)")
    add("--quiet", action="store_true", help="no progress bar")
    add("--json", action="store_true", help="print the result as JSON only")


def _add_runs(commands) -> None:
    p = _command(commands, "evaluate", "test a finished run again")
    p.add_argument("run", metavar="RUN", help="a folder that `assay train` wrote")
    p.add_argument("--json", action="store_true", help="for machines")
    p = _command(commands, "generate", "write on, byte by byte, as the text was")
    p.add_argument("run", metavar="RUN", help="a folder that `assay train` wrote")
    add = p.add_argument
    add("--prompt", default="\n\n", help="what the text begins with")
    add("--length", type=_positive(int), default=500, help="bytes to write (500)")
    add(
        "--temperature", type=_share(float("inf")), default=0.8, help="(0.8; 0: greedy)"
    )
    add("--top-k", type=_positive(int), help="of the K likeliest bytes only")
    add("--top-p", type=_share(1), default=1.0, help="of probability P together")
    add("--min-p", type=_share(1), default=0.0, help="of P of the likeliest's or more")
    add("--seed", type=_whole, default=0, help="of the draws (0)")
    add(
        "--json", action="store_true", help="the text and the speed as JSON, at the end"
    )
    help = "classes and probabilities for the inputs in a file"
    p = _command(commands, "predict", help)
    p.add_argument("run", metavar="RUN", help="a folder that `assay train` wrote")
    p.add_argument("file", metavar="FILE", help=".npy, .npz, CSV or IDX file")
    p.add_argument("--json", action="store_true", help="for machines")


def _add_tables(commands) -> None:
    helps = {
        "verify": "compare every public function with an independent reference",
        "bench": "time every public function against its reference",
        "info": "versions, devices and measured ceilings",
    }
    for name, help in helps.items():
        p = _command(commands, name, help)
        p.add_argument("--json", action="store_true", help="for machines")
        if name != "info":
            p.add_argument("--room", action="append", help="only this (repeatable)")
        if name == "verify":
            p.description = _VERIFY
            _add_comparison(p.add_argument)
        if name == "bench":
            p.add_argument("--rounds", type=_positive(int), default=7, help="(7)")


def _add_comparison(add) -> None:
    add("what", nargs="*", metavar="WHAT", help="rooms, or one package.module:name")
    against = "reference: optax:adam, torch:Adam, keras:Adam, jax.nn:gelu, ..."
    add("--against", metavar="NAME", help=against)
    setting = "argument of both, such as learning_rate=1e-3 (repeatable)"
    add("--set", action="append", metavar="NAME=VALUE", help=setting)
    add("--steps", type=_positive(int), default=100, help="of an optimizer (100)")
    add("--only", action="append", metavar="NAME", help="this function (repeatable)")
    picture = "picture of the errors over the domain, for functions of one array"
    add("--plot", metavar="FILE.png", help=picture)


def _command(commands, name: str, help: str, description: str = "") -> _Parser:
    about = description or help[0].upper() + help[1:] + "."
    return commands.add_parser(name, help=help, description=about, allow_abbrev=False)


_COMMANDS = ("train", "evaluate", "predict", "generate", "verify", "bench", "info")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, 1 (a check failed) or 2 (misuse).

    >>> main(["--version"])
    assay ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-") and words[0] not in _COMMANDS:
        _complain("", f"no command {words[0]!r}.{nearest(words[0], _COMMANDS)}")
        return 2
    parser = _parser()
    args, rest = parser.parse_known_args(words)
    if rest:
        return _unknown(parser, args.command, rest[0])
    if args.version:
        from assay import __version__

        print("assay", __version__)
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    return _run(args)


def _unknown(parser: _Parser, command: str | None, word: str) -> int:
    """A word that no option takes: suggest the option that was meant."""
    if command:
        subparsers = next(a for a in parser._actions if a.dest == "command")
        parser = subparsers.choices[command]  # type: ignore[index]
    options = [o for a in parser._actions for o in a.option_strings if len(o) > 2]
    _complain(command or "", f"no option {word!r}.{nearest(word, options)}")
    return 2


def _run(args: argparse.Namespace) -> int:
    try:
        room = (
            "_runs" if args.command in ("evaluate", "predict") else f"_{args.command}"
        )
        command = importlib.import_module(f"assay.cli.{room}")
        return getattr(command, args.command)(args)
    except UserError as error:
        _complain(args.command, str(error))
        return 2
    except BrokenPipeError:  # `assay verify | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        _complain(args.command, "interrupted.")
        return 130


def _complain(command: str, message: str) -> None:
    who = f"assay {command}".strip()
    print(f"{who}: {message}", file=sys.stderr)
