"""Operators of exported programs: the products of each, by hand, and parameters that are not trained."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from pt2_files import BOOL, call, graph, program, save, tensor
from reports import told

W = {"requires_grad": True}


def counted(
    run: Run, path: Path, made: tuple[int, ...], target: str, tensors: dict[str, Any], /, **args: Any
) -> dict[str, int]:
    """Count a program of one call; tensors with a gradient are parameters, and the others its inputs."""
    params = {name: each for name, each in tensors.items() if each["requires_grad"]}
    inputs = {name: each for name, each in tensors.items() if not each["requires_grad"]}
    names = {name: f"p_{name}" for name in params}
    given = {key: _named(value, names) for key, value in args.items()}
    calls = [call(target, "y", "m", "", **given)]
    data = program(calls, ["y"], inputs=inputs, params=params, made={"y": tensor(*made)})
    totals: dict[str, int] = told(run, save(path / "net.pt2", data))["totals"]
    return totals


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


X, M, V = tensor(3, 4), tensor(4, 5), tensor(4, **W)
B, C, Z = tensor(2, 3, 4), tensor(2, 4, 5), tensor(3, 5)
FILTER = tensor(6, 4, 3, 3, **W)
Q, TAPS = tensor(2, 4, 5, 8), tensor(3, 4, 5, **W)
THREE = {"x": X, "y": tensor(3, 5), "w": tensor(4, 5, 6, **W)}
CHAIN = {"x": X, "w": M, "v": tensor(5, 2, **W)}
BOTH = {"x": X, "y": tensor(3, 5), "w": tensor(6, 4, 5, **W)}
KEYS = {"query": "q", "key": "k", "value": "k"}
SDPA = "scaled_dot_product_attention.default"

PRODUCTS: list[tuple[Any, ...]] = [
    ("linalg_matmul.default", {"x": X, "w": M}, {"self": "x", "other": "w"}, (3, 5), 3 * 4 * 5),
    ("mv.default", {"x": X, "w": V}, {"self": "x", "vec": "w"}, (3,), 3 * 4),
    ("addbmm.default", {"b": B, "c": C, "z": Z}, {"self": "z", "batch1": "b", "batch2": "c"}, (3, 5), 120),
    ("_addmm_activation.default", {"z": Z, "x": X, "w": M}, {"self": "z", "mat1": "x", "mat2": "w"}, (3, 5), 60),
    ("inner.default", {"x": X, "w": tensor(5, 4, **W)}, {"self": "x", "other": "w"}, (3, 5), 60),
    ("outer.default", {"x": tensor(3), "w": V}, {"self": "x", "vec2": "w"}, (3, 4), 0),
    ("einsum.default", {"x": X, "w": M}, {"equation": "'ij,jk->k", "tensors": ["x", "w"]}, (5,), 4 * 5),
    ("einsum.default", {"x": X, "y": X}, {"equation": "'ij,ik->ijk", "tensors": ["x", "y"]}, (3, 4, 4), 0),
    ("einsum.default", THREE, {"equation": "'bi,bj,ijk->bk", "tensors": [*THREE]}, (3, 6), 3 * 4 * 5 * 6),
    ("einsum.default", CHAIN, {"equation": "'ab,bc,cd->ad", "tensors": [*CHAIN], "path": [1, 2, 0, 1]}, (3, 2), 64),
    ("chain_matmul.default", CHAIN, {"matrices": [*CHAIN]}, (3, 2), 4 * 5 * 2 + 3 * 4 * 2),
    ("bilinear.default", BOTH, {"input1": "x", "input2": "y", "weight": "w"}, (3, 6), 3 * 4 * 5 * 6 + 3 * 5 * 6),
    ("cdist.default", {"x": X, "w": tensor(7, 4, **W)}, {"x1": "x", "x2": "w"}, (3, 7), 0),
    ("cdist.default", {"x": X, "w": tensor(26, 4, **W)}, {"x1": "x", "x2": "w"}, (3, 26), 3 * 26 * 6),
    (SDPA, {"q": Q}, {"query": "q", "key": "q", "value": "q"}, (2, 4, 5, 8), 2 * 2 * 4 * 5 * 5 * 8),
    (SDPA, {"q": Q, "k": tensor(1, 4, 7, 8)}, {**KEYS}, (2, 4, 5, 8), 2 * 2 * 4 * 5 * 7 * 8),
    (SDPA, {"q": Q, "k": tensor(2, 2, 7, 8)}, {**KEYS, "enable_gqa": True}, (2, 4, 5, 8), 2 * 2 * 4 * 5 * 7 * 8),
    (SDPA, {"q": tensor(5, 8), "k": tensor(7, 8)}, {**KEYS}, (5, 8), 2 * 5 * 7 * 8),
    (SDPA, {"q": tensor(2, 3, 4, 5, 8), "k": tensor(2, 3, 4, 7, 8)}, {**KEYS}, (2, 3, 4, 5, 8), 2 * 24 * 5 * 7 * 8),
    (
        "torch.ops.torchvision.deform_conv2d.default",
        {"x": tensor(1, 4, 8, 8), "o": tensor(1, 18, 6, 6), "m": tensor(1, 1), "b": tensor(6), "w": FILTER},
        {"input": "x", "weight": "w", "offset": "o", "mask": "m", "bias": "b", "use_mask": False},
        (1, 6, 6, 6),
        6 * 36 * 36,
    ),
    ("conv_tbc.default", {"x": tensor(9, 2, 4), "w": TAPS}, {"self": "x", "weight": "w"}, (7, 2, 5), 7 * 2 * 3 * 4 * 5),
]


@pytest.mark.parametrize("case", PRODUCTS, ids=lambda case: case[0])
def test_a_product_multiplies_as_in_pytorch(run: Run, tmp_path: Path, case: tuple[Any, ...]) -> None:
    target, tensors, args, made, macs = case
    assert counted(run, tmp_path, made, target, tensors, **args)["macs"] == macs


def test_experts_are_multiplied_by_their_rows_and_counted_as_a_whole(run: Run, tmp_path: Path) -> None:
    """8 rows of 16 numbers, each times one of 2 matrices of 16 by 24."""
    tensors = {"x": tensor(8, 16), "offs": tensor(2, dtype=4), "w": tensor(2, 16, 24, **W)}
    args = {"self": "x", "mat2": "w", "offs": "offs"}
    totals = counted(run, tmp_path, (8, 24), "_grouped_mm.default", tensors, **args)
    assert (totals["params"], totals["macs"]) == (2 * 16 * 24, 8 * 16 * 24)


def test_a_number_may_be_infinite_or_none(run: Run, tmp_path: Path) -> None:
    tensors = {"x": X, "mask": tensor(3, 4, dtype=BOOL)}
    data = program(
        [call("masked_fill.Scalar", "y", self="x", mask="mask", value=0.0)],
        ["y"],
        inputs=tensors,
        made={"y": X},
    )
    data["graph_module"]["graph"]["nodes"][0]["inputs"][2]["arg"] = {"as_float": "-Infinity"}
    assert [row["type"] for row in told(run, save(tmp_path / "net.pt2", data))["layers"]] == ["Elementwise"]


def cell(x: str, h: str) -> dict[str, Any]:
    """Return a step of a recurrent layer."""
    return call("rnn_tanh_cell.default", f"y_{x}", "c", input=x, hx=h, w_ih="p_c_ih", w_hh="p_c_hh")


def test_a_state_of_zeros_is_multiplied_too(run: Run, tmp_path: Path) -> None:
    """A step reads 3 rows of 8 numbers and a state of 6 zeros: 3·6·8 and 3·6·6."""
    weights = {"c.ih": tensor(6, 8, **W), "c.hh": tensor(6, 6, **W)}
    made = {"z": tensor(3, 6), "y_x": tensor(3, 6)}
    calls = [call("zeros.default", "z", size=[3, 6]), cell("x", "z")]
    data = program(calls, ["y_x"], inputs={"x": tensor(3, 8)}, params=weights, made=made)
    totals = told(run, save(tmp_path / "net.pt2", data))["totals"]
    assert (totals["params"], totals["macs"]) == (6 * 8 + 6 * 6, 3 * 6 * 8 + 3 * 6 * 6)


def frozen(*names: str) -> dict[str, Any]:
    """Return a linear layer of 4 to 5 with a bias, one of 5 to 4 without, and a parameter that nothing reads."""
    sizes = {"a.weight": (5, 4), "a.bias": (5,), "b.weight": (4, 5), "c": (7,)}
    params = {name: tensor(*size, requires_grad=name not in names) for name, size in sizes.items()}
    calls = [
        call("linear.default", "h", "a", input="x", weight="p_a_weight", bias="p_a_bias"),
        call("linear.default", "y", "b", input="h", weight="p_b_weight"),
    ]
    return program(calls, ["y"], inputs={"x": X}, params=params, made={"h": tensor(3, 5), "y": X})


@pytest.mark.parametrize(
    ("names", "trained"),
    [
        ((), 20 + 5 + 20 + 7),
        (("a.weight", "a.bias"), 20 + 7),
        (("a.weight",), 5 + 20 + 7),
        (("b.weight", "c"), 20 + 5),
        (("a.weight", "a.bias", "b.weight", "c"), 0),
    ],
)
def test_what_needs_no_gradient_is_frozen(run: Run, tmp_path: Path, names: tuple[str, ...], trained: int) -> None:
    path = save(tmp_path / "net.pt2", frozen(*names))
    assert told(run, path)["totals"]["params"] == trained
    assert told(run, path, "--params", "total")["totals"]["params"] == 20 + 5 + 20 + 7
    arch = tmp_path / "arch.toml"
    assert run("import", path, "-o", arch).code == 0
    assert told(run, arch)["totals"]["params"] == trained


def test_a_parameter_may_have_the_name_of_an_input(run: Run, tmp_path: Path) -> None:
    """Add 4 learned numbers named x to the input x."""
    data = program(
        [call("add.Tensor", "y", self="x", other="p_x")], ["y"], inputs={"x": X}, params={"x": V}, made={"y": X}
    )
    assert told(run, save(tmp_path / "net.pt2", data))["totals"]["params"] == 4


def test_gradients_of_a_convolution_multiply_what_it_multiplies(run: Run, tmp_path: Path) -> None:
    """8 filters in 4 groups, 3 by 3, at 6 by 6 places of 2 images: 9 for each channel written, for each gradient."""
    grad, image, weight = tensor(2, 8, 6, 6), tensor(2, 4, 8, 8), tensor(8, 1, 3, 3, **W)
    args = {"grad_output": "g", "input": "x", "weight": "p_w", "groups": 4, "output_mask": [True, True, False]}
    calls = [call("convolution_backward.default", ("a", "b", "c"), "", "", **args)]
    made = {"a": image, "b": tensor(8, 1, 3, 3), "c": tensor(8)}
    data = program(calls, ["a", "b"], inputs={"g": grad, "x": image}, params={"w": weight}, made=made)
    data["graph_module"]["graph"]["nodes"][0]["inputs"][-1]["arg"] = {"as_bools": [True, True, False]}
    totals = told(run, save(tmp_path / "net.pt2", data))["totals"]
    assert (totals["params"], totals["macs"]) == (72, 2 * 2 * 36 * 8 * 9)


def test_a_tensor_of_one_number_may_have_a_value(run: Run, tmp_path: Path) -> None:
    """Of 6 rows of 4 numbers, the first n are multiplied."""
    calls = [
        call("item.default", ":k", self="n"),
        call("slice.Tensor", "r", "", "", self="x", dim=0, start=0, end=":k"),
        call("linear.default", "y", "", "", input="r", weight="p_w"),
    ]
    tensors = {"x": tensor(6, 4), "n": tensor(dtype=5)}
    made = {"r": tensor("u0", 4), "y": tensor("u0", 4)}
    path = save(tmp_path / "net.pt2", program(calls, ["y"], inputs=tensors, params={"w": tensor(4, 4, **W)}, made=made))
    assert told(run, path, "--value", "n=3")["totals"]["macs"] == 3 * 16


def rows_where(path: Path, target: str, count: int, **args: Any) -> Path:
    """Write a program that multiplies the rows of 6 at which a function of 0 to 5 is not zero, each 4 numbers by 5."""
    calls = [
        call("arange.default", "n", end=6),
        call(target, "f", self="n", **args),
        call("nonzero.default", "i", self="f"),
        call("squeeze.dim", "j", self="i", dim=1),
        call("index.Tensor", "r", self="x", indices=["j"]),
        call("linear.default", "y", input="r", weight="p_w"),
    ]
    whole, rows = tensor(6, dtype=5), tensor(count, dtype=5)
    made = {"n": whole, "f": whole, "i": tensor(count, 1, dtype=5), "j": rows, "r": tensor(count, 4)}
    params = {"w": tensor(5, 4, **W)}
    data = program(calls, ["y"], inputs={"x": tensor(6, 4)}, params=params, made={**made, "y": tensor(count, 5)})
    return save(path / "net.pt2", data)


@pytest.mark.parametrize(
    ("target", "args", "count"),
    [
        ("ne.Scalar", {"other": 2}, 5),
        ("eq.Scalar", {"other": 2}, 1),
        ("floor_divide.default", {"other": 3}, 3),
        ("sub.Tensor", {"other": 2}, 5),
        ("logical_not.default", {}, 1),
    ],
)
def test_numbers_of_constants_are_those_of_pytorch(
    run: Run, tmp_path: Path, target: str, args: dict[str, Any], count: int
) -> None:
    assert told(run, rows_where(tmp_path, target, count, **args))["totals"]["macs"] == count * 4 * 5


@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("log2.default", {}),
        ("sub.Tensor", {"other": 1, "alpha": 2}),
        ("rand_like.default", {}),
        ("uniform_.default", {}),
    ],
)
def test_no_size_follows_from_numbers_that_are_not_computed(
    run: Run, tmp_path: Path, target: str, args: dict[str, Any]
) -> None:
    """A function that has the cost of another one has other numbers, and random numbers are not known."""
    result = run("count", rows_where(tmp_path, target, 5, **args))
    assert (result.code, "follows from numbers that are not known" in result.err) == (2, True)


def test_a_mask_stands_for_as_many_axes_as_it_has(run: Run, tmp_path: Path) -> None:
    """A mask of 2 by 3 leaves 6 rows of 4 numbers."""
    calls = [
        call("ones.default", "n", size=[2, 3]),
        call("gt.Scalar", "m", self="n", other=0),
        call("index.Tensor", "r", self="x", indices=["m"]),
        call("linear.default", "y", input="r", weight="p_w"),
    ]
    made = {"n": tensor(2, 3), "m": tensor(2, 3, dtype=BOOL), "r": tensor(6, 4), "y": tensor(6, 5)}
    weights = {"w": tensor(5, 4, **W)}
    data = program(calls, ["y"], inputs={"x": tensor(2, 3, 4)}, params=weights, made=made)
    assert [row["output"] for row in told(run, save(tmp_path / "net.pt2", data))["layers"]][-1] == [6, 5]


def test_what_turns_or_parts_a_tensor_has_the_sizes_of_the_program(run: Run, tmp_path: Path) -> None:
    """Turned by 90 degrees, 3 rows of 4 are 4 rows of 3."""
    calls = [call("rot90.default", "r", self="x"), call("linear.default", "y", input="r", weight="p_w")]
    made = {"r": tensor(4, 3), "y": tensor(4, 5)}
    data = program(calls, ["y"], inputs={"x": X}, params={"w": tensor(5, 3, **W)}, made=made)
    assert told(run, save(tmp_path / "net.pt2", data))["totals"]["macs"] == 4 * 3 * 5


def test_operators_that_multiply_matrices_without_a_rule_are_errors(run: Run, tmp_path: Path) -> None:
    data = program([call("linalg_matrix_exp.default", "y", self="x")], ["y"], inputs={"x": Z}, made={"y": Z})
    assert "aten.linalg_matrix_exp" in run("count", save(tmp_path / "net.pt2", data)).err


@pytest.mark.parametrize("is_graph", [False, True])
def test_no_gradient_passes_what_is_detached(run: Run, tmp_path: Path, is_graph: bool) -> None:  # noqa: FBT001
    """Two layers of 4 to 4 on 3 rows, 48 MACs each: only the weights of the second have a gradient."""
    first = call("linear.default", "h", input="x", weight="p_v")
    sizes = {"x": X, "p_v": tensor(4, 4), "h": X}
    inner = graph(["x", "p_v"], [first], ["h"], sizes)
    wrap = call(
        "torch.ops.higher_order.wrap_with_set_grad_enabled", "d", **{"0": False, "1": inner, "2": "x", "3": "p_v"}
    )
    calls = [wrap] if is_graph else [first, call("detach.default", "d", self="h")]
    calls.append(call("linear.default", "y", input="d", weight="p_w"))
    params = {"v": tensor(4, 4, **W), "w": tensor(4, 4, **W)}
    path = save(
        tmp_path / "net.pt2", program(calls, ["y"], inputs={"x": X}, params=params, made={"h": X, "d": X, "y": X})
    )
    arch = tmp_path / "arch.toml"
    assert run("import", path, "-o", arch).code == 0
    for each in (path, arch):
        totals = told(run, each, "--training")["totals"]
        assert [totals[f"macs_{part}"] for part in ("forward", "input_gradient", "weight_gradient")] == [96, 0, 48]
