"""LaTeX: tables that compile, and say the same as the others."""

import re
from time import process_time

import pytest
from conftest import Run, Write

from flopcount.report.table import Column, Report, Row, Table, render_latex

VIEWS: list[tuple[str, ...]] = [
    ("resnet50",),
    ("mobilenet_v1",),
    ("mobilenet_v2", "--by", "kernel"),
    ("resnet50", "--depth", "1", "--sort", "macs", "--top", "3"),
    ("mobilenet_v1", "--columns", "path,share"),
    ("compare", "resnet50", "vgg16"),
    ("verify", "alexnet"),
    ("verify", "squeezenet1_0", "--errata"),
    ("archs",),
    ("kinds",),
]


def tabulars(text: str) -> list[tuple[str, list[str]]]:
    """Return the alignment and the lines of each tabular; they are closed and not nested."""
    found = re.findall(r"\\begin\{tabular\}\{([lrcp{}.\d\\a-z]+?)\}\n(.*?)\n\\end\{tabular\}", text, re.DOTALL)
    assert len(found) == text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") > 0
    return [(alignment, body.split("\n")) for alignment, body in found]


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_table_is_balanced(view: tuple[str, ...], run: Run) -> None:
    """As many cells in each row as columns, rules in place, braces and dollars in pairs; outside only comments."""
    result = run(*view, "--format", "latex")
    assert result.code == 0
    outside = re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}\n", "", result.out, flags=re.DOTALL)
    assert all(line.startswith("%") for line in outside.splitlines() if line)
    for alignment, lines in tabulars(result.out):
        assert (lines[0], lines[2], lines[-1]) == (r"\toprule", r"\midrule", r"\bottomrule")
        for line in lines:
            if line not in {r"\toprule", r"\midrule", r"\bottomrule"}:
                assert line.endswith(r" \\")
                bare = re.sub(r"\\[&%$#_{}]", "", line)
                assert bare.count("&") == len(alignment) - 1
                assert bare.count("$") % 2 == 0
                assert bare.count("{") == bare.count("}")
                assert not {"%", "#", "_", "~", "^"} & {*bare}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% of R&D_#1", r"50\% of R\&D\_\#1"),
        ("a{b}c", r"a\{b\}c"),
        ("a\\b", r"a\textbackslash{}b"),
        ("~x^2", r"\textasciitilde{}x\textasciicircum{}2"),
        ("3×3", r"3$\times$3"),
        ("$5", r"\$5"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
    ],
)
def test_what_is_special_is_escaped(text: str, written: str) -> None:
    """In titles and in cells."""
    table = Table("t", (Column("a", text),), (Row({"a": text}),))
    ((_, lines),) = tabulars(render_latex(Report("title", (table,))))
    assert (lines[1], lines[3]) == (rf"{written} \\", rf"{written} \\")


def test_a_title_stays_a_comment(run: Run, write: Write) -> None:
    r"""A description with a % or a \ harms nothing."""
    content = 'name = "n"\ndescription = "100 % \\\\bad{ & worse"\ninput = [3, 8, 8]\nlayers = [{ type = "Flatten" }]\n'
    first = run(write("n.toml", content), "--format", "latex").out.splitlines()[0]
    assert first == "% n: 100 % \\bad{ & worse"


def test_the_total_stands_below_a_rule(run: Run) -> None:
    """The figures of the paper's MobileNet, exactly."""
    (_, lines), *_ = tabulars(run("mobilenet_v1_1.0_224", "--format", "latex").out)
    assert lines[-3] == r"\midrule"
    assert "568,740,352" in lines[-2]
    assert "4,231,976" in lines[-2]


def test_what_it_needs_is_said(run: Run) -> None:
    assert r"% needs \usepackage{booktabs}" in run("vgg16", "--format", "latex").out


def test_integers_are_written_in_a_unit_and_what_is_not_zero_is_not_written_as_zero(run: Run) -> None:
    """Of the 14-layer body: 5,392,224 MACs are 5.39 M, 864 params less than 0.005 M; the block of totals is exact."""
    table, block = tabulars(run("mobilenet_v1", "--input", "160", "--format", "latex", "--unit", "M").out)
    assert r"& $<$ 0.01 & 5.39 & 4.27\% &" in table[1][3]
    assert "& 3.19 & 126.37 &" in table[1][-2]
    assert "MACs & 1045417824 & 126373376 & 0.12088312739538674" in block[1][3]


@pytest.mark.parametrize("other", ["--format=json", "--format=csv", "--exact-numbers"])
def test_a_unit_is_refused_where_numbers_are_exact(other: str, run: Run) -> None:
    result = run("lenet5", "--unit", "k", other)
    assert (result.code, result.out) == (2, "")
    assert other.removesuffix("=csv").removesuffix("=json") in result.err


def test_decimal_points_of_ratios_are_aligned(run: Run) -> None:
    (_, lines), *_ = tabulars(run("mobilenet_v1", "--input", "160", "--format", "latex").out)
    assert lines[3].endswith(r"& 1.000\phantom{0} \\")
    assert lines[4].endswith(r"& 0.1267 \\")


def test_a_long_table_takes_time_in_proportion_to_its_rows(run: Run, write: Write) -> None:
    """20,000 layers are written in 5 s of CPU: the widest ratio is looked for once, not again in each row."""
    row = '{ type = "Conv", name = "c", out_channels = 3, kernel_size = 1, repeat = 20000 }'
    source = write("long.toml", f"input = [3, 8, 8]\nlayers = [{row}]\n")
    start = process_time()
    result = run(str(source), "--format", "latex")
    assert (result.code, process_time() - start < 5) == (0, True)
    assert result.out.count(" & Conv & ") == 20000
