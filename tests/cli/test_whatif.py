"""`flopcount whatif`: tables, files that are written, and what is refused."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.spec.kinds import STAND_INS

CHAIN = """\
# a chain
name = "chain"
input = [8, 16, 16]
layers = [
  { type = "Conv", out_channels = 16, kernel_size = 3, padding = 1 }, # the first
  # two alike
  { type = "Conv", name = "b", out_channels = 16, kernel_size = 3, padding = 1 },
  { type = "Conv", name = "c", out_channels = 32, kernel_size = 1 },
]

[defaults]
bias = false # norms follow

[[claims]]
source = "nobody"
macs = 1
"""

TEMPLATED = """\
input = [8, 16, 16]
layers = [{ type = "unit", name = "u", repeat = 3, width = 16 }]
[defaults]
bias = false
[templates.unit]
required = ["width"]
layers = [{ type = "Conv", name = "conv", out_channels = "width", kernel_size = 3, padding = 1 }]
"""

TABLES = """\
input = [8, 16, 16]

[[layers]] # one
type = "Conv"
out_channels = 16
kernel_size = 3

# before the second
[[layers]]
type = "Conv" # kind
out_channels = 16
groups = 2
kernel_size = 3 # odd

# the end
[[layers]]
type = "Flatten"
"""


def told(run: Run, *words: Any) -> dict[str, Any]:
    """Return a result as data."""
    result = run("whatif", *words, "--format", "json")
    assert result.code == 0, result.err
    data: dict[str, Any] = json.loads(result.out)
    return data


def total(run: Run, *words: Any) -> dict[str, int]:
    """Return the totals of a plain count."""
    found: dict[str, int] = json.loads(run(*words, "--format", "json").out)["totals"]
    return found


def test_layers_before_and_after(run: Run, write: Write) -> None:
    """By hand: b has 9·16·16 weights, separable 9·16 + 16·16, at 256 positions; the others stay."""
    data = told(run, write("chain.toml", CHAIN), "--to", "DepthSepConv")
    row = data["layers"][1]
    assert (row["type"], row["type_1"], row["params"], row["params_1"]) == ("Conv", "DepthSepConv", 2304, 400)
    assert (row["macs"], row["macs_1"], row["saved_1"]) == (2304 * 256, 400 * 256, 1904 * 256)
    assert row["ratio_1"] == 400 / 2304
    assert [each["type_1"] for each in data["layers"]] == ["Conv", "DepthSepConv", "Conv"]
    assert [each["replaced"] for each in data["alternatives"]] == [0, 1]
    assert [each["paths"] for each in data["left"]] == [["Conv1"], ["c"]]


def test_the_rows_add_up_to_the_totals(run: Run) -> None:
    data = told(run, "resnet18", "--to", "DualConv", "--to", "HetConv", "--set", "groups=4", "--set", "p=2,4")
    assert len(data["alternatives"]) == 4
    for number, each in enumerate(data["alternatives"]):
        suffix = f"_{number}" if number else ""
        for key in ("params", "macs"):
            assert sum(row[f"{key}{suffix}"] for row in data["layers"]) == each[key]


def test_several_values_make_a_column_each(run: Run, write: Write) -> None:
    """By hand: 16·16·(9/p + 1 - 1/p) weights of b at 256 positions."""
    data = told(run, write("chain.toml", CHAIN), "--to", "HetConv", "--set", "p=1,2,4,8")
    b = data["layers"][1]
    assert [b[f"macs_{number}"] for number in (1, 2, 3, 4)] == [256 * n * 256 for n in (9, 5, 3, 2)]
    assert [each["alternative"] for each in data["alternatives"][1:]] == [f"HetConv p={p}" for p in (1, 2, 4, 8)]


def test_several_kinds_are_a_list_or_given_one_by_one(run: Run, write: Write) -> None:
    chain = write("chain.toml", CHAIN)
    listed = told(run, chain, "--to", "DepthSepConv, GhostConv")["alternatives"]
    assert listed == told(run, chain, "--to", "DepthSepConv", "--to", "GhostConv")["alternatives"]
    assert [each["alternative"] for each in listed[1:]] == ["DepthSepConv", "GhostConv"]


def test_layers_can_be_chosen_by_what_they_cost(run: Run) -> None:
    """By hand: 64·64·9·224² MACs, and as many with twice the channels on a quarter of the map; two stages have two."""
    data = told(run, "vgg16", "--to", "DepthSepConv", "--where", "macs >= 1.8G")
    assert data["alternatives"][1]["replaced"] == 6
    assert [row["macs"] for row in data["layers"] if row["type_1"] == "DepthSepConv"] == [64 * 64 * 9 * 224**2] * 6


@pytest.mark.parametrize("kind", ['"DepthwiseConv"', '"Conv", out_channels = 8, groups = 8'])
def test_depthwise_convolutions_stay_unless_they_are_named(run: Run, write: Write, kind: str) -> None:
    """By hand: 8·9 weights at 6·6 positions; as separable 8·9 + 8·8, which is more; `kernel_size > 1` names nothing."""
    row = f"{{ type = {kind}, kernel_size = 3, bias = false }}"
    path = write("net.toml", f"input = [8, 8, 8]\nlayers = [{row}]\n")
    for condition in ((), ("--where", "kernel_size > 1")):
        data = told(run, path, "--to", "DepthSepConv", "--first", *condition)
        assert [each["code"] for each in data["left"]] == ["depthwise"]
    data = told(run, path, "--to", "DepthSepConv", "--first", "--where", "type == " + kind.partition(",")[0])
    assert (data["layers"][0]["macs"], data["layers"][0]["macs_1"]) == (72 * 36, 136 * 36)
    assert data["note_codes"] == ["costs-more"]


def test_the_depthwise_convolutions_of_mobilenet_stay_and_cost_more_if_they_are_named(run: Run) -> None:
    """MobileNet v2 has 17 bottlenecks; 300,774,272 MACs are torchvision's."""
    data = told(run, "mobilenet_v2", "--to", "GhostConv")
    left = {each["code"]: each for each in data["left"]}
    assert (left["depthwise"]["layers"], data["note_codes"]) == (17, [])
    assert "--where 'type == \"DepthwiseConv\"'" in left["depthwise"]["reason"]
    assert data["alternatives"][-1]["macs"] < 300774272
    data = told(run, "mobilenet_v2", "--to", "GhostConv", "--where", 'type == "DepthwiseConv"')
    assert (data["alternatives"][-1]["replaced"], data["note_codes"]) == (17, ["costs-more"])
    more = data["alternatives"][-1]["macs"]
    assert "17 of 17 replaced convolutions have more params or MACs than before" in data["notes"][0]
    assert f"{more:,} MACs instead of 300,774,272" in data["notes"][0]


def test_the_page_lists_every_kind_that_is_replaced() -> None:
    rules = (Path(__file__).parents[2] / "docs" / "what-if.md").read_text(encoding="utf-8")
    listed = " ".join(rules.split()).partition("* What is replaced are")[2].partition("Any of them")[0]
    assert {*re.findall(r"`(\w+)`", listed)} == STAND_INS


def test_layers_can_be_sorted_and_cut(run: Run) -> None:
    data = told(run, "vgg16", "--to", "DepthSepConv", "--sort", "saved_1", "--top", "3")
    saved = [row["saved_1"] for row in data["layers"]]
    assert saved == sorted(saved, reverse=True)
    assert len(saved) == 3


def test_what_layers_share_stays_shared(run: Run, write: Write) -> None:
    """A depthwise-separable layer keeps 9·3 + 3·4 weights; one that shares some of its own is left alone."""
    row = '{{ type = "Conv", name = "{}", after = ["input"], out_channels = 4, kernel_size = 3, bias = false{} }}'
    rows = [row.format("a", ""), row.format("b", ", shared = true"), row.format("c", ", shared = { weight = 100 }")]
    path = write("shared.toml", f"input = [3, 8, 8]\nlayers = [{', '.join(rows)}]\n")
    saved = path.with_name("new.toml")
    result = run("whatif", path, "--to", "DepthSepConv", "--first", "--save", saved, "--format", "json")
    assert [(each["code"], each["paths"]) for each in json.loads(result.out)["left"]] == [("shared", ["c"])]
    layers = json.loads(run(saved, "--format", "json").out)["layers"]
    kinds = [("DepthSepConv", 9 * 3 + 3 * 4), ("DepthSepConv", 0), ("Conv", 8)]
    assert [(each["type"], each["params"]) for each in layers] == kinds


def test_a_saved_file_keeps_comments_and_order(run: Run, write: Write) -> None:
    path = write("chain.toml", CHAIN)
    saved = path.with_name("new.toml")
    assert run("whatif", path, "--to", "HetConv", "--set", "p=4", "--save", saved).code == 0
    row = '  { type = "Conv", name = "b", out_channels = 16, kernel_size = 3, padding = 1 },'
    new = '  { type = "HetConv", name = "b", out_channels = 16, kernel_size = 3, padding = 1, p = 4 },'
    assert saved.read_text(encoding="utf-8").rstrip() == CHAIN.replace(row, new).partition("[[claims]]")[0].rstrip()


@pytest.mark.parametrize(
    "words",
    [
        ("vgg16", "--to", "DepthSepConv", "--first"),
        ("resnet101", "--to", "HetConv", "--set", "p=4"),
        ("mobilenet_v1", "--to", "Conv", "--input", "224", "--width", "0.5"),
        ("cifar10_vgg", "--to", "OctaveConv"),
        ("mobilenet_v2", "--to", "Conv", "--where", "type ~ '*'", "--width", "0.5"),
        ("hetconv_resnet56", "--to", "DepthSepConv"),
        ("resnext50_32x4d", "--to", "RepVGGConv"),
        ("hetconv_vgg16", "--to", "BSConvS"),
        ("cifar10_vgg", "--to", "PartialConv"),
    ],
)
def test_a_saved_file_counts_as_printed(run: Run, write: Write, words: tuple[str, ...]) -> None:
    saved = write("empty.toml", "").with_name("new.toml")
    result = run("whatif", *words, "--save", saved, "--format", "json")
    after = json.loads(result.out)["alternatives"][1]
    assert total(run, saved) == {"params": after["params"], "macs": after["macs"]}


def test_a_saved_file_needs_no_options_but_what_no_file_can_say(run: Run, write: Write) -> None:
    """Variant, settings and width are in the file; the batch and the parameters that count are not."""
    saved = write("empty.toml", "").with_name("new.toml")
    words = ("--width", "0.5", "--set", "defaults.bias=true", "--to", "HetConv", "--set", "p=4")
    outside = ("--batch", "2", "--params", "total")
    result = run("whatif", "resnet101", *words, *outside, "--save", saved, "--format", "json")
    after = json.loads(result.out)["alternatives"][1]
    assert "; count it with the same --batch 2 and --params total" in json.loads(result.out)["notes"][-1]
    assert total(run, saved, *outside) == {"params": after["params"], "macs": after["macs"]}


def test_tables_are_changed_where_they_stand(run: Run, write: Write) -> None:
    path = write("tables.toml", TABLES)
    saved = path.with_name("new.toml")
    assert run("whatif", path, "--to", "BSConvU", "--save", saved).code == 0
    text = saved.read_text(encoding="utf-8")
    assert tomllib.loads(text)["layers"][1] == {"type": "BSConvU", "out_channels": 16, "kernel_size": 3}
    assert [line for line in text.splitlines() if "#" in line] == [
        "[[layers]] # one",
        "# before the second",
        'type = "BSConvU" # kind',
        "kernel_size = 3 # odd",
        "# the end",
    ]


def test_a_json_file_is_saved_as_json(run: Run, write: Write) -> None:
    rows = [{"type": "Conv", "name": "a", "out_channels": 16, "kernel_size": 3, "groups": 4}, {"type": "Flatten"}]
    path = write("net.json", json.dumps({"input": [8, 9, 9], "layers": rows, "name": "net"}))
    saved = path.with_name("new.json")
    assert run("whatif", path, "--to", "Conv", "--save", saved).code == 0
    expected = [{"type": "Conv", "name": "a", "out_channels": 16, "kernel_size": 3}, {"type": "Flatten"}]
    data = json.loads(saved.read_text(encoding="utf-8"))
    assert (data["layers"], [*data]) == (expected, ["input", "layers", "name"])


def test_what_a_kind_does_otherwise_by_default_is_written(run: Run, write: Write) -> None:
    """An octave convolution pads to the same size where nothing is said; a depthwise one has no out_channels."""
    rows = '{ type = "OctaveConv", out_channels = 8, kernel_size = 3 }, { type = "DepthwiseConv", kernel_size = 3 }'
    path = write("net.toml", f"input = [8, 16, 16]\nlayers = [{rows}]\n")
    saved = path.with_name("new.toml")
    assert run("whatif", path, "--to", "Conv", "--where", "type ~ '*'", "--save", saved).code == 0
    octave, depthwise = tomllib.loads(saved.read_text(encoding="utf-8"))["layers"]
    assert octave == {"type": "Conv", "out_channels": 8, "kernel_size": 3, "padding": "same"}
    assert depthwise == {"type": "Conv", "kernel_size": 3, "out_channels": 8}


def test_a_row_whose_uses_are_not_all_replaced_is_written_out(run: Run, write: Write) -> None:
    path = write("net.toml", TEMPLATED)
    saved = path.with_name("new.toml")
    printed = told(run, path, "--to", "DepthSepConv", "--save", str(saved))
    assert "written out" in printed["notes"][-1]
    layers = json.loads(run(saved, "--format", "json").out)["layers"]
    assert [(each["path"], each["type"]) for each in layers] == [
        (each["path"], each["type_1"]) for each in printed["layers"]
    ]
    assert "templates" not in saved.read_text(encoding="utf-8")
    assert run("whatif", path, "--to", "DepthSepConv", "--first", "--save", saved).code == 0
    assert "templates" in saved.read_text(encoding="utf-8")


def test_uses_that_become_different_rows_are_written_out(run: Run, write: Write) -> None:
    """A depthwise convolution has no out_channels; as standard ones the two uses need 8 and 16."""
    rows = "{ type = 'unit', m = 1 }, { type = 'unit', m = 2 }"
    unit = "{ type = 'DepthwiseConv', name = 'deep', kernel_size = 3, depth_multiplier = 'm' }"
    text = f"input = [8, 9, 9]\nlayers = [{rows}]\n[templates.unit]\nrequired = ['m']\nlayers = [{unit}]\n"
    path = write("net.toml", text)
    saved = path.with_name("new.toml")
    assert run("whatif", path, "--to", "Conv", "--where", "path ~ '*'", "--save", saved).code == 0
    blocks = tomllib.loads(saved.read_text(encoding="utf-8"))["layers"]
    assert [block["layers"][0]["out_channels"] for block in blocks] == [8, 16]


def test_a_row_that_another_one_reads_by_its_old_name_is_named_so(run: Run, write: Write) -> None:
    """A layer without a name is named after its kind, which is another then."""
    row = "{ type = 'Conv', out_channels = 8, kernel_size = 3, padding = 1 }"
    path = write(
        "net.toml", f"input = [8, 9, 9]\nlayers = [{row}, {row}, {{ type = 'Add', after = ['Conv1', 'Conv2'] }}]"
    )
    saved = path.with_name("new.toml")
    assert run("whatif", path, "--to", "BSConvU", "--save", saved).code == 0
    rows = tomllib.loads(saved.read_text(encoding="utf-8"))["layers"]
    assert [(row["type"], row["name"]) for row in rows] == [("Conv", "Conv1"), ("BSConvU", "Conv2"), ("Add", "Add3")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--to", "DepthSepCon"), "did you mean 'DepthSepConv'?"),
        (("--to", "MaxPool"), "not a replacement for convolutions"),
        (("--to", "HetConv"), "--to HetConv needs p; set it with --set p=…"),
        (("--to", "HetConv", "--set", "p=0"), "invalid p 0"),
        (("--to", "HetConv", "--set", "p=x"), 'invalid p "x"'),
        (("--to", "HetConv", "--set", "q=4"), "HetConv has no field 'q'"),
        (("--to", "DualConv", "--set", "group=4"), "did you mean 'groups'?"),
        (("--to", "HetConv", "--set", "p"), "not KEY=VALUE"),
        (("--to", "DepthSepConv", "--where", "kernel_siz > 1"), "did you mean 'kernel_size'?"),
        (("--to", "DepthSepConv", "--where", "path ~"), "not a condition; write"),
        (("--to", "DepthSepConv", "--where", "path > 1"), "a number with a word"),
        (("--to", "DepthSepConv", "--width", "0.5,x"), "is not a number"),
        (("--to", "DepthSepConv", "--set", "defaults.bias=true,false"), "several values stand for several networks"),
        (("--to", "HetConv", "--set", "p=1,2", "--save", "x.toml"), "there are 2 networks"),
        (("--to", "Conv", "--save", "x.toml"), "no layer was replaced"),
        (("--to", "BSConvU", "--sort", "nothing"), "no such column"),
        (("--to", "HetConv", "--set", "p=1:101"), "101 networks are too many; at most 100"),
        (("--to", "HetConv", "--set", "p=2", "--set", "p=4"), "p is set twice; give all values together"),
        (("--to", "HetConv", "--set", "p=2,2"), "a value occurs twice"),
        (("--to", "HetConv", "--set", "p=4:2"), "is empty; give the smaller end first"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run: Run, write: Write, words: tuple[str, ...], says: str) -> None:
    result = run("whatif", write("chain.toml", CHAIN), *words)
    assert result.code == 2
    assert len(result.problems) == 1
    assert says in result.problems[0]


def test_a_file_may_say_how_a_convolution_is_written_that_is_replaced(run: Run) -> None:
    """The norms of its convolutions are in a container, and no convolution is left."""
    data = json.loads(
        run("whatif", "ghostnet_100", "--to", "GhostConv", "--where", "type ~ '*'", "--format", "json").out
    )
    assert data["alternatives"][-1]["replaced"] == 16


def test_a_size_that_is_impossible_is_named_under_the_table(run: Run, write: Write) -> None:
    """A kernel of 5 does not fit a map of 4."""
    rows = '{ type = "Conv", out_channels = 2, kernel_size = 5 }'
    path = write("net.toml", f"input = [3, 8, 8]\nlayers = [{rows}]\n")
    result = run("whatif", path, "--input", "4,8")
    assert (result.code, "not in the table: input 4; the notes say why" in result.out) == (2, True)


def test_a_width_that_scales_nothing_is_noted(run: Run, write: Write) -> None:
    path = write("net.toml", 'input = [16]\nlayers = [{ type = "Linear", out_features = 10 }]\n')
    data = json.loads(run(path, "--width", "0.5", "--format", "json").out)
    assert (data["totals"]["params"], data["note_codes"]) == (170, ["width-unchanged"])
