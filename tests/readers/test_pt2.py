"""Exported programs of PyTorch: recorded counts, open sizes, and files that are no programs."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from pt2_files import call, graph, program, save, tensor
from reports import refused, told

FOLDER = Path(__file__).parents[1] / "oracles" / "pt2"
RECORDED = json.loads((FOLDER.parent / "pt2.json").read_text())["models"]

S = "Symbol('s77', positive=True, integer=True)@4"
TWICE = "Mul(Integer(2), Symbol('s89', positive=True, integer=True))@16"
WEIGHT, BIAS = tensor(8, 3, 3, 3, requires_grad=True), tensor(8, requires_grad=True)


@pytest.mark.parametrize("name", RECORDED)
def test_params_and_macs_are_those_that_pytorch_counts(name: str, run: Run) -> None:
    totals, figures = told(run, FOLDER / f"{name}.pt2")["totals"], RECORDED[name]
    assert (totals["params"], 2 * totals["macs"]) == (figures["params"], figures["forward_flops"])


@pytest.mark.parametrize("name", RECORDED)
def test_a_program_becomes_an_arch_file_that_costs_the_same(name: str, run: Run, tmp_path: Path) -> None:
    path, arch = FOLDER / f"{name}.pt2", tmp_path / "arch.toml"
    result = run("import", path, "-o", arch)
    assert result.code == 0, result.err
    assert told(run, arch)["totals"] == told(run, path)["totals"]


def test_blocks_are_the_modules(run: Run) -> None:
    rows = told(run, FOLDER / "resnet18.pt2", "--depth", "1")["layers"]
    modules = "conv1 bn1 relu maxpool layer1 layer2 layer3 layer4 avgpool flatten fc"
    assert [row["path"] for row in rows] == modules.split()
    paths = [row["path"] for row in told(run, FOLDER / "resnet18.pt2")["layers"]]
    assert "layer2.0.downsample.0" in paths


def convolved(*more: dict[str, Any], outputs: list[str], **made: Any) -> dict[str, Any]:
    """Return a convolution of maps with an open batch and an even height, then other calls."""
    first = call("conv2d.default", "y", "c", input="x", weight="p_c_weight", bias="p_c_bias", padding=[1, 1])
    size = call("sym_size.int", ":n", self="x", dim=0)
    return program(
        [size, first, *more],
        outputs,
        inputs={"x": tensor(S, 3, TWICE, 32)},
        params={"c.weight": WEIGHT, "c.bias": BIAS},
        made={"y": tensor(S, 8, TWICE, 32), **made},
        ranges={"s77": (2, 64), "s89": (8, 512)},
    )


@pytest.mark.parametrize(
    ("size", "macs"),
    [
        ("", 8 * 27 * 16 * 32),
        ("s89=32", 8 * 27 * 64 * 32),
        ("x=1x3x64x32", 8 * 27 * 64 * 32),
        ("s77=8,s89=32", 8 * 8 * 27 * 64 * 32),
        ("x=8x3x64x32", 8 * 8 * 27 * 64 * 32),
    ],
)
def test_open_sizes_are_those_asked_for_and_an_open_batch_is_one(
    run: Run, tmp_path: Path, size: str, macs: int
) -> None:
    """8 filters of 27 weights at each position of a map of 2·s89 by 32."""
    data = convolved(outputs=["y"])
    data["range_constraints"] = {}
    path = save(tmp_path / "net.pt2", data)
    assert told(run, path, *(["--input", size] if size else []))["totals"]["macs"] == macs


def test_sizes_that_follow_from_open_ones_are_computed_again(run: Run, tmp_path: Path) -> None:
    """A view to (n, 8·32·h) before a linear layer would need new weights; one to (n, 8, -1) does not."""
    view = call("view.default", "v", self="y", size=[":n", 8, -1])
    path = save(tmp_path / "net.pt2", convolved(view, outputs=["v"], v=tensor(S, 8, "Mul(Integer(64), Symbol('s89'))")))
    rows = told(run, path, "--input", "s89=20")["layers"]
    assert rows[-1]["output"] == [8, 40 * 32]


def test_sizes_are_computed_with_arithmetic_on_others(run: Run, tmp_path: Path) -> None:
    """A map of 2·s89 by 32 is parted into patches of 2 by 2: 8·4 numbers for each of s89·16 patches."""
    calls = [
        call("sym_size.int", ":h", self="y", dim=2),
        call("_operator.floordiv", ":half", **{"0": ":h", "1": 2}),
        call("_operator.mul", ":count", **{"0": ":half", "1": 16}),
        call("view.default", "v", self="y", size=[":n", ":count", 32]),
    ]
    sizes = tensor(S, "Mul(Integer(16), Symbol('s89'))", 32)
    path = save(tmp_path / "net.pt2", convolved(*calls, outputs=["v"], v=sizes))
    assert told(run, path, "--input", "s89=20")["layers"][-1]["output"] == [320, 32]


@pytest.mark.parametrize(
    ("size", "what"),
    [
        ("s77=99", "was exported for s77 from 2 to 64, so it cannot be 99; give one in this range"),
        ("x=4x3x2000x32", "s89 from 8 to 512 (size 2 of 'x' is 2*s89), so it cannot be 1,000"),
        ("x=4x3x15x32", "size 2 of 'x' is 2*s89, which cannot be 15; the nearest are 14 and 16"),
        ("x=4x3x16x33", "which fixes size 3: it cannot be 33"),
        ("s77=4,x=8x3x16x32", "s77 is 4 and 8"),
        ("height=3", "which keeps no names of Dims, has no input or size 'height'; expected one of s77, s89, x"),
    ],
)
def test_a_size_that_the_program_does_not_allow_is_an_error(run: Run, tmp_path: Path, size: str, what: str) -> None:
    path = save(tmp_path / "net.pt2", convolved(outputs=["y"]))
    refused(run, path, what, "--input", size)


def test_an_open_size_is_said_with_its_place_until_it_is_given(run: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "net.pt2", convolved(outputs=["y"]))
    said = "'x' of net.pt2 is s77×3×2*s89×32, with open sizes counted as in the example: s89 as 8"
    assert said in told(run, path)["notes"][1]
    assert told(run, path, "--input", "s89=20", "--batch", "4").get("notes", []) == []


def test_an_arch_file_keeps_sizes_open_that_grow_evenly(run: Run, tmp_path: Path) -> None:
    """Heights are even; no note says that sizes are open, as the arch file gives its input."""
    arch = tmp_path / "arch.toml"
    assert run("import", save(tmp_path / "net.pt2", convolved(outputs=["y"])), "-o", arch).code == 0
    totals = told(run, arch, "--input", "3x64x64")
    assert (totals["totals"]["macs"], totals.get("notes", [])) == (8 * 27 * 64 * 64, [])


@pytest.mark.parametrize(("options", "tokens"), [((), 5), (("--value", "n=7"), 7), (("--input", "n=9"), 9)])
def test_an_input_that_is_an_integer_has_a_value(
    run: Run, tmp_path: Path, options: tuple[str, ...], tokens: int
) -> None:
    """The first n of 10 tokens of 8 numbers, through 4 rows of 8 weights."""
    data = program(
        [
            call("slice.Tensor", "s", self="x", dim=1, start=0, end=":n"),
            call("linear.default", "y", "l", input="s", weight="p_l_weight"),
        ],
        ["y"],
        inputs={"x": tensor(1, 10, 8)},
        params={"l.weight": tensor(4, 8, requires_grad=True)},
        made={"s": tensor(1, "Symbol('s8')", 8), "y": tensor(1, "Symbol('s8')", 4)},
        numbers={"n": "Symbol('s8')@5"},
        ranges={"s8": (2, 10)},
    )
    path = save(tmp_path / "net.pt2", data)
    assert told(run, path, *options)["totals"]["macs"] == tokens * 8 * 4
    refused(run, path, "net.pt2 was exported for n from 2 to 10, so it cannot be 1", "--value", "n=1")


def test_what_is_written_into_a_view_is_in_the_tensor(run: Run, tmp_path: Path) -> None:
    """Z = zeros; z[:, :4] = y[:, 4:]: a convolution that reads z afterwards reads what depends on the input."""
    made = {"z": tensor(S, 8, TWICE, 32), "a": tensor(S, 4, TWICE, 32), "b": tensor(S, 4, TWICE, 32)}
    calls = [
        call("zeros_like.default", "z", self="y"),
        call("slice.Tensor", "a", self="y", dim=1, start=4, end=2**63 - 1),
        call("slice.Tensor", "b", self="z", dim=1, start=0, end=4),
        call("copy_.default", "c", self="b", src="a"),
        call("linear.default", "w", "fc", input="z", weight="p_c_bias"),
    ]
    calls[-1] = call("matmul.default", "w", "fc", self="z", other="z")
    calls.insert(4, call("transpose.int", "t", self="z", dim0=2, dim1=3))
    calls[-1] = call("matmul.default", "w", "fc", self="z", other="t")
    made |= {"c": made["b"], "w": tensor(S, 8, TWICE, TWICE), "t": tensor(S, 8, 32, TWICE)}
    path = save(tmp_path / "net.pt2", convolved(*calls, outputs=["w"], **made))
    assert told(run, path)["totals"]["macs"] == 8 * 27 * 16 * 32 + 8 * 16 * 16 * 32


def test_buffers_and_constants_are_no_params(run: Run, tmp_path: Path) -> None:
    """A blur with a kernel that is a buffer has MACs and no params."""
    blur = call("conv2d.default", "y", "blur", input="x", weight="b_blur_kernel", groups=3)
    data = program(
        [blur],
        ["y"],
        inputs={"x": tensor(1, 3, 8, 8)},
        buffers={"blur.kernel": tensor(3, 1, 3, 3)},
        made={"y": tensor(1, 3, 6, 6)},
    )
    totals = told(run, save(tmp_path / "net.pt2", data))["totals"]
    assert (totals["params"], totals["macs"]) == (0, 3 * 9 * 36)


def tied(*, saved: bool) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Two names of a table, of which one is read."""
    table = tensor(50, 4, requires_grad=True)
    data = program(
        [
            call("embedding.default", "e", "e", weight="p_o_weight", indices="x"),
            call("linear.default", "y", "o", input="e", weight="p_o_weight"),
        ],
        ["y"],
        inputs={"x": tensor(1, 5, dtype=5)},
        params={"e.weight": table, "o.weight": table, "other": tensor(3, requires_grad=True)},
        made={"e": tensor(1, 5, 4), "y": tensor(1, 5, 50)},
    )
    files = {"e.weight": "weight_0", "o.weight": "weight_0", "other": "weight_1" if saved else "weight_0"}
    config = {"config": {name: {"path_name": file} for name, file in files.items()}}
    return data, {"data/weights/model_weights_config.json": json.dumps(config).encode()}


@pytest.mark.parametrize("saved", [True, False])
def test_tied_weights_count_once_and_what_is_guessed_has_a_note(run: Run, tmp_path: Path, saved: bool) -> None:  # noqa: FBT001
    data, more = tied(saved=saved)
    found = told(run, save(tmp_path / "net.pt2", data, **more))
    assert found["totals"]["params"] == 50 * 4 + 3
    assert any("e.weight" in note for note in found["notes"]) == (not saved)


def test_layers_that_read_parts_of_a_parameter_have_their_own_part(run: Run) -> None:
    """Attention with other keys splits its weights of 3·64·64 and biases of 3·64: queries have a third of both."""
    found = told(run, FOLDER / "own_mha.pt2")
    params = {row["path"]: row["params"] for row in found["layers"]}
    assert (params["multihead_attn.linear"], params["multihead_attn.linear_2"]) == (64 * 65, 2 * 64 * 65)
    assert "shared-weights" not in found["note_codes"]


def test_a_module_that_is_called_twice_has_a_row_for_each_call(run: Run) -> None:
    paths = [row["path"] for row in told(run, FOLDER / "resnet18.pt2")["layers"]]
    assert [path for path in paths if path.startswith("layer1.0.relu")] == ["layer1.0.relu", "layer1.0.relu_2"]


def test_a_graph_inside_a_call_is_counted(run: Run, tmp_path: Path) -> None:
    inner = graph(["x"], [call("relu.default", "r", self="x")], ["r"], {"x": tensor(1, 4), "r": tensor(1, 4)})
    wrap = call("torch.ops.higher_order.wrap_with_set_grad_enabled", "y", **{"0": False, "1": inner, "2": "x"})
    data = program([wrap], ["y"], inputs={"x": tensor(1, 4)}, made={"y": tensor(1, 4)})
    assert [row["type"] for row in told(run, save(tmp_path / "net.pt2", data))["layers"]] == ["Activation", "Identity"]


def test_an_operator_that_is_not_known_is_named(run: Run, tmp_path: Path) -> None:
    data = program(
        [call("torch.ops.mylib.frobnicate.default", "y", self="x")],
        ["y"],
        inputs={"x": tensor(1, 4)},
        made={"y": tensor(1, 4)},
    )
    path = save(tmp_path / "net.pt2", data)
    refused(run, path, "it has operators that flopcount does not support: mylib.frobnicate")
    assert told(run, path, "--allow-unknown")["unknown"] == {"mylib.frobnicate": 1}


def called(place: str) -> dict[str, Any]:
    """Return a convolution that a line of a file calls, through one of PyTorch."""
    trace = f'File "{place}", line 7, in forward\n  File "/x/torch/nn/modules/conv.py", line 9, in forward'
    conv = call("conv2d.default", "y", "c", trace, input="x", weight="p_c_weight", bias="p_c_bias", padding=[1, 1])
    return program(
        [conv],
        ["y"],
        inputs={"x": tensor(1, 3, 8, 8)},
        params={"c.weight": WEIGHT, "c.bias": BIAS},
        made={"y": tensor(1, 8, 8, 8)},
    )


@pytest.mark.parametrize(
    ("place", "at"),
    [
        ("{here}/models/net.py", "models/net.py,line=7,col=1"),
        ("models/net.py", "models/net.py,line=7,col=1"),
        ("/home/of/another/models/net.py", "models/net.py,line=7,col=1"),
        ("/home/of/another/other.py", "net.pt2,line=1,col=1"),
        ("../../etc/passwd", "net.pt2,line=1,col=1"),
    ],
)
def test_a_finding_is_at_the_line_of_code_that_costs_if_its_file_is_here(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, at: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text("import torch\n")
    save(tmp_path / "net.pt2", called(place.format(here=tmp_path)))
    result = run("check", "net.pt2", "--max-macs", "1", "--format", "github")
    assert result.code == 1
    assert f"file={at}" in result.out


def test_rows_name_the_line_of_code(run: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "net.pt2", called("models/net.py"))
    assert [row["source"] for row in told(run, path)["layers"]] == ["models/net.py:7"]


ONE = {"x": tensor(1, 4)}
DEEP = '{"a":' * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "is not JSON"),
        (DEEP, "nested too deeply"),
        ("[]", "its graph is damaged"),
        ("{}", "its graph lacks 'schema_version'"),
        ('{"schema_version": {"major": 99}}', "version 99 of the schema"),
        ('{"schema_version": {"major": 8}}', "its graph lacks 'graph_module'"),
        (json.dumps(program([call("relu.default", "y", self="q")], ["y"], inputs=ONE)), "nothing makes"),
        (json.dumps(program([], ["q"], inputs=ONE)), "nothing makes"),
        (json.dumps(program([], [], inputs={})), "no input that is a tensor"),
    ],
)
def test_what_is_no_program_is_one_sentence(run: Run, tmp_path: Path, content: str, what: str) -> None:
    refused(run, save(tmp_path / "net.pt2", content), what)


def test_weights_and_pickles_are_never_opened(run: Run, tmp_path: Path) -> None:
    """A pickle that would make a file if it were opened makes none."""
    pickle = b"cposix\nsystem\n(S'touch %b'\ntR." % bytes(tmp_path / "opened")
    data = convolved(outputs=["y"])
    path = save(tmp_path / "net.pt2", data, **{"data/sample_inputs/model.pt": pickle})
    assert told(run, path)["totals"]["params"] == 8 * 27 + 8
    assert not (tmp_path / "opened").exists()


def test_a_bomb_is_refused_by_the_size_it_declares(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/models/model.json", b" " * (200 * 2**20))
    refused(run, path, "larger than 128 MiB")


TRAINED = {name: figures for name, figures in RECORDED.items() if "forward_backward_flops" in figures}
UNSEEN = {
    "swin_t": (22 * 4, "stochastic depth of 22 branches"),
    "own_mha": (2 * 4 * 2 * 4 * 30 * (30 + 17) + 32_768, "dropout of attention, rows of a weight that are not used"),
    "hf_mamba": (2 * 4 * 1536 * 16, "the exponential of a parameter, and the zeros that a state begins with"),
    "hf_bert": (12 * 2 * 4 * 12 * 32 * 32 + 8 * (512 + 32), "dropout of attention, ids of positions and of types"),
}
"""Bytes that operators keep which are not in the program, and which these are."""


@pytest.mark.parametrize("name", TRAINED)
def test_training_multiplies_what_pytorch_multiplies(name: str, run: Run) -> None:
    """PyTorch's backward starts at the first output; the pooler of BERT leads to another: 768² and its gradient."""
    totals = told(run, FOLDER / f"{name}.pt2", "--training", "--convention", "torch")["totals"]
    other = 2 * 2 * 768 * 768 if name == "hf_bert" else 0
    assert totals["flops"] - other == TRAINED[name]["forward_backward_flops"]


@pytest.mark.parametrize("name", TRAINED)
def test_training_keeps_what_pytorch_keeps(name: str, run: Run) -> None:
    totals = told(run, FOLDER / f"{name}.pt2", "--training")["totals"]
    unseen, _ = UNSEEN.get(name, (0, ""))
    assert totals["saved_bytes"] + unseen == TRAINED[name]["saved_bytes"]


def test_gradients_may_start_at_one_output(run: Run) -> None:
    """Without the gradients of the pooler, which reads the last layer of BERT."""
    path = FOLDER / "hf_bert.pt2"
    rows = [row["path"] for row in told(run, path)["layers"]]
    last = rows[next(place for place, path in enumerate(rows) if "pooler" in path) - 1]
    totals = told(run, path, "--training", "--loss-from", last)["totals"]
    assert 2 * totals["macs"] == TRAINED["hf_bert"]["forward_backward_flops"]


@pytest.mark.parametrize(
    ("size", "options", "what"),
    [
        ("s0**s0**s0**s0@4", ("--input", "s0=64"), "has no value at these sizes"),
        (2**63, (), "sizes go from"),
        ("Infinity", (), "its graph is damaged"),
    ],
)
def test_a_size_that_no_tensor_has_is_refused(
    run: Run, tmp_path: Path, size: int | str, options: tuple[str, ...], what: str
) -> None:
    data = json.dumps(
        program([call("relu.default", "y", self="x")], ["y"], inputs={"x": tensor(1)}, made={"y": tensor(1)})
    )
    own = json.dumps(tensor(size)["sizes"]) if size != "Infinity" else '[{"as_int": Infinity}]'
    path = save(tmp_path / "net.pt2", data.replace('[{"as_int": 1}]', own))
    refused(run, path, what, *options)


def test_shares_that_do_not_make_the_whole_are_refused(run: Run, tmp_path: Path) -> None:
    """An axis of a billion in shares of 1, of which the call names one: no list of a billion is made."""
    calls = [call("split.Tensor", ("y",), "", "", self="x", split_size=1)]
    data = program(calls, ["y"], inputs={"x": tensor(10**9, 4)}, made={"y": tensor(1, 4)})
    refused(run, save(tmp_path / "net.pt2", data), "do not make")


def test_the_layout_of_older_files_is_read(run: Run, tmp_path: Path) -> None:
    """Until 2.7 a program was in a member of its own, with sizes as SymPy prints them and pickles beside it."""
    data = json.dumps(convolved(outputs=["y"]))
    data = (
        data.replace(S.partition("@")[0], "s77")
        .replace(TWICE.partition("@")[0], "2*s89")
        .replace('"as_none": null', '"as_none": []')
    )
    old = json.loads(data)
    old["schema_version"] = {"major": 7, "minor": 2}
    old["range_constraints"] = {name: {"min_val": 2, "max_val": 2**63 - 2} for name in ("s77", "s89")}
    pickles = dict.fromkeys(("serialized_state_dict.pt", "serialized_constants.pt", "version"), b"\x80")
    path = save(tmp_path / "net.pt2", old, "serialized_exported_program.json", **pickles)
    assert told(run, path, "--input", "x=8x3x64x32")["totals"]["macs"] == 8 * 8 * 27 * 64 * 32
    refused(run, path, "exported for s77 2 or more", "--input", "s77=1")
