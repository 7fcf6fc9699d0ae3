"""Names with places in them: "layers/{i}/kernel" is "layers.{i}.weight"."""

import re
from collections.abc import Iterable, Mapping

PLACE = re.compile(r"\{(\w+)\}")
WIDE = "path"  # {path} may span several parts, {anything else} is one


def places(template: str) -> set[str]:
    """The words in braces."""
    return set(PLACE.findall(template))


def pattern(template: str, separators: str = "/") -> re.Pattern[str]:
    """An expression that finds each place; one that comes twice is the same twice."""
    parts, seen = [], set()
    for text, name in zip(*_split(template), strict=True):
        parts.append(re.escape(text))
        if name in seen:
            parts.append(f"(?P={name})")
        elif name:
            kind = ".+?" if name == WIDE else f"[^{re.escape(separators)}]+"
            parts.append(f"(?P<{name}>{kind})")
            seen.add(name)
    return re.compile("".join(parts))


def filled(template: str, values: Mapping[str, str]) -> str:
    """`template` with the values that are known; in dotted names / becomes a dot."""
    dotted = "/" not in template

    def value(found: re.Match[str]) -> str:
        text = values.get(found[1])
        if text is None:
            return found[0]
        return text.replace("/", ".") if dotted else text

    return PLACE.sub(value, template)


def count(template: str, names: Iterable[str]) -> int:
    """1 + the largest number at the one place left, 0 without one or without names."""
    if not places(template):
        return 0
    text, _, more = map(re.escape, PLACE.split(template))
    found = (re.fullmatch(f"{text}(\\d+){more}", name) for name in names)
    return max((1 + int(m[1]) for m in found if m), default=0)


def numbered(template: str, i: int) -> str:
    """`template` with i at the place left, if one is."""
    return PLACE.sub(str(i), template)


def _split(template: str) -> tuple[list[str], list[str]]:
    """Texts, and the place after each of them; "" after the last."""
    pieces = PLACE.split(template)
    return pieces[::2], [*pieces[1::2], ""]
