"""A run imports the libraries its path uses and no others: start-up is most of what it costs."""

import json
import subprocess
import sys
from functools import cache

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
def packages(code: str) -> frozenset[str]:
    """Return the top-level packages, without the standard library, that a fresh process has loaded after some code."""
    done = subprocess.run([sys.executable, "-c", code + LOADED], capture_output=True, encoding="utf-8", check=True)
    names = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    return frozenset(names - sys.stdlib_module_names)


def counting(*arguments: str) -> frozenset[str]:
    """Return the packages that a count loads beyond click and a first pydantic model."""
    code = f"from flopcount.cli.main import run\nassert run({[*arguments]!r}) == 0\n"
    return packages(code) - packages(LIBRARIES)


def test_counting_to_json_loads_no_further_library() -> None:
    assert counting("mobilenet_v1", "--input", "160", "--format", "json") == {"flopcount"}


def test_counting_to_a_table_that_is_piped_loads_no_further_library() -> None:
    assert "numpy" in counting("sweep", "lenet5", "--input", "28,32")  # what is measured can be seen
    assert counting("mobilenet_v1", "--input", "160") == {"flopcount"}


def test_importing_the_package_imports_nothing_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import flopcount" + LOADED], capture_output=True, encoding="utf-8", check=True
    )
    names = {name for name in json.loads(done.stderr.splitlines()[-1]) if name.partition(".")[0] == "flopcount"}
    assert names == {"flopcount"}
