"""Pictures as data: bars, or points along two axes. Nothing here draws, and nothing knows of commands."""

from collections.abc import Mapping
from typing import NamedTuple

from flopcount.report.scales import Axis, Number
from flopcount.report.table import Report

QUANTITIES: Mapping[str, str] = {"macs": "MACs", "params": "parameters"}
"""What bars show, a panel each, and how the axes call it."""


class Heading(NamedTuple):
    """The words around a picture: the title, lines under it, what it leaves out, what must be known to read it."""

    title: str
    lines: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()


class Series(NamedTuple):
    """Bars of one colour: a value for each label."""

    name: str
    values: tuple[int, ...]


class Panel(NamedTuple):
    """One quantity: bars of one or more series along an axis."""

    axis: Axis
    series: tuple[Series, ...]


class Bars(NamedTuple):
    """Horizontal bars: a label for each row, a panel for each quantity; `details` are a row's other cells.

    `reference` is the label of a row that the others are compared with.
    """

    heading: Heading
    labels: tuple[str, ...]
    panels: tuple[Panel, ...]
    details: tuple[Mapping[str, str], ...]
    reference: str = ""


class Point(NamedTuple):
    """A place, its name where it has one, what else is known of it, and the value that colours it."""

    x: Number
    y: Number
    label: str = ""
    details: Mapping[str, str] = {}
    shade: Number | None = None


class Points(NamedTuple):
    """Points along two axes; the front joins those that no other beats; `shade` is what the colours stand for."""

    heading: Heading
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    front: tuple[Point, ...] = ()
    shade: str = ""


Chart = Bars | Points


class Ink(NamedTuple):
    """What a terminal can show: its width, colours, and characters beyond ASCII."""

    width: int
    colour: bool = False
    unicode: bool = True


def captions(report: Report) -> tuple[str, ...]:
    """Return what must be known to read a picture: the convention, and the notes."""
    return (*(line for line in report.lines if line.startswith("counted: ")), *report.notes)


def lines(report: Report) -> tuple[str, ...]:
    """Return what the lines under a title say, but for the convention."""
    return tuple(line for line in report.lines if not line.startswith("counted: "))
