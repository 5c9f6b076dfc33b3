"""Linear layers."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Flag, Layer


class Linear(Layer):
    """Every output reads every channel."""

    out_features: Annotated[Count, Field(description="number of outputs")]
    bias: Annotated[Flag, Field(description="whether each output has a bias")] = True
