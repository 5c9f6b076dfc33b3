"""The plugin of pytest: the fixture `flopcount`, which needs no import."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="session", name="flopcount")
def _flopcount() -> "ModuleType":
    """Whether a model keeps to its budget: `flopcount.assert_budget(model, inputs, macs="300M")`."""
    from flopcount import testing

    return testing
