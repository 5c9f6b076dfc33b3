"""Options that cannot be used are refused with what to write instead."""

import pytest
from conftest import Run, Write

LENET = "lenet5"
"""A small network with the input 1×32×32."""


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("0", "not possible"),
        ("160x0", "not possible"),
        ("-1", "not a size"),
        ("abc", "160x128"),
        ("160x", "160x128"),
        ("x160", "160x128"),
        ("160xx128", "160x128"),
        ("", "160x128"),
        (" 160", "160x128"),
        ("160.0", "160x128"),
        ("1e3", "160x128"),
        ("１６０", "160x128"),
        ("²", "160x128"),
        ("10000000000", "10000000000"),
        ("1x2x3x4x5", "2 spatial axes"),
        ("x".join("1" * 50), "2 spatial axes"),
        ("9" * 5000, "not a size"),
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
    assert "leave out --batch" in result.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("foo", "KEY=VALUE"),
        ("=3", "KEY=VALUE"),
        ("input=", "KEY=VALUE"),
        ("", "KEY=VALUE"),
        ("foo=1", "not a key of an arch file"),
        ("inputs=1", "did you mean 'input'"),
        ("foo.bar=1", "no layer at foo"),
        ("Conv2.stride=1", "did you mean 'Conv"),
        (".=1", "--set"),
        ("layers.99.stride=1", "'99' is not one of the"),
        ("layers.-1.stride=1", "'-1' is not one of the"),
        ("layers.x.stride=1", "'x' is not one of the"),
        ("layers.²=1", "is not one of the"),
        (f"layers.{'9' * 5000}.stride=1", "is not one of the"),
        ("layers.=1", "is not one of the"),
        ("name.x=1", "nothing inside"),
        ("input.0.x=1", "nothing inside"),
        ("layers.0.stride=0", "invalid stride 0"),
        ("layers.0.stride=1.5", "invalid stride 1.5"),
        ("layers.0.stride=true", "invalid stride true"),
        ("layers.0.stride=abc", 'invalid stride "abc"'),
        (f"layers.0.stride=[0x{'f' * 5000}]", "stride"),
        (f"layers.0.stride={'9' * 5000}", "stride"),
        (f"layers.0.stride={'[' * 300}{']' * 300}", "stride"),
        (f"layers.0.stride={'[' * 5000}{']' * 5000}", "stride"),
        (f"layers.0.padding{'.a' * 5000}=1", "padding"),
        (f"defaults.padding{'.a' * 5000}=1", "padding"),
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
        ('Conv1.after=["nowhere"]', "nowhere"),
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
        ("--params", "all", "trainable"),
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
