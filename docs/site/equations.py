"""Equations as MathML: those of docstrings, in the notation of the code, and those that SymPy writes."""

import re
from collections.abc import Iterator, Mapping

from latex2mathml.converter import convert

SIGNS = {
    "·": r"\cdot ",
    "×": r"\times ",
    "−": "-",
    "⌈": r"\lceil ",
    "⌉": r"\rceil ",
    "⌊": r"\lfloor ",
    "⌋": r"\rfloor ",
    "Σ": r"\sum ",
    "α": r"\alpha ",
    "¾": r"\frac{3}{4}",
    "²": "^{2}",
    "ᵢ": "_{i}",
    "₁": "_{1}",
    "₂": "_{2}",
}
"""Characters of the equations in docstrings, in LaTeX."""

WORD = r"[A-Za-z][A-Za-z_]*'?"
TOKEN = re.compile(
    rf"(?P<prose>(?:[A-Za-z_]{{2,}}|`\w+`)(?:[ ,]+(?:[A-Za-z_]{{2,}}|`\w+`|[a-z](?= [a-z]{{2}})))*)"
    rf"|(?P<letter>{WORD})|(?P<number>\d+(?:,\d{{3}})*)|(?P<other>.)"
)
"""Prose and names of several letters; a letter; a number; a sign."""


def equation(text: str) -> str:
    """Return an equation of a docstring as MathML; words and names of fields stay text.

    What depends on options, `(+ N with bias)`, is set apart from the equation by two spaces.
    """
    return typeset("".join(_latex(text.strip())))


def typeset(latex: str) -> str:
    """Return LaTeX as a block of MathML."""
    return str(convert(latex, display="block"))


def _latex(text: str) -> Iterator[str]:
    for found in TOKEN.finditer(text):
        if found["prose"]:
            words = found["prose"].replace("`", "")
            before = " " if text[: found.start()].endswith(" ") else ""
            after = " " if text[found.end() :].startswith(" ") else ""
            yield rf"\text{{{before}{words}{after}}}"
        elif found["other"]:
            apart = found["other"] == " " and (
                text[: found.start()].endswith(" ") or text[found.end() :].startswith(" ")
            )
            yield (
                r"\quad " if apart and not text[: found.start()].endswith(" ") else SIGNS.get(found["other"], found[0])
            )
        elif "," in found[0]:
            yield rf"\text{{{found[0]}}}"
        else:
            yield found[0].replace("'", "^{\\prime}")


def substituted(formula: str, values: Mapping[str, int]) -> str:
    """Return a closed form with numbers in place of its letters."""
    return re.sub(r"[A-Za-zα][A-Za-z_₁₂]*'?", lambda found: str(values.get(found[0], found[0])), formula)
