"""From the words of a command line to a counted network."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.analyses.counted import Counted, counted
from flopcount.errors import FileError, SpecError, UsageError, plain
from flopcount.network.convention import Convention, convention
from flopcount.network.plan import Given, input_shapes, overridden, plan
from flopcount.network.scale import scaled, width_ratio
from flopcount.network.trace import Trace
from flopcount.readers.load import is_foreign
from flopcount.readers.load import load as load_foreign
from flopcount.spec.load import Setting, Spec, explained, load, load_bytes, setting, validated
from flopcount.spec.source import Notation, Source
from flopcount.spec.text import MOST_BYTES

UNSCALED = "the file has no [scaling]: channels times the width are rounded down, and at least 1"


class Options(NamedTuple):
    """What the shared options say."""

    size: str | None = None
    batch: int | None = None
    settings: tuple[str, ...] = ()
    params: str | None = None
    counts: str = "macs"
    notation: Notation | None = None
    variant: str | None = None
    width: str | None = None
    allow_unknown: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """What is asked for beyond the file and its input."""
        asked = {"width": self.width, "variant": self.variant, "set": [*self.settings]}
        return {name: value for name, value in asked.items() if value}

    @property
    def convention(self) -> Convention:
        """What is counted."""
        return convention(self.params, self.counts)

    @property
    def parsed_settings(self) -> list[Setting]:
        """The --set options, parsed."""
        return [setting(text) for text in self.settings]


def count_arch(reference: str, options: Options) -> tuple[Spec, Counted]:
    """Load a network and count it; problems point into its file."""
    spec = loaded(reference, options, options.parsed_settings)
    return spec, count_loaded(spec, options)


def count_loaded(spec: Spec, options: Options) -> Counted:
    """Count a network that is loaded; problems point into its file."""
    _check_single(options)
    try:
        return count_spec(spec, options)
    except SpecError as error:
        raise explained(error, spec) from None


def given_to(spec: Spec, result: Counted, options: Options) -> Given:
    """Return what a network was counted with that is not in its file: what the width makes of its channels."""
    if options.width is None:
        return {}
    return scaled(result.trace.plan, spec.arch.scaling, width_ratio(options.width))


def _check_single(options: Options) -> None:
    """Refuse lists and ranges, which are for other commands."""
    for name, text in (("--width", options.width), ("--input", options.size)):
        if text and {",", ":"} & {*text} and "=" not in text:
            what = "several values are several networks; give one here"
            ways = "compare some by flopcount whatif, or a whole grid by flopcount sweep"
            raise UsageError(f"{name} {plain(text[:60])}: {what}, or {ways}")


def count_spec(spec: Spec, options: Options) -> Counted:
    """Count a network that is loaded; a SpecError names what cannot be."""
    network = overridden(plan(spec.arch), spec.changes)
    asked = (None, None) if spec.sized else (options.size, options.batch)
    x = input_shapes(network.inputs, *asked)
    scaling = spec.arch.scaling
    given = {} if options.width is None else scaled(network, scaling, width_ratio(options.width))
    result = counted(network, x, options.convention, given)
    if network.written and not options.settings:
        check_written(result.trace)
    result = result._replace(notes=(*left_out(spec), *spec.notes, *result.notes), unknown=spec.unknown)
    return result._replace(notes=(*result.notes, UNSCALED)) if given and scaling is None else result


def left_out(spec: Spec) -> tuple[str, ...]:
    """Say which operators are not in the totals, where there are such."""
    listed = ", ".join(f"{name} ({times}×)" for name, times in sorted(spec.unknown.items()))
    return (f"left out, since they are not known: {listed}; the totals are at least so much",) if listed else ()


def check_written(traced: Trace) -> None:
    """Refuse what the file says of how layers are written, where there are none such."""
    from flopcount.network.implementation import written_problems

    problems = [*written_problems(traced.plan.written, traced.plan.nodes, traced.steps)]
    if problems:
        raise SpecError(problems)


def loaded(reference: str, options: Options, settings: Iterable[Setting]) -> Spec:
    """Load what a reference stands for: standard input, a file of another tool, an arch file or a bundled network."""
    if reference == "-":
        if sys.stdin is None:
            raise FileError("<stdin>", "standard input is closed")
        return load_bytes(sys.stdin.buffer.read(MOST_BYTES + 1), options.notation, settings, options.variant)
    if is_foreign(Path(reference)):
        from flopcount.readers.base import ReadOptions

        asked = ReadOptions(options.size, options.batch, options.allow_unknown)
        return load_foreign(Path(reference), "", asked, settings, options.variant)
    return load(reference, settings, options.variant)


def spec_of(title: str, data: Mapping[str, Any], settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Validate the data of a network that has no arch file, so that there are no lines to point at."""
    return validated(Source(title, "", "toml", data), settings, variant)
