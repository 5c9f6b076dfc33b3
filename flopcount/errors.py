"""The exceptions of flopcount, one branch per exit code.

FlopcountError
├── Broken            exit 1   a budget or a claim does not hold
└── BadInput          exit 2   the input or the usage is wrong
    ├── UsageError             an option, an argument
    │   └── MissingError       a library of an extra is not installed; an ImportError too
    ├── FileError              a file cannot be read or written; carries its problems, each at its place
    ├── Refusal                a reader cannot use a model of another tool; carries the node
    ├── ShapeError             a formula cannot be applied to the shapes it was given
    └── SpecError              a spec is impossible; carries all of its problems

Anything else that escapes is a bug in flopcount (exit 3). Decisions depend on classes
and codes, never on sentences.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Place = tuple[str | int, ...]
"""Where in a spec: the keys and indices that lead there, such as ("layers", 3, "stride")."""

INDENT = "    "
"""Indentation of the lines under a message that show the source."""


class Message(NamedTuple):
    """The text of an error; under it the source with its carets, and lines that say or do more."""

    text: str
    snippet: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


class FlopcountError(Exception):
    """Everything flopcount raises on purpose."""

    exit_code = 3

    @property
    def messages(self) -> list[Message]:
        """Every sentence of the error, with the source where it is known."""
        return [Message(line) for line in str(self).split("\n")]


class Broken(FlopcountError):
    """A budget or a claim does not hold."""

    exit_code = 1


class BadInput(FlopcountError):
    """The input or the usage is wrong; the message says what is wrong, then gives a hint."""

    exit_code = 2


class UsageError(BadInput):
    """An option or an argument cannot be used."""


class MissingError(UsageError, ImportError):
    """A library of an extra is not installed."""


def missing(what: str, library: str, extra: str) -> MissingError:
    """Return the error that libraries of an extra are not installed, with a command that installs them."""
    command, needed = f"pip install '.[{extra}]'", library.replace(" ", " and ")
    return MissingError(f"{what} needs {needed}: run {command} in a clone of flopcount, or pip install {library}")


class ShapeError(BadInput):
    """A formula cannot be applied to the shapes it was given."""

    def __init__(self, what: str, code: str = "shape") -> None:
        super().__init__(what)
        self.code = code


class Problem(NamedTuple):
    """One thing that is wrong in a spec: where, what, and a hint.

    Inside a template, `via` are the places that used it, the innermost first. Decisions
    depend on `code`; `what` is only shown.
    """

    place: Place
    what: str
    layer: str = ""
    via: tuple[Place, ...] = ()
    code: str = "spec"

    def __str__(self) -> str:
        """Return the sentence, after the layer if there is one."""
        return f"{self.layer}: {self.what}" if self.layer else self.what


UNTOLD = Problem((), "", code="untold")
"""Stands for a problem that is only counted, because others fill the page."""

UNSOUGHT = UNTOLD._replace(code="unsought")
"""Stands for at least one more problem, which was not looked for."""

MOST_TOLD = 50
"""Problems of a file that are told; the others are counted."""


class Note(NamedTuple):
    """A sentence that qualifies a number; decisions depend on its code."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


class SpecError(BadInput):
    """A spec is impossible: all of its problems at once.

    `file` is the source of the spec, if known; the problems point into it.
    """

    def __init__(self, problems: Sequence[Problem], file: Any = None) -> None:
        super().__init__("\n".join(str(each) for each in problems if each.what))
        self.problems, self.file = tuple(problems), file

    def __reduce__(self) -> "tuple[type[SpecError], tuple[tuple[Problem, ...]]]":
        """Pickle the problems, as for the answer of another process."""
        return type(self), (self.problems,)


class Located(NamedTuple):
    """A problem at its place in a text; line 0 stands for the file as a whole."""

    what: str
    line: int = 0
    column: int = 0
    snippet: tuple[str, ...] = ()
    code: str = "file"
    lines: tuple[str, ...] = ()


class FileError(BadInput):
    """A file cannot be read or written: its title, and its problems in the order of the file."""

    def __init__(self, title: str, *problems: Located | str) -> None:
        """Keep the problems; a plain sentence is about the file as a whole."""
        super().__init__(title, *problems)
        self.title = title
        self.problems = tuple(each if isinstance(each, Located) else Located(each) for each in problems)

    @property
    def messages(self) -> list[Message]:
        """Every problem after the file's title, line and column."""
        places = (f":{each.line}:{each.column}" if each.line else "" for each in self.problems)
        pairs = zip(self.problems, places, strict=True)
        return [Message(f"{self.title}{place}: {each.what}", each.snippet, each.lines) for each, place in pairs]

    def __str__(self) -> str:
        """Return all messages with the source under each."""
        under = ((text, *(INDENT + line for line in (*snippet, *lines))) for text, snippet, lines in self.messages)
        return "\n".join(line for each in under for line in each)


class Refusal(BadInput):
    """A reader cannot use a model of another tool: why, and in which node or at which line.

    A reader does not know the name of its file in messages; the caller adds it.
    """

    def __init__(self, what: str, node: str = "", operator: str = "", line: int = 0) -> None:
        """Keep the sentence and the place; the sentence has no line breaks or control characters."""
        super().__init__(what, node, operator, line)
        self.what, self.node, self.operator, self.line = plain(what), plain(node), plain(operator), line

    def __str__(self) -> str:
        """Return the sentence, after the node and its operator."""
        inside = f"{self.node} ({self.operator})" if self.node and self.operator else self.node or self.operator
        return f"{inside}: {self.what}" if inside else self.what

    def within(self, node: str, operator: str = "") -> "Refusal":
        """Return the refusal with the node it is about, unless it names one already."""
        return self if self.node or self.operator else type(self)(self.what, node, operator, self.line)

    def of(self, title: str) -> FileError:
        """Return the error about the file of this title."""
        return FileError(title, Located(str(self), self.line, int(self.line > 0), code="refusal"))


def reason(error: OSError) -> str:
    """Return why the system refuses something."""
    return (error.strerror or str(error) or "cannot be read").lower()


def listed(words: Iterable[str], most: int) -> str:
    """Join the first words that differ, and count the others."""
    words = [*dict.fromkeys(words)]
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def plain(text: str) -> str:
    """Return text as one line of printable characters, which no runner of CI reads as a command in its log.

    What is not printable is written as an escape.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return _COMMAND.sub(r"\g<0> ", text) if "::" in text or "##" in text else text


_COMMAND = re.compile(r"^\s*:(?=:)|#(?=#\w*\[)")


def by_word(table: Mapping[str, str]) -> dict[str, str]:
    """Turn a table of texts, each with the words that it is for, into one of words, each with its text."""
    return {word: text for text, words in table.items() for word in words.split()}


MOST_LISTED = 30
"""Known words that are listed if none is similar."""

MOST_CANDIDATES = 5000
"""Words that are searched for a similar one."""


def _similar(word: str, known: Sequence[str], most: int, cutoff: float) -> list[str]:
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in known[:MOST_CANDIDATES]}
    return [lowered[each] for each in get_close_matches(word.lower()[:100], lowered, n=most, cutoff=cutoff)]


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word most like a misspelled one; None if none is similar."""
    return next(iter(_similar(word, known, 1, 0.6)), None)


def alike(word: str, known: Sequence[str], most: int = 3) -> str:
    """Return the known words most like a misspelled one, as they are listed; empty if none is similar."""
    *rest, last = _similar(word, known, most, 0.5) or [""]
    return f"{', '.join(rest)} or {last}" if rest else last


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return a hint for a misspelling: the nearest known word, or all of them."""
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near!r}?"
    listed = ", ".join([*sorted(known[:MOST_CANDIDATES])[:MOST_LISTED], *(["…"] if len(known) > MOST_LISTED else [])])
    return f"expected one of {listed}" if listed else "there are none"
