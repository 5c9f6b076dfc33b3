"""The plan: paths, names, blocks and branches."""

from typing import Any

import pytest
from small_networks import Row, network, row

RELU = row("Activation", function="relu")


def conv(name: str | None = None, **fields: Any) -> Row:
    return row("Conv", out_channels=4, kernel_size=1, **({"name": name} if name else {}), **fields)


def block(*layers: Row, **fields: Any) -> Row:
    return row("Block", layers=[*layers], **fields)


A, B, STEM = conv("a"), conv("b"), conv("stem")
TWICE = block(conv(), RELU, name="b", repeat=2)

WIRING = {
    "a layer reads the one above it": (
        (conv(), RELU, conv()),
        "Conv1 ← input; Activation2 ← Conv1; Conv3 ← Activation2",
    ),
    "a layer without a name has its kind and its position among all": (
        (STEM, conv(), RELU),
        "stem ← input; Conv2 ← stem; Activation3 ← Conv2",
    ),
    "after names what is read": ((A, B, conv("c", after=["a"])), "a ← input; b ← a; c ← a"),
    "after names a layer without a name": (
        (conv(), conv(), conv(after=["Conv1"])),
        "Conv1 ← input; Conv2 ← Conv1; Conv3 ← Conv1",
    ),
    "after names the input": ((conv(), conv(after=["input"])), "Conv1 ← input; Conv2 ← input"),
    "after keeps its order": ((A, B, conv("c", after=["b", "a"])), "a ← input; b ← a; c ← b a"),
    "after names a layer twice": ((A, conv(after=["a", "a"])), "a ← input; Conv2 ← a a"),
    "a block puts its name before its layers": (
        (block(conv(), RELU, name="stage"), conv()),
        "stage.Conv1 ← input; stage.Activation2 ← stage.Conv1; Conv2 ← stage.Activation2",
    ),
    "a block without a name is called like a layer": ((conv(), block(conv())), "Conv1 ← input; Block2.Conv1 ← Conv1"),
    "repetitions count from 1, follow each other, and the last is the block's output": (
        (TWICE, RELU, conv(after=["b"])),
        (
            "b.1.Conv1 ← input; b.1.Activation2 ← b.1.Conv1; b.2.Conv1 ← b.1.Activation2; "
            "b.2.Activation2 ← b.2.Conv1; Activation2 ← b.2.Activation2; Conv3 ← b.2.Activation2"
        ),
    ),
    "blocks in blocks": (
        (block(block(conv(), name="i", repeat=2), RELU, name="o", repeat=2),),
        (
            "o.1.i.1.Conv1 ← input; o.1.i.2.Conv1 ← o.1.i.1.Conv1; o.1.Activation2 ← o.1.i.2.Conv1; "
            "o.2.i.1.Conv1 ← o.1.Activation2; o.2.i.2.Conv1 ← o.2.i.1.Conv1; o.2.Activation2 ← o.2.i.2.Conv1"
        ),
    ),
    "inside a block, input is what enters this repetition": (
        (STEM, block(conv(), conv(after=["input"]), name="b", repeat=2)),
        "stem ← input; b.1.Conv1 ← stem; b.1.Conv2 ← stem; b.2.Conv1 ← b.1.Conv2; b.2.Conv2 ← b.1.Conv2",
    ),
    "inside a block, layers outside are known": (
        (STEM, conv(), block(conv(after=["stem"]), name="b")),
        "stem ← input; Conv2 ← stem; b.Conv1 ← stem",
    ),
    "inside a block, a name is the nearest": (
        (A, block(A, RELU, conv(after=["a"]), name="b")),
        "a ← input; b.a ← a; b.Activation2 ← b.a; b.Conv3 ← b.a",
    ),
    "a block reads several layers, the second as input2": (
        (A, B, block(conv(), conv(after=["input2"]), name="c", after=["a", "b"])),
        "a ← input; b ← a; c.Conv1 ← a; c.Conv2 ← b",
    ),
    "two blocks have layers of one name": (
        (block(conv("x"), name="a"), block(conv("x"), name="b")),
        "a.x ← input; b.x ← a.x",
    ),
}


@pytest.mark.parametrize(("layers", "wiring"), WIRING.values(), ids=WIRING)
def test_layers_have_paths_and_read_others(layers: tuple[Row, ...], wiring: str) -> None:
    net = network((4, 9, 9), *layers)
    assert "; ".join(f"{node.path} ← {' '.join(node.inputs)}" for node in net.nodes) == wiring
