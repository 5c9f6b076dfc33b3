"""What a case answers in Python: its own settings and convention decide, and it never changes."""

import pytest

from flopcount import Case, load
from flopcount.errors import UsageError


def test_a_check_judges_any_metric() -> None:
    """torchvision: 4.089 G multiply-adds, so 8178368512 FLOPs."""
    (finding,) = Case(load("resnet50")).check(flops="1G")
    assert (finding.metric, finding.value) == ("flops", 8178368512)


def test_what_would_fit_is_of_the_case_that_is_checked() -> None:
    """With a stride of 1 every map is twice as large: 4.2 G fit at 96, not at 224."""
    (finding,) = Case(load("resnet50"), settings="layers.0.stride=1").check(macs="4.2G")
    (fit,) = (each for each in finding.fits if each.option.startswith("--input"))
    there = Case(load("resnet50"), settings="layers.0.stride=1", input=96)
    assert (fit.option, fit.value) == ("--input 96", there.count.total.macs)


def test_a_case_does_not_change() -> None:
    case = Case(load("lenet5"))
    with pytest.raises(AttributeError, match=r"case\.at\(input="):
        case.input = "32"


def test_changed_layers_cannot_be_read_at_another_point() -> None:
    """A plan in memory has no file to be read from again; another convention counts the same plan."""
    case = Case(load("mobilenet_v1"), settings="defaults.padding=same")
    changed = Case(load("mobilenet_v1")).with_plan(case.plan)
    assert changed.at(convention="fvcore").count.total.macs == 289651200
    with pytest.raises(UsageError, match="at another point"):
        changed.at(input=224)


def test_changed_layers_are_judged_where_they_are() -> None:
    """289651200 with same padding at 160, the published true figure; at other points nothing is known to fit."""
    case = Case(load("mobilenet_v1"), input=160)
    same = Case(load("mobilenet_v1"), settings="defaults.padding=same").plan
    (finding,) = case.with_plan(same).check(macs="100M")
    assert (finding.value, finding.fits) == (289651200, ())


@pytest.mark.parametrize(("axes", "message"), [({"macs": 3}, "no axis 'macs'"), ({"metrics": ["macs"]}, "no axis")])
def test_a_sweep_refuses_what_is_no_axis(axes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Case(load("lenet5")).sweep(**axes)


def test_a_metric_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'macs'"):
        Case(load("lenet5"), metrics=("mac",))
