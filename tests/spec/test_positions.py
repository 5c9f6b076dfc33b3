"""From a place in the data back to the line and column where it is written."""

import pytest
from places import position_of

from flopcount.errors import Place
from flopcount.spec.source import Notation, Source
from flopcount.spec.text import decoded, parsed

TABLES = """\
# a comment first
name = "a"
input = [3, 8, 8]

[defaults]  # with a comment behind
bias = false
"quoted key" = 1

[[layers]]  # first
type = "Conv"

# a comment between
[[layers]]  # second
type = "Block"
  [[layers.layers]]  # first
  kernel_size = 3
  [[layers.layers]]  # second
  kernel_size = [
    3,  # rows
    # and
    5,
  ]
  [layers.layers.deep]
  x = 1

[[layers]]  # third

[defaults.deep]
y = 2
"""

INLINE = """\
input = [3,
  # é × ü
  8, 8]
layers = [
  { type = "Conv", stride = 2 },  { name = "é×𝄞", type = "Pad", padding = [[1, 2], [3, 4]] },
  # { type = "Conv" },
\t{ type = "Block", layers = [ { type = "Crop" }, { type = "Flatten" } ] }
]
text = '''
input = 3
[[layers]]
'''
defaults.bias = true
defaults . "pad.ding".'x y' = 1
"défauts" = { inner.most = { a = 1, "b" = [ { c = 2 } ] } }
"""

JSON = """\
{"input": [3, 8,
           8],
 "layers": [
  {"type": "é\\"×", "stride": 2}, {"type": "Block", "layers": [{"type": "Pad", "padding": [[1, 2], 3]}]},
\t{}],
 "a\\u0062\\n": {"c": null}
}
"""


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (("name",), 'name = "a"'),
        (("input",), "input = [3, 8, 8]"),
        (("input", 2), "8]"),
        (("defaults",), "[defaults]"),
        (("defaults", "quoted key"), '"quoted key"'),
        (("layers",), "[[layers]]  # first"),
        (("layers", 0), "[[layers]]  # first"),
        (("layers", 0, "type"), 'type = "Conv"'),
        (("layers", 0, "missing"), "[[layers]]  # first"),
        (("layers", 1, "type"), 'type = "Block"'),
        (("layers", 1, "layers", 0), "[[layers.layers]]  # first"),
        (("layers", 1, "layers", 1, "kernel_size", 1), "5,"),
        (("layers", 1, "layers", 1, "deep"), "[layers.layers.deep]"),
        (("layers", 1, "layers", 1, "deep", "x"), "x = 1"),
        (("layers", 1, "layers", 1, "deep", "missing"), "[layers.layers.deep]"),
        (("layers", 2, "type"), "[[layers]]  # third"),
        (("defaults", "deep", "y"), "y = 2"),
    ],
)
def test_tables_are_found_by_their_headers(place: Place, written: str) -> None:
    """Tables, arrays of tables and those inside them; what is missing is where it would be."""
    assert position_of(source(TABLES, "toml"), place) == where(written, TABLES)


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (("input", 2), "8]"),
        (("layers", 1, "type"), 'type = "Pad"'),
        (("layers", 1, "padding", 1, 1), "4]"),
        (("layers", 2), '{ type = "Block"'),
        (("layers", 2, "layers", 1, "type"), 'type = "Flatten"'),
        (("text",), "text = "),
        (("defaults",), "defaults.bias"),
        (("defaults", "bias"), "defaults.bias"),
        (("defaults", "pad.ding"), 'defaults . "pad'),
        (("defaults", "pad.ding", "x y"), 'defaults . "pad'),
        (("défauts", "inner"), "inner.most"),
        (("défauts", "inner", "most", "a"), "a = 1"),
        (("défauts", "inner", "most", "b", 0, "c"), "c = 2"),
    ],
)
def test_inline_tables_arrays_and_dotted_keys_are_found(place: Place, written: str) -> None:
    """Over several lines, behind comments, and behind text whose bytes are not its characters."""
    assert position_of(source(INLINE, "toml"), place) == where(written, INLINE)


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (("input", 2), "8],"),
        (("layers", 1, "layers", 0, "padding", 0, 1), "2], 3"),
        (("layers", 2), "{}"),
        (("layers", 2, "type"), "{}"),
        (("ab\n",), '"a\\u0062'),
        (("ab\n", "c"), '"c"'),
    ],
)
def test_keys_and_elements_of_json_are_found(place: Place, written: str) -> None:
    assert position_of(source(JSON, "json"), place) == where(written, JSON)


@pytest.mark.parametrize("place", [(), ("missing",), (0,)])
@pytest.mark.parametrize(("text", "notation"), [(TABLES, "toml"), (INLINE, "toml"), (JSON, "json")])
def test_what_is_nowhere_has_no_position(place: Place, text: str, notation: Notation) -> None:
    assert position_of(source(text, notation), place) is None


@pytest.mark.parametrize("notation", ["toml", "json"])
def test_a_mark_and_line_ends_of_windows_change_no_position(notation: Notation) -> None:
    """Lines and columns are those an editor shows."""
    text = INLINE if notation == "toml" else JSON
    place = ("layers", 0, "stride")
    other = decoded(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "a")
    assert position_of(source(other, notation), place) == position_of(source(text, notation), place)


def test_the_header_of_an_inner_table_stands_for_the_outer() -> None:
    """Where `[a.b]` is all there is of `a`, it is where `a` is written."""
    assert position_of(source("x = 1\n[a.b]\nc = 1\n", "toml"), ("a",)) == (2, 1)


def where(written: str, text: str) -> tuple[int, int]:
    """Return the line and the column of something that a text says once."""
    assert text.count(written) == 1
    before = text[: text.index(written)]
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def source(text: str, notation: Notation) -> Source:
    """Parse a text as the tool does."""
    return parsed(text, notation, "a")
