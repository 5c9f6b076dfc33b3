"""Numbers that other counters reported, by their conventions: all of them, to the last digit.

tests/oracles/counters.json has what each counter printed, with its version: of whole
models, of single operations, and the cells that a convention cannot give, with the reason.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from small_networks import network, number, oracle, row

from flopcount.case import Case, Count
from flopcount.cli.loading import Options, count_of
from flopcount.formulas.shape import Shape
from flopcount.network.convention import convention, mac_conventions
from flopcount.network.inputs import input_shapes
from flopcount.network.plan import plan
from flopcount.spec.arch import Arch

RECORDED = oracle("counters")
MODELS = [pytest.param(row, id="-".join([row["name"], *row.get("set", [])])) for row in RECORDED["models"]]
OPERATIONS = [pytest.param(row, id=row["case"]) for row in RECORDED["operations"]]
NOT_REPRODUCED = {(row["case"], row["convention"]) for row in RECORDED["not_reproduced"]}


@cache
def model(name: str, size: str, settings: tuple[str, ...]) -> Count:
    return count_of(name, Options(size=size, settings=settings))


def case_of(row: Mapping[str, Any]) -> Case:
    """Return the network that a recorded row describes."""
    arch = Arch.model_validate({key: row[key] for key in ("input", "layers", "written") if key in row})
    return Case.of(plan(arch), Shape(tuple(row["input"])))


@pytest.mark.parametrize("row", MODELS)
def test_totals_of_a_model(row: Mapping[str, Any]) -> None:
    result = model(row["name"], row["input"], tuple(row.get("set", ())))
    assert {name: number(result.case, name) for name in row["totals"]} == row["totals"]


@pytest.mark.parametrize("row", MODELS)
def test_params_of_a_model(row: Mapping[str, Any]) -> None:
    result = model(row["name"], row["input"], tuple(row.get("set", ())))
    assert {name: result.case.at(convention=convention(macs=name)).count.total.params for name in row["params"]} == row[
        "params"
    ]


def test_every_model_is_recorded_with_every_counter() -> None:
    assert len({row["name"] for row in RECORDED["models"]}) == 43
    counters = {"calflops", "calflops-macs", "fvcore", "ptflops", "ptflops-aten", "thop", "torch", "torchinfo"}
    assert {frozenset(row["totals"]) for row in RECORDED["models"]} == {frozenset({*counters, "ultralytics-thop"})}


@pytest.mark.parametrize("row", RECORDED["unseen"], ids=lambda row: f"{row['name']}-{row['input']}")
def test_totals_of_a_model_that_was_measured_after_its_file_was_written(row: Mapping[str, Any]) -> None:
    result = model(row["name"], row["input"], ())
    found = {name: number(result.case, name) for name in row["totals"]}
    differ = {(row["name"], name) for name, total in found.items() if total != row["totals"][name]}
    cells = {(each["name"], each["convention"]) for each in RECORDED["unseen_not_reproduced"]}
    assert differ == {cell for cell in cells if cell[0] == row["name"]}


@pytest.mark.parametrize("row", RECORDED["others"], ids=lambda row: f"{row['convention']}-{row['name']}")
def test_totals_of_a_model_in_other_frameworks(row: Mapping[str, Any]) -> None:
    assert count_of(row["name"], Options(counts=row["convention"])).total.macs == row["total"]


def test_keras_mobilenet_v2_ends_in_a_softmax() -> None:
    """615,292,208, of which 5 for each of the 1000 classes are its softmax, which the file does not have."""
    assert count_of("mobilenet_v2", Options(counts="tf-profiler")).total.macs == 615292208 - 5 * 1000


@pytest.mark.parametrize("row", OPERATIONS)
def test_what_a_single_operation_counts(row: Mapping[str, Any]) -> None:
    case = case_of(row)
    found = {name: number(case, name) for name in row["totals"]}
    differ = {(row["case"], name) for name, total in found.items() if total != row["totals"][name]}
    assert differ == {cell for cell in NOT_REPRODUCED if cell[0] == row["case"]}


@pytest.mark.parametrize("row", RECORDED["xla"], ids=lambda row: row["case"])
def test_taps_on_padding_are_not_counted_by_xla(row: Mapping[str, Any]) -> None:
    assert number(case_of(row), "xla") == row["total"]


def test_cells_that_are_not_reproduced_have_a_reason() -> None:
    cases = {row["case"] for row in RECORDED["operations"]}
    assert {case for case, _ in NOT_REPRODUCED} <= cases
    assert all(row["reason"] and row["convention"] in mac_conventions() for row in RECORDED["not_reproduced"])


@pytest.mark.parametrize("name", ["macs", "thop", "calflops", "torch", "onnx-tool", "xla"])
def test_a_batch_counts_so_many_times(name: str) -> None:
    one, eight = (count_of("resnet18", Options(counts=name, batch=batch)).total for batch in (None, 8))
    assert eight.macs == 8 * one.macs
    assert eight.params == one.params


def test_ptflops_counts_one_input_of_a_batch() -> None:
    assert count_of("resnet18", Options(counts="ptflops", batch=8)).total.macs == 1825313768


def test_torchinfo_counts_params_for_each_input() -> None:
    """1,814,083,944 of resnet18 at one input: 9,600 of them params of norms, 513,000 of the linear layer."""
    assert count_of("resnet18", Options(counts="torchinfo", batch=8)).total.macs == 8 * 1814083944


def test_the_parts_of_a_composite_add_up_under_every_convention() -> None:
    composite = network(
        (16, 32, 32),
        row("DepthSepConv", out_channels=32, kernel_size=3, norm="batch", activation="relu"),
        row("SqueezeExcitation", squeeze_channels=8),
        row("DualConv", out_channels=32, kernel_size=3, groups=4, padding=1),
    )
    for name in mac_conventions():
        result = Case.of(composite, input_shapes(composite.inputs), convention(macs=name)).count
        for step in result.trace.steps.values():
            leaves = [result.cost(leaf) for leaf in step.leaves()]
            found = (sum(each.params for each in leaves), sum(each.macs for each in leaves))
            assert tuple(result.cost(step).values()) == found
