"""Recurrent layers."""

from typing import Annotated

from pydantic import Field

from flopcount.spec.fields import Count, Flag, Layer


class _Recurrent(Layer):
    """What every recurrent layer has."""

    hidden_size: Annotated[Count, Field(description="size of the state")]
    num_layers: Annotated[Count, Field(description="how many of them on top of each other")] = 1
    bias: Annotated[Flag, Field(description="whether each gate has two biases")] = True
    recurrent_bias: Annotated[
        Flag, Field(description="whether the second bias of a gate, that of the state, is there")
    ] = True
    bidirectional: Annotated[Flag, Field(description="whether a second one reads the sequence backwards")] = False


class RNN(_Recurrent):
    """A state that reads the sequence token by token."""


class GRU(_Recurrent):
    """A state that reads the sequence token by token, with two gates."""


class LSTM(_Recurrent):
    """A state and a memory that read the sequence token by token, with three gates."""
