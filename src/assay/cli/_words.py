"""What every command says: errors in one line, tables in 80 columns."""

import contextlib
import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class UserError(Exception):
    """Something the user can put right: one line on stderr, exit status 2."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'adam'?` or the list of what there is.

    >>> nearest("adm", ["adam", "sgd"])
    " Did you mean 'adam'?"
    """
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names)}."


def choose(option: str, word: str, known: Iterable[str]) -> str:
    """`word` if it is known, else a UserError that suggests one."""
    names = list(known)
    if word not in names:
        raise UserError(f"{option}: no {word!r}.{nearest(word, names)}")
    return word


@contextlib.contextmanager
def blame(what: str) -> Iterator[None]:
    """Whatever goes wrong while the user's input is read is the user's to put right."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{what}: there is no {error.filename or error}.") from error
    except Exception as error:
        raise UserError(f"{what}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The first line of an error, or its name if it has none.

    >>> one_line(KeyError())
    'KeyError'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def cells(row: Sequence[Any], widths: Sequence[int]) -> str:
    """One line of a table: words to the left, numbers to the right.

    >>> cells(["relu", 1], [6, 4])
    'relu      1'
    """
    parts = []
    for value, width in zip(row, widths, strict=True):
        text = str(value)
        text = text if len(text) <= width else text[: width - 1] + "…"
        left = isinstance(value, str) and not _numeric(text)
        parts.append(text.ljust(width) if left else text.rjust(width))
    return " ".join(parts).rstrip()


def _numeric(text: str) -> bool:
    return text[:1] in "-+.0123456789" and text[:1] != ""


def dump(value: Any) -> str:
    """Strict JSON: what is not finite is null.

    >>> dump({"loss": float("nan")})
    '{"loss": null}'
    """
    return json.dumps(_strict(value), allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value
