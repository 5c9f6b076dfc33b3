"""The reports of files of other tools."""

import json
from typing import Any

from conftest import Run


def told(run: Run, path: Any, *options: str) -> Any:
    """Count a file, with its report as data."""
    result = run(path, "--format", "json", *options)
    assert result.code == 0, result.err
    return json.loads(result.out)


def refused(run: Run, path: Any, said: str, *options: str) -> None:
    """Check that a file is refused in one sentence that says something."""
    result = run(path, *options)
    assert (result.code, said in result.err, len(result.err.splitlines())) == (2, True, 1), result.err
