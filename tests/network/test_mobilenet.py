"""The MobileNet story: the script's famous figures, what is wrong with them, and the paper's network."""

import pytest
from small_networks import bundled, count, network, row

from flopcount.case import Count
from flopcount.errors import SpecError
from flopcount.network.inputs import input_shape
from flopcount.network.metrics import Cost
from flopcount.network.trace import trace

BODY, PAPER = "mobilenet_v1", "mobilenet_v1_1.0_224"
SAME = "defaults.padding=same"
SCRIPT_SIZES = [79, 77, 38, 36, 17, 15, 6, 4, 2, 0, -2, -4, -3, -5]


def sizes(result: Count) -> list[object]:
    """Return the map size behind every layer, one number where the map is square."""
    return [size for step in result.trace.steps.values() for size in dict.fromkeys(step.shape.spatial)]


def standard(result: Count) -> Cost:
    """Return what the network would cost with standard convolutions."""
    assert result.standard_total is not None
    return result.standard_total


def test_what_the_scripts_figures_owe_to_maps_that_do_not_exist() -> None:
    """Without the layers whose map is gone, 719,834,976 and 89,833,472 are left."""
    result = count(bundled(BODY), "160")
    assert result.standard is not None
    real = [path for path, size in zip(result.trace.steps, SCRIPT_SIZES, strict=True) if size > 0]
    assert sum(result.cost(result.standard.steps[path]).macs for path in real) == 719834976
    assert sum(result.cost(result.trace.steps[path]).macs for path in real) == 89833472


def test_a_network_with_nothing_to_compare_has_a_note_too() -> None:
    """A standard convolution under the script's rule: round((4 − 4) / 1) = 0 leaves no map."""
    result = count(network([1, 4, 4], row("Conv", out_channels=2, kernel_size=5, padding="valid-round", bias=False)))
    assert (result.standard, result.total.macs) == (None, 0)
    (note,) = map(str, result.notes)
    assert "Conv1" in note
    assert "800 MACs" in note


@pytest.mark.parametrize(
    ("size", "full", "separable"), [("160", 2482790400, 289651200), ("224", 4866269184, 567716352)]
)
def test_the_true_figures(size: str, full: int, separable: int) -> None:
    """With `same` padding no map vanishes, and there is nothing to note."""
    result = count(bundled(BODY, SAME), size)
    assert (standard(result).macs, result.total.macs, result.notes) == (full, separable, ())


def test_params_do_not_depend_on_the_maps() -> None:
    """3,185,088 weights separable, 28,257,120 in full, with either rule."""
    for settings in ((), (SAME,)):
        result = count(bundled(BODY, *settings))
        assert (result.total.params, standard(result).params) == (3185088, 28257120)


def test_from_336_on_the_scripts_rule_keeps_every_map() -> None:
    assert count(bundled(BODY), "336").notes == ()


def test_below_336_the_scripts_rule_always_loses_a_map() -> None:
    net = bundled(BODY)
    for size in range(1, 336):
        steps = trace(net, input_shape(net.input, str(size))).steps.values()
        assert any(axis < 1 for step in steps for axis in step.shape.spatial if isinstance(axis, int)), size


def test_a_true_valid_convolution_cannot_be_built() -> None:
    """79, 77, 38, 36, 17, 15, 7, 5, 3, 1, and then a 3×3 window has no place."""
    with pytest.raises(SpecError) as caught:
        count(bundled(BODY, "defaults.padding=valid"), "160")
    (problem,) = caught.value.problems
    assert problem.layer == "DepthSepConv11"
    assert problem.what == (
        "output would be empty: kernel 3 (effective size 3) exceeds axis size 1; "
        "enlarge the input or pad (input 512×1×1)"
    )


def test_the_valid_maps_up_to_there() -> None:
    layers = [row("Conv", out_channels=1, kernel_size=3, stride=s) for s in (2, 1, 2, 1, 2, 1, 2, 1, 1, 1)]
    assert sizes(count(network([3, 160, 160], *layers))) == [79, 77, 38, 36, 17, 15, 7, 5, 3, 1]


@pytest.mark.parametrize(
    ("policy", "expected"), [("weights", 4209088), ("trainable", 4231976), ("folded", 4221032), ("total", 4253864)]
)
def test_one_network_and_four_numbers_of_parameters(policy: str, expected: int) -> None:
    """The paper's weights, what trains, what is deployed, and Keras' total."""
    assert tuple(count(bundled(PAPER), params=policy).total.values()) == (expected, 568740352)


def test_the_papers_network_in_full_convolutions() -> None:
    """Table 4 prints the body's 4866 M; with the classifier it is 4,867,293,184."""
    result = count(bundled(PAPER), params="weights")
    assert tuple(standard(result).values()) == (29281120, 4867293184)


def test_the_papers_network_has_28_layers() -> None:
    """27 convolutions and the classifier; a pool has no weights."""
    assert count(bundled(PAPER)).weighted_layers == 28


def test_time_and_parameters_fall_as_the_paper_prints() -> None:
    """Table 4: 4866 and 569 million, 29.3 and 4.2 million: 8.55 and 6.98 times."""
    result = count(bundled(PAPER), params="weights")
    body = standard(count(bundled(BODY, SAME), "224"))
    full, mobile = [f"{macs / 10**6:.0f}" for macs in (body.macs, result.total.macs)]
    more, less = [f"{params / 10**6:.1f}" for params in (standard(result).params, result.total.params)]
    assert (full, mobile, more, less) == ("4866", "569", "29.3", "4.2")
    assert (round(int(full) / int(mobile), 2), round(float(more) / float(less), 2)) == (8.55, 6.98)


def printed(count: int, figure: str) -> str:
    """Print a count in millions, rounded to as many decimals as a figure has."""
    return f"{count / 10**6:.{len(figure.partition('.')[2])}f}"


@pytest.mark.parametrize(
    ("kind", "channels", "size", "params", "macs"),
    [
        ("Conv", 512, 14, "2.36", "462"),
        ("DepthSepConv", 512, 14, "0.27", "52.3"),
        ("DepthSepConv", 384, 14, "0.15", "29.6"),
        ("DepthSepConv", 384, 10, "0.15", "15.1"),
    ],
)
def test_an_inner_layer(kind: str, channels: int, size: int, params: str, macs: str) -> None:
    """The paper's table 3, in millions: convolution, separable, width 0.75, and 10×10 maps."""
    layer = row(kind, out_channels=channels, kernel_size=3, padding="same", bias=False)
    total = count(network([channels, size, size], layer)).total
    assert (printed(total.params, params), printed(total.macs, macs)) == (params, macs)


def test_the_papers_maps() -> None:
    """Table 1: 112 behind the first layer, 7 before the pool, one position behind it, 1000 classes."""
    result = count(bundled(PAPER))
    assert sizes(result) == [112, 112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 1]
    assert [*result.trace.steps.values()][-1].shape.dims == (1000,)
