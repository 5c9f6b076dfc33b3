"""What is asked for is not a file, not there, or not to be read."""

from pathlib import Path
from typing import Any

import pytest
from badfile import CONV, layers
from conftest import Run, Write


def test_a_folder_is_no_arch_file(tmp_path: Path, run: Run) -> None:
    result = run(tmp_path)
    assert (result.code, result.out) == (2, "")
    assert f"{tmp_path}: this is a folder" in result.err


@pytest.mark.parametrize(
    ("reference", "way_out"),
    [
        ("vgg61", "did you mean vgg1"),
        ("mobilenet_v1.tmol", "without an ending: flopcount mobilenet_v1"),
        ("resnet18.toml", "without an ending: flopcount resnet18"),
        ("nowhere/vgg16.toml", "without an ending: flopcount vgg16"),
        ("qqqqq.toml", "no such file; check the path"),
        ("a" * 5000, "flopcount archs lists all"),
        ("a" * 300, "flopcount archs lists all"),
        ("nul\0byte", "flopcount archs lists all"),
        ("half\udcff.toml", "no such file; check the path"),
        (" ", "flopcount archs lists all"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(reference: str, way_out: str, run: Run) -> None:
    """A name with the nearest names, one with an ending as a file."""
    result = run(reference)
    assert (result.code, result.out) == (2, "")
    assert way_out in result.err


def test_a_file_that_may_not_be_read_says_so(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is passed on."""
    path, real = write("a.toml", layers(CONV)), Path.open

    def forbidden(self: Path, *rest: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return real(self, *rest, **options)

    monkeypatch.setattr(Path, "open", forbidden)
    result = run(path)
    assert (result.code, result.out) == (2, "")
    assert f"{path}: permission denied" in result.err


@pytest.mark.parametrize(
    "command", ["count", "compare", "whatif --width 1,2", "verify", "sweep --width 1,2", "formula", "import", "space"]
)
def test_a_name_with_an_ending_is_a_file_in_every_command(command: str, run: Run) -> None:
    name, *options = command.split()
    result = run(name, "resnet18.toml", *options)
    assert (result.code, result.out) == (2, "")
    assert "resnet18.toml: no such file; a bundled network is named without an ending: flopcount resnet18" in result.err


def test_a_mistyped_path_is_answered_with_the_files_beside_it(tmp_path: Path, write: Write, run: Run) -> None:
    write("model.toml", layers(CONV))
    assert f"did you mean {tmp_path / 'model.toml'}?" in run(tmp_path / "modle.toml").err


def test_the_documented_headline_works_in_any_folder_and_says_what_it_counts(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = run("mobilenet_v1.toml", "--input", "160", "--format", "csv")
    assert bundled.code == 0
    assert "1045417824" in bundled.out
    assert "there is no file mobilenet_v1.toml here; this is the bundled network mobilenet_v1" in bundled.err
    write("mobilenet_v1.toml", layers(CONV))
    own = run("mobilenet_v1.toml", "--format", "csv")
    assert "bundled" not in own.err
    assert ",112," in own.out
