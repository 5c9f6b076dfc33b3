"""What is asked for: kinds with values for their fields, widths and sizes, in all combinations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.analyses.substitute import STAND_INS, Target
from flopcount.analyses.sweeps.axes import setting_axis, spelled
from flopcount.analyses.whatif.where import ALWAYS
from flopcount.counting.trace import own
from flopcount.errors import UsageError, suggestion
from flopcount.files.settings import Setting
from flopcount.schema.layers import FAMILIES, kind_named

MOST = 100
"""More alternatives at once are refused."""


class Point(NamedTuple):
    """A width multiplier and an input size as they are written; None where it does not vary."""

    width: str | None = None
    size: str | None = None

    @property
    def label(self) -> str:
        """What the network there is called; empty where nothing varies."""
        named = (("width", self.width), ("input", self.size))
        return " and ".join(f"{name} {value}" for name, value in named if value is not None)


def points(width: str | None, size: str | None) -> list[Point]:
    """Return all combinations of what is listed for --width and --input; none where nothing is."""
    widths, sizes = _listed("--width", width), _listed("--input", size)
    check_number(len(widths) * len(sizes))
    found = [Point(*each) for each in product(widths, sizes)]
    return [each for each in found if each != Point()]


def _listed(option: str, text: str | None) -> tuple[str | None, ...]:
    return (None,) if text is None else spelled(option, text)


def check_number(number: int) -> None:
    """Refuse more networks than can be compared."""
    if number > MOST:
        raise UsageError(f"these are {number} networks; {MOST} are the most to compare at once")


def targets(kinds: Sequence[str], settings: Iterable[Setting]) -> list[Target]:
    """Return all combinations of kinds and of the values for their fields; a UsageError says what cannot be."""
    kinds = [*dict.fromkeys(kinds)]
    for kind in kinds:
        _check_kind(kind)
    given: dict[str, Setting] = {}
    for each in settings:
        _check_field(each, kinds, given)
        given[each.address] = each._replace(values=setting_axis(each).values)
    check_number(sum(prod(len(given[name].values) for name in _own(kind, given)) for kind in kinds))
    return [target for kind in kinds for target in _combined(kind, given)]


def columns() -> frozenset[str]:
    """Return the names a condition may use: the fields of every kind that can be replaced, and what all have."""
    return frozenset((*ALWAYS, *(name for kind in STAND_INS for name in own(kind_named(kind)))))


def _check_kind(kind: str) -> None:
    if kind in STAND_INS:
        return
    if kind in FAMILIES:
        raise UsageError(f"--to {kind}: it does not stand for a convolution; these do: {', '.join(sorted(STAND_INS))}")
    raise UsageError(f"--to {kind[:50]}: unknown kind; {suggestion(kind, sorted(STAND_INS))}")


def _check_field(each: Setting, kinds: Sequence[str], given: Mapping[str, Setting]) -> None:
    name = each.address
    if name in given:
        raise UsageError(f"--set {each.text}: {name} is set before; give all values together, as in {name}=2,4")
    known = [field for kind in kinds for field in own(kind_named(kind))]
    if name not in known:
        what = f"{' and '.join(kinds)} {'has' if len(kinds) == 1 else 'have'} no field {name[:50]!r}"
        raise UsageError(f"--set {each.text}: {what}; {suggestion(name, known)}")


def _combined(kind: str, given: Mapping[str, Setting]) -> Iterator[Target]:
    names = _own(kind, given)
    _check_complete(kind, names)
    for values in product(*(given[name].values for name in names)):
        yield Target(kind, _validated(kind, dict(zip(names, values, strict=True))))


def _own(kind: str, given: Iterable[str]) -> list[str]:
    """Return which of the names are fields of a kind."""
    known = own(kind_named(kind))
    return [name for name in given if name in known]


def _check_complete(kind: str, names: Sequence[str]) -> None:
    model = kind_named(kind)
    for name, info in model.model_fields.items():
        if info.is_required() and name not in {*names, "kernel_size", "out_channels"}:
            from flopcount.schema.wording import expected

            raise UsageError(f"--to {kind} needs {name}; give it by --set {name}=… ({expected(model, name)})")


def _validated(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as the kind has them, once its schema takes them."""
    model = kind_named(kind)
    stand = {name: 1 for name in ("kernel_size", "out_channels") if name in own(model)}
    try:
        layer = model.model_validate({**stand, **values})
    except ValidationError as error:
        from flopcount.schema.problems import layer_problems

        found = layer_problems(error, model, values)
        raise UsageError("\n".join(f"--set {what}" for what in found.values())) from None
    return {name: getattr(layer, name) for name in values}
