"""The fuzzer: what it calls a finding, and that a few hundred of its inputs have none."""

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

if sys.platform == "win32":
    pytest.skip("the fuzzer forks, and limits processes", allow_module_level=True)

import judge
from grammars import Writer, project
from judge import Case
from mutate import mutated

NET = b'input = [4, 8, 8]\nlayers = [{ type = "Conv", out_channels = 8, kernel_size = 3 }]\n'
ONNX = Path(__file__).parents[1] / "oracles" / "onnx" / "alexnet.onnx"
TFLITE = Path(__file__).parents[1] / "oracles" / "tflite" / "chain_int8.tflite"


def _boom(arguments: list[str]) -> int:
    """Do one of the things that flopcount must not."""
    match arguments[0]:
        case "raises":
            raise KeyError
        case "exits":
            return 3
        case "is silent":
            return 2
        case "prints":
            sys.stdout.write("\x1b[31m")
        case "says":
            sys.stderr.write("oops\n")
        case "writes":
            Path(".a.toml.part").write_bytes(b"")
        case "halves":
            Path("o.json").write_bytes(b'{"layers": [')
        case "loops":
            while True:
                pass
    return 0


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ("raises", "KeyError:  in test_fuzz.py:_boom"),
        ("exits", "exit code 3"),
        ("is silent", "exit code 2 in silence"),
        ("prints", "control characters"),
        ("says", "stderr: oops"),
        ("writes", "a stray file"),
        ("halves", "file: malformed json: JSONDecodeError"),
        ("loops", "slow: Slow"),
        ("nothing", ""),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_must_not_happen_is_a_finding(does: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "run", _boom)
    monkeypatch.setattr(judge, "SECONDS", 1 if does == "loops" else 10)
    result = judge.faults(Case({"a.toml": NET}, [(does, "-o", "o.json", "--format", "json")]), Counter())
    assert "".join(result).startswith(found)
    assert bool(result) == bool(found)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.usefixtures("folder")
def test_a_few_inputs_have_no_finding(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOPCOUNT_DEBUG", "1")
    monkeypatch.setattr(judge, "BASE", judge.peak())  # what the tests before have taken
    tally: Counter[str] = Counter()
    for number in range(15):
        random = Random(f"{start} {number}")  # noqa: S311  (repeatable)
        writer = Writer(random)
        ending, content = writer.file(writer.arch())
        model = mutated(".onnx", ONNX.read_bytes(), [ONNX.read_bytes()], random)
        lite = mutated(".tflite", TFLITE.read_bytes(), [TFLITE.read_bytes()], random)
        cases = [
            Case({f"a.{ending}": content}, [writer.line([f"a.{ending}"])]),
            Case({"a.onnx": model}, [("count", "a.onnx", "--allow-unknown")]),
            Case({"a.tflite": lite}, [writer.line(["a.tflite"])]),
            Case(project(random), [writer.line(["a.toml"], ("check", "lock"))]),
        ]
        assert [found for case in cases for found in judge.faults(case, tally)] == []
    assert {"exit 0", "exit 2"} <= {*tally}
