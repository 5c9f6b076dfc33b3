"""Figures of other counters, as they are typed: 4133742592, 4.13G, 8.2 GFLOPs."""

import re
from typing import NamedTuple

from flopcount.analyses.claims import prints_as
from flopcount.errors import UsageError

RULES = ("exact", "round", "truncate", "ceil")
WORDS: dict[str, str] = {"exact": "exactly", "round": "rounded", "truncate": "truncated", "ceil": "rounded up"}

_UNIT = re.compile(r"\s*(?:FLOPs?|FLOPS|MACs?|mult-?adds?|multiply-adds?|MAdds?|params|parameters)$", re.IGNORECASE)
_FIGURE = re.compile(r"([0-9]+|[0-9]{1,3}(?:([ ,_])[0-9]{3})(?:\2[0-9]{3})*)(?:\.([0-9]+))? ?([kKMmGgBbTt]?)")
_SCALES = {"": 0, "K": 3, "M": 6, "G": 9, "B": 9, "T": 12}


class Figure(NamedTuple):
    """A figure as printed, with about what it is."""

    text: str
    value: int

    def printed(self, exact: int) -> str | None:
        """Return how a number prints as this figure: a rule, or None where it does not."""
        plain = self.text.isdecimal()
        rules = RULES[:1] if plain else RULES[1:]
        return next((rule for rule in rules if prints_as(exact, exact, self.text, rule)), None)


class Asked(NamedTuple):
    """A figure and the convention it is said to be of, if any."""

    convention: str | None
    figure: Figure


def asked(text: str) -> Asked:
    """Read NAME=FIGURE or FIGURE."""
    name, equals, words = text.rpartition("=")
    return Asked(name.strip() if equals else None, figure(words, f"--with {text[:80]}"))


def figure(text: str, where: str) -> Figure:
    """Read a figure."""
    bare = _UNIT.sub("", text.strip())
    match = _FIGURE.fullmatch(bare)
    if match is None or len(bare) > 40:  # noqa: PLR2004  (digits)
        raise UsageError(f"{where}: {text[:60]!r} is no figure; write 4133742592, 4.13G or thop=4.13G")
    whole, decimals, scale = re.sub("[ ,_]", "", match[1]), match[3] or "", match[4].upper()
    value = int(whole + decimals) * 10 ** _SCALES[scale] // 10 ** len(decimals)
    if not value:
        raise UsageError(f"{where}: nothing counts as 0; give the number that the counter prints")
    return Figure(f"{whole}{'.' if decimals else ''}{decimals}{scale}", value)
