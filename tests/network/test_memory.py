"""The bytes of a network: its precision, and the tensors that are alive at once."""

import json
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.case import Case, load

BYTES = ("weight_bytes", "activation_bytes", "traffic", "peak", "peak_unfused", "peak_inplace", "peak_unfused_inplace")

BRANCHES = """
input = [4, 8, 8]
layers = [
  { type = "Conv", name = "a", out_channels = 8, kernel_size = 1, bias = false },
  { type = "BatchNorm", name = "b" },
  { type = "Activation", name = "c", function = "relu" },
  { type = "Conv", name = "d", out_channels = 8, kernel_size = 1 },
  { type = "Add", name = "e", after = ["c", "d"] },
  { type = "Flatten", name = "f" },
  { type = "Linear", name = "g", out_features = 3 },
]
"""


def totals(run: Run, *arguments: str, text: str = BRANCHES) -> dict[str, Any]:
    found = run("-", *arguments, "--metrics", ",".join(BYTES), "--format", "json", stdin=text.encode())
    assert found.code == 0, found.err
    totals: dict[str, Any] = json.loads(found.out)["totals"]
    return totals


def test_what_is_alive_is_counted_by_hand(run: Run) -> None:
    """Maps of 256 and 512 floats: a + b + c are one tensor if fused; e reads c and d, and writes a third."""
    found = totals(run)
    assert found["peak"] == 4 * (512 + 512 + 512)
    assert found["peak_unfused"] == 4 * (512 + 512 + 512)
    assert found["peak_inplace"] == 4 * (512 + 512)  # e writes over c
    assert found["peak_unfused_inplace"] == 4 * (512 + 512)
    assert found["activation_bytes"] == 4 * (6 * 512 + 3)


def test_norms_and_activations_in_layers_of_their_own_raise_the_peak_unless_they_are_fused(run: Run) -> None:
    text = BRANCHES.replace('type = "Add", name = "e", after = ["c", "d"]', 'type = "Identity", name = "e"')
    found = totals(run, text=text.replace("input = [4", "input = [1"))
    assert found["peak"] == found["peak_unfused"] == 4 * (512 + 512)
    text = text.split('  { type = "Conv", name = "d"')[0] + "]"
    found = totals(run, text=text.replace("input = [4", "input = [1"))
    assert [found[name] for name in BYTES[3:]] == [4 * (64 + 512), 4 * 1024, 4 * (64 + 512), 4 * (64 + 512)]


def test_traffic_is_weights_inputs_and_outputs_and_a_view_moves_nothing(run: Run) -> None:
    """A 32 weights, b 16, d 72, g 1,539; every layer reads and writes its maps, f is a view."""
    found = totals(run)
    maps = (256 + 512) + 2 * 512 + 2 * 512 + 2 * 512 + 3 * 512 + (512 + 3)
    assert found["weight_bytes"] == 4 * (32 + 16 + 72 + 1539)
    assert found["traffic"] == 4 * (32 + 16 + 72 + 1539 + maps)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("int8", 32 + 16 + 72 + 1539),
        ("float16", 2 * 1659),
        ("weights=4", 16 + 4 + 4 + 32 + 4 + 768 + 2),  # 1,536 weights and 3 biases of g: 768 and 2 bytes
        ("weights=4,biases=32", 16 + 4 + 32 + 32 + 32 + 768 + 12),
        ("weights=1;last:int8", 4 + 1 + 1 + 8 + 1 + 1539),
        ("weights=4;first:int8", 32 + 4 + 4 + 32 + 4 + 768 + 2),
        ("w4a8;g:weights=16", 16 + 4 + 4 + 32 + 4 + 2 * 1539),
        # rows of 512 in 16 groups of 32: 16 bytes and a scale of 2 each; rows of 4 and 8 take the room of a group
        ("weights=4,group=32", 8 * 18 + 4 + 4 + 8 * 18 + 4 + 3 * 16 * 18 + 2),
        ("weights=4,group=128,zero_points=4,scales=32", 2 * 8 * (64 + 4 + 1) + 12 + 3 * (4 * 68 + 2) + 2),
    ],
)
def test_weights_take_the_bits_they_are_given(precision: str, expected: int, run: Run) -> None:
    assert totals(run, "--precision", precision)["weight_bytes"] == expected


def test_a_table_in_the_file_says_the_precision_and_the_option_takes_its_place(run: Run) -> None:
    text = 'precision = "int8"\n' + BRANCHES
    assert totals(run, text=text)["peak"] == 3 * 512
    assert totals(run, "--precision", "int16", text=text)["peak"] == 3 * 1024
    text = BRANCHES + '[precision]\nactivations = 8\n[precision.layers]\n"?" = { weights = 8 }\n'
    assert totals(run, text=text)["weight_bytes"] == 1659


@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("int7", "there is no precision 'int7'; did you mean 'int8'?"),
        ("weights=4;convx:int8", "no layer matches 'convx'"),
        ("weights=0", "expected a number of bits (1 to 64)"),
        ("weights=x", "takes a whole number"),
        ("wights=8", "did you mean 'weights'?"),
        ("weights=4,weights=8", "weights is given twice"),
        ("int8;int4", "is no PATTERN:PRECISION"),
        ("", "there is no precision ''"),
        ("4", "expected a type such as int8, w4a8, or bits by name: weights=4"),
        ("first:int8", "the bits of all layers go first; write float32;first:int8"),
        ("g*:int8;d:int4", "write float32;g*:int8"),
        ("int4,first:int8", "a semicolon goes before PATTERN:PRECISION; write int4;first:int8"),
    ],
)
def test_a_precision_that_makes_no_sense_is_an_error(precision: str, words: str, run: Run) -> None:
    for metrics in ("weight_bytes", "params"):
        found = run("-", "--precision", precision, "--metrics", metrics, stdin=BRANCHES.encode())
        assert (found.code, found.out) == (2, "")
        assert words in found.err, found.err


def test_patterns_of_a_file_that_match_no_layer_are_errors_at_their_places(run: Run, write: Write) -> None:
    table = '[precision.layers]\n"a" = "int8"\nfirsst = "int8"\n"x*" = { weights = 8 }\n'
    path = write("net.toml", BRANCHES + table)
    for command in (["count"], ["check", "--max-macs", "1M"], ["compare", "lenet5"]):
        found = run(*command, path)
        assert found.code == 2, found.out
        line = BRANCHES.count("\n") + 3
        for words in (f"net.toml:{line}:1: ", "no layer matches 'firsst'", f"net.toml:{line + 1}:1: ", "'x*'"):
            assert words in found.err + found.out


def test_the_groups_of_an_embedding_are_parts_of_its_vectors(run: Run) -> None:
    """5 vectors of 6 numbers: 2 groups of 4 numbers each, a group 2 bytes and a scale of 2."""
    text = 'input = [7]\nlayers = [{ type = "Embedding", num_embeddings = 5, embedding_dim = 6 }]\n'
    assert totals(run, "--precision", "weights=4,group=4", text=text)["weight_bytes"] == 5 * 2 * (2 + 2)


RECURRENT = """
input = [10, 64]
layers = [{ type = "LSTM", name = "a", hidden_size = 32 }, { type = "Linear", name = "b", out_features = 10 }]
"""


def test_a_recurrent_layer_is_one_with_weights(run: Run) -> None:
    """4·32·(64 + 32) weights and 2·4·32 biases of 8 bits, then 330 numbers of 4; each MAC of the first is 8·8 bits."""
    found = totals(run, "--precision", "w4a8;first:int8", "--columns", "bit_ops", text=RECURRENT)
    assert found["weight_bytes"] == 4 * 32 * 96 + 2 * 4 * 32 + 160 + 5
    assert found["bit_ops"] == 10 * 4 * 32 * 96 * 64 + 10 * 320 * 4 * 8


def test_weights_of_a_recurrent_layer_are_in_groups_too(run: Run) -> None:
    """32 units with 4·96 weights each: 12 groups of 32, each 16 bytes and a scale of 2; 256 biases of 4 bits."""
    found = totals(run, "--precision", "weights=4,group=32;b:weights=32", text=RECURRENT)
    assert found["weight_bytes"] == 32 * 12 * 18 + 128 + 4 * 330


def test_layers_that_are_compared_by_form_have_the_bytes_of_their_precision(run: Run, write: Write) -> None:
    """No layer of one file has the name of one of the other; each has an activation inside.

    16 weights and 4 biases at 8 bits, in the last layer at 4; each writes 4·8·8 elements,
    the activation inside nothing more.
    """
    layer = '{ type = "Conv", out_channels = 4, kernel_size = 1, activation = "tanh", name = "%s" }'
    layers = (
        "input = [4, 8, 8]\nlayers = [" + ",".join(layer % name for name in names) + "]" for names in ("abc", "xy")
    )
    one, other = (write(f"{name}.toml", text) for name, text in zip("ab", layers, strict=True))
    weighed = ("--precision", "int8;last:int4", "--metrics", "weight_bytes,activation_bytes")
    data = json.loads(run("diff", str(other), str(one), *weighed, "--format", "json", "--all").out)
    assert [each["weight_bytes_after"] for each in data["layers"]] == [20, 20, 10]
    assert [each["activation_bytes_after"] for each in data["layers"]] == [256, 256, 128]
    assert [each["weight_bytes_before"] for each in data["layers"]] == [20, 10, None]


def test_a_comma_at_the_end_of_the_metrics_names_none(run: Run) -> None:
    found = run("-", "--metrics", "peak,", "--format", "json", stdin=BRANCHES.encode())
    assert found.code == 0, found.err
    assert [*json.loads(found.out)["totals"]] == ["params", "macs", "peak"]


def test_closed_forms_say_the_precision_of_their_bytes(run: Run) -> None:
    out = run("formula", "lenet5", "--metrics", "peak", "--precision", "int8").out
    assert "precision: int8" in out


@pytest.mark.parametrize(
    ("network", "changes", "expected"),
    [
        # MCUNet (Lin et al., 2020): 248,832 + 62,208
        ("mobilenet_v2", {"width": "0.35", "input": 144, "precision": "int8"}, 311_040),
        # TensorFlow Lite Micro takes 294,912 with activations apart; alive are 48×48×16 and 48×48×8
        ("mobilenet_v1_1.0_224", {"width": "0.25", "input": 96}, 4 * 48 * 48 * 24),
    ],
)
def test_published_peaks(network: str, changes: dict[str, Any], expected: int) -> None:
    assert Case(load(network), metrics=("peak",), **changes).count.total["peak"] == expected


def test_a_budget_limits_bytes_at_a_precision(run: Run, write: Write) -> None:
    """3 maps of 512 elements are alive: 1,536 bytes of int8, 3,072 of int16."""
    budget = '[[budget]]\nwhen = { precision = ["int8", "int16"] }\npeak = "1.6 kB"\n'
    found = run("check", write("net.toml", BRANCHES + budget))
    assert found.code == 1
    (line,) = [line for line in found.out.splitlines() if "FC101" in line]
    assert "--precision int16" in line
    assert "3.072 kB" in line


def test_a_precision_of_a_rule_that_makes_no_sense_is_an_error_at_its_place(run: Run, write: Write) -> None:
    budget = '[[budget]]\nwhen = { precision = ["int8", "int9"] }\npeak = "1.6 kB"\n'
    found = run("check", write("net.toml", BRANCHES + budget))
    line = BRANCHES.count("\n") + 2
    assert (found.code, f"net.toml:{line}:" in found.out, "did you mean 'int8'?" in found.out) == (2, True, True)


def test_eight_bits_are_suggested_where_they_would_fit(run: Run, write: Write) -> None:
    """3 maps of 512 elements: 6,144 bytes of float32, 1,536 of int8; MACs do not depend on the precision."""
    path = write("net.toml", BRANCHES)
    assert "--precision int8 → 1.536 kB" in run("check", path, "--max-peak", "2 kB").out
    assert "--precision" not in run("check", path, "--max-peak", "1.5 kB").out
    assert "--precision" not in run("check", path, "--max-macs", "1k").out


def test_a_peak_is_swept_and_has_a_closed_form(run: Run) -> None:
    """The first depthwise convolution of MobileNet v2 with stride 2 has 96 channels: 96·(r/2)² + 96·(r/4)² = 30·r²."""
    options = ("--input", "96,144", "--precision", "int8", "--metrics", "peak", "--format", "json")
    found = json.loads(run("sweep", "mobilenet_v2", *options).out)
    assert [each["peak"] for each in found["candidates"]] == [30 * 96**2, 30 * 144**2]
    assert "120·r²" in run("formula", "mobilenet_v2", "--metrics", "peak").out
    assert "function of the whole network" in run("formula", "mobilenet_v2", "--metrics", "intensity").err


def test_the_input_has_the_bits_of_all_layers_unless_it_is_named(run: Run) -> None:
    """a, d and g have 2,048, 4,096 and 1,536 MACs; a alone has 8 bits, and reads the input of 4 or 8."""
    rest = (4096 + 1536) * 4 * 4
    for own, expected in (("", 2048 * 8 * 4), (";input:int8", 2048 * 8 * 8)):
        line = ("-", "--precision", f"w4a4;first:int8{own}", "--metrics", "bit_ops", "--format", "json")
        found = json.loads(run(*line, stdin=BRANCHES.encode()).out)
        assert found["totals"]["bit_ops"] == expected + rest


def test_bit_operations_follow_from_the_bits_of_both_factors(run: Run) -> None:
    """a: 2,048 MACs of 8 × 8 bits (4 products each), d: 4,096 of 4 × 8 (8), g: 1,536 of 1 × 8 (512)."""
    options = ("--precision", "w4a8;a:int8;g:weights=1", "--metrics", "bit_ops,bit_ops_uniq,bit_ops_words")
    found = run("-", *options, "--format", "json", stdin=BRANCHES.encode())
    totals = json.loads(found.out)["totals"]
    assert totals["bit_ops"] == 2048 * 64 + 4096 * 32 + 1536 * 8
    assert totals["bit_ops_uniq"] == 2048 * (64 + 16 + 2) + 4096 * (32 + 12 + 3) + 1536 * (8 + 9 + 9)
    assert totals["bit_ops_words"] == 2048 + 4096 + 1536
    wide = run(
        "-", *options[:1], f"{options[1]};*:accumulators=32", *options[2:], "--format", "json", stdin=BRANCHES.encode()
    )
    assert json.loads(wide.out)["totals"]["bit_ops_uniq"] == 2048 * (64 + 32) + 4096 * (32 + 32) + 1536 * (8 + 32)
    found = run("-", "--precision", "binary", "--metrics", "bit_ops_words", "--format", "json", stdin=BRANCHES.encode())
    assert json.loads(found.out)["totals"]["bit_ops_words"] == (2048 + 4096 + 1536) // 64


def test_a_convention_in_flops_has_the_bit_operations_of_its_macs(run: Run) -> None:
    """1,814,073,344 MACs of factors of 32 bits."""
    for name in ("macs", "torch", "deepspeed"):
        line = ("resnet18", "--convention", name, "--metrics", "bit_ops", "--format", "json")
        assert json.loads(run(*line).out)["totals"]["bit_ops"] == 1_814_073_344 * 32 * 32, name
