"""`flopcount verify`: claims recomputed, and claims that cannot be."""

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Run, Write

from flopcount.spec.load import files
from flopcount.spec.units import METRICS

NETWORK = """name = "n"
input = [3, 8, 8]
arguments = { w = 4 }
variants = { wide = { arguments = { w = 8 } } }
layers = [
{ type = "Conv", name = "a", out_channels = "w", kernel_size = 1, bias = true, norm = "batch" },
{ type = "Block", name = "b", layers = [{ type = "DepthSepConv", name = "c", out_channels = 8, kernel_size = 3 }] },
]
[defaults]
padding = "same"
bias = false
[[claims]]
"""
"""a: 3·4 weights, 4 biases, 8 of a norm, 12·64 MACs; b.c: 4·9 and 4·8 weights, as many times 64 MACs."""

A, DEPTHWISE, POINTWISE = 12 * 64, 36 * 64, 32 * 64


def claims(*bodies: str) -> str:
    """Write the network with claims; each names its source in the line before the rest, the first in line 13."""
    return NETWORK + "\n[[claims]]\n".join(f'source = "s"\n{body}' for body in bodies) + "\n"


def statuses(result: Result) -> list[str]:
    return [row["status"] for row in csv.DictReader(io.StringIO(result.out))]


@pytest.mark.parametrize(
    "body",
    [
        f"macs = {A + DEPTHWISE + POINTWISE}",
        f'macs = "{A + DEPTHWISE + POINTWISE:,}"',
        'macs = "5.1k"',
        'macs = "5k"\nrule = "truncate"',
        'macs = "6k"\nrule = "ceil"',
        "params = 92",
        'params = 80\nconvention = "weights"',
        'params = 100\nconvention = "total"',
        'params = 84\nconvention = "folded"',
        f'path = "a"\nmacs = {A}\nparams = 24',
        f'path = "b"\nmacs = {DEPTHWISE + POINTWISE}\nparams = 68',
        f'path = "b.c"\nmacs = {DEPTHWISE + POINTWISE}',
        f'path = "b.c.depthwise"\nmacs = {DEPTHWISE}\nparams = 36',
        f'path = "b.c.pointwise"\nmacs = {POINTWISE}',
        'path = "a"\nmacs = "15%"\nparams = "26%"',
        f'leaves = "DepthwiseConv 3×3"\nmacs = {DEPTHWISE}',
        f'leaves = "Conv 1×1"\nmacs = {A + POINTWISE}',
        f'path = "b"\nleaves = "Conv 1×1"\nmacs = {POINTWISE}',
        f"input = 16\nmacs = {4 * (A + DEPTHWISE + POINTWISE)}",
        f'input = "16x8"\nmacs = {2 * (A + DEPTHWISE + POINTWISE)}',
        f'with = {{ standard = true }}\npath = "b.c"\nmacs = {4 * 8 * 9 * 64}\nparams = 288',
        f'with = {{ variant = "wide" }}\npath = "a"\nmacs = {2 * A}',
        f'with = {{ set = ["arguments.w=8"] }}\npath = "a"\nmacs = {2 * A}',
        f'with = {{ set = ["a.out_channels=8"] }}\npath = "a"\nmacs = {2 * A}',
        f'with = {{ set = ["a.out_channels=8", "a.bias=false"] }}\npath = "a"\nparams = {24 + 16}\nmacs = {2 * A}',
        f'with = {{ width = 0.5 }}\npath = "a"\nmacs = {A // 2}',
        f'with = {{ width = 0.5, variant = "wide" }}\npath = "a"\nmacs = {A}',
        f'counts = "conv_bias"\npath = "a"\nmacs = {A + 4 * 64}',
        'macs = "5.1k"\nparams = 92\nparams_rule = "exact"\nrule = "round"',
        'flops = "10.2k"',
        f'path = "b.c"\nflops = {2 * (DEPTHWISE + POINTWISE)}',
    ],
)
def test_a_claim_that_holds(body: str, run: Run, write: Write) -> None:
    """Hand-computed figures, in every way a claim may say what it is about."""
    result = run("verify", write("n.toml", claims(body)), "--format", "csv")
    assert (result.code, {*statuses(result)}) == (0, {"holds"}), result.out + result.err


def test_a_claim_that_differs_breaks(run: Run, write: Write) -> None:
    """Exit code 1, and the table is shown all the same."""
    result = run("verify", write("n.toml", claims("macs = 5120", "macs = 5121")), "--format", "csv")
    assert (result.code, statuses(result)) == (1, ["holds", "differs"])
    assert "1 of 2 published figures differ" in result.err


def test_a_known_erratum_breaks_nothing(run: Run, write: Write) -> None:
    content = claims('macs = 5121\nparams = 92\nerratum = "one too many"')
    result = run("verify", write("n.toml", content), "--format", "csv")
    assert (result.code, statuses(result)) == (0, ["holds", "erratum"])


def test_the_data_have_all_verdicts(run: Run, write: Write) -> None:
    content = claims("macs = 5120", "macs = 1", 'macs = 2\nerratum = "why"')
    data = json.loads(run("verify", write("n.toml", content), "--format", "json").out)
    assert data["verdicts"] == {"holds": 1, "erratum": 1, "differs": 1}
    assert [(row["arch"], row["claimed"], row["exact"], row["status"]) for row in data["claims"]] == [
        ("n", "5120", 5120, "holds"),
        ("n", "1", 5120, "differs"),
        ("n", "2", 5120, "erratum"),
    ]


BAD = {
    "no source": ("", "macs = 3", "source"),
    "no figure": ("12:1:", 'table = "1"', "macs"),
    "word for a figure": ("14:1:", 'macs = "many"', "many"),
    "two points": ("14:1:", 'macs = "1.2.3"', "1.2.3"),
    "unknown unit": ("14:1:", 'macs = "3X"', "3X"),
    "negative figure": ("14:1:", "macs = -1", "-1"),
    "decimal figure": ("14:1:", "macs = 1.5", "1.5"),
    "truth for a figure": ("14:1:", "params = true", "true"),
    "huge figure": ("14:1:", f"macs = {10**19}", "macs"),
    "unknown rule": ("15:1:", 'macs = 1\nrule = "floor"', '"truncate"'),
    "unknown rule for params": ("15:1:", 'macs = 1\nparams_rule = "floor"', '"truncate"'),
    "unknown convention": ("15:1:", 'macs = 1\nconvention = "all"', '"weights"'),
    "unknown counts": ("15:1:", 'macs = 1\ncounts = "flops"', "counts"),
    "unknown path": ("", 'macs = 1\npath = "zz"', "'zz'"),
    "unknown label": ("", 'macs = 1\nleaves = "Conv 9×9"', "'Conv 9×9'"),
    "unknown variant": ("", 'macs = 1\nwith = { variant = "wider" }', "did you mean 'wide'"),
    "unknown key": ("", "macs = 1\nmcas = 2", "did you mean 'macs'"),
    "unknown change": ("15:", "macs = 1\nwith = { widht = 2 }", "width"),
    "no width": ("15:", "macs = 1\nwith = { width = 0 }", "width"),
    "width that is no number": ("15:", "macs = 1\nwith = { width = nan }", "width"),
    "changes as a word": ("15:", 'macs = 1\nwith = { set = "a.bias=true" }', "set"),
    "change without a value": ("1", 'macs = 1\nwith = { set = ["a"] }', "KEY=VALUE"),
    "change of an unknown layer": ("1", 'macs = 1\nwith = { set = ["zz.bias=true"] }', "no layer at zz"),
    "impossible change": ("1", 'macs = 1\nwith = { set = ["a.out_channels=0"] }', "invalid out_channels 0"),
    "change of an unknown argument": ("1", 'macs = 1\nwith = { set = ["arguments.ww=0"] }', "ww"),
    "several values": ("1", 'macs = 1\nwith = { set = ["a.out_channels=4,8"] }', "several values"),
    "input that is none": ("1", 'macs = 1\ninput = "big"', "big"),
    "input of nothing": ("15:1:", "macs = 1\ninput = 0", "input = 0"),
    "input that is too small": (
        "",
        'macs = 1\npath = "a"\nwith = { set = ["a.kernel_size=9", "a.padding=0"] }',
        "output would be empty",
    ),
    "source that is no word": ("", "macs = 1\n[[claims]]\nsource = 3\nmacs = 1", "source = 3"),
}


@pytest.mark.parametrize(("spot", "body", "word"), BAD.values(), ids=BAD)
def test_a_claim_that_is_none_names_its_line(spot: str, body: str, word: str, run: Run, write: Write) -> None:
    """Exit code 2 and a place in the file, for `verify` alone: a count does not look."""
    content = claims(body) if word != "source" else NETWORK + body
    path = write("n.toml", content)
    result = run("verify", path)
    assert (result.code, result.out) == (2, "")
    assert result.problems[0].startswith(f"{path}:{spot}")
    assert result.problems[0].removeprefix(f"{path}:")[0].isdigit()
    assert word in result.err


@pytest.mark.parametrize("claim", ["3", "[3]", '"x"', "{}", '["x"]'])
def test_claims_are_tables(claim: str, run: Run, write: Write) -> None:
    path = write("n.toml", f'claims = {claim}\ninput = [3, 8, 8]\nlayers = [{{ type = "Flatten" }}]\n')
    result = run("verify", path)
    assert (result.code, result.out) == (2, "")
    assert f"{path}:1:1: " in result.err
    assert "claims" in result.err


def test_a_network_without_claims_has_nothing_to_verify(run: Run, write: Write) -> None:
    path = write("n.toml", 'input = [3, 8, 8]\nlayers = [{ type = "Flatten" }]\n')
    result = run("verify", path, "--format", "json")
    assert (result.code, json.loads(result.out)["claims"]) == (0, [])


def test_what_is_bundled_holds(run: Run) -> None:
    """At least 150 figures hold, none differs, and every figure of every claim in every file has its verdict."""
    result = run("verify", "--format", "json")
    data = json.loads(result.out)
    assert (result.code, data["verdicts"]["differs"]) == (0, 0)
    assert data["verdicts"]["holds"] >= 150
    written = [claim for path in files().values() for claim in claims_of(path)]
    figures = sum(key in claim for claim in written for key in METRICS)
    assert sum(data["verdicts"].values()) == len(data["claims"]) == figures


def claims_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    found: list[dict[str, Any]] = data.get("claims", [])
    return found


def test_figures_are_shown_with_the_notes_that_qualify_them(run: Run) -> None:
    notes = json.loads(run("verify", "mobilenet_v1", "--format", "json").out)["notes"]
    assert [note[:38] for note in notes][:1] == ['mobilenet_v1: padding = "valid-round":']
