"""What must hold between layers, whatever their numbers."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.formulas.conv import conv, depth_sep_conv, depthwise_conv, group_conv, het_conv
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tensor import crop, pad

unhurried = settings(deadline=None)
some = st.integers(1, 24)
kernels = st.integers(1, 7)
sizes = st.integers(1, 40)
pairs = st.tuples(st.integers(0, 3), st.integers(0, 3))
spaces = st.lists(sizes, min_size=1, max_size=3).map(tuple)

Options = Mapping[str, Any]
sliding: st.SearchStrategy[Options] = st.fixed_dictionaries(
    {
        "kernel_size": kernels,
        "stride": st.integers(1, 4),
        "padding": st.sampled_from(["same", "valid", "valid-round"]) | st.integers(0, 3),
        "dilation": st.integers(1, 3),
        "bias": st.booleans(),
        "norm": st.none() | st.just("batch"),
        "activation": st.none() | st.just("relu"),
    }
)
full_maps: st.SearchStrategy[Options] = st.fixed_dictionaries(
    {"kernel_size": kernels, "stride": st.integers(1, 4), "padding": st.just("same"), "bias": st.just(False)}
)


def outcome(step: Step) -> tuple[object, ...]:
    """Return what a step comes to: its output and all its counts."""
    return step.shape.dims, step.tally.counts


def count(step: Step, name: str) -> int:
    """Return one count of a step on ints."""
    found = step.tally.counts[name]
    assert isinstance(found, int)
    return found


def ratios(step: Step, standard: Step) -> list[Fraction]:
    """Return the exact ratios of weights and of MACs."""
    return [Fraction(count(step, name), count(standard, name)) for name in ("weight", "conv_mac")]


@unhurried
@given(some, spaces, some, sliding)
def test_one_group_is_a_standard_convolution(channels: int, space: tuple[int, ...], out: int, options: Options) -> None:
    x = Shape((channels, *space))
    assert outcome(group_conv(x, out_channels=out, groups=1, **options)) == outcome(
        conv(x, out_channels=out, **options)
    )


@unhurried
@given(some, st.integers(1, 4), spaces, sliding)
def test_a_group_for_each_channel_is_depthwise(
    channels: int, multiplier: int, space: tuple[int, ...], options: Options
) -> None:
    x = Shape((channels, *space))
    grouped = group_conv(x, out_channels=channels * multiplier, groups=channels, **options)
    assert outcome(grouped) == outcome(depthwise_conv(x, depth_multiplier=multiplier, **options))


@unhurried
@given(some, spaces, some, sliding)
def test_het_conv_with_p_1_is_a_standard_convolution(
    channels: int, space: tuple[int, ...], out: int, options: Options
) -> None:
    x = Shape((channels, *space))
    assert outcome(het_conv(x, out_channels=out, p=1, **options)) == outcome(conv(x, out_channels=out, **options))


@unhurried
@given(some, spaces, some, sliding)
def test_a_separable_convolution_is_its_two_parts_in_a_row(
    channels: int, space: tuple[int, ...], out: int, options: Options
) -> None:
    x = Shape((channels, *space))
    first = depthwise_conv(x, **{**options, "bias": False})
    follow = {name: options[name] for name in ("bias", "norm", "activation")}
    second = conv(first.shape, out_channels=out, kernel_size=1, **follow)
    together = depth_sep_conv(x, out_channels=out, **options)
    assert outcome(together) == (second.shape.dims, (first.tally + second.tally).counts)


@unhurried
@given(some, spaces, some, full_maps)
def test_separable_over_standard_is_1_over_n_plus_1_over_k_squared(
    channels: int, space: tuple[int, ...], out: int, options: Options
) -> None:
    """MobileNets, section 3.1: exact for weights and for MACs, on any number of axes."""
    x = Shape((channels, *space))
    area = options["kernel_size"] ** len(space)
    found = ratios(depth_sep_conv(x, out_channels=out, **options), conv(x, out_channels=out, **options))
    assert found == [Fraction(1, out) + Fraction(1, area)] * 2


@unhurried
@given(st.integers(1, 8), st.integers(1, 8), spaces, some, full_maps)
def test_het_conv_over_standard_is_1_over_p_plus_the_rest_over_k_squared(
    p: int, share: int, space: tuple[int, ...], out: int, options: Options
) -> None:
    """HetConv, section 3.2: 1/p + (1 − 1/p)/k², exact for weights and for MACs."""
    x = Shape((p * share, *space))
    area = options["kernel_size"] ** len(space)
    found = ratios(het_conv(x, out_channels=out, p=p, **options), conv(x, out_channels=out, **options))
    assert found == [Fraction(1, p) + (1 - Fraction(1, p)) / area] * 2


@unhurried
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8), spaces, full_maps)
def test_groups_divide_weights_and_macs(
    groups: int, inner: int, outer: int, space: tuple[int, ...], options: Options
) -> None:
    x = Shape((groups * inner, *space))
    grouped = group_conv(x, out_channels=groups * outer, groups=groups, **options)
    assert ratios(grouped, conv(x, out_channels=groups * outer, **options)) == [Fraction(1, groups)] * 2


@unhurried
@given(some, st.tuples(sizes, sizes), st.tuples(sizes, sizes), some, kernels)
def test_macs_of_a_same_layer_scale_with_the_area(
    channels: int, one: tuple[int, int], other: tuple[int, int], out: int, kernel: int
) -> None:
    """With `same` padding and stride 1, MACs over area is one number for all maps."""
    options: Options = {"out_channels": out, "kernel_size": kernel, "padding": "same"}
    macs = [count(conv(Shape((channels, *space)), **options), "conv_mac") for space in (one, other)]
    assert macs[0] * other[0] * other[1] == macs[1] * one[0] * one[1]


@unhurried
@given(some, spaces, st.data())
def test_cropping_undoes_padding(channels: int, space: tuple[int, ...], data: st.DataObject) -> None:
    border = data.draw(st.tuples(*[pairs] * len(space)), label="border")
    padded = pad(Shape((channels, *space)), padding=border)
    assert crop(padded.shape, cropping=border).shape.dims == (channels, *space)


@unhurried
@given(some, spaces, some, kernels, st.integers(0, 3))
def test_padding_inside_a_convolution_is_a_pad_before_it(
    channels: int, space: tuple[int, ...], out: int, kernel: int, border: int
) -> None:
    x = Shape((channels, *space))
    inside = conv(x, out_channels=out, kernel_size=kernel, padding=border)
    before = conv(pad(x, padding=border).shape, out_channels=out, kernel_size=kernel)
    assert outcome(inside) == outcome(before)
