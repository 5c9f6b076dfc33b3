"""The pages on PyTorch run from top to bottom: their Python, their files and their commands."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import Run
from pages import Reader, differs

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pytorch.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:^<!-- file: (\S+) -->\n)?^```(python|shell)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHERS = {"lightning.pytorch": "Callback", "transformers": "TrainerCallback"}
"""Libraries that the page names, and the class of each that stands for it where it is not installed."""


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a class in place of each library that is not installed."""
    for name, base in OTHERS.items():
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            module = ModuleType(name)
            setattr(module, base, type(base, (), {}))
            for end in range(1, name.count(".") + 2):
                monkeypatch.setitem(sys.modules, ".".join(name.split(".")[:end]), module)
            module.pytorch = module  # type: ignore[attr-defined]


def typed(command: str, expected: list[str], run: Run) -> None:
    """Run a command of the page, and compare what it prints if the page shows it."""
    program, *arguments = shlex.split(command)
    if program == "flopcount":
        result = run(*arguments)
        printed = result.out + result.err
    else:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        call = [sys.executable, *arguments]
        printed = subprocess.run(call, check=True, env=environment, capture_output=True, text=True, timeout=600).stdout
    assert not differs([line.rstrip() for line in printed.splitlines()], tuple(expected or ["…"]))


@pytest.fixture
def names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the page, and return the names that its Python leaves."""
    pytest.importorskip("torch")
    from live_modules import with_torchvision

    with_torchvision()
    stand_in(monkeypatch)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for file, language, text in BLOCK.findall(PAGE):
        if file:
            Path(file).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, "pytorch.md", "exec"), found)  # noqa: S102  (the page is ours)
        else:
            command, *lines = text.splitlines()
            typed(command.removeprefix("$ "), lines, run)
    return found


class Logger:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.logged: dict[str, int] = {}

    def log_metrics(self, values: dict[str, int]) -> None:
        """Keep the values."""
        self.logged |= values


def test_the_page_runs_and_its_callbacks_log_the_cost(names: dict[str, Any]) -> None:
    """MACs of the page's model at the example's size: 27·16 at each position of a map of half the height and width."""
    torch, model = names["torch"], names["model"]
    macs = 27 * 16 * 32 * 32 + 160
    model.example_input_array = torch.randn(1, 3, 64, 64)
    trainer = type("Trainer", (), {"logger": Logger()})()
    names["LogCost"]().on_fit_start(trainer, model)
    assert trainer.logger.logged == {"params": 634, "macs": macs}

    state = type("State", (), {"log_history": []})()
    loader = torch.utils.data.DataLoader([{"input": torch.randn(3, 64, 64)}])
    names["TrainerCost"]().on_train_begin(None, state, None, model=model, train_dataloader=loader)
    assert state.log_history == [{"step": 0, "params": 634, "macs": macs}]


def test_the_tutorial_prints_what_it_shows(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    assert Reader(run).follow(ROOT / "docs" / "tutorials" / "pytorch.md") == []
