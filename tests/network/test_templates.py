"""Templates: arguments, expressions, conditions and repetitions, unrolled."""

from typing import Any

import pytest
from small_networks import Row, count, network, row

from flopcount.errors import SpecError
from flopcount.network.plan import Plan, plan
from flopcount.spec.load import load_bytes, setting

SIZE = (4, 8, 8)


def conv(out_channels: Any, **fields: Any) -> Row:
    """Make a 1×1 convolution without biases."""
    return row("Conv", out_channels=out_channels, kernel_size=1, bias=False, **fields)


def template(*layers: Row, required: tuple[str, ...] = (), **arguments: Any) -> Row:
    """Make a template; the keywords are its arguments with their defaults."""
    return {"required": [*required], "arguments": arguments, "layers": [*layers]}


def channels(net: Plan) -> dict[str, Any]:
    """Return the channels that every layer leaves."""
    return {path: step.shape.channels for path, step in count(net).trace.steps.items()}


def wiring(net: Plan) -> dict[str, tuple[str, ...]]:
    """Return what every layer reads."""
    return {node.path: node.inputs for node in net.nodes}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c", 6),
        ("2 * c + 1", 13),
        ("in_channels", 4),
        ("ceil(expand * in_channels) + 0 * c", 6),
        ("divisible(in_channels * 3, 8)", 16),
        ("ceil_div(c, 4)", 2),
        ("floor(0.3 * c)", 1),
        ("24 if kind == 'wide' else 12", 24),
        ("7", 7),
    ],
)
def test_an_expression_is_what_it_comes_to(text: str, expected: int) -> None:
    """With c = 6, expand = 1.5, kind = 'wide' and 4 channels coming in; 12 is halfway from 8 to 16."""
    made = template(conv(text), c=6, expand=1.5, kind="wide")
    assert channels(network(SIZE, row("t"), templates={"t": made})) == {"t1.Conv1": expected}


def test_an_expression_may_stand_in_a_list() -> None:
    made = template(row("Conv", out_channels=2, kernel_size=["k", 1], padding=["k // 2", 0], bias=False), k=5)
    ((path, step),) = count(network(SIZE, row("t"), templates={"t": made})).trace.steps.items()
    assert (path, step.shape.dims, step.kernel) == ("t1.Conv1", (2, 8, 8), (5, 1))


def test_words_and_truths_are_arguments_too() -> None:
    """A function by name, and a bias only where it is asked for: 4·4 weights, and 4 biases."""
    layer = row("Conv", out_channels=4, kernel_size=1, bias="biased", activation="function")
    made = template(layer, biased=True, function="relu6")
    result = count(network(SIZE, row("t"), row("t", biased=False, function="silu"), templates={"t": made}))
    assert [result.cost(step).params for step in result.trace.steps.values()] == [20, 16]
    kinds = [[leaf.kind for leaf in step.leaves()][-1] for step in result.trace.steps.values()]
    assert kinds == ["ReLU6", "SiLU"]


def test_what_enters_a_template_is_not_what_enters_a_row() -> None:
    """`in_channels` stays what it is at the entry, `channels` follows from row to row."""
    made = template(conv("2 * channels"), conv("2 * channels"), conv("in_channels"), conv("channels + in_channels"))
    found = channels(network(SIZE, row("t"), templates={"t": made}))
    assert [*found.values()] == [8, 16, 4, 8]


def test_channels_are_those_of_what_the_row_reads() -> None:
    made = template(conv(10, name="a"), conv("2 * channels", after=["input"]))
    assert channels(network(SIZE, row("t"), templates={"t": made}))["t1.Conv2"] == 8


@pytest.mark.parametrize(("depth", "paths"), [(1, ["t1.b.Conv1"]), (2, ["t1.b.1.Conv1", "t1.b.2.Conv1"])])
def test_how_often_may_be_an_expression(depth: int, paths: list[str]) -> None:
    made = template(row("Block", name="b", repeat="depth", layers=[conv("c")]), required=("depth",), c=3)
    assert [*channels(network(SIZE, row("t", depth=depth), templates={"t": made}))] == paths


def test_a_row_that_is_left_out_hands_on_what_it_reads() -> None:
    """Who names it reads what it would have read."""
    made = template(
        conv(4, name="a"),
        conv(4, name="gone", when="False", after=["input"]),
        conv(4, name="b", after=["gone"]),
        row("Add", name="sum", after=["a", "gone", "b"]),
    )
    found = wiring(network(SIZE, conv(4, name="stem"), row("t", name="t"), templates={"t": made}))
    assert found["t.b"] == ("stem",)
    assert found["t.sum"] == ("t.a", "stem", "t.b")


def test_the_row_behind_one_that_is_left_out_reads_the_one_before() -> None:
    made = template(conv(4, name="a"), conv(4, name="gone", when="False", after=["input"]), conv(4, name="b"))
    assert wiring(network(SIZE, row("t", name="t"), templates={"t": made}))["t.b"] == ("t.a",)


def test_a_template_that_leaves_out_everything_is_a_wire() -> None:
    made = template(conv(4, when="False"))
    net = network(SIZE, conv(5, name="a"), row("t", name="t", repeat=2), conv(6, name="b"), templates={"t": made})
    assert wiring(net) == {"a": ("input",), "b": ("a",)}


def test_templates_in_templates_pass_arguments_on() -> None:
    """The inner 2·d, where d is c + 1 outside, and a default that nobody gives."""
    inner = template(conv("2 * d + e"), required=("d",), e=100)
    outer = template(conv(5), row("inner", name="i", d="c + 1"), required=("c",))
    net = network(SIZE, row("outer", name="o", c=3), templates={"inner": inner, "outer": outer})
    assert channels(net) == {"o.Conv1": 5, "o.i.Conv1": 108}


def test_what_is_passed_on_follows_what_comes_in() -> None:
    """`in_channels` in an argument is that of the template that gives it, `channels` what enters the inner one."""
    inner = template(conv(50), conv("d"), required=("d",))
    outer = template(
        conv(7), row("inner", name="i", d="in_channels + 1"), row("inner", name="j", d="channels + 1"), c=0
    )
    found = channels(network(SIZE, row("outer", name="o"), templates={"inner": inner, "outer": outer}))
    assert (found["o.i.Conv2"], found["o.j.Conv2"]) == (5, 6)


def test_a_decimal_that_is_passed_on_stays_exact() -> None:
    """A tenth of 30 is 3, times 10 is 30: nothing is lost in between."""
    inner = template(conv("floor(10 * r)"), required=("r",))
    outer = template(row("inner", name="i", r="share * 30"), share=0.1)
    found = channels(network(SIZE, row("outer", name="o"), templates={"inner": inner, "outer": outer}))
    assert found == {"o.i.Conv1": 30}


def test_an_argument_of_the_same_name_is_passed_on() -> None:
    """That c = "c" is no recursion: the right one is that of the template around it."""
    inner = template(conv("c"), required=("c",))
    outer = template(row("inner", name="i", c="c"), row("inner", name="j", c="2 * c"), required=("c",))
    net = network(SIZE, row("outer", name="o", c=9), templates={"inner": inner, "outer": outer})
    assert [*channels(net).values()] == [9, 18]


def test_a_block_in_a_template_knows_its_arguments() -> None:
    made = template(row("Block", name="b", repeat=2, layers=[conv("c"), conv("in_channels")]), required=("c",))
    found = channels(network(SIZE, row("t", name="t", c=9), templates={"t": made}))
    assert found == {"t.b.1.Conv1": 9, "t.b.1.Conv2": 4, "t.b.2.Conv1": 9, "t.b.2.Conv2": 4}


def test_a_template_may_stand_in_a_block() -> None:
    block = row("Block", name="b", repeat=2, layers=[row("t", name="t", c=9)])
    net = network(SIZE, block, templates={"t": template(conv("c + in_channels"), required=("c",))})
    assert channels(net) == {"b.1.t.Conv1": 13, "b.2.t.Conv1": 22}


def test_the_arguments_of_the_file_are_known_everywhere() -> None:
    """In rows, in blocks, in templates, in templates inside; an argument of a template hides the file's."""
    inner = template(conv("w + 1"))
    hiding = template(conv("w"), w=50)
    net = network(
        SIZE,
        conv("w"),
        row("Block", name="b", layers=[conv("2 * w")]),
        row("outer", name="o"),
        row("hiding", name="h"),
        arguments={"w": 10},
        templates={"inner": inner, "outer": template(row("inner", name="i")), "hiding": hiding},
    )
    assert [*channels(net).values()] == [10, 20, 11, 50]


def test_without_arguments_a_string_is_no_number() -> None:
    """Expressions are for templates and for files with arguments."""
    with pytest.raises(ValueError, match="out_channels"):
        network(SIZE, conv("4"))


def test_defaults_reach_into_templates() -> None:
    """Whoever gives the field is not asked; "none" takes a norm away. 16 weights; a norm has 8 numbers, a bias 4."""
    layer = row("Conv", out_channels=4, kernel_size=1)
    made = template(layer, {**layer, "norm": "none"}, {**layer, "bias": True})
    net = network(SIZE, row("t"), templates={"t": made}, defaults={"bias": False, "norm": "batch"})
    result = count(net)
    assert [result.cost(step).params for step in result.trace.steps.values()] == [24, 16, 28]


@pytest.mark.parametrize(
    ("field", "layer", "leaves"),
    [
        ("norm", row("Conv", out_channels=4, kernel_size=1, norm="x"), ["Conv"]),
        ("activation", row("Conv", out_channels=4, kernel_size=1, activation="x"), ["Conv"]),
        ("activation", row("Add", after=["input", "input"], activation="x"), ["Add"]),
    ],
)
def test_none_may_be_an_argument(field: str, layer: Row, leaves: list[str]) -> None:
    """What takes a norm or a function away may come from the use of a template."""
    made = template(layer, required=("x",))
    ((_, step),) = count(network(SIZE, row("t", x="none"), templates={"t": made})).trace.steps.items()
    assert [leaf.kind for leaf in step.leaves()] == leaves, field


def test_defaults_may_be_expressions_for_rows_of_templates() -> None:
    made = template(row("Conv", out_channels=4, kernel_size=1), row("Conv", out_channels=4), required=("k",))
    net = network(SIZE, row("t", k=3), templates={"t": made}, defaults={"kernel_size": "k", "padding": "same"})
    assert [step.kernel for step in count(net).trace.steps.values()] == [(1, 1), (3, 3)]


def test_a_template_is_read_by_its_name() -> None:
    made = template(conv(4, name="a"), conv(5, name="b"))
    net = network(SIZE, row("t", name="t", repeat=2), conv(6), conv(6, name="c", after=["t"]), templates={"t": made})
    assert wiring(net)["c"] == ("t.2.b",)


def test_a_template_may_read_several_layers() -> None:
    """They are `input` and `input2` inside, in the order in which the use names them."""
    made = template(row("Concat", name="join", after=["input2", "input"]), conv("in_channels", name="c"))
    use = row("t", name="t", after=["b", "a"])
    net = network(SIZE, conv(4, name="a"), conv(5, name="b"), use, templates={"t": made})
    assert wiring(net)["t.join"] == ("a", "b")
    assert channels(net)["t.c"] == 5


def test_the_inside_of_a_template_is_its_own() -> None:
    """Names outside are not known inside, so that a template means the same everywhere."""
    made = template(conv(4, after=["stem"]))
    with pytest.raises(SpecError, match="after names 'stem', which is not an earlier layer"):
        network(SIZE, conv(4, name="stem"), row("t"), templates={"t": made})


@pytest.mark.parametrize("layers", [[conv(4, name="a"), conv(5, name="a")], [conv(4, name="input")]])
@pytest.mark.parametrize("inside", ["template", "block", "nested"])
def test_a_name_inside_a_template_is_taken_once(layers: list[Row], inside: str) -> None:
    """Two layers at one path would be counted as one; `input` is taken by what enters."""
    block = row("Block", name="b", layers=layers)
    bodies = {"template": layers, "block": [block], "nested": [row("Block", name="o", layers=[block])]}
    with pytest.raises((ValueError, SpecError), match="name"):
        network(SIZE, row("t"), templates={"t": template(*bodies[inside])})


def test_no_network_has_two_layers_at_one_path() -> None:
    """A file with arguments takes its rows apart too, and still refuses names that are taken."""
    with pytest.raises(SpecError, match="name"):
        network(SIZE, conv("w", name="a"), conv("w", name="a"), arguments={"w": 4})


CONTENT = b"""
input = [4, 8, 8]
layers = [ { type = "t", name = "t", repeat = 2, c = "w" } ]
[arguments]
w = 6
[templates.t]
required = ["c"]
arguments = { k = 1 }
layers = [ { type = "Conv", name = "a", out_channels = "c", kernel_size = "k", bias = false } ]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arguments.w=9", 9 * 4 + 9 * 9),
        ("templates.t.arguments.k=3", 9 * (6 * 4 + 6 * 6)),
        ("layers.0.c=2", 2 * 4 + 2 * 2),
        ("layers.0.repeat=3", 6 * 4 + 6 * 6 + 6 * 6),
    ],
)
def test_settings_reach_arguments(text: str, expected: int) -> None:
    """6·4 + 6·6 weights as the file has it."""
    net = plan(load_bytes(CONTENT, "toml", [setting(text)]).arch)
    assert count(net).total.params == expected
