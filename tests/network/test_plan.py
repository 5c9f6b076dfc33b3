"""The plan: paths, names, blocks and branches."""

import json
from typing import Any

import pytest
from small_networks import Row, network, row

from flopcount.errors import BadInput, SpecError, UsageError
from flopcount.network.plan import MOST_LAYERS, Plan, overridden, plan
from flopcount.spec.load import load_bytes

RELU = row("Activation", function="relu")
SIZE = (4, 9, 9)


def conv(**fields: Any) -> Row:
    return row("Conv", out_channels=4, kernel_size=1, **fields)


def block(*layers: Row, **fields: Any) -> Row:
    return row("Block", layers=[*layers], **fields)


def wiring(net: Plan) -> dict[str, tuple[str, ...]]:
    """Return what every layer reads."""
    return {node.path: node.inputs for node in net.nodes}


def problem(*layers: Row) -> tuple[Any, ...]:
    """Return the layer, the place and the sentence of the one thing that is wrong."""
    with pytest.raises(SpecError) as caught:
        network(SIZE, *layers)
    (found,) = caught.value.problems
    return found.layer, found.place, found.what


def test_a_layer_reads_the_one_above_it() -> None:
    assert wiring(network(SIZE, conv(), RELU, conv())) == {
        "Conv1": ("input",),
        "Activation2": ("Conv1",),
        "Conv3": ("Activation2",),
    }


def test_a_layer_without_a_name_is_called_by_kind_and_position() -> None:
    """The position counts all siblings, from 1, named ones too."""
    assert [*wiring(network(SIZE, conv(name="stem"), conv(), RELU))] == ["stem", "Conv2", "Activation3"]


def test_after_names_what_is_read() -> None:
    assert wiring(network(SIZE, conv(name="a"), conv(name="b"), conv(name="c", after=["a"])))["c"] == ("a",)


def test_after_may_name_a_layer_without_a_name() -> None:
    assert wiring(network(SIZE, conv(), conv(), conv(after=["Conv1"])))["Conv3"] == ("Conv1",)


def test_after_may_name_the_input() -> None:
    assert wiring(network(SIZE, conv(), conv(after=["input"])))["Conv2"] == ("input",)


def test_after_keeps_its_order() -> None:
    net = network(SIZE, conv(name="a"), conv(name="b"), conv(name="c", after=["b", "a"]))
    assert wiring(net)["c"] == ("b", "a")


def test_after_may_name_a_layer_twice() -> None:
    """What reads two layers may read one of them twice."""
    assert wiring(network(SIZE, conv(name="a"), conv(after=["a", "a"])))["Conv2"] == ("a", "a")


def test_a_block_puts_its_name_before_its_layers() -> None:
    net = network(SIZE, block(conv(), RELU, name="stage"), conv())
    assert wiring(net) == {
        "stage.Conv1": ("input",),
        "stage.Activation2": ("stage.Conv1",),
        "Conv2": ("stage.Activation2",),
    }


def test_a_block_without_a_name_is_called_like_a_layer() -> None:
    assert [*wiring(network(SIZE, conv(), block(conv())))] == ["Conv1", "Block2.Conv1"]


def test_repetitions_count_from_1_and_follow_each_other() -> None:
    net = network(SIZE, block(conv(), RELU, name="stage", repeat=2), RELU)
    assert wiring(net) == {
        "stage.1.Conv1": ("input",),
        "stage.1.Activation2": ("stage.1.Conv1",),
        "stage.2.Conv1": ("stage.1.Activation2",),
        "stage.2.Activation2": ("stage.2.Conv1",),
        "Activation2": ("stage.2.Activation2",),
    }


def test_blocks_in_blocks() -> None:
    inner = block(conv(), name="inner", repeat=2)
    net = network(SIZE, block(inner, RELU, name="outer", repeat=2))
    assert [*wiring(net)] == [
        "outer.1.inner.1.Conv1",
        "outer.1.inner.2.Conv1",
        "outer.1.Activation2",
        "outer.2.inner.1.Conv1",
        "outer.2.inner.2.Conv1",
        "outer.2.Activation2",
    ]


def test_inside_a_block_input_is_what_enters_this_repetition() -> None:
    net = network(SIZE, conv(name="stem"), block(conv(), RELU, conv(after=["input"]), name="b", repeat=2))
    assert (wiring(net)["b.1.Conv3"], wiring(net)["b.2.Conv3"]) == (("stem",), ("b.1.Conv3",))


def test_inside_a_block_layers_outside_can_be_read() -> None:
    net = network(SIZE, conv(name="stem"), conv(), block(conv(after=["stem"]), name="b"))
    assert wiring(net)["b.Conv1"] == ("stem",)


def test_inside_a_block_a_name_is_the_nearest() -> None:
    net = network(SIZE, conv(name="a"), block(conv(name="a"), RELU, conv(after=["a"]), name="b"))
    assert wiring(net)["b.Conv3"] == ("b.a",)


def test_a_blocks_name_is_its_last_layers_output() -> None:
    net = network(SIZE, block(conv(), RELU, name="b", repeat=2), conv(), conv(after=["b"]))
    assert wiring(net)["Conv3"] == ("b.2.Activation2",)


def test_a_block_may_name_what_it_reads() -> None:
    net = network(SIZE, conv(name="a"), conv(name="b"), block(conv(), name="c", after=["a"]))
    assert wiring(net)["c.Conv1"] == ("a",)


def test_a_block_may_read_several_layers() -> None:
    """The first is what its first layer reads; the second is called input2 inside."""
    inside = block(conv(), conv(after=["input2"]), name="c", after=["a", "b"])
    net = network(SIZE, conv(name="a"), conv(name="b"), inside)
    assert (wiring(net)["c.Conv1"], wiring(net)["c.Conv2"]) == (("a",), ("b",))


def test_layers_inside_a_block_cannot_be_read_from_outside() -> None:
    layer, place, what = problem(block(conv(name="a"), name="b"), conv(after=["a"]))
    assert (layer, place) == ("Conv2", ("layers", 1, "after"))
    assert what.startswith("after names 'a', which is no earlier layer")


@pytest.mark.parametrize("after", ["later", "Conv1", "nowhere"])
def test_only_earlier_layers_can_be_read(after: str) -> None:
    """Neither a later one nor the layer itself, so there are no cycles."""
    layer, _, what = problem(conv(after=[after]), conv(name="later"))
    assert (layer, what.partition(";")[0]) == ("Conv1", f"after names {after!r}, which is no earlier layer")


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    assert problem(conv(name="stem"), conv(after=["stme"]))[2].endswith("did you mean 'stem'?")


def test_a_misspelt_name_of_a_layer_outside_is_answered_too() -> None:
    layers = (conv(name="stem"), block(conv(after=["stme"]), name="b"))
    assert problem(*layers)[2].endswith("did you mean 'stem'?")


@pytest.mark.parametrize(
    "layers",
    [
        (conv(name="a"), conv(name="a")),
        (conv(name="Conv2"), conv()),
        (block(conv(), name="a"), conv(name="a")),
        (block(conv(name="x"), conv(name="x"), name="a"),),
        (conv(name="input"),),
    ],
    ids=["twice", "position", "block", "inside", "input"],
)
def test_a_name_is_taken_once(layers: tuple[Row, ...]) -> None:
    """Two siblings of one name are refused; `input` is the name of what enters."""
    content = json.dumps({"input": SIZE, "layers": layers}).encode()
    with pytest.raises(BadInput, match="already taken"):
        plan(load_bytes(content, "json").arch)


def test_the_same_name_in_two_blocks_is_fine() -> None:
    net = network(SIZE, block(conv(name="x"), name="a"), block(conv(name="x"), name="b"))
    assert [*wiring(net)] == ["a.x", "b.x"]


def test_nodes_know_their_place_in_the_file() -> None:
    net = network(SIZE, conv(), block(conv(), RELU, name="b", repeat=2))
    assert [node.place for node in net.nodes][-1] == ("layers", 1, "layers", 1)


def test_as_many_layers_as_allowed() -> None:
    """The limit is on layers with blocks unrolled; just over it is refused without unrolling."""
    assert MOST_LAYERS == 100_000
    layer, place, what = problem(conv(), block(conv(), repeat=MOST_LAYERS))
    assert (layer, place) == ("", ("layers",))
    assert what == "more than 100000 layers, blocks unrolled; repeat less"


def test_repeats_of_repeats_multiply() -> None:
    nested = conv()
    for _ in range(5):
        nested = block(nested, repeat=10**9)
    assert problem(nested)[2].startswith("more than 100000 layers")


def test_a_setting_changes_one_layer_by_its_path() -> None:
    net = overridden(network(SIZE, block(conv(), name="b", repeat=2)), {"b.2.Conv1": {"out_channels": 7}})
    assert [node.layer.model_dump()["out_channels"] for node in net.nodes] == [4, 7]


def test_a_setting_needs_a_layer() -> None:
    net = network(SIZE, conv(name="stem"))
    with pytest.raises(UsageError, match=r"there is no layer at stme; did you mean 'stem'\?"):
        overridden(net, {"stme": {"out_channels": 7}})


def test_a_setting_is_validated() -> None:
    with pytest.raises(UsageError, match="invalid out_channels 0"):
        overridden(network(SIZE, conv(name="stem")), {"stem": {"out_channels": 0}})


def test_mapping_changes_every_layer_and_no_path() -> None:
    net = network(SIZE, conv(), conv(name="b"))
    changed = net.mapped(lambda layer: layer.model_copy(update={"out_channels": 9}))
    assert [node.layer.model_dump()["out_channels"] for node in changed.nodes] == [9, 9]
    assert (wiring(changed), changed.input) == (wiring(net), SIZE)
