"""The manners of the house that no linter knows."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import pytest

import flopcount
from flopcount import errors
from flopcount.errors import BadInput, Broken, FlopcountError

PACKAGE = Path(flopcount.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
WINGS = {"formulas", "spec", "network", "readers", "analyses", "report", "cli", "torch"}

LONGEST_FILE = 600
LONGEST_FUNCTION = 40


class Function(NamedTuple):
    """A function of the package and how many lines it has, its docstring not counted."""

    name: str
    lines: int


def functions(file: Path) -> Iterator[Function]:
    """Yield the functions and methods of a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{file.stem}.{node.name}", _lines(node) - _docstring_lines(node))


def _lines(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return _lines(function.body[0]) if ast.get_docstring(function) is not None else 0


def exceptions() -> dict[str, type[FlopcountError]]:
    """Return all exceptions of the package by name."""
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, FlopcountError)}


def test_no_file_is_long() -> None:
    lines = {file.relative_to(PACKAGE): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_function_is_long() -> None:
    assert [each for file in FILES for each in functions(file) if each.lines > LONGEST_FUNCTION] == []


def test_most_functions_are_short() -> None:
    """Half have at most 6 lines, 9 in 10 at most 16."""
    lines = [function.lines for file in FILES for function in functions(file)]
    assert median(lines) <= 6
    assert quantiles(lines, n=10)[-1] <= 16


def test_at_the_top_are_the_wings_the_errors_and_the_public_names() -> None:
    found = {path.name for path in PACKAGE.iterdir() if path.name not in {"__pycache__", "archs", "hardware"}}
    assert found == {
        "__init__.py",
        "__main__.py",
        "case.py",
        "errors.py",
        "plugin.py",
        "py.typed",
        "testing.py",
        *WINGS,
    }


@pytest.mark.parametrize("name", flopcount.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(flopcount, name))


def test_a_name_that_is_not_public_is_missed_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = flopcount.no_such_name


def test_no_module_is_called_after_its_usefulness() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base_utils"}
    assert [file for file in FILES if file.stem in vague] == []


def test_an_error_exits_with_the_code_of_its_branch() -> None:
    """1 where a budget or claim does not hold, 2 where the input is wrong; the trunk alone is a bug."""
    branches: dict[type, int] = {Broken: 1, BadInput: 2}
    for name, kind in exceptions().items():
        codes = {code for branch, code in branches.items() if issubclass(kind, branch)}
        assert {kind.exit_code} == (codes or {3}), name


def test_the_tree_of_errors_is_drawn_with_all_its_leaves() -> None:
    drawn = re.findall(r"^(?:[│ ]*[├└]── )?(\w+)", errors.__doc__ or "", re.MULTILINE)
    assert exceptions().keys() <= {*drawn}


def test_nothing_below_the_command_line_prints_exits_or_reads_the_environment() -> None:
    for file in FILES:
        if file.relative_to(PACKAGE).parts[0] in {"cli", "torch", "__main__.py"}:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"print", "exit", "quit"}, file
        assert "environ" not in names or file.name == "git.py", file  # which hands it to git
        assert not attributes & {"environ", "getenv", "stdout", "stderr", "exit", "_exit"}, file


WRITERS = {
    ("cli/output.py", "mkstemp"): "every output, whole",
    ("cli/output.py", "fdopen"): "likewise",
    ("cli/output.py", "replace"): "likewise",
    ("cli/output.py", "open"): "a device",
    ("cli/files.py", "fdopen"): "rows, while they are computed",
    ("cli/files.py", "replace"): "likewise",
    ("analyses/sweep/folder.py", "pipe_file"): "a part of a large sweep, whole",
    ("analyses/sweep/folder.py", "mv"): "likewise",
    ("cli/check.py", "open"): "the step summary, which a runner gives",
    ("cli/help.py", "write_text"): "lines of click",
    ("spec/git.py", "write_bytes"): "a temporary folder",
    ("spec/git.py", "write_text"): "likewise",
    ("readers/load.py", "write_bytes"): "likewise",
}
"""The only functions that write files, each with what it writes."""


BY_NAME = {
    "write_text",
    "write_bytes",
    "mkstemp",
    "NamedTemporaryFile",
    "fdopen",
    "copyfile",
    "copy2",
    "move",
    "mv",
    "pipe_file",
    "rename",
}


def writing(call: ast.Call) -> str:
    """Return the name of a function that a call writes a file by; empty if it writes none."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    texts = [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
    opens = name == "open" and any(re.fullmatch("[rbt+]*[wxa+][rwxabt+]*", text) for text in texts)
    moves = name == "replace" and len(call.args) == 1 and not call.keywords
    return name if opens or moves or name in BY_NAME else ""


def test_every_output_is_written_by_one_writer() -> None:
    """A file is whole or absent because nothing else writes one; tests/cli/test_kills.py stops the writer."""
    calls = [
        (file.relative_to(PACKAGE).as_posix(), writing(node))
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert {each for each in calls if each[1]} == WRITERS.keys()


def test_no_two_classes_share_a_name() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert {name for name, count in names.items() if count > 1} == set()
