"""Misspelt words and impossible values of an arch file."""

import pytest
from badfile import ANYWHERE, CONV, INPUT, Bad, amiss, layers
from conftest import Run, Write

READS_A = '{ type = "Dropout", after = ["a"] }'

SPELLING = {
    "unknown key": Bad(
        "a.toml",
        layers(CONV, '{ type = "Conv", out_channels = 4, kernel_size = 3, strde = 2 }'),
        [("4:53:", "Conv2", "strde", "did you mean 'stride'")],
    ),
    "unknown key of the file": Bad(
        "a.toml", f"inptu = [3]\n{layers(CONV)}", [("1:1:", "inptu", "did you mean 'input'")]
    ),
    "unknown key without a neighbour": Bad("a.toml", f"{INPUT}zz = 1\nlayers = [{CONV}]", [("2:1:", "zz", "layers")]),
    "unknown kind": Bad("a.toml", layers('{ type = "Covn" }'), [("3:1:", "layer 1", "Covn", "did you mean 'Conv'")]),
    "unknown kind in other letters": Bad("a.toml", layers('{ type = "conv2d" }'), [("3:1:", "conv2d", "'Conv'")]),
    "unknown default": Bad(
        "a.toml",
        f"{layers(CONV)}[defaults]\nbiass = true\n",
        [("6:1:", "biass", "did you mean 'bias'")],
    ),
    "unknown function": Bad(
        "a.toml",
        layers('{ type = "Activation", function = "reul" }'),
        [("3:24:", "Activation1", "function", "reul", "relu")],
    ),
    "unknown layer to read": Bad(
        "a.toml",
        layers(
            '{ type = "Dropout", name = "early" }',
            '{ type = "Dropout", after = ["eraly"] }',
        ),
        [("4:21:", "Dropout2", "eraly", "did you mean 'early'")],
    ),
    "layer of a block, read from outside": Bad(
        "a.toml",
        layers('{ type = "Block", name = "b", layers = [{ type = "Pad", padding = 1, name = "a" }] }', READS_A),
        [("4:21:", "Dropout2", "after names 'a', which is no earlier layer")],
    ),
}

VALUES = {
    "missing value": Bad("a.toml", layers('{ type = "Conv", kernel_size = 3 }'), [("3:1:", "Conv1", "out_channels")]),
    "missing type": Bad("a.toml", layers("{ kernel_size = 3 }"), [("3:1:", "layer 1", "type")]),
    "missing input": Bad("a.toml", f"layers = [{CONV}]", [(ANYWHERE, "missing field input")]),
    "missing layers": Bad("a.toml", INPUT, [(ANYWHERE, "missing field layers")]),
    "no layers": Bad("a.toml", f"{INPUT}layers = []", [("2:1:", "layers is empty")]),
    "zero": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 0, kernel_size = 3 }'),
        [("3:18:", "Conv1", "invalid out_channels 0")],
    ),
    "negative": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, padding = -1 }'),
        [("3:53:", "Conv1", "invalid padding -1")],
    ),
    "string for a number": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = "4", kernel_size = 3 }'),
        [("3:18:", "Conv1", 'invalid out_channels "4"')],
    ),
    "string for a probability": Bad(
        "a.toml", layers('{ type = "Dropout", p = "0.5" }'), [("3:21:", "Dropout1", 'invalid p "0.5"')]
    ),
    "truth for a probability": Bad(
        "a.toml", layers('{ type = "Dropout", p = true }'), [("3:21:", "Dropout1", "invalid p true")]
    ),
    "fraction for a whole number": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4.0, kernel_size = 3 }'),
        [("3:18:", "Conv1", "invalid out_channels 4.0")],
    ),
    "truth for a whole number": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = true }'),
        [("3:36:", "Conv1", "invalid kernel_size true")],
    ),
    "whole number for truth": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, bias = 1 }'),
        [("3:53:", "Conv1", "invalid bias 1", "true or false")],
    ),
    "truth in the input": Bad(
        "a.json", '{"input": [true, 8, 8], "layers": [{"type": "Flatten"}]}', [("1:2:", "input", "integers")]
    ),
    "null": Bad(
        "a.json",
        '{"input": [3, 8, 8], "layers": [{"type": "Conv", "out_channels": null, "kernel_size": 3}]}',
        [("1:50:", "Conv1", "out_channels", "integer")],
    ),
    "date": Bad("a.toml", f"input = 2001-01-01\nlayers = [{CONV}]", [("1:1:", "input", "2001-01-01")]),
    "empty list": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = [] }'),
        [("3:36:", "Conv1", "kernel_size is empty")],
    ),
    "unknown padding": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, padding = "smae" }'),
        [("3:53:", "Conv1", "padding", "smae", '"same"')],
    ),
    "padding of three numbers": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, padding = [[1, 2, 3], 1] }'),
        [("3:53:", "Conv1", "padding", "pair")],
    ),
    "impossible default": Bad(
        "a.toml",
        f"{layers(CONV, CONV)}defaults = {{ stride = 0 }}\n",
        [("6:14:", "defaults", "invalid stride 0")],
    ),
    "a link that is none": Bad(
        "a.json", '{"$schema": [], "input": [3], "layers": [{"type": "Flatten"}]}', [("1:2:", "$schema")]
    ),
    "bad name": Bad("a.toml", layers('{ type = "Flatten", name = "a.b" }'), [("3:21:", "a.b", "name")]),
    "bad name of the network": Bad("a.toml", f'name = "../etc"\n{layers(CONV)}', [("1:1:", "../etc")]),
    "layers that are no list": Bad("a.toml", f'{INPUT}layers = "Conv"', [("2:1:", "layers", "a list of layers")]),
    "layers as a table": Bad("a.toml", f'{INPUT}[layers]\ntype = "Conv"', [("2:1:", "layers", "a list of layers")]),
    "a layer that is no table": Bad("a.toml", layers("3", '"Conv"'), [("3:1:", "layer 1"), ("4:1:", "layer 2")]),
    "a type that is no name": Bad("a.toml", layers("{ type = 3 }"), [("3:1:", "layer 1", "type")]),
    "defaults that are no table": Bad("a.toml", f"defaults = 3\n{layers(CONV)}", [("1:1:", "defaults", "table")]),
    "a default deep in a dotted key": Bad("a.toml", f"defaults.biass.x = 1\n{layers(CONV)}", [("1:1:", "biass")]),
    "an empty block": Bad(
        "a.toml", layers('{ type = "Block", layers = [] }'), [("3:19:", "Block1", "layers is empty")]
    ),
    "a block without layers": Bad("a.toml", layers('{ type = "Block" }'), [("3:1:", "Block1", "missing field layers")]),
    "a block that repeats zero times": Bad(
        "a.toml",
        layers(f'{{ type = "Block", repeat = 0, layers = [{CONV}] }}'),
        [("3:19:", "Block1", "invalid repeat 0")],
    ),
    "a layer inside blocks": Bad(
        "a.toml",
        layers('{ type = "Block", name = "b", layers = [{ type = "Block", layers = [{ type = "Pad" }] }] }'),
        [("3:69:", "b.Block1.Pad1", "missing field padding")],
    ),
}


@pytest.mark.parametrize("bad", (SPELLING | VALUES).values(), ids=SPELLING | VALUES)
def test_a_bad_word_or_value_is_named_with_its_place(bad: Bad, write: Write, run: Run) -> None:
    """Each problem is a line with its place, all at once, with exit code 2 and nothing on stdout."""
    path = write(bad.name, bad.content)
    assert amiss(run(path), path, bad) == []
