"""Exported programs that run graphs, have open sizes, or have several names for a parameter."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from pt2_files import call, graph, program, save, tensor
from reports import refused, told

X, W = tensor(3, 4), tensor(4, 4, requires_grad=True)
STEP, NUMBER = tensor(4), tensor(dtype=5)
T, B = ("Symbol('s10', positive=True, integer=True)@5", "Symbol('s20', positive=True, integer=True)@2")


def counted(run: Run, path: Path, data: dict[str, Any], *options: str) -> tuple[int, int]:
    totals = told(run, save(path / "net.pt2", data), *options)["totals"]
    return totals["params"], totals["macs"]


def linear(x: str, y: str, weight: str = "w") -> dict[str, Any]:
    return call("linear.default", y, "", "", input=x, weight=weight)


def test_a_scan_multiplies_at_each_place(run: Run, tmp_path: Path) -> None:
    """Each of 3 rows of 4 numbers, and a state of 4, is multiplied by the same 4 by 4 weights."""
    made = dict.fromkeys(("h", "x", "a", "b", "s"), STEP)
    calls = [linear("x", "a"), linear("h", "b"), call("add.Tensor", "s", self="a", other="b")]
    body = graph(["h", "x", "w"], calls, ["s", "s"], {**made, "w": W})
    run_it = call(
        "torch.ops.higher_order.scan", ("z", "y"), "", "", **{"0": body, "1": ["z0"], "2": ["x"], "3": ["p_w"]}
    )
    zeros = call("zeros.default", "z0", size=[4])
    tensors = {"z0": STEP, "z": STEP, "y": X}
    data = program([zeros, run_it], ["y"], inputs={"x": X}, params={"w": W}, made=tensors)
    assert counted(run, tmp_path, data) == (16, 2 * 3 * 16)


def looped(start: dict[str, Any] | None) -> dict[str, Any]:
    """Return a loop of 3 trips through 4 by 4 weights, over 3 rows; its counter is an input, or starts at 0."""
    tensors = {"i": NUMBER, "x": X, "w": W, "c": NUMBER, "j": NUMBER, "y": X}
    goes = graph(["i", "x", "w"], [call("lt.Scalar", "c", self="i", other=3)], ["c"], tensors)
    trip = [call("add.Tensor", "j", self="i", other=1), linear("x", "y")]
    body = graph(["i", "x", "w"], trip, ["j", "y"], tensors)
    args = {"0": goes, "1": body, "2": ["n", "x"], "3": ["p_w"]}
    loop = call("torch.ops.higher_order.while_loop", ("k", "y"), "", "", **args)
    inputs = {"x": X} | ({} if start else {"n": NUMBER})
    return program(
        [*([start] if start else []), loop], ["y"], inputs=inputs, params={"w": W}, made={"y": X, "n": NUMBER}
    )


def test_a_loop_runs_as_long_as_it_says(run: Run, tmp_path: Path) -> None:
    data = looped(call("full.default", "n", size=[], fill_value=0))
    assert counted(run, tmp_path, data) == (16, 3 * 3 * 16)


def test_a_loop_of_an_unknown_length_is_refused(run: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "net.pt2", looped(None))
    refused(run, path, "how often it runs depends on the input")


def test_what_vmap_runs_is_counted_for_each_place(run: Run, tmp_path: Path) -> None:
    """5 times 3 rows of 4 numbers, times 4 by 4 weights."""
    here = "torch._functorch.predispatch."
    calls = [
        call(f"torch.ops.{here}_vmap_increment_nesting", "", "", "", **{"0": 5, "1": "'error"}),
        call(f"torch.ops.{here}_add_batch_dim", "a", "", "", **{"0": "x", "1": 0, "2": 1}),
        call("matmul.default", "b", "", "", self="a", other="p_w"),
        call(f"torch.ops.{here}_remove_batch_dim", "y", "", "", **{"0": "b", "1": 1, "2": 5, "3": 0}),
        call(f"torch.ops.{here}_vmap_decrement_nesting", ""),
    ]
    whole = tensor(5, 3, 4)
    data = program(calls, ["y"], inputs={"x": whole}, params={"w": W}, made={"a": X, "b": X, "y": whole})
    assert counted(run, tmp_path, data) == (16, 5 * 3 * 16)


@pytest.mark.parametrize(
    ("size", "macs"), [("--batch=9", 9 * 9 * 2 * 4), ("--input=x=9x3x4", 9 * 9 * 3 * 4), ("--input=s20=7", 7 * 4)]
)
def test_a_first_axis_may_be_tokens_that_see_each_other(run: Run, tmp_path: Path, size: str, macs: int) -> None:
    """Scores of all tokens of each sequence: the first axis, which is open as a batch would be, is that of tokens."""
    calls = [
        call("permute.default", "q", self="x", dims=[1, 0, 2]),
        call("permute.default", "k", self="x", dims=[1, 2, 0]),
        call("bmm.default", "s", self="q", mat2="k"),
        call("permute.default", "y", self="s", dims=[1, 0, 2]),
    ]
    made = {"q": tensor(B, T, 4), "k": tensor(B, 4, T), "s": tensor(B, T, T), "y": tensor(T, B, T)}
    data = program(calls, ["y"], inputs={"x": tensor(T, B, 4)}, made=made)
    assert counted(run, tmp_path, data, *size.split("=", 1))[1] == macs


def test_a_size_is_computed_from_an_expression_of_others(run: Run, tmp_path: Path) -> None:
    """Patches of 3 by 3 at each of 2·s10 by s20 places, as columns, times a matrix of 12 to 5 for 4 channels."""
    height, width = "Mul(Integer(2), Symbol('s10'))@8", "Symbol('s20')@6"
    places = "Mul(FloorDiv(Mul(Integer(2), Symbol('s10')), Integer(1)), Symbol('s20'))"
    calls = [
        call("im2col.default", "c", "", "", self="x", kernel_size=[3, 3], padding=[1, 1]),
        call("transpose.int", "t", self="c", dim0=1, dim1=2),
        call("linear.default", "y", "", "", input="t", weight="p_w"),
    ]
    made = {"c": tensor(1, 36, places), "t": tensor(1, places, 36), "y": tensor(1, places, 5)}
    weight = {"w": tensor(5, 36, requires_grad=True)}
    data = program(calls, ["y"], inputs={"x": tensor(1, 4, height, width)}, params=weight, made=made)
    assert counted(run, tmp_path, data) == (180, 8 * 6 * 180)
    assert counted(run, tmp_path, data, "--input", "x=1x4x10x7") == (180, 70 * 180)


@pytest.mark.parametrize("module", ["a", "b"])
def test_a_parameter_is_a_second_name_where_its_module_reads_another(run: Run, tmp_path: Path, module: str) -> None:
    """Without weights, b.weight is that of a if b reads a's, else an unused parameter of the same size."""
    calls = [linear("x", "h", "p_a_weight"), call("linear.default", "y", module, "", input="h", weight="p_a_weight")]
    data = program(calls, ["y"], inputs={"x": X}, params={"a.weight": W, "b.weight": W}, made={"h": X, "y": X})
    assert counted(run, tmp_path, data)[0] == (16 if module == "b" else 32)


def test_a_module_that_others_hold_as_well_is_counted_once(run: Run, tmp_path: Path) -> None:
    """A module that the network keeps as c, and hands to a and b, is called in these two; d is not called at all."""
    names = ("a.proj.weight", "b.proj.weight", "c.proj.weight", "d.other.weight")
    calls = [
        call("linear.default", "h", "a.proj", "", input="x", weight="p_b_proj_weight"),
        call("linear.default", "y", "b.proj", "", input="h", weight="p_b_proj_weight"),
    ]
    data = program(calls, ["y"], inputs={"x": X}, params=dict.fromkeys(names, W), made={"h": X, "y": X})
    assert counted(run, tmp_path, data)[0] == 2 * 16


def test_axes_change_places_whatever_their_arguments_are_named(run: Run, tmp_path: Path) -> None:
    data = program(
        [call("swapaxes.default", "y", self="x", axis0=-2, axis1=-3)],
        ["y"],
        inputs={"x": tensor(1, 5, 6, 7)},
        made={"y": tensor(1, 6, 5, 7)},
    )
    assert told(run, save(tmp_path / "net.pt2", data))["layers"][-1]["output"] == [6, 5, 7]


def test_what_is_written_into_an_out_argument_is_read_from_there(run: Run, tmp_path: Path) -> None:
    """A product of rows and weights goes to a tensor of zeros, which is then multiplied again."""
    calls = [
        call("empty.memory_format", "o", size=[3, 4]),
        call("matmul.out", "y", self="x", other="p_w", out="o"),
        call("matmul.default", "z", self="o", other="p_w"),
    ]
    data = program(calls, ["z"], inputs={"x": X}, params={"w": W}, made={"o": X, "y": X, "z": X})
    rows = told(run, save(tmp_path / "net.pt2", data))["layers"]
    assert [row["macs"] for row in rows if row["type"] == "Linear"] == [48, 48]
