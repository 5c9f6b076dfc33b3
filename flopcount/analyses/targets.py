"""What is asked for by --to and --set: kinds with values for their fields, in all combinations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from pydantic import ValidationError

from flopcount.analyses.substitute import STAND_INS, Target
from flopcount.analyses.where import ALWAYS
from flopcount.counting.trace import own
from flopcount.errors import UsageError, suggestion
from flopcount.files.settings import Setting
from flopcount.schema.layers import FAMILIES, kind_named

MOST = 100
"""More alternatives at once are refused."""


def targets(kinds: Sequence[str], settings: Iterable[Setting]) -> list[Target]:
    """Return all combinations of kinds and of the values for their fields; a UsageError says what cannot be."""
    kinds = [*dict.fromkeys(kinds)]
    for kind in kinds:
        _check_kind(kind)
    given = {each.address: each for each in settings}
    for name, each in given.items():
        _check_field(name, each, kinds)
    found = [target for kind in kinds for target in _combined(kind, given)]
    if len(found) > MOST:
        raise UsageError(f"these are {len(found)} networks; {MOST} are the most to compare at once")
    return found


def columns() -> frozenset[str]:
    """Return the names a condition may use: the fields of every kind that can be replaced, and what all have."""
    return frozenset((*ALWAYS, *(name for kind in STAND_INS for name in own(kind_named(kind)))))


def _check_kind(kind: str) -> None:
    if kind in STAND_INS:
        return
    if kind in FAMILIES:
        raise UsageError(f"--to {kind}: it does not stand for a convolution; these do: {', '.join(sorted(STAND_INS))}")
    raise UsageError(f"--to {kind[:50]}: unknown kind; {suggestion(kind, sorted(STAND_INS))}")


def _check_field(name: str, each: Setting, kinds: Sequence[str]) -> None:
    known = [field for kind in kinds for field in own(kind_named(kind))]
    if name not in known:
        what = f"{' and '.join(kinds)} {'has' if len(kinds) == 1 else 'have'} no field {name[:50]!r}"
        raise UsageError(f"--set {each.text}: {what}; {suggestion(name, known)}")


def _combined(kind: str, given: Mapping[str, Setting]) -> Iterator[Target]:
    names = [name for name in given if name in own(kind_named(kind))]
    _check_complete(kind, names)
    for values in product(*(given[name].values for name in names)):
        yield Target(kind, _validated(kind, dict(zip(names, values, strict=True))))


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


def labelled(target: Target) -> str:
    """Return what a target is called: its kind and the fields that were given."""
    from flopcount.schema.wording import shown

    return " ".join((target.kind, *(f"{name}={shown(value)}" for name, value in target.fields.items())))
