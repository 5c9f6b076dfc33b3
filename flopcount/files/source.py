"""Where a spec comes from."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Notation = Literal["toml", "json"]


class Source(NamedTuple):
    """Where a spec comes from, its text, and the data the text stands for."""

    title: str
    text: str
    notation: Notation
    data: Mapping[str, Any]
