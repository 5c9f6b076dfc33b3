"""The reference of the site has an example of every code and every kind, and each example prints what it is for."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SITE = Path(__file__).parent.parent / "docs" / "site"


@pytest.fixture(scope="module", name="codes")
def page_of_codes() -> ModuleType:
    """Import the generator of the page of codes, which lies beside the configuration of Sphinx."""
    sys.path.append(str(SITE))
    return importlib.import_module("codes")


def test_no_code_of_the_source_is_missing_from_the_page_and_none_is_there_that_the_source_has_not(codes: Any) -> None:
    assert codes.missing() == [], "docs/site/codes.toml says how to get a code, and what to do about it"
    assert {"unknown-key", "shape", "spec", "refusal"} <= codes.raised().errors
    assert {"maps-vanished", "already", "input-as-map"} <= codes.raised().notes


def test_every_example_of_a_code_prints_its_message_and_says_what_to_do(codes: Any) -> None:
    for part, known in codes.examples().items():
        for code, example in known.items():
            assert example.do
            assert part == "finding" or codes.message(code, example)
            assert part != "finding" or f" {code} " in codes.said(example)[0]


def test_an_example_that_prints_something_else_is_noticed(codes: Any) -> None:
    with pytest.raises(ValueError, match="does not print it"):
        codes.message("unknown-key", codes.Example("", run="lenet5"))
