"""The page that compares flopcount with other counters on the same networks, from what each of them printed."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from shown import output, table

import flopcount
from flopcount.errors import FlopcountError
from flopcount.network.convention import Convention

RECORDED = Path(__file__).parents[2] / "tests/oracles/counters.json"
SHOWN = ("resnet50", "mobilenet_v2", "vgg16", "convnext_tiny", "swin_t", "vit_b_16")
"""The networks of the first table, each of another family."""

ALONE = ("deepspeed", "deepspeed-macs", "xla", "pnnx")
"""Counters of which no figure of a whole network is recorded."""

ALONE_TITLE = "Counters without figures of whole networks"

MOST_TERMS = 6
"""The largest terms of a difference, which are told."""


class Figure(NamedTuple):
    """What a counter printed for a bundled network, beside the exact number of MACs or of FLOPs."""

    network: str
    input: str
    exact: int
    printed: int

    @property
    def ratio(self) -> str:
        """What was printed, as a share of the exact number."""
        return f"{self.printed / self.exact:.4f}"


@cache
def recorded() -> Mapping[str, Any]:
    """Return what the counters printed."""
    found: Mapping[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


@cache
def _macs(network: str, size: str | None) -> int:
    """Return the exact number of MACs; 0 if the network is not bundled."""
    try:
        return int(flopcount.Case(flopcount.load(network), input=size).count.total.macs)
    except FlopcountError:
        return 0


@cache
def figures() -> Mapping[str, list[Figure]]:
    """Return the figures of each counter."""
    models = [each for part in ("models", "unseen") for each in recorded()[part] if "set" not in each]
    rows = [(each["name"], each["input"], name, total) for each in models for name, total in each["totals"].items()]
    rows += [(each["name"], None, each["convention"], each["total"]) for each in recorded()["others"]]
    found: dict[str, list[Figure]] = {}
    for network, size, name, total in rows:
        if macs := _macs(network, size):
            units = 2 if _convention(name).unit == "FLOP" else 1
            found.setdefault(name, []).append(Figure(network, size or "", macs * units, total))
    return found


def _convention(name: str) -> Convention:
    return flopcount.convention(macs=name)


def counters_page() -> Iterator[str]:
    """Yield the page."""
    known = figures()
    yield from ("# How other counters compare", "")
    yield from (_FIRST, "", *_overview(known), "", _THEN)
    for name in known:
        yield from ("", *_counter(name, known[name]))
    yield from ("", *_others(), "", *_not_reproduced(), "", *_sources())


_FIRST = """What other counters printed for networks that flopcount bundles, divided by the exact number: MACs of
convolutions, linear layers and matrix products, or 2 FLOPs for each if the counter prints FLOPs. 1.0000 is the same to
four decimals. A lower ratio means that something is not seen, a higher one that something else is counted too."""
_THEN = """A ratio in italics was not recorded: it is what the convention of the counter gives.

Each difference is explained below by its largest terms: what is counted, how often, and with which weight. `flopcount
reconcile NETWORK --to COUNTER` prints all terms, and `--convention COUNTER` reproduces the number exactly.
[Conventions](../conventions.md) explains how, and [the reference](conventions.md) has every weight. A reason such as
"written: function" is about the program that was counted: [how it calls](../conventions.md#how-a-program-calls-it) a
layer decides whether a counter sees it."""


def _overview(known: Mapping[str, list[Figure]]) -> Iterator[str]:
    """Yield a row for each counter, and a column for each family of networks."""
    rows: list[tuple[object, ...]] = [("exact", "MACs", "", *(f"{_macs(each, None):,}" for each in SHOWN))]
    for name in (*known, *ALONE):
        found = known.get(name, [])
        by_network = {each.network: each.ratio for each in reversed(found)}
        cells = (by_network.get(each) or _computed(name, each) for each in SHOWN)
        place = name if found else ALONE_TITLE.lower().replace(" ", "-")
        rows.append((f"[{name}](#{place})", _convention(name).headline, len(found) or "", *cells))
    return table(("counter", "its word", "figures", *SHOWN), rows)


def _computed(counter: str, network: str) -> str:
    """Return the ratio that the convention of a counter gives, in italics."""
    rule = _convention(counter)
    number = flopcount.Case(flopcount.load(network), convention=rule).count.total.macs
    return f"*{number / _macs(network, None) / (2 if rule.unit == 'FLOP' else 1):.4f}*"


def _counter(name: str, found: Iterable[Figure]) -> Iterator[str]:
    """Yield what a counter counts, why it differs, and all its figures."""
    rule, known = _convention(name), [*found]
    version = recorded()["sources"].get(name.removesuffix("-macs").removesuffix("-aten"), "")
    yield from (f"## {name}", "", f"Version {version}." if version else "", "")
    yield from (f"Counts {rule.counts}.", f"Leaves out {rule.leaves_out}." if rule.leaves_out else "", "")
    yield from (f"Its params are {rule.params_counts}.", "")
    yield from _why(name, known)
    cells = ((each.network, each.input, f"{each.exact:,}", f"{each.printed:,}", each.ratio) for each in known)
    unit = "FLOPs" if rule.unit == "FLOP" else "MACs"
    yield from (f"<details><summary>All {len(known)} networks</summary>", "")
    yield from (
        *table(("network", "input", f"{unit}, exact", f"{rule.headline} printed", "ratio"), cells),
        "",
        "</details>",
    )


def _why(name: str, known: list[Figure]) -> Iterator[str]:
    """Yield the terms of the network whose figure differs most."""
    most = max(known, key=lambda each: abs(each.printed - each.exact) / each.exact)
    if most.printed == most.exact:
        yield from ("All recorded figures are the exact numbers.", "")
        return
    size = ("--input", most.input) if most.input else ()
    found = json.loads(_reconciled("reconcile", most.network, "--to", name, *size, "--format", "json"))
    terms = sorted(found["terms"], key=lambda each: -abs(each["amount"]))
    rows = (
        (each["what"], f"{each['times']:,}", each["was"], each["now"], f"{each['amount']:+,}", each["why"])
        for each in terms[:MOST_TERMS]
    )
    where = f"{most.network} at {most.input}" if most.input else most.network
    yield from (f"The largest difference is that of {where}, of which {most.ratio} is printed:", "")
    titles = ("what", "count", "exact weight", f"weight in {name}", "difference", "reason")
    yield from (*table(titles, rows), "")
    if len(terms) > MOST_TERMS:
        yield from (f"{len(terms) - MOST_TERMS} smaller terms are left out.", "")


def _reconciled(*words: str) -> str:
    """Return the terms from the exact number, of which a counter of FLOPs has two for each MAC."""
    if _convention(words[words.index("--to") + 1]).unit != "FLOP":
        return output(*words)
    weights = "\n".join(f"{each} = {2 * weight}" for each, weight in _convention("macs").operations.weights.items())
    text = f'unit = "FLOP"\ncounts = "2 FLOPs for each MAC"\nleaves_out = "all else"\n[weights]\n{weights}\n'
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("exact.toml").write_text(text, encoding="utf-8")
        return output(*words, "--convention", "exact.toml")


def _others() -> Iterator[str]:
    """Yield the counters that were compared layer by layer instead."""
    alone = dict.fromkeys(ALONE, 0)
    for each in (*recorded()["operations"], *({"totals": {"xla": 0}} for _ in recorded()["xla"])):
        for name in each["totals"]:
            if name in alone:
                alone[name] += 1
    rows = (
        (name, _convention(name).headline, times, _convention(name).counts, _convention(name).leaves_out)
        for name, times in alone.items()
    )
    yield from (f"## {ALONE_TITLE}", "")
    yield "These were run on single layers with their options; the weights of one with 0 layers are those in its"
    yield "source. All recorded figures are reproduced, but for those in the next section."
    yield from ("", *table(("counter", "its word", "layers", "counts", "leaves out"), rows))


def _not_reproduced() -> Iterator[str]:
    """Yield the figures that no convention gives, with the reason."""
    found = [*recorded()["not_reproduced"], *recorded()["unseen_not_reproduced"]]
    rows, last = [], ""
    for each in found:
        last = last if each["reason"] == "likewise" else each["reason"]
        rows.append((each["convention"], each.get("case") or each.get("name"), last))
    yield from ("## Figures that are not reproduced", "")
    yield from (f"{len(rows)} recorded figures follow from an error in the counter that no weights express.", "")
    yield from table(("counter", "layer or network", "reason"), rows)


def _sources() -> Iterator[str]:
    sources = ", ".join(f"{name} {version}" for name, version in recorded()["sources"].items())
    yield f"Recorded with {sources}."
