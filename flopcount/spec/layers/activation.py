"""Functions applied element by element, and softmax."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Function, Layer


class Activation(Layer):
    """A named function of every element."""

    function: Annotated[Function, Field(description="which function, as torch.nn.functional names it")]


class Softmax(Layer):
    """Softmax over the channels."""
