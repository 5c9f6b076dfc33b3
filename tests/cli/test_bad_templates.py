"""What can be wrong with templates: one line with the place, the path, and the line that used the template."""

import json
from collections.abc import Callable

import pytest
from badfile import Bad, amiss
from conftest import Process, Run, Write

Refused = Callable[[str, list[tuple[str, ...]]], None]
"""Holds the refusal of a file to its problems."""

INPUT = "input = [4, 8, 8]\n"
USE = '{ type = "t", c = 4 }'
CONV = '{ type = "Conv", out_channels = "c", kernel_size = 1 }'
USED = "(in a template used at line 3)"


def made(*rows: str, use: str = USE, head: str = 'required = ["c"]') -> str:
    """Write a file whose template t is used in line 3, and whose rows start in line 8."""
    return (
        f"{INPUT}layers = [\n{use},\n]\n[templates.t]\n{head}\nlayers = [\n"
        + "".join(f"{row},\n" for row in rows)
        + "]\n"
    )


def conv(out_channels: str) -> str:
    """Write a convolution whose channels are an expression."""
    return f'{{ type = "Conv", out_channels = {json.dumps(out_channels)}, kernel_size = 1 }}'


@pytest.fixture
def refused(run: Run, write: Write) -> Refused:
    """Hold the refusal of a file to its problems."""

    def call(content: str, problems: list[tuple[str, ...]]) -> None:
        path = write("a.toml", content)
        assert amiss(run(path), path, Bad(content, problems)) == []

    return call


NO_ARITHMETIC = [
    *("d + 1", "width", "__import__('os').system('true')", "c.real", "c.bit_length()"),
    *("(lambda: 4)()", "[4][0]", "[x for x in (4,)][0]", "(c := 4)", "f'{c}'", "b'4'", "4j", "9**9**9"),
    *("c**99999999", "1 << 99999999999", "c @ c", "pow(9, 9)", "round(number=c)", "c\nc", ""),
    *(" + ".join(["c"] * 60), "(" * 5000 + "c" + ")" * 5000, "-" * 5000 + "c", "9" * 5000, "1e400", "'four'"),
    *("c == 4", "in_channels == 4", " * ".join(["c", *["999999999"] * 15])),
]
"""Unknown names, what is no arithmetic, and what is too long or too large."""

REFUSED = [
    ("zz + 1", ("'zz'",)),
    ("c / 2", ("use //",)),
    ("c ** 2", ("** is not allowed",)),
    ("c - 4", ("invalid out_channels 0",)),
    ("-c", ("invalid out_channels -4",)),
    ("c * 1000000000", ("invalid out_channels 4000000000",)),
    ("c // (c - 4)", ("divides by zero",)),
    ("c % 0", ("divides by zero",)),
    ("ceil_div(c, 0)", ("divides by zero",)),
    ("divisible(c, 0)", ("divides by zero",)),
    ("channels // 0", ("divides by zero",)),
    ("divisible(c, -8)", ("-8",)),
    ("0.3 * c", ("not a whole number", "floor")),
    ("4.5", ("not a whole number",)),
    ("0.3 * in_channels", ("not a whole number",)),
    ("max(0.5 * c, 1)", ("decimal",)),
    ("c % 0.5", ("whole numbers",)),
    ("divisible(c)", ("divisible takes",)),
    ("min(1, 2, 3)", ("min takes",)),
    ("'a' + c", ("'a' is not a number",)),
    ("'a' * 1000000000", ("'a' is not a number",)),
    ("4 if 'a' < c else 5", ("compares",)),
    ("in_channels - 4", ("invalid out_channels 0", "4×8×8")),
]


@pytest.mark.parametrize(
    ("text", "words"),
    [pytest.param(text, words, id=text[:20]) for text, words in (*((text, ()) for text in NO_ARITHMETIC), *REFUSED)],
)
def test_what_is_no_number_of_channels_is_refused(text: str, words: tuple[str, ...], refused: Refused) -> None:
    """Expressions are read, never run; nothing explodes."""
    refused(made(conv(text)), [("8:", "t1.Conv1", USED, *words)])


REPEATS = {
    "none": ("0", "0"),
    "less than none": ("-1", "-1"),
    "a billion": ("1000000000", "1000000000"),
    "none by expression": ('"c - 4"', "= 0"),
    "less by expression": ('"c - 9"', "= -5"),
    "too many by expression": ('"c * 1000000000"', "4000000000"),
    "far too many": ('"c * 999999999 * 999999999 * 999999999"', "invalid repeat"),
    "a truth": ("true", "repeat"),
    "a comparison": ('"c == 4"', "repeat"),
    "a decimal": ("1.5", "1.5"),
    "a decimal by expression": ('"c * 0.3"', "not a whole number"),
    "a list": ("[1]", "[1]"),
    "a word": ('"often"', "'often' is not known here"),
    "a quoted word": ("\"'often'\"", "often"),
    "a power": ('"9**9**9"', "** is not allowed"),
    "a call": ("\"open('x')\"", "can be called"),
    "by shape": ('"in_channels"', "never depends on shapes"),
    "by nothing": ('"c // 0"', "divides by zero"),
    "empty": ('""', "not arithmetic"),
}


@pytest.mark.parametrize(("repeat", "word"), REPEATS.values(), ids=REPEATS)
def test_what_is_no_number_of_repetitions_is_refused(repeat: str, word: str, refused: Refused) -> None:
    """In a block of a template, where it may be an expression."""
    block = f'{{ type = "Block", name = "b", repeat = {repeat}, layers = [{CONV}] }}'
    refused(made(block), [("8:31:", "repeat", word)])


@pytest.mark.parametrize("repeat", ["0", "-1", "1000000000", "true", "1.5", '"2"', '"c"', "[]", "{}"])
def test_a_use_is_repeated_a_whole_number_of_times(repeat: str, refused: Refused) -> None:
    use = f'{{ type = "t", c = 4, repeat = {repeat} }}'
    refused(made(CONV, use=use), [("3:22:", "t", "repeat")])


def test_repetitions_of_repetitions_end(refused: Refused) -> None:
    """A thousand times a thousand rows are refused, even where none of them is there."""
    layer = CONV.replace(" }", ', when = "c > 4" }')
    inner = f'{{ type = "Block", repeat = 1000, layers = [{layer}] }}'
    block = f'{{ type = "Block", repeat = 1000, layers = [{inner}] }}'
    refused(made(block), [("8:", "100000 layers")])


CONDITIONS = {
    "a number": ("1", "invalid when"),
    "a list": ("[]", "invalid when"),
    "an unknown name": ('"zz"', "'zz' is not known here"),
    "a TOML truth": ('"true"', "'true' is not known here"),
    "by shape": ('"in_channels > 4"', "never depends on shapes"),
    "empty": ('""', "not arithmetic"),
    "a call": ('"print(c)"', "can be called"),
    "an attribute": ('"c.real"', "attribute is not allowed"),
    "unlike things": ("\"c > 'a'\"", "compares a number with a string"),
    "a division by zero": ('"c // 0 > 1"', "divides by zero"),
}


@pytest.mark.parametrize(("when", "word"), CONDITIONS.values(), ids=CONDITIONS)
def test_what_is_no_condition_is_refused(when: str, word: str, refused: Refused) -> None:
    layer = f'{{ type = "Dropout", when = {when} }}'
    refused(made(CONV, layer), [("9:21:", "Dropout", "when", word)])


def test_conditions_are_for_templates(refused: Refused) -> None:
    use = '{ type = "t", c = 4, when = true }'
    refused(made(CONV, use=use), [("3:22:", "t", "in templates only")])


USES = {
    "missing argument": ('{ type = "t" }', [("3:1:", "t", "missing field c")]),
    "unknown argument": ('{ type = "t", c = 4, d = 5 }', [("3:22:", "t", 'unknown key "d"', "expected one of c")]),
    "misspelt argument": (
        '{ type = "t", wdth = 4 }',
        [("3:15:", "wdth", "did you mean 'width'")],
    ),
    "field of a kind": ('{ type = "t", c = 4, bias = true }', [("3:22:", "t", 'unknown key "bias"')]),
    "layers inside": ('{ type = "t", c = 4, layers = [] }', [("3:22:", "t has no layers inside")]),
    "name with a dot": ('{ type = "t", c = 4, name = "a.b" }', [("3:22:", "name", "letters, digits")]),
    "name that is a number": ('{ type = "t", c = 4, name = 5 }', [("3:22:", "invalid name 5")]),
    "name of the input": ('{ type = "t", c = 4, name = "input" }', [("3:22:", "already taken")]),
    "after a word": ('{ type = "t", c = 4, after = "input" }', [("3:22:", "expected a list of names")]),
    "after nothing": ('{ type = "t", c = 4, after = [] }', [("3:22:", "expected a list of names")]),
    "after an unknown layer": ('{ type = "t", c = 4, after = ["nope"] }', [("3:22:", "t1", "'nope'", "input")]),
    "not a number": ('{ type = "t", c = nan }', [("3:15:", "nan")]),
    "endless": ('{ type = "t", c = inf }', [("3:15:", "inf")]),
    "list": ('{ type = "t", c = [1, 2] }', [("3:15:", "[1, 2]")]),
    "table": ('{ type = "t", c = { a = 1 } }', [("3:15:", '{"a"')]),
    "date": ('{ type = "t", c = 1979-05-27 }', [("3:15:", "1979-05-27")]),
    "endless the other way": ('{ type = "t", c = -inf }', [("3:15:", "inf")]),
}


@pytest.mark.parametrize(("use", "problems"), USES.values(), ids=USES)
def test_a_use_says_what_the_template_takes(use: str, problems: list[tuple[str, ...]], refused: Refused) -> None:
    name = "width" if "wdth" in use else "c"
    content = made(CONV.replace('"c"', f'"{name}"'), use=use, head=f'required = ["{name}"]')
    refused(content, problems)


ARGUMENTS = {
    "zero": "0",
    "negative": "-4",
    "truth": "true",
    "decimal": "4.5",
    "word": '"four"',
    "arithmetic outside a template": '"2 * 2"',
    "huge": "9" * 400,
    "very long word": '"' + "c" * 5000 + '"',
}


@pytest.mark.parametrize("value", ARGUMENTS.values(), ids=ARGUMENTS)
def test_an_argument_that_does_not_fit_names_both_places(value: str, refused: Refused) -> None:
    """The row that cannot be, and the line that gave the argument."""
    content = made(CONV, use=f'{{ type = "t", c = {value} }}')
    refused(content, [("8:", "t1.Conv1", USED)])


@pytest.mark.parametrize(
    "name",
    [
        *("in_channels", "channels", "index", "divisible", "ceil_div", "min", "max", "round"),
        *("type", "name", "after", "repeat", "when", "layers"),
        *("relu", "batch", "none", "same", "valid", "input", "true", "false"),
    ],
)
def test_an_argument_has_a_name_of_its_own(name: str, run: Run, write: Write) -> None:
    """A name that means something already is refused where it is declared."""
    for head in (f'required = ["{name}"]', f"arguments = {{ {name} = 4 }}"):
        result = run(write("a.toml", made(CONV.replace('"c"', "4"), use='{ type = "Flatten" }', head=head)))
        assert (result.code, result.out) == (2, "")
        assert f"an argument cannot be named {name}: the name is taken" in result.err
    result = run(write("a.toml", f'{INPUT}layers = [{{ type = "Flatten" }}]\n[arguments]\n{name} = 4\n'))
    assert result.code == 2
    assert f"4:1: an argument cannot be named {name}" in result.err


@pytest.mark.parametrize("name", ["c-d", "1c", "lambda", "if", "not", "True", "None", "é"])
def test_an_argument_has_a_name_that_expressions_can_say(name: str, run: Run, write: Write) -> None:
    """What no expression could mean is refused where it is declared, in line 6."""
    content = made(CONV.replace('"c"', "4"), use='{ type = "Flatten" }', head=f'arguments = {{ "{name}" = 4 }}')
    path = write("a.toml", content)
    result = run(path)
    assert (result.code, result.out) == (2, "")
    assert name in result.err


def templates(*bodies: tuple[str, str]) -> str:
    """Write a file that uses the first of these templates; each is its name and a row."""
    texts = "".join(f"[templates.{name}]\nlayers = [ {layer} ]\n" for name, layer in bodies)
    return f'{INPUT}layers = [ {{ type = "{bodies[0][0]}" }} ]\n{texts}'


RECURSIONS = {
    "itself": (templates(("a", '{ type = "a" }')), [("3:1:", "a is recursive")]),
    "itself in a block": (
        templates(("a", '{ type = "Block", layers = [{ type = "a" }] }')),
        [("3:1:", "a is recursive")],
    ),
    "each other": (
        templates(("a", '{ type = "b" }'), ("b", '{ type = "a" }')),
        [("3:1:", "a is recursive"), ("5:1:", "b is recursive")],
    ),
    "three in a ring": (
        templates(("a", '{ type = "b" }'), ("b", '{ type = "c" }'), ("c", '{ type = "a" }')),
        [("3:1:", "template a"), ("5:1:", "template b"), ("7:1:", "template c")],
    ),
    "what is not used": (
        templates(("a", '{ type = "Flatten" }'), ("b", '{ type = "b" }')),
        [("5:1:", "b is recursive")],
    ),
    "even where a condition ends it": (templates(("a", '{ type = "a", when = false }')), [("3:1:", "a is recursive")]),
}


@pytest.mark.parametrize(("content", "problems"), RECURSIONS.values(), ids=RECURSIONS)
def test_a_template_does_not_contain_itself(content: str, problems: list[tuple[str, ...]], refused: Refused) -> None:
    refused(content, problems)


def test_templates_nest_so_deep(refused: Refused) -> None:
    """A chain of 30 templates is refused in one line."""
    chain = [(f"a{number}", f'{{ type = "a{number + 1}" }}') for number in range(30)]
    content = templates(*chain, ("a30", '{ type = "Flatten" }'))
    refused(content, [("", "nested deeper than 16 levels")])


@pytest.mark.parametrize(
    ("expression", "depth"),
    [("c + c", 15), ("c * c", 15), ("+".join(["c"] * 90), 12)],
    ids=["sums", "products", "long sums"],
)
def test_arguments_that_grow_from_template_to_template_end(
    expression: str, depth: int, process: Process, write: Write
) -> None:
    """An argument of an argument of an argument costs no more than the file is long."""
    chain = [(f"a{n}", f'{{ type = "a{n + 1}", c = "{expression}" }}') for n in range(depth)]
    bodies = [*chain, (f"a{depth}", conv("c - 900000000"))]
    texts = "".join(f'[templates.{name}]\nrequired = ["c"]\nlayers = [ {layer} ]\n' for name, layer in bodies)
    path = write("a.toml", f'{INPUT}layers = [ {{ type = "a0", c = 4 }} ]\n{texts}')
    result = process(path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert "out_channels" in result.err


BODIES = {
    "number": "layers = 3",
    "word": 'layers = "x"',
    "table": 'layers = { type = "Flatten" }',
    "nothing": "layers = []",
    "missing": "",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_template_is_a_list_of_layers(body: str, run: Run, write: Write) -> None:
    """The template is pointed at, and what it has to have is said."""
    content = f'{INPUT}layers = [ {{ type = "t" }} ]\n[templates.t]\n{body}\n'
    path = write("a.toml", content)
    result = run(path)
    assert (result.code, result.out) == (2, "")
    assert f"{path}:3:1:" in result.err or f"{path}:4:1:" in result.err
    assert "a list of layers, at least one" in result.err


@pytest.mark.parametrize("body", ["3", '"x"', "{}", "[3]", '["x"]', "[]"])
def test_a_block_in_a_template_is_a_list_of_layers(body: str, refused: Refused) -> None:
    block = f'{{ type = "Block", name = "b", layers = {body} }}'
    refused(made(block), [("8:", "template t", "layer")])


@pytest.mark.parametrize(
    "head", ['required = "c"', "required = [1]", "required = { c = 1 }", 'arguments = ["c"]', "arguments = { c = [1] }"]
)
def test_a_template_declares_names(head: str, run: Run, write: Write) -> None:
    """The key that is wrong is named, in the template's lines; the table is not written out."""
    path = write("a.toml", made(CONV.replace('"c"', "4"), use='{ type = "Flatten" }', head=head))
    result = run(path)
    key = head.partition(" ")[0]
    assert (result.code, result.out) == (2, "")
    assert f"{path}:5:" in result.err or f"{path}:6:" in result.err
    assert key in result.err
    assert "templates = {" not in result.err


ROWS = {
    "no table": ("3", [("8:", "template t, layer 1", "a layer is a table")]),
    "unknown kind": ('{ type = "Cnov" }', [("8:", "template t", "'Cnov'", "did you mean 'Conv'")]),
    "no kind": ("{ stride = 2 }", [("8:", "template t, layer 1", "type")]),
    "unknown template": ('{ type = "tt" }', [("8:", "template t", "unknown type 'tt'")]),
    "unknown key": (
        '{ type = "Conv", out_channels = "c", kernel_size = 1, strde = 2 }',
        [("8:55:", "template t, Conv", "strde", "did you mean 'stride'")],
    ),
    "missing field": (
        '{ type = "Conv", out_channels = "c" }',
        [("8:1:", "template t, Conv", "missing field kernel_size")],
    ),
    "after what is outside": ('{ type = "Flatten", after = ["t1"] }', [("8:21:", "t1.Flatten1", "'t1'", USED)]),
    "wrong scale": (CONV.replace(" }", ', scale = "maybe" }'), [("8:55:", "t1.Conv1", '"maybe"', '"never"', USED)]),
    "taken name": (
        '{ type = "Flatten", name = "a" },\n{ type = "Flatten", name = "a" }',
        [("9:21:", "the name is already taken")],
    ),
    "name of what enters": ('{ type = "Flatten", name = "input" }', [("8:21:", "the name is already taken")]),
}


@pytest.mark.parametrize(("rows", "problems"), ROWS.values(), ids=ROWS)
def test_a_row_of_a_template_is_checked(rows: str, problems: list[tuple[str, ...]], refused: Refused) -> None:
    refused(made(rows), problems)


JOINS = {
    "Add of other channels": ("Add", '"c + 1", kernel_size = 1', ["4 and 5 channels (input 4×8×8 and 5×8×8)"]),
    "Add of other maps": (
        "Add",
        "4, kernel_size = 1, stride = 2",
        ["8 and 4 positions along spatial axis 0"],
    ),
    "Concat of other maps": (
        "Concat",
        '"9", kernel_size = [3, 1]',
        ["8 and 6 positions along spatial axis 0 (input 4×8×8 and 9×6×8)"],
    ),
    "Mul of other channels": ("Mul", "2, kernel_size = 1", ["not 2 to 4 channels (input 4×8×8 and 2×8×8)"]),
}


@pytest.mark.parametrize(("kind", "fields", "says"), JOINS.values(), ids=JOINS)
def test_what_does_not_fit_together_names_both_shapes(
    kind: str, fields: str, says: list[str], refused: Refused
) -> None:
    use = '{ type = "t", c = 4, name = "u" }'
    rows = (
        f'{{ type = "Conv", name = "a", out_channels = {fields} }}',
        f'{{ type = "{kind}", after = ["input", "a"] }}',
    )
    content = made(*rows, use=use)
    refused(content, [("9:1:", f"u.{kind}2", USED, words) for words in says])


def test_a_template_in_a_template_names_every_line_that_used_it(refused: Refused) -> None:
    content = (
        f'{INPUT}layers = [ {{ type = "outer", name = "o" }} ]\n'
        '[templates.outer]\nlayers = [\n{ type = "inner", name = "i", c = "in_channels - 4" },\n]\n'
        f'[templates.inner]\nrequired = ["c"]\nlayers = [ {CONV} ]\n'
    )
    problem = ("9:", "o.i.Conv1", "invalid out_channels 0", "used at line 5, 2")
    refused(content, [problem])


def test_a_kind_is_no_template(refused: Refused) -> None:
    content = f'{INPUT}layers = [ {{ type = "Flatten" }} ]\n[templates.Conv]\nlayers = [ {{ type = "Flatten" }} ]\n'
    refused(content, [("3:1:", "Conv is already a kind of layer")])


def test_a_misspelt_template_is_suggested(refused: Refused) -> None:
    content = made(CONV, use='{ type = "tt", c = 4 }').replace("templates.t]", "templates.bottleneck]")
    content = content.replace('"tt"', '"botleneck"')
    refused(content, [("3:1:", "'botleneck'", "did you mean 'bottleneck'")])


def test_several_mistakes_are_told_at_once(run: Run, write: Write) -> None:
    """What enters twice is told twice: each with the line that used it."""
    use = f"{USE},\n{USE}"
    content = made('{ type = "Flatten", after = ["nope"] }', use=use)
    path = write("a.toml", content)
    result = run(path)
    assert (result.code, len(result.problems)) == (2, 2)
    assert {line[-7:] for line in result.problems} == {"line 3)", "line 4)"}


def test_json_has_the_same_places(run: Run, write: Write) -> None:
    content = json.dumps(
        {
            "input": [3, 8, 8],
            "layers": [{"type": "t", "c": 0}],
            "templates": {
                "t": {"required": ["c"], "layers": [json.loads('{"type":"Conv","out_channels":"c","kernel_size":1}')]}
            },
        },
        indent=1,
    )
    path = write("a.json", content)
    result = run(path)
    line = 1 + next(number for number, text in enumerate(content.split("\n")) if '"out_channels"' in text)
    assert f"{path}:{line}:" in result.err
    assert "t1.Conv1: invalid out_channels 0" in result.err


def test_a_long_chain_of_templates_is_too_deep_and_a_cycle_behind_it_recursive(run: Run, write: Write) -> None:
    """Each template is visited a few times, not once for each that leads to it: 5,000 take no time."""
    chain = "".join(f'templates.t{n}.layers = [{{type = "t{n + 1}"}}]\n' for n in range(5000))
    start = 'input = [1]\nlayers = [{type = "t0"}]\n'
    end = 'templates.t5000.layers = [{type = "Flatten"}]\n'
    assert "nested deeper than 16 levels" in run(write("a.toml", start + chain + end)).err
    cycle = 'templates.t5000.layers = [{type = "u"}]\ntemplates.u.layers = [{type = "t5000"}]\n'
    err = run(write("b.toml", start + chain + cycle)).err
    assert [name for name in ("t0", "t4999", "t5000", "u") if f"template {name} is recursive" in err] == ["t5000", "u"]
