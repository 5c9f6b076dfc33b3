"""From the words of a command line to a counted network."""

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from flopcount.analyses.counted import Counted, counted
from flopcount.counting.conventions import convention
from flopcount.counting.frames import Given
from flopcount.counting.inputs import input_shapes
from flopcount.counting.plan import overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.errors import FileError, SpecError, UsageError, plain
from flopcount.files.settings import Setting, setting
from flopcount.files.source import Notation
from flopcount.files.specs import Spec, explained, load, load_bytes
from flopcount.files.texts import MOST_BYTES

UNSCALED = "the file has no [scaling]: channels times the width are rounded down, and at least 1"


class Options(NamedTuple):
    """What the shared options say."""

    size: str | None = None
    batch: int | None = None
    settings: tuple[str, ...] = ()
    params: str = "trainable"
    notation: Notation | None = None
    variant: str | None = None
    width: str | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What is asked for beyond the file and its input."""
        asked = {"width": self.width, "variant": self.variant, "set": [*self.settings]}
        return {name: value for name, value in asked.items() if value}

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
        if text and {",", ":"} & {*text}:
            what = "several values are several networks; give one here"
            ways = "compare some by flopcount whatif, or a whole grid by flopcount sweep"
            raise UsageError(f"{name} {plain(text[:60])}: {what}, or {ways}")


def count_spec(spec: Spec, options: Options) -> Counted:
    """Count a network that is loaded; a SpecError names what cannot be."""
    network = overridden(plan(spec.arch), spec.changes)
    x = input_shapes(network.inputs, options.size, options.batch)
    scaling = spec.arch.scaling
    given = {} if options.width is None else scaled(network, scaling, width_ratio(options.width))
    result = counted(network, x, convention(options.params), given)
    return result._replace(notes=(*result.notes, UNSCALED)) if given and scaling is None else result


def loaded(reference: str, options: Options, settings: Iterable[Setting]) -> Spec:
    """Load a network as the options name it: a path, a bundled name, - for standard input."""
    if reference == "-":
        if sys.stdin is None:
            raise FileError("<stdin>: standard input is closed")
        return load_bytes(sys.stdin.buffer.read(MOST_BYTES + 1), options.notation, settings, options.variant)
    return load(reference, settings, options.variant)
