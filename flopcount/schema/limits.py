"""What a number of a network may be: the limits that rules consist of."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from flopcount.errors import Place
from flopcount.schema import quantities
from flopcount.schema.base import Expects
from flopcount.schema.quantities import NotAQuantityError, Quantity
from flopcount.schema.wording import shown

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


def _several(entry: "partial[Quantity]") -> tuple[Quantity, ...]:
    """Read a quantity, or a list of some."""
    key, field, raw, reader = entry.args
    each = raw if isinstance(raw, list) and raw else [raw]
    return tuple(_read(key, field, value, reader) for value in each)


_QUANTITY = {"type": ["string", "number"]}
_Amount = Annotated[Quantity | None, PlainValidator(_one), WithJsonSchema(_QUANTITY)]
_Amounts = Annotated[
    tuple[Quantity, ...],
    PlainValidator(_several),
    WithJsonSchema({"anyOf": [_QUANTITY, {"type": "array", "items": _QUANTITY, "minItems": 1}]}),
]


class Limit(BaseModel):
    """What one number may be: absolutely, and against the base; equal is allowed."""

    model_config = FROZEN

    max: Annotated[_Amount, Expects("a quantity such as 600M"), Field(description="the most")] = None
    min: Annotated[_Amount, Expects("a quantity such as 600M"), Field(description="the least")] = None
    warn: Annotated[
        _Amount, Expects("a quantity, or a share of max such as 90%"), Field(description="above this, a warning")
    ] = None
    max_increase: Annotated[
        _Amounts,
        Expects("a percentage, a quantity, or a list of both"),
        Field(description="the most it may grow against the base: each of the amounts holds"),
    ] = ()
    max_decrease: Annotated[
        _Amounts,
        Expects("a percentage, a quantity, or a list of both"),
        Field(description="the most it may shrink against the base: each of the amounts holds"),
    ] = ()
    min_change: Annotated[
        _Amounts,
        Expects("a percentage, a quantity, or a list of both"),
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
        int, Expects("a whole number from 1 to 64"), Field(strict=True, ge=1, le=64, description="bits per parameter")
    ] = 32


class Limits(BaseModel):
    """What may be limited of a network or a part of it."""

    model_config = FROZEN

    params: Annotated[
        Limit | None,
        _limit("params", quantities.count),
        Expects('a limit such as "4.3M"'),
        Field(description="parameters"),
    ] = None
    macs: Annotated[
        Limit | None,
        _limit("macs", quantities.count),
        Expects('a limit such as "600M"'),
        Field(description="multiply-accumulates"),
    ] = None
    flops: Annotated[
        Limit | None,
        _limit("flops", quantities.count),
        Expects('a limit such as "1.2G"'),
        Field(description="floating-point operations, two to a MAC"),
    ] = None
    weight_bytes: Annotated[
        ByteLimit | None,
        _limit("weight_bytes", quantities.size),
        Expects('a limit such as "2 MB", or {max = "2 MB", bits = 8}'),
        Field(description="bytes of the parameters, at 32 bits each where bits says nothing else"),
    ] = None

    @property
    def given(self) -> Mapping[str, Limit]:
        """The limits there are, by metric."""
        found = {name: getattr(self, name) for name in METRICS}
        return {name: limit for name, limit in found.items() if limit is not None}


METRICS = ("params", "macs", "flops", "weight_bytes")
"""What may be limited."""
