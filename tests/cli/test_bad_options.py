"""Options that cannot be used are refused with what to write instead."""

import pytest
from conftest import Run, Write

LENET = "lenet5"
"""A small network with the input 1×32×32."""


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("0", "sizes go from 1 to"),
        ("160x0", "sizes go from 1 to"),
        *((size, "not a size") for size in ("-1", "9" * 5000)),
        *((size, "160x128") for size in ("abc", "160x", "x160", "160xx128", "", " 160", "160.0", "1e3", "１６０", "²")),
        ("10000000000", "10000000000"),
        *((size, "2 spatial axes") for size in ("1x2x3x4x5", "x".join("1" * 50))),
    ],
)
def test_a_size_that_is_none_is_refused(size: str, words: str, run: Run) -> None:
    """The answer says how sizes are written, or how many the network takes."""
    result = run(LENET, f"--input={size}")
    assert (result.code, result.out) == (2, "")
    assert "--input" in result.err
    assert words in result.err
    assert len(result.err) < 500


def test_a_vector_takes_one_size(write: Write, run: Run) -> None:
    """For an input without space, one size is its channels, two are a batch and its channels, three are too many."""
    path = write("a.toml", 'input = [4]\nlayers = [{ type = "Linear", out_features = 2 }]')
    assert run(path, "--input", "8").code == 0
    assert run(path, "--input", "5x8").code == 0
    assert "0 spatial axes" in run(path, "--input", "1x5x8").err


@pytest.mark.parametrize("batch", ["0", "-1", "1000000001", "9" * 5000, "x", "1.5", ""])
def test_a_batch_that_is_none_is_refused(batch: str, run: Run) -> None:
    result = run(LENET, f"--batch={batch}")
    assert (result.code, result.out) == (2, "")
    assert "--batch" in result.err


def test_two_batches_are_one_too_many(run: Run) -> None:
    result = run(LENET, "--input", "8x1x32x32", "--batch", "2")
    assert (result.code, result.out) == (2, "")
    assert "omit --batch" in result.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        *((setting, "KEY=VALUE") for setting in ("foo", "=3", "input=", "")),
        ("foo=1", "not a key of an arch file"),
        ("inputs=1", "did you mean 'input'"),
        ("foo.bar=1", "no layer at foo"),
        ("Conv2.stride=1", "did you mean 'Conv"),
        (".=1", "--set"),
        *((f"layers.{place}.stride=1", f"'{place}' is not one of the") for place in ("99", "-1", "x")),
        *((f"layers.{place}=1", "is not one of the") for place in ("²", "", f"{'9' * 5000}.stride")),
        ("name.x=1", "nothing inside"),
        ("input.0.x=1", "nothing inside"),
        ("layers.0.stride=0", "invalid stride 0"),
        ("layers.0.stride=1.5", "invalid stride 1.5"),
        ("layers.0.stride=true", "invalid stride true"),
        ("layers.0.stride=abc", 'invalid stride "abc"'),
        *((f"layers.0.stride={value}", "stride") for value in (f"[0x{'f' * 5000}]", "9" * 5000)),
        *((f"layers.0.stride={'[' * depth}{']' * depth}", "stride") for depth in (300, 5000)),
        *((f"{place}.padding{'.a' * 5000}=1", "padding") for place in ("layers.0", "defaults")),
        ("layers.0.strde=1", "did you mean 'stride'"),
        ("layers.0.type=Covn", "did you mean 'Conv'"),
        ("layers.0=1", "a layer is a table"),
        ("layers=[]", "layers is empty"),
        ("layers=1", "a list of layers"),
        ("input=[]", "input is empty"),
        ("input=32", "invalid input 32"),
        ("name=a b", "name"),
        ("name=a\nerror: b", "name"),
        ("defaults.strid=1", "did you mean 'stride'"),
        ("Conv1.stride=0", "invalid stride 0"),
        ("Conv1.strde=0", "did you mean 'stride'"),
        ("Conv1.stride=1,2", "several values"),
        ("layers.0.stride=1,2", "several values"),
        ('Conv1.after=["nowhere"]', "address the layer by its number"),
        ("Conv1.name=a b", "name"),
        (f"Conv1.name=0x{'f' * 5000}", "name"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(setting: str, words: str, run: Run) -> None:
    """The message repeats the setting, says what is wrong, and points nowhere into the file."""
    result = run(LENET, "--set", setting)
    assert (result.code, result.out) == (2, ""), result.err
    assert words in result.err
    assert f"--set {setting.partition('=')[0][:5]}" in result.err
    assert len(result.problems) == 1


@pytest.mark.parametrize("setting", ["layers.0.type=Covn", "layers.0.padding.x=1", 'layers=[{type="Covn"}]'])
def test_what_a_setting_broke_is_not_blamed_on_the_file(setting: str, run: Run) -> None:
    """The line in the file is fine; the error names the setting instead."""
    assert f"--set {setting}" in run(LENET, "--set", setting).err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--format", "jsn", "json"),
        ("--format", "\x1b[31m", "json"),
        ("--params", "all", "total"),
        ("--from", "yaml", "toml"),
        ("--inptu", "160", "--input"),
    ],
)
def test_a_choice_that_is_none_lists_the_choices(option: str, value: str, words: str, run: Run) -> None:
    result = run(LENET, option, value)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "\x1b" not in result.err


def test_a_second_network_is_for_another_command(run: Run) -> None:
    """Extra words are refused, and shown without what they would do to a terminal."""
    result = run(LENET, "\x9b31mvgg\a16")
    assert (result.code, result.out) == (2, "")
    assert "31mvgg" in result.err
    assert all(char.isprintable() or char == "\n" for char in result.err)
