"""From the options of a command line to a case."""

import sys
from collections.abc import Iterable, Mapping
from os.path import isdir, isfile
from pathlib import Path
from re import findall, fullmatch
from typing import Any, NamedTuple

from flopcount.case import Case, Count, load, load_bytes
from flopcount.errors import FileError, UsageError, plain
from flopcount.network.convention import Convention, convention
from flopcount.network.network import Network
from flopcount.report.cost import metrics_in
from flopcount.spec.load import bundled_network, setting
from flopcount.spec.source import Notation
from flopcount.spec.text import MOST_BYTES
from flopcount.spec.training import Training

NEEDED = "traffic,intensity,peak"
"""The metrics that a device is judged by."""


class Options(NamedTuple):
    """The values of the options that several commands share."""

    size: str | None = None
    batch: int | None = None
    settings: tuple[str, ...] = ()
    params: str | None = None
    counts: str = "macs"
    notation: Notation | None = None
    variant: str | None = None
    width: str | None = None
    allow_unknown: bool = False
    values: tuple[str, ...] = ()
    metrics: str | None = None
    precision: str | None = None
    on: str | None = None
    training: bool = False
    freeze: tuple[str, ...] = ()
    loss_from: tuple[str, ...] = ()
    lora: str | None = None
    checkpoint: tuple[str, ...] = ()
    optimizer: str | None = None

    @property
    def trained(self) -> Training | None:
        """How the network is trained, if it is."""
        if self.training and self.on:
            raise UsageError("--on: times are those of a forward pass; omit it, or --training")
        if self.training and self.params == "folded":
            raise UsageError("--params folded is for a network that is deployed, not for one in training")
        return trained({name: getattr(self, name) for name in Training._fields}, is_asked=self.training)

    @property
    def changes(self) -> dict[str, Any]:
        """The options beside the file and its input."""
        asked = {
            "width": self.width,
            "variant": self.variant,
            "precision": self.precision,
            "training": (self.trained.details or True) if self.trained else "",
            "on": self.on,
            "set": [*self.settings],
        }
        return {name: value for name, value in asked.items() if value}

    @property
    def convention(self) -> Convention:
        """The convention."""
        return convention(self.params, self.counts)

    def case(self, network: Network, *columns: str | None) -> Case:
        """Return the case that the options describe, with the metrics that options for columns name."""
        for name, text in (("--width", self.width), ("--input", self.size)):
            if text and {",", ":"} & {*text} and "=" not in text:  # lists and ranges are for other commands
                hint = "use flopcount whatif to compare several, flopcount sweep for a grid"
                sizes = findall(r"\d+", text) if name == "--input" and ":" not in text else []
                hint = f"sizes are joined by x, as in {name} {'x'.join(sizes)[:60]}; {hint}" if sizes else hint
                raise UsageError(f"{name} {plain(text[:60])}: expected one value; {hint}")
        return Case(
            network,
            input=self.size,
            batch=self.batch,
            width=self.width,
            variant=self.variant,
            settings=[setting(text) for text in self.settings],
            convention=self.convention,
            precision=self.precision,
            training=self.trained,
            metrics=metrics_in(
                self.metrics,
                *columns,
                NEEDED if self.on and not self.on.startswith("array") else None,
                ",".join(self.trained.metrics) if self.trained else None,
            ),
        )


def trained(values: Mapping[str, Any], *, is_asked: bool) -> Training | None:
    """Return how a network is trained; refuse the options about it without --training."""
    training = Training(**values)
    first = next(training.options, None)
    if first and not is_asked:
        raise UsageError(f"{first[0]}: it is about training; add --training")
    return training if is_asked else None


def network_of(reference: str, options: Options) -> Network:
    """Return the network of a reference: standard input, a file or a bundled network."""
    for name, text in (("--width", options.width), ("--input", options.size)):
        if found := fullmatch(r"([\d.]*\d) *(?:-|–|\.\.\.?) *(\d[\d.]*)", text or ""):
            hint = f"{found[1]}:{found[2]}:{'0.25' if name == '--width' else '32'}"
            one = f"write e.g. {name} {'0.75' if name == '--width' else '160'}"
            raise UsageError(f"{name} {plain(str(text)[:60])}: {one}; in whatif, sweep and space a range is {hint}")
    if reference != "-":
        return load(reference, allow_unknown=options.allow_unknown, values=options.values)
    if sys.stdin is None:
        raise FileError("<stdin>", "standard input is closed")
    return load_bytes(sys.stdin.buffer.read(MOST_BYTES + 1), notation=options.notation, values=options.values)


def expanded(references: Iterable[str]) -> tuple[str, ...]:
    """Return references with the files of each folder and pattern in their place."""
    return tuple(each for reference in references for each in _files(reference))


def _files(reference: str) -> list[str]:
    from flopcount.spec.project import files_at

    is_file, is_folder = isfile(reference), isdir(reference)  # noqa: PTH112, PTH113  (answer to any word)
    is_pattern = not is_file and {"*", "?", "["} & {*reference}
    if not is_pattern and not (is_folder and not bundled_network(reference)):
        return [reference]
    found = [path.as_posix() for path in files_at(Path(), reference)]
    if not found:
        raise FileError(plain(reference[:300]), "no network here matches; check the path, or see flopcount archs")
    return found


def case_of(reference: str, options: Options, *columns: str | None) -> Case:
    """Return the case of a reference and its options, with the metrics that options for columns name."""
    return options.case(network_of(reference, options), *columns)


def count_of(reference: str, options: Options, *columns: str | None) -> Count:
    """Count a network; problems point into its file."""
    return case_of(reference, options, *columns).count
