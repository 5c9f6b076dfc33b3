"""How many bits the numbers of a network take: the table [precision], and --precision."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from flopcount.errors import UsageError, plain, suggestion
from flopcount.formulas.bits import BIASES, NAMED, Bits
from flopcount.spec.fields import FROZEN, Help, sentence

_PAIR = re.compile(r"w(\d+)a(\d+)")


def _typed(raw: object) -> object:
    """Take the name of a type, or w4a8, for the bits of weights and activations."""
    if not isinstance(raw, str):
        return raw
    word, pair = raw.strip().lower(), _PAIR.fullmatch(raw.strip().lower())
    if pair:
        return {"weights": int(pair[1]), "activations": int(pair[2])}
    if word not in NAMED:
        known = suggestion(word[:50], [*NAMED])
        known = known if known.endswith("?") else "expected a type such as int8, w4a8, or bits by name: weights=4"
        raise sentence("unknown-precision", f"there is no precision {plain(raw[:50])!r}; {known}")
    return {"weights": NAMED[word], "activations": NAMED[word]}


_Bits = Annotated[int, Field(strict=True, ge=1, le=64)]
_WORDS = Help("a number of bits (1 to 64)")


class LayerPrecision(BaseModel, **FROZEN):
    """The bits of some layers; what is not given is that of all layers."""

    weights: Annotated[_Bits | None, _WORDS, Field(description="bits of a trainable parameter")] = None
    biases: Annotated[_Bits | None, _WORDS, Field(description="bits of a bias; those of weights by default")] = None
    activations: Annotated[_Bits | None, _WORDS, Field(description="bits of an element that a layer writes")] = None
    accumulators: Annotated[
        _Bits | None, _WORDS, Field(description="bits of a sum inside a layer, for bit_ops_uniq")
    ] = None
    group: Annotated[
        int | None,
        Help("an integer (0 to 10⁹)"),
        Field(strict=True, ge=0, le=10**9, description="weights of a row that share a scale; 0 for none"),
    ] = None
    scales: Annotated[_Bits | None, _WORDS, Field(description="bits of the scale of a group (16)")] = None
    zero_points: Annotated[
        int | None,
        Help("a number of bits (0 to 64)"),
        Field(strict=True, ge=0, le=64, description="bits of the zero point of a group (0)"),
    ] = None

    def on(self, base: Bits) -> Bits:
        """Return bits with those that are given here in the place of the base's."""
        given = {name: value for name in Bits._fields[:-1] if (value := getattr(self, name)) is not None}
        kept = () if "weights" in given else base.own
        own = tuple(each for each in kept if "biases" not in given or each[0] not in BIASES)
        group = {} if "weights" not in given else {"group": 0}
        return base._replace(**{**group, **given}, own=own)


_Layer = Annotated[LayerPrecision, BeforeValidator(_typed)]


class Precision(LayerPrecision):
    """The bits of a network's numbers, 32 by default; `layers` are those of some layers, by path, the last match wins.

    `first` and `last` stand for the first and the last layer with weights.
    """

    layers: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=500)], _Layer],
        Help("a table of precisions by path, which may contain * and ?"),
        Field(description='bits of some layers, by path; "first" and "last" are those with weights'),
    ] = {}

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: object) -> object:
        """Take "int8" for a table."""
        return _typed(raw)


def parsed_precision(text: str) -> Precision:
    """Read --precision: int8, or weights=4,activations=8, then ;PATTERN:PRECISION for some layers.

    Raises UsageError for any other text.
    """
    whole, *others = text.split(";")
    if ":" in whole:
        every, _, some = whole.rpartition(",")
        what = "a semicolon goes before PATTERN:PRECISION" if every else "the bits of all layers go first"
        raise _refused(text, f"{what}; write {every or 'float32'};{plain(some[:50])}")
    layers: dict[str, Any] = {}
    for each in others:
        path, colon, own = each.strip().rpartition(":")
        if not colon or not path or not own:
            raise _refused(text, f"{plain(each[:50])!r} is no PATTERN:PRECISION, such as first:int8")
        layers[path] = _options(text, own)
    try:
        return Precision.model_validate({**_options(text, whole), **({"layers": layers} if layers else {})})
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][-1])
        words = next((each.words for each in LayerPrecision.model_fields[key].metadata if isinstance(each, Help)), "")
        raise _refused(text, f"invalid {key}: expected {words}") from None


def _options(text: str, part: str) -> Any:
    """Return a precision as a table: the name of a type, or NAME=BITS,NAME=BITS."""
    if "=" not in part:
        try:
            return _typed(part)
        except PydanticCustomError as error:
            raise _refused(text, str(error)) from None
    found: dict[str, int] = {}
    for each in part.split(","):
        name, _, bits = (word.strip() for word in each.partition("="))
        if name not in Bits._fields[:-1]:
            raise _refused(text, f"there is no {plain(name[:50])!r}; {suggestion(name[:50], [*Bits._fields[:-1]])}")
        if not bits.isascii() or not bits.isdigit() or len(bits) > 10:  # noqa: PLR2004
            raise _refused(text, f"{name} takes a whole number, as in {name}=8")
        if name in found:
            raise _refused(text, f"{name} is given twice")
        found[name] = int(bits)
    return found


def _refused(text: str, what: str) -> UsageError:
    return UsageError(f"--precision {plain(text[:60])}: {what}")
