"""Compare the cycles of systolic arrays with SCALE-Sim 3 on random layers.

SCALE-Sim needs numpy < 2, so it has an environment of its own:

    python3 -m venv .scale && .scale/bin/pip install 'scalesim==3.0.0' 'numpy<2' -e .
    .scale/bin/python benchmarks/scale_sim.py [SEED] [-o tests/oracles/scale_sim.json]

Each layer is simulated in full (InterfaceBandwidth: CALC, so without stalls); a difference is printed and fails.
"""

import argparse
import contextlib
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from flopcount.analyses.systolic import DATAFLOWS, SystolicArray

CONFIGURATION = """[general]
run_name = compared
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: 1024
FilterSramSzkB: 1024
OfmapSramSzkB: 1024
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 100
Dataflow: {dataflow}
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
FilterCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""
COLUMNS = "rows, columns, dataflow, height, width, kernel height, kernel width, channels, filters, stride, cycles"
Layer = tuple[int, ...]


def simulated(array: SystolicArray, layers: list[Layer]) -> list[tuple[int, float]]:
    """Return the cycles without stalls and the utilization in percent of each layer, as SCALE-Sim reports them."""
    from scalesim.scale_sim import scalesim  # type: ignore[import-not-found]

    Path("array.cfg").write_text(CONFIGURATION.format(**array._asdict()), encoding="utf-8")
    rows = (f"L{number}, {', '.join(map(str, layer))},\n" for number, layer in enumerate(layers))
    Path("layers.csv").write_text("".join(["name, sizes,\n", *rows]), encoding="utf-8")
    unused = (f"L{number}, {', '.join(['1'] * 18)},\n" for number in range(len(layers)))
    Path("layout.csv").write_text("".join(["name,\n", *unused]), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        files = {"config": "array.cfg", "topology": "layers.csv", "layout": "layout.csv"}
        run = scalesim(save_disk_space=True, verbose=False, input_type_gemm=False, **files)
        run.run_scale(top_path="out")
    items = (layer.get_compute_report_items() for layer in run.runner.single_layer_sim_object_list)
    return [(item[1], item[3]) for item in items]


def drawn(number: random.Random) -> Layer:
    """Return the sizes of a random layer whose windows leave nothing over."""
    tall, stride = number.choice([1, 1, 2, 3, 5]), number.choice([1, 1, 2])
    wide = number.choice([tall, tall, 1, 3])
    height, width = (size + stride * number.randint(0, 6) for size in (tall, wide))
    return (height, width, tall, wide, number.randint(1, 12), number.randint(1, 14), stride)


def compared(number: random.Random, dataflow: str) -> list[list[Any]]:
    """Simulate eight layers on an array, and print those that flopcount counts differently."""
    array = SystolicArray(number.choice([1, 2, 3, 4, 7, 8, 16]), number.choice([1, 2, 3, 4, 5, 8, 16]), dataflow)
    layers = [drawn(number) for _ in range(8)]
    found = []
    for layer, (cycles, busy) in zip(layers, simulated(array, layers), strict=True):
        height, width, tall, wide, channels, filters, stride = layer
        positions = ((height - tall) // stride + 1) * ((width - wide) // stride + 1)
        ours = array.cycles(positions, tall * wide * channels, filters)
        found.append([*array, *layer, cycles, busy])
        if ours != cycles:
            print(f"{array} {layer}: flopcount {ours}, SCALE-Sim {cycles}")
            found[-1].append("differs")
    return found


def main() -> int:
    """Compare 336 layers, and write them to a file if one is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int, nargs="?", default=13)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    output, number = asked.output and asked.output.resolve(), random.Random(asked.seed)  # noqa: S311  (not a secret)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rows = [row for flow in DATAFLOWS for _ in range(14) for row in compared(number, flow)]
        os.chdir("/")
    different = sum(row[-1] == "differs" for row in rows)
    print(f"{len(rows)} layers, {different} differ")
    if output and not different:
        columns = json.dumps([*COLUMNS.split(", "), "utilization in %"])
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        source = '"scalesim 3.0.0, InterfaceBandwidth CALC, benchmarks/scale_sim.py"'
        text = f'{{\n "source": {source},\n "columns": {columns},\n "layers": [\n{lines}\n ]\n}}\n'
        output.write_text(text, encoding="utf-8")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
