"""HetConv's table of p for VGG-16 on 32×32 images, and that of an implementation which is DualConv."""

import json
from fractions import Fraction
from math import floor

import pytest
from conftest import Run

from flopcount.analyses.explain import prints_as

PUBLISHED = {1: "313.74M", 2: "175.23M", 4: "105.98M", 8: "71.35M", 16: "54.04M", 32: "45.38M", 64: "41.05M"}
"""Singh et al., HetConv, as quoted by irvinxav/Efficient-HetConv-Heterogeneous-Kernel-Based-Convolutions, README."""

APPROXIMATE = {
    2: ("9.27M", "192.36M"),
    4: ("5.59M", "114.50M"),
    8: ("3.75M", "75.57M"),
    16: ("2.83M", "56.11M"),
    32: ("2.37M", "46.38M"),
    64: ("2.14M", "41.51M"),
}
"""zhang943/Approximate-HetConv, README: parameters and MACs, rounded up."""

FIRST = 64 * 32**2
"""Outputs of the first convolution, which is not converted."""

OTHERS = 64 * 32**2 + 2 * 128 * 16**2 + 3 * 256 * 8**2 + 3 * 512 * 4**2 + 3 * 512 * 2**2
"""Outputs of the convolutions that are."""


def macs(run: Run, *words: str) -> list[int]:
    """Return the MACs of each network of a comparison but the first."""
    result = run("whatif", *words, "--format", "json")
    assert result.code == 0, result.err
    return [row["macs"] for row in json.loads(result.out)["alternatives"][1:]]


def test_the_published_table_is_one_command_but_for_additions_of_biases(run: Run) -> None:
    """The paper adds a bias for each output, and scales these as it scales the weights."""
    found = macs(run, "hetconv_vgg16", "--to", "HetConv", "--set", f"p={','.join(map(str, PUBLISHED))}")
    for (p, printed), exact in zip(PUBLISHED.items(), found, strict=True):
        share = Fraction(1, p) + (1 - Fraction(1, p)) / 9
        with_biases = floor(exact + FIRST + share * OTHERS)
        assert prints_as(with_biases, with_biases, printed, "truncate"), p


def test_what_is_converted_shrinks_by_the_papers_ratio(run: Run) -> None:
    """Eq. 8: 1/p + (1 - 1/p)/9; the first convolution and the two linear layers stay."""
    found = macs(run, "vgg16_bn_cifar", "--to", "HetConv", "--set", f"p={','.join(map(str, PUBLISHED))}")
    stays = 3 * 64 * 9 * 32**2 + 512 * 512 + 512 * 10
    for p, exact in zip(PUBLISHED, found, strict=True):
        assert exact - stays == (found[0] - stays) * (Fraction(1, p) + (1 - Fraction(1, p)) / 9)


@pytest.mark.parametrize("groups", APPROXIMATE)
def test_the_approximation_is_dual_convolutions(run: Run, groups: int) -> None:
    words = ("approximate_hetconv_vgg16", "--set", f"arguments.g={groups}", "--format", "json")
    total = json.loads(run(*words).out)["totals"]
    params, exact = APPROXIMATE[groups]
    assert prints_as(total["params"], total["params"], params, "round")
    assert prints_as(total["macs"], total["macs"], exact, "ceil")
    assert macs(run, "vgg16_bn_cifar", "--to", "DualConv", "--set", f"groups={groups}") == [total["macs"]]


def test_the_row_of_the_network_itself_says_that_it_is_so_already(run: Run) -> None:
    result = run("whatif", "hetconv_vgg16", "--to", "HetConv", "--set", "p=2,4", "--format", "json")
    data = json.loads(result.out)
    first, _, same = data["alternatives"]
    assert (same["macs"], same["params"], same["replaced"]) == (first["macs"], first["params"], 0)
    assert (data["note_codes"], "12 layers" in data["notes"][1]) == (["costs-more", "nothing-replaced"], True)
