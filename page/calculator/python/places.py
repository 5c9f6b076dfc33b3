"""tree-sitter for Pyodide: the modules that `flopcount.spec.source` imports, on the web-tree-sitter of the page.

JavaScript parses and hands over the whole tree at once, as nested lists; rows and columns are those of tree-sitter in
Python, whose columns count bytes.
"""

import json
import sys
from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import Any


class Node:
    """A node of a syntax tree."""

    def __init__(self, data: list[Any], lines: list[bytes]) -> None:
        """Keep what JavaScript says: type, whether it is named and wrong, its place, its children."""
        self.type, self.is_named, self.has_error, start, end, self._parts = data
        self._lines = lines
        self.start_point, self.end_point = (self._point(*start), self._point(*end))

    def _point(self, row: int, column: int) -> tuple[int, int]:
        """Return a row and the bytes before a column that counts UTF-16 units."""
        line = self._lines[row]
        if line.isascii():
            return row, column
        units = line.decode(errors="surrogatepass").encode("utf-16-le", "surrogatepass")[: 2 * column]
        return row, len(units.decode("utf-16-le", "surrogatepass").encode(errors="surrogatepass"))

    @cached_property
    def children(self) -> list["Node"]:
        """All children."""
        return [Node(each, self._lines) for each in self._parts]

    @property
    def named_children(self) -> list["Node"]:
        """The children that are no punctuation."""
        return [each for each in self.children if each.is_named]

    @property
    def text(self) -> bytes:
        """The text of a node that stands on one line."""
        return self._lines[self.start_point[0]][self.start_point[1] : self.end_point[1]]


class Tree:
    """A parsed text."""

    def __init__(self, root: Node) -> None:
        """Keep the root."""
        self.root_node = root


class Parser:
    """A parser of one language."""

    def __init__(self, language: str) -> None:
        """Keep the name of the language."""
        self.language = language

    def parse(self, content: bytes) -> Tree:
        """Parse a text in JavaScript."""
        found = json.loads(_parse(content.decode(errors="surrogatepass"), self.language))
        return Tree(Node(found, content.split(b"\n")))


_parse: Callable[[str, str], str]


def install(parse: Callable[[str, str], str]) -> None:
    """Make the modules known to imports; `parse` takes a text and a language and returns a tree as JSON."""
    global _parse  # noqa: PLW0603  (it comes from JavaScript, once)
    _parse = parse
    modules = {name: ModuleType(name) for name in ("tree_sitter", "tree_sitter_json", "tree_sitter_toml")}
    modules["tree_sitter"].__dict__.update(Language=str, Parser=Parser, Node=Node)
    for language in ("json", "toml"):
        modules[f"tree_sitter_{language}"].__dict__["language"] = lambda name=language: name
    sys.modules.update(modules)
