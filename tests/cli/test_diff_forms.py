"""`flopcount diff` of two forms of one network: other names, layers written apart, and what really differs."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.diff import QUIET
from flopcount.analyses.forms import cells, compared, isomorphic
from flopcount.case import Case, load

FUSED = """\
{ type = "Conv", name = "a", out_channels = 4, kernel_size = 3, padding = 1, bias = false, norm = "batch", \
activation = "relu" },
{ type = "Conv", name = "b", out_channels = 4, kernel_size = 1 },
{ type = "Add", after = ["b", "a"] },
{ type = "GlobalAvgPool" },
{ type = "Flatten" },
{ type = "Linear", name = "fc", out_features = 10 },
"""

APART = """\
{ type = "Conv", name = "stem", out_channels = 4, kernel_size = [3, 3], padding = "same", bias = false },
{ type = "BatchNorm" },
{ type = "Activation", name = "act", function = "relu" },
{ type = "Dropout" },
{ type = "Conv", name = "point", out_channels = 4, kernel_size = 1 },
{ type = "Identity", name = "none" },
{ type = "Add", name = "sum", after = ["act", "none"] },
{ type = "GlobalAvgPool", name = "pool" },
{ type = "Flatten" },
{ type = "Linear", name = "head", out_features = 10 },
"""


@pytest.fixture
def diff(run: Run, write: Write) -> Any:
    """Compare two lists of rows, with options."""

    def compare(one: str, other: str, *words: str) -> Mapping[str, Any]:
        paths = [
            write(f"{name}.toml", f"input = [3, 8, 8]\nlayers = [\n{rows}]\n")
            for name, rows in (("one", one), ("other", other))
        ]
        result = run("diff", *paths, "--format", "json", *words)
        assert (result.code, result.err) == (0, "")
        found: Mapping[str, Any] = json.loads(result.out)
        return found

    return compare


def test_a_network_written_apart_under_other_names_is_the_same(diff: Any) -> None:
    """Three convolutions and layers with names: a → stem, b → point, Add3 → sum, the pool, fc → head."""
    data = diff(FUSED, APART)
    assert (data["same_but_for_names"], data["layers"]) == (True, [])
    assert data["renamed"] == [
        ["a", "stem"],
        ["b", "point"],
        ["Add3", "sum"],
        ["GlobalAvgPool4", "pool"],
        ["fc", "head"],
    ]
    assert data["delta"] == {"params": 0, "macs": 0}
    rows = diff(FUSED, APART, "--all")["layers"]
    assert [row["status"] for row in rows] == ["renamed"] * 5
    assert (rows[0]["after"]["folded"], rows[0]["params_after"]) == (["BatchNorm2", "act"], 3 * 4 * 9 + 2 * 4)


def test_what_really_differs_is_shown_alone(diff: Any) -> None:
    """A kernel of 5: 3·4·(25 − 9) = 192 weights more, at 64 positions."""
    data = diff(FUSED, APART.replace("[3, 3]", "5"))
    (row,) = data["layers"]
    assert (row["layer"], row["fields"]["kernel_size"]) == ("a → stem", [3, 5])
    assert (row["params_delta"], row["macs_delta"]) == (192, 192 * 64)
    assert (data["same_but_for_names"], len(data["renamed"])) == (False, 4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"relu"', '"silu"'),  # costs no MACs
        ('after = ["act", "none"]', 'after = ["stem", "none"]'),  # before the norm
        ('after = ["act", "none"]', 'after = ["act", "act"]'),
        ('type = "Add"', 'type = "Mul"'),
        ('{ type = "BatchNorm" },\n', ""),
        ("bias = false", "bias = true"),
        ("kernel_size = 1 }", "kernel_size = 1, groups = 4 }"),
    ],
)
def test_networks_are_not_the_same_if_anything_else_differs(diff: Any, old: str, new: str) -> None:
    assert old in APART
    data = diff(FUSED, APART.replace(old, new))
    assert not data["same_but_for_names"]
    assert data["layers"]


def test_equal_totals_in_another_order_are_not_the_same(diff: Any) -> None:
    """Both have a 3×3 and a 1×1 convolution of 3 channels on the same map."""
    wide, point = ('{ type = "Conv", name = "%s", out_channels = 3, kernel_size = 3, padding = 1 },\n',
                   '{ type = "Conv", name = "%s", out_channels = 3, kernel_size = 1 },\n')  # fmt: skip
    data = diff(wide % "a" + point % "b", point % "c" + wide % "d")
    assert data["delta"] == {"params": 0, "macs": 0}
    assert (data["same_but_for_names"], bool(data["layers"])) == (False, True)


def test_branches_in_another_order_are_the_same(diff: Any) -> None:
    """The branches of an Add are told apart by what they are, not by where they stand."""
    wide = '{ type = "Conv", name = "%s", after = ["input"], out_channels = 4, kernel_size = 3, padding = 1 },\n'
    point = '{ type = "Conv", name = "%s", after = ["input"], out_channels = 4, kernel_size = 1 },\n'
    end = '{ type = "%s", after = ["%s", "%s"] },\n'
    one, other = wide % "a" + point % "b", point % "c" + wide % "d"
    assert diff(one + end % ("Add", "a", "b"), other + end % ("Add", "c", "d"))["same_but_for_names"]
    assert diff(one + end % ("Concat", "a", "b"), other + end % ("Concat", "d", "c"))["same_but_for_names"]
    assert not diff(one + end % ("Concat", "a", "b"), other + end % ("Concat", "c", "d"))["same_but_for_names"]


def test_branches_that_only_their_neighbors_tell_apart_are_paired(diff: Any) -> None:
    """Two equal convolutions are read by sums whose other terms differ; all stands in another order."""
    row = '{ type = "Conv", name = "%s", after = ["input"], out_channels = 4, kernel_size = %d, padding = %d },\n'
    add = '{ type = "Add", name = "%s", after = ["%s", "%s"] },\n'
    one = [row % ("a", 3, 1), row % ("b", 3, 1), row % ("wide", 5, 2), row % ("point", 1, 0)]
    one += [add % ("s", "a", "wide"), add % ("t", "b", "point"), add % ("u", "s", "t")]
    other = [*one[:4][::-1], one[5], one[4], add % ("v", "t", "s")]
    assert diff("".join(one), "".join(other))["same_but_for_names"]
    swapped = [*other[:4], add % ("t", "b", "wide"), add % ("s", "a", "wide"), other[6]]
    assert not diff("".join(one), "".join(swapped))["same_but_for_names"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{ type = "Flatten" }, { type = "Softmax" },', '{ type = "Softmax" }, { type = "Flatten" },'),
        (
            '{ type = "Flatten" }, { type = "LayerNorm", elementwise_affine = false },',
            '{ type = "LayerNorm", elementwise_affine = false }, { type = "Flatten" },',
        ),
        *(
            (f'{{ {row}, activation = "relu" }},', f'{{ {row}, activation = "gelu" }},')
            for row in (
                'type = "GhostConv", out_channels = 8, kernel_size = 3',
                'type = "GroupPointwiseConv", out_channels = 6, kernel_size = 3, groups = 2',
                'type = "MixConv", kernel_sizes = [3, 5]',
            )
        ),
        *(
            (f'{{ {row}, norm = "batch" }},', f'{{ {row}, norm = "layer" }},')
            for row in (
                'type = "ACConv", out_channels = 8, kernel_size = 3',
                'type = "RepVGGConv", out_channels = 8, kernel_size = 3, padding = 1',
            )
        ),
    ],
)
def test_what_runs_inside_a_layer_or_over_other_elements_is_no_name(one: str, other: str, diff: Any) -> None:
    """Norms and activations between the parts of a layer, and those that run over a whole map instead of a position."""
    start = '{ type = "Conv", name = "%s", out_channels = 6, kernel_size = 3 },\n'
    assert diff(start % "a" + one, start % "b" + one)["same_but_for_names"]
    data = diff(start % "a" + one, start % "b" + other)
    assert (data["same_but_for_names"], data["delta"]) == (False, {"params": 0, "macs": 0})


def test_a_separable_convolution_is_its_two_convolutions(diff: Any) -> None:
    one = '{ type = "DepthSepConv", out_channels = 8, kernel_size = 3, bias = false, norm = "batch" },\n'
    deep = '{ type = "DepthwiseConv", name = "dw", kernel_size = 3, bias = false }, { type = "BatchNorm" },\n'
    point = '{ type = "Conv", name = "pw", out_channels = 8, kernel_size = 1, bias = false }, { type = "BatchNorm" },\n'
    assert diff(one, deep + point)["same_but_for_names"]


def test_folded_batch_norms_are_the_same_when_deployed(run: Run, write: Write) -> None:
    """A bias for each of 4 channels in place of a scale and a shift; the summary says which option makes them equal."""
    folded = APART.replace('{ type = "BatchNorm" },\n', "").replace("bias = false", "bias = true")
    paths = [
        write(f"{name}.toml", f"input = [3, 8, 8]\nlayers = [\n{rows}]\n")
        for name, rows in (("one", FUSED), ("other", folded))
    ]
    plain = json.loads(run("diff", *paths, "--format", "json").out)
    assert (plain["same_but_for_names"], plain["same_if_folded"], plain["delta"]["params"]) == (False, True, -4)
    assert json.loads(run("diff", *paths, "--params", "folded", "--format", "json").out)["same_but_for_names"]
    assert "the same but for names once batch norms are folded: --params folded" in run("diff", *paths).out


ORACLES = Path(__file__).parents[1] / "oracles" / "onnx"


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2__bn", "googlenet", "vit_tiny_patch16_224"])
def test_an_imported_file_is_the_same_as_its_model(name: str, run: Run, tmp_path: Path) -> None:
    model, written = ORACLES / f"{name}.onnx", tmp_path / "net.toml"
    assert run("import", model, "-o", written).code == 0
    assert json.loads(run("diff", model, written, "--format", "json").out)["same_but_for_names"]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("resnet18", "onnx/resnet18__bn.onnx", ()),
        ("resnet18", "onnx/resnet18.onnx", ("--params", "folded")),
        ("mobilenet_v2", "onnx/mobilenet_v2__bn.onnx", ()),
        ("squeezenet1_1", "onnx/squeezenet1_1.onnx", ()),
        ("alexnet", "onnx/alexnet.onnx", ()),
    ],
)
def test_bundled_networks_are_those_that_frameworks_write(
    one: str, other: str, words: tuple[str, ...], run: Run
) -> None:
    """Their names and numbers of layers differ: files that torchvision wrote."""
    data = json.loads(run("diff", one, ORACLES.parent / other, "--format", "json", *words).out)
    assert (data["same_but_for_names"], data["layers"]) == (True, [])
    assert data["renamed"]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "googlenet", "densenet121"])
def test_a_network_is_isomorphic_to_itself_and_to_no_other(name: str) -> None:
    one, other = Case(load(name)).count, Case(load("resnet34")).count
    assert isomorphic(cells(one), cells(one)) is not None
    assert isomorphic(cells(one), cells(other)) is None


@pytest.mark.parametrize(("one", "other"), [("resnet18", "resnet34"), ("vgg16", "alexnet"), ("xception", "resnet50")])
def test_differences_are_the_same_either_way(one: str, other: str) -> None:
    first, second = Case(load(one)).count, Case(load(other)).count
    there, back = (sum(each.status not in QUIET for each in compared(*sides).changes)
                   for sides in ((first, second), (second, first)))  # fmt: skip
    assert there == back


def test_forms_of_many_layers_are_compared_in_linear_time(write: Write) -> None:
    """Four times the layers take less than eight times as long; a comparison of all pairs would take sixteen times."""
    times = []
    for number in (1000, 4000):
        texts = [
            "input = [4, 8, 8]\nlayers = [\n"
            + "".join(
                f'{{ type = "Conv", name = "{name}{i}", out_channels = 4, kernel_size = 1 }},\n'
                f'{{ type = "Activation", name = "{name}r{i}", function = "{act if i % 3 else "relu"}" }},\n'
                for i in range(number)
            )
            + "]\n"
            for name, act in (("a", "relu"), ("b", "silu"))
        ]
        counts = [Case(load(write(f"{i}.toml", text))).count for i, text in enumerate(texts)]
        start = process_time()
        assert not compared(*counts).is_same
        times.append(process_time() - start)
    assert times[1] < 8 * times[0] + 0.5


def test_a_metric_of_the_whole_network_has_no_change_in_a_layer(run: Run) -> None:
    found = run("diff", "lenet5", "alexnet", "--metrics", "arena,intensity", "--format", "csv").out.splitlines()
    columns = found[0].split(",")
    cells = dict(zip(columns, found[2].split(","), strict=True))
    assert (cells["status"], cells["arena_delta"]) == ("removed", "")


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (
            '"Conv2Plus1D", kernel_size = 3, mid_channels = 12',
            ["kernel_size = [1, 3, 3], out_channels = 12", "kernel_size = [3, 1, 1], out_channels = 16"],
        ),
        (
            '"TuckerConv", kernel_size = 3, rank_in = 4, rank_out = 6, bias = false',
            [
                *("kernel_size = 1, out_channels = 4, bias = false", "kernel_size = 3, out_channels = 6, bias = false"),
                "kernel_size = 1, out_channels = 16, bias = false",
            ],
        ),
    ],
)
def test_a_composition_in_series_is_the_layers_it_consists_of(
    run: Run, write: Write, kind: str, parts: list[str]
) -> None:
    """A convolution factored into others is the same but for names as these one after the other."""
    text = "input = [8, 9, 9, 9]\nlayers = [\n{},\n]\n"
    rows = ",\n".join(f'{{ type = "Conv", {part} }}' for part in parts)
    paths = (
        write("one.toml", text.format(f"{{ type = {kind}, out_channels = 16 }}")),
        write("two.toml", text.format(rows)),
    )
    assert "the same but for names" in run("diff", *paths).out
