"""Compare the summary of a live module with torch.export itself and with other counters on the same module.

Runs a process for each, in alternation, and takes the best of several runs: seconds of the first call and of the
next one, megabytes that the first one adds, and how far the number is off. Needs an environment with torch and
torchvision, such as that of `make drift`; the other counters are installed into a temporary folder, which is kept.

    python benchmarks/live.py [RUNS]
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PEERS = ("torchinfo==1.8.0", "thop==0.1.1.post2209072238", "ptflops==0.7.5", "fvcore==0.1.5.post20221221")
NEEDED = ("iopath", "yacs", "tabulate", "termcolor", "portalocker", "pyyaml", "tqdm")
"""The other counters, and what fvcore imports."""

TRUTH: Mapping[str, int] = {"resnet50": 4_089_184_256, "mobilenet_v2": 300_774_272, "vit_b_16": 17_563_828_224}
"""MACs at one picture of 224×224."""

COUNTED = """
from torch.utils.flop_counter import FlopCounterMode
def counted(model, x):
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() // 2
"""
SHOWN = """
from flopcount.torch import summary
def shown(model, x):
    found = summary(model, x)
    str(found)
    return found.total.macs
"""
CALLS: Mapping[str, tuple[str, str]] = {
    "torch.export": ("import torch.export", "torch.export.export(model, (x,), strict=False) and None"),
    "flopcount": (SHOWN, "shown(model, x)"),
    "FlopCounterMode": (COUNTED, "counted(model, x)"),
    "torchinfo": ("import torchinfo", "torchinfo.summary(model, input_data=x, verbose=0).total_mult_adds"),
    "fvcore": ("from fvcore.nn import FlopCountAnalysis", "FlopCountAnalysis(model, x).total()"),
    "thop": ("import thop", "thop.profile(model, inputs=(x,), verbose=False)[0]"),
    "ptflops": (
        "import ptflops",
        "ptflops.get_model_complexity_info(model, (3, 224, 224), as_strings=False, print_per_layer_stat=False)[0]",
    ),
}
"""What each imports, and the call that is timed."""

SCRIPT = """
import json, logging, resource, sys, time, warnings
import torch
try:
    import torchvision
except RuntimeError:  # built for another torch, and no network here calls its operators
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
torch.set_num_threads(1)
model, x = torchvision.models.get_model(sys.argv[1]).eval(), torch.randn(1, 3, 224, 224)
{imports}
def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, times = used(), []
for _ in range(2):
    begin = time.perf_counter()
    number = {call}
    times.append(time.perf_counter() - begin)
    after = used() if len(times) == 1 else after
print(json.dumps([*times, after - before, number and int(number)]))
"""


class Measured(NamedTuple):
    """Seconds of the first call and of the next, megabytes that the first adds, and the number."""

    first: float
    again: float
    megabytes: float
    macs: int | None


def prepared(folder: Path) -> Path:
    """Return the folder of the other counters, installed on first use."""
    target = folder / "live-peers"
    if not target.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
        subprocess.run([*pip, *PEERS, *NEEDED], check=True)
    return target


def measured(tool: str, model: str, peers: Path) -> Measured:
    """Time a tool in a process of its own."""
    imports, call = CALLS[tool]
    script = SCRIPT.format(imports=imports, call=call)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(peers)])}
    done = subprocess.run(
        [sys.executable, "-c", script, model], check=True, capture_output=True, text=True, env=variables
    )
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def compared(model: str, peers: Path, times: int) -> None:
    """Print a row for each tool, and the ratios of flopcount to torch.export."""
    runs: dict[str, list[Measured]] = {tool: [] for tool in CALLS}
    for _ in range(times):
        for tool, found in runs.items():
            found.append(measured(tool, model, peers))
    best = {tool: _best(found) for tool, found in runs.items()}
    print(f"{model:16}{'first s':>9}{'again s':>9}{'MB':>8}{'MACs':>17}   off by")
    for tool, each in best.items():
        off = "" if each.macs is None else f"{(each.macs - TRUTH[model]) / TRUTH[model]:+.2%}"
        macs = "" if each.macs is None else f"{each.macs:,}"
        print(f"{tool:16}{each.first:9.2f}{each.again:9.2f}{each.megabytes:8.1f}{macs:>17}{off:>9}")
    ours, base = best["flopcount"], best["torch.export"]
    print(f"flopcount / torch.export: first {ours.first / base.first:.2f}, again {ours.again / base.again:.2f}\n")


def _best(runs: list[Measured]) -> Measured:
    first, again = min(each.first for each in runs), min(each.again for each in runs)
    return Measured(first, again, min(each.megabytes for each in runs), runs[0].macs)


if __name__ == "__main__":
    place = Path(tempfile.gettempdir()) / "flopcount-benchmarks"
    place.mkdir(exist_ok=True)
    for name in TRUTH:
        compared(name, prepared(place), int(sys.argv[1]) if len(sys.argv) > 1 else 3)
