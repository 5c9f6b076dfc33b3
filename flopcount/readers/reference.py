"""How a network that is named or given is read, in this process and in others."""

import os
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from flopcount.network.network import Where, planned
from flopcount.network.plan import Plan
from flopcount.spec.load import load_bytes, source_of, specified
from flopcount.spec.source import Notation

MOST_SENT = 2**24
"""A file of at most so many bytes is pickled with its network; another process reads a larger one at the same path."""


class Reference:
    """How a file or a bundled network is read."""

    def __init__(self, reference: str, title: str, *, allow_unknown: bool) -> None:
        self.reference, self.title, self.allow_unknown = reference, title, allow_unknown
        self._arch = cache(partial(source_of, reference))

    def __call__(self, where: Where) -> Plan:
        """Read it, at a point."""
        is_file = os.path.isfile(self.reference)  # noqa: PTH113  (answers to any word)
        if not self.title and (Path(self.reference).suffix == ".toml" or not is_file):
            source, named = self._arch()
            return planned(specified(source, where.settings, where.variant or named))
        return self._reading(where)

    @cached_property
    def _reading(self) -> Callable[[Where], Plan]:
        from flopcount.readers.load import Reading

        return Reading(Path(self.reference), self.title, allow_unknown=self.allow_unknown)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickle the content of a small file, or where another is."""
        path = Path(os.path.abspath(self.reference))  # noqa: PTH100  (any word)
        is_file = os.path.isfile(path)  # noqa: PTH113  (likewise)
        if is_file and path.stat().st_size <= MOST_SENT:
            return partial, (content_read, path.read_bytes(), self.title or str(path), None, self.allow_unknown)
        found = partial(Reference, str(path) if is_file else self.reference, self.title)
        return partial(found, allow_unknown=self.allow_unknown), ()


def content_read(
    content: bytes,
    title: str,
    notation: Notation | None,
    allow_unknown: bool,  # noqa: FBT001  (as it is given)
    where: Where,
) -> Plan:
    """Read a file's content."""
    if title == "<stdin>":
        return planned(load_bytes(content, notation, where.settings, where.variant))
    from flopcount.readers.load import Reading

    name = Path(title.rpartition(":")[2]).name
    return Reading(Path(name), title, content=content, allow_unknown=allow_unknown)(where)
