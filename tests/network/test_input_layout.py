"""Where an input has its channels: as the file says, as what reads it demands, or as a note says."""

import json
from typing import Any

import pytest
from conftest import Run, Write

NORM, CONV = '{ type = "LayerNorm" }', '{ type = "Conv", out_channels = 16, kernel_size = 3 }'
ATTENTION, LINEAR = '{ type = "MultiheadAttention", num_heads = 8 }', '{ type = "Linear", out_features = 10 }'


def counted(run: Run, write: Write, text: str, *options: str) -> dict[str, Any]:
    """Count an arch file."""
    result = run(write("net.toml", text), "--format", "json", *options)
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


def net(size: str, *layers: str, more: str = "") -> str:
    """Write an arch file."""
    return f"input = {size}\n{more}\nlayers = [{', '.join(layers)}]\n"


def codes(run: Run, write: Write, text: str, *options: str) -> str:
    """Return the notes about an input."""
    result = run(write("net.toml", text), "--format", "csv", *options)
    assert result.code == 0, result.err
    return "".join(line for line in (result.out + result.err).splitlines() if line.startswith("note"))


@pytest.mark.parametrize(
    ("layout", "params"), [('layout = "tokens"', 2 * 512), ('layout = "map"', 2 * 196), ("", 2 * 512)]
)
def test_a_layer_norm_scales_the_channels_where_the_layout_has_them(
    layout: str, params: int, run: Run, write: Write
) -> None:
    """nn.LayerNorm(512) has 1,024 params."""
    text = net("[196, 512]", NORM, more=layout)
    assert counted(run, write, text)["totals"]["params"] == params
    assert ("is read as tokens" in codes(run, write, text)) == (not layout)


def test_tokens_are_read_by_a_linear_without_a_note_where_the_file_says_so(run: Run, write: Write) -> None:
    text = net("[196, 512]", LINEAR, more='layout = "tokens"')
    assert counted(run, write, text)["totals"]["macs"] == 196 * 512 * 10
    assert codes(run, write, text) == ""
    assert "is read as tokens × channels by a Linear" in codes(run, write, net("[196, 512]", LINEAR))


def test_an_attention_leaves_no_doubt(run: Run, write: Write) -> None:
    text = net("[196, 512]", NORM, ATTENTION)
    assert counted(run, write, text)["layers"][0]["params"] == 2 * 512
    assert codes(run, write, text) == ""


def test_the_command_line_changes_tokens_and_layout(run: Run, write: Write) -> None:
    text = net("[196, 512]", LINEAR, more='layout = "tokens"')
    assert counted(run, write, text, "--input", "50")["totals"]["macs"] == 50 * 512 * 10
    assert counted(run, write, text, "--input", "50x64")["totals"]["macs"] == 50 * 64 * 10
    given = counted(run, write, net("[196, 512]", NORM), "--set", "layout=map")
    assert given["totals"]["params"] == 2 * 196


def test_several_inputs_have_a_layout_each(run: Run, write: Write) -> None:
    rows = ['{ type = "LayerNorm", after = ["a"] }', '{ type = "LayerNorm", after = ["b"] }']
    text = net("{ a = [7, 16], b = [7, 16] }", *rows, more='layout = { a = "tokens", b = "map" }')
    assert [row["params"] for row in counted(run, write, text)["layers"]] == [32, 14]
    wrong = run(write("net.toml", text.replace('b = "map"', 'c = "map"')))
    assert (wrong.code, len(wrong.problems)) == (2, 1)
    assert "there is no input 'c'" in wrong.err


@pytest.mark.parametrize(
    ("size", "meant"),
    [("[1, 3, 32, 32]", "[3, 32, 32]"), ("[32, 32, 3]", "[3, 32, 32]"), ("[28, 28]", "[1, 28, 28]")],
)
def test_a_note_says_how_an_input_is_read_that_looks_like_another(
    size: str, meant: str, run: Run, write: Write
) -> None:
    assert meant in codes(run, write, net(size, CONV))
    assert codes(run, write, net(size, CONV, more='layout = "map"')) == ""


@pytest.mark.parametrize("size", ["[3, 32, 32]", "[1, 64, 64, 64]", "[64, 100]", "[3, 16, 112, 112]", "[512, 7, 7]"])
def test_usual_inputs_have_no_note(size: str, run: Run, write: Write) -> None:
    assert codes(run, write, net(size, CONV)) == ""


def test_notes_follow_the_input_of_the_command_line(run: Run) -> None:
    assert "[3, 224, 224]" in run("resnet18", "--input", "224x224x3", "--format", "csv").err
    assert "not a multiple of its patches of 16×16" in run("vit_b_16", "--input", "225", "--format", "csv").err
    assert run("vit_b_16", "--format", "csv").err.count("patches") == 0


def test_a_layer_that_says_where_the_channels_are_leaves_no_doubt(run: Run, write: Write) -> None:
    """As importers write the batch that a model of another tool fixes: 4 inputs of 3×16×16."""
    batch = '{ type = "Reshape", size = [4, 3, 16, 16], axes = 4, channel_axis = -3 }'
    assert codes(run, write, net("[4, 3, 16, 16]", batch, CONV)) == ""
    assert "with 4 as the channels" in codes(run, write, net("[4, 3, 16, 16]", CONV))
