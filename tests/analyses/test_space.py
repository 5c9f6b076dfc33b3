"""Spaces: what is said of all candidates is what going through them says."""

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.analyses.conditions import condition
from flopcount.analyses.space import answer as answers
from flopcount.analyses.space.answer import Answer, Mode, Question, asked
from flopcount.analyses.sweep.axes import Axis, axis, setting_axis
from flopcount.analyses.sweep.evaluate import Evaluator
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.run import Drawn, candidate, evaluator, swept
from flopcount.case import Case, load, load_bytes
from flopcount.errors import BadInput, UsageError
from flopcount.network.convention import convention
from flopcount.network.metrics import METRICS, Metric
from flopcount.spec.load import setting

SPACES: list[tuple[str, str, list[str]]] = [
    ("mobilenet_v1_1.0_224", "trainable", ["input=96:224:64", *(f"layers.{i}.out_channels=8:56:16" for i in range(4))]),
    ("mobilenet_v1_1.0_224", "weights", ["width=0.25:1:0.25", "input=97,128", "layers.3.out_channels=7,64,100"]),
    ("mobilenet_v1_1.0_224", "trainable", [f"layers.{i}.kernel_size=1,3,5" for i in (1, 4, 7, 12)]),
    ("mobilenet_v2", "folded", ["width=0.35,1.4", "input=96,97", "layers.0.out_channels=16,32"]),
    ("resnet18", "trainable", ["layer1.width=32,64", "layer2.width=64,96", "layer4.width=100,512", "input=64,65,224"]),
    ("resnet50", "total", ["arguments.depth3=4,6", "arguments.groups=1,3", "layers.2.width=60,64"]),
    ("lenet5", "trainable", ["input=8:16", "layers.0.kernel_size=1:9:4", "layers.0.stride=1,2"]),
    ("googlenet", "trainable", ["input=64,224", "conv1.out_channels=32,64"]),
    ("mobilenet_v1_1.0_224", "trainable", ["layers.3.padding=same,valid", "layers.4.out_channels=64,100"]),
]


def axes(texts: list[str]) -> tuple[Axis, ...]:
    """Read axes as the command line does."""
    found = (setting(text) for text in texts)
    return tuple(
        axis(each.address, each.text, each.text.partition("=")[2])
        if each.address in {"input", "width"}
        else setting_axis(each)
        for each in found
    )


def spaced(reference: str, texts: list[str], params: str = "trainable") -> Space:
    """Return a space of a bundled network."""
    return Space(Case(load(reference), convention=convention(params)), axes(texts))


def written(text: str, texts: list[str]) -> Space:
    """Return the space of an arch that stands here."""
    return Space(Case(load_bytes(text.encode())), axes(texts))


def gone_through(space: Space, where: str | None = None) -> dict[int, tuple[int, int]]:
    """Return the valid candidates that meet a condition, by going through all of them."""
    evaluate: Evaluator = evaluator(space)
    kept = condition(where, [*(each.name for each in space.axes), "macs", "params"]) if where else None
    found: dict[int, tuple[int, int]] = {}
    for chunk in swept(space, evaluate, range(prod(len(each.values) for each in space.axes))):
        known = {name: chunk.costs[name] for name in ("macs", "params")}
        for each, places in zip(space.axes, chunk.digits, strict=True):
            known[each.name] = np.array(each.values)[places]
        meant = chunk.costs["valid"] & (kept(known) if kept else True)
        columns = (np.asarray(each)[meant].tolist() for each in (chunk.ids, known["macs"], known["params"]))
        found |= {id_: (macs, params) for id_, macs, params in zip(*columns, strict=True)}
    return found


def agrees(answer: Answer, every: dict[int, tuple[int, int]], meeting: dict[int, tuple[int, int]]) -> None:
    """Hold an answer to all candidates."""
    assert answer.valid == len(every)
    assert answer.meeting.lower <= len(meeting) <= answer.meeting.upper
    for metric, (least, most) in enumerate(answer.ends):
        assert least.costs == every[least.id]
        assert most.costs == every[most.id]
        assert least.costs[metric] == min(costs[metric] for costs in every.values())
        assert most.costs[metric] == max(costs[metric] for costs in every.values())
    if answer.best:
        metric, least, most = answer.best
        assert (least.costs, most.costs) == (meeting[least.id], meeting[most.id])
        assert least.costs[metric] == min(costs[metric] for costs in meeting.values())
        assert most.costs[metric] == max(costs[metric] for costs in meeting.values())
    for each in answer.drawn:
        assert each.costs == meeting[each.id]


def middle_of(every: dict[int, tuple[int, int]], metric: int, part: float = 0.5) -> int:
    """Return a cost in the midst of all."""
    costs = sorted(each[metric] for each in every.values())
    return costs[int(part * (len(costs) - 1))]


@pytest.mark.parametrize(("reference", "params", "texts"), SPACES)
def test_what_is_said_of_a_space_is_what_going_through_it_says(reference: str, params: str, texts: list[str]) -> None:
    """Of all networks: chains, shared widths, templates, branches, a width multiplier, invalid candidates."""
    space = spaced(reference, texts, params)
    every = gone_through(space)
    macs, parameters = middle_of(every, 0), middle_of(every, 1)
    low = middle_of(every, 0, 0.2)
    for where in (f"{macs} >= macs", f"params > {parameters}", f"{low} <= macs < {macs} and params >= {parameters}"):
        meeting = gone_through(space, where)
        for mode in ("exact", "bounds"):
            answer = asked(space, Question(where, mode, Drawn(9, 1) if meeting else None))
            agrees(answer, every, meeting)
            assert answer.meeting.lower == answer.meeting.upper or mode == "bounds"
            assert (answer.best is None) == (mode == "bounds" or not meeting or len(answer.limits.limited) > 1)
            assert answer.limits.text == where


def test_each_candidate_that_is_named_counts_so_alone() -> None:
    space = spaced("resnet18", ["layer1.width=32:96:32", "layer3.width=100:300:100", "input=33,64"])
    answer = asked(space, Question("macs <= 300M", draws=Drawn(5, 3)))
    for each in (*answer.drawn, *(end for pair in answer.ends for end in pair)):
        total = answer.space.at(candidate(answer.space, each.id)).count.total
        assert each.costs == (total.macs, total.params)


def test_conditions_on_axes_choose_their_values() -> None:
    space = spaced("lenet5", ["input=28:40:4", "layers.0.kernel_size=1:9:2", "layers.0.padding=0,1,2"])
    for where in (
        "input >= 32",
        "input >= 32 or layers.0.padding == 1",
        "not layers.0.kernel_size == 5 and macs <= 400k",
        "input // layers.0.kernel_size > 5 and params < 60k",
    ):
        meeting = gone_through(space, where)
        answer = asked(space, Question(where, "exact", Drawn(10, 0)))
        assert (answer.meeting.lower, answer.meeting.upper) == (len(meeting),) * 2
        assert all(each.costs == meeting[each.id] for each in answer.drawn)
        assert answer.valid == len(gone_through(space))


def chain(widths: list[list[int]], size: int) -> tuple[str, list[str]]:
    """Return a chain of convolutions of one bias-free weight a pair of channels, and its axes."""
    layers = ",\n".join(
        f'{{ type = "Conv", name = "c{place}", out_channels = {each[0]}, kernel_size = 1, bias = false }}'
        for place, each in enumerate(widths)
    )
    text = f"input = [3, {size}, {size}]\nlayers = [\n{layers}\n]\n"
    return text, [f"c{place}.out_channels={','.join(map(str, each))}" for place, each in enumerate(widths)]


WIDTHS = st.lists(st.lists(st.integers(1, 40), min_size=2, max_size=4, unique=True), min_size=1, max_size=5)


@settings(max_examples=15)
@given(WIDTHS, st.integers(1, 3), st.floats(0, 1), st.floats(0, 1))
def test_any_chain_is_counted_by_its_definition(widths: list[list[int]], size: int, one: float, other: float) -> None:
    """A chain of 1×1 convolutions without bias has Σ cᵢ·cᵢ₊₁ parameters, and that times the positions MACs."""
    text, texts = chain(widths, size)
    parameters = [sum(a * b for a, b in zip((3, *each), each, strict=False)) for each in product(*widths)]
    first, second = (sorted(parameters)[int(part * (len(parameters) - 1))] for part in sorted((one, other)))
    many = sum(first <= each <= second for each in parameters)
    where = f"{first} <= params and macs <= {second * size**2}"
    space = written(text, texts)
    found = asked(space, Question(where, "exact", Drawn(3, 0)))
    assert (found.meeting.lower, found.meeting.upper) == (many, many)
    rough = asked(space, Question(where, "bounds"))
    assert rough.meeting.lower <= many <= rough.meeting.upper
    assert [each.costs[1] for each in found.ends[1]] == [min(parameters), max(parameters)]
    assert all(parameters[each.id] == each.costs[1] for each in found.drawn)


def coins(layers: int, values: int) -> Space:
    """Return a space of choices that do not meet: layers of 1 to so many channels, each between two of one channel."""
    widths = [[*range(1, values + 1)] if place % 2 == 0 else [1] for place in range(2 * layers)]
    text, texts = chain(widths, 1)
    return written(text.replace("[3, 1, 1]", "[1, 1, 1]"), [each for each in texts if "," in each])


def distribution(layers: int, values: int) -> dict[int, int]:
    """Return how many ways there are to each sum: each width w between two of 1 has w + w parameters."""
    ways = {0: 1}
    for _ in range(layers):
        following: dict[int, int] = {}
        for total, many in ways.items():
            for value in range(1, values + 1):
                following[total + 2 * value] = following.get(total + 2 * value, 0) + many
        ways = following
    return ways


@pytest.mark.parametrize(("layers", "values"), [(3, 4), (17, 8), (40, 16)])
def test_counts_beyond_64_bits_are_exact(layers: int, values: int) -> None:
    """16⁴⁰ = 2¹⁶⁰ candidates: how many have a sum is the coefficient of a power of (x² + x⁴ + … + x³²)."""
    ways = distribution(layers, values)
    budget = layers * (values + 1)
    answer = asked(coins(layers, values), Question(f"params <= {budget}", "exact", Drawn(2, 1)))
    assert answer.valid == values**layers
    assert answer.meeting.lower == answer.meeting.upper == sum(many for total, many in ways.items() if total <= budget)
    rough = asked(coins(layers, values), Question(f"{budget - 20} <= params <= {budget}", "bounds"))
    many = sum(many for total, many in ways.items() if budget - 20 <= total <= budget)
    assert rough.meeting.lower <= many <= rough.meeting.upper


def test_every_candidate_is_drawn_about_as_often_as_any_other() -> None:
    """Of 12 candidates 3000 draws give each 250, give or take four standard deviations of 15."""
    space = spaced("lenet5", ["input=28:40:4", "layers.0.out_channels=4:12:2"])
    meeting = gone_through(space, "macs <= 500k")
    answer = asked(space, Question("macs <= 500k", "bounds", Drawn(250 * len(meeting), 7)))
    often = {id_: sum(each.id == id_ for each in answer.drawn) for id_ in meeting}
    assert all(190 < many < 310 for many in often.values())
    assert sum(often.values()) == len(answer.drawn)


def test_an_axis_that_costs_nothing_multiplies_the_candidates() -> None:
    """Dropout has no cost: each of its values makes as many candidates as there are without it."""
    text, texts = chain([[1, 2, 3], [4, 5]], 1)
    text = text.replace("\n]", ',\n{ type = "Dropout", name = "d", p = 0.5 }\n]')
    answer = asked(written(text, [*texts, "d.p=0.1,0.2,0.3"]), Question("params <= 13"))
    every = [3 * a + a * b for a in (1, 2, 3) for b in (4, 5)]
    assert (answer.valid, answer.meeting.lower) == (18, 3 * sum(each <= 13 for each in every))


HUGE = """
input = [1000, 1000000, 1000000]
layers = [
  { type = "Conv", name = "a", out_channels = 1000, kernel_size = 1, bias = false },
  { type = "Conv", name = "b", out_channels = 1000, kernel_size = 1, bias = false },
]
"""


def test_costs_beyond_64_bits_are_exact() -> None:
    """With p = 10¹² positions and widths a, b there are p·(1000·a + a·b) MACs, up to 10¹⁸·p."""
    space = written(HUGE, ["a.out_channels=10000000:1000000000:110000000", "b.out_channels=1,999999937,1000000000"])
    every = [10**12 * (1000 * a + a * b) for a, b in product(*(each.values for each in space.axes))]  # type: ignore[operator]
    answer = asked(space, Question("macs >= 10000000000000000", "bounds"))
    assert [each.costs[0] for each in answer.ends[0]] == [min(every), max(every)]
    assert answer.meeting.lower == answer.meeting.upper == len(every)


def test_limits_that_nothing_meets_are_answered() -> None:
    space = spaced("lenet5", ["input=28:60:4", "layers.0.out_channels=1:30"])
    for where in ("macs < 10", "macs > 10G", "macs <= 300k and macs > 300k", "input > 100", "macs == 300001"):
        modes: tuple[Mode, ...] = ("auto", "exact", "bounds")
        counts = [asked(space, Question(where, mode)).meeting for mode in modes]
        assert [each.lower for each in counts] == [0, 0, 0]
        assert [each.upper for each in counts[:2]] == [0, 0]
        with pytest.raises(UsageError, match=r"no candidate|none of"):
            asked(space, Question(where, draws=Drawn(1, 0)))


def test_a_space_without_a_valid_candidate_is_answered() -> None:
    answer = asked(spaced("lenet5", ["input=2:4", "layers.0.out_channels=1:3"]), Question("macs < 10"))
    assert (answer.valid, answer.ends, answer.meeting.upper) == (0, (), 0)


def test_layers_that_hang_together_too_much_are_named() -> None:
    """A channel-wise concatenation of ten widths is read by one layer: it depends on all of them at once."""
    branches = ",\n".join(
        f'{{ type = "Conv", name = "b{place}", out_channels = 8, kernel_size = 1, after = ["input"] }}'
        for place in range(10)
    )
    named = ", ".join(f'"b{place}"' for place in range(10))
    text = f"""input = [3, 4, 4]
layers = [
{branches},
{{ type = "Concat", name = "all", after = [{named}] }},
{{ type = "Conv", name = "last", out_channels = 7, kernel_size = 1 }},
{{ type = "Conv", name = "more", out_channels = 8, kernel_size = 1 }},
]
"""
    space = written(text, [*(f"b{place}.out_channels=1:8" for place in range(10)), "last.out_channels=7:9"])
    with pytest.raises(UsageError, match="combinations"):
        asked(space, Question("macs <= 1M"))


def test_a_word_among_many_axes_is_a_walk_of_its_own() -> None:
    def alone(space: Space, id_: int) -> tuple[int, int] | None:
        try:
            total: Any = space.at(candidate(space, id_)).count.total
        except BadInput:
            return None
        return total.macs, total.params

    space = spaced("lenet5", ["layers.0.padding=same,valid", "input=4:32:7", "layers.0.out_channels=3,6"])
    every = {id_: cost for id_ in range(20) if (cost := alone(space, id_))}
    answer = asked(space, Question("macs <= 200k"))
    agrees(answer, every, {id_: cost for id_, cost in every.items() if cost[0] <= 200_000})
    assert answer.meeting.lower == answer.meeting.upper


@pytest.mark.parametrize("where", ["macs <= {0}", "macs >= {0}", "macs <= {0} and params <= {1}", "params > {1}"])
def test_the_list_and_the_histograms_count_the_same(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way of counting is the number that going through all candidates gives, or holds it between its bounds."""
    space = spaced("mobilenet_v1_1.0_224", ["input=96,160", *(f"layers.{i}.out_channels=8:40:16" for i in range(6))])
    every = gone_through(space)
    text = where.format(middle_of(every, 0), middle_of(every, 1))
    many = len(gone_through(space, text))
    listed = asked(space, Question(text, "exact"))
    assert listed.meeting == (many, many)
    monkeypatch.setattr(answers, "MOST_LISTED", 0)
    if "and" not in where:
        on_grid = asked(space, Question(text, "exact"))
        assert (on_grid.meeting, on_grid.best) == (listed.meeting, listed.best)
    rough = asked(space, Question(text, "bounds")).meeting
    assert rough.lower <= many <= rough.upper


def test_what_hardly_any_candidate_meets_can_still_be_drawn() -> None:
    """A single cost among thousands: what was drawn from near it and does not have it is drawn again."""
    text, texts = chain([[*range(1, 40)], [*range(3, 40)], [7, 11, 13]], 1)
    space = written(text, texts)
    every = gone_through(space)
    cost = middle_of(every, 1)
    answer = asked(space, Question(f"params == {cost}", "bounds", Drawn(30, 5)))
    meeting = {id_ for id_, costs in every.items() if costs[1] == cost}
    assert {each.id for each in answer.drawn} <= meeting
    assert len(answer.drawn) == 30


def test_what_would_take_long_is_bounded_unless_it_has_to_be_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaced("mobilenet_v1_1.0_224", ["input=96:224:32", *(f"layers.{i}.out_channels=8:64:8" for i in range(3))])
    assert asked(space, Question("macs <= 500M")).best
    monkeypatch.setattr(answers, "MOST_LISTED", 0)
    monkeypatch.setattr(answers, "AFFORDED", 0.0)
    assert asked(space, Question("macs <= 500M")).best is None
    assert asked(space, Question("macs <= 500M", "exact")).best
    monkeypatch.setattr(answers, "MOST_CELLS", 0)
    with pytest.raises(UsageError, match="do not fit into memory"):
        asked(space, Question("macs <= 500M", "exact"))


def test_a_metric_that_is_a_maximum_is_swept_and_asked_for_like_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new metric is a row of METRICS: here the largest output of a layer."""
    largest = Metric("largest", "largest", "count", lambda site: site.step.shape.elements, "max")
    monkeypatch.setitem(METRICS, "largest", largest)
    space = spaced("lenet5", ["input=28:36:4", "layers.0.out_channels=4,6,40"])
    space = space._replace(case=space.case.at(metrics=(*space.case.metrics, "largest")))
    every = [space.at(candidate(space, id_)).count.total["largest"] for id_ in range(9)]
    (chunk,) = swept(space, evaluator(space), range(9))
    assert chunk.costs["largest"].tolist() == every
    limit = sorted(every)[4]
    answer = asked(space, Question(f"largest <= {limit}"))
    assert answer.meeting == (sum(each <= limit for each in every),) * 2
