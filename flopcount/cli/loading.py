"""From the words of a command line to a counted network."""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from flopcount.analyses.counted import Counted, counted
from flopcount.counting.conventions import convention
from flopcount.counting.inputs import input_shapes
from flopcount.counting.plan import overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.errors import FileError, SpecError
from flopcount.files.settings import Setting, by_layer, setting
from flopcount.files.source import Notation
from flopcount.files.specs import Spec, explained, load, load_bytes
from flopcount.files.texts import MOST_BYTES


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
    def parsed_settings(self) -> list[Setting]:
        """The --set options, parsed."""
        return [setting(text) for text in self.settings]


def count_arch(reference: str, options: Options) -> tuple[Spec, Counted]:
    """Load a network and count it; problems point into its file."""
    settings = options.parsed_settings
    spec = _loaded(reference, options, settings)
    try:
        network = overridden(plan(spec.arch), by_layer(settings))
        x = input_shapes(network.inputs, options.size, options.batch)
        given = scaled(network, spec.arch.scaling, width_ratio(options.width)) if options.width else {}
        return spec, counted(network, x, convention(options.params), given)
    except SpecError as error:
        raise explained(error, spec) from None


def _loaded(reference: str, options: Options, settings: Iterable[Setting]) -> Spec:
    if reference == "-":
        if sys.stdin is None:
            raise FileError("<stdin>: standard input is closed")
        return load_bytes(sys.stdin.buffer.read(MOST_BYTES + 1), options.notation, settings, options.variant)
    return load(reference, settings, options.variant)
