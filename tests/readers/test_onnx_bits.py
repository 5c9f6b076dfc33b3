"""The bits of an ONNX file: of its weights, of what its layers write, and of groups of weights."""

import json
from pathlib import Path

from conftest import Run
from onnx_files import Weights, graph, model, node


def quantized(folder: Path) -> Path:
    """Write a convolution in half precision, its output in 8 bits, and a product with 4-bit weights in blocks of 16."""
    nodes = [
        node("Conv", "x w", "a"),
        node("QuantizeLinear", "a scale point", "q"),
        node("DequantizeLinear", "q scale point", "d"),
        node("MatMulNBits", "d packed scales points", "y", domain="com.microsoft", K=20, N=6, bits=4, block_size=16),
    ]
    half, byte = 10, 2
    tensors = {
        "w": Weights((5, 3, 1, 1), half),
        "scale": Weights((), half),
        "point": Weights((), byte),
        "packed": Weights((6, 2, 8), byte),
        "scales": Weights((12,), half),
        "points": Weights((6,), byte),
    }
    path = folder / "model.onnx"
    path.write_bytes(model(graph(nodes, {"x": (1, 3, 4, 20)}, tensors, dtype=10), opset=21))
    return path


def test_a_file_brings_its_own_bits_and_an_imported_file_keeps_them(run: Run, tmp_path: Path) -> None:
    """15 weights of 2 bytes; 6 rows of 2 blocks: 96 bytes of 4-bit weights, 12 scales of 2 bytes, 6 bytes of points.

    Written are 400 half floats, 400 bytes, 400 half floats and 120; 240 half floats are read, of 3 channels.
    """
    path, imported = quantized(tmp_path), tmp_path / "imported.toml"
    assert run("import", path, "-o", imported).code == 0
    for each in (path, imported):
        options = ("--metrics", "weight_bytes,traffic,peak_unfused,bit_ops", "--format", "json")
        totals = json.loads(run("count", each, *options).out)["totals"]
        assert totals["weight_bytes"] == 30 + 96 + 24 + 6
        assert totals["traffic"] == (30 + 480 + 800) + (800 + 400) + (400 + 800) + (126 + 800 + 240)
        assert totals["peak_unfused"] == max(480 + 800, 800 + 400, 400 + 800, 800 + 240)
        assert totals["bit_ops"] == 240 * 5 * 16 * 16 + 20 * (20 * 6) * 4 * 16


def test_a_precision_takes_the_place_of_the_bits_of_a_file(run: Run, tmp_path: Path) -> None:
    found = run(
        "count", quantized(tmp_path), "--precision", "int8", "--metrics", "weight_bytes,peak", "--format", "json"
    )
    assert json.loads(found.out)["totals"]["weight_bytes"] == 15 + 120
