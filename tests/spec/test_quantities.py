"""Quantities with units: what they are worth, exactly, and what is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flopcount.spec.units import NotAQuantityError, count, share, size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("600M", 600_000_000),
        ("4.3 M", 4_300_000),
        ("1.2G", 1_200_000_000),
        ("1.2B", 1_200_000_000),
        ("2T", 2_000_000_000_000),
        ("12k", 12_000),
        ("5e8", 500_000_000),
        ("600_000_000", 600_000_000),
        (600_000_000, 600_000_000),
        (5e8, 500_000_000),
        ("0", 0),
    ],
)
def test_counts_are_exact(text: object, value: int) -> None:
    assert count(text, "macs").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512 KiB", 512 * 1024),
        ("2 MB", 2_000_000),
        ("1.5MiB", 1_572_864),
        ("3 GB", 3_000_000_000),
        ("100 B", 100),
        ("2kB", 2000),
        (4096, 4096),
    ],
)
def test_sizes_are_exact(text: object, value: int) -> None:
    assert size(text, "weight_bytes").value == value


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("1.2 GFLOPs", "macs", 'write macs = "600M", or flops = "1.2G"'),
        ("1.2 gflops", "macs", 'macs = "600M"'),
        ("3 MFLOPs", "macs", 'macs = "1.5M"'),
        ("300 MMACs", "flops", 'write flops = "600M", or macs = "300M"'),
        ("300 MMACs", "macs", 'write macs = "300M"'),
        ("4 MB", "params", "MB is a unit of bytes"),
        ("4 MFLOPs", "params", "not params"),
        ("4 Q", "params", "expected a count"),
        ("", "macs", "a number of 0 or more"),
        ("-3M", "macs", "a number of 0 or more"),
        ("1e400", "macs", "a number of 0 or more"),
        ("9" * 41, "macs", "a number of 0 or more"),
        (float("nan"), "macs", "a number of 0 or more"),
        (float("inf"), "macs", "a number of 0 or more"),
        (True, "macs", "a number of 0 or more"),
        (None, "macs", "a number of 0 or more"),
        (["1M"], "macs", "a number of 0 or more"),
        ("٣M", "macs", "a number of 0 or more"),
    ],
)
def test_what_is_no_count_is_refused_with_a_hint(text: object, key: str, words: str) -> None:
    with pytest.raises(NotAQuantityError) as error:
        count(text, key)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"), [("4M", "write MB, or MiB"), ("4k", "write kB, or KiB"), ("4 parsecs", "takes bytes")]
)
def test_what_is_no_size_is_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(NotAQuantityError, match=words):
        size(text, "weight_bytes")


def test_a_percentage_is_a_share_and_other_things_are_not() -> None:
    found = share("2.5 %")
    assert found is not None
    assert (found.value, found.is_share) == (Fraction(1, 40), True)
    assert share("2M") is None
    assert share(0.9) is None


@given(st.integers(0, 10**12), st.integers(0, 6))
def test_decimals_lose_nothing(number: int, places: int) -> None:
    text = f"{number:0{places + 1}d}"
    decimal = f"{text[: len(text) - places]}.{text[len(text) - places :]}" if places else text
    assert count(f"{decimal}M", "macs").value == Fraction(number, 10**places) * 10**6
