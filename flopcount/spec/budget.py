"""Rules about what a network may cost: the same model in arch files and in the project's configuration."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from flopcount.errors import Place, plain, suggestion
from flopcount.spec import units as quantities
from flopcount.spec.fields import Flag, Help, Line, Name, Positive, shown
from flopcount.spec.kinds import KINDS
from flopcount.spec.units import NotAQuantityError, Quantity

# What a number of a network may be: the limits that rules consist of.


FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)

Reader = Callable[[object, str], Quantity]


def sentence(text: str, *place: str | int) -> PydanticCustomError:
    """Return an error that is a whole sentence, about a place inside the table it is raised for."""
    inside: Place = place
    return PydanticCustomError("sentence", "{text}", {"text": text, "place": inside})


def _limit(key: str, reader: Reader) -> BeforeValidator:
    """Return a validator that takes `"600M"` for a maximum, and has all quantities read by the key they are under.

    They are read one by one, each as the field it is in, so that an error is about that field.
    """

    def validate(raw: object) -> object:
        table = raw if isinstance(raw, Mapping) else {"max": raw}
        return {
            name: value if name == "bits" else partial(_read, key, name, value, reader) for name, value in table.items()
        }

    return BeforeValidator(validate)


def _read(key: str, field: str, raw: object, reader: Reader) -> Quantity:
    """Read a quantity, a percentage where it means something; what is wrong is said in the words of the file."""
    try:
        return (None if field in {"max", "min"} else quantities.share(raw)) or reader(raw, key)
    except NotAQuantityError as error:
        where = key if field == "max" else f"{key} ({field})"
        raise sentence(f"{where} = {shown(raw)} is not possible: {error}") from None


def _one(entry: "partial[Quantity]") -> Quantity:
    return entry()


def _limits_several(entry: "partial[Quantity]") -> tuple[Quantity, ...]:
    """Read a quantity, or a list of some."""
    key, field, raw, reader = entry.args
    each = raw if isinstance(raw, list) and raw else [raw]
    return tuple(_read(key, field, value, reader) for value in each)


_QUANTITY = {"type": ["string", "number"]}
_Amount = Annotated[Quantity | None, PlainValidator(_one), WithJsonSchema(_QUANTITY)]
_Amounts = Annotated[
    tuple[Quantity, ...],
    PlainValidator(_limits_several),
    WithJsonSchema({"anyOf": [_QUANTITY, {"type": "array", "items": _QUANTITY, "minItems": 1}]}),
]


class Limit(BaseModel):
    """What one number may be: absolutely, and against the base; equal is allowed."""

    model_config = FROZEN

    max: Annotated[_Amount, Help("a quantity such as 600M"), Field(description="the most")] = None
    min: Annotated[_Amount, Help("a quantity such as 600M"), Field(description="the least")] = None
    warn: Annotated[
        _Amount, Help("a quantity, or a share of max such as 90%"), Field(description="above this, a warning")
    ] = None
    max_increase: Annotated[
        _Amounts,
        Help("a percentage, a quantity, or a list of both"),
        Field(description="the most it may grow against the base: each of the amounts holds"),
    ] = ()
    max_decrease: Annotated[
        _Amounts,
        Help("a percentage, a quantity, or a list of both"),
        Field(description="the most it may shrink against the base: each of the amounts holds"),
    ] = ()
    min_change: Annotated[
        _Amounts,
        Help("a percentage, a quantity, or a list of both"),
        Field(description="a change up to this is let pass, whatever max_increase and max_decrease say"),
    ] = ()

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        """Refuse limits that say nothing, or that nothing can meet."""
        if not self.model_fields_set - {"min_change", "bits"}:
            raise sentence("this limits nothing; give max, min, warn, max_increase or max_decrease")
        if self.warn is not None and self.warn.is_share and self.max is None:
            raise sentence(f"warn = {self.warn.text} is a share of max, and there is no max; give one", "warn")
        if self.max is not None and self.min is not None and self.min.value > self.max.value:
            raise sentence(f"min = {self.min.text} is above max = {self.max.text}; nothing meets both", "min")
        if self.max is not None and self.warn is not None and self.warn_value >= self.max.value:
            raise sentence(
                f"warn = {self.warn.text} is not below max = {self.max.text}, so it never warns; lower it", "warn"
            )
        if self.min_change and not (self.max_increase or self.max_decrease):
            raise sentence("min_change belongs to max_increase or max_decrease; give one of them", "min_change")
        return self

    @property
    def is_relative(self) -> bool:
        """Whether this is about changes, and so needs a base."""
        return bool(self.max_increase or self.max_decrease)

    @property
    def warn_value(self) -> Any:
        """The value above which there is a warning; None without one."""
        if self.warn is None:
            return None
        return self.warn.value * self.max.value if self.warn.is_share and self.max is not None else self.warn.value


class ByteLimit(Limit):
    """What the weights may take up in bytes, at a number of bits each."""

    bits: Annotated[
        int, Help("a whole number from 1 to 64"), Field(strict=True, ge=1, le=64, description="bits per parameter")
    ] = 32


class Limits(BaseModel):
    """What may be limited of a network or a part of it."""

    model_config = FROZEN

    params: Annotated[
        Limit | None,
        _limit("params", quantities.count),
        Help('a limit such as "4.3M"'),
        Field(description="parameters"),
    ] = None
    macs: Annotated[
        Limit | None,
        _limit("macs", quantities.count),
        Help('a limit such as "600M"'),
        Field(description="multiply-accumulates"),
    ] = None
    flops: Annotated[
        Limit | None,
        _limit("flops", quantities.count),
        Help('a limit such as "1.2G"'),
        Field(description="floating-point operations, two to a MAC"),
    ] = None
    weight_bytes: Annotated[
        ByteLimit | None,
        _limit("weight_bytes", quantities.size),
        Help('a limit such as "2 MB", or {max = "2 MB", bits = 8}'),
        Field(description="bytes of the parameters, at 32 bits each where bits says nothing else"),
    ] = None

    @property
    def given(self) -> Mapping[str, Limit]:
        """The limits there are, by metric."""
        found = {name: getattr(self, name) for name in LIMITED}
        return {name: limit for name, limit in found.items() if limit is not None}


LIMITED = tuple(Limits.model_fields)
"""The metrics that can be limited."""


def _budget_several(raw: object) -> object:
    """Take one value for a list of it, and numbers for their texts."""
    values = raw if isinstance(raw, list | tuple) else [raw]
    return tuple(
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value for value in values
    )


_Words = Annotated[
    tuple[Annotated[Line, Field(max_length=100)], ...], BeforeValidator(_budget_several), Field(min_length=1)
]


_Batches = Annotated[
    tuple[Positive, ...],
    BeforeValidator(lambda raw: tuple(raw) if isinstance(raw, list) else (raw,)),
    Field(min_length=1),
]


class When(BaseModel):
    """The inputs, widths, variants and batches at which a rule holds: all combinations of them."""

    model_config = FROZEN

    input: Annotated[
        _Words | None, Help('a size such as 160 or "160x128", or a list'), Field(description="--input")
    ] = None
    width: Annotated[_Words | None, Help("a multiplier such as 0.5, or a list"), Field(description="--width")] = None
    variant: Annotated[
        _Words | None, Help("the name of a variant, or a list"), Field(description="which of a file's variants")
    ] = None
    batch: Annotated[_Batches | None, Help("a whole number from 1 to 10⁹, or a list"), Field(description="--batch")] = (
        None
    )


def _kind(name: str) -> str:
    if name not in KINDS:
        raise sentence(f"unknown kind {name[:50]!r}; {suggestion(name[:50], [*KINDS])}")
    return name


def _blocks(raw: object) -> object:
    """Refuse paths that are written as nested tables, `blocks.a.b.macs`: the names of a path are one key."""
    for path, limits in raw.items() if isinstance(raw, Mapping) else ():
        for name, inner in limits.items() if isinstance(limits, Mapping) else ():
            if isinstance(inner, Mapping) and name not in LIMITED:
                written = f'blocks."{path}.{name}"'
                raise sentence(f"a path is one key, in quotes; write {plain(written[:100])}", path, name)
    return raw


class Budget(Limits):
    """A rule: limits on a network, on its blocks, on kinds of layers, on each layer."""

    id: Annotated[Name | None, Field(description="what the rule is called in findings and exemptions")] = None
    level: Annotated[
        Literal["error", "warn"], Help('"error" or "warn"'), Field(description="whether breaking it fails the check")
    ] = "error"
    message: Annotated[Line, Field(description="what to say beside a finding")] = ""
    when: Annotated[When, Help("a table of input, width, variant, batch"), Field(description="where it holds")] = When()
    convention: Annotated[
        Literal["trainable", "weights", "total", "folded", "slim"],
        Help('"trainable", "weights", "total", "folded" or "slim"'),
        Field(description="which parameters count"),
    ] = "trainable"
    blocks: Annotated[
        dict[str, Limits],
        BeforeValidator(_blocks),
        Help("a table of limits by path"),
        Field(description="limits for all layers under a path, which may have * and ?"),
    ] = {}
    kinds: Annotated[
        dict[Annotated[str, PlainValidator(_kind)], Limits],
        Help("a table of limits by kind"),
        Field(description="limits for all layers of a kind together"),
    ] = {}
    layer: Annotated[Limits | None, Help("a table of limits"), Field(description="limits for every single layer")] = (
        None
    )

    @model_validator(mode="after")
    def _limit_something(self) -> Self:
        inner = (*self.blocks.values(), *self.kinds.values(), *((self.layer,) if self.layer else ()))
        if not self.given and not any(each.given for each in inner):
            raise sentence(f"this budget limits nothing; give {', '.join(LIMITED)}, blocks, kinds or layer")
        return self


def budgets(raw: object) -> tuple[Budget, ...]:
    """Validate the limits of an arch file: one table, or a list of them."""
    if isinstance(raw, list):
        return TypeAdapter(tuple[Budget, ...]).validate_python(raw)
    return (Budget.model_validate(raw),)


_Patterns = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=500)], ...],
    BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw),
    Help('a pattern such as "archs/**/*.toml", or a list'),
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
    expires: Annotated[date, Help("a date such as 2027-01-31"), Field(description="the last day on which it holds")]


Size = Annotated[Line, BeforeValidator(lambda raw: str(raw) if type(raw) is int else raw), Field(max_length=100)]
"""An input size as --input takes it."""


class Configuration(BaseModel):
    """What flopcount.toml, or tool.flopcount in pyproject.toml, may say."""

    model_config = FROZEN

    files: Annotated[
        _Patterns,
        Field(description="the arch files of the project, where a command names none"),
    ] = ()
    base: Annotated[
        str | None,
        Help("a git ref such as origin/main"),
        Field(min_length=1, max_length=200, description="what changes are measured against, where --base says nothing"),
    ] = None
    input: Annotated[
        Size | None,
        Help('a size such as 224 or "3x224x224"'),
        Field(description="the input of all files, like --input"),
    ] = None
    inputs: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=500)], Size],
        Help("a table of sizes by file pattern"),
        Field(description="the inputs of some files, by pattern; the last match wins"),
    ] = {}
    variants: Annotated[Flag, Field(description="whether each variant of a file is locked too")] = False
    lock: Annotated[
        str, Help("the name of a file"), Field(min_length=1, max_length=200, description="where the lock file is")
    ] = "flopcount.lock"
    budget: Annotated[
        tuple[ProjectBudget, ...], Help("a list of budgets, [[budget]]"), Field(description="the rules")
    ] = ()
    exempt: Annotated[
        tuple[Exemption, ...], Help("a list of exemptions, [[exempt]]"), Field(description="what is let pass")
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


# What a lock file may say: a row for each network at each input.


_STRICT = ConfigDict(frozen=True, extra="forbid", defer_build=True)

_Exact = Annotated[int, Field(strict=True, ge=0), Help("a whole number of 0 or more")]


class LockRow(BaseModel):
    """What a network costs, as agreed; `allowed` says why where that was raised."""

    model_config = _STRICT

    id: Annotated[str, Field(min_length=1, max_length=5000), Help("a file, and the options it is counted with")]
    input: Annotated[str, Field(max_length=1000), Help("sizes such as 3x224x224")]
    params: _Exact
    macs: _Exact
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$"), Help('"sha256:" and 64 hexadecimal digits')]
    notes: Annotated[tuple[Annotated[str, Field(max_length=5000)], ...], Help("a list of sentences")] = ()
    allowed: Annotated[
        tuple[Annotated[Line, Field(min_length=1)], ...],
        BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw),
        Help("a list of reasons"),
    ] = ()


class LockFile(BaseModel):
    """The whole of a lock file."""

    model_config = _STRICT

    version: Annotated[int, Field(strict=True, ge=1), Help("a whole number")]
    networks: Annotated[tuple[LockRow, ...], Help("a list of rows")] = ()
