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
        ("vgg61", "did you mean 'vgg1"),
        ("mobilenet_v1.tmol", "did you mean 'mobilenet_v1'"),
        ("nowhere/vgg16.toml", "vgg16"),
        ("qqqqq.toml", "alexnet"),
        ("a" * 5000, "alexnet"),
        ("a" * 300, "alexnet"),
        ("nul\0byte", "alexnet"),
        ("half\udcff.toml", "alexnet"),
        (" ", "alexnet"),
    ],
)
def test_a_file_that_does_not_exist_is_answered_with_the_bundled_names(reference: str, way_out: str, run: Run) -> None:
    """The nearest name is suggested, or all are listed."""
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
