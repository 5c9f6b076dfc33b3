"""A run imports what its path uses and nothing else: start-up is most of what it costs."""

import json
import subprocess
import sys
from functools import cache

import pytest

LIBRARIES = """
import click, pydantic
class One(pydantic.BaseModel):
    one: int
"""
LOADED = """
import json, sys
print(json.dumps([*sys.modules]), file=sys.stderr)
"""


@cache
def loaded(code: str) -> frozenset[str]:
    """Return the modules that a fresh process has loaded after running some code."""
    done = subprocess.run([sys.executable, "-c", code + LOADED], capture_output=True, encoding="utf-8", check=True)
    return frozenset(json.loads(done.stderr.splitlines()[-1]))


def counted(*arguments: str) -> frozenset[str]:
    """Return the modules that counting takes, without those of click and a first pydantic model."""
    code = f"from flopcount.cli.main import run\nassert run({[*arguments]!r}) == 0\n"
    return loaded(code) - loaded(LIBRARIES)


JSON = ("mobilenet_v1", "--input", "160", "--format", "json")
NEVER = ("numpy", "sympy", "onnx", "tree_sitter", "tree_sitter_toml", "tree_sitter_json")
NEEDLESS = (
    "flopcount.spec.problems",
    "copy",
    "csv",
    "difflib",
    "importlib.metadata",
    "importlib.resources",
    "inspect",
    "shutil",
    "tempfile",
)


@pytest.mark.parametrize("module", ["rich", *NEVER, *NEEDLESS])
def test_counting_to_json_does_not_import(module: str) -> None:
    assert module not in counted(*JSON)


@pytest.mark.parametrize("module", [*NEVER, "csv", "difflib", "importlib.metadata", "importlib.resources"])
def test_counting_to_a_table_does_not_import(module: str) -> None:
    assert module not in counted("mobilenet_v1", "--input", "160")


@pytest.mark.parametrize("command", ["archs", "compare", "kinds", "schema"])
def test_counting_does_not_import_the_other_commands(command: str) -> None:
    assert f"flopcount.cli.{command}" not in counted(*JSON)


def test_importing_the_package_imports_nothing_of_it() -> None:
    modules = loaded("import flopcount")
    assert {name for name in modules if name.partition(".")[0] == "flopcount"} == {"flopcount"}
    assert not {"pydantic", "click", "rich"} & modules
