"""What holds for the step of every kind, and for what the parts of some are named."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from broken_constraints import broken
from formula_samples import SAMPLES
from pydantic import TypeAdapter, ValidationError
from sampling import Sample
from variant_layers import count, made

from flopcount.formulas.attention import linear_attention, matmul, mixture_of_experts, multihead_attention
from flopcount.formulas.norm import ACTIVATIONS
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tensor import elementwise, mul, reduce, to_map
from flopcount.spec.fields import option
from flopcount.spec.kinds import KINDS, formula, parameters


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_named_as_its_kind(kind: str) -> None:
    for sample in SAMPLES[kind]:
        named = ACTIVATIONS[sample.options["function"]] if kind == "Activation" else kind
        assert sample.step(kind).kind == named


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "bias" in inspect.signature(formula(kind)).parameters])
def test_without_bias_nothing_has_a_bias(kind: str) -> None:
    off = {name: False for name in inspect.signature(formula(kind)).parameters if "bias" in name}
    for sample in SAMPLES[kind]:
        assert Sample(sample.inputs, {**sample.options, **off}).step(kind).tally.counts.get("bias", 0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_or_norm_may_be_none_only_where_the_formula_can_do_without(kind: str) -> None:
    """What a file may say, the formula computes."""
    for name in parameters(kind):
        try:
            value = TypeAdapter[Any](option(kind, name).type).validate_python("none")
        except ValidationError:
            continue
        for sample in SAMPLES[kind] if value is None else ():
            assert Sample(sample.inputs, {**sample.options, name: None}).step(kind)


def test_products_of_several_layers_are_one_after_the_other() -> None:
    x = Shape((4, 5, 5))
    assert mul(x, x, x).tally.counts == {"mul": 200}
    assert elementwise(x, x, x, function="add").tally.counts == {"add": 200}
    assert elementwise(x, x, function="div").tally.counts == {"div": 100}


@pytest.mark.parametrize("function", ["abs", "neg", "floor", "exp", "erf", "sin", "cos", "atan", "not", "square"])
def test_a_function_is_applied_once_to_each_element(function: str) -> None:
    assert [*elementwise(Shape((4, 5, 5)), function=function).tally.counts.values()] == [100]


def test_half_of_a_ghost_is_made_by_a_convolution() -> None:
    """GhostNet, section 3.1: a ratio of 2 by default, 16·16·9 weights and 16·9 of the cheap operations."""
    step = made("GhostConv", out_channels=32, kernel_size=3, padding=1)
    assert count(step, "weight") == 16 * 16 * 9 + 16 * 9


def tokens(*dims: int) -> Shape:
    return Shape(dims, len(dims) - 1)


RES2 = partial(made, "Res2Conv", Shape((16, 14, 14)), kernel_size=3, scales=4, padding=1)


@pytest.mark.parametrize(
    ("formula", "inputs", "says"),
    [
        (matmul, [(6, 8), (7, 5)], "8 columns of the first do not match 7 rows of the second"),
        (matmul, [(2, 6, 8), (3, 8, 5)], "2 matrices cannot be paired with 3"),
        (
            partial(multihead_attention, num_heads=2),
            [(2, 6, 8), (2, 5, 8), (2, 4, 8)],
            "there are 5 keys, but 4 values",
        ),
        (
            partial(linear_attention, num_heads=2),
            [(2, 6, 8), (2, 5, 8), (2, 6, 8)],
            "there are 6 queries, but 5 keys or values",
        ),
        (
            partial(RES2, stride=2),
            [],
            "one share passes unchanged, but an axis of 14 becomes 7 in the others; pad, or set pooled = true",
        ),
    ],
)
def test_what_does_not_fit_is_said(formula: Callable[..., Step], inputs: list[tuple[int, ...]], says: str) -> None:
    assert says in broken(formula(*(tokens(*dims) for dims in inputs)))


def test_a_mixture_weighs_each_expert_and_adds_them() -> None:
    """Mixtral, eq. 1: of 3 experts for 6 tokens of 8 channels, 3 products and 2 sums for each number."""
    step = mixture_of_experts(tokens(6, 8), num_experts=4, top_k=3, hidden_features=16)
    assert step.parts[-1].step.tally.counts == {"mul": 3 * 48, "add": 2 * 48}


def test_shares_are_added_but_to_the_first() -> None:
    """Res2Net, eq. 1: of 4 shares of 4 channels one passes, one is convolved, and two are added to before."""
    assert count(RES2(), "add") == 2 * 4 * 14 * 14


def test_lines_beside_a_square_have_its_rank() -> None:
    """ACNet, figure 2: a square, a column and a row."""
    step = made("ACConv", out_channels=32, kernel_size=3, padding=1)
    assert [(part.name, part.step.kernel) for part in step.parts[:3]] == [
        ("square", (3, 3)),
        ("axis1", (3, 1)),
        ("axis2", (1, 3)),
    ]


@pytest.mark.parametrize(
    ("kind", "options", "parts"),
    [
        ("TuckerConv", {"rank_in": 2, "rank_out": 3}, {"squeeze": "Conv", "core": "Conv", "expand": "Conv"}),
        ("CondConv", {"num_experts": 4}, {"routing": "Routing", "mixing": "Mixing", "conv": "Conv"}),
    ],
)
def test_parts_have_the_names_of_the_paper(kind: str, options: dict[str, Any], parts: dict[str, str]) -> None:
    """Tucker: Kim et al., ICLR 2016, figure 1; CondConv: eq. 2."""
    step = made(kind, out_channels=8, kernel_size=3, **options)
    assert {part.name: part.step.kind for part in step.parts} == parts


def test_what_is_moved_keeps_its_channels() -> None:
    """Channels are before space on a map, last in tokens, and the axis nearest to where they were if they go."""
    assert (to_map(tokens(2, 9, 4), size=3).shape.dims, to_map(tokens(2, 9, 4), size=3).shape.channel_axis) == (
        *((2, 4, 3, 3), 1),
    )
    gone = reduce(Shape((2, 3, 4, 5), 2), axes=(-4, -3), keepdim=False).shape
    assert (gone.dims, gone.channel_axis) == ((4, 5), 0)


@pytest.mark.parametrize(("kind", "branches"), [("Conv", 1), ("RepVGGConv", 2), ("ACConv", 3)])
def test_each_branch_has_its_biases(kind: str, branches: int) -> None:
    """RepVGG, figure 4: beside 3×3 there is 1×1; ACNet, figure 2: beside the square there are two lines."""
    step = made(kind, out_channels=32, kernel_size=3, padding=1, bias=True)
    assert count(step, "bias") == branches * 32
