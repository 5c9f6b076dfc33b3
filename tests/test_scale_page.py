"""The page on large sweeps: its recipe for a scheduler, and its search inside a budget."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")
HERE = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.cluster
@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_the_recipe_for_a_scheduler_runs_as_it_stands(tmp_path: Path) -> None:
    """On a port that is free; 22 widths and 9 inputs are 198 candidates."""
    pytest.importorskip("distributed")
    (recipe,) = re.findall(r"<!-- recipe: scheduler -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    command = ["bash", "-e", "-c", recipe.replace("8786", port)]
    done = subprocess.run(command, cwd=tmp_path, env=HERE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "1 part in clustered/" in done.stdout
    assert json.loads((tmp_path / "clustered" / "_manifest.json").read_text())["counts"]["seen"] == 198


def test_the_search_inside_a_budget_stays_inside(tmp_path: Path) -> None:
    """Runs where Optuna is installed, which is no dependency of the tests: pip install optuna."""
    pytest.importorskip("optuna")
    (code,) = re.findall(r"<!-- python: optuna -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=HERE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "DepthSepConv10.out_channels" in done.stdout
