"""The backend tests of ONNX itself: sizes against those recorded, MACs against the expanded function."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flopcount import load
from flopcount.case import Case
from flopcount.errors import BadInput
from flopcount.readers.base import ReadOptions
from flopcount.readers.onnx.file import model as parsed
from flopcount.readers.onnx.read import input_sizes, walked

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore")]  # onnx makes its tests with overflows

Sizes = dict[str, tuple[int, ...]]


def backend_tests() -> Iterator[tuple[str, Any, list[Any], list[Any]]]:
    """Yield the name, the model, the inputs and the outputs of each test."""
    import onnx
    from onnx.backend.test.loader import load_model_tests
    from onnx.numpy_helper import to_array

    for each in load_model_tests(kind="node"):
        yield each.name, each.model, *each.data_sets[0]
    for kind in ("simple", "pytorch-operator", "pytorch-converted"):
        for each in load_model_tests(kind=kind):
            folder = Path(each.model_dir, "test_data_set_0")
            try:
                made = [
                    [to_array(onnx.load_tensor(str(path))) for path in sorted(folder.glob(f"{what}_*.pb"), key=_number)]
                    for what in ("input", "output")
                ]
            except Exception:  # noqa: BLE001, S112  (a sequence or an optional: no tensor)
                continue
            yield each.name, onnx.load(str(Path(each.model_dir, "model.onnx"))), *made


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def fixed(model: Any, inputs: list[Any]) -> Any:
    """Return a model whose integer inputs after the first are constants, since sizes may follow from them."""
    import onnx
    from onnx.numpy_helper import from_array

    made = onnx.ModelProto()
    made.CopyFrom(model)
    kinds = [info.type.tensor_type.elem_type for info in model.graph.input]
    first = model.graph.node[0].op_type.startswith(("Dequantize", "QLinear"))
    ranks = [getattr(value, "ndim", 1) for value in inputs]
    pairs = enumerate(zip(kinds, ranks, strict=False))
    places = (place for place, (kind, rank) in pairs if first or (kind in {1, 10, 11, 16} and rank))
    kept = next(places, 0)
    del made.graph.input[:]
    for place, (info, value) in enumerate(zip(model.graph.input, inputs, strict=False)):
        constant = getattr(value, "dtype", None) is not None and (
            kinds[place] not in {1, 10, 11, 16} or info.name in {"scales", "roi"} or not value.ndim
        )
        if place != kept and constant and info.name not in {each.name for each in made.graph.initializer}:
            made.graph.initializer.append(from_array(value, info.name))
        else:
            made.graph.input.append(info)
    return made


def open_inputs(model: Any, inputs: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the first input if it is empty: a file cannot say so, since 0 stands for what it leaves open."""
    for info, value in [*zip(model.graph.input, inputs, strict=False)][:1]:
        if 0 in getattr(value, "shape", ()):
            yield info, value


def expanded_macs(model: Any, inputs: list[Any]) -> int | None:
    """Count the products of a model of simple operators by running it; None if others multiply."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    ops = {node.op_type for node in model.graph.node}
    if ops & {"If", "Loop", "Scan", "Einsum", "ConvTranspose", "LSTM", "GRU", "RNN"}:
        return None
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.output[:]
    wanted = [
        name
        for node in model.graph.node
        if node.op_type in {"MatMul", "Gemm", "Conv"}
        for name in (*node.input, *node.output)
        if name
    ]
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(wanted))
    if not wanted:
        return 0
    feeds = {info.name: value for info, value in zip(model.graph.input, inputs, strict=False)}
    found = dict(zip(dict.fromkeys(wanted), ReferenceEvaluator(made).run(None, feeds), strict=True))
    total = 0
    for node in model.graph.node:
        if node.op_type in {"MatMul", "Gemm"}:
            turned = any(a.name == "transA" and a.i for a in node.attribute)
            total += math.prod(found[node.output[0]].shape) * found[node.input[0]].shape[-2 if turned else -1]
        elif node.op_type == "Conv":
            total += math.prod(found[node.output[0]].shape) * math.prod(found[node.input[1]].shape[1:])
    return total


def sizes_of(path: Path, size: str | None) -> Sizes:
    """Return the sizes of the outputs of a model as flopcount has them."""
    found = parsed(path)
    inputs = [info for info in found.graph.inputs if info.name not in found.graph.tensors]
    options = ReadOptions(size)
    _, env = walked(found, options, input_sizes(inputs, options, path.name), {})
    values = {info.name: env.get(info.name) for info in found.graph.outputs}
    return {name: value.dims for name, value in values.items() if value is not None and not value.is_lost}


def judged(every: dict[str, Any], name: str, folder: Path) -> Iterator[str]:
    """Yield what is wrong with a test: other sizes than recorded, or other MACs than the expanded function has."""
    model, inputs, outputs = every[name]
    path = folder / f"{name}.onnx"
    path.write_bytes(fixed(model, inputs).SerializeToString())
    size = ",".join(f"{info.name}={'x'.join(map(str, x.shape))}" for info, x in open_inputs(model, inputs)) or None
    macs, sizes = Case(load(path), input=size).count.total.macs, sizes_of(path, size)
    for info, value in zip(model.graph.output, outputs, strict=False):
        shape = tuple(getattr(value, "shape", sizes.get(info.name, ())))
        if sizes.get(info.name, shape) != shape:
            yield f"{name}: {info.name} is {sizes[info.name]}, recorded {shape}"
    twin = every.get(f"{name}_expanded")
    truth = expanded_macs(twin[0], twin[1]) if twin else None
    if truth not in {None, macs}:
        yield f"{name}: {macs} MACs, the expanded function has {truth}"


def test_sizes_are_those_recorded_and_macs_those_of_the_expanded_function(tmp_path: Path) -> None:
    """What is refused is listed by kind in docs/importing.md; of 2,024 tests it is 117."""
    refused, wrong = list[str](), list[str]()
    every = {name: rest for name, *rest in backend_tests()}
    for name in every:
        try:
            wrong += judged(every, name, tmp_path)
        except BadInput as error:
            refused.append(str(error))
    assert len(every) > 1900
    assert not wrong, "\n".join(wrong)
    assert len(refused) < 125, "\n".join(refused)


@pytest.mark.parametrize(("name", "macs"), [("resnet50", 4_089_184_256), ("vgg19", 19_632_062_464)])
def test_networks_whose_weights_are_filled_in_have_the_macs_of_torchvision(name: str, macs: int) -> None:
    from onnx.backend.test import data

    path = Path(next(iter(data.__path__)), "light", f"light_{name}.onnx")
    assert Case(load(path)).count.total.macs == macs
