"""Topologies of SCALE-Sim, read and written."""

from pathlib import Path

import pytest
from conftest import Run, Write
from reports import refused, told

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
ALEXNET = (
    HEADER
    + """\
Conv1, 227, 227, 11, 11, 3, 96, 4,
Conv2, 31, 31, 5, 5, 96, 256, 1,
Conv3, 15, 15, 3, 3, 256, 384, 1,
FC6, 1, 1, 1, 1, 9216, 4096, 1,
"""
)


def test_each_layer_has_the_macs_of_its_row(run: Run, write: Write) -> None:
    """Output positions, times the filter's area, channels and filters: 55², 27² and 13² positions."""
    layers = told(run, write("alexnet.csv", ALEXNET))["layers"]
    assert [layer["macs"] for layer in layers] == [
        55 * 55 * 11 * 11 * 3 * 96,
        27 * 27 * 5 * 5 * 96 * 256,
        13 * 13 * 3 * 3 * 256 * 384,
        9216 * 4096,
    ]
    assert [layer["path"] for layer in layers] == ["Conv1", "Conv2", "Conv3", "FC6"]


def test_a_topology_of_matrix_products_has_m_times_n_times_k(run: Run, write: Write) -> None:
    report = told(run, write("gemm.csv", "Layer, M, N, K,\nQKV, 197, 2304, 768,\nproj, 197, 768, 768,\n"))
    assert [layer["macs"] for layer in report["layers"]] == [197 * 2304 * 768, 197 * 768 * 768]


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "vit_b_16", "googlenet", "cifar10_vgg_separable"])
def test_a_network_has_the_same_macs_as_its_topology(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / "topology.csv"
    assert run("import", name, "-o", path).code == 0
    assert told(run, path)["totals"]["macs"] == told(run, name)["totals"]["macs"]


def test_a_topology_says_what_the_padded_map_is(run: Run, tmp_path: Path) -> None:
    """3×3 filters at 56×56 positions reach over 58×58; 7×7 in steps of 2 at 112 positions over 229."""
    path = tmp_path / "topology.csv"
    run("import", "resnet50", "-o", path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == HEADER.replace(", ", ",").strip()
    assert lines[1].split(",")[1:8] == ["229", "229", "7", "7", "3", "64", "2"]
    assert any(line.split(",")[1:8] == ["58", "58", "3", "3", "64", "64", "1"] for line in lines)


def test_a_topology_that_is_written_again_stays_what_it_was(run: Run, write: Write, tmp_path: Path) -> None:
    path = tmp_path / "again.csv"
    assert run("import", write("alexnet.csv", ALEXNET), "-o", path).code == 0
    plain = [[cell.strip() for cell in line.split(",")] for line in ALEXNET.splitlines()]
    assert [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()] == plain


LOOSE = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,,,Eh
,,,,,,,,,

AlphaGoZero,
Conv1, 8, 8, 3, 3, 4, 5, 1,,,12
\tConv2_dw, 8, 8, 3, 3, 1, 1, 2,#dw
"""


def test_rows_of_scale_sim_s_own_files_are_read(run: Run, write: Write) -> None:
    """Empty rows, titles, comments, other columns, tabs: SCALE-Sim's MLPERF, Resnet50, mobilnet_paper, UNet_maestro."""
    report = told(run, write("loose.csv", LOOSE))
    assert [(layer["path"], layer["macs"]) for layer in report["layers"]] == [
        ("AlphaGoZero_Conv1", 36 * 9 * 20),
        ("AlphaGoZero_Conv2_dw", 9 * 9),
    ]
    tabs = HEADER.replace(", ", "\t").replace(",", "\t") + "Conv1\t8\t8\t3\t3\t4\t5\t1\t\n"
    assert told(run, write("tabs.csv", tabs))["totals"]["macs"] == 36 * 9 * 20


@pytest.mark.parametrize(
    ("title", "value", "macs"), [("", 2, 18 * 180), ("Batch Size", 3, 3 * 36 * 180), ("Sparsity", "1:1", 36 * 180)]
)
def test_a_further_column_is_what_its_title_says(run: Run, write: Write, title: str, value: object, macs: int) -> None:
    """Another stride, along the width; a batch, with the same weights; a ratio of sparsity."""
    text = HEADER.replace("Strides,", f"Strides, {title},") + f"Conv1, 8, 8, 3, 3, 4, 5, 1, {value},\n"
    assert told(run, write("t.csv", text))["totals"] == {"params": 180, "macs": macs}


def test_the_sizes_of_a_product_are_named(run: Run, write: Write) -> None:
    report = told(run, write("gemm.csv", "Layer, M, K, N,\nQKV, 197, 768, 2304,\n"))
    assert report["totals"] == {"params": 768 * 2304, "macs": 197 * 2304 * 768}


BAD = [
    ("a,b,c\n1,2,3\n", "not a topology"),
    (HEADER, "0 layers"),
    (HEADER + "Conv1, 8, 8, 3, 3, 3,\n", ":2:1: Conv1: expected 7 integers"),
    (HEADER + "Conv1, 8, 8, 3, 3, 3, x, 1,\n", ":2:1: Conv1: expected 7 integers"),
    (HEADER + "Conv1, 8, 8, 3, 3, 3, 0, 1,\n", ":2:1: Conv1: expected 7 integers"),
    (HEADER + "Conv1, 8, 8, 3, 3, 3, 8, 1, 2:4\n", "sparse layer, 2:4"),
    (HEADER + "Conv1, 2, 2, 3, 3, 3, 8, 1,\n", "output would be empty"),
    (HEADER + "\n\nFC, 1, 1, 1, ,1 2, 2, 1,\n", ":4:1: FC: expected 7 integers"),
    (HEADER + "Conv1, 8, 8, 3, 3, 3, 8, 1, 1, 9\n", ":2:1: Conv1: expected 7 integers"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text[-30:] for text, _ in BAD])
def test_what_cannot_be_is_refused_in_a_sentence(run: Run, write: Write, text: str, said: str) -> None:
    refused(run, write("topology.csv", text), said)


def test_an_input_size_cannot_be_given(run: Run, write: Write) -> None:
    refused(run, write("alexnet.csv", ALEXNET), "each of its layers has its own input", "--input", "8")


def test_rows_of_one_name_are_told_apart(run: Run, write: Write) -> None:
    """The second A is another layer, and a third may be named as an input of the first."""
    rows = "".join(f"{name},8,8,3,3,4,5,1,\n" for name in ("A", "A", "A_in"))
    assert told(run, write("t.csv", HEADER + rows))["totals"]["macs"] == 3 * 36 * 9 * 4 * 5
