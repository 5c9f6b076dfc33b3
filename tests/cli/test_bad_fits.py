"""Layers that are fine each, but not together."""

import pytest
from badfile import CONV, Bad, amiss, layers
from conftest import Run, Write

FIT = {
    "groups and input channels": Bad(
        "a.toml",
        layers('{ type = "GroupConv", out_channels = 4, kernel_size = 3, groups = 2 }'),
        [("3:1:", "GroupConv1", "groups = 2", "3 input channels")],
    ),
    "groups and filters": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, groups = 3 }'),
        [("3:1:", "Conv1", "groups = 3", "4 output channels")],
    ),
    "p and channels": Bad(
        "a.toml",
        layers('{ type = "HetConv", out_channels = 4, kernel_size = 3, p = 2 }'),
        [("3:1:", "HetConv1", "p = 2", "3 input channels")],
    ),
    "shuffled groups and channels": Bad(
        "a.toml",
        layers('{ type = "ChannelShuffle", groups = 2 }'),
        [("3:1:", "ChannelShuffle1", "groups = 2", "3 channels")],
    ),
    "a map that vanishes": Bad(
        "a.toml",
        layers(CONV, '{ type = "MaxPool", kernel_size = 7, name = "shrink" }'),
        [("4:1:", "shrink", "vanishes", "size 6", "window of 7", "4×6×6")],
    ),
    "a map that vanishes under dilation": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, dilation = 4 }'),
        [("3:1:", "Conv1", "vanishes", "size 8", "extent 9")],
    ),
    "a map that is cropped away": Bad(
        "a.toml", layers('{ type = "Crop", cropping = 4 }'), [("3:1:", "Crop1", "size 8", "crop less")]
    ),
    "a window on a vector": Bad("a.toml", layers('{ type = "Flatten" }', CONV), [("4:1:", "Conv2", "spatial axes")]),
    "a kernel of other axes": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = [3, 3, 3] }'),
        [("3:1:", "Conv1", "kernel_size has 3 entries", "2 spatial axes")],
    ),
    "padding of other axes": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 4, kernel_size = 3, padding = [1] }'),
        [("3:1:", "Conv1", "padding has 1 entries", "2 spatial axes")],
    ),
    "a linear layer on a map": Bad(
        "a.toml",
        layers('{ type = "Linear", out_features = 2 }'),
        [("3:1:", "Linear1", "3×8×8", "Flatten")],
    ),
    "two layers read by one that takes one": Bad(
        "a.toml",
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "b", after = ["a", "input"] }'),
        [("4:1:", "b", "after names 2")],
    ),
    "one layer read twice by one that takes one": Bad(
        "a.toml",
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "b", after = ["a", "a"] }'),
        [("4:", "b", "after")],
    ),
}

TWICE = {
    "a name": Bad(
        "a.toml",
        layers('{ type = "Dropout", name = "a" }', '{ type = "Dropout", name = "a" }'),
        [("4:21:", "a", "already taken")],
    ),
    "a name that another layer has by itself": Bad(
        "a.toml",
        layers('{ type = "Dropout", name = "Dropout2" }', '{ type = "Dropout" }'),
        [("4:1:", "Dropout2", "already taken")],
    ),
    "a name inside a block": Bad(
        "a.toml",
        layers(
            '{ type = "Block", name = "b", layers = [',
            '{ type = "Pad", name = "p", padding = 1 }, { type = "Flatten", name = "p" }',
            "] }",
        )
        .replace("[,", "[")
        .replace("},\n]", "}\n]"),
        [("4:64:", "b.p", "already taken")],
    ),
    "the name of the input": Bad(
        "a.toml", layers('{ type = "Flatten", name = "input" }'), [("3:21:", "input", "already taken")]
    ),
    "a TOML key": Bad("a.toml", f"input = [3]\n{layers(CONV)}", [("2:", "input")]),
    "a TOML table": Bad("a.toml", "[defaults]\n[defaults]\n", [("2:", "defaults")]),
    "a JSON key": Bad("a.json", '{"input": [3],\n "input": [3],\n "layers": []}', [("2:2:", "input")]),
    "a JSON key inside a layer": Bad(
        "a.json",
        '{"input": [3],\n "layers": [{"type": "Dropout",\n "p": 0.1, "p": 0.2}]}',
        [("3:12:", "p", "twice")],
    ),
}

ALL_AT_ONCE = {
    "values of several layers": Bad(
        "a.toml",
        layers('{ type = "Conv", out_channels = 0, kernel_sise = 3 }', '{ type = "Covn" }') + "nam = 1\n",
        [
            ("3:18:", "Conv1", "invalid out_channels 0"),
            ("3:1:", "Conv1", "missing field kernel_size"),
            ("3:36:", "Conv1", "kernel_sise"),
            ("4:1:", "layer 2", "Covn"),
            ("6:1:", "nam"),
        ],
    ),
    "names, defaults and values": Bad(
        "a.toml",
        layers(
            '{ type = "Dropout", name = "a" }',
            '{ type = "Dropout", name = "a", p = 2 }',
        )
        + "[defaults]\nbais = true\n",
        [("4:21:", "a", "taken"), ("4:33:", "a", "invalid p 2"), ("7:1:", "bais", "'bias'")],
    ),
    "layers that do not fit": Bad(
        "a.toml",
        layers(
            '{ type = "Conv", out_channels = 4, kernel_size = 1, groups = 2 }',
            '{ type = "Conv", out_channels = 6, kernel_size = 1, groups = 4 }',
            '{ type = "HetConv", out_channels = 6, kernel_size = 3, p = 4 }',
        ),
        [("3:1:", "Conv1", "groups = 2"), ("4:1:", "Conv2", "groups = 4"), ("5:1:", "HetConv3", "p = 4")],
    ),
    "layers that read what is not there": Bad(
        "a.toml",
        layers('{ type = "Dropout", after = ["x"] }', '{ type = "Dropout", after = ["y"] }'),
        [("3:21:", "Dropout1", "'x'"), ("4:21:", "Dropout2", "'y'")],
    ),
}


@pytest.mark.parametrize("bad", (FIT | TWICE | ALL_AT_ONCE).values(), ids=FIT | TWICE | ALL_AT_ONCE)
def test_what_does_not_fit_is_named_with_its_layer(bad: Bad, write: Write, run: Run) -> None:
    """Each problem is a line with its place, all at once, with exit code 2 and nothing on stdout."""
    path = write(bad.name, bad.content)
    assert amiss(run(path), path, bad) == []


def test_problems_are_told_in_the_order_of_the_file(write: Write, run: Run) -> None:
    """Reading the messages from the top is reading the file from the top."""
    rows = layers('{ type = "Covn" }', '{ type = "Conv", p = 1 }')
    path = write("a.toml", f"nam = 1\n{rows}[defaults]\nbais = 1\n")
    lines = [int(line.removeprefix(f"{path}:").partition(":")[0]) for line in run(path).problems]
    assert lines == [1, 4, 5, 5, 5, 8]


def test_a_hundred_problems_are_counted_not_listed(write: Write, run: Run) -> None:
    """The first ones are enough to see what is wrong; how many more there are is said."""
    result = run(write("a.toml", layers(*['{ type = "Covn" }'] * 100)))
    assert len(result.problems) == 51
    assert "50 more" in result.problems[-1]
