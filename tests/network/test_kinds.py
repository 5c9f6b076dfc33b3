"""The join of schema and mathematics: one line per kind, and both sides agree."""

import inspect
from collections.abc import Mapping

import pytest
from pydantic_core import PydanticUndefined

from flopcount.spec.fields import own_fields
from flopcount.spec.kinds import FORMULAS, description, formula, summary
from flopcount.spec.layers import FAMILIES, kind_named

EVERY_KIND = pytest.mark.parametrize("kind", FORMULAS)
REQUIRED = object()


def options(kind: str) -> Mapping[str, inspect.Parameter]:
    """Return the keyword-only parameters of a kind's formula."""
    parameters = inspect.signature(formula(kind)).parameters
    return {name: each for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}


def test_the_table_covers_exactly_the_kinds_of_the_schema() -> None:
    assert FORMULAS.keys() == FAMILIES.keys()


@EVERY_KIND
def test_a_class_is_named_like_its_kind(kind: str) -> None:
    assert kind_named(kind).__name__ == kind


@EVERY_KIND
def test_the_options_of_a_formula_are_the_fields_of_its_class(kind: str) -> None:
    assert set(options(kind)) == set(own_fields(kind_named(kind)))


@EVERY_KIND
def test_defaults_agree(kind: str) -> None:
    """What a file need not give, a formula need not be given, and it means the same."""
    model = kind_named(kind).model_fields
    fields = {name: model[name].default for name in own_fields(kind_named(kind))}
    assert {name: REQUIRED if each.default is each.empty else each.default for name, each in options(kind).items()} == {
        name: REQUIRED if default is PydanticUndefined else default for name, default in fields.items()
    }


@EVERY_KIND
def test_a_formula_gives_its_equations_and_its_source(kind: str) -> None:
    text = description(kind)
    assert [word for word in ("params = ", "MACs = ", "Source: ") if word not in text] == []


@EVERY_KIND
def test_a_formula_sums_itself_up_in_a_line(kind: str) -> None:
    assert 10 < len(summary(kind)) < 110
    assert summary(kind).endswith(".")
