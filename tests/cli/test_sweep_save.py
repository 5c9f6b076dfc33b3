"""`flopcount sweep … --id N --save FILE`: a candidate as an arch file whose plain count is the candidate's."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses import save
from flopcount.analyses.save import written_out
from flopcount.network.plan import plan
from flopcount.network.trace import trace
from flopcount.spec.load import load, validated
from flopcount.spec.source import Source


def counted(run: Run, *arguments: str | Path) -> Any:
    """Return what costs what: the totals, and each layer's path, output and MACs."""
    result = run(*arguments, "--format", "json")
    assert result.code == 0, result.err
    data = json.loads(result.out)
    return data["totals"], [(row["path"], row["output"], row["macs"], row["params"]) for row in data["layers"]]


@pytest.mark.parametrize(
    "words",
    [
        ("lenet5", "--input", "28:40:4", "--set", "layers.0.kernel_size=3,5"),
        ("mobilenet_v1_1.0_224", "--width", "0.25:1.4:0.05", "--input", "160x128,96x64"),
        ("mobilenet_v2", "--width", "0.35,1.4", "--input", "96,224"),
        ("mobilenet_v2", "--width", "1,1.4", "--input", "96,224"),
        ("resnet50", "--set", "layer1.width=48,64", "--set", "conv1.kernel_size=3,7"),
        ("resnet50", "--set", "layer1.2.conv2.groups=1,2", "--set", "layer1.2.conv2.norm=batch,none"),
        ("resnext50_32x4d", "--set", "arguments.depth3=4,6", "--set", "defaults.norm=batch,none"),
        ("resnet50", "--variant", "wide_resnet50_2", "--width", "0.5,0.7,1"),
        ("shufflenet_v2_x1_0", "--width", "0.5,0.75"),
        ("squeezenet1_1", "--width", "0.37,1", "--set", "layers.0.kernel_size=3,5"),
        ("googlenet", "--width", "0.37,1"),
        ("vit_b_16", "--input", "64,96", "--set", "arguments.depth=2,3"),
        ("m5", "--width", "0.5,1", "--input", "4000,8000"),
    ],
)
def test_a_saved_candidate_counts_the_same_layer_by_layer(words: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    """Nothing has to be said beside the file; every layer keeps its path."""
    path = tmp_path / ("new.json" if words[0] == "m5" else "new.toml")
    for id_ in ("0", "2") if len(words) > 4 else ("0",):
        candidate = counted(run, "sweep", *words, "--id", id_, "--save", path)
        assert counted(run, path) == candidate


def test_a_setting_keeps_comments_and_order(run: Run, write: Write) -> None:
    text = """# a network
input = [3, 32, 32]  # small

# the layers
layers = [
  { type = "Conv", out_channels = 8, kernel_size = 3 },  # the first
  { type = "pair", name = "a", width = 16 },
]

[templates.pair]
required = ["width"]
layers = [{ type = "Conv", name = "c", out_channels = "width", kernel_size = 1 }]  # stays

[[claims]]
source = "somewhere"
params = 1
"""
    path = write("a.toml", text)
    words = ("--input", "32,48", "--set", "a.width=16,24", "--set", "Conv1.stride=1,2")
    result = run("sweep", path, *words, "--id", "7", "--save", "-")
    new = text.replace("[3, 32, 32]", "[3, 48, 48]").replace("width = 16", "width = 24")
    new = new.replace("kernel_size = 3 }", "kernel_size = 3, stride = 2 }").partition("\n[[claims]]")[0]
    assert (result.code, result.out, result.err) == (0, new, "")


def test_a_width_that_templates_use_differently_writes_them_out(run: Run, write: Write) -> None:
    """Both uses of the row c have other channels then: a half of 10 and of 30."""
    text = """input = [3, 8, 8]
layers = [{ type = "one", name = "a", w = 10 }, { type = "one", name = "b", w = 30, repeat = 2 }]
[scaling]
rule = "truncate"
minimum = 1
[templates.one]
required = ["w"]
layers = [
  { type = "Conv", name = "c", out_channels = "w", kernel_size = 1 },
  { type = "Conv", name = "d", out_channels = "w", kernel_size = 3, padding = 1, when = "index == 2" },
  { type = "Add", name = "e", after = ["d", "c"], when = "index == 2" },
]
"""
    path = write("a.toml", text)
    result = run("sweep", path, "--width", "0.5,1", "--id", "0", "--save", path.with_name("b.toml"))
    assert "written out" in result.out
    found = load(str(path.with_name("b.toml"))).arch
    assert {node.path: node.layer.out_channels for node in plan(found).nodes if node.kind == "Conv"} == {  # type: ignore[attr-defined]
        "a.c": 5,
        "b.1.c": 15,
        "b.2.c": 15,
        "b.2.d": 15,
    }
    assert {node.path: node.inputs for node in plan(found).nodes}["b.2.e"] == ("b.2.d", "b.2.c")


WRITTEN_OUT = (
    *("resnet50", "mobilenet_v2", "mobilenet_v3_large", "googlenet", "densenet121", "unet", "swin_t", "repvgg_a0"),
    *("regnet_x_400mf", "shufflenet_v2_x1_0", "efficientnet_b0", "mobilenet_ssd_300", "cspresnet50", "m5"),
)


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_network_written_out_is_the_same_network(name: str) -> None:
    """Every layer has the path, the kind, the inputs, the shape and the tally that it had."""
    spec = load(name)
    old = trace(plan(spec.arch), {})
    data = {key: value for key, value in spec.source.data.items() if key in {"input", "defaults"}}
    rows = written_out(old, {}, spec.arch.defaults)
    new = trace(plan(validated(Source("", "", "json", {**data, "layers": rows})).arch), {})
    assert [node[:1] + node[2:3] for node in new.plan.nodes] == [node[:1] + node[2:3] for node in old.plan.nodes]
    for path, step in old.steps.items():
        twin = new.steps[path]
        assert (twin.kind, tuple(twin.shape.dims), twin.tally.counts) == (
            step.kind,
            tuple(step.shape.dims),
            step.tally.counts,
        )


def test_a_candidate_of_a_space_file_is_a_file_without_the_space(run: Run, write: Write) -> None:
    path = write("a.toml", 'arch = "mobilenet_v2"\n[space]\ninput = "96:224:32"\nwidth = [0.5, 1]\n')
    candidate = counted(run, "sweep", path, "--id", "2", "--save", path.with_name("b.toml"))
    assert counted(run, path.with_name("b.toml")) == candidate
    assert not load(str(path.with_name("b.toml"))).arch.space


def test_what_a_file_cannot_say_is_told(run: Run, tmp_path: Path) -> None:
    """How many inputs at once, and which parameters count, are said at every count."""
    words = ("--batch", "4", "--params", "total")
    path = tmp_path / "new.toml"
    grid = ("mobilenet_v2", "--width", "0.5,1")
    candidate = counted(run, "sweep", *grid, *words, "--id", "0", "--save", path)
    result = run("sweep", *grid, *words, "--id", "0", "--save", path)
    assert "count it with the same --batch 4 and --params total" in result.out
    assert counted(run, path, *words)[0] == candidate[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--save", "x.toml"), "requires --id"),
        (("--id", "9", "--save", "x.toml"), "from 0 to 1"),
        (("--id", "0", "--save", "nowhere/x.toml"), "cannot be written"),
        (("--id", "0", "--where", "macs < 3"), "omit --where"),
        (("--id", "0", "--sort", "macs", "--top", "3"), "omit --sort and --top"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    words: tuple[str, ...], says: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("sweep", "lenet5", "--input", "32,36", *words)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert says in result.err
    assert not [*tmp_path.iterdir()]


def test_toml_needs_tomlkit_and_json_does_not(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    result = run("sweep", "lenet5", "--input", "32,36", "--id", "0", "--save", tmp_path / "x.toml")
    assert (result.code, result.out) == (2, "")
    assert result.problems == [
        "--save of a TOML file needs tomlkit: run pip install '.[save]' in a clone of flopcount, or pip install tomlkit"
    ]
    assert run("sweep", "m5", "--width", "0.5,1", "--id", "0", "--save", tmp_path / "x.json").code == 0


def test_what_does_not_count_the_same_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is loaded and counted before anyone sees it."""
    from flopcount.case import Case
    from flopcount.case import load as load_network
    from flopcount.errors import UsageError

    monkeypatch.setattr(save, "written_out", lambda *_: [{"type": "Conv", "out_channels": 1, "kernel_size": 1}])
    case = Case(load_network("mobilenet_v2"), width=0.5)
    with pytest.raises(UsageError, match="cannot be counted"):
        save.saved(case, "x.toml")


def test_a_block_is_addressed_by_its_path(run: Run, write: Write) -> None:
    text = """input = [3, 8, 8]
layers = [{ type = "Block", name = "b", layers = [
  { type = "Block", name = "inner", layers = [{ type = "Conv", name = "c", out_channels = 3, kernel_size = 1 }] },
] }]"""
    path = write("a.toml", text)
    _, rows = counted(run, path, "--set", "b.inner.repeat=2", "--set", "b.repeat=2")
    assert [row[0] for row in rows] == ["b.1.inner.1.c", "b.1.inner.2.c", "b.2.inner.1.c", "b.2.inner.2.c"]


def test_what_is_inside_a_template_is_no_address(run: Run) -> None:
    result = run("resnet50", "--set", "layer1.2.width=32")
    assert (result.code, len(result.problems)) == (2, 1)
    assert "name a layer in it, such as layer1.2." in result.err
