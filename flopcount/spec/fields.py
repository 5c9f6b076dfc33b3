"""The options of layers: each one once, with its type, its help and its letter in closed forms.

Every type carries a `Help`: the words for what it accepts, which error messages and
`flopcount kinds` print.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, LiteralString, NamedTuple, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import CoreSchema, no_info_plain_validator_function

from flopcount.errors import plain
from flopcount.formulas.norm import ACTIVATIONS, NORMS
from flopcount.formulas.tensor import FUNCTIONS
from flopcount.spec.familiar import field_hint

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect of the JSON Schemas."""

LARGEST = 10**9
"""The largest size, count or repeat in a file."""

MOST_AXES = 16
"""The most axes of a tensor."""


class Help(NamedTuple):
    """The words for what a field accepts; `is_number` if a symbol can stand for it in closed forms."""

    words: str
    is_number: bool = False


class Tables(NamedTuple):
    """The model of tables that few files have; it is built when a file has one.

    The JSON Schema says what the model says if it `is_described`, otherwise nothing.
    """

    model: Callable[[], type[BaseModel]]
    is_described: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate a table with its model, without building the model for files that have no such table."""
        del source, handler
        return no_info_plain_validator_function(lambda raw: self.model().model_validate(raw))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON Schema of the model."""
        del schema
        if not self.is_described:
            return {}
        self.model().model_rebuild()
        return handler(self.model().__pydantic_core_schema__)


def printable(text: str) -> str:
    """Refuse text with characters that cannot be printed."""
    if not text.isprintable():
        raise ValueError("not printable")
    return text


Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
NonNegative = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Pair = Annotated[tuple[NonNegative, NonNegative], Field(min_length=2, max_length=2)]
Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=100), Help("a name made of letters, digits, _ and -")
]
Flag = Annotated[bool, Field(strict=True), Help("true or false")]
Line = Annotated[str, Field(max_length=1000), AfterValidator(printable), Help("one line of text")]
Probability = Annotated[float, Field(strict=True, ge=0, le=1), Help("a number from 0 to 1")]
Count = Annotated[Positive, Help("an integer (1 to 10⁹)", is_number=True)]
Index = Annotated[NonNegative, Help("an integer (0 to 10⁹)", is_number=True)]
Counts = Annotated[
    Annotated[tuple[Positive, ...], Field(min_length=1, max_length=64)],
    Help("a list of integers (1 to 10⁹), one per part"),
]
_PerAxis = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=8)]
Axes = Annotated[Positive | _PerAxis, Help("an integer (1 to 10⁹) or a list with one per spatial axis", is_number=True)]
_Size = Annotated[
    Positive | Literal["none"],
    BeforeValidator(lambda size: "none" if size is None else size),  # a layer that is validated again
    AfterValidator(lambda size: None if size == "none" else size),
]
OutputSize = Annotated[
    Positive | Annotated[tuple[_Size, ...], Field(min_length=1, max_length=8)],
    Help('an integer (1 to 10⁹), or a list with one per spatial axis or "none" to keep its size', is_number=True),
]
_Factor = Positive | Annotated[float, Field(strict=True, gt=0, le=LARGEST, allow_inf_nan=False)]
Factors = Annotated[
    _Factor | Annotated[tuple[_Factor, ...], Field(min_length=1, max_length=8)],
    Help("a number above 0 (at most 10⁹) or a list with one per spatial axis", is_number=True),
]
Margin = Annotated[
    NonNegative | Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=8)],
    Help("an integer (0 to 10⁹) or a list with one per spatial axis", is_number=True),
]
_Pads = Annotated[tuple[NonNegative | Pair, ...], Field(min_length=1, max_length=8)]
_PADS = "an integer (0 to 10⁹), or a list with an integer or a [before, after] pair per spatial axis"
Pads = Annotated[NonNegative | _Pads, Help(_PADS, is_number=True)]
Padding = Annotated[
    Literal["same", "valid", "valid-round"] | NonNegative | _Pads,
    Help(f'"same", "valid", "valid-round", {_PADS}', is_number=True),
]
OutputPads = Annotated[
    Literal["same", "valid"] | NonNegative | _Pads, Help(f'"same", "valid", {_PADS}', is_number=True)
]
Sizes = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=9)]
Input = Annotated[
    Sizes | Annotated[dict[Name, Sizes], Field(min_length=1)],
    Help("a list of integers (1 to 10⁹): channels, then the spatial sizes; or a table of such lists"),
]
TensorSizes = Annotated[
    Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MOST_AXES)],
    Help("a list of integers (1 to 10⁹), one per axis"),
]
_FromLast = Annotated[int, Field(strict=True, ge=-MOST_AXES, le=-1)]
AxisNumber = Annotated[_FromLast, Help("the number of an axis, counted from the last one, which is -1")]
AxisNumbers = Annotated[
    Annotated[tuple[_FromLast, ...], Field(min_length=1, max_length=MOST_AXES)],
    Help("a list of the numbers of axes, counted from the last one, which is -1"),
]
ConcatAxis = Annotated[
    Literal["channels", "tokens"] | NonNegative,
    Help('"channels", "tokens", or the number of a spatial axis, counted from 0'),
]
LastAxes = Annotated[int, Field(strict=True, ge=1, le=MOST_AXES), Help("an integer (1 to 16)")]
SpatialAxes = Annotated[int, Field(strict=True, ge=1, le=8), Help("an integer (1 to 8)")]
Equation = Annotated[
    str,
    Field(pattern=r"^[A-Za-z., ]+(->[A-Za-z. ]*)?$", max_length=200),
    Help('letters for the last axes of each layer, such as "bij,bjk->bik"'),
]


def _either(*words: str) -> Help:
    *most, last = (f'"{word}"' for word in words)
    return Help(f"{', '.join(most)} or {last}")


def _choice(*words: str, about: str = "") -> Any:
    """Return the type of one word out of several; "none" stands for no value."""
    named = Help(about) if about else _either(*words)
    return Annotated[Literal[words], AfterValidator(lambda word: None if word == "none" else word), named]


_NAMED = ", ".join(f'"{name}"' for name in NORMS)
_FUNCTIONS = 'the name of a function in torch.nn.functional: "relu", "relu6", "hardswish", "silu", "gelu", …'
_OPERATORS = 'the name of a function: "add", "sub", "mul", "div", "pow", "sqrt", "exp", "erf", "where", "max", …'
Norm = _choice("none", *NORMS, about=f'{_NAMED}, or "none" to override a default')
Function = _choice("none", *ACTIVATIONS, about=_FUNCTIONS)
RequiredFunction = _choice(*ACTIVATIONS, about=_FUNCTIONS)
Operator = _choice(*FUNCTIONS, about=_OPERATORS)
Mode = _choice("nearest", "linear", "bilinear", "bicubic", "trilinear", "area")
Reduction = _choice("mean", "sum", "max", "min", "prod", "norm", "logsumexp", "argmax", "argmin")
PolicyName = Literal["trainable", "weights", "total", "folded", "slim", "active"]
Policy = Annotated[PolicyName, _either(*get_args(PolicyName))]


class Option(NamedTuple):
    """An option of a kind: its type, a sentence about it, and its letter in closed forms if it has a short one."""

    type: Any
    about: str
    letter: str = ""


OPTIONS: Mapping[str, Option] = {
    "activation": Option(Function, "function applied to the result"),
    "active_pairs": Option(Count, "pairs of an active input and an active output that reads it", "a"),
    "active_positions": Option(Count, "number of active positions; all if absent"),
    "affine": Option(Flag, "whether each channel has a learned scale and shift"),
    "alpha_in": Option(Probability, "share of the input channels at half resolution"),
    "alpha_out": Option(Probability, "share of the output channels at half resolution"),
    "attention_bias": Option(Flag, "whether the last layer of the attention has biases"),
    "axes": Option(LastAxes, "how many of the last axes are replaced; all if absent"),
    "axis": Option(AxisNumber, "axis that the layer works along"),
    "beta": Option(Flag, "whether an affine normalization has a shift"),
    "bias": Option(Flag, "whether each output channel has a bias"),
    "bidirectional": Option(Flag, "whether a second layer reads the sequence backwards"),
    "blocks": Option(Count, "number of blocks of channels", "B"),
    "ceil_mode": Option(Flag, "whether a last window may extend past the end"),
    "channel_axis": Option(AxisNumber, "axis that holds the channels afterwards"),
    "count": Option(Count, "number of elements"),
    "contiguous": Option(Flag, "whether an input whose axes lie in another order is copied: training keeps the copy"),
    "cropping": Option(Pads, "width of the border"),
    "delta": Option(Flag, "whether what a state has for a key is read before it is written"),
    "depth_multiplier": Option(Count, "depthwise filters per channel"),
    "depthwise_bias": Option(Flag, "whether the depthwise part has biases"),
    "dilation": Option(Axes, "distance between the points of the kernel"),
    "downscale_factor": Option(Count, "factor by which each axis shrinks", "r"),
    "dw_kernel_size": Option(Axes, "size of the kernel that makes the copies"),
    "elementwise_affine": Option(Flag, "whether each channel has a learned scale"),
    "embed_dim": Option(Count, "number of channels; if given, it is checked"),
    "embedding_dim": Option(Count, "size of each vector", "D"),
    "equation": Option(Equation, "the axes that are read and those that result"),
    "function": Option(Function, "function that is applied"),
    "gamma": Option(Flag, "whether an affine normalization has a scale"),
    "gated": Option(Flag, "whether experts have a third layer that multiplies the first"),
    "gate": Option(RequiredFunction, "function applied after the second convolution"),
    "group_bias": Option(Flag, "whether the group part has biases"),
    "groups": Option(Count, "number of groups of channels that do not mix", "g"),
    "head_dim": Option(Count, "size of a head; channels / num_heads if absent"),
    "hidden_features": Option(Count, "channels between the two layers of an expert", "F"),
    "hidden_size": Option(Count, "size of the state", "H"),
    "detached": Option(Flag, "whether no gradient passes, as after torch.Tensor.detach"),
    "identity": Option(Flag, "whether the input itself is added"),
    "index": Option(Index, "which one is taken, counted from 0"),
    "keepdim": Option(Flag, "whether the axes stay, each with size 1"),
    "kernel_activation": Option(Function, "function applied between the two 1×1 convolutions"),
    "kernel_bias": Option(Flag, "whether each kernel of each filter has a bias"),
    "kernel_norm": Option(Norm, "normalization between the two 1×1 convolutions"),
    "kernel_size": Option(Axes, "size of the kernel", "k"),
    "kernel_sizes": Option(Counts, "kernel size of each part", "k"),
    "kernels": Option(Count, "number of kernels that are mixed"),
    "max_positions": Option(Count, "rows of the table, of which the first are used; one per position if absent"),
    "mid_channels": Option(Count, "channels between the two parts"),
    "min_mid_channels": Option(Count, "fewest channels of the subspace"),
    "mode": Option(Mode, "interpolation between points"),
    "modulated": Option(Flag, "whether each point is weighted too (version 2)"),
    "n_div": Option(Count, "one channel in n_div is convolved"),
    "norm": Option(Norm, "normalization of the result"),
    "norm_first": Option(Flag, "whether the norm comes before the linear layer, not after it"),
    "num_embeddings": Option(Count, "rows of the table: the number of ids", "V"),
    "num_experts": Option(Count, "number of kernels that are mixed", "E"),
    "num_groups": Option(Count, "number of groups of channels", "g"),
    "num_heads": Option(Count, "number of heads", "h"),
    "num_kv_heads": Option(Count, "heads of keys and values, shared by the others; num_heads if absent"),
    "num_layers": Option(Count, "number of stacked layers"),
    "num_parameters": Option(Count, "number of slopes: 1, or one per channel"),
    "num_tokens": Option(Count, "number of tokens put before the others"),
    "offset_bias": Option(Flag, "whether the convolution that computes the offsets has biases"),
    "offset_groups": Option(Count, "groups of input channels with their own offsets"),
    "operator": Option(Line, "name of the operation in the tool it comes from"),
    "order": Option(AxisNumbers, "the last axes in their new order"),
    "out_channels": Option(Count, "number of filters", "N"),
    "out_features": Option(Count, "number of outputs", "N"),
    "output_padding": Option(Margin, "size added at the end of the output"),
    "output_size": Option(OutputSize, "size of the output map"),
    "whole_channels": Option(Flag, "whether channels are dropped as a whole"),
    "dropout": Option(Probability, "probability that a number between two layers is dropped"),
    "p": Option(Probability, "probability that an element or a branch is dropped"),
    "padding": Option(Padding, "padding around the map"),
    "past_length": Option(Index, "number of tokens before these whose keys and values are in a cache", "p"),
    "per_channel": Option(Flag, "whether each channel has its own"),
    "pooled": Option(Flag, "whether the group that is not convolved is average-pooled"),
    "proj_size": Option(Count, "size of the projected state; it is not projected if absent", "P"),
    "qkv_bias": Option(Flag, "whether the query, key and value layers have biases; like bias if absent"),
    "rank": Option(Count, "channels of the low-rank part", "r"),
    "rank_in": Option(Count, "input channels of the k×k part", "r_1"),
    "rank_out": Option(Count, "output channels of the k×k part", "r_2"),
    "ratio": Option(Count, "output channels per channel that is convolved"),
    "recurrent_bias": Option(Flag, "whether each gate has a second bias, for the state"),
    "reduction": Option(Count, "factor by which the hidden part has fewer channels"),
    "relative_position": Option(Flag, "whether each head has a table of relative position biases"),
    "router_bias": Option(Flag, "whether the layer that chooses the experts has biases"),
    "routing_bias": Option(Flag, "whether the layer that weights the experts has biases"),
    "scale_factor": Option(Factors, "factor by which the map grows", "r"),
    "scales": Option(Count, "number of groups of channels, one of which is not convolved", "s"),
    "sections": Option(Count, "number of equal parts"),
    "shares": Option(Counts, "parts of the output channels per level; equal if absent"),
    "shift_size": Option(Margin, "shift of the windows; it does not change the cost"),
    "size": Option(TensorSizes, "size of each axis"),
    "squeeze_channels": Option(Count, "channels between the two 1×1 convolutions", "s"),
    "start": Option(Index, "first channel kept, counted from 0"),
    "stop": Option(Count, "first channel no longer kept; the end if absent"),
    "stride": Option(Axes, "step between windows"),
    "tile_size": Option(Axes, "size of the output tiles"),
    "track_running_stats": Option(Flag, "whether running means and variances are kept"),
    "track_stats": Option(Flag, "whether mean, variance and the number of samples are kept"),
    "top_k": Option(Count, "number of experts that a token is given to", "k"),
    "trained": Option(Flag, "whether the values are learned"),
    "scaled": Option(Flag, "whether factors are scaled before, as in attention: in training, copies are kept"),
    "transpose": Option(Flag, "whether the second matrix is transposed first"),
    "upscale_factor": Option(Count, "factor by which each axis grows", "r"),
    "window_size": Option(Axes, "size of a window along each axis", "w"),
    "with_r": Option(Flag, "whether the distance from the center is read too"),
}
"""Every option of every kind, by name; what a kind defines otherwise is in `EXCEPTIONS`."""

EXCEPTIONS: Mapping[str, Option] = {
    "Activation.function": Option(RequiredFunction, "function that is applied"),
    "BSConvS.p": Option(Probability, "channels of the subspace as a share of the input channels"),
    "CBAM.kernel_size": Option(Count, "size of the kernel of the spatial gate", "k"),
    "ChannelsFirst.axes": Option(SpatialAxes, "how many of the axes before the channels are spatial"),
    "Concat.axis": Option(ConcatAxis, "axis along which the layers are joined"),
    "Conv2Plus1D.mid_channels": Option(Count, "channels between the parts; if absent, as many weights as Conv has"),
    "ConvTranspose.padding": Option(OutputPads, "padding removed around the output"),
    "ECA.kernel_size": Option(Count, "number of neighboring channels that a gate reads", "k"),
    "Elementwise.function": Option(Operator, "function that is applied"),
    "HetConv.p": Option(Count, "one kernel in p is k×k, the others are 1×1"),
    "Interpolate.size": Option(Axes, "size of the output map"),
    "LayerNorm.bias": Option(Flag, "whether an affine normalization has a shift"),
    "LocalResponseNorm.size": Option(Count, "number of neighboring channels that are summed"),
    "MixtureOfExperts.num_experts": Option(Count, "number of experts", "E"),
    "Pad.padding": Option(Pads, "width of the border"),
    "PadChannels.padding": Option(Index, "number of channels added in total"),
    "PyConv.groups": Option(Counts, "number of groups of channels that do not mix, per level", "g"),
    "Reduce.axes": Option(AxisNumbers, "axes that are reduced"),
    "Reduce.function": Option(Reduction, "function that reduces"),
    "SpatiallySepConv.mid_channels": Option(Count, "channels between the two parts; out_channels if absent"),
    "Take.size": Option(Count, "number of elements taken"),
    "ToMap.size": Option(Axes, "size of the map along each axis; one number for a square"),
}
"""Options that mean something else in one kind, as `kind.option`."""


def option(kind: str, name: str) -> Option:
    """Return an option of a kind."""
    return EXCEPTIONS.get(f"{kind}.{name}") or OPTIONS[name]


FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)
"""The configuration of all models: unknown keys are refused, and a model is built when it is first used."""


class Layer(BaseModel, **FROZEN):
    """One row of a network: what every kind has."""

    name: Annotated[Name | None, Field(description="name of the layer, unique among its siblings")] = None
    after: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...] | None,
        Help("a list of names of earlier layers"),
        Field(description="the earlier layers that this one reads, instead of the one above it", min_length=1),
    ] = None
    repeat: Annotated[Count, Field(description="number of repetitions, each of which reads the one before")] = 1
    scale: Annotated[
        Literal["always", "never", "up"],
        Help('"always", "never" or "up"'),
        Field(description="whether --width changes the channels: always, never, or only upwards"),
    ] = "always"
    shared: Annotated[
        Flag | dict[str, Positive],
        Help("true, or a table of parameter types with the number of each: { weight = 64, bias = 64 }"),
        Field(description="whether another layer counts the parameters; or how many of each type it counts"),
    ] = False
    frozen: Annotated[Flag, Field(description="whether the parameters are not trained")] = False


M = TypeVar("M", bound=BaseModel)


def with_metrics(names: Iterable[str], field: Callable[[str], Any]) -> Callable[[type[M]], type[M]]:
    """Give a model a field for each metric; `field` returns the annotation and the default of one."""

    def derive(model: type[M]) -> type[M]:
        fields: dict[str, Any] = {name: field(name) for name in names}
        made = create_model(model.__name__, __base__=model, __module__=model.__module__, **fields)
        made.__doc__ = model.__doc__
        return made

    return derive


def own_fields(kind: type[Layer]) -> tuple[str, ...]:
    """Return the fields that are a kind's own: the options of its formula."""
    return tuple(name for name in kind.model_fields if name not in Layer.model_fields)


LONGEST = 60
"""The most characters of an invalid value that a message shows."""


def shown(value: object) -> str:
    """Write a value as a file would, shortened if it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a number of about 10^{int(value.bit_length() * 0.30103)}"
    try:
        written = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
        text = plain(f'"{value}"' if isinstance(value, str) else written)
    except (ValueError, RecursionError):
        return "a value too long to show"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def sentence(code: LiteralString, text: str, *place: str | int) -> PydanticCustomError:
    """Return an error that is a whole sentence, about a place inside the value it is raised for."""
    return PydanticCustomError(code, "{text}", {"text": text, "place": place})


def missing(field: str, words: str) -> str:
    """Say that a field is missing."""
    return f"missing field {field}: expected {words}"


def unknown(key: object, known: Sequence[str]) -> str:
    """Say that a key is unknown, and what to write."""
    return f"unknown key {shown(key)}; {field_hint(str(key)[:50], known)}"


def invalid(field: str, value: object, words: str) -> str:
    """Say that the value of a field is invalid."""
    if isinstance(value, list | tuple | dict) and not value:
        return f"{field} is empty: expected {words}"
    return f"invalid {field} {shown(value)}: expected {words}"


def choices(annotation: object) -> list[str]:
    """Return the words that an annotation allows."""
    parts = [part for part in get_args(annotation) if not isinstance(part, Help)]
    return [*(part for part in parts if isinstance(part, str)), *(word for part in parts for word in choices(part))]


def expected(model: type[BaseModel], field: str) -> str:
    """Return the words for what a field accepts."""
    return help_of(model.model_fields[field]).words


def help_of(info: FieldInfo) -> Help:
    """Return the help of a field: the one nearest to it."""
    found = [note for note in info.metadata if isinstance(note, Help)]
    return found[-1] if found else inner_help(info.annotation)


def inner_help(annotation: object) -> Help:
    """Return the help in an annotation or in the parts of a union."""
    parts = (annotation, *getattr(annotation, "__args__", ()))
    notes = (note for part in parts for note in getattr(part, "__metadata__", ()))
    return next((note for note in notes if isinstance(note, Help)), Help("another value"))
