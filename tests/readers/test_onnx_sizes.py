"""Sizes that an ONNX file computes from its input stay relative, or the imported file keeps its input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx_files import Weights, graph, model, node

Run = Callable[..., Any]

CONV = node("Conv", "x w1", "a", strides=(2, 2), pads=(1, 1, 1, 1))
LAST = node("Conv", "u w2", "y", pads=(1, 1, 1, 1))
WEIGHTS = {"w1": Weights((8, 3, 3, 3)), "w2": Weights((8, 8, 3, 3))}
SPACE = [node("Shape", "a", "sa"), node("Slice", "sa zero two", "nc"), node("Concat", "nc hw", "sizes", axis=0)]
RESIZE = node("Resize", "a - - sizes", "u")
ENDS = {"zero": [0], "two": [2], "four": [4]}
TO_INPUT = [node("Shape", "x", "s"), node("Slice", "s two four", "hw"), *SPACE, RESIZE]
DOUBLED = [node("Shape", "a", "s"), node("Slice", "s two four", "h"), node("Mul", "h two", "hw"), *SPACE, RESIZE]
FLOATS = [
    node("Shape", "a", "s"),
    node("Slice", "s two four", "h"),
    node("Cast", "h", "f", to=1),
    node("Mul", "f factor", "g"),
    node("Floor", "g", "k"),
    node("Cast", "k", "hw", to=7),
    *SPACE,
    RESIZE,
]
EXPANDED = [node("Shape", "a", "s"), node("Expand", "e s", "u", name="grown")]


def written(folder: Path, nodes: list[bytes], **tensors: Any) -> Path:
    """Write a convolution that halves the map, some nodes, and another convolution."""
    path = folder / "model.onnx"
    content = graph([CONV, *nodes, LAST], {"x": (1, 3, 64, 64)}, {**WEIGHTS, **ENDS, **tensors})
    path.write_bytes(model(content, opset=13))
    return path


def macs(run: Run, path: Path, *options: str) -> int:
    """Count a file."""
    return int(json.loads(run("count", path, *options, "--format", "json").out)["totals"]["macs"])


@pytest.mark.parametrize("nodes", [TO_INPUT, DOUBLED, FLOATS])
@pytest.mark.parametrize("size", [64, 128])
def test_a_resize_to_a_size_from_the_input_grows_with_it(
    run: Run, tmp_path: Path, nodes: list[bytes], size: int
) -> None:
    """8·3·9 MACs at each of (r/2)² positions, then 8·8·9 at each of r²."""
    path, imported = written(tmp_path, nodes, factor=[2.0]), tmp_path / "imported.toml"
    assert run("import", path, "-o", imported).code == 0
    by_hand = 8 * 3 * 9 * (size // 2) ** 2 + 8 * 8 * 9 * size**2
    assert {macs(run, each, "--input", str(size)) for each in (path, imported)} == {by_hand}


@pytest.mark.parametrize(("size", "is_noted"), [("64", False), ("128", True)])
def test_a_resize_to_sizes_that_the_file_fixes_is_noted_at_another_input(
    run: Run, tmp_path: Path, size: str, *, is_noted: bool
) -> None:
    """A static export of interpolate(size=x.shape[2:]) has 64×64 at every input; its module has not."""
    path = written(tmp_path, [node("Resize", "a - - fixed", "u", name="up")], fixed=[1, 8, 64, 64])
    result = json.loads(run("count", path, "--input", size, "--format", "json").out)
    assert result["totals"]["macs"] == 8 * 3 * 9 * (int(size) // 2) ** 2 + 8 * 8 * 9 * 64**2
    assert ("constant-size" in result["note_codes"]) is is_noted
    swept = json.loads(run("sweep", path, "--input", f"32:{size}:32", "--where", "macs > 2.5M", "--format", "json").out)
    assert ("constant-size" in swept["note_codes"]) is is_noted


def test_a_resize_to_the_input_reaches_odd_sizes(run: Run, tmp_path: Path) -> None:
    """The first convolution leaves 33 of 65 positions, and the resize restores 65."""
    path, imported = written(tmp_path, TO_INPUT), tmp_path / "imported.toml"
    run("import", path, "-o", imported)
    by_hand = 8 * 3 * 9 * 33**2 + 8 * 8 * 9 * 65**2
    assert {macs(run, each, "--input", "65") for each in (path, imported)} == {by_hand}


@pytest.mark.parametrize("nodes", [EXPANDED, [node("Resize", "a - scales", "u")]])
def test_an_imported_file_with_a_size_from_its_input_keeps_its_input(
    run: Run, tmp_path: Path, nodes: list[bytes]
) -> None:
    tensors = {"e": Weights((1, 8, 1, 1)), "scales": [1.0, 1.0, 1.5, 1.5]}
    path, imported = written(tmp_path, nodes, **tensors), tmp_path / "imported.toml"
    run("import", path, "-o", imported)
    assert macs(run, imported) == macs(run, path)
    assert macs(run, path, "--input", "128") == 4 * macs(run, path)
    result = run("count", imported, "--input", "128")
    assert (result.code, "an axis of 128, but the size of" in result.err) == (2, True)


@pytest.mark.parametrize("asked", [["--batch", "2"], ["--input", "2x3x64x64"]])
def test_a_counter_that_divides_by_the_batch_divides_that_of_a_model(
    run: Run, tmp_path: Path, asked: list[str]
) -> None:
    path = written(tmp_path, TO_INPUT)
    assert macs(run, path, *asked) == 2 * macs(run, path)
    assert macs(run, path, *asked, "--convention", "ptflops") == macs(run, path, "--convention", "ptflops")


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_constant_that_is_filled_to_the_batch_is_multiplied_for_each_input_of_it(
    run: Run, tmp_path: Path, batch: int
) -> None:
    """Both convolutions run on `batch` maps of 32×32, though the second reads nothing of the input but its size."""
    path = written(tmp_path, EXPANDED, e=Weights((1, 8, 1, 1)))
    assert macs(run, path, "--batch", str(batch)) == batch * (8 * 3 * 9 + 8 * 8 * 9) * 32**2
