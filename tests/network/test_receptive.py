"""Receptive fields: sizes, strides and offsets by hand; those of published networks are claims in the arch files."""

import json
from typing import Any

import pytest
from conftest import Run

KEYS = ("receptive_field", "receptive_stride", "receptive_offset")


def found(run: Run, layers: str, *arguments: str, size: str = "[1, 32, 32]") -> dict[str, Any]:
    """Return the JSON of a network of these layers."""
    text = f"input = {size}\nlayers = [\n{layers}\n]\n"
    answer = run("-", *arguments, "--metrics", ",".join(KEYS), "--format", "json", stdin=text.encode())
    assert answer.code == 0, answer.err
    data: dict[str, Any] = json.loads(answer.out)
    return data


def along(data: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return size, stride and offset of each layer along the last axis."""
    return [tuple(layer[key][-1] if key in layer else None for key in KEYS) for layer in data["layers"]]


def conv(kernel: int, stride: int = 1, more: str = "") -> str:
    return f'{{ type = "Conv", out_channels = 4, kernel_size = {kernel}, stride = {stride}{more} }},'


POOL = '{ type = "MaxPool", kernel_size = 2 },'


def test_windows_add_their_size_less_one_times_the_stride_so_far(run: Run) -> None:
    """3, then 2 more at stride 2, then 2·2 at stride 4 with a dilation of 2; padding moves the start to the left."""
    layers = conv(3, 2, ", padding = 1") + POOL + conv(3, 1, ", dilation = 2, padding = 2")
    assert along(found(run, layers)) == [(3, 2, -1), (5, 4, -1), (21, 4, -9)]


def test_each_axis_has_its_own(run: Run) -> None:
    data = found(run, '{ type = "Conv", out_channels = 4, kernel_size = [1, 7], stride = [1, 2], padding = [0, 3] },')
    assert data["totals"]["receptive_field"] == [1, 7]
    assert [data["layers"][0][key] for key in KEYS] == [[1, 7], [1, 2], [0, -3]]
    assert found(run, conv(5), size="[1, 64]")["totals"]["receptive_field"] == [5]


def test_same_padding_depends_on_the_input(run: Run) -> None:
    """TensorFlow pads 1 after a map of 32 for a kernel of 3 and a stride of 2, and 1 on each side of one of 33."""
    layers = conv(3, 2, ', padding = "same"')
    assert along(found(run, layers)) == [(3, 2, 0)]
    assert along(found(run, layers, "--input", "33")) == [(3, 2, -1)]


BRANCHES = """
  {{ type = "Conv", name = "a", out_channels = 4, kernel_size = 3, padding = 1 }},
  {{ type = "Conv", name = "b", out_channels = 4, kernel_size = {kernel}, stride = {stride}, padding = {padding} }},
  {{ type = "Conv", name = "c", out_channels = 4, kernel_size = 1, stride = {stride}, after = ["a"] }},
  {{ type = "Add", name = "d", after = ["b", "c"] }},
"""


def test_the_largest_of_aligned_branches_counts(run: Run) -> None:
    data = found(run, BRANCHES.format(kernel=5, stride=2, padding=2))
    assert along(data) == [(3, 1, -1), (7, 2, -3), (3, 2, -1), (7, 2, -3)]
    assert data["note_codes"] == []


def test_branches_that_are_not_aligned_have_no_offset_and_a_note_says_so(run: Run) -> None:
    """The centers are at 0.5 with an even kernel, and at 0 with that of size 1."""
    data = found(run, BRANCHES.format(kernel=2, stride=2, padding=0))
    assert along(data)[-1] == (4, 2, None)
    assert data["note_codes"] == ["receptive-apart"]


def test_a_global_branch_sees_the_input_and_the_field_is_at_least_its_size(run: Run) -> None:
    gate = '{ type = "SqueezeExcitation", squeeze_channels = 2 },'
    data = found(run, conv(3) + gate + conv(3))
    assert [each[:2] for each in along(data)] == [(3, 1), (32, 1), (32, 1)]
    assert data["note_codes"] == ["receptive-whole"]
    assert found(run, conv(3) + gate + conv(1) * 2, size="[1, 4, 12]")["totals"]["receptive_field"] == [4, 12]


def test_the_network_has_the_field_of_its_last_map_and_what_follows_sees_all(run: Run) -> None:
    for head in ('{ type = "GlobalAvgPool" },', '{ type = "AdaptiveAvgPool", output_size = 1 },', ""):
        data = found(run, conv(3) + POOL + head + '{ type = "Flatten" }, { type = "Linear", out_features = 3 },')
        assert data["totals"]["receptive_field"] == [4, 4]
        assert along(data)[-1] == (32, 0, 0)


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        ('{ type = "DepthSepConv", out_channels = 4, kernel_size = 3 },', 3),
        ('{ type = "MixConv", kernel_sizes = [3, 7] },', 7),
        ('{ type = "RepVGGConv", out_channels = 4, kernel_size = 3, stride = 2, padding = 1 },', 3),
        ('{ type = "SpatiallySepConv", out_channels = 4, mid_channels = 2, kernel_size = 5 },', 5),
        ('{ type = "Res2Conv", kernel_size = 3, padding = 1, scales = 4 },', 7),  # three convolutions in a row
        ('{ type = "Res2Conv", kernel_size = 3, padding = 1, scales = 4, pooled = true },', 3),
        ('{ type = "Pad", padding = 2 },' + conv(5), 5),
        ('{ type = "PixelUnshuffle", downscale_factor = 2 },' + conv(3), 6),
        ('{ type = "AdaptiveAvgPool", output_size = 8 },' + conv(3), 12),
        ('{ type = "ChannelsLast" }, { type = "LayerNorm" }, { type = "ChannelsFirst" },' + conv(3), 3),
    ],
)
def test_compositions_follow_their_parts(layers: str, size: int, run: Run) -> None:
    assert found(run, layers, size="[4, 32, 32]")["totals"]["receptive_field"] == [size, size]


@pytest.mark.parametrize(
    ("up", "kernel", "size"),
    [
        ('{ type = "Interpolate", scale_factor = 2 },', 3, 4),  # 3 fine positions are of 2 coarse ones
        ('{ type = "Interpolate", scale_factor = 2 },', 2, 4),
        ('{ type = "Interpolate", scale_factor = 2 },', 5, 6),
        ('{ type = "ConvTranspose", out_channels = 4, kernel_size = 2, stride = 2 },', 3, 4),
        ('{ type = "ConvTranspose", out_channels = 4, kernel_size = 4, stride = 2 },', 1, 4),
        ('{ type = "PixelShuffle", upscale_factor = 2 },', 4, 6),  # 4 fine positions may be of 3 coarse ones
    ],
)
def test_a_window_on_an_enlarged_map_sees_whole_positions_of_the_smaller_one(
    up: str, kernel: int, size: int, run: Run
) -> None:
    data = found(run, '{ type = "Conv", out_channels = 4, kernel_size = 2, stride = 2 },' + up + conv(kernel))
    assert data["totals"]["receptive_field"] == [size, size]
    assert along(data)[-1][1:] == (1, None)


def test_what_is_no_window_is_not_guessed(run: Run) -> None:
    layers = '{ type = "OctaveConv", out_channels = 4, kernel_size = 3, padding = 1, alpha_in = 0, alpha_out = 0.5 },'
    data = found(run, layers + conv(3))
    assert data["note_codes"] == ["receptive-lost"]
    assert "(WindowAttention) on: its windows do not slide" in run("swin_t", "--metrics", "receptive_field").out
    assert "receptive_field" not in data["totals"]


def test_a_network_of_tokens_has_none(run: Run) -> None:
    data = json.loads(run("gpt2", "--metrics", "receptive_field", "--format", "json").out)
    assert "receptive_field" not in data["totals"]


def test_it_is_a_metric_like_others_but_for_closed_forms(run: Run) -> None:
    line = next(
        line
        for line in run("compare", "vgg16", "resnet50", "--metrics", "receptive_field").out.splitlines()
        if line.strip().startswith("resnet50")
    )
    assert "427×427" in line
    for command in (("formula", "vgg16"), ("space", "vgg16", "--input", "32:64:32")):
        options = ("--where", "receptive_field < 300") if command[0] == "space" else ("--metrics", "receptive_field")
        answer = run(*command, *options)
        assert answer.code == 2
        assert "function of the whole network" in answer.err
    rows = run("vgg16", "--columns", "path,receptive_field,receptive_offset", "--format", "csv", "--top", "1").out
    assert rows.splitlines()[1] == "conv1.1.conv,3×3,-1×-1"
    answer = run("vgg16", "--columns", "path,receptive_stride", "--sort", "receptive_stride", "--top", "1")
    assert "32×32" in answer.out


@pytest.mark.parametrize("command", ["count", "memory"])
def test_the_field_of_a_network_is_a_list_wherever_it_stands(command: str, run: Run) -> None:
    """Of the network and of its standard form: 3×3, then 3×3 at a stride of 1."""
    rows = ", ".join('{ type = "DepthSepConv", out_channels = 4, kernel_size = 3 }' for _ in range(2))
    text = f"input = [3, 9, 9]\nlayers = [{rows}]\n"
    found = run(command, "-", "--metrics", "receptive_field", "--format", "json", stdin=text.encode())
    data = json.loads(found.out)
    assert data["totals"]["receptive_field"] == [5, 5]
    assert data.get("standard", data)["totals"]["receptive_field"] == [5, 5]
