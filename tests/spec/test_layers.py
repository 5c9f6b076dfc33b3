"""The classes of layers: all are listed, all say what their fields are and take."""

from importlib import import_module
from inspect import getmembers, isclass
from pkgutil import iter_modules
from typing import get_args

import pytest
from pydantic import BaseModel

from flopcount.formulas.norm import ACTIVATIONS, NORMS
from flopcount.spec import layers
from flopcount.spec.arch import Arch, Block
from flopcount.spec.fields import Function, Layer, Norm, expected
from flopcount.spec.kinds import FORMULAS, description
from flopcount.spec.layers import FAMILIES, kind_named

EVERY_KIND = pytest.mark.parametrize("kind", FAMILIES)
MODELS: tuple[type[BaseModel], ...] = (Arch, Block, *map(kind_named, FAMILIES))
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)
LONGEST = 120
LAST_RESORT = "another value"


def public_classes() -> dict[str, str]:
    """Return every public class of a layer that the modules define, with its module."""
    modules = {found.name: import_module(f"{layers.__name__}.{found.name}") for found in iter_modules(layers.__path__)}
    return {
        name: module
        for module, content in modules.items()
        for name, kind in getmembers(content, isclass)
        if issubclass(kind, Layer) and kind.__module__ == content.__name__ and not name.startswith("_")
    }


def literals(annotation: object) -> set[str]:
    """Return the words an annotated literal allows."""
    literal, *_ = get_args(annotation)
    return set(get_args(literal))


def test_the_kinds_are_exactly_the_public_classes_of_the_modules() -> None:
    assert public_classes() == dict(FAMILIES)


def test_no_two_kinds_share_a_formula() -> None:
    assert len({*FORMULAS.values()}) == len(FORMULAS)


def test_the_functions_a_file_may_name_are_those_there_are() -> None:
    assert literals(Function) == ACTIVATIONS.keys() | {"none"}


def test_the_norms_a_file_may_name_are_those_there_are() -> None:
    assert literals(Norm) == NORMS.keys() | {"none"}


@EVERY_MODEL
def test_every_field_says_what_it_is(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@EVERY_MODEL
def test_every_field_says_what_it_takes(model: type[BaseModel]) -> None:
    """In an `Expects` of its own, not in the last resort of the error messages."""
    assert [name for name in model.model_fields if expected(model, name) == LAST_RESORT] == []


def test_a_field_without_an_expects_is_found() -> None:
    class Bare(BaseModel):
        size: int

    assert expected(Bare, "size") == LAST_RESORT


@EVERY_MODEL
def test_a_class_says_what_it_is_in_a_line(model: type[BaseModel]) -> None:
    text = model.__doc__ or ""
    assert "\n" not in text
    assert text.endswith(".")


@EVERY_KIND
def test_a_formula_writes_each_equation_and_its_source_on_lines_of_their_own(kind: str) -> None:
    lines = description(kind).splitlines()
    assert [len([line for line in lines if line.startswith(f"    {what} = ")]) for what in ("params", "MACs")] == [1, 1]
    assert len([line for line in lines if line.startswith("Source: ")]) == 1


@EVERY_KIND
def test_a_formula_describes_itself_in_lines_that_fit(kind: str) -> None:
    summary, blank, *_ = description(kind).splitlines()
    assert summary.endswith(".")
    assert not blank
    assert max(map(len, description(kind).splitlines())) <= LONGEST
