"""Why a module cannot be captured: a sentence, the line of its code, and what to do."""

import linecache
import os
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from flopcount.errors import BadInput, FileError, Located, plain

DATA = "what runs here depends on the values of a tensor"
SPLIT = "write the choice with torch.cond or torch.where, or capture the modules before and after it on their own"
FIXED = "leave it out of dynamic, or give it a range that the code takes: torch.export.Dim('batch', min=2, max=64)"
RUNS = "check the inputs and devices; if the module runs on them, capture its parts around this line instead"
WHOLE = "check the inputs and what forward returns: tensors, numbers, and lists, tuples and dicts of them"

SIZED = "give tensors, or their sizes: input_size=(1, 3, 224, 224)"
FLOATS = (
    "input_size has the batch in front, and is of floats; integers are given as torch.zeros(1, 128, dtype=torch.long)"
)

CAUSES: Mapping[str, tuple[str, str]] = {
    "GuardOnDataDependentSymNode": (DATA, SPLIT),
    "DataDependentOutputException": (DATA, SPLIT),
    "DynamicOutputShapeException": (DATA, SPLIT),
    "DYNAMIC_CONTROL_FLOW": (DATA, SPLIT),
    "CONSTRAINT_VIOLATION": ("a size that is dynamic cannot be", FIXED),
    "ConstraintViolationError": ("a size that is dynamic cannot be", FIXED),
    "FakeTensorDeviceMismatchError": ("tensors are on different devices", "take the device of an input: x.device"),
}
"""What a failure means, and what to do, by the class of the error or by its type."""

MOST_SHOWN = 200
"""The letters of another library's message that are shown."""

_SKIPPED = tuple(
    os.path.join(os.path.dirname(path), "")  # noqa: PTH118, PTH120  (prefixes of names)
    for path in (torch.__file__, __file__, os.path.join(sysconfig.get_path("stdlib"), "x"))  # noqa: PTH118
)


def failure(module: Any, error: BaseException, *, has_tensors: bool = True, has_size: bool = False) -> BadInput:
    """Return the error to raise for one of torch.export or of the module's own code, which another may hide.

    The hints depend on whether the inputs have tensors, and were given as sizes.
    """
    error = next((each for each in _chain(error) if _place(each.__traceback__)[1]), error)
    cause = getattr(getattr(error, "error_type", None), "name", "")
    names = (cause, *(each.__name__ for each in type(error).__mro__))
    meaning, hint = next((CAUSES[name] for name in names if name in CAUSES), ("", ""))
    said = "" if meaning == DATA else _said(error, is_named=not meaning)
    name = type(module).__name__
    what = f"{name} cannot be captured: {': '.join(filter(None, (meaning, said)))}"
    file, line = _place(error.__traceback__)
    usual = (RUNS if line else WHOLE, *([FLOATS] if has_size else ())) if has_tensors else (SIZED,)
    hints = (hint,) if hint else usual
    if not line:
        return FileError(name, Located(what.removeprefix(f"{name} "), code="capture", lines=hints))
    text = linecache.getline(file, line).strip()
    return FileError(_near(file), Located(what, line, 1, (plain(text),), "capture", hints))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was raised after."""
    while error is not None:
        yield error
        error = error.__context__


def _said(error: BaseException, *, is_named: bool) -> str:
    """Return what another library says, as one line."""
    lines = (line.strip(" -\t") for line in str(error).splitlines())
    kept = [line for line in lines if line][: 2 if type(error).__name__ == "UserError" else 1]
    text = plain(" ".join(kept))
    short = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return f"{type(error).__name__}: {short}" if is_named else short


def _place(trace: TracebackType | None) -> tuple[str, int]:
    """Return the innermost line of code that is neither PyTorch's nor Python's; no line if there is none."""
    frames = ((frame.filename, frame.lineno or 0) for frame in reversed(traceback.extract_tb(trace)))
    return next((each for each in frames if _is_own(*each)), ("", 0))


def _is_own(file: str, line: int) -> bool:
    is_library = "site-packages" in file or "dist-packages" in file
    others = _SKIPPED[:2] if is_library else _SKIPPED
    return not file.startswith(others) and bool(linecache.getline(file, line).strip())


def _near(file: str) -> str:
    """Return a path below the current folder as a relative one."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
