"""KEY=VALUE: how it is read, where it lands, and that the result is validated again."""

from typing import Any

import pytest
from conftest import Run, Write
from hypothesis import given
from hypothesis import strategies as st

from flopcount.errors import UsageError
from flopcount.spec.load import alternatives, changed, setting, value

BLOCKS = """
input = [3, 8, 8]

[defaults]
bias = false
kernel_size = 1

[[layers]]
type = "Conv"
out_channels = 2
bias = true

[[layers]]
type = "Block"
name = "stage"
repeat = 2

[[layers.layers]]
type = "Conv"
name = "conv"
out_channels = 2
"""
"""A 1×1 convolution with biases, 3·2 + 2 = 8 parameters, then two without, 2·2 = 4 each: 16 in all."""


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("-5", -5),
        ("0x10", 16),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("same", "same"),
        (" same ", "same"),
        ('"same"', "same"),
        ("'a b'", "a b"),
        ('"5"', "5"),
        ("[3, 5]", [3, 5]),
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ('{type = "Flatten"}', {"type": "Flatten"}),
        ("True", "True"),
        ("none", "none"),
        ("hello world", "hello world"),
        ("a=b", "a=b"),
        ("1\nw = 2", "1\nw = 2"),
        ('"open', '"open'),
        ("[1", "[1"),
        ("[" * 5000, "[" * 5000),
        ("9" * 5000, "9" * 5000),
        ("é", "é"),
    ],
)
def test_a_value_is_what_toml_makes_of_it_or_a_string(text: str, read: object) -> None:
    """Numbers, truth values, quoted strings, lists and tables are TOML; a bare word is itself."""
    found = value(text)
    assert found == read
    assert type(found) is type(read)


@given(st.text())
def test_any_text_is_some_value(text: str) -> None:
    """Nothing that can be typed makes reading fail."""
    value(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1", ["1"]),
        ("1,2,3", ["1", "2", "3"]),
        ("[1,2]", ["[1,2]"]),
        ("[1,2],[3,4]", ["[1,2]", "[3,4]"]),
        ("[[1,2],[3,4]],5", ["[[1,2],[3,4]]", "5"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("{a = 1, b = 2},3", ["{a = 1, b = 2}", "3"]),
        ('"[",1', ['"["', "1"]),
        (r'"a\",b",c', [r'"a\",b"', "c"]),
        ("'a\\',b", ["'a\\'", "b"]),
        ("same,valid", ["same", "valid"]),
    ],
)
def test_commas_outside_brackets_and_quotes_separate(text: str, parts: list[str]) -> None:
    assert alternatives(text) == parts


@given(st.lists(st.integers() | st.booleans() | st.lists(st.integers()), min_size=1))
def test_alternatives_are_read_as_they_were_written(values: list[Any]) -> None:
    """Joined with commas and split again, every value is itself."""
    text = ",".join(str(each).lower() for each in values)
    assert setting(f"a.b={text}").values == tuple(values)


def test_a_setting_is_split_at_the_first_equals_sign() -> None:
    one = setting(" layers.0.name = a=b ")
    assert (one.address, one.value) == ("layers.0.name", "a=b")


@pytest.mark.parametrize("text", ["", "a", "=", "a=", "=1", " = ", "a= "])
def test_half_a_setting_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        setting(text)


def test_several_values_are_not_one() -> None:
    several = setting("a=1,2")
    assert several.values == (1, 2)
    with pytest.raises(UsageError, match="several values"):
        _ = several.value


def test_the_data_of_a_file_is_left_as_it_was() -> None:
    """Settings are applied to a copy, and their places are kept for messages."""
    data = {"input": [3, 8, 8], "layers": [{"type": "Flatten"}]}
    new, places = changed(data, [setting("input.0=4"), setting("layers.0.name=a"), setting("defaults.bias=false")])
    assert data == {"input": [3, 8, 8], "layers": [{"type": "Flatten"}]}
    assert new == {
        "input": [4, 8, 8],
        "layers": [{"type": "Flatten", "name": "a"}],
        "defaults": {"bias": False},
    }
    assert [*places] == [("input", 0), ("layers", 0, "name"), ("defaults", "bias")]
    assert places["input", 0] == "--set input.0=4"


def test_the_last_setting_of_a_key_wins() -> None:
    new, _ = changed({"name": "a"}, [setting("name=b"), setting("name=c")])
    assert new == {"name": "c"}


def test_settings_of_layers_are_no_change_of_the_file() -> None:
    """They address the plan, whose paths the file does not spell out."""
    assert changed({"name": "a"}, [setting("Conv1.stride=2")]) == ({"name": "a"}, {})


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        ([], "16"),
        (["layers.0.kernel_size=3"], str(3 * 2 * 9 + 2 + 8)),
        (["layers.0.kernel_size=[3,1]"], str(3 * 2 * 3 + 2 + 8)),
        (["Conv1.kernel_size=3"], str(3 * 2 * 9 + 2 + 8)),
        (["defaults.kernel_size=3", "defaults.padding=same"], str(3 * 2 * 9 + 2 + 2 * 4 * 9)),
        (["defaults.bias=true"], str(8 + 2 * 6)),
        (["layers.1.layers.0.kernel_size=3"], str(8 + 2 * 4 * 9)),
        (["stage.1.conv.kernel_size=3"], str(8 + 4 * 9 + 4)),
        (["stage.2.conv.kernel_size=3"], str(8 + 4 + 4 * 9)),
        (["stage.2.conv.bias=true", "stage.2.conv.out_channels=5"], str(8 + 4 + 2 * 5 + 5)),
        (["layers.1.repeat=3"], str(8 + 3 * 4)),
        (["layers.1.repeat=1", "stage.conv.out_channels=7"], str(8 + 2 * 7)),
        (["input.0=1"], str(1 * 2 + 2 + 8)),
        (["input=[1,8,8]"], str(1 * 2 + 2 + 8)),
        (["layers.0.type=GroupConv", "layers.0.groups=1"], "16"),
        (['layers.0={type="Conv",out_channels=2,bias=false}'], str(6 + 8)),
        (['layers=[{type="Conv",out_channels=1}]'], "3"),
        (["Conv1.stride=2", "Conv1.stride=3", "Conv1.out_channels=2"], "16"),
    ],
)
def test_a_setting_reaches_any_key(settings: list[str], params: str, run: Run, write: Write) -> None:
    """Of the file, of its defaults, of a layer by number or path, inside blocks and their repetitions."""
    options = [word for text in settings for word in ("--set", text)]
    result = run(write("a.toml", BLOCKS), *options, "--format", "csv")
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1].split(",")[4] == params


def test_a_later_setting_of_a_layer_builds_on_the_earlier_one(run: Run, write: Write) -> None:
    """First the file is changed, then the layers of its plan."""
    path = write("a.toml", BLOCKS)
    both = run(path, "--set", "defaults.kernel_size=3", "--set", "defaults.padding=1", "--set", "Conv1.bias=false")
    assert str(3 * 2 * 9 + 2 * 4 * 9) in both.out.split()


@pytest.mark.parametrize("text", ["stage.1.conv.name=x", 'stage.1.conv.after=["nowhere"]', "stage.1.conv.type=Flatten"])
def test_a_setting_is_never_ignored(text: str, run: Run, write: Write) -> None:
    """What says how a layer is wired is changed too, or refused."""
    path = write("a.toml", BLOCKS)
    plain = run(path)
    result = run(path, "--set", text)
    assert result.code == 2 or result.out != plain.out


def test_a_layer_called_like_a_key_of_the_file_can_still_be_set(run: Run, write: Write) -> None:
    """Or the name is refused: an address with two meanings is none."""
    row = '{ type = "Conv", name = "defaults", out_channels = 2, kernel_size = 1, bias = false }'
    path = write("a.toml", f"input = [3, 8, 8]\nlayers = [{row}]")
    result = run(path, "--set", "defaults.kernel_size=3")
    assert result.code == 2 or str(3 * 2 * 9) in result.out.split()
