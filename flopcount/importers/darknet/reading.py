"""Networks of Darknet: `.cfg` files, section by section."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from flopcount.counting.inputs import input_shape
from flopcount.files.texts import read_text
from flopcount.formulas.shape import Shape
from flopcount.importers.darknet.layers import HEADS, LAYERS, passed
from flopcount.importers.darknet.use import Section, Use
from flopcount.importers.foreign import Imported, ImportProblem, Request, unknown_problem
from flopcount.importers.rows import Rows, Signal, whole

MOST_SECTIONS = 100_000
"""A file with more layers is refused."""

UNREAD = frozenset(("antialiasing", "maxpool_depth", "assisted_excitation"))
"""Options that change what a layer does, and are refused."""

SHORT: Mapping[str, str] = {
    "conv": "convolutional",
    "deconv": "deconvolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
    "conn": "connected",
    "lrn": "normalization",
    "reorg3d": "reorg",
    "local_avg": "local_avgpool",
    "logxent": "logistic",
}
"""Other words for the same section."""


def read(path: Path, request: Request) -> Imported:
    """Read a network."""
    first, *sections = _sections(path, read_text(path)) or [Section("", {}, 1)]
    if first.kind not in {"net", "network"} or not sections:
        raise ImportProblem(path, "this is no network of Darknet, which begins with [net] and goes on with layers")
    unknown = Counter(section.kind for section in sections if section.kind not in LAYERS)
    if unknown and not request.allow_unknown:
        raise unknown_problem(path, "it has layers", unknown)
    rows, entry = Rows(), _entry(path, first)
    shape = input_shape(entry, request.size)
    signals = [Signal("input", Shape(shape.dims[-len(entry) :]))]
    for place, section in enumerate(sections):
        use = Use(path, rows, section, place, signals)
        for key in UNREAD & section.options.keys():
            if section.options[key] != "0":
                raise use.problem(f"{key} makes another layer of it; that is not read")
        signals.append(LAYERS.get(section.kind, passed)(use))
    heads = any(section.kind in HEADS for section in sections)
    notes = ("what decodes the detections (yolo, region) is not counted",) if heads else ()
    dims = [whole(size) for size in signals[0].shape.dims]
    data = {"name": _name(path), "input": dims, "layers": rows.data}
    return Imported(data, notes, dict(unknown))


def _name(path: Path) -> str:
    """Return a name for the network: that of its file."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", path.stem)[:100].lstrip(".+-") or "network"


def _sections(path: Path, text: str) -> list[Section]:
    """Take a file apart: [section], then lines of key=value; # and ; begin comments."""
    found: list[tuple[str, dict[str, str], int]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith("["):
            found.append((line.strip("[] \t"), {}, number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not found:
            raise ImportProblem(path, f"line {number} is neither [section] nor key=value within one: {line[:50]!r}")
        found[-1][1][key.strip()] = "".join(value.split())
    if len(found) > MOST_SECTIONS:
        raise ImportProblem(path, f"more than {MOST_SECTIONS} layers")
    return [Section(SHORT.get(kind, kind), options, number) for kind, options, number in found]


def _entry(path: Path, section: Section) -> tuple[int, ...]:
    """Return what enters: channels, height and width, or so many numbers."""
    use = Use(path, Rows(), section, 0, ())
    sizes = [use.number(key, 0) for key in ("channels", "height", "width")]
    if any(sizes):
        sizes[0] = sizes[0] or 3
    else:
        sizes = [use.number("inputs", 0)]
    if min(sizes) < 1:
        raise use.problem("[net] does not say channels, height and width; give each as a number from 1")
    return tuple(sizes)
