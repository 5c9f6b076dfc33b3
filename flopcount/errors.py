"""What can go wrong, one branch per exit code.

FlopcountError
├── Broken            exit 1   a budget or a claim does not hold
└── BadInput          exit 2   the input or the usage is wrong
    ├── UsageError             an option, an argument, a missing extra
    ├── FileError              a file cannot be read or written
    │   └── FaultyFile         a file that is no spec says what it cannot; carries its problems
    ├── ShapeError             a formula cannot be applied to the shapes it was given
    └── SpecError              what a spec says is impossible; carries all its problems

Anything else that escapes is a bug in flopcount (exit 3).
"""

from collections.abc import Sequence
from typing import NamedTuple

Place = tuple[str | int, ...]
"""Where in a spec: the keys and indices that lead there, such as ("layers", 3, "stride")."""


BENEATH = "    "
"""A line of a message that begins so belongs to the one above it: it shows the source."""


class FlopcountError(Exception):
    """Everything flopcount raises on purpose."""

    exit_code = 3


class Broken(FlopcountError):
    """A budget or a claim does not hold."""

    exit_code = 1


class BadInput(FlopcountError):
    """The input or the usage is wrong; the message says what, and the way out."""

    exit_code = 2


class UsageError(BadInput):
    """An option or an argument cannot be used."""


class FileError(BadInput):
    """A file cannot be read or written."""


class ShapeError(BadInput):
    """A formula cannot be applied to the shapes it was given."""


class Problem(NamedTuple):
    """One thing that is wrong in a spec: where, what, and the way out.

    Inside a template, `via` are the places that used it, the innermost first. Decisions
    depend on `code`; `what` is only shown.
    """

    place: Place
    what: str
    layer: str = ""
    via: tuple[Place, ...] = ()
    code: str = "spec"

    def __str__(self) -> str:
        """Join the layer, where there is one, and the sentence."""
        return f"{self.layer}: {self.what}" if self.layer else self.what


class Note(NamedTuple):
    """A sentence that qualifies a number; decisions depend on its code."""

    code: str
    text: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.text


class SpecError(BadInput):
    """What a spec says is impossible: all of its problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems, in the order of the file."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class FaultyFile(FileError):
    """A file that is no spec has problems; its text is kept, so that they can be pointed at."""

    def __init__(self, title: str, text: str, problems: Sequence[Problem]) -> None:
        """Keep the problems, in the order they were found."""
        super().__init__("\n".join(f"{title}: {problem}" for problem in problems))
        self.title, self.text, self.problems = title, text, tuple(problems)


def sentences(message: str) -> list[str]:
    """Return the lines of a message that say something: not those that show the source."""
    return [line for line in message.split("\n") if not line.startswith(BENEATH)]


def plain(text: str) -> str:
    """Return text as one line of printable characters: what is not is written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


MOST_LISTED = 30
"""So many known words are listed where none is near."""

MOST_CANDIDATES = 5000
"""Words further down a list are not looked at for the nearest one."""


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return the way out of a misspelling: the nearest known word, or all of them."""
    known = known[:MOST_CANDIDATES]
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(word.lower()[:100], lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    listed = ", ".join([*sorted(known)[:MOST_LISTED], *(["…"] if len(known) > MOST_LISTED else [])])
    return f"known here: {listed}" if listed else "nothing is known here"
