"""What pages of the documentation show, beside what is printed."""

import re


def differs(printed: list[str], expected: tuple[str, ...]) -> str:
    """Say where the printed lines leave the expected ones, in which `…` is any number of lines; empty if nowhere."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in expected)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)):
        return ""
    return "expected\n" + "\n".join(expected) + "\nbut printed was\n" + "\n".join(printed)
