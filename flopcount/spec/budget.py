"""Limits on the cost of networks, in arch files and in the project's configuration; the lock file."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from flopcount.errors import UsageError, plain, suggestion
from flopcount.spec import units as quantities
from flopcount.spec.fields import (
    FROZEN,
    Flag,
    Help,
    Line,
    Name,
    Policy,
    Positive,
    Tables,
    sentence,
    shown,
    with_metrics,
)
from flopcount.spec.kinds import KINDS
from flopcount.spec.training import Training, parsed
from flopcount.spec.units import DEFAULT_METRICS, IN_BYTES, LOCKED, METRICS, NotAQuantityError, Quantity

_QUANTITY = {"type": ["string", "number"]}
_Amount = Annotated[Quantity | None, WithJsonSchema(_QUANTITY)]
_Amounts = Annotated[
    tuple[Quantity, ...],
    WithJsonSchema({"anyOf": [_QUANTITY, {"type": "array", "items": _QUANTITY, "minItems": 1}]}),
    Help("a percentage, a quantity, or a list of both"),
]


class Limit(BaseModel, **FROZEN):
    """The limits of one metric: absolute, and relative to the base; equal is allowed."""

    key: ClassVar[str] = ""

    max: Annotated[_Amount, Help("a quantity such as 600M"), Field(description="maximum")] = None
    min: Annotated[_Amount, Help("a quantity such as 600M"), Field(description="minimum")] = None
    warn: Annotated[
        _Amount, Help("a quantity, or a share of max such as 90%"), Field(description="above this, a warning")
    ] = None
    max_increase: Annotated[_Amounts, Field(description="largest increase over the base; each amount holds")] = ()
    max_decrease: Annotated[_Amounts, Field(description="largest decrease below the base; each amount holds")] = ()
    min_change: Annotated[_Amounts, Field(description="changes up to this are ignored")] = ()

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: object) -> object:
        """Take `"600M"` for a maximum."""
        return raw if isinstance(raw, Mapping) else {"max": raw}

    @field_validator("max", "min", "warn", mode="plain")
    @classmethod
    def _quantity(cls, raw: object, info: ValidationInfo) -> Quantity:
        """Read a quantity, or a percentage if the field allows one."""
        field, read = info.field_name, quantities.size if cls.key in IN_BYTES else quantities.count
        try:
            return (None if field in {"max", "min"} else quantities.share(raw)) or read(raw, cls.key)
        except NotAQuantityError as error:
            where = cls.key if field == "max" else f"{cls.key} ({field})"
            raise sentence("invalid-quantity", f"invalid {where} {shown(raw)}: {error}") from None

    @field_validator("max_increase", "max_decrease", "min_change", mode="plain")
    @classmethod
    def _quantities(cls, raw: object, info: ValidationInfo) -> tuple[Quantity, ...]:
        """Read a quantity or a list of them."""
        return tuple(cls._quantity(each, info) for each in (raw if isinstance(raw, list) and raw else [raw]))

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        """Refuse limits that limit nothing, or that nothing can meet."""
        low, high, warn = self.min, self.max, self.warn
        if not self.model_fields_set - {"min_change", "bits"}:
            raise sentence("empty-limit", "no limit given; add max, min, warn, max_increase or max_decrease")
        if warn and warn.is_share and high is None:
            raise sentence("warn-without-max", f"warn = {warn.text} is a share of max, but max is missing", "warn")
        if high and low and low.value > high.value:
            raise sentence("min-above-max", f"min = {low.text} is above max = {high.text}", "min")
        if high and warn and self.warn_value >= high.value:
            what = f"warn = {warn.text} is not below max = {high.text}, so it never warns; lower it"
            raise sentence("warn-above-max", what, "warn")
        if self.min_change and not (self.max_increase or self.max_decrease):
            raise sentence("min-change-alone", "min_change requires max_increase or max_decrease", "min_change")
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
    """The limits of the bytes of the weights, at a number of bits each."""

    key = "weight_bytes"

    bits: Annotated[
        int | None, Help("an integer (1 to 64)"), Field(strict=True, ge=1, le=64, description="bits per parameter")
    ] = None  # those of the network


def _limit(name: str) -> Any:
    """Return the field of a metric: a limit that knows the key it is read for."""
    base: type[Limit] = ByteLimit if name == "weight_bytes" else Limit
    model = create_model(f"{name.title()}Limit", __base__=base, __module__=__name__)
    model.key, model.__doc__ = name, f"The limits of {METRICS[name]}."
    limit = Annotated[Any, Tables(lambda: model, is_described=True)]
    words = 'a limit such as "2 MB"' if name in IN_BYTES else 'a limit such as "600M"'
    return Annotated[limit | None, Help(words), Field(description=METRICS[name])], None


@with_metrics(METRICS, _limit)
class Limits(BaseModel, **FROZEN):
    """The limits of a network or a part of it."""

    @property
    def given(self) -> Mapping[str, Limit]:
        """The limits there are, by metric."""
        found = {name: getattr(self, name) for name in LIMITED}
        return {name: limit for name, limit in found.items() if limit is not None}


LIMITED = tuple(METRICS)
"""The metrics that can be limited."""


def _several(raw: object) -> object:
    """Take one value for a list of it."""
    return tuple(raw) if isinstance(raw, list | tuple) else (raw,)


def _precise(text: str) -> str:
    from flopcount.spec.precision import parsed_precision

    try:
        parsed_precision(text)
    except UsageError as error:
        raise sentence("unknown-precision", str(error)) from None
    return text


def _readable(text: str) -> str:
    """Refuse other options than those about training."""
    try:
        _ = parsed(text)
    except UsageError as error:
        raise sentence("training", str(error)) from None
    return text


_Word = Annotated[
    Line, BeforeValidator(lambda raw: str(raw) if type(raw) in {int, float} else raw), Field(max_length=100)
]
_Words = Annotated[tuple[_Word, ...], BeforeValidator(_several), Field(min_length=1)]
_Precisions = Annotated[
    tuple[Annotated[Line, Field(max_length=1000), AfterValidator(_precise)], ...],
    BeforeValidator(_several),
    Field(min_length=1),
]
_Trainings = Annotated[
    tuple[Flag | Annotated[Line, AfterValidator(_readable)], ...], BeforeValidator(_several), Field(min_length=1)
]
_Batches = Annotated[tuple[Positive, ...], BeforeValidator(_several), Field(min_length=1)]


class When(BaseModel, **FROZEN):
    """The inputs, widths, variants, batches, precisions and training at which a rule holds: all combinations."""

    input: Annotated[
        _Words | None, Help('a size such as 160 or "160x128", or a list'), Field(description="--input")
    ] = None
    width: Annotated[_Words | None, Help("a multiplier such as 0.5, or a list"), Field(description="--width")] = None
    variant: Annotated[
        _Words | None, Help("the name of a variant, or a list"), Field(description="which of a file's variants")
    ] = None
    batch: Annotated[_Batches | None, Help("an integer (1 to 10⁹) or a list"), Field(description="--batch")] = None
    precision: Annotated[
        _Precisions | None, Help('a precision such as "int8", or a list'), Field(description="--precision")
    ] = None
    training: Annotated[
        _Trainings | None,
        Help("true, the options beside --training such as \"--freeze '*'\", or a list"),
        Field(description="--training, and the options beside it"),
    ] = None

    @property
    def trained(self) -> tuple[Training | None, ...]:
        """How networks are trained; None stands for not at all."""
        return tuple(map(_training, self.training or (False,)))


def _training(said: str | bool) -> Training | None:  # noqa: FBT001  (as a file has it)
    return parsed(said) if isinstance(said, str) else Training() if said else None


def _kind(name: str) -> str:
    if name not in KINDS:
        from flopcount.spec.translation import name_hint

        raise sentence("unknown-kind", f"unknown kind {name[:50]!r}; {name_hint(name[:50], [*KINDS])}")
    return name


def _blocks(raw: object) -> object:
    """Refuse paths that are written as nested tables, `blocks.a.b.macs`: the names of a path are one key."""
    for path, limits in raw.items() if isinstance(raw, Mapping) else ():
        for name, inner in limits.items() if isinstance(limits, Mapping) else ():
            if isinstance(inner, Mapping) and name not in LIMITED:
                written = f'blocks."{path}.{name}"'
                raise sentence("nested-path", f"a path is one key, in quotes; write {plain(written[:100])}", path, name)
    return raw


class Budget(Limits):
    """A rule: limits on a network, on its blocks, on kinds of layers, on each layer."""

    id: Annotated[Name | None, Field(description="name of the rule in findings and exemptions")] = None
    level: Annotated[
        Literal["error", "warn"], Help('"error" or "warn"'), Field(description="whether exceeding it fails the check")
    ] = "error"
    message: Annotated[Line, Field(description="text to print with a finding")] = ""
    when: Annotated[
        When,
        Help("a table of input, width, variant, batch, precision, training"),
        Field(description="where it holds"),
    ] = When.model_construct()
    convention: Annotated[Policy, Field(description="parameters that count")] = "trainable"
    blocks: Annotated[
        dict[str, Limits],
        BeforeValidator(_blocks),
        Help("a table of limits by path"),
        Field(description="limits for all layers under a path, which may contain * and ?"),
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
            raise sentence("empty-budget", f"no limit given; add {', '.join(LIMITED)}, blocks, kinds or layer")
        return self


_Patterns = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=500)], ...],
    BeforeValidator(_several),
    Help('a pattern such as "archs/**/*.toml", or a list'),
]


class ProjectBudget(Budget):
    """A rule of the project's configuration: for all files that match."""

    files: Annotated[_Patterns, Field(min_length=1, description="which files, from the folder of this configuration")]


class Exemption(BaseModel, **FROZEN):
    """Files that are exempt from a rule, why, and until when."""

    id: Annotated[Name, Field(description="the rule")]
    files: Annotated[_Patterns, Field(min_length=1, description="which files")]
    reason: Annotated[Line, Field(min_length=1, description="why")]
    expires: Annotated[date, Help("a date such as 2027-01-31"), Field(description="the last day on which it holds")]


Size = Annotated[Line, BeforeValidator(lambda raw: str(raw) if type(raw) is int else raw), Field(max_length=100)]
"""An input size as --input takes it."""


class Configuration(BaseModel, **FROZEN):
    """What flopcount.toml, or tool.flopcount in pyproject.toml, may say."""

    files: Annotated[_Patterns, Field(description="the arch files of the project, for commands that name none")] = ()
    base: Annotated[
        str | None,
        Help("a git ref such as origin/main"),
        Field(min_length=1, max_length=200, description="base of changes, unless --base is given"),
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
    values: Annotated[
        dict[
            Annotated[str, Field(min_length=1, max_length=500)], Annotated[tuple[Line, ...], BeforeValidator(_several)]
        ],
        Help("a table of NAME=NUMBER, or lists of them, by file pattern"),
        Field(description="the values of inputs that are one number, like --value, by pattern"),
    ] = {}
    variants: Annotated[Flag, Field(description="whether each variant of a file is locked too")] = False
    lock: Annotated[
        str, Help("the name of a file"), Field(min_length=1, max_length=200, description="path of the lock file")
    ] = "flopcount.lock"
    budget: Annotated[
        tuple[ProjectBudget, ...], Help("a list of budgets, [[budget]]"), Field(description="the rules")
    ] = ()
    exempt: Annotated[
        tuple[Exemption, ...], Help("a list of exemptions, [[exempt]]"), Field(description="the exemptions")
    ] = ()

    @model_validator(mode="after")
    def _name_rules(self) -> Self:
        """Refuse two rules of one name, and exemptions from none."""
        names: dict[str, int] = {}
        for index, rule in enumerate(self.budget):
            if rule.id and names.setdefault(rule.id, index) != index:
                what = f"two budgets are named {rule.id!r}; give each its own id"
                raise sentence("name-taken", what, "budget", index, "id")
        for index, each in enumerate(self.exempt):
            if each.id not in names:
                what = f"exempt: no budget has the id {each.id!r}; {suggestion(each.id, [*names])}"
                raise sentence("unknown-budget", what, "exempt", index, "id")
        return self


_Exact = Annotated[int, Field(strict=True, ge=0), Help("an integer of 0 or more")]


@with_metrics(LOCKED, lambda name: (_Exact, ...) if name in DEFAULT_METRICS else (_Exact | None, None))
class LockRow(BaseModel, **FROZEN):
    """The agreed cost of a network; `allowed` lists the reasons of increases."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it has."""
        return tuple(name for name in LOCKED if getattr(self, name) is not None)

    id: Annotated[str, Field(min_length=1, max_length=5000), Help("a file, and the options it is counted with")]
    input: Annotated[str, Field(max_length=1000), Help("sizes such as 3x224x224")]
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$"), Help('"sha256:" and 64 hexadecimal digits')]
    notes: Annotated[tuple[Annotated[str, Field(max_length=5000)], ...], Help("a list of sentences")] = ()
    allowed: Annotated[
        tuple[Annotated[Line, Field(min_length=1)], ...], BeforeValidator(_several), Help("a list of reasons")
    ] = ()


class LockFile(BaseModel, **FROZEN):
    """The whole of a lock file."""

    version: Annotated[int, Field(strict=True, ge=1), Help("an integer")]
    networks: Annotated[tuple[LockRow, ...], Help("a list of rows")] = ()
