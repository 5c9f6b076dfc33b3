"""How a program writes what a network does: what is marked, which selector holds, what is refused."""

import pytest
from conftest import Run, Write
from small_networks import network, row

from flopcount.case import Case, Count
from flopcount.network.convention import convention, mac_conventions
from flopcount.network.implementation import ABSENT, CALL_STYLES, written_problems
from flopcount.network.inputs import input_shapes

LAYERS = (
    row("Conv", name="conv", out_channels=8, kernel_size=3, norm="batch", activation="relu"),
    row("SqueezeExcitation", name="se", squeeze_channels=2),
    row("Activation", name="act", function="relu"),
    row("GlobalAvgPool", name="pool"),
)


def count(written: dict[str, str], macs: str = "macs", params: str | None = None) -> Count:
    net = network((3, 16, 16), *LAYERS, written=written)
    return Case.of(net, input_shapes(net.inputs), convention(params, macs)).count


def manners(written: dict[str, str]) -> dict[str, str]:
    """Return the manner of each leaf by path and kind."""
    steps = count(written).trace.steps
    return {f"{path}:{leaf.kind}": leaf.call_style for path, step in steps.items() for leaf in step.leaves()}


@pytest.mark.parametrize(
    ("selector", "marked"),
    [
        ("ReLU", {"conv:ReLU", "se:ReLU", "act:ReLU"}),
        ("SqueezeExcitation.GlobalAvgPool", {"se:GlobalAvgPool"}),
        ("GlobalAvgPool", {"se:GlobalAvgPool", "pool:GlobalAvgPool"}),
        ("pool", {"pool:GlobalAvgPool"}),
        ("conv.activation", {"conv:ReLU"}),
        ("*.norm", {"conv:BatchNorm"}),
        ("conv", {"conv:Conv", "conv:BatchNorm", "conv:ReLU"}),
        ("Conv.BatchNorm", {"conv:BatchNorm"}),
    ],
)
def test_what_a_selector_means(selector: str, marked: set[str]) -> None:
    assert {leaf for leaf, manner in manners({selector: "method"}).items() if manner == "method"} == marked


def test_what_is_not_mentioned_is_a_module() -> None:
    assert set(manners({"pool": "method"}).values()) == {"module", "method"}
    assert set(manners({}).values()) == {"module"}


def test_of_several_that_fit_the_last_holds() -> None:
    assert manners({"ReLU": "function", "act": "method"})["act:ReLU"] == "method"
    assert manners({"act": "method", "ReLU": "function"})["act:ReLU"] == "function"


@pytest.mark.parametrize("name", ["macs", "conv", "conv_bias"])
@pytest.mark.parametrize("manner", CALL_STYLES)
def test_flopcount_counts_the_network_however_it_is_written(name: str, manner: str) -> None:
    plain = count({}, name).total
    assert count(dict.fromkeys(("ReLU", "Conv", "BatchNorm", "GlobalAvgPool"), manner), name).total == plain


@pytest.mark.parametrize("name", [name for name in mac_conventions() if name not in {"macs", "conv", "conv_bias"}])
def test_what_is_absent_counts_nothing(name: str) -> None:
    """1568 elements, each as often as the counter weighs a ReLU."""
    weight = convention(macs=name).operations.weights.get("relu", 0)
    found = count({}, name).total.macs - count({"act": ABSENT}, name).total.macs
    assert found == 8 * 14 * 14 * weight


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"ReLU": "functional"}, "ReLU = 'functional' is not a call style; did you mean 'function'?"),
        ({"GELU": "function"}, "'GELU' matches no kind or path; correct or remove it"),
        ({"stage.*": "function"}, "'stage.*' matches no kind or path; correct or remove it"),
    ],
)
def test_what_cannot_be_is_said(written: dict[str, str], says: str) -> None:
    traced = count({}).trace
    problems = [*written_problems(written, traced.plan.nodes, traced.steps)]
    found = [(problem.place, problem.what, problem.code) for problem in problems]
    assert found == [(("written", *written), says, "call-style")]


def test_a_mistake_points_into_the_file(run: Run, write: Write) -> None:
    text = 'input = [3, 8, 8]\nlayers = [{ type = "Flatten" }]\n[written]\nFlaten = "function"\n'
    path = write("net.toml", text)
    result = run(path)
    assert (result.code, result.out) == (2, "")
    assert result.problems == [f"{path}:4:1: 'Flaten' matches no kind or path; correct or remove it"]


def test_a_changed_network_may_lack_what_the_file_speaks_of(run: Run, write: Write) -> None:
    text = (
        'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3, activation = "relu" }]\n'
        '[written]\nReLU = "function"\n'
    )
    assert run(write("net.toml", text), "--set", "layers.0.activation=gelu").code == 0
