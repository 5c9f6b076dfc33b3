"""Every way to a number gives the number of `flopcount FILE` at the same point, with the same notes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Run

from flopcount.spec.load import ROOT

ONNX = Path(__file__).parent / "oracles" / "onnx"


class Number(NamedTuple):
    """What a way leads to: the total, and the codes of the notes that qualify it."""

    params: int
    macs: int
    notes: frozenset[str]


POINTS = [
    (ROOT / "mobilenet_v1.toml", "96"),
    (ROOT / "lenet" / "lenet5.toml", "40"),
    (ROOT / "mobile" / "mobilenet_v2.toml", "160"),
    (ONNX / "resnet18__dynbatch.onnx", "160"),
    (ONNX / "squeezenet1_1.onnx", "192"),
]
"""Files, each with an input that is not its own; the maps of the first one vanish."""


def data(run: Run, *arguments: str | Path) -> Any:
    result = run(*arguments, "--format", "json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def codes(found: Any) -> frozenset[str]:
    return frozenset(found["note_codes"])


def counted(run: Run, file: Path, size: str) -> Number:
    found = data(run, "count", file, "--input", size)
    return Number(found["totals"]["params"], found["totals"]["macs"], codes(found))


def swept(run: Run, file: Path, size: str) -> Number:
    found = data(run, "sweep", file, "--input", f"64,{size}")
    (row,) = (row for row in found["candidates"] if row["input"] == int(size))
    return Number(row["params"], row["macs"], codes(found))


def asked_what_if(run: Run, file: Path, size: str) -> Number:
    found = data(run, "whatif", file, "--input", size)
    row = found["alternatives"][-1]
    return Number(row["params"], row["macs"], codes(found))


def compared(run: Run, file: Path, size: str) -> Number:
    found = data(run, "compare", file, "--input", size)
    return Number(found["archs"][0]["params"], found["archs"][0]["macs"], codes(found))


def imported(run: Run, file: Path, size: str) -> Number:
    written = Path("imported.json").absolute()
    given = ("--input", "224") if "dynbatch" in file.name else ()  # its height and width are open
    assert run("import", file, "-o", written, *given).code == 0
    return counted(run, written, size)


def locked(run: Run, file: Path, size: str) -> Number:
    shutil.copy(file, file.name)
    assert run("lock", file.name, "--input", size).code == 0
    text = Path("flopcount.lock").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("  {"))
    params, macs = (int(row.partition(f" {name} = ")[2].partition(",")[0]) for name in ("params", "macs"))
    return Number(params, macs, frozenset({"maps-vanished"} if "notes = " in row else ()))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)


WAYS: list[Callable[[Run, Path, str], Number]] = [swept, asked_what_if, compared, imported, locked]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("file", "size"), POINTS)
@pytest.mark.usefixtures("elsewhere")
def test_every_way_leads_to_the_count(way: Callable[[Run, Path, str], Number], file: Path, size: str, run: Run) -> None:
    assert way(run, file, size) == counted(run, file, size)
