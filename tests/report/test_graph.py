"""Drawings: every node and every edge, folded where asked, in notations that others can read."""

import re
from typing import NamedTuple

import pytest
from conftest import Run, Write

CONTENT = """input = { x = [3, 8, 8], y = [3, 8, 8] }
layers = [
  { type = "Add", name = "sum", after = ["x", "y"] },
  { type = "res", name = "r", repeat = 2, c = 3 },
  { type = "Conv", name = "a", out_channels = 5, kernel_size = 1, bias = false },
  { type = "Conv", name = "b", after = ["r"], out_channels = 7, kernel_size = 1, bias = false },
]
[templates.res]
required = ["c"]
layers = [
  { type = "Conv", name = "k", out_channels = "c", kernel_size = 1, bias = false },
  { type = "Add", name = "plus", after = ["k", "input"] },
]
"""
EDGES = {
    *(("x", "sum"), ("y", "sum"), ("sum", "r.1.k"), ("r.1.k", "r.1.plus"), ("sum", "r.1.plus")),
    *(("r.1.plus", "r.2.k"), ("r.2.k", "r.2.plus"), ("r.1.plus", "r.2.plus"), ("r.2.plus", "a"), ("r.2.plus", "b")),
}
FOLDED = {("x", "sum"), ("y", "sum"), ("sum", "r"), ("r", "a"), ("r", "b")}


class Drawn(NamedTuple):
    """What a drawing says: the lines of each label by the first of them, and the edges."""

    labels: dict[str, list[str]]
    edges: list[tuple[str, str]]


def from_mermaid(text: str) -> Drawn:
    """Read a flowchart; whatever is neither a node nor an edge is refused."""
    head, *lines = text.splitlines()
    assert head == "flowchart TD"
    labels: dict[str, list[str]] = {}
    edges = []
    for line in lines:
        node = re.fullmatch(r' {4}(n\d+)\["([^"\[\]{}|]+)"\]', line)
        edge = re.fullmatch(r" {4}(n\d+) --> (n\d+)", line)
        assert node or edge or re.fullmatch(r" {4}style n\d+ fill:#[0-9a-f]{6},color:#222", line), line
        if node:
            assert node[1] not in labels
            labels[node[1]] = node[2].split("<br>")
        elif edge:
            edges.append((labels[edge[1]][0], labels[edge[2]][0]))
    return Drawn({label[0]: label for label in labels.values()}, edges)


def from_dot(text: str) -> Drawn:
    """Read a digraph of quoted names; whatever is neither a node nor an edge is refused."""
    head, style, *lines, end = text.splitlines()
    assert (head, style[:9], end) == ("digraph network {", "    node ", "}")
    labels: dict[str, list[str]] = {}
    edges = []
    for line in lines:
        node = re.fullmatch(NODE, line)
        edge = re.fullmatch(r' {4}"([^"\\]+)" -> "([^"\\]+)";', line)
        assert node or edge, line
        if node:
            assert node[1] not in labels
            labels[node[1]] = node[2].split("\\n")
        elif edge:
            edges.append((edge[1], edge[2]))
    assert {name for edge in edges for name in edge} <= labels.keys()
    return Drawn(labels, edges)


NODE = r' {4}"([^"\\]+)" \[label="((?:[^"\\]|\\n)+)", tooltip="([^"]*)", fillcolor="(#[0-9a-f]{6})"\];'

READERS = {"mermaid": from_mermaid, "dot": from_dot}
BOTH = pytest.mark.parametrize("notation", READERS)


@BOTH
def test_every_layer_and_every_edge_is_drawn(notation: str, run: Run, write: Write) -> None:
    """Inputs too, and each edge once."""
    drawn = READERS[notation](run(write("n.toml", CONTENT), "--graph", notation).out)
    assert {*drawn.edges} == EDGES
    assert len(drawn.edges) == len(EDGES)
    assert drawn.labels.keys() == {name for edge in EDGES for name in edge}


@BOTH
def test_a_node_says_what_it_is_and_costs(notation: str, run: Run, write: Write) -> None:
    """15 weights at 64 places; an addition costs nothing that is counted."""
    labels = READERS[notation](run(write("n.toml", CONTENT), "--graph", notation).out).labels
    assert labels["x"] == ["x", "3×8×8"]
    assert labels["a"] == ["a", "Conv → 5×8×8", "15 params, 960 MACs"]
    assert labels["sum"] == ["sum", "Add → 3×8×8", "no cost"]


@BOTH
def test_blocks_fold_into_one_node(notation: str, run: Run, write: Write) -> None:
    """Two times 9 weights; no edge from a block to itself."""
    drawn = READERS[notation](run(write("n.toml", CONTENT), "--graph", notation, "--depth", "1").out)
    assert {*drawn.edges} == FOLDED
    assert len(drawn.edges) == len(FOLDED)
    assert drawn.labels["r"] == ["r", "4 layers → 3×8×8", "18 params, 1.152 k MACs"]
    assert drawn.labels["a"][1] == "Conv → 5×8×8"


@BOTH
@pytest.mark.parametrize("depth", ["0", "-1", "-99"])
def test_a_drawing_has_a_depth_from_one(notation: str, depth: str, run: Run) -> None:
    result = run("resnet50", "--graph", notation, "--depth", depth)
    assert (result.code, result.out) == (2, "")
    assert "--depth" in result.err


@BOTH
@pytest.mark.parametrize("depth", [(), ("--depth", "1"), ("--depth", "2")], ids=" ".join)
@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "googlenet", "mobilenet_ssd_300", "unet", "vit_b_16"])
def test_bundled_networks_can_be_drawn(notation: str, depth: tuple[str, ...], name: str, run: Run) -> None:
    """All that is drawn hangs together."""
    result = run(name, "--graph", notation, *depth)
    if result.code:
        assert (depth, "fold with --depth" in result.err) == ((), True)
        return
    drawn = READERS[notation](result.out)
    assert all(one in drawn.labels and other in drawn.labels for one, other in drawn.edges)


def many(blocks: int, layers: int) -> str:
    """Write a network of blocks, each with layers that all read the block's input."""
    rows = ",\n".join('{ type = "Dropout", after = ["input"] }' for _ in range(layers))
    return (
        f'input = [3, 8, 8]\nlayers = [{{ type = "Block", name = "b", repeat = {blocks}, layers = [\n{rows},\n] }}]\n'
    )


def test_what_mermaid_does_not_draw_is_refused_with_a_hint(run: Run, write: Write) -> None:
    """501 edges; folded, it can be drawn. Graphviz draws anything."""
    path = write("n.toml", many(1, 501))
    result = run(path, "--graph", "mermaid")
    assert (result.code, result.out) == (2, "")
    assert "501 edges" in result.err
    assert "--depth 1" in result.err
    assert run(path, "--graph", "mermaid", "--depth", "1").code == 0
    assert len(from_dot(run(path, "--graph", "dot").out).edges) == 501
    assert run(write("m.toml", many(1, 500)), "--graph", "mermaid").code == 0


def test_text_that_is_too_long_for_mermaid_is_refused(run: Run, write: Write) -> None:
    """400 names of a hundred letters, in labels of two lines more: fewer edges than 500, over 50000 characters."""
    rows = ",\n".join(f'{{ type = "Dropout", name = "{"x" * 97}{n:03}" }}' for n in range(400))
    result = run(write("n.toml", f"input = [3, 8, 8]\nlayers = [\n{rows},\n]\n"), "--graph", "mermaid")
    assert (result.code, result.out) == (2, "")
    assert "characters" in result.err


@BOTH
@pytest.mark.parametrize("option", [("--by", "type"), ("--sort", "macs"), ("--top", "2"), ("--format", "json")])
def test_what_a_drawing_cannot_do_is_not_ignored(notation: str, option: tuple[str, str], run: Run) -> None:
    result = run("resnet50", "--graph", notation, *option)
    assert (result.code, result.out) == (2, "")
    assert option[0] in result.err


def test_a_notation_that_is_none_is_refused(run: Run) -> None:
    result = run("resnet50", "--graph", "mermade")
    assert (result.code, result.out) == (2, "")
    assert "'mermaid'" in result.err


def test_tooltips_have_exact_costs_that_add_up_to_the_network(run: Run) -> None:
    """The 25,557,032 params and 4,089,184,256 MACs of ResNet-50; the costliest block has the darkest shade."""
    nodes = re.findall(NODE, run("resnet50", "--graph", "dot", "--depth", "1").out)
    costs = [[int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", tip)] for _, _, tip, _ in nodes if tip]
    assert [sum(each) for each in zip(*costs, strict=True)] == [25_557_032, 4_089_184_256]
    assert min(nodes, key=lambda node: int(node[3][5:], 16))[0] == "layer3"
    assert {shade for name, _, _, shade in nodes if name in {"input", "maxpool"}} == {"#ffffff"}
