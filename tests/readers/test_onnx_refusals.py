"""What cannot be read is refused in one sentence: damaged files, open sizes, what is not known."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write
from onnx_files import Sizes, Weights, field, function, graph, model, node, wire

from flopcount.cli.loading import Options, count_of
from flopcount.errors import BadInput

FOLDER = Path(__file__).parent.parent / "oracles" / "onnx"
MAP: Sizes = (1, 4, 8, 8)


def refused(run: Run, write: Write, content: bytes, *options: str) -> str:
    """Return the one line that a file is refused with."""
    result = run(write("model.onnx", content), *options)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    (problem,) = result.problems
    return str(problem)


def simple(nodes: Sequence[bytes], dims: Sizes | None = MAP, opset: int = 17) -> bytes:
    """Return a model of some nodes that read x and make y."""
    tensors: dict[str, Weights | Sequence[int]] = {"w": Weights((4, 4, 1, 1)), "shape": [1, -1], "none": Weights(())}
    return model(graph(nodes, {"x": dims}, tensors), opset=opset)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node("Magic", "x", "a"), node("Spell", "a", "b"), node("Magic", "b", "y")], "Magic (2×), Spell"),
        ([node("Relu", "x", "a"), node("Magic", "a", "y", domain="acme")], "acme.Magic"),
        ([node("Loop", "- - x", "y", body=b"")], "neither a count nor a condition"),
        ([node("Loop", "none - x", "y", body=b"")], "how often it runs"),
        ([node("If", "x", "y", then_branch=b"")], "the graph that it runs is missing"),
        ([node("Relu", "z", "y")], "reads 'z', which no node makes"),
        ([node("Add", "x b", "a"), node("Relu", "a", "b")], "its nodes form a cycle: b, a"),
        ([node("Conv", "x w", "y", group=3)], "3 groups of 4 channels"),
        ([node("Conv", "x w", "y", pads=(-1, 0, 0, 0))], "negative"),
        ([node("Reshape", "x x", "r"), node("Conv", "r w", "y")], "depends on the input"),
        ([node("Split", "x", "a b", num_outputs=10**9)], "num_outputs is 1000000000, and it has 2 outputs"),
        ([node("Relu", "x", "y other"), node("Neg", "other", "z")], "reads 'other', an output of its operator"),
        ([node("Transpose", "x", "y", perm=(0, 1, 1, 2))], "does not name each of 4 axes once"),
        ([node("Concat", "x x", "y", axis=9)], "axis 9 is not one of 4"),
        ([node("Tile", "x shape", "y")], "it repeats 2 axes of 4"),
        ([node("Unsqueeze", "x", "y", axes=(1, -5))], "names an axis twice"),
        ([node("SpaceToDepth", "x", "y", blocksize=0)], "invalid downscale_factor 0"),
        ([node("RoiAlign", "x w", "a"), node("GatherND", "a none", "y")], "its inputs of [4, 4, 1, 1], []"),
        ([node("Flatten", "w x", "y")], "is a constant"),
        ([node("MatMul", "x x", "y"), node("Flatten", "y", "z", axis=1), node("MatMul", "z z", "y2")], "be multiplied"),
    ],
)
def test_a_graph_that_cannot_be_counted_is_refused(run: Run, write: Write, nodes: list[bytes], says: str) -> None:
    assert says in refused(run, write, simple(nodes))


@pytest.mark.parametrize("opset", [0, 1000])
def test_an_opset_that_is_not_known_is_refused(run: Run, write: Write, opset: int) -> None:
    assert "opsets 1 to" in refused(run, write, simple([node("Relu", "x", "y")], opset=opset))


@pytest.mark.parametrize(
    ("dims", "says"),
    [
        (None, "has no sizes; give them, as in --input 1x3x224x224"),
        (("batch", 4, "h", "w"), "give its sizes with --input"),
        ((1, 4, -3, 8), "give its sizes with --input"),
        ((1, 4, 2**60, 8), "sizes go from 0 to 10⁹"),
    ],
)
def test_sizes_that_are_open_or_impossible_are_refused(run: Run, write: Write, dims: Sizes | None, says: str) -> None:
    assert says in refused(run, write, simple([node("Relu", "x", "y")], dims))


@pytest.mark.parametrize(("options", "is_said"), [((), True), (("--batch", "4"), False)])
def test_an_open_batch_is_one_and_said_to_be_unless_it_is_given(
    run: Run, write: Write, options: tuple[str, ...], *, is_said: bool
) -> None:
    result = run(write("model.onnx", simple([node("Conv", "x w", "y")], ("n", 4, 8, 8))), *options)
    said = "the batch of model.onnx is open, and counted as 1" in result.out + result.err
    assert (result.code, said) == (0, is_said)


def test_a_batch_of_zero_is_refused(run: Run, write: Write) -> None:
    path = write("model.onnx", simple([node("Relu", "x", "y")], (1, 4, 8, 8)))
    assert run(path, "--batch", "0").err == "error: invalid --batch 0: expected an integer from 1 to 10⁹\n"


@pytest.mark.parametrize(
    ("size", "macs"),
    [
        ("1x4x16x16", 16 * 256),
        ("16", 16 * 256),
        ("4x16x8", 16 * 128),
        ("h=16,w=8", 16 * 128),
        ("x=2x4x8x8", 2 * 16 * 64),
    ],
)
def test_open_sizes_are_given_in_any_of_the_ways(write: Write, size: str, macs: int) -> None:
    path = write("model.onnx", simple([node("Conv", "x w", "y")], ("n", 4, "h", "w")))
    result = count_of(str(path), Options(size=size))
    assert result.total.macs == macs


def test_a_size_that_several_inputs_share_is_given_once(write: Write) -> None:
    content = model(graph([node("Add", "x z", "y")], {"x": ("n", 4, "h", 8), "z": ("n", 4, "h", 8)}))
    result = count_of(str(write("model.onnx", content)), Options(size="1x4x16x8"))
    assert [step.shape.dims for step in result.trace.steps.values()] == [(4, 16, 8)]


def test_unknown_operators_are_left_out_on_request_and_every_format_says_so(run: Run, write: Write) -> None:
    nodes = [node("Conv", "x w", "a"), node("Magic", "a", "b", domain="acme"), node("Relu", "b", "y")]
    content = (
        field(1, 8)
        + field(8, field(1, "") + field(2, 17))
        + field(7, graph(nodes, {"x": MAP}, {"w": Weights((4, 4, 1, 1))}) + field(13, wire("b", MAP)))
    )
    path = write("model.onnx", content)
    for fmt in ("table", "json", "csv", "markdown", "latex", "svg"):
        result = run(path, "--allow-unknown", "--format", fmt)
        printed = (result.out + result.err).replace("&#160;", " ").replace("\xa0", " ").replace("\\_", "_")
        assert (fmt, result.code, "at least" in printed or "at_least" in printed) == (fmt, 0, True)


def test_what_follows_an_unknown_operator_of_unknown_size_is_left_out_too(run: Run, write: Write) -> None:
    nodes = [node("Conv", "x w", "a"), node("Magic", "a", "b"), node("Relu", "b", "c")]
    result = run(write("model.onnx", simple(nodes)), "--allow-unknown")
    assert (result.code, "Relu (reads an unknown size)" in result.out + result.err) == (0, True)


@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "weights.bin"])
def test_data_in_other_files_is_never_opened(write: Write, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    tensors = {"w": Weights((4, 4, 1, 1), location=location)}
    path = write("model.onnx", model(graph([node("Conv", "x w", "y")], {"x": MAP}, tensors)))
    opened: list[str] = []
    real = Path.open

    def watched(self: Path, *rest: Any, **options: Any) -> Any:
        opened.append(self.name)
        return real(self, *rest, **options)

    monkeypatch.setattr(Path, "open", watched)
    result = count_of(str(path), Options())
    assert (result.total.params, "model.onnx" in opened, Path(location).name in opened) == (16, True, False)


@pytest.mark.parametrize("content", [b"", b"\x08", b"\xff" * 40, b"PK\x03\x04 archive", b"{}", field(7, b"")])
def test_what_is_no_model_is_refused(run: Run, write: Write, content: bytes) -> None:
    assert refused(run, write, content)


def test_a_function_that_calls_itself_is_refused(run: Run, write: Write) -> None:
    body = [node("Again", "a", "b", domain="own")]
    content = model(graph([node("Again", "x", "y", domain="own")], {"x": MAP}), function("Again", "a", "b", body))
    assert "nested deeper than" in refused(run, write, content)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(run: Run, write: Write, share: float) -> None:
    content = (FOLDER / "squeezenet1_1.onnx").read_bytes()
    assert refused(run, write, content[: int(len(content) * share)])


@pytest.mark.parametrize("name", ["alexnet", "resnet18__dedup", "shufflenet_v2_x1_0", "mobilenet_v2__dynamo"])
def test_damaged_bytes_end_in_a_sentence_or_a_count(write: Write, name: str) -> None:
    """A small part of what has been run with thousands of such files."""
    content, chance = (FOLDER / f"{name}.onnx").read_bytes(), random.Random(name)  # noqa: S311  (variety, not secrecy)
    for _ in range(25):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            count_of(str(write("damaged.onnx", bytes(damaged))), Options())
        except BadInput:
            continue
