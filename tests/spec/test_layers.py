"""The models of layers: every option has its words, every formula describes itself."""

import pytest
from pydantic import BaseModel

from flopcount.spec.arch import Arch, Block
from flopcount.spec.fields import EXCEPTIONS, OPTIONS, expected
from flopcount.spec.kinds import KINDS, description, kind_named, parameters, summary

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
MODELS: tuple[type[BaseModel], ...] = (Arch, Block, *map(kind_named, KINDS))
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)
LONGEST = 120
LAST_RESORT = "another value"


def test_no_two_kinds_share_a_formula() -> None:
    assert len({kind.formula for kind in KINDS.values()}) == len(KINDS)


def test_every_option_in_the_table_belongs_to_a_kind() -> None:
    used = {(kind, name) for kind in KINDS for name in parameters(kind)}
    assert OPTIONS.keys() == {name for _, name in used}
    assert EXCEPTIONS.keys() <= {f"{kind}.{name}" for kind, name in used}


@EVERY_MODEL
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@EVERY_MODEL
def test_every_field_has_words_for_what_it_accepts(model: type[BaseModel]) -> None:
    assert [name for name in model.model_fields if expected(model, name) == LAST_RESORT] == []


def test_a_field_without_words_is_found() -> None:
    class Bare(BaseModel):
        size: int

    assert expected(Bare, "size") == LAST_RESORT


@EVERY_MODEL
def test_a_model_is_described_in_a_line(model: type[BaseModel]) -> None:
    text = model.__doc__ or ""
    assert "\n" not in text
    assert text.endswith(".")


@EVERY_KIND
def test_a_formula_sums_itself_up_in_a_line(kind: str) -> None:
    assert 10 < len(summary(kind)) < 110


@EVERY_KIND
def test_a_formula_writes_each_equation_and_its_source_on_lines_of_their_own(kind: str) -> None:
    lines = description(kind).splitlines()
    assert [len([line for line in lines if line.startswith(f"    {what} = ")]) for what in ("params", "MACs")] == [1, 1]
    assert len([line for line in lines if line.startswith("Source: ")]) == 1


@EVERY_KIND
def test_a_formula_describes_itself_in_lines_that_fit(kind: str) -> None:
    first, blank, *_ = description(kind).splitlines()
    assert first.endswith(".")
    assert not blank
    assert max(map(len, description(kind).splitlines())) <= LONGEST
