"""The printed result of the main job, byte for byte.

`pytest --update-golden` writes tests/golden/ anew; the difference is then to
be read like any other change.
"""

import pytest
from conftest import Golden, Run


@pytest.mark.parametrize(
    ("fmt", "name"),
    [("table", "mobilenet_v1_160.txt"), ("csv", "mobilenet_v1_160.csv"), ("markdown", "mobilenet_v1_160.md")],
)
def test_the_result_for_mobilenet_is_as_recorded(fmt: str, name: str, run: Run, golden: Golden) -> None:
    result = run("mobilenet_v1", "--input", "160", "--format", fmt)
    assert result.code == 0
    golden(name, result.out)
