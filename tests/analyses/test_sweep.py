"""Sweeps: every integer is that of an exact count, whatever the axes are."""

import pickle
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from flopcount.analyses.sweep.axes import Axis, axis, setting_axis
from flopcount.analyses.sweep.evaluate import OVERFLOW, Evaluator
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.parts import Sweep
from flopcount.analyses.sweep.run import Drawn, candidate, evaluator, swept, why
from flopcount.analyses.sweep.select import Tallied
from flopcount.case import Case, load, load_bytes
from flopcount.errors import BadInput
from flopcount.network.convention import convention
from flopcount.spec.load import setting

GRIDS: list[tuple[str, str, list[str]]] = [
    ("mobilenet_v1_1.0_224", "trainable", ["input=31,96:224:64", "width=0.25:1.4:0.35"]),
    ("mobilenet_v1_1.0_224", "weights", ["width=0.5,1", "layers.3.kernel_size=3,5", "layers.3.padding=same,valid"]),
    ("mobilenet_v1_1.0_224", "trainable", ["width=0.3,1", "layers.4.out_channels=3:9:3", "DepthSepConv4.stride=1,2"]),
    ("mobilenet_v2", "trainable", ["width=0.1,0.35,1.4", "input=96,97,224"]),
    ("mobilenet_v2", "folded", ["width=0.35,1.4", "input=96,97"]),
    ("resnet50", "trainable", ["input=1:4,224", "width=0.5,1"]),
    ("resnet50", "total", ["arguments.depth3=4,6", "arguments.groups=1,2,3"]),
    ("resnet50", "trainable", ["layers.2.width=64,100", "layer2.width=32:48:8", "input=64,65"]),
    ("efficientnet_b0", "trainable", ["arguments.width=0.5:1.1:0.3", "input=64,224"]),
    ("efficientnet_b0", "trainable", ["arguments.depth=1,1.1,1.8", "width=0.5,1"]),
    ("lenet5", "trainable", ["input=8:16", "layers.0.kernel_size=1:9:4", "layers.0.stride=1,2"]),
    ("shufflenet_v1", "trainable", ["width=0.1:1:0.3", "input=32,33"]),
    ("vit_b_16", "trainable", ["input=32,40,64"]),
]


def axes(texts: list[str]) -> tuple[Axis, ...]:
    """Read axes as the command line does."""
    found = (setting(text) for text in texts)
    options = {"input", "width"}
    return tuple(
        axis(each.address, each.text, each.text.partition("=")[2]) if each.address in options else setting_axis(each)
        for each in found
    )


def spaced(reference: str, texts: list[str], params: str = "trainable", **fixed: Any) -> tuple[Space, Evaluator]:
    """Return a space with its evaluator."""
    space = Space(Case(load(reference), convention=convention(params), **fixed), axes(texts))
    evaluate = evaluator(space)
    return space._replace(axes=evaluate.axes), evaluate


def written(text: str, texts: list[str]) -> tuple[Space, Evaluator]:
    """Return the space of an arch that stands here."""
    space = Space(Case(load_bytes(text.encode())), axes(texts))
    return space, evaluator(space)


def alone(space: Space, id_: int) -> tuple[int, int] | None:
    """Count one candidate exactly; None where it cannot be."""
    try:
        total = space.at(candidate(space, id_)).count.total
    except BadInput:
        return None
    return total.macs, total.params


def together(space: Space, evaluate: Evaluator, part: range | None = None) -> dict[int, tuple[int, int] | None]:
    """Return what a sweep says of each candidate."""
    part = part or range(prod(len(each.values) for each in space.axes))
    found: dict[int, tuple[int, int] | None] = {}
    for chunk in swept(space, evaluate, part):
        costs = (chunk.costs[name].tolist() for name in ("valid", "macs", "params"))
        for id_, valid, macs, params in zip(np.asarray(chunk.ids).tolist(), *costs, strict=True):
            found[id_] = (macs, params) if valid else None
    return found


@pytest.mark.parametrize(("reference", "params", "texts"), GRIDS)
def test_a_grid_is_what_each_candidate_is_alone(reference: str, params: str, texts: list[str]) -> None:
    """Every integer and every refusal is that of the exact count."""
    space, evaluate = spaced(reference, texts, params)
    found = together(space, evaluate)
    assert found == {id_: alone(space, id_) for id_ in found}
    assert len(found) == prod(len(each.values) for each in space.axes)


def test_published_figures_are_in_the_grid() -> None:
    """MobileNet 1.0 at 224 has 568,740,352 MACs; Keras has 3,538,984 and 6,156,712 parameters for MobileNetV2."""
    space, evaluate = spaced("mobilenet_v1_1.0_224", ["width=0.5:1:0.25", "input=160:224:32"])
    assert together(space, evaluate)[8] == (568_740_352, 4_231_976)
    space, evaluate = spaced("mobilenet_v2", ["width=1,1.4"], "total")
    assert [cost[1] for cost in together(space, evaluate).values() if cost] == [3_538_984, 6_156_712]


def test_an_evaluator_is_pure_and_can_be_sent_elsewhere() -> None:
    _, evaluate = spaced("mobilenet_v2", ["width=0.5:1:0.05", "input=96:224:32"])
    batch = {"width": np.array([0.5, 0.75, 1.0]), "input": np.array([96, 224, 160])}
    kept = {name: values.copy() for name, values in batch.items()}
    here, there = evaluate(batch), pickle.loads(pickle.dumps(evaluate))(batch)  # noqa: S301  (made here)
    assert all((here[name] == there[name]).all() for name in here)
    assert all((batch[name] == kept[name]).all() for name in batch)


def test_shapes_are_broadcast() -> None:
    """An outer product is the same as its candidates one by one."""
    _, evaluate = spaced("mobilenet_v2", ["width=0.5:1:0.05", "input=96:224:32"])
    width, size = np.array([0.5, 0.75, 1.0]), np.array([96, 224])
    outer = evaluate({"width": width[:, None], "input": size[None]})["macs"]
    pairs = np.array([*product(width, size)])
    flat = evaluate({"width": pairs[:, 0], "input": pairs[:, 1].astype(np.int64)})["macs"]
    assert outer.shape == (3, 2)
    assert (outer.reshape(-1) == flat).all()


def test_a_width_between_the_steps_is_refused() -> None:
    _, evaluate = spaced("mobilenet_v2", ["width=0.5,1"])
    with pytest.raises(ValueError, match="steps of 1/2"):
        evaluate({"width": np.array([0.3])})


def test_what_is_between_the_values_of_an_axis_is_exact_too() -> None:
    """An evaluator serves all numbers between the ends, and refuses those beyond."""
    space, evaluate = spaced("lenet5", ["input=8,1024"])
    found = evaluate({"input": np.array([8, 28, 1000])})
    space = space._replace(axes=axes(["input=8,28,1000"]))
    assert found["valid"].tolist() == [False, True, True]
    for id_ in (1, 2):
        assert alone(space, id_) == (found["macs"].tolist()[id_], found["params"].tolist()[id_])
    with pytest.raises(ValueError, match="outside its axis"):
        evaluate({"input": np.array([7])})


WIDE = """
input = [1000, 1000, 1000]
layers = [
  { type = "Conv", name = "a", out_channels = 1000, kernel_size = 1, bias = false },
  { type = "Conv", name = "b", out_channels = 1000, kernel_size = 1, bias = false },
]
"""


def test_what_int64_cannot_hold_is_reported_not_wrapped() -> None:
    """With s² positions and 10³ channels there are 2·10⁶·s² MACs: 2·10²⁴ at 10⁹, far beyond 2⁶³."""
    space, evaluate = written(WIDE, ["input=1000,1000000000"])
    chunk = next(swept(space, evaluate, range(2)))
    assert chunk.costs["valid"].tolist() == [True, False]
    assert chunk.costs["reason"].tolist()[1] == OVERFLOW
    assert chunk.costs["macs"].tolist()[0] == 2 * 10**12
    assert alone(space, 1) == (2 * 10**24, 2 * 10**6)
    assert "64 bits" in why(space, 1, OVERFLOW)


SHARED = """
input = [8, 16, 16]
layers = [
  { type = "Conv", name = "a", out_channels = 12, kernel_size = 3 },
  { type = "GroupConv", name = "b", out_channels = 12, kernel_size = 5, groups = 1 },
]
"""


def test_invalid_candidates_are_counted_by_reason() -> None:
    """Of 3×3, then 5×5, on 7×7 something is left, on 6×6 nothing; of groups 1 to 6 only 5 does not divide 12."""
    space, evaluate = written(SHARED, ["b.groups=1:6", "input=6,7"])
    tally = Sweep(space, evaluate).evaluate(0, 12).tally
    tallied = Tallied(space, evaluate, tally)
    found = [(each.path, each.many, each.first) for each in tallied.reasons()]
    assert (tally.seen, tally.valid) == (12, 5)
    assert sum(many for _, many, _ in found) == 7
    sentences = " ".join(each.sentence for each in tallied.reasons())
    assert "output would be empty" in sentences
    assert "groups = 5 does not divide" in sentences


def test_a_walk_that_never_works_is_counted_as_invalid() -> None:
    """Without padding, 5×5 does not fit 4×4; with it, it does."""
    text = 'input = [1, 4, 4]\nlayers = [{ type = "Conv", out_channels = 1, kernel_size = 5, padding = "same" }]'
    space, evaluate = written(text, ["layers.0.padding=same,valid", "layers.0.out_channels=1:3"])
    assert [cost is None for cost in together(space, evaluate).values()] == [False] * 3 + [True] * 3


def test_draws_are_the_same_however_they_are_cut() -> None:
    """40,000 draws are several chunks; any part of them has the same candidates."""
    space, evaluate = spaced("lenet5", [f"layers.{index}.out_channels=1:1000" for index in (0,)] + ["input=28:999"])
    drawn = Drawn(40_000, seed=3)
    whole = [id_ for chunk in swept(space, evaluate, range(40_000), drawn) for id_ in np.asarray(chunk.ids).tolist()]
    part = [
        id_ for chunk in swept(space, evaluate, range(777, 33_333), drawn) for id_ in np.asarray(chunk.ids).tolist()
    ]
    assert whole[777:33_333] == part
    assert len({*whole}) > 39_000


def test_drawn_candidates_are_exact() -> None:
    """In a space of 8¹³ candidates each drawn one is what its id counts alone."""
    texts = [f"layers.{index}.out_channels=8:64:8" for index in range(13)]
    space, evaluate = spaced("mobilenet_v1_1.0_224", texts)
    chunk = next(swept(space, evaluate, range(5), Drawn(5, seed=1)))
    costs = zip(chunk.costs["macs"].tolist(), chunk.costs["params"].tolist(), strict=True)
    assert [*costs] == [alone(space, id_) for id_ in np.asarray(chunk.ids).tolist()]
