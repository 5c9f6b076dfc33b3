"""Models of Keras with what Keras says of them, and flopcount's count layer by layer."""

import gzip
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.cli.loading import Options, count_of
from flopcount.network.convention import convention

FOLDER = Path(__file__).parents[1] / "oracles" / "keras_models"


def unpacked(name: str) -> Any:
    """Return what a packed file holds."""
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


@cache
def figures() -> dict[str, Any]:
    """Return the figures of all models."""
    found: dict[str, Any] = unpacked("figures")
    return found


def model_json(name: str) -> str:
    """Return a model as JSON; `bundle/name` is one of several in a file."""
    bundle, _, inner = name.partition("/")
    found = unpacked(bundle)
    return json.dumps(found[inner] if inner else found)


class Figures(NamedTuple):
    """Totals, and the rows of each layer at the top: output sizes, params and trainable params."""

    params: int
    trainable: int
    macs: int
    layers: dict[str, tuple[list[int], int, int]]
    notes: tuple[str, ...]


def counted(path: Path) -> Figures:
    """Count a model file."""
    total = count_of(str(path), Options(params="total"))
    trainable = count_of(str(path), Options(params="trainable"))
    steps = defaultdict(list)
    for node, step in total.trace.items():
        steps[node.path.partition(".")[0]].append(step)
    every, trained = convention("total"), convention("trainable")
    fixed = int(bool(total.case.plan.batch))
    layers = {
        name: (
            sorted(int(str(size)) for size in found[-1].shape.dims[fixed:]),
            sum(int(str(every.params_of(step))) for step in found),
            sum(int(str(trained.params_of(step))) for step in found),
        )
        for name, found in steps.items()
    }
    params, macs = (int(str(number)) for number in total.total.values())
    return Figures(params, int(str(trainable.total.params)), macs, layers, tuple(map(str, total.notes)))


def archived(folder: Path, members: Mapping[str, str | bytes]) -> Path:
    """Write a `.keras` archive with members of given names and contents."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def plain(name: str) -> str:
    """Write a layer's name with the letters that a path can have."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
