"""Memory while a network runs: what is alive layer by layer, the peak, and what TensorFlow Lite Micro prints."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.analyses.memory.curve import Peak
from flopcount.analyses.memory.lower import Lowered
from flopcount.analyses.memory.patch import Patched
from flopcount.analyses.memory.reorder import Reordered
from flopcount.case import Count
from flopcount.network.arena import head, schedule_of
from flopcount.network.metrics import METRICS, ratio
from flopcount.network.plan import MOST_VARIED
from flopcount.report.cost import costs_of, facts, input_line, unknown_facts
from flopcount.report.count import LAYERS
from flopcount.report.table import Column, Line, Report, Row, Table, plural, shape_text
from flopcount.spec.units import DEFAULT_METRICS

TOTALS = ("peak", "peak_unfused", "peak_inplace", "peak_unfused_inplace", "arena")
"""The numbers of the whole network."""

ALIVE = Column("peak", "alive bytes", "count", "peak", combines=True)
SHARE = Column("share", "of the peak", "share", "peak", combines=True, rank=3)
SAYS = "alive at once: inputs and outputs included, weights not; norms and activations fused into the layer before them"


class Memory(NamedTuple):
    """What is known of the memory of a network: its peak, what lowers it if searched, another order, patches."""

    peak: Peak
    lower: Sequence[Lowered] | None = ()
    order: Reordered | None = None
    patch: Patched | None = None


def memory_report(result: Count, found: Memory, changes: Mapping[str, Any] | None = None) -> Report:
    """Return a row per layer, the tensors of the peak, and what would lower it."""
    name, description = result.case.name, result.case.plan.description
    totals = {each: result.total[each] for each in TOTALS}
    said = [*(_order_lines(found.order) if found.order else ()), *(_patch_lines(found.patch) if found.patch else ())]
    return Report(
        title=f"{name}: {description}" if description else name,
        tables=(_layers(result, found.peak), _tensors(result, found.peak), _lower(found), _totals(totals)),
        lines=(input_line(result.trace, changes), Line("text", SAYS), *(Line("text", each) for each in said)),
        notes=result.notes,
        facts={
            **facts(result, changes),
            "totals": costs_of(result).values(result.total),
            "peak": {"bytes": found.peak.bytes, "at": found.peak.at, "tensors": [*_lives(result, found.peak)]},
            **({"reorder": _order_data(found.order)} if found.order else {}),
            **({"patch": _patch_data(found.patch)} if found.patch else {}),
            **unknown_facts(result),
        },
    )


def _layers(result: Count, peak: Peak) -> Table:
    rows, shown = [], costs_of(result)
    for position, (node, step) in enumerate(result.trace.items(), 1):
        cost = result.costs[node.path]
        cells = {"position": position, "path": node.path, "type": node.kind, "output": [*step.shape.dims]}
        rows.append(Row({**cells, **shown.values(cost), "share": ratio(cost["peak"], peak.bytes)}))
    total = {
        "path": "at least" if result.unknown else "peak",
        "peak": peak.bytes,
        "share": ratio(peak.bytes, peak.bytes),
    }
    asked = [each for each in shown.columns() if each.metric not in {*TOTALS, *DEFAULT_METRICS}]
    return Table("layers", (*LAYERS, ALIVE, SHARE, *asked), tuple(rows), Row({**shown.values(result.total), **total}))


def _lives(result: Count, peak: Peak) -> Iterator[dict[str, Any]]:
    """Yield the tensors of the peak: which layer writes each, and which reads it last."""
    nodes, shapes = result.trace.plan.nodes, result.trace.shapes
    for life in peak.lives:
        first = nodes[life.first].path if life.first >= 0 else "start"
        last = nodes[life.last].path if life.last < len(nodes) else "end"
        cells = {"name": life.name, "shape": [*shapes[life.name].dims], "bits": life.tensor.bits}
        yield {**cells, "bytes": life.tensor.size, "from": first, "to": last}


def _tensors(result: Count, peak: Peak) -> Table:
    columns = (
        *(Column("name", "tensor", "path"), Column("shape", "shape", "shape"), Column("bytes", "bytes", "count")),
        *(Column("from", "from", "path"), Column("to", "to", "path")),
    )
    rows = tuple(map(Row, _lives(result, peak)))
    return Table("", columns, rows, caption=f"alive at the peak, while {peak.at} runs")


def _lower(found: Memory) -> Table:
    columns = (
        *(Column("what", "change"), Column("option", "with")),
        *(Column("peak", "peak bytes", "count"), Column("ratio", "ratio", "ratio")),
    )
    rows = tuple(Row({**each._asdict(), "ratio": ratio(each.peak, found.peak.bytes)}) for each in found.lower or ())
    caption = "what would lower the peak, each by itself" if rows else ""
    if found.lower is None:
        caption = f"what would lower the peak is searched in networks of at most {MOST_VARIED:,} layers"
    return Table("lower", columns, rows, caption=caption)


def _totals(totals: Mapping[str, int]) -> Table:
    rows = tuple(Row({"what": METRICS[name].title, "bytes": value}) for name, value in totals.items())
    return Table("", (Column("what", "in all"), Column("bytes", "bytes", "count")), rows)


def _order_lines(order: Reordered) -> Iterator[str]:
    how = "no order has less"
    how = how if order.is_proven else f"the search was not finished: {how} than {order.bound:,}"
    gain = f"{order.before:,} → {order.peak:,} bytes" if order.peak < order.before else f"stays {order.peak:,} bytes"
    yield f"--reorder: the peak {gain}; {how}"


def _order_data(order: Reordered) -> dict[str, Any]:
    known = {"before": order.before, "peak": order.peak, "proven": order.is_proven, "lower_bound": order.bound}
    return {**known, "order": [node.path for node in order.case.plan.nodes]}


def _patch_lines(patch: Patched) -> Iterator[str]:
    grid = "×".join(map(str, patch.grid))
    yield (
        f"--patch: {plural(patch.layers, 'layer')} up to {patch.path} in {grid} patches: "
        f"the peak {patch.before:,} → {patch.peak:,} bytes ({patch.first:,} in patches, {patch.rest:,} after them)"
    )
    region = shape_text([last - first for first, last in patch.largest])
    more = f" (+{patch.again / patch.macs:.1%} of {patch.macs:,})" if patch.macs else ""
    yield f"--patch: halos recompute {patch.again:,} MACs{more}; the largest patch reads {region} of the input"


def _patch_data(patch: Patched) -> dict[str, Any]:
    return {
        "layer": patch.path,
        "grid": [*patch.grid],
        "layers": patch.layers,
        "before": patch.before,
        "peak": patch.peak,
        "peak_in_patches": patch.first,
        "peak_after": patch.rest,
        "macs": patch.macs,
        "macs_recomputed": patch.again,
        "largest_input": [last - first for first, last in patch.largest],
    }


def tflm_lines(result: Count) -> Iterator[str]:
    """Yield what TensorFlow Lite Micro prints of its arena, as far as it follows from the network."""
    said, schedule = "[RecordingMicroAllocator]", schedule_of(result.trace)
    yield f"{said} Arena allocation head {head(result.arena)} bytes"
    yield f"{said} Arena allocation tail: depends on the kernels and on the size of pointers"
    if schedule:
        yield f"{said} 'TfLiteEvalTensor data': {schedule.tensors} allocations"
        yield f"{said} 'TfLiteTensor variable buffer data' used {schedule.variables} bytes with alignment overhead"
        yield f"{said} 'NodeAndRegistration struct': {schedule.operators} NodeAndRegistration structs"
    for number, slot in enumerate(result.arena):
        lives = f"first_used={slot.first} last_used={slot.last}"
        yield f"{_ordinal(number)} (id={number}): size={slot.size}, offset={slot.offset}, {lives}"


def _ordinal(number: int) -> str:
    """Return the character that stands for a buffer."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[number] if number < len(digits) else "*"
