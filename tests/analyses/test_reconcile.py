"""From one number to another: the terms add up, and each is what the counters' sources say."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flopcount.analyses.explain import Term, figure, identify, parse_claimed, terms
from flopcount.case import Case, Count, load
from flopcount.cli.loading import Options, case_of
from flopcount.errors import UsageError
from flopcount.network.convention import convention, mac_conventions

NAMES = mac_conventions()


@cache
def case(name: str, **options: object) -> Case:
    return case_of(name, Options(**options))  # type: ignore[arg-type]


RESNET, VIT, SWIN = case("resnet50"), case("vit_b_16"), case("swin_t")
NETWORKS = (
    *("resnet50", "vit_b_16", "vit_base_patch16_224", "swin_t", "mobilenet_v3_small", "mobilenetv3_small_100"),
    *("inception_v3_noaux", "poolformer_s12", "vgg11", "unet", "mixer_b16_224", "mobilenetv1_100"),
)


def way(case: Case, one: str, other: str) -> tuple[Count, Count, list[Term]]:
    before, after = (case.at(convention=convention(macs=name)).count for name in (one, other))
    return before, after, terms(before, after)


def test_the_weights_of_a_norm_and_of_its_scale_and_shift_are_one_term() -> None:
    (norm,) = (term for term in way(RESNET, "macs", "ptflops")[2] if term.entry == "batch_norm")
    assert (norm.was, norm.now, norm.layers) == (0, 2, 53)


def test_vit_from_macs_to_torch_says_what_attention_hides() -> None:
    """12 blocks of 4·768²·197 MACs in linear layers that are never called, and their products."""
    hidden = {term.entry: term.amount for term in way(VIT, "macs", "torch")[2] if term.why == "written: attention"}
    assert hidden == {"linear_mac": -12 * 4 * 768**2 * 197, "matmul_mac": -715327488}


def test_folding_is_said_where_it_adds() -> None:
    (adds,) = (term for term in way(RESNET, "macs", "onnx-tool")[2] if term.entry == "conv_bias_add")
    assert (adds.times, adds.amount, adds.why) == (11113984, 11113984, "batch norms folded")


def test_an_exception_for_a_kind_is_said() -> None:
    found = {term.entry: term for term in way(RESNET, "macs", "torchinfo")[2]}
    assert (found["weight"].why, found["weight"].amount) == ("in Linear", 2048000)
    assert found["linear_mac"].amount == -2048000


def test_a_batch_that_is_divided_away_is_a_term() -> None:
    (batch,) = (term for term in way(case("resnet18", batch=8), "macs", "ptflops")[2] if term.entry == "batch")
    assert batch.amount == -7 * 1825313768


@settings(max_examples=40)
@given(st.sampled_from(NETWORKS), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_terms_add_up_to_the_difference(network: str, one: str, other: str) -> None:
    before, after, found = way(case(network), one, other)
    assert sum(term.amount for term in found) == after.total.macs - before.total.macs
    assert all(term.amount == term.times * (term.now - term.was) for term in found if not term.why)


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_way_back_is_the_same_length(one: str, other: str) -> None:
    there, back = (sum(term.amount for term in way(SWIN, *pair)[2]) for pair in ((one, other), (other, one)))
    assert there == -back


@pytest.mark.parametrize(
    ("text", "value", "exact", "rule"),
    [
        ("4133742592", 4133742592, 4133742592, "exact"),
        ("4133742592", 4133742592, 4133742593, None),
        ("4.13G", 4130000000, 4133742592, "round"),
        ("4.1G", 4100000000, 4150000000, "round"),
        ("4.1GMac", 4100000000, 4133742592, "round"),
        ("8.2 GFLOPs", 8200000000, 8211108352, "round"),
        ("4.08B", 4080000000, 4089184256, "truncate"),
        ("4.09G", 4090000000, 4089184256, "round"),
        ("4.14G", 4140000000, 4133742592, "ceil"),
        ("4.2G", 4200000000, 4089184256, None),
        ("569M", 569000000, 568740352, "round"),
        ("4,133,742,592", 4133742592, 4133742592, "exact"),
        ("4_133_742_592 MACs", 4133742592, 4133742592, "exact"),
        ("4 133 742 592", 4133742592, 4133742592, "exact"),
        ("4.13 gmac", 4130000000, 4133742592, "round"),
        ("25.56 M params", 25560000, 25557032, "round"),
        ("12k", 12000, 12345, "round"),
    ],
)
def test_how_a_figure_prints(text: str, value: int, exact: int, rule: str | None) -> None:
    found = figure(text, "")
    assert (found.value, found.printed(exact)) == (value, rule)


@pytest.mark.parametrize(
    "text",
    [
        *("", "many", "-3", "4.1X", "0", "1e9", "4.1.1G", "4,09G", "4,13,742", "4 133,742", "9" * 60, "０"),
        *("thop=", "thop=G"),
    ],
)
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--with"):
        parse_claimed(text)


def test_a_figure_may_say_whose_it_is() -> None:
    assert parse_claimed("my.toml:a=4.1G").convention == "my.toml:a"
    assert parse_claimed("4.1G").convention is None


def found(text: str) -> list[tuple[str, str]]:
    return [(each.convention, each.change) for each in identify(figure(text, ""), Case(load("resnet50")), dict)]


THOP = 4133742592
ORIGINS = [
    (THOP, "thop, ultralytics-thop", ""),
    (8211108352, "calflops, deepspeed", ""),
    (25557032, "macs", "the params, as --params trainable counts them"),
    (2 * THOP, "thop, ultralytics-thop", "doubled, as FLOPs"),
    (8211108352 // 2, "calflops, deepspeed", "halved, as MACs"),
    # one bias for each of the 11,113,984 normalized elements of ResNet-50, and the 1000 of its classes
    (4089184256 + 11113984 + 1000, "ptflops-aten, torchinfo", "batch norms folded"),
    (32 * THOP, "thop, ultralytics-thop", "a batch of 32"),
    # at 256 everything but the linear layer grows by (8/7)²
    ((THOP - 2048000 - 2048) * 64 // 49 + 2048000 + 2048, "thop, ultralytics-thop", "--input 256"),
]


@pytest.mark.parametrize(("number", "convention", "change"), ORIGINS)
def test_where_a_number_comes_from(number: int, convention: str, change: str) -> None:
    assert found(str(number)) == [(convention, change)]
