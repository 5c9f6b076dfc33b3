"""What the worker of the calculator asks of flopcount, in Pyodide: JSON in, JSON out, and never a traceback.

A request names a file of this folder, or a bundled network, and the options of the command line. What comes back
is the document of `flopcount report`, or problems with their lines and columns.
"""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flopcount.case import Case, load
from flopcount.cli.loading import Options
from flopcount.cli.report import report_data
from flopcount.errors import FileError, FlopcountError, Located, SpecError
from flopcount.report import escape
from flopcount.spec.load import bundled_network, explained

Asked = Mapping[str, Any]


def answer(text: str) -> str:
    """Answer a request; what cannot be answered is `problems`, each a sentence with its place."""
    asked = json.loads(text)
    try:
        found = ANSWERS[asked["ask"]](asked)
    except FlopcountError as error:
        found = {"problems": _problems(error)}
    except MemoryError:
        found = _told("there is not enough memory in this browser to count it; use flopcount on the command line")
    except RecursionError:
        found = _told("it is nested too deep for a browser; use flopcount on the command line")
    except Exception as error:  # noqa: BLE001  (whatever it is, it becomes a sentence)
        found = _told(f"this is a bug in flopcount, please report it: {type(error).__name__}: {error}"[:500])
    return escape.json(found)


def _told(what: str) -> dict[str, Any]:
    return {"problems": [{"what": what}]}


def _problems(error: FlopcountError) -> list[dict[str, Any]]:
    """Return what is wrong: sentences, with line, column and length where they are known."""
    if isinstance(error, SpecError) and error.file:
        error = explained(error, error.file)
    if not isinstance(error, FileError):
        return [{"what": each.text} for each in error.messages]
    return [_located(each) for each in error.problems]


def _located(each: Located) -> dict[str, Any]:
    """Return a problem of a file; what to write instead is code, without the commands of a shell."""
    place = {"line": each.line, "column": each.column} if each.line else {}
    length = {"length": each.snippet[1].count("^")} if each.snippet else {}
    code = [line for line in each.lines if not line.startswith("flopcount ")]
    return {"what": each.what, **place, **length, **({"code": code} if code else {})}


def _options(asked: Asked) -> Options:
    given = {name: value for name, value in asked.get("options", {}).items() if value}
    return Options(**given)


def _document(asked: Asked) -> dict[str, Any]:
    """Return the document of a report."""
    name, options = asked["name"], _options(asked)
    sys.argv = ["flopcount", "report", name, *_arguments(options)]
    return {"document": report_data([name], options)}


OPTIONS = {
    "size": "--input",
    "width": "--width",
    "batch": "--batch",
    "precision": "--precision",
    "variant": "--variant",
}


def _arguments(options: Options) -> list[str]:
    """Return options as the command line has them."""
    given = [(flag, getattr(options, name)) for name, flag in OPTIONS.items()]
    words = [word for flag, value in given if value for word in (flag, str(value))]
    return [*words, *["--allow-unknown"] * options.allow_unknown]


def _controls(asked: Asked) -> dict[str, Any]:
    """Return the inputs of the file, its variants, and which options apply to it."""
    name, options = asked["name"], _options(asked)
    case = options._replace(size=None, width=None, batch=None, precision=None).case(
        load(name, allow_unknown=options.allow_unknown)
    )
    plan = case.plan
    spec = plan.file() if plan.file else None
    data = spec.source.data if spec and not spec.foreign else {}
    bundled = bundled_network(name)
    return {
        "inputs": {key: [*sizes] for key, sizes in plan.inputs.items()},
        "sizes": _spatial(case),
        "batch": plan.batch,
        "variants": [] if bundled and bundled.variant else [*data.get("variants", {})],
        "applies": {
            "width": _works(case, width="0.5"),
            "size": _resizes(case),
            "batch": _works(case, batch=(plan.batch or 1) + 1),
        },
        "foreign": bool(spec and spec.foreign),
    }


def _works(case: Case, **change: Any) -> bool:
    """Tell whether the network can be counted with a change."""
    with suppress(FlopcountError):
        other = case.at(**change)
        return bool(other.trace) and ("width" not in change or bool(other.given))
    return False


def _spatial(case: Case) -> list[int]:
    """Return the sizes of the first input that --input takes alone: all but the channels."""
    name, sizes = next(iter(case.plan.inputs.items()))
    return [*(sizes[:-1] if name in case.plan.tokens else sizes[1:])]


def _resizes(case: Case) -> bool:
    """Tell whether the first input may have another size: twice, or half as large."""
    sizes = _spatial(case)
    others = [[2 * size for size in sizes], [max(1, size // 2) for size in sizes]]
    return bool(sizes) and any(_works(case, input="x".join(map(str, each))) for each in others)


def _source(asked: Asked) -> dict[str, Any]:
    """Return the text of a bundled network, and its variant."""
    found = bundled_network(asked["name"])
    if found is None:
        return _told(f"there is no bundled network {asked['name']!r:.100}")
    text = found.path.read_text(encoding="utf-8")
    return {"text": text, "file": found.path.name, "variant": found.variant}


def _spec(asked: Asked) -> dict[str, Any]:
    """Return a model of another tool as an arch file."""
    from flopcount.cli.main import commands

    target = Path("converted.toml")
    words = [word for word in _arguments(_options(asked)._replace(width=None, precision=None, variant=None)) if word]
    try:
        commands.main(["import", asked["name"], *words, "-o", str(target)], standalone_mode=False)
        return {"text": target.read_text(encoding="utf-8")}
    finally:
        target.unlink(missing_ok=True)


ANSWERS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "document": _document,
    "controls": _controls,
    "source": _source,
    "spec": _spec,
}
