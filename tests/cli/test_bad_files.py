"""Files that cannot be used: not TOML or JSON, misspelt, impossible, or with layers that do not go together."""

import pytest
from badfile import ANYWHERE, CONV, INPUT, Bad, amiss, conv, layers, plus
from conftest import Run, Write

from flopcount.network.plan import MOST

TEXTS = {
    "TOML syntax": Bad(f"{INPUT}layers = [{{ type = }}]", [("2:20:", "not TOML")]),
    "TOML that ends early": Bad("input", [(ANYWHERE, "not TOML")]),
    "JSON syntax": Bad('{"input": [3],\n}', [("2:1:", "not JSON")], "a.json"),
    "JSON that ends early": Bad('{"input": [3', [("1:13:", "not JSON")], "a.json"),
    "JSON with more behind it": Bad("{}\n{}", [("2:1:", "not JSON")], "a.json"),
    "JSON called TOML": Bad('{"input": [3]}', [("1:1:", "not TOML")]),
    "TOML called JSON": Bad(INPUT, [("1:1:", "not JSON")], "a.json"),
    "a list": Bad("[1, 2]", [(ANYWHERE, "table", "list")], "a.json"),
    "a string": Bad('"Conv"', [(ANYWHERE, "table")], "a.json"),
    "null": Bad("null", [(ANYWHERE, "table")], "a.json"),
    "NaN": Bad('{"input": [3, NaN], "layers": []}', [(ANYWHERE, "NaN")], "a.json"),
    "Infinity": Bad('{"input": [3, -Infinity], "layers": []}', [(ANYWHERE, "-Infinity")], "a.json"),
    "a number that is infinite": Bad(
        '{"input": [3, 1e999], "layers": [{"type": "Flatten"}]}', [("1:2:", "input")], "a.json"
    ),
    "nan and inf in TOML": Bad(f"input = [nan, inf]\nlayers = [{CONV}]", [("1:1:", "input")]),
    "nothing": Bad("", [(ANYWHERE, "empty")]),
    "blanks": Bad(" \n\t\n", [(ANYWHERE, "empty")], "a.json"),
    "a byte-order mark alone": Bad(b"\xef\xbb\xbf", [(ANYWHERE, "empty")]),
    "binary": Bad(bytes(range(256)), [(ANYWHERE, "not text", "UTF-8")]),
    "binary without an ending": Bad(b"\x89PNG\r\n\x1a\n\x00", [(ANYWHERE, "not text")], "a"),
    "UTF-16": Bad(layers(CONV).encode("utf-16"), [(ANYWHERE, "UTF-16", "save it as UTF-8")]),
    "UTF-16 without a mark": Bad(layers(CONV).encode("utf-16-le"), [(ANYWHERE, "not text", "UTF-8")]),
    "Latin-1": Bad(f'description = "é"\n{layers(CONV)}'.encode("latin-1"), [(ANYWHERE, "UTF-8")]),
}

CONTROL = {
    "an escape code in a name": Bad(
        layers(r'{ type = "Flatten", name = "\u001b[31mred" }'), [("3:21:", "[31mred", "name")]
    ),
    "an escape code in a kind": Bad(layers(r'{ type = "\u001b[2JConv" }'), [("3:1:", "[2JConv")]),
    "an escape code in a key": Bad(layers(r'{ type = "Flatten", "\u001b[2J" = 1 }'), [("3:21:", "Flatten1", "[2J")]),
    "a raw escape code": Bad(b'name = "\x1b[31m"\n', [("1:", "not TOML")]),
    "a line break in a name": Bad(
        layers(r'{ type = "Flatten", name = "a\nerror: b" }'), [("3:21:", "error: b", "name")]
    ),
    "a line break in a key": Bad(
        layers(r'{ type = "Flatten", "a\nerror: b" = 1 }'), [("3:21:", "Flatten1", "error: b")]
    ),
    "a description that is not plain text": Bad(
        rf'description = "\u009b31m"{chr(10)}{layers(CONV)}', [("1:1:", "description")]
    ),
    "text that turns around": Bad(rf'description = "\u202egnp.exe"{chr(10)}{layers(CONV)}', [("1:1:", "description")]),
    "half a character": Bad(
        r'{"input": [3], "layers": [{"type": "Flatten", "name": "\ud800"}]}', [("1:47:", "name")], "a.json"
    ),
    "half a character as a key": Bad(
        r'{"input": [3], "\ud800": 1, "layers": [{"type": "Flatten"}]}', [("1:16:", "unknown key")], "a.json"
    ),
}

READS_A = '{ type = "Dropout", after = ["a"] }'

SPELLING = {
    "unknown key": Bad(
        layers(CONV, '{ type = "Conv", out_channels = 4, kernel_size = 3, strde = 2 }'),
        [("4:53:", "Conv2", "strde", "did you mean 'stride'")],
    ),
    "unknown key of the file": Bad(f"inptu = [3]\n{layers(CONV)}", [("1:1:", "inptu", "did you mean 'input'")]),
    "unknown key without a neighbour": Bad(f"{INPUT}zz = 1\nlayers = [{CONV}]", [("2:1:", "zz", "layers")]),
    "unknown kind": Bad(layers('{ type = "Covn" }'), [("3:1:", "layer 1", "Covn", "did you mean 'Conv'")]),
    "unknown kind in other letters": Bad(
        layers('{ type = "conv2d" }'), [("3:1:", "conv2d", 'write { type = "Conv" }')]
    ),
    "unknown default": Bad(f"{layers(CONV)}[defaults]\nbiass = true\n", [("6:1:", "biass", "did you mean 'bias'")]),
    "unknown function": Bad(
        layers('{ type = "Activation", function = "reul" }'), [("3:24:", "Activation1", "function", "reul", "relu")]
    ),
    "unknown layer to read": Bad(
        layers('{ type = "Dropout", name = "early" }', '{ type = "Dropout", after = ["eraly"] }'),
        [("4:21:", "Dropout2", "eraly", "did you mean 'early'")],
    ),
    "layer of a block, read from outside": Bad(
        layers('{ type = "Block", name = "b", layers = [{ type = "Pad", padding = 1, name = "a" }] }', READS_A),
        [("4:21:", "Dropout2", "after names 'a', which is not an earlier layer")],
    ),
}

VALUES = {
    "missing value": Bad(conv("kernel_size = 3"), [("3:1:", "Conv1", "out_channels")]),
    "missing type": Bad(layers("{ kernel_size = 3 }"), [("3:1:", "layer 1", "type")]),
    "missing input": Bad(f"layers = [{CONV}]", [(ANYWHERE, "missing field input")]),
    "missing layers": Bad(INPUT, [(ANYWHERE, "missing field layers")]),
    "no layers": Bad(f"{INPUT}layers = []", [("2:1:", "layers is empty")]),
    "zero": Bad(conv("out_channels = 0, kernel_size = 3"), [("3:18:", "Conv1", "invalid out_channels 0")]),
    "negative": Bad(plus("padding = -1"), [("3:53:", "Conv1", "invalid padding -1")]),
    "string for a number": Bad(
        conv('out_channels = "4", kernel_size = 3'), [("3:18:", "Conv1", 'invalid out_channels "4"')]
    ),
    "string for a probability": Bad(
        layers('{ type = "Dropout", p = "0.5" }'), [("3:21:", "Dropout1", 'invalid p "0.5"')]
    ),
    "truth for a probability": Bad(layers('{ type = "Dropout", p = true }'), [("3:21:", "Dropout1", "invalid p true")]),
    "fraction for a whole number": Bad(
        conv("out_channels = 4.0, kernel_size = 3"), [("3:18:", "Conv1", "invalid out_channels 4.0")]
    ),
    "truth for a whole number": Bad(
        conv("out_channels = 4, kernel_size = true"), [("3:36:", "Conv1", "invalid kernel_size true")]
    ),
    "whole number for truth": Bad(plus("bias = 1"), [("3:53:", "Conv1", "invalid bias 1", "true or false")]),
    "truth in the input": Bad(
        '{"input": [true, 8, 8], "layers": [{"type": "Flatten"}]}', [("1:2:", "input", "integers")], "a.json"
    ),
    "null for a number": Bad(
        '{"input": [3, 8, 8], "layers": [{"type": "Conv", "out_channels": null, "kernel_size": 3}]}',
        [("1:50:", "Conv1", "out_channels", "integer")],
        "a.json",
    ),
    "date": Bad(f"input = 2001-01-01\nlayers = [{CONV}]", [("1:1:", "input", "2001-01-01")]),
    "empty list": Bad(conv("out_channels = 4, kernel_size = []"), [("3:36:", "Conv1", "kernel_size is empty")]),
    "unknown padding": Bad(plus('padding = "smae"'), [("3:53:", "Conv1", "padding", "smae", '"same"')]),
    "padding of three numbers": Bad(plus("padding = [[1, 2, 3], 1]"), [("3:53:", "Conv1", "padding", "pair")]),
    "impossible default": Bad(
        f"{layers(CONV, CONV)}defaults = {{ stride = 0 }}\n", [("6:14:", "defaults", "invalid stride 0")]
    ),
    "a link that is none": Bad(
        '{"$schema": [], "input": [3], "layers": [{"type": "Flatten"}]}', [("1:2:", "$schema")], "a.json"
    ),
    "bad name": Bad(layers('{ type = "Flatten", name = "a.b" }'), [("3:21:", "a.b", "name")]),
    "bad name of the network": Bad(f'name = "../etc"\n{layers(CONV)}', [("1:1:", "../etc")]),
    "layers that are no list": Bad(f'{INPUT}layers = "Conv"', [("2:1:", "layers", "a list of layers")]),
    "layers as a table": Bad(f'{INPUT}[layers]\ntype = "Conv"', [("2:1:", "layers", "a list of layers")]),
    "a layer that is no table": Bad(layers("3", '"Conv"'), [("3:1:", "layer 1"), ("4:1:", "layer 2")]),
    "a type that is no name": Bad(layers("{ type = 3 }"), [("3:1:", "layer 1", "type")]),
    "defaults that are no table": Bad(f"defaults = 3\n{layers(CONV)}", [("1:1:", "defaults", "table")]),
    "a default deep in a dotted key": Bad(f"defaults.biass.x = 1\n{layers(CONV)}", [("1:1:", "biass")]),
    "an empty block": Bad(layers('{ type = "Block", layers = [] }'), [("3:19:", "Block1", "layers is empty")]),
    "a block without layers": Bad(layers('{ type = "Block" }'), [("3:1:", "Block1", "missing field layers")]),
    "a block that repeats zero times": Bad(
        layers(f'{{ type = "Block", repeat = 0, layers = [{CONV}] }}'), [("3:19:", "Block1", "invalid repeat 0")]
    ),
    "a layer inside blocks": Bad(
        layers('{ type = "Block", name = "b", layers = [{ type = "Block", layers = [{ type = "Pad" }] }] }'),
        [("3:69:", "b.Block1.Pad1", "missing field padding")],
    ),
}

FIT = {
    "groups and input channels": Bad(
        layers('{ type = "GroupConv", out_channels = 4, kernel_size = 3, groups = 2 }'),
        [("3:1:", "GroupConv1", "groups = 2", "3 input channels")],
    ),
    "groups and filters": Bad(plus("groups = 3"), [("3:1:", "Conv1", "groups = 3", "4 output channels")]),
    "p and channels": Bad(
        layers('{ type = "HetConv", out_channels = 4, kernel_size = 3, p = 2 }'),
        [("3:1:", "HetConv1", "p = 2", "3 input channels")],
    ),
    "shuffled groups and channels": Bad(
        layers('{ type = "ChannelShuffle", groups = 2 }'), [("3:1:", "ChannelShuffle1", "groups = 2", "3 channels")]
    ),
    "a map that vanishes": Bad(
        layers(CONV, '{ type = "MaxPool", kernel_size = 7, name = "shrink" }'),
        [("4:1:", "shrink", "would be empty", "size 6", "kernel 7", "4×6×6")],
    ),
    "a map that vanishes under dilation": Bad(
        plus("dilation = 4"), [("3:1:", "Conv1", "would be empty", "size 8", "effective size 9")]
    ),
    "a map that is cropped away": Bad(
        layers('{ type = "Crop", cropping = 4 }'), [("3:1:", "Crop1", "size 8", "crop less")]
    ),
    "a window on a vector": Bad(layers('{ type = "Flatten" }', CONV), [("4:1:", "Conv2", "spatial axes")]),
    "a kernel of other axes": Bad(
        conv("out_channels = 4, kernel_size = [3, 3, 3]"),
        [("3:1:", "Conv1", "kernel_size has 3 entries", "2 spatial axes")],
    ),
    "padding of other axes": Bad(plus("padding = [1]"), [("3:1:", "Conv1", "padding has 1 entries", "2 spatial axes")]),
    "a linear layer on a map": Bad(
        layers('{ type = "Linear", out_features = 2 }'), [("3:1:", "Linear1", "3×8×8", "Flatten")]
    ),
    "two layers read by one that takes one": Bad(
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "b", after = ["a", "input"] }'),
        [("4:1:", "b", "after names 2")],
    ),
    "one layer read twice by one that takes one": Bad(
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "b", after = ["a", "a"] }'),
        [("4:", "b", "after")],
    ),
}

TWICE = {
    "a name": Bad(
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "a" }'),
        [("4:21:", "a", "already taken")],
    ),
    "a name that another layer has by itself": Bad(
        layers('{ type = "Dropout", name = "Dropout2" }', '{ type = "Dropout" }'),
        [("4:1:", "Dropout2", "already taken")],
    ),
    "a name inside a block": Bad(
        layers(
            '{ type = "Block", name = "b", layers = [',
            '{ type = "Pad", name = "p", padding = 1 }, { type = "Flatten", name = "p" }',
            "] }",
        )
        .replace("[,", "[")
        .replace("},\n]", "}\n]"),
        [("4:64:", "b.p", "already taken")],
    ),
    "the name of the input": Bad(layers('{ type = "Flatten", name = "input" }'), [("3:21:", "input", "already taken")]),
    "a TOML key": Bad(f"input = [3]\n{layers(CONV)}", [("2:", "input")]),
    "a TOML table": Bad("[defaults]\n[defaults]\n", [("2:", "defaults")]),
    "a JSON key": Bad('{"input": [3],\n "input": [3],\n "layers": []}', [("2:2:", "input")], "a.json"),
    "a JSON key inside a layer": Bad(
        '{"input": [3],\n "layers": [{"type": "Dropout",\n "p": 0.1, "p": 0.2}]}', [("3:12:", "p", "twice")], "a.json"
    ),
}

ALL_AT_ONCE = {
    "values of several layers": Bad(
        layers('{ type = "Conv", out_channels = 0, kernel_sise = 3 }', '{ type = "Covn" }') + "nam = 1\n",
        [
            ("3:18:", "Conv1", "invalid out_channels 0"),
            ("3:36:", "Conv1", "kernel_sise"),
            ("4:1:", "layer 2", "Covn"),
            ("6:1:", "nam"),
        ],
    ),
    "names, defaults and values": Bad(
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "a", p = 2 }')
        + "[defaults]\nbais = true\n",
        [("4:21:", "a", "taken"), ("4:33:", "a", "invalid p 2"), ("7:1:", "bais", "'bias'")],
    ),
    "layers that do not fit": Bad(
        layers(
            '{ type = "Conv", out_channels = 4, kernel_size = 1, groups = 2 }',
            '{ type = "Conv", out_channels = 6, kernel_size = 1, groups = 4 }',
            '{ type = "HetConv", out_channels = 6, kernel_size = 3, p = 4 }',
        ),
        [("3:1:", "Conv1", "groups = 2"), ("4:1:", "Conv2", "groups = 4"), ("5:1:", "HetConv3", "p = 4")],
    ),
    "layers that read what is not there": Bad(
        layers('{ type = "Dropout", after = ["x"] }', '{ type = "Dropout", after = ["y"] }'),
        [("3:21:", "Dropout1", "'x'"), ("4:21:", "Dropout2", "'y'")],
    ),
}

ALL = TEXTS | CONTROL | SPELLING | VALUES | FIT | TWICE | ALL_AT_ONCE


@pytest.mark.parametrize("bad", ALL.values(), ids=ALL)
def test_each_problem_is_a_line_with_its_place(bad: Bad, write: Write, run: Run) -> None:
    """All at once, with exit code 2 and nothing on stdout."""
    path = write(bad.name, bad.content)
    assert amiss(run(path), path, bad) == []


def test_problems_are_told_in_the_order_of_the_file(write: Write, run: Run) -> None:
    """Reading the messages from the top is reading the file from the top."""
    rows = layers('{ type = "Covn" }', '{ type = "Conv", p = 1 }')
    path = write("a.toml", f"nam = 1\n{rows}[defaults]\nbais = 1\n")
    lines = [int(line.removeprefix(f"{path}:").partition(":")[0]) for line in run(path).problems]
    assert lines == [1, 4, 5, 5, 5, 8]


FULL = {
    "no type": ("layers = [" + "{}, " * 2000 + "]", "and 1950 more"),
    "unknown types": ("layers = [" + "{type = 'X'}, " * 2000 + "]", "and 1950 more"),
    "two fields missing in each": ("layers = [" + "{type = 'Conv'}, " * 2000 + "]", "and 3950 more"),
    "in a block": ("layers = [{type = 'Block', layers = [" + "{type = 'X'}, " * 2000 + "]}]", "and 1950 more"),
    "keys": ("".join(f"k{n} = 1\n" for n in range(2000)) + "layers = [{type = 'Flatten'}]", "and 1950 more"),
    "a name, right once": ("layers = [" + "{type = 'Flatten', name = 'a'}, " * 2001 + "]", "and 1950 more"),
    "no such layer": ("layers = [" + "{type = 'Flatten', after = ['z']}, " * 2000 + "]", "and 1950 more"),
    "in a template": (
        "layers = [{type = 'T'}]\ntemplates.T.layers = [" + "{type = 'X'}, " * 2000 + "]",
        "and at least 1 more",
    ),
}


@pytest.mark.parametrize("case", FULL)
def test_the_first_problems_are_told_and_the_others_counted(
    case: str, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hints are looked for by those that are told, so a large file that is wrong throughout is soon refused."""
    text, more = FULL[case]
    made: list[object] = []

    def nearest(*words: object) -> None:
        made.append(words)

    monkeypatch.setattr("flopcount.errors.nearest", nearest)
    path = write("net.toml", f"input = [1]\n{text}\n")
    problems = run(path).problems
    assert (len(problems), problems[-1]) == (51, f"{path}: {more} problem{'s' * ('least' not in more)}")
    assert len(made) <= 101  # rows of a template are checked twice


@pytest.mark.parametrize(
    "rows", ["type = 'Block', repeat = N, layers = [{type = 'Flatten'}]", "type = 'T', repeat = N"]
)
def test_as_many_layers_as_are_allowed_and_not_one_more(
    rows: str, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block is no layer."""
    monkeypatch.setattr("flopcount.network.plan.MOST_LAYERS", 10)
    monkeypatch.setitem(MOST, "layers", 10)
    last = "{type = 'Flatten'}, "
    for number, others, code in ((10, 0, 0), (11, 0, 2), (9, 1, 0), (9, 2, 2)):
        text = f"{{{rows.replace('N', str(number))}}}, {last * others}"
        path = write("net.toml", f"input = [1]\nlayers = [{text}]\ntemplates.T.layers = [{{type = 'Flatten'}}]\n")
        assert run(path).code == code
