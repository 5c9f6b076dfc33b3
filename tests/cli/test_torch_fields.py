"""Fields and inputs as PyTorch has them: decimal factors, axes that stay, tokens as an input."""

import csv
import json
from math import floor
from typing import Any

import pytest
from conftest import Run, Write


def counted(run: Run, write: Write, text: str, *options: str) -> Any:
    """Count an arch file; return the JSON."""
    result = run(write("net.toml", text), *options, "--format", "json")
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.mark.parametrize(
    ("factor", "size", "output"),
    [
        ("0.5", "10", [8, 5, 5]),
        ("1.5", "11", [8, 16, 16]),
        ("[0.5, 1.5]", "10", [8, 5, 15]),
        ("0.7", "10", [8, 7, 7]),  # the product is rounded to 7.0 …
        ("0.7", "90", [8, 62, 62]),  # … and here to 62.99999999999999: torch 2.13 has 62 too
        ("0.29", "100", [8, 28, 28]),
        ("3", "10", [8, 30, 30]),
    ],
)
def test_a_map_grows_by_a_decimal(run: Run, write: Write, factor: str, size: str, output: list[int]) -> None:
    """Torch rounds the product to 64 bits, then down: torch.nn.functional.interpolate on (1, 8, size, size)."""
    text = f'input = [8, 10, 10]\nlayers = [ {{ type = "Interpolate", scale_factor = {factor} }} ]'
    assert counted(run, write, text, "--input", size)["layers"][0]["output"] == output


NET = """
input = [1, 10]
layers = [ { type = "Interpolate", name = "up", scale_factor = 0.7 },
           { type = "Conv", out_channels = 1, kernel_size = 1, bias = false } ]
"""


def test_decimal_factors_are_exact_in_sweeps(run: Run, write: Write) -> None:
    """One MAC for each position of the map: the floor of a product of floats, whatever the factor."""
    factors = "0.29,0.3333333333333333,0.5,0.7,1.3,1.3333333333333333,2"
    asked = ("--input", "10:200", "--set", f"up.scale_factor={factors}", "--top", "9999", "--format", "csv")
    for options in (asked, (*asked[:2], *asked[4:])):
        rows = [*csv.DictReader(run("sweep", write("net.toml", NET), *options).out.splitlines())]
        assert len(rows) == 191 * (len(factors.split(",")) if options is asked else 1)
        for row in rows:
            assert int(row["macs"]) == floor(int(row["input"]) * float(row.get("up.scale_factor", 0.7)))


def test_a_decimal_of_a_field_is_swept_value_by_value(run: Run, write: Write) -> None:
    """What no field takes is refused between the ends too."""
    result = run("sweep", write("net.toml", NET), "--set", "Conv2.kernel_size=1,1.5,3")
    assert (result.code, "invalid kernel_size 1.5" in result.err) == (2, True)


def test_an_argument_may_be_a_factor(run: Run, write: Write) -> None:
    text = """
input = [4, 10, 10]
layers = [ { type = "up", factor = 1.5 } ]
[templates.up]
required = ["factor"]
layers = [ { type = "Interpolate", scale_factor = ["factor", 0.5] } ]
"""
    assert counted(run, write, text)["layers"][0]["output"] == [4, 15, 5]


def test_a_map_that_vanishes_is_refused(run: Run, write: Write) -> None:
    result = run(write("net.toml", NET), "--input", "1")
    assert result.code == 2
    assert "up: the map vanishes: an axis of size 1 is resized to 0" in result.err


def test_an_adaptive_pool_may_leave_an_axis(run: Run, write: Write) -> None:
    """torch.nn.AdaptiveAvgPool2d((1, None)): the file holds for every width."""
    text = 'input = [8, 7, 10]\nlayers = [ { type = "AdaptiveAvgPool", output_size = [1, "none"] } ]'
    assert counted(run, write, text)["layers"][0]["output"] == [8, 1, 10]
    assert counted(run, write, text, "--input", "7x23")["layers"][0]["output"] == [8, 1, 23]


@pytest.mark.parametrize(
    ("layers", "size", "costs"),
    [
        ('{ type = "Linear", out_features = 8 }', "[10, 3]", (32, 240)),
        ('{ type = "LayerNorm" }, { type = "Linear", out_features = 8 }', "[10, 3]", (38, 240)),
        ('{ type = "LSTM", hidden_size = 7, proj_size = 3 }', "[13, 11]", (469, 5369)),
        # 4·D² + 4·D; n·4·D² + 2·n²·D
        ('{ type = "MultiheadAttention", num_heads = 4 }', "[580, 512]", (1_050_624, 952_647_680)),
    ],
)
def test_layers_of_tokens_read_an_input_of_tokens(
    run: Run, write: Write, layers: str, size: str, costs: tuple[int, int]
) -> None:
    """An input is tokens × channels, as PyTorch has it, without its batch."""
    text = f"input = {size}\nlayers = [ {layers} ]"
    totals = counted(run, write, text)["totals"]
    assert (totals["params"], totals["macs"]) == costs
    batched = counted(run, write, text, "--batch", "5")
    assert (batched["totals"]["params"], batched["totals"]["macs"]) == (costs[0], 5 * costs[1])
    assert any("tokens × channels" in note for note in batched["notes"]) == ("Linear" in layers)


def test_the_size_of_an_input_of_tokens_is_their_number(run: Run, write: Write) -> None:
    """--input, sweeps and closed forms leave the channels: 24 MACs for each token."""
    path = write("net.toml", 'input = [10, 3]\nlayers = [ { type = "Linear", out_features = 8 } ]')
    assert json.loads(run(path, "--input", "20", "--format", "json").out)["totals"]["macs"] == 480
    rows = csv.DictReader(run("sweep", path, "--input", "10,20", "--batch", "1,2", "--format", "csv").out.splitlines())
    assert [int(row["macs"]) for row in rows] == [240, 480, 480, 960]
    assert "24·r" in run("formula", path).out


@pytest.mark.parametrize("size", ["[1, 28, 28]", "[3, 32]"])
def test_a_map_still_needs_a_flatten(run: Run, write: Write, size: str) -> None:
    """What a window or another layer of maps read first is no sequence of tokens."""
    first = '{ type = "Conv", out_channels = 2, kernel_size = 3 }, ' if size == "[3, 32]" else ""
    result = run(write("net.toml", f'input = {size}\nlayers = [ {first}{{ type = "Linear", out_features = 8 }} ]'))
    assert (result.code, "Flatten" in result.err) == (2, True)


@pytest.mark.parametrize("counter", ["thop", "torch", "ptflops"])
def test_no_counter_was_measured_on_a_projected_state(run: Run, write: Write, counter: str) -> None:
    """With proj_size = 3 and without, thop 0.1.1 prints 8,008; FlopCounterMode prints 10,738 and 0."""
    text = 'name = "n"\ninput = [13, 11]\nlayers = [{ type = "LSTM", hidden_size = 7, proj_size = 3 }]\n'
    path = write("lstm.toml", text)
    assert json.loads(run(path, "--format", "json").out)["note_codes"] == []
    report = json.loads(run(path, "--convention", counter, "--format", "json").out)
    assert report["note_codes"] == ["counter-unmeasured"]
