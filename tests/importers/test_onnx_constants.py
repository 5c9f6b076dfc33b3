"""Weights that are constants of the graph, not initializers."""

from pathlib import Path

from onnx_files import Weights, field, graph, model, node, tensor

from flopcount.cli.loading import Options, count_arch


def constant(name: str, *dims: int) -> bytes:
    """Write a Constant of decimals."""
    value = field(1, "value") + field(5, tensor("", Weights(dims))) + field(20, 4)
    return field(2, name) + field(4, "Constant") + field(5, value)


def test_where_there_are_no_initializers_constants_are_the_params(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(graph([constant("w", 5, 4, 1, 1), node("Conv", "x w", "y")], {"x": (1, 4, 8, 8)})))
    assert count_arch(str(path), Options())[1].total.params == 20


def test_beside_initializers_constants_are_none(tmp_path: Path) -> None:
    """A fixed filter, such as one that blurs, is a constant among the weights of the others."""
    nodes = [constant("blur", 4, 1, 3, 3), node("Conv", "x blur", "b", group=4), node("Conv", "b w", "y")]
    path = tmp_path / "model.onnx"
    path.write_bytes(model(graph(nodes, {"x": (1, 4, 8, 8)}, {"w": Weights((5, 4, 1, 1))})))
    _, result = count_arch(str(path), Options())
    assert (result.total.params, result.total.macs) == (20, 36 * 36 + 20 * 36)
