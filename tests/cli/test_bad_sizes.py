"""Files that ask for too much: the limits hold before any work is done."""

import subprocess
import sys
from pathlib import Path

import pytest
from badfile import ANYWHERE, CONV, INPUT, Bad, amiss, conv, layers
from conftest import Process, Run, Write

MANY = "9" * 1000
TOO_MANY = "9" * 10_000
HEXADECIMAL = f"0x{'f' * 5000}"


def nested(depth: int, opening: str, closing: str) -> str:
    """Wrap the number 1 in so many brackets."""
    return opening * depth + "1" + closing * depth


ONE, LETTERS = '{"type": "Identity"}', ",".join(['"a"'] * 1000)
LONG = f'{{"type": "Linear", "out_features": "{"+".join(["a"] * 90)}"}}'


def repeated(layer: str, after: str = '"input"', times: int = 49_000) -> str:
    """Write a block with the longest name."""
    name, inner = "b" * 100, f'[{{"type": "Identity", "name": "a"}}, {layer}]'
    return f'{{"type": "Block", "name": "{name}", "repeat": {times}, "after": [{after}], "layers": {inner}}}'


SIZES = {
    "a billion layers": Bad(
        layers('{ type = "Block", repeat = 1000000000, layers = [{ type = "Flatten" }] }'), [(ANYWHERE, "layers")]
    ),
    "blocks that multiply to a billion": Bad(
        layers(
            '{ type = "Block", repeat = 1000, layers = [ { type = "Block", repeat = 1000, layers = [ '
            '{ type = "Block", repeat = 1000, layers = [ { type = "Flatten" } ] } ] } ] }'
        ),
        [(ANYWHERE, "layers")],
    ),
    "two to the power of thirty layers": Bad(
        layers('{ type = "Block", repeat = 2, layers = [' * 30 + '{ type = "Flatten" }' + "] }" * 30),
        [(ANYWHERE, "layers")],
    ),
    "more than a billion": Bad(
        conv("out_channels = 1000000001, kernel_size = 3"),
        [("3:18:", "Conv1", "invalid out_channels 1000000001", "10⁹")],
    ),
    "channels that multiply beyond all bounds": Bad(
        layers(
            '{ type = "Block", repeat = 600, layers = ['
            ' { type = "DepthwiseConv", depth_multiplier = 1000000000, kernel_size = 1 } ] }'
        ),
        [("3:44:", "an axis larger than 10⁹")],
    ),
    "a thousand digits": Bad(
        layers(f'{{ type = "Conv", out_channels = {MANY}, kernel_size = 3 }}'),
        [("3:18:", "Conv1", "out_channels", "10⁹")],
    ),
    "a thousand digits in a list": Bad(
        f'{{"input": [3, {MANY}], "layers": [{{"type": "Flatten"}}]}}', [("1:2:", "input", "10⁹")], "a.json"
    ),
    "ten thousand digits": Bad(f"input = [3, {TOO_MANY}]\n", [(ANYWHERE, "digits")]),
    "ten thousand digits in JSON": Bad(f'{{"input": [3, {TOO_MANY}]}}', [(ANYWHERE, "digits")], "a.json"),
    "thousands of hexadecimal digits": Bad(
        layers(f'{{ type = "Conv", out_channels = {HEXADECIMAL}, kernel_size = 3 }}'),
        [("3:18:", "Conv1", "out_channels", "10⁹")],
    ),
    "thousands of hexadecimal digits in a list": Bad(
        f"input = [3, {HEXADECIMAL}]\nlayers = [{CONV}]", [("1:1:", "input", "10⁹")]
    ),
    "thousands of hexadecimal digits in a table": Bad(
        f"{INPUT}layers = {{ a = {HEXADECIMAL} }}", [("2:1:", "layers", "a list of layers")]
    ),
    "lists in lists": Bad(f"a = {nested(1000, '[', ']')}\n", [(ANYWHERE, "nested too deep")]),
    "lists a little too deep": Bad(f"a = {nested(65, '[', ']')}\n", [(ANYWHERE, "nested too deep")]),
    "tables in tables": Bad(f"a = {nested(1000, '{ a = ', ' }')}\n", [(ANYWHERE, "nested too deep")]),
    "a long dotted key": Bad(f"{'.'.join(['a'] * 1000)} = 1\n", [(ANYWHERE, "nested too deep")]),
    "a long dotted header": Bad(f"[{'.'.join(['a'] * 1000)}]\n", [(ANYWHERE, "nested too deep")]),
    "objects in objects": Bad(nested(1000, '{"a":', "}"), [(ANYWHERE, "nested too deep")], "a.json"),
    "arrays in an object": Bad(f'{{"a":{nested(100_000, "[", "]")}}}', [(ANYWHERE, "nested too deep")], "a.json"),
    "more inputs of layers than a million": Bad(
        f'{{"input": [8], "layers": [{repeated(f"""{{"type": "Add", "after": [{LETTERS}]}}""")}]}}',
        [(ANYWHERE, "more than 1000000 inputs of layers")],
        "a.json",
    ),
    "a repeated block that reads more": Bad(
        f'{{"input": [8], "layers": [{{"type": "Identity", "name": "a"}}, {repeated(ONE, LETTERS)}]}}',
        [(ANYWHERE, "more than 1000000 inputs of layers")],
        "a.json",
    ),
    "more letters in paths than fit": Bad(
        f'{{"input": [8], "layers": [{repeated(repeated(repeated(ONE, times=1), times=1), times=20_000)}]}}',
        [(ANYWHERE, "more than 20000000 letters in paths")],
        "a.json",
    ),
    "more expressions than are computed in time": Bad(
        f'{{"input": [8], "arguments": {{"a": 1}}, "layers": [{repeated(LONG)}]}}',
        [(ANYWHERE, "more than 2000000 letters in expressions")],
        "a.json",
    ),
    "a long name": Bad(f'name = "{"a" * 101}"\n{layers(CONV)}', [("1:1:", "name", "…")]),
    "a long key": Bad(f"{'a' * 100_000} = 1\n{layers(CONV)}", [("1:1:", "unknown key", "…")]),
}


@pytest.mark.parametrize("bad", SIZES.values(), ids=SIZES)
def test_too_much_is_refused(bad: Bad, write: Write, run: Run) -> None:
    """Each problem is a line with its place, all at once, with exit code 2 and nothing on stdout."""
    path = write(bad.name, bad.content)
    assert amiss(run(path), path, bad) == []


def test_a_file_of_more_than_64_mebibytes_is_refused(tmp_path: Path, run: Run) -> None:
    """It is not read to its end."""
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    result = run(path)
    assert (result.code, result.out) == (2, "")
    assert f"{path}: larger than 64 MiB" in result.err


def test_thousands_of_problems_are_told_like_a_few(write: Write, process: Process) -> None:
    """The text is searched once for all of them: the process would not end in time otherwise."""
    path = write("a.toml", INPUT + '[[layers]]\ntype = "Conv"\nfoo = 1\n' * 2000)
    result = process(path)
    assert result.code == 2
    assert result.problems[0].startswith(f"{path}:2:1: Conv1: ")
    assert "5950 more" in result.problems[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
@pytest.mark.parametrize(
    "text",
    [
        f"{'.'.join(['a'] * 30_000)} = 1\n",
        f"[{'.'.join(['a'] * 30_000)}]\nb = 1\nc = 2\n",
        f"x = {{ {' . '.join(['a'] * 30_000)} = 1 }}\n",
        ".".join(['" !"'] * 30_000) + " = 1\n",
        ".".join(["''"] * 30_000) + " = 1\n",
        f"x = {'[' * 1_000_000}\n",
        f"x = {'{a=' * 1_000_000}\n",
        f"={'[' * 100_000}\n",
        f"x = 1\nx = 1\ny = {'[' * 10_000}{']' * 10_000}\n",
    ],
    ids=["key", "header", "inline key", "odd key", "empty key", "open lists", "open tables", "nonsense", "a key twice"],
)
def test_a_small_file_takes_little_memory(text: str, write: Write, tmp_path: Path) -> None:
    """A gibibyte is more than enough for any file of a megabyte."""
    path = write("a.toml", text)
    command = ["/bin/sh", "-c", 'ulimit -v 1048576; exec "$0" -m flopcount "$1"', sys.executable, str(path)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(f"error: {path}:".encode())


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a device without an end")
def test_a_file_without_an_end_is_refused(run: Run) -> None:
    result = run("/dev/zero")
    assert (result.code, result.out) == (2, "")
    assert "larger than 64 MiB" in result.err


def test_a_text_with_many_dots_is_no_key(run: Run, write: Write) -> None:
    """Only keys are nested; and a line of a megabyte is read once, not once from each of its characters."""
    text = f'"{"a." * 80}"'
    result = run(write("a.toml", f"description = {text}\n{layers(CONV)} # {'a.' * 80}{'b' * 500_000}\n"))
    assert (result.code, result.err) == (0, "")


VARIED = "arguments = { a = 1 }\n" + layers(
    '{ type = "Block", name = "b", repeat = 20001, layers = ['
    '{ type = "Conv", out_channels = "index * a + 8", kernel_size = 1 }] }'
)
"""A network of 130 bytes with 20,001 layers of which no two are equal."""


@pytest.mark.parametrize(
    "command",
    [
        ("formula", "a.toml"),
        ("sweep", "a.toml", "--width", "0.5,1"),
        ("space", "a.toml", "--width", "0.5,1"),
        ("whatif", "a.toml", "--to", "Conv"),
        ("compare", "a.toml", "lenet5"),
        ("diff", "lenet5", "a.toml"),
    ],
)
def test_many_different_layers_are_counted_once_only(
    command: tuple[str, ...], write: Write, run: Run, folder: Path
) -> None:
    """What counts or keeps them several times would take a minute and a gigabyte for 100,000 of them."""
    write("a.toml", VARIED)
    result = run(*command)
    assert (result.code, result.out, [*folder.iterdir()]) == (2, "", [folder / "a.toml"])
    assert "more than 20000 different layers" in result.err


def test_many_different_layers_are_counted(write: Write, run: Run) -> None:
    assert run(write("a.toml", VARIED), "--by", "type").code == 0


def test_a_large_model_is_read_at_one_input(write: Write, run: Run) -> None:
    """Reading 30,001 layers takes a second, for each input again; equal ones in an arch file are made once."""
    write("a.cfg", "[net]\nwidth=8\nheight=8\nchannels=8\n" + "[dropout]\n" * 30_001)
    path = write("a.toml", layers('{ type = "Identity", repeat = 30001 }'))
    model = path.with_suffix(".cfg")
    assert "invalid, such as 0: a model of more than 30000" in run("sweep", model, "--input", "8,16").out
    assert "too many for an arch file" in run("import", model).err
    assert "more than 30000 layers, too many for a formula" in run("formula", path).err
    assert run("sweep", path, "--batch", "1,2").code == 0
    assert run(model, "--input", "16", "--by", "type").code == 0
