"""The models of layers: every option has its words, every formula describes itself."""

import pytest
from pydantic import BaseModel

from flopcount.analyses.formula.kinds import kind_forms
from flopcount.spec.arch import Arch, Block
from flopcount.spec.fields import EXCEPTIONS, OPTIONS, expected
from flopcount.spec.kinds import KINDS, description, formula, kind_named, parameters, summary

MODELS: tuple[type[BaseModel], ...] = (Arch, Block, *map(kind_named, KINDS))
LONGEST = 120
LAST_RESORT = "another value"


def test_no_two_kinds_share_a_formula() -> None:
    assert len({kind.formula for kind in KINDS.values()}) == len(KINDS)


def test_every_option_in_the_table_belongs_to_a_kind() -> None:
    used = {(kind, name) for kind in KINDS for name in parameters(kind)}
    assert OPTIONS.keys() == {name for _, name in used}
    assert EXCEPTIONS.keys() <= {f"{kind}.{name}" for kind, name in used}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_and_its_fields_are_described(model: type[BaseModel]) -> None:
    """In a line, each with a description and words for what it accepts."""
    text = model.__doc__ or ""
    assert "\n" not in text
    assert text.endswith(".")
    assert [name for name, field in model.model_fields.items() if not field.description] == []
    assert [name for name in model.model_fields if expected(model, name) == LAST_RESORT] == []


def test_a_field_without_words_is_found() -> None:
    class Bare(BaseModel):
        size: int

    assert expected(Bare, "size") == LAST_RESORT


@pytest.mark.parametrize("kind", KINDS)
def test_a_formula_describes_itself(kind: str) -> None:
    """A line, a blank, then each equation and the source on lines of their own."""
    first, blank, *lines = description(kind).splitlines()
    assert first == summary(kind)
    assert 10 < len(first) < 110
    assert first.endswith(".")
    assert not blank
    assert max(map(len, lines)) <= LONGEST
    assert [len([line for line in lines if line.startswith(f"    {what} = ")]) for what in ("params", "MACs")] == [1, 1]
    assert len([line for line in lines if line.startswith("Source: ")]) == 1


def test_a_formula_without_equations_has_no_params_and_macs() -> None:
    """What stands in place of equations that a docstring omits is true for letters, not only for some sizes."""
    bare = [kind for kind in KINDS if "MACs = " not in (formula(kind).__doc__ or "")]
    found = {kind: kind_forms(kind, {}).forms for kind in bare}
    assert {kind: forms for kind, forms in found.items() if any(each.expression != 0 for each in forms)} == {}
    assert "    params = 0\n    MACs = 0\n" in description(bare[0])
