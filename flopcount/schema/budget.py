"""Rules about what a network may cost: the same model in arch files and in the project's configuration."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, PlainValidator, TypeAdapter, model_validator

from flopcount.errors import plain, suggestion
from flopcount.schema.base import Expects, Line, Name
from flopcount.schema.layers import FAMILIES
from flopcount.schema.limits import FROZEN, METRICS, Limits, sentence


def _several(raw: object) -> object:
    """Take one value for a list of it, and numbers for their texts."""
    values = raw if isinstance(raw, list | tuple) else [raw]
    return tuple(
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value for value in values
    )


_Words = Annotated[tuple[Annotated[Line, Field(max_length=100)], ...], BeforeValidator(_several), Field(min_length=1)]


class When(BaseModel):
    """At which inputs, widths and variants a rule holds: all combinations of what is given."""

    model_config = FROZEN

    input: Annotated[
        _Words | None, Expects('a size such as 160 or "160x128", or a list'), Field(description="--input")
    ] = None
    width: Annotated[_Words | None, Expects("a multiplier such as 0.5, or a list"), Field(description="--width")] = None
    variant: Annotated[
        _Words | None, Expects("the name of a variant, or a list"), Field(description="which of a file's variants")
    ] = None


def _kind(name: str) -> str:
    if name not in FAMILIES:
        raise sentence(f"unknown kind {name[:50]!r}; {suggestion(name[:50], [*FAMILIES])}")
    return name


def _blocks(raw: object) -> object:
    """Refuse paths that are written as nested tables, `blocks.a.b.macs`: the names of a path are one key."""
    for path, limits in raw.items() if isinstance(raw, Mapping) else ():
        for name, inner in limits.items() if isinstance(limits, Mapping) else ():
            if isinstance(inner, Mapping) and name not in METRICS:
                written = f'blocks."{path}.{name}"'
                raise sentence(f"a path is one key, in quotes; write {plain(written[:100])}", path, name)
    return raw


class Budget(Limits):
    """A rule: limits on a network, on its blocks, on kinds of layers, on each layer."""

    id: Annotated[Name | None, Field(description="what the rule is called in findings and exemptions")] = None
    level: Annotated[
        Literal["error", "warn"], Expects('"error" or "warn"'), Field(description="whether breaking it fails the check")
    ] = "error"
    message: Annotated[Line, Field(description="what to say beside a finding")] = ""
    when: Annotated[When, Expects("a table of input, width, variant"), Field(description="where it holds")] = When()
    convention: Annotated[
        Literal["trainable", "weights", "total", "folded", "slim"],
        Expects('"trainable", "weights", "total", "folded" or "slim"'),
        Field(description="which parameters count"),
    ] = "trainable"
    blocks: Annotated[
        dict[str, Limits],
        BeforeValidator(_blocks),
        Expects("a table of limits by path"),
        Field(description="limits for all layers under a path, which may have * and ?"),
    ] = {}  # noqa: RUF012  (pydantic copies it)
    kinds: Annotated[
        dict[Annotated[str, PlainValidator(_kind)], Limits],
        Expects("a table of limits by kind"),
        Field(description="limits for all layers of a kind together"),
    ] = {}  # noqa: RUF012  (pydantic copies it)
    layer: Annotated[
        Limits | None, Expects("a table of limits"), Field(description="limits for every single layer")
    ] = None

    @model_validator(mode="after")
    def _limit_something(self) -> Self:
        inner = (*self.blocks.values(), *self.kinds.values(), *((self.layer,) if self.layer else ()))
        if not self.given and not any(each.given for each in inner):
            raise sentence(f"this budget limits nothing; give {', '.join(METRICS)}, blocks, kinds or layer")
        return self


def budgets(raw: object) -> tuple[Budget, ...]:
    """Validate the limits of an arch file: one table, or a list of them."""
    if isinstance(raw, list):
        return TypeAdapter(tuple[Budget, ...]).validate_python(raw)
    return (Budget.model_validate(raw),)


_Patterns = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=500)], ...],
    BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw),
    Expects('a pattern such as "archs/**/*.toml", or a list'),
]


class ProjectBudget(Budget):
    """A rule of the project's configuration: for all files that match."""

    files: Annotated[
        _Patterns,
        Field(min_length=1, description="which files, from the folder of this configuration"),
    ]


class Exemption(BaseModel):
    """Files that a rule lets pass, why, and until when."""

    model_config = FROZEN

    id: Annotated[Name, Field(description="the rule")]
    files: Annotated[
        _Patterns,
        Field(min_length=1, description="which files"),
    ]
    reason: Annotated[Line, Field(min_length=1, description="why")]
    expires: Annotated[date, Expects("a date such as 2027-01-31"), Field(description="the last day on which it holds")]


class Configuration(BaseModel):
    """What flopcount.toml, or tool.flopcount in pyproject.toml, may say."""

    model_config = FROZEN

    files: Annotated[
        _Patterns,
        Field(description="the arch files of the project, where a command names none"),
    ] = ()
    base: Annotated[
        str | None,
        Expects("a git ref such as origin/main"),
        Field(min_length=1, max_length=200, description="what changes are measured against, where --base says nothing"),
    ] = None
    lock: Annotated[
        str, Expects("the name of a file"), Field(min_length=1, max_length=200, description="where the lock file is")
    ] = "flopcount.lock"
    budget: Annotated[
        tuple[ProjectBudget, ...], Expects("a list of budgets, [[budget]]"), Field(description="the rules")
    ] = ()
    exempt: Annotated[
        tuple[Exemption, ...], Expects("a list of exemptions, [[exempt]]"), Field(description="what is let pass")
    ] = ()

    @model_validator(mode="after")
    def _name_rules(self) -> Self:
        """Refuse two rules of one name, and exemptions from none."""
        names: dict[str, int] = {}
        for index, rule in enumerate(self.budget):
            if rule.id and names.setdefault(rule.id, index) != index:
                raise sentence(f"two budgets are called {rule.id!r}; give each an id of its own", "budget", index, "id")
        for index, each in enumerate(self.exempt):
            if each.id not in names:
                way_out = suggestion(each.id, [*names])
                raise sentence(f"exempt: no budget has the id {each.id!r}; {way_out}", "exempt", index, "id")
        return self
