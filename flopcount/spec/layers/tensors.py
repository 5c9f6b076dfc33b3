"""Operations on tensors, axis by axis, as other tools' graphs have them."""

from typing import Annotated, Literal

from pydantic import Field

from flopcount.spec.fields import Count, Expects, Flag, Layer, Line, Positive

MOST_AXES = 16

_Axis = Annotated[int, Field(strict=True, ge=-MOST_AXES, le=-1)]
AxisNumber = Annotated[_Axis, Expects("the number of an axis, counted from the last one, which is -1")]
AxisNumbers = Annotated[
    Annotated[tuple[_Axis, ...], Field(min_length=1, max_length=MOST_AXES)],
    Expects("a list of the numbers of axes, counted from the last one, which is -1"),
]
Sizes = Annotated[
    Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MOST_AXES)],
    Expects("a list of whole numbers from 1 to 10⁹, one for each axis"),
]
ChannelAxis = Annotated[AxisNumber, Field(description="which axis is the channels afterwards")]
Axes = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=MOST_AXES)] | None,
    Expects("a whole number from 1 to 16"),
    Field(description="how many of the last axes are replaced; all if absent"),
]
Operator = Annotated[
    Literal[
        "add",
        "sub",
        "mul",
        "square",
        "div",
        "mod",
        "reciprocal",
        "equal",
        "less",
        "greater",
        "min",
        "max",
        "clip",
        "and",
        "or",
        "not",
        "where",
        "abs",
        "neg",
        "sign",
        "floor",
        "ceil",
        "round",
        "quantize",
        "dequantize",
        "exp",
        "log",
        "erf",
        "pow",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "atan",
    ],
    Expects('the name of a function: "add", "sub", "mul", "div", "pow", "sqrt", "exp", "erf", "where", "max", …'),
]
Reduction = Annotated[
    Literal["mean", "sum", "max", "min", "prod", "norm", "logsumexp", "argmax", "argmin"],
    Expects('"mean", "sum", "max", "min", "prod", "norm", "logsumexp", "argmax" or "argmin"'),
]


class Reshape(Layer):
    """The same numbers on other axes."""

    size: Annotated[Sizes, Field(description="size of each axis")]
    axes: Axes = None
    channel_axis: ChannelAxis = -1


class Permute(Layer):
    """The same axes in another order."""

    order: Annotated[AxisNumbers, Field(description="which of the last axes comes first, second, …")]
    channel_axis: Annotated[
        AxisNumber | None,
        Expects("the number of an axis, counted from the last one, which is -1"),
        Field(description="which axis is the channels afterwards; the one that was, if absent"),
    ] = None


class Take(Layer):
    """Some of what is along an axis."""

    axis: Annotated[AxisNumber, Field(description="along which axis")]
    size: Annotated[Count, Field(description="how many are taken")] = 1
    keepdim: Annotated[Flag, Field(description="whether the axis stays; not, where one is taken and it goes")] = True


class Expand(Layer):
    """The same numbers on larger axes, copied or with a border."""

    size: Annotated[Sizes, Field(description="size of each axis")]
    axes: Axes = None
    channel_axis: ChannelAxis = -1


class Elementwise(Layer):
    """A function of the elements of one or several layers, stretched to one size."""

    function: Annotated[Operator, Field(description="which function")]


class Reduce(Layer):
    """One number for all along some axes."""

    axes: Annotated[AxisNumbers, Field(description="along which axes")]
    function: Annotated[Reduction, Field(description="which number")] = "mean"
    keepdim: Annotated[Flag, Field(description="whether the axes stay, each of size 1")] = True


class Parameter(Layer):
    """A tensor that the network keeps."""

    size: Annotated[Sizes, Field(description="size of each axis")]
    channel_axis: ChannelAxis = -1
    trained: Annotated[Flag, Field(description="whether it is learned")] = True


class Constants(Layer):
    """Numbers kept beside the layers."""

    count: Annotated[Count, Field(description="how many")]
    trained: Annotated[Flag, Field(description="whether they are learned")] = False


class Join(Layer):
    """Several layers one behind the other along any axis."""

    axis: Annotated[AxisNumber, Field(description="along which axis")]


class Einsum(Layer):
    """Sum of products over axes that letters name."""

    equation: Annotated[
        str,
        Expects('letters for the last axes of each layer, such as "bij,bjk->bik"'),
        Field(
            description="the axes that are read, and those that come out",
            pattern=r"^[A-Za-z]+(,[A-Za-z]+)*->[A-Za-z]+$",
            max_length=200,
        ),
    ]


class Operation(Layer):
    """An operation that is known by what it writes alone."""

    operator: Annotated[Line, Field(description="what it is called where it comes from")]
    size: Annotated[Sizes, Field(description="size of each axis it writes")]
    axes: Axes = None
    channel_axis: ChannelAxis = -1
