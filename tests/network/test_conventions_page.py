"""The page on conventions: its tables follow from the conventions and the recorded numbers."""

from conventions_page import PAGE, RECORDED, filled

from flopcount.network.convention import mac_conventions


def test_the_tables_in_docs_are_those_that_follow() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == filled(text), "run make conventions"


def test_the_page_names_every_convention_and_every_cell_that_is_not_reproduced() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in mac_conventions() if f"`{name}`" not in text] == []
    assert [row["case"] for row in RECORDED["not_reproduced"] if row["case"] not in text] == []
