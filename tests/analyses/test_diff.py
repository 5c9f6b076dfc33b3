"""What became of every layer: which is which, and figures that add up."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.analyses.diff import Change, Counted, Item, differences, layers_of, matched
from flopcount.case import Case, Count
from flopcount.network.convention import convention
from flopcount.network.inputs import input_shapes
from flopcount.network.plan import plan
from flopcount.spec.load import Spec, load, load_bytes

ARCHS = ("lenet5", "mobilenet_v1", "resnet18", "resnet34", "squeezenet1_1", "vit_b_16")


def count(spec: Spec) -> Count:
    """Count a network as its file has it."""
    network = plan(spec.arch)
    return Case.of(network, input_shapes(network.inputs), convention()).count


def layers(*rows: str, size: int = 16) -> tuple[Counted, ...]:
    """Count a network of these rows."""
    text = f"input = [3, {size}, {size}]\nlayers = [\n" + "".join(f"{{ {row} }},\n" for row in rows) + "]\n"
    return layers_of(count(load_bytes(text.encode(), title="net.toml")))


def conv(channels: int, name: str = "", more: str = "") -> str:
    """Write a row of a 3×3 convolution."""
    named = f', name = "{name}"' if name else ""
    return f'type = "Conv", out_channels = {channels}, kernel_size = 3{named}{more}'


def path(layer: Counted | None) -> str:
    """Return the path of a layer, or a dash."""
    return layer.item.path if layer else "-"


def told(changes: Iterable[Change]) -> list[str]:
    """Write what became of each layer that is not as it was."""
    return [f"{each.status} {path(each.before)} {path(each.after)}" for each in changes if each.status != "same"]


RELU = 'type = "Activation", function = "relu"'


def test_a_field_that_changed_is_named_with_both_values() -> None:
    """And what follows has another size: 3·3·3 + 1 = 28 weights and a bias for each channel."""
    (change,) = differences(layers(conv(4, "a")), layers(conv(6, "a")))
    assert (change.status, change.fields) == ("changed", {"out_channels": (4, 6)})
    assert change.delta == {"params": 2 * 28, "macs": 2 * 27 * 14 * 14}


def test_names_say_which_layer_is_which_whatever_else_changed() -> None:
    old = layers(conv(4, "a"), conv(8, "b"))
    new = layers(conv(8, "a"), 'type = "MaxPool", kernel_size = 2, name = "b"')
    changes = differences(old, new)
    assert told(changes) == ["changed a a", "changed b b"]
    assert changes[1].fields["type"] == ("Conv", "MaxPool")


def test_a_layer_in_front_is_added_and_those_behind_are_only_numbered_otherwise() -> None:
    old = layers(conv(4, more=", padding = 1"), RELU, conv(8), RELU)
    new = layers(conv(3, more=", padding = 1"), conv(4, more=", padding = 1"), RELU, conv(8), RELU)
    changes = differences(old, new)
    assert told(changes) == [
        "added - Conv1",
        "changed Conv1 Conv2",
        "renumbered Activation2 Activation3",
        "renumbered Conv3 Conv4",
        "renumbered Activation4 Activation5",
    ]
    assert changes[1].fields == {"reads": (("input",), ("Conv1",))}


def test_a_layer_that_goes_is_told_where_it_was() -> None:
    old = layers(conv(4, "a"), RELU, conv(8, "b"))
    changes = differences(old, layers(conv(4, "a"), conv(8, "b")))
    assert told(changes) == ["removed Activation2 -", "changed b b"]
    assert changes[2].fields == {"reads": (("Activation2",), ("a",))}


def test_a_layer_under_another_name_has_moved() -> None:
    old = layers(conv(4, "stem"), conv(8, "b"))
    changes = differences(old, layers(conv(4, "first"), conv(8, "b")))
    assert told(changes) == ["moved stem first"]
    assert changes[0].fields == {}


def test_a_layer_that_moved_and_changed_is_found_by_what_is_alike() -> None:
    old = layers(conv(4, "stem", ", bias = false, padding = 1"), 'type = "Flatten"')
    changes = differences(old, layers(conv(6, "first", ", bias = false, padding = 1"), 'type = "Flatten"'))
    assert told(changes)[0] == "moved stem first"
    assert changes[0].fields == {"out_channels": (4, 6)}


def test_layers_that_change_places_have_moved() -> None:
    old = layers(conv(3, more=", padding = 1"), 'type = "Dropout"', 'type = "Softmax"')
    new = layers(conv(3, more=", padding = 1"), 'type = "Softmax"', 'type = "Dropout"')
    moved = {each.split()[1] for each in told(differences(old, new)) if each.startswith("moved")}
    assert moved & {"Dropout2", "Softmax3"}


def test_layers_of_different_kinds_are_never_the_same_one_unless_their_path_is() -> None:
    changes = differences(layers(conv(4, "a")), layers('type = "MaxPool", kernel_size = 3, name = "b"'))
    assert sorted(told(changes)) == ["added - b", "removed a -"]


def test_a_block_more_leaves_the_layers_of_the_others_where_they_are() -> None:
    """ResNet-34 is ResNet-18 with more blocks in each stage."""
    changes = differences(*(layers_of(count(load(name))) for name in ("resnet18", "resnet34")))
    numbers = Counter(each.status for each in changes)
    assert numbers["removed"] == numbers["moved"] == 0
    assert numbers["added"] == 3 * (16 - 8)
    assert all({*each.fields} <= {"reads"} for each in changes)


@pytest.mark.parametrize("name", ARCHS)
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    same = layers_of(count(load(name)))
    changes = differences(same, same)
    assert [(each.status, path(each.before), each.fields) for each in changes] == [
        ("same", layer.item.path, {}) for layer in same
    ]


ROWS = st.lists(
    st.builds(
        lambda kind, name: kind + (f', name = "{name}"' if name else ""),
        st.sampled_from((conv(2), conv(3), conv(2, more=", padding = 1"), RELU, 'type = "Dropout"')),
        st.sampled_from(("", "", "", "a", "b", "c", "d")),
    ),
    min_size=1,
    max_size=6,
).filter(lambda rows: all(sum(f'name = "{name}"' in row for row in rows) < 2 for name in "abcd"))


@given(ROWS, ROWS)
def test_every_layer_is_told_of_once_and_the_differences_add_up(one: list[str], other: list[str]) -> None:
    old, new = layers(*one), layers(*other)
    changes = differences(old, new)
    assert sorted(path(each.before) for each in changes if each.before) == sorted(each.item.path for each in old)
    assert [path(each.after) for each in changes if each.after] == [each.item.path for each in new]
    for metric in ("params", "macs"):
        whole = sum(each.cost[metric] for each in new) - sum(each.cost[metric] for each in old)
        assert sum(each.delta[metric] for each in changes) == whole


TURNED = {"added": "removed", "removed": "added"}


@given(ROWS, ROWS)
def test_the_other_way_round_everything_is_turned_round(one: list[str], other: list[str]) -> None:
    old, new = layers(*one), layers(*other)
    there = {
        (each.status, path(each.before), path(each.after), tuple(each.delta.values()), *sorted(each.fields))
        for each in differences(old, new)
    }
    back = {
        (
            *(TURNED.get(each.status, each.status), path(each.after), path(each.before)),
            tuple(-number for number in each.delta.values()),
            *sorted(each.fields),
        )
        for each in differences(new, old)
    }
    assert there == back


ITEMS = st.lists(
    st.builds(
        Item,
        path=st.sampled_from(["a", "b.a", "b.c", "Conv1", "Conv2", "b.Conv1", "b.Conv2", "c.Conv1"]),
        kind=st.just("Conv"),
        fields=st.fixed_dictionaries({"p": st.integers(0, 1), "q": st.integers(0, 1), "r": st.integers(0, 1)}),
        inputs=st.just(("input",)),
        output=st.sampled_from([(1,), (2,)]),
    ),
    unique_by=lambda item: item.path,
)


@given(ITEMS, ITEMS)
def test_pairs_are_one_to_one_and_the_same_either_way(one: list[Item], other: list[Item]) -> None:
    pairs = matched(one, other).paths
    assert len({*pairs.values()}) == len(pairs)
    assert {new: old for old, new in pairs.items()} == matched(other, one).paths
    assert all(pairs[item.path] == item.path for item in one if item.is_named and item.path in {x.path for x in other})
