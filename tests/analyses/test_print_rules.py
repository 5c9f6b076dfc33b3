"""How sources print: when an exact count is the figure as published."""

import pytest

from flopcount.analyses.explain import prints_as


@pytest.mark.parametrize(
    ("exact", "claimed", "rule"),
    [
        (568740352, "568740352", None),
        (568740352, "568_740_352", "exact"),
        (568740352, "569M", None),
        (568740352, "568.7M", "round"),
        (568740352, "568M", "truncate"),
        (568740352, "0.56G", "truncate"),
        (568740352, "0.57G", None),
        (568740352, "569M", "ceil"),
        (568740352, "568.75M", "ceil"),
        (569000000, "569M", "ceil"),
        (569000000, "569M", "truncate"),
        (1500, "2k", None),
        (1500, "1k", None),
        (2500, "3K", None),
        (2500, "2K", None),
        (7_800_000_000, "7.8G", None),
        (999_999_999, "1000M", None),
        (0, "0", None),
        (0, "0M", "exact"),
        (10**17, "100000000000000000", None),
    ],
)
def test_what_prints_so_holds(exact: int, claimed: str, rule: str | None) -> None:
    """Rounded where nothing is said, a plain integer exactly; a tie may go either way."""
    assert prints_as(exact, exact, claimed, rule)


@pytest.mark.parametrize(
    ("exact", "claimed", "rule"),
    [
        (568740352, "568740353", None),
        (568740352, "568740353", "exact"),
        (568740352, "568M", None),
        (568740352, "569M", "truncate"),
        (568740352, "568M", "ceil"),
        (568740352, "569M", "exact"),
        (568740352, "568.7M", "ceil"),
        (568740352, "568.8M", "round"),
        (568740352, "569G", None),
        (1499, "2k", None),
        (1501, "1k", None),
        (10**17 + 1, "100000000000000000", None),
        (1, "one", None),
        (1, "", None),
        (1, "-1", None),
        (1, "1.", None),
        (1, "1MM", None),
    ],
)
def test_what_prints_otherwise_does_not(exact: int, claimed: str, rule: str | None) -> None:
    assert not prints_as(exact, exact, claimed, rule)


@pytest.mark.parametrize(
    ("part", "whole", "claimed", "rule", "holds"),
    [
        (539492352, 568740352, "94.86%", None, True),
        (539492352, 568740352, "94.85%", None, False),
        (539492352, 568740352, "94.85%", "truncate", True),
        (539492352, 568740352, "95%", None, True),
        (539492352, 568740352, "94.858 %", "ceil", True),
        (1, 3, "33.3%", None, True),
        (1, 3, "33.4%", "ceil", True),
        (1, 4, "25%", "exact", True),
        (1, 3, "33%", "exact", False),
        (0, 0, "0%", None, True),
    ],
)
def test_a_percentage_is_of_the_whole(part: int, whole: int, claimed: str, rule: str | None, holds: bool) -> None:  # noqa: FBT001  (a case)
    """94.8574…%, of MobileNet's MACs in 1×1 convolutions."""
    assert prints_as(part, whole, claimed, rule) is holds
