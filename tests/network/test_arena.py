"""The arena of TensorFlow Lite Micro: its planner, and what it is given."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.case import Case, load
from flopcount.network.arena import Slot, head, placed

ORACLES = Path(__file__).parent.parent / "oracles"
FILES = ORACLES / "tflite"


def planned_naively(blocks: list[Slot]) -> list[int]:
    """Follow the rules of the planner word by word: a list sorted by offset is searched from its start."""
    offsets: dict[int, int] = {}
    for place in sorted(range(len(blocks)), key=lambda at: (-blocks[at].size, -at)):
        block, end = blocks[place], 0
        for other in sorted(offsets, key=lambda at: offsets[at]):
            one = blocks[other]
            if one.first > block.last or block.first > one.last:
                continue
            if offsets[other] - end >= block.size:
                break
            end = max(end, offsets[other] + one.size)
        offsets[place] = end
    return [offsets[place] for place in range(len(blocks))]


@pytest.mark.parametrize("longest", [1, 4, 60])
def test_the_planner_gives_what_its_rules_say(longest: int) -> None:
    """For short lives blocks are looked up by time, for long ones row by row: the plans are those of the rules."""
    stream = random.Random(longest)  # noqa: S311  (a test)
    for _ in range(60):
        starts = [stream.randrange(60) for _ in range(stream.randrange(1, 80))]
        blocks = [
            Slot("", "", 16 * stream.randrange(1, 9), start, start + stream.randrange(longest)) for start in starts
        ]
        assert placed(blocks) == planned_naively(blocks)


def test_equal_sizes_are_placed_from_the_last() -> None:
    """Three of 16 bytes, all in use at step 1: the last is at 0."""
    blocks = [Slot(name, "", 16, 0, 1) for name in "abc"]
    assert placed(blocks) == [32, 16, 0]


MEASURED = json.loads((ORACLES / "tflm.json").read_text())


@pytest.mark.parametrize("name", MEASURED)
def test_the_arena_of_a_file_is_what_tflm_allocates(name: str, run: Run) -> None:
    found = run(str(FILES / name), "--metrics", "arena", "--format", "json")
    assert json.loads(found.out)["totals"]["arena"] == MEASURED[name], found.err


@pytest.mark.parametrize(
    ("network", "changes", "expected"),
    [
        ("mobilenet_v1_1.0_224", {"width": "0.25", "input": 96}, 294_912),
        ("mobilenet_v1_1.0_224", {"width": "0.25", "input": 96, "precision": "int8"}, 73_728),
        ("mobilenet_v2", {"width": "0.35", "input": 144, "precision": "int8"}, 311_040),
    ],
)
def test_a_network_has_the_arena_of_its_file(network: str, changes: dict[str, Any], expected: int) -> None:
    """A converter fuses norms and ReLU6, as the layers of an arch file are fused here."""
    assert Case(load(network), metrics=("arena",), **changes).count.total["arena"] == expected


def test_other_activations_have_a_tensor_of_their_own(run: Run) -> None:
    """Maps of 1 kB: a convolution and a ReLU are one operator and two maps; a sigmoid is another, and two at a time."""
    text = """
input = [4, 8, 8]
layers = [
  { type = "Conv", name = "a", out_channels = 8, kernel_size = 1 },
  { type = "BatchNorm", name = "b" },
  { type = "Activation", name = "c", function = "%s" },
  { type = "Conv", name = "d", out_channels = 1, kernel_size = 1 },
]
"""
    found = [
        json.loads(run("-", "--metrics", "arena", "--format", "json", stdin=(text % name).encode()).out)["totals"]
        for name in ("relu", "sigmoid")
    ]
    assert [each["arena"] for each in found] == [1024 + 2048, 2048 + 2048]


def test_a_budget_on_the_arena_says_what_would_fit(run: Run, write: Write) -> None:
    text = """
name = "net"
input = [3, 64, 64]
precision = "int8"
layers = [ { type = "Conv", out_channels = 16, kernel_size = 3, padding = "same" } ]
[[budget]]
arena = "60 kB"
"""
    found = run("check", write("net.toml", text))
    assert found.code == 1
    assert "arena 77.82 kB > 60 kB" in found.out  # 3 + 16 maps of 4,096
    assert "--width 0.7 → 57.34 kB" in found.out  # 11 maps, and 3
    text = text.replace('arena = "60 kB"', '[budget.layer]\narena = "60 kB"')
    found = run("check", write("net.toml", text))
    assert (found.code, "a number of the whole network" in found.out) == (2, True), found.out


def test_the_whole_of_a_network_is_in_every_comparison(run: Run) -> None:
    for line in (
        ("compare", "resnet18", "mobilenet_v2"),
        ("diff", "resnet18", "resnet34"),
        ("whatif", "resnet18", "--width", "1,0.5"),
        ("whatif", "resnet18", "--to", "DepthSepConv"),
        ("mobilenet_v1",),
    ):
        found = run(*line, "--metrics", "arena,intensity", "--format", "json")
        assert found.code == 0, found.err
        assert '"arena' in found.out
    assert "function of the whole network" in run("formula", "resnet18", "--metrics", "arena").err


@pytest.mark.parametrize("reach", [1, 5000])
def test_a_long_network_is_planned_in_a_second(reach: int) -> None:
    blocks = [Slot("", "", 16 * (1 + at * 7919 % 997), at, min(at + reach, 5000)) for at in range(5000)]
    start = time.perf_counter()
    offsets = placed(blocks)
    assert time.perf_counter() - start < 3  # a slow machine; a second on an idle one
    assert head([each._replace(offset=offset) for each, offset in zip(blocks, offsets, strict=True)]) > 0


def test_a_composition_is_one_operator_after_the_other(run: Run) -> None:
    """Maps of 3, 3 and 16 kB, in the order of the operators; a ReLU is within its convolution, a SiLU is not."""
    text = """
input = [3, 32, 32]
precision = "int8"
layers = [
  { type = "DepthSepConv", name = "a", out_channels = 16, kernel_size = 3, padding = "same", activation = "%s" },
]
"""

    def plan(activation: str) -> list[str]:
        lines = run("memory", "-", "--format", "tflm", stdin=(text % activation).encode()).out.splitlines()
        return [line.partition(": ")[2] for line in lines if "(id=" in line]

    assert plan("relu") == [
        "size=3072, offset=0, first_used=0 last_used=1",
        "size=3072, offset=16384, first_used=1 last_used=2",
        "size=16384, offset=0, first_used=2 last_used=2",
    ]
    assert len(plan("silu")) == 1 + 2 + 2


def test_what_is_not_known_makes_a_lower_bound(run: Run) -> None:
    """The parts of a squeeze and excitation read the map again."""
    text = 'input = [4, 8, 8]\nlayers = [{ type = "SqueezeExcitation", squeeze_channels = 1 }]\n'
    found = run("-", "--metrics", "arena", "--format", "json", stdin=text.encode())
    assert json.loads(found.out)["note_codes"] == ["arena-lower-bound"]
