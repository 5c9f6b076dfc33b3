"""`flopcount formula`: kinds in letters, networks as polynomials, the pattern of kernels."""

import json
import sys
from fractions import Fraction

import pytest
from conftest import Run, Write

from flopcount.report.formula import polynomial


def shown(run: Run, *arguments: str) -> dict[str, str]:
    """Return the formulas of a kind or of two, by quantity."""
    result = run("formula", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return {row["quantity"]: row["formula"] for row in json.loads(result.out)["forms"]}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Conv", ("M·N·k²", "N·(M·k² + 1)", "M·N·k²·H·W")),
        ("DepthwiseConv", ("M·k²", "M·(k² + 1)", "M·k²·H·W")),
        ("DepthSepConv", ("M·(N + k²)", "M·N + M·k² + N", "M·(N + k²)·H·W")),
        ("HetConv", ("M·N·(k² + p − 1)/p", "N·(M·k² + M·p + p − M)/p", "M·N·(k² + p − 1)·H·W/p")),
        ("TuckerConv", ("M·r₁ + N·r₂ + k²·r₁·r₂", None, None)),
        ("WinogradConv", ("M·N·k²", None, "M·N·⌈H/2⌉·⌈W/2⌉·(k + 1)²")),
        ("PartialConv", ("k²·⌊M/4⌋²", None, "k²·⌊M/4⌋²·H·W")),
        ("BSConvS", ("M·min(M, max(4, ⌈M/4⌉)) + N·k² + N·min(M, max(4, ⌈M/4⌉))", None, None)),
        ("MultiheadAttention", ("4·D²", "4·D·(D + 1)", "2·D·(2·D + n)·n")),
        ("LSTM", ("4·(H + M)·H", None, None)),
        ("MaxPool", ("0", "0", "0")),
    ],
)
def test_a_kind_is_written_in_letters(kind: str, expected: tuple[str | None, ...], run: Run) -> None:
    found = shown(run, kind)
    assert [text for text, hoped in zip(found.values(), expected, strict=True) if hoped not in {None, text}] == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DepthSepConv", "1/k² + 1/N"),
        ("HetConv", "1/p + (1 − 1/p)/k²"),
        ("DualConv", "1/k² + 1/g"),
        ("GroupConv", "1/g"),
        ("PartialConv", "⌊M/4⌋²/M²"),
        ("BSConvS", "(min(M, max(4, ⌈M/4⌉))/N + min(M, max(4, ⌈M/4⌉))/M)/k² + 1/M"),
        ("GhostConv", "(M·k² + 9)·⌈N/2⌉/(M·N·k²)"),
    ],
)
def test_a_ratio_is_a_sum_of_simple_terms(kind: str, expected: str, run: Run) -> None:
    assert shown(run, kind, "--over", "Conv") == {"weights": expected, "MACs": expected}


def test_what_must_hold_and_what_letters_mean_is_said(run: Run) -> None:
    result = run("formula", "HetConv")
    assert (result.code, result.err) == (0, "")
    assert "where p divides M" in result.out
    assert "input channels" in result.out
    found = json.loads(run("formula", "TuckerConv", "--format", "json").out)["letters"]
    assert {"letter": "r₁", "meaning": "rank_in"} in found


def test_minus_signs_are_avoided(run: Run) -> None:
    """Without padding the map is H − k + 1, and it has to be there."""
    result = run("formula", "Conv", "--set", "padding=0")
    assert "M·N·k²·(H + 1 − k)·(W + 1 − k)" in result.out
    assert "where H ≥ k" in result.out


def test_options_are_fixed_and_named(run: Run) -> None:
    assert shown(run, "HetConv", "--set", "p=4", "--set", "kernel_size=3")["weights"] == "3·M·N"
    assert shown(run, "Conv", "--set", "kernel_size=[3,5]")["weights"] == "15·M·N"
    assert shown(run, "Conv", "--set", "groups=g")["weights"] == "M·N·k²/g"
    assert shown(run, "DepthSepConv", "--set", "depth_multiplier=m")["weights"] == "M·m·(N + k²)"
    assert shown(run, "Conv", "--set", "stride=s")["MACs"] == "M·N·k²·⌈H/s⌉·⌈W/s⌉"


def test_latex_is_written(run: Run) -> None:
    out = run("formula", "DualConv", "--over", "Conv", "--latex").out
    assert r"\text{MACs} &= \frac{1}{k^{2}} + \frac{1}{g}" in out
    assert "% where g divides M" in out
    out = run("formula", "mobilenet_v1_1.0_224", "--latex").out
    assert r"\text{MACs} &= \frac{22629}{2} r^{2} + 1024000" in out


def test_the_kernels_of_a_heterogeneous_convolution_are_drawn(run: Run) -> None:
    """Filter i is k×k at the channels c where p divides c − i."""
    rows = json.loads(run("formula", "HetConv", "--pattern", "6x4", "-p", "3", "--format", "json").out)["pattern"]
    assert [row["kernels"] for row in rows] == ["100100", "010010", "001001", "100100"]
    assert "■ · · ■ · ·" in run("formula", "HetConv", "--pattern", "6×4", "-p", "3").out


@pytest.mark.parametrize("p", [1, 2, 4, 8])
def test_a_pattern_has_one_large_kernel_in_p(p: int, run: Run) -> None:
    rows = json.loads(run("formula", "HetConv", "--pattern", "8x5", "-p", str(p), "--format", "json").out)["pattern"]
    assert [row["kernels"].count("1") for row in rows] == [8 // p] * 5


def test_a_network_is_a_polynomial_in_resolution(run: Run) -> None:
    """All MACs of MobileNet but the classifier's 1024·1000 grow with the area of the map."""
    result = run("formula", "mobilenet_v1_1.0_224")
    assert (result.code, result.err) == (0, "")
    assert "11586048·s² + 1024000" in result.out
    assert "r = 32·s, for every whole s from 1 on: 32, 64, 96, …" in result.out
    assert 11_586_048 * 7**2 + 1_024_000 == 568_740_352


def test_a_network_is_a_polynomial_in_batch_and_width(run: Run) -> None:
    assert shown(run, "resnet18", "--in", "batch") == {"params": "11689512", "MACs": "1814073344·b"}
    result = run("formula", "mobilenet_v1_1.0_224", "--in", "width")
    assert "α = s/32, for every whole s from 8 on: 1/4, 9/32, 5/16, …" in result.out
    assert "3139584·α² + 1091392·α + 1000" in result.out


def test_what_else_is_fixed_counts(run: Run) -> None:
    """A width of 0.5 and a batch of 3 are fixed before the polynomial is sought."""
    half = json.loads(run("mobilenet_v1_1.0_224", "--width", "0.5", "--format", "json").out)["totals"]
    found = shown(run, "mobilenet_v1_1.0_224", "--width", "0.5", "--in", "batch")
    assert found == {"params": str(half["params"]), "MACs": f"{half['macs']}·b"}
    once, thrice = (
        json.loads(run("formula", "resnet18", *batch, "--format", "json").out)["forms"][1]["formula"]
        for batch in ([], ["--batch", "3"])
    )
    assert (once, thrice) == ("36144·r² + 512000", "108432·r² + 1536000")


def test_a_network_of_tokens_ends_with_its_table_of_positions(run: Run) -> None:
    """Linear layers of GPT-2 take 123,532,032 MACs a token, pairs of tokens 2·12·768; wpe has 1,024 rows."""
    assert shown(run, "gpt2", "--in", "tokens") == {"params": "124439808", "MACs": "18432·n² + 123532032·n"}
    for size in ("1", "1022", "1024"):
        assert "for every whole n from 1 to 1024\n" in run("formula", "gpt2", "--in", "tokens", "--input", size).out
    assert json.loads(run("formula", "gpt2", "--format", "json").out)["to"] == "1024"
    assert json.loads(run("formula", "resnet18", "--format", "json").out)["to"] is None


def test_a_polynomial_of_a_large_map_is_found_in_bounded_steps(run: Run, write: Write) -> None:
    """It holds from r = 1 on; how far down that is verified depends on the work, which must end."""
    layers = 'layers = [{ type = "Conv", out_channels = 8, kernel_size = 1, bias = false }]'
    form = run("formula", write("a.toml", f"input = [3, 1000000, 1000000]\n{layers}"), "--format", "csv").out
    assert "24·r²" in form


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Covn"], "did you mean 'Conv'?"),
        (["resnet5"], "did you mean 'resnet50'?"),
        (["Conv", "--over", "Zonv"], "did you mean 'Conv'?"),
        (["MaxPool", "--over", "Conv"], "MaxPool does not replace a convolution"),
        (["Conv", "--over", "Linear"], "Linear does not replace a convolution"),
        (["Conv", "--over", "AdderConv"], "AdderConv has no MACs to compare with"),
        (["Conv", "--set", "grups=2"], "did you mean 'groups'?"),
        (["Conv", "--over", "HetConv", "--set", "rank=2"], "neither Conv nor HetConv has this option"),
        (["Conv", "--set", "groups=0"], "expected an integer (1 to 10⁹)"),
        (["Conv", "--set", "padding=foo"], "padding"),
        (["Conv", "--set", "groups=two"], "groups"),
        (["Conv", "--in", "batch"], "--in is for networks"),
        (["Conv", "--input", "160"], "--input is for networks"),
        (["Conv", "--params", "total"], "--params is for networks"),
        (["resnet18", "--over", "Conv"], "--over is for kinds of layers"),
        (["resnet18", "-p", "3"], "-p is for kinds of layers"),
        (["resnet18", "--in", "width", "--width", "0.5"], "--width and --in width exclude each other"),
        (["resnet18", "--in", "batch", "--batch", "2"], "--batch and --in batch exclude each other"),
        (["resnet18", "--input", "224x160"], "give --input with one size"),
        (["mixer_b16_224"], "mixer_b16_224 has no polynomial in resolution"),
        (["Conv", "--pattern", "6x4", "-p", "3"], "--pattern is for HetConv"),
        (["HetConv", "--pattern", "6x4"], "--pattern and -p require each other"),
        (["HetConv", "-p", "3"], "--pattern and -p require each other"),
        (["HetConv", "--pattern", "6x4", "-p", "4"], "-p 4 does not divide the 6 channels"),
        (["HetConv", "--pattern", "6", "-p", "3"], "is not CHANNELSxFILTERS"),
        (["HetConv", "--pattern", "0x4", "-p", "3"], "is not CHANNELSxFILTERS"),
        (["HetConv", "--pattern", "6x4", "-p", "3", "--latex"], "--latex is for formulas"),
        (["lenet5", "--latex", "--format", "svg"], "--latex writes equations, not svg"),
        (["nowhere.toml"], "no such file"),
    ],
)
def test_bad_input_is_answered_in_one_sentence(arguments: list[str], says: str, run: Run) -> None:
    result = run("formula", *arguments)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert says in result.err


def test_without_sympy_the_way_out_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds need the extra; networks do without."""
    monkeypatch.setitem(sys.modules, "sympy", None)
    result = run("formula", "Conv")
    assert (result.code, result.out) == (2, "")
    assert result.problems == [
        "formula needs sympy: run pip install '.[formula]' in a clone of flopcount, or pip install sympy"
    ]
    assert run("formula", "resnet18").code == 0


def test_a_polynomial_is_written_from_the_highest_power_down() -> None:
    coefficients = (Fraction(-3), Fraction(0), Fraction(1), Fraction(-5, 2))
    assert polynomial(coefficients, "s") == "−5/2·s³ + s² − 3"
    assert polynomial(coefficients, "s", latex=True) == r"-\frac{5}{2} s^{3} + s^{2} - 3"
    assert polynomial((), "s") == "0"
