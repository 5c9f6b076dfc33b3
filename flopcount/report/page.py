"""A report as one HTML file: the JSON of several commands, and the page that draws it.

The page is built from `page/` in the repository; `flopcount/report/assets` has what was built. Everything is inside
the file: no network is needed, and text of a model never becomes markup.
"""

import base64
import gzip
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from flopcount import __version__
from flopcount.analyses.budgets.check import CheckedFile, Outcome
from flopcount.analyses.forms import compared
from flopcount.analyses.memory.curve import peak_of
from flopcount.analyses.memory.lower import lowered
from flopcount.case import Count
from flopcount.errors import Note
from flopcount.formulas.numbers import exact
from flopcount.network.convention import convention
from flopcount.network.memory import Style
from flopcount.network.metrics import METRICS
from flopcount.report import escape
from flopcount.report.compare import comparison_report, diff_report
from flopcount.report.cost import costs_of
from flopcount.report.count import count_report
from flopcount.report.device import OnDevice, device_data, with_device
from flopcount.report.memory import TOTALS, Memory, memory_report
from flopcount.report.table import notes_data
from flopcount.spec.hardware import profile, profiles
from flopcount.spec.units import METRICS as MEANING

SHOWN = ("params", "macs", "flops", "weight_bytes", "activations", "activation_bytes", "traffic", "intensity", *TOTALS)
"""The metrics that a page can switch to, unless a network is in training."""

IN_TRAINING = ("params", "macs", "flops", "weight_bytes", "activations", "activation_bytes")
"""Those of a step of training, beside its own."""

MOST_CHECKED = 20
"""The networks that the page of a check draws; limits are those of all."""

STYLES = {
    "peak_unfused": Style(fused=False),
    "peak_inplace": Style(in_place=True),
    "peak_unfused_inplace": Style(fused=False, in_place=True),
}
"""How a program may keep tensors, beside the usual way, by the metric of its peak."""

MOST_PLAIN = 2**20
"""Data of more characters is compressed inside the file."""


@dataclass(frozen=True)
class Subject:
    """A network of a page: its name there, its count, the changes to its file, and what a device takes for it."""

    name: str
    count: Count
    changes: Mapping[str, Any]
    device: OnDevice | None = None


def shown_metrics(asked: str | None, *, is_training: bool) -> tuple[str, ...]:
    """Return the metrics of a page: those it can switch to, and those that were asked for."""
    own = [name for name in (asked or "").split(",") if name.strip()]
    return tuple(dict.fromkeys((*(IN_TRAINING if is_training else SHOWN), *own)))


def command_line() -> str:
    """Return the command line, for a page to say how it was made."""
    return shlex.join(["flopcount", *sys.argv[1:]])


def page_data(subjects: Sequence[Subject], command: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a page shows: for each network what `count` and `memory` say as JSON, its edges and its tensors.

    Each part is the JSON of its command; `more` has parts beside those of networks.
    """
    return {
        "schema_version": 2,
        "flopcount": __version__,
        "command": command,
        "metrics": _metrics(subjects),
        "networks": [_network(each) for each in subjects],
        **(more or {}),
        "devices": [device_data(profile(each)) for each in profiles()],
    }


def differences(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return what `compare` says of several networks, and `diff` of the first and each other."""
    if len(subjects) == 1:
        return {}
    first, *others = named = [(each.name, each.count) for each in subjects]
    diffs = [diff_report(first, other, compared(first[1], other[1])).data() for other in others]
    return {"compare": comparison_report(named).data(), "diffs": diffs}


def checked_data(outcome: Outcome, checked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a page shows of a check, which is `checked` as data: the networks, those with findings first."""
    found = {each.path for each in outcome.findings}
    files = sorted((each for each in outcome.files if each.counts), key=lambda each: each.path not in found)
    shown = [each.subject for each in files[:MOST_CHECKED] if each.subject]
    if len(files) > len(shown):
        note = Note("page-cut", f"the page draws {len(shown)} of {len(files)} networks, those with findings first")
        checked = {**checked, **notes_data((*outcome.notes, note))}
    return page_data([Subject(each.title, _counted(each), {}) for each in shown], command_line(), {"check": checked})


def _counted(file: CheckedFile) -> Count:
    """Count a file of a check with the metrics of a page."""
    return file.case(file.network, shown_metrics(None, is_training=file.training is not None)).count


def _metrics(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return what the page has to know of each metric: title, unit, how values combine, and its meaning as we count."""
    shown = {each.name: each for subject in subjects for each in costs_of(subject.count).metrics}
    about = {name: MEANING.get(name, "") if each == METRICS[name] else each.title for name, each in shown.items()}
    return {
        name: {"title": each.title, "unit": each.unit, "combine": each.combine, "about": about[name]}
        for name, each in shown.items()
    }


def _network(subject: Subject) -> dict[str, Any]:
    count = subject.count
    report = count_report(count, subject.changes)
    report = with_device(report, subject.device) if subject.device else report
    return {
        "name": subject.name,
        "title": report.title,
        "lines": [str(line) for line in report.lines],
        "count": report.data(),
        "graph": _graph(count),
        **({} if count.case.training else {**_memory(subject), **_roofs(subject)}),
    }


def _graph(count: Count) -> dict[str, Any]:
    """Return the inputs, and who reads whom: a pair of positions for each edge; inputs are -1, -2 and so on."""
    nodes, inputs = count.trace.plan.nodes, count.trace.inputs
    place = {name: -number for number, name in enumerate(inputs, 1)}
    place |= {node.path: number for number, node in enumerate(nodes, 1)}
    edges = [[place[name], place[node.path]] for node in nodes for name in dict.fromkeys((*node.inputs, *node.beside))]
    return {"inputs": [{"name": name, "shape": [*shape.dims]} for name, shape in inputs.items()], "edges": edges}


def _memory(subject: Subject) -> dict[str, Any]:
    """Return what `memory` says, and the tensors of each style that has others than the usual one."""
    count = subject.count
    found = Memory(peak_of(count.case), lowered(count.case))
    usual = _tensors(count, Style())
    others = {name: tensors for name, style in STYLES.items() if (tensors := _tensors(count, style)) != usual}
    said = memory_report(count, found, subject.changes).data()
    return {"memory": said, "tensors": usual, "tensors_by_style": others}


def _tensors(count: Count, style: Style) -> list[dict[str, Any]]:
    """Return every tensor: its bytes, and the layers that write and last read it."""
    lives = ((life, exact(life.tensor.size)) for life in count.lifetimes(style).lives)
    return [
        {"name": life.name, "bytes": size, "first": max(life.first, 0) + 1, "last": life.last + 1}
        for life, size in lives
        if size
    ]


def _roofs(subject: Subject) -> dict[str, Any]:
    """Return the MACs of each layer by the bits of their wider factor, and the MACs per second that devices have."""
    rule, products = convention(), []
    for site in subject.count.sites():
        macs = Counter[int]()
        for amount, one, other, _ in site._replace(rule=rule).products():
            macs[max(one, other)] += exact(amount)
        products.append({bits: each for bits, each in macs.items() if each})
    asked = subject.device.profile if subject.device else None
    devices = {each.key: each.device for each in (*map(profile, profiles()), *([asked] if asked else ()))}
    bits = sorted({each for macs in products for each in macs})
    able = {key: device for key, device in devices.items() if all(map(device.has, bits))}
    rates = {key: {each: float(device.rate(each)) for each in bits} for key, device in able.items()}
    return {"products": products, "roofs": rates}


@cache
def _asset(name: str) -> str:
    return files("flopcount.report").joinpath("assets", name).read_text("utf-8")


def page_parts(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of the file."""
    text = escape.json(data)
    titles = ", ".join(each["name"] for each in data["networks"]) or "nothing counted"
    before, after = _asset("page.html").split("<!-- data -->")
    yield before.replace("{title}", escape.xml(titles))
    if len(text) > MOST_PLAIN:
        packed = base64.b64encode(gzip.compress(text.encode(errors="replace"), 6, mtime=0)).decode()
        yield f'<script type="application/gzip" id="flopcount-data">{packed}</script>'
    else:
        plain = text.replace("<", r"\u003c")
        yield f'<script type="application/json" id="flopcount-data">{plain}</script>'
    yield after
