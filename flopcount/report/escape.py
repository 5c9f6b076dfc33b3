"""Text from files as data: one function for each format that would read some of it as markup, a command or a formula.

Each returns printable text. What is not printable is written as an escape: terminals obey escape sequences, and
characters that change the direction of writing make a text look like another.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial

from flopcount.errors import plain
from flopcount.spec.write import to_json


def lines(text: str) -> str:
    """Return text whose line breaks are kept, as in XML; each line is plain."""
    return "\n".join(map(plain, text.split("\n")))


_PING = re.compile(r"@(?=\w)|#(?=\d)|GH-(?=\d)", re.IGNORECASE)
"""What GitHub and GitLab turn into a mention or a link; they look at the text that is shown, so escapes do not help."""

_MARKUP = re.compile(
    r"[\\|*_`<\[~$]|&(?=#?\w+;)|:(?=//)|(?<=www)\.|^>|^#(?=#*\s+\S)|^[-+](?=[-\s]*$|\s)|^=(?==*\s*$)",
    re.IGNORECASE,
)


def markdown(text: str) -> str:
    """Escape what Markdown would read as markup or a link, and what would ping somebody."""
    marked = _MARKUP.sub(r"\\\g<0>", plain(text).lstrip())
    return _silent(re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", marked))


def html(text: str) -> str:
    """Escape HTML, and what would ping somebody."""
    return _silent(xml(text))


def xml(text: str) -> str:
    """Escape XML."""
    from html import escape

    return escape(plain(text))


def _silent(text: str) -> str:
    """Put a character without width after the sign of a mention or a link."""
    return _PING.sub(r"\g<0>&#8203;", text)


_LATEX = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "×": r"$\times$",
        "–": "--",
        "·": r"$\cdot$",
        "<": "$<$",
        ">": "$>$",
        "−": "$-$",
        "→": r"$\rightarrow$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "…": r"\dots{}",
    }
)


def latex(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return plain(text).translate(_LATEX)


_SIGNS: Mapping[str, str] = {
    **dict.fromkeys("─–—−‐", "-"),
    **dict.fromkeys("█▉▊▋▌▍▎▏■", "#"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    **{sign: str(digit) for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "×": "x", "…": "...", "→": "->", "·": "*", "≥": ">=", "≤": "<=", "⁻": "^-", "⌊": "floor(", "⌋": ")", "⌈": "ceil(",
    "⌉": ")", "α": "alpha",
}  # fmt: skip
"""What stands for a sign in an encoding that lacks it."""


def encoded(text: str, encoding: str) -> str:
    """Return text that an encoding can write: a sign that it lacks becomes one that it has."""
    if text.isascii() or encoding == "utf-8":
        return text
    lacking = {ord(sign): _SIGNS.get(sign, "?") for sign in {*text} if not sign.encode(encoding, "ignore")}
    if ord("·") in lacking:
        text = re.sub(r"(?<=\w) · (?=\w)", " | ", text)
    return text.translate(lacking)


_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?%?|-?\d+(×-?\d+)*", re.IGNORECASE)  # or numbers of axes


def csv(value: object) -> object:
    """Return a cell of CSV: before text that a spreadsheet would compute stands an apostrophe; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = lines(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


json = to_json
"""Return a value as JSON; what is not printable, or would be a command in the log of a runner, has its number."""


def _replaced(signs: Iterable[str], form: str, text: str) -> str:
    return plain(text).translate({ord(sign): form.format(sign, ord(sign)) for sign in signs})


dot = partial(_replaced, '"\\', "\\{0}")
"""Escape the text of a label of Graphviz."""

mermaid = partial(_replaced, '"#&<>`%\\{}', "#{1};")
"""Escape the text of a label of Mermaid, in which quotes, tags, Markdown and directives have a meaning."""


def openmetrics(text: str) -> str:
    """Escape the value of a label."""
    return lines(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def github(text: str) -> str:
    """Escape the message of a workflow command."""
    return lines(text).replace("%", "%25").replace("\n", "%0A")


def github_property(text: str) -> str:
    """Escape a property of a workflow command."""
    return github(text).replace(":", "%3A").replace(",", "%2C")
