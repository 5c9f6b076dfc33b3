"""`flopcount import`: what is written costs the same, has the same paths, and says where it is from."""

import json
from pathlib import Path

import pytest
from conftest import Process, Run, Write

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of

FOLDER = Path(__file__).parent.parent / "oracles" / "onnx"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
SIZE = ("--input", "1x3x224x224")


def costs(result: Count) -> dict[str, object]:
    """Return what is counted of each layer, by its path."""
    return {path: (step.shape.dims, step.tally.counts) for path, step in result.trace.steps.items()}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_costs_the_same_layer_by_layer(run: Run, tmp_path: Path, name: str) -> None:
    path, size = FOLDER / f"{name}.onnx", SIZE if name.endswith("dynbatch") else ()
    assert run("import", path, *size, "-o", tmp_path / "arch.toml").code == 0
    kept = count_of(str(tmp_path / "arch.toml"), Options())
    read = count_of(str(path), Options(size=size[1] if size else None))
    assert costs(kept) == costs(read)


def test_repeated_blocks_make_the_file_short(run: Run) -> None:
    """Twelve blocks of a vision transformer are a template and twelve rows."""
    short, flat = (run("import", FOLDER / "vit_tiny_patch16_224.onnx", *flags).out for flags in ((), ("--flat",)))
    assert (short.count("\n") < 70, flat.count("\n") > 250) == (True, True)
    assert short.count('type = "blocks_block"') == 12


def test_the_file_says_where_it_is_from(run: Run) -> None:
    first, *_ = run("import", FOLDER / "resnet18.onnx").out.splitlines()
    assert first == "# Written by `flopcount import resnet18.onnx`; it contains no weights."


def test_a_count_of_the_written_file_says_the_notes_of_the_model(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "dedup.toml"
    run("import", FOLDER / "resnet18__dedup.onnx", "-o", path)
    now, before = (json.loads(run(name, "--format", "json").out) for name in (path, FOLDER / "resnet18__dedup.onnx"))
    assert now["notes"] == before["notes"] != []


CROPPED = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 10 input_dim: 10
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "cut" type: "Crop" bottom: "data" bottom: "a" top: "cut" crop_param { axis: 2 } }
layer { name: "b" type: "Convolution" bottom: "cut" top: "b" convolution_param { num_output: 4 kernel_size: 1 } }
"""
"""A map cut to the size of another: an arch file can only say that size as a number."""


def test_a_layer_that_fixes_the_size_is_named_at_another_input(run: Run, tmp_path: Path) -> None:
    model, path = tmp_path / "crop.prototxt", tmp_path / "crop.toml"
    model.write_text(CROPPED)
    assert run("import", model, "-o", path).code == 0
    sizes = [run(path, "--format", "json", *size).code for size in ((), ("--input", "10"), ("--batch", "2"))]
    refused = run(path, "--input", "20")
    assert (sizes, refused.code) == ([0, 0, 0], 2)
    assert "the size of cut holds for 10 only" in refused.err


@pytest.mark.parametrize("size", ["160", "224x192", "257"])
def test_a_written_file_costs_what_the_model_does_at_another_input(run: Run, tmp_path: Path, size: str) -> None:
    """A convolution, pools of 2 and an enlargement by 2: nothing fixes the size."""
    model, path = tmp_path / "up.cfg", tmp_path / "up.toml"
    layers = "[conv]\nfilters=8\nsize=3\npad=1\nstride=2\n[max]\nsize=2\nstride=2\n[upsample]\nstride=2\n[conv]\n"
    model.write_text(f"[net]\nchannels=3\nheight=64\nwidth=64\n{layers}")
    run("import", model, "-o", path)
    ours, theirs = (json.loads(run(each, "--input", size, "--format", "json").out) for each in (path, model))
    assert ours["layers"] == theirs["layers"]


def test_json_is_written_to_a_file_that_is_called_so(run: Run, tmp_path: Path) -> None:
    run("import", FOLDER / "alexnet.onnx", "-o", tmp_path / "alexnet.json")
    assert json.loads((tmp_path / "alexnet.json").read_text(encoding="utf-8"))["input"] == [3, 224, 224]


def test_an_arch_file_is_written_in_the_other_notation(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lenet5.json"
    assert run("import", "lenet5", "-o", path).code == 0
    ours, theirs = (json.loads(run(name, "--format", "json").out) for name in (path, "lenet5"))
    assert (ours["layers"], ours["totals"]) == (theirs["layers"], theirs["totals"])
    assert "already" in run("import", "lenet5").err


def test_a_model_is_read_by_every_command(run: Run) -> None:
    path = FOLDER / "alexnet.onnx"
    assert run("compare", path, "alexnet").code == 0
    assert run("whatif", path, "--to", "DepthSepConv").code == 0
    assert run("formula", path, "--in", "batch").code == 0
    assert run("sweep", path, "--set", "classifier.4.out_features=1024,2048").code == 0


def test_a_wrong_setting_names_the_layer_and_no_line(run: Run) -> None:
    result = run(FOLDER / "alexnet.onnx", "--set", "features.0.kernel_size=999")
    assert (result.code, "features.0: output would be empty" in result.problems[0]) == (2, True)


@pytest.mark.parametrize("module", ["flopcount.readers.base", "flopcount.readers.onnx.read"])
def test_counting_an_arch_file_imports_no_importer(process: Process, module: str) -> None:
    result = process("lenet5", "--format", "csv", PYTHONVERBOSE="1")
    assert f"import '{module}'" not in result.err


def test_counting_a_model_imports_no_framework(process: Process) -> None:
    result = process(FOLDER / "alexnet.onnx", "--format", "csv", PYTHONVERBOSE="1")
    found = [name for name in ("numpy", "onnx", "google.protobuf", "torch") if f"import '{name}'" in result.err]
    assert (result.code, found) == (0, [])


SEQUENTIAL = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8], "name": "i"}},
            {"class_name": "Dense", "config": {"name": "d", "units": 4}},
            {"class_name": "MyLayer", "config": {"name": "m"}},
        ],
    },
}
"""8·4 MACs and 4 biases more in params; what MyLayer costs nobody knows."""


def test_what_was_left_out_is_still_said_of_the_arch_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seq.json").write_text(json.dumps(SEQUENTIAL))
    assert run("import", "seq.json", "--allow-unknown", "-o", "seq.toml").code == 0
    counted = json.loads(run("seq.toml", "--format", "json").out)
    assert counted["totals"] == {"params": 36, "macs": 32}
    assert (counted["at_least"], counted["unknown"]) == (True, {"MyLayer": 1})


def test_no_limit_is_held_against_a_total_of_at_least(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seq.json").write_text(json.dumps(SEQUENTIAL))
    text = run("import", "seq.json", "--allow-unknown").out
    Path("seq.toml").write_text(f'{text}\n[budget]\nmacs = "1M"\n')
    result = run("check", "seq.toml")
    assert result.code == 2
    assert "FC902 unsupported operators were skipped" in result.out


def test_a_written_file_takes_a_batch(run: Run, tmp_path: Path) -> None:
    run("import", FOLDER / "vit_tiny_patch16_224.onnx", "-o", tmp_path / "vit.toml")
    one = count_of(str(tmp_path / "vit.toml"), Options())
    four = count_of(str(tmp_path / "vit.toml"), Options(batch=4))
    assert (four.total.macs, four.total.params) == (4 * one.total.macs, one.total.params)


@pytest.mark.parametrize("options", [("--flat",), ("--input", "32"), ("--batch", "3")])
def test_an_arch_file_is_converted_as_it_is(options: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    result = run("import", "lenet5", *options, "-o", str(tmp_path / "a.json"))
    assert (result.code, (tmp_path / "a.json").exists()) == (2, False)
    assert options[0] in result.err


NULLS = """{"input": [4, 8, 8], "defaults": {"norm": "batch"}, "layers": [
 {"type": "Conv", "name": null, "out_channels": 4, "kernel_size": 3, "norm": null},
 {"type": "AdaptiveAvgPool", "output_size": [null, 3]}]}"""


def test_a_null_of_json_is_a_word_or_left_out_in_toml(run: Run, write: Write) -> None:
    """4·4·3·3 weights and 4 biases: without the batch norm that is the default, which would have 8 params more."""
    path = write("a.toml", run("import", write("a.json", NULLS)).out)
    assert json.loads(run(path, "--format", "json").out)["totals"]["params"] == 4 * 4 * 3 * 3 + 4
    pool = '{"type": "AvgPool", "kernel_size": 3, "stride": null}'
    refused = run("import", write("b.json", f'{{"input": [4, 8, 8], "defaults": {{"stride": 2}}, "layers": [{pool}]}}'))
    assert (refused.code, refused.out) == (2, "")
    assert "stride is null against a default" in refused.err


def test_a_map_that_does_not_exist_is_no_row_of_a_topology(run: Run, tmp_path: Path) -> None:
    result = run("import", "mobilenet_v1", "-o", str(tmp_path / "a.csv"))
    assert (result.code, "a map that does not exist" in result.err) == (2, True)
