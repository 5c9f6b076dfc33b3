"""`flopcount report`: one page whose data is the JSON of other commands."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

LIMITED = """
input = [3, 8, 8]
budget = { params = 10, macs = "1G" }
layers = [{ type = "Conv", out_channels = 8, kernel_size = 3 }]
"""


def reported(run: Run, *arguments: str | Path) -> Any:
    """Return the data of a report."""
    result = run("report", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    return json.loads(result.out)


def printed(run: Run, *arguments: str | Path) -> Any:
    """Return what another command prints as JSON."""
    return json.loads(run(*arguments, "--format", "json").out)


def inside(path: Path) -> Any:
    """Return the data in a page."""
    kind, text = re.findall(r'<script type="application/(\w+)" id="flopcount-data">(.*?)</script>', path.read_text())[0]
    return json.loads(gzip.decompress(base64.b64decode(text)) if kind == "gzip" else text)


def test_the_page_is_one_file_and_its_data_is_the_json(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("report", "resnet50", "-o", page) == (0, "", "")
    found, asked = inside(page), reported(run, "resnet50")
    assert {**found, "command": ""} == {**asked, "command": ""}
    assert found["networks"][0]["count"]["totals"]["macs"] == 4_089_184_256
    assert page.stat().st_size < 1_500_000
    assert "https://" not in re.sub(r"<footer>.*</footer>|<script.*?</script>", "", page.read_text(), flags=re.DOTALL)


def test_each_part_is_what_its_command_prints(run: Run) -> None:
    found = reported(run, "mobilenet_v2", "resnet18", "--on", "a100", "--input", "96")
    metrics = ",".join(found["metrics"])
    for each, name in zip(found["networks"], ("mobilenet_v2", "resnet18"), strict=True):
        options = ("--input", "96", "--metrics", metrics)
        assert each["count"] == printed(run, name, *options, "--on", "a100")
        memory = printed(run, "memory", name, *options)
        assert each["memory"]["peak"] == memory["peak"]
        assert each["memory"]["lower"] == memory["lower"]
    assert (
        found["compare"]["archs"]
        == printed(run, "compare", "mobilenet_v2", "resnet18", "--input", "96", "--metrics", metrics)["archs"]
    )
    assert len(found["diffs"]) == 1


def test_tensors_add_up_to_the_memory_of_each_layer(run: Run) -> None:
    network = reported(run, "googlenet")["networks"][0]
    for row in network["count"]["layers"]:
        alive = (each for each in network["tensors"] if each["first"] <= row["position"] <= each["last"])
        assert sum(each["bytes"] for each in alive) == row["peak"], row["path"]


def test_edges_are_those_of_the_drawn_graph(run: Run) -> None:
    network = reported(run, "resnet18")["networks"][0]
    names = {row["position"]: row["path"] for row in network["count"]["layers"]}
    names |= {-number: each["name"] for number, each in enumerate(network["graph"]["inputs"], 1)}
    drawn = re.findall(r'"([^"]+)" -> "([^"]+)"', run("resnet18", "--graph", "dot").out)
    assert sorted(drawn) == sorted((names[start], names[end]) for start, end in network["graph"]["edges"])


def test_limits_of_files_have_their_verdicts(run: Run, write: Write) -> None:
    path = write("a.toml", LIMITED)
    found = reported(run, path)["check"]
    assert [(each["metric"], each["limit"]) for each in found["findings"]] == [("params", 10)]
    assert [(each["metric"], each["limit"]) for each in found["limits"]] == [("macs", 10**9)]
    other = reported(run, path, "--batch", "2")
    assert ("check" in other, other["note_codes"]) == (False, ["limits-elsewhere"])
    assert "check" not in reported(run, "resnet18")


def test_a_check_writes_the_same_page_and_keeps_its_exit_code(run: Run, write: Write, tmp_path: Path) -> None:
    path, page = write("a.toml", LIMITED), tmp_path / "limits.html"
    assert run("check", path, "--format", f"html={page}").code == 1
    found = inside(page)
    assert found["check"]["exit_code"] == 1
    assert [each["count"]["totals"]["macs"] for each in found["networks"]] == [
        each["macs"] for each in found["check"]["archs"]
    ]


def test_a_file_that_cannot_be_read_is_in_the_page_of_a_check(run: Run, write: Write, tmp_path: Path) -> None:
    page = tmp_path / "limits.html"
    assert run("check", write("a.toml", "input = [3"), "-o", page).code == 2
    assert inside(page)["networks"] == []
    assert inside(page)["check"]["findings"][0]["code"] == "FC901"


def test_much_data_is_compressed(run: Run, write: Write, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    rows = ", ".join(f'{{ type = "Conv", name = "c{n}", out_channels = 8, kernel_size = 1 }}' for n in range(5000))
    assert run("report", write("a.toml", f"input = [8, 4, 4]\nlayers = [{rows}]"), "-o", page).code == 0
    assert page.stat().st_size < 3_000_000
    assert len(inside(page)["networks"][0]["count"]["layers"]) == 5000


def test_training_has_its_own_metrics_and_no_memory_curve(run: Run) -> None:
    found = reported(run, "resnet18", "--training")
    assert found["networks"][0]["count"]["totals"]["saved_bytes"] == 68_991_488
    assert "memory" not in found["networks"][0]


def test_what_a_convention_counts_in_flops_has_no_title_of_macs(run: Run) -> None:
    titles = {
        name: each["title"] for name, each in reported(run, "resnet18", "--convention", "torch")["metrics"].items()
    }
    assert (titles["flops"], titles["intensity"]) == ("FLOPs", "FLOPs/byte")
    assert "macs" not in titles


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to report on; name a network, as in flopcount report resnet50 -o report.html"),
        (["resnet18", "-o", "a.pdf"], "-o a.pdf: nothing here is written as .pdf; name a file that ends in .html"),
        (
            ["resnet18", "--format", "json", "-o", "a.html"],
            "-o a.html: json does not go into a file that ends in .html",
        ),
        (["resnet18", "-o", "no/such/a.html"], "no/such/a.html: cannot be written"),
        (["resnet18", "-o", "folder/"], "-o folder/: this is a folder; name a file in it"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(words: list[str], says: str, run: Run) -> None:
    result = run("report", *words)
    assert result.code == 2
    assert result.problems[0].startswith(says)
