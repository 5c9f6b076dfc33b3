"""`-` reads an arch from standard input, in a notation that is given or guessed."""

import pytest
from badfile import CONV, layers
from conftest import Process, Run

TOML = layers(CONV).encode()
JSON = b'{"input": [3, 8, 8], "layers": [{"type": "Conv", "out_channels": 4, "kernel_size": 3}]}'
MARK = b"\xef\xbb\xbf"

WEIGHTS_AND_BIASES = "112"
"""3 × 4 × 3² + 4."""


@pytest.mark.parametrize("text", [TOML, JSON], ids=["toml", "json"])
@pytest.mark.parametrize(
    "variant",
    [bytes, lambda text: MARK + text, lambda text: text.replace(b"\n", b"\r\n"), lambda text: b"\n  \n" + text],
    ids=["plain", "byte-order mark", "CRLF", "blank lines before"],
)
def test_the_notation_is_guessed(text: bytes, variant: type[bytes], run: Run) -> None:
    """However the text begins, and whatever its line ends are."""
    result = run("-", stdin=variant(text))
    assert result.code == 0
    assert WEIGHTS_AND_BIASES in result.out


@pytest.mark.parametrize(("text", "notation"), [(TOML, "toml"), (JSON, "json")])
def test_the_notation_can_be_given(text: bytes, notation: str, run: Run) -> None:
    assert WEIGHTS_AND_BIASES in run("-", "--from", notation, stdin=text).out


@pytest.mark.parametrize(("text", "notation", "words"), [(TOML, "json", "not JSON"), (JSON, "toml", "not TOML")])
def test_the_notation_that_is_given_holds(text: bytes, notation: str, words: str, run: Run) -> None:
    result = run("-", "--from", notation, stdin=text)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: <stdin>:1:1: {words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "<stdin>: the file is empty"),
        (b"\xff\xf0", "<stdin>:1:1: this is not text"),
        (b"[1, 2]", "<stdin>"),
        (TOML.replace(b"4", b"0"), "<stdin>:3:18: Conv1: invalid out_channels 0"),
    ],
)
def test_problems_point_into_standard_input(text: bytes, words: str, run: Run) -> None:
    result = run("-", stdin=text)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


def test_more_than_64_mebibytes_are_not_read(run: Run) -> None:
    result = run("-", stdin=b"#" * (64 * 2**20 + 1))
    assert (result.code, result.out) == (2, "")
    assert "<stdin>: larger than 64 MiB" in result.err


def test_a_whole_process_reads_its_standard_input(process: Process) -> None:
    result = process("-", "--format", "csv", stdin=TOML)
    assert result.code == 0
    assert result.out.splitlines()[1] == "1,Conv1,Conv,4×6×6,112,3888,1.0,3×3,1.0,3×8×8,1×1,1"
