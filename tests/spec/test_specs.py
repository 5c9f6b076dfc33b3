"""From a reference to a validated arch, or to all that is wrong with it."""

from pathlib import Path

import pytest

from flopcount.errors import MOST_TOLD, FileError, Problem
from flopcount.spec.load import (
    ROOT,
    Bundled,
    bundled,
    bundled_network,
    files,
    load,
    load_bytes,
    setting,
)
from flopcount.spec.source import Source, located

FLATTEN = 'input = [3]\nlayers = [{ type = "Flatten" }]\n'


def test_every_file_in_the_folders_is_bundled_under_its_own_name() -> None:
    found = {path for path in ROOT.rglob("*") if path.suffix in {".toml", ".json"}}
    assert {*files().values()} == found
    assert len(files()) == len(found)
    assert [*bundled()] == sorted(bundled())


def test_variants_are_bundled_under_names_of_their_own() -> None:
    """Their file is that of the network they vary; no name is given twice."""
    networks = [load(name) for name in files()]
    variants = [variant for spec in networks for variant in spec.arch.variants]
    assert len({*files(), *variants}) == len(files()) + len(variants) == len(bundled())


def test_a_bundled_network_answers_to_its_bare_name() -> None:
    assert bundled_network("mobilenet_v1_1.0_224") == Bundled(ROOT / "mobilenet_v1_1.0_224.toml")
    resnet = bundled_network("resnet101")
    assert resnet is not None
    assert (resnet.path.name, resnet.variant) == ("resnet50.toml", "resnet101")


@pytest.mark.parametrize(
    "reference", ["", "vgg", "vgg16.toml", "VGG16.TOML/", "archs/vgg16.toml", "vgg16.json", ".toml"]
)
def test_nothing_else_is_bundled(reference: str) -> None:
    assert bundled_network(reference) is None


def test_a_network_is_called_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every bundled file says the name it is asked for."""
    monkeypatch.chdir(tmp_path)
    for name in bundled():
        assert load(name).arch.name == name


def test_a_path_goes_before_a_bundled_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "vgg16.toml").write_text(FLATTEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load("vgg16.toml").arch.input == (3,)
    assert load("vgg16").arch.input == (3, 224, 224)


def test_a_spec_keeps_its_source_and_what_was_set() -> None:
    spec = load_bytes(FLATTEN.encode(), settings=[setting("layers.0.name=a")])
    assert spec.arch.layers[0].name == "a"
    assert spec.source.text == FLATTEN
    assert spec.settings == {("layers", 0, "name"): "--set layers.0.name=a"}


def test_settings_can_mend_a_file() -> None:
    """What they leave is what is validated."""
    broken = FLATTEN.replace("Flatten", "Flat").encode()
    with pytest.raises(FileError, match="Flat"):
        load_bytes(broken)
    assert len(load_bytes(broken, settings=[setting("layers.0.type=Flatten")]).arch.layers) == 1


def test_each_problem_is_a_line_with_file_line_column_layer_and_sentence_and_its_source_beneath() -> None:
    source = Source("a.toml", FLATTEN, "toml", {})
    problems = [Problem(("layers", 0), "what is wrong", "Flatten1"), Problem(("nowhere",), "what else")]
    assert str(located(problems, source)).split("\n") == [
        "a.toml:1:1: what else",
        "    input = [3]",
        "    ^",
        "a.toml:2:11: Flatten1: what is wrong",
        '    layers = [{ type = "Flatten" }]',
        "              ^^^^^^^^^^^^^^^^^^^^",
    ]


def test_problems_keep_their_codes() -> None:
    """What is said may change; decisions depend on the code."""
    source = Source("a.toml", FLATTEN, "toml", {})
    problems = [Problem(("layers", 0), "what", code="shape"), Problem(("input",), "what", code="undecided")]
    assert [each.code for each in located(problems, source).problems] == ["undecided", "shape"]


def test_a_problem_that_a_setting_made_names_the_setting() -> None:
    source = Source("a.toml", FLATTEN, "toml", {})
    problem = Problem(("input",), "what is wrong")
    assert str(located([problem], source, {("input",): "--set input=x"})) == "a.toml: --set input=x: what is wrong"


def test_more_problems_than_can_be_read_are_counted() -> None:
    source = Source("a.toml", FLATTEN, "toml", {})
    messages = located([Problem(("input",), "what is wrong")] * (MOST_TOLD + 7), source).messages
    assert len(messages) == MOST_TOLD + 1
    assert messages[-1].text == "a.toml: and 7 more problems"
