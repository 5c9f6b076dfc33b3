"""Files that are not TOML or JSON, or say what no terminal should show."""

import pytest
from badfile import ANYWHERE, CONV, INPUT, Bad, amiss, layers
from conftest import Run, Write

TEXTS = {
    "TOML syntax": Bad("a.toml", f"{INPUT}layers = [{{ type = }}]", [("2:20:", "not TOML")]),
    "TOML that ends early": Bad("a.toml", "input", [(ANYWHERE, "not TOML")]),
    "JSON syntax": Bad("a.json", '{"input": [3],\n}', [("2:1:", "not JSON")]),
    "JSON that ends early": Bad("a.json", '{"input": [3', [("1:13:", "not JSON")]),
    "JSON with more behind it": Bad("a.json", "{}\n{}", [("2:1:", "not JSON")]),
    "JSON called TOML": Bad("a.toml", '{"input": [3]}', [("1:1:", "not TOML")]),
    "TOML called JSON": Bad("a.json", INPUT, [("1:1:", "not JSON")]),
    "a list": Bad("a.json", "[1, 2]", [(ANYWHERE, "table", "list")]),
    "a string": Bad("a.json", '"Conv"', [(ANYWHERE, "table")]),
    "null": Bad("a.json", "null", [(ANYWHERE, "table")]),
    "NaN": Bad("a.json", '{"input": [3, NaN], "layers": []}', [(ANYWHERE, "NaN")]),
    "Infinity": Bad("a.json", '{"input": [3, -Infinity], "layers": []}', [(ANYWHERE, "-Infinity")]),
    "a number that is infinite": Bad(
        "a.json", '{"input": [3, 1e999], "layers": [{"type": "Flatten"}]}', [("1:2:", "input")]
    ),
    "nan and inf in TOML": Bad("a.toml", f"input = [nan, inf]\nlayers = [{CONV}]", [("1:1:", "input")]),
    "nothing": Bad("a.toml", "", [(ANYWHERE, "empty")]),
    "blanks": Bad("a.json", " \n\t\n", [(ANYWHERE, "empty")]),
    "a byte-order mark alone": Bad("a.toml", b"\xef\xbb\xbf", [(ANYWHERE, "empty")]),
    "binary": Bad("a.toml", bytes(range(256)), [(ANYWHERE, "not text", "UTF-8")]),
    "binary without an ending": Bad("a", b"\x89PNG\r\n\x1a\n\x00", [(ANYWHERE, "not text")]),
    "UTF-16": Bad("a.toml", layers(CONV).encode("utf-16"), [(ANYWHERE, "not text", "UTF-8")]),
    "UTF-16 without a mark": Bad("a.toml", layers(CONV).encode("utf-16-le"), [(ANYWHERE, "not text", "UTF-8")]),
    "Latin-1": Bad("a.toml", f'description = "é"\n{layers(CONV)}'.encode("latin-1"), [(ANYWHERE, "UTF-8")]),
}

CONTROL = {
    "an escape code in a name": Bad(
        "a.toml", layers(r'{ type = "Flatten", name = "\u001b[31mred" }'), [("3:21:", "[31mred", "name")]
    ),
    "an escape code in a kind": Bad("a.toml", layers(r'{ type = "\u001b[2JConv" }'), [("3:1:", "[2JConv")]),
    "an escape code in a key": Bad(
        "a.toml", layers(r'{ type = "Flatten", "\u001b[2J" = 1 }'), [("3:21:", "Flatten1", "[2J")]
    ),
    "a raw escape code": Bad("a.toml", b'name = "\x1b[31m"\n', [("1:", "not TOML")]),
    "a line break in a name": Bad(
        "a.toml", layers(r'{ type = "Flatten", name = "a\nerror: b" }'), [("3:21:", "error: b", "name")]
    ),
    "a line break in a key": Bad(
        "a.toml", layers(r'{ type = "Flatten", "a\nerror: b" = 1 }'), [("3:21:", "Flatten1", "error: b")]
    ),
    "a description that is not plain text": Bad(
        "a.toml", rf'description = "\u009b31m"{chr(10)}{layers(CONV)}', [("1:1:", "description")]
    ),
    "text that turns around": Bad(
        "a.toml", rf'description = "\u202egnp.exe"{chr(10)}{layers(CONV)}', [("1:1:", "description")]
    ),
    "half a character": Bad(
        "a.json", r'{"input": [3], "layers": [{"type": "Flatten", "name": "\ud800"}]}', [("1:47:", "name")]
    ),
    "half a character as a key": Bad(
        "a.json", r'{"input": [3], "\ud800": 1, "layers": [{"type": "Flatten"}]}', [("1:16:", "unknown key")]
    ),
}


@pytest.mark.parametrize("bad", (TEXTS | CONTROL).values(), ids=TEXTS | CONTROL)
def test_what_cannot_be_read_is_said_plainly(bad: Bad, write: Write, run: Run) -> None:
    """Each problem is a line with its place, all at once, with exit code 2 and nothing on stdout."""
    path = write(bad.name, bad.content)
    assert amiss(run(path), path, bad) == []
