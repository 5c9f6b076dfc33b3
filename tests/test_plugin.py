"""The fixture of pytest, and what happens without torch: on files, which need none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Write

from flopcount.errors import MissingError, UsageError
from flopcount.testing import assert_budget

NET = 'input = [3, 8, 8]\nlayers = [{ type = "Conv", out_channels = 4, kernel_size = 3 }]\n'
"""27·4 MACs at each of 6·6 positions."""

TEST = """
def test_it_stays_small(flopcount):
    flopcount.assert_budget("net.toml", macs="{limit}")
"""


@pytest.mark.parametrize(("limit", "code"), [("4k", 0), ("3k", 1)])
def test_the_fixture_fails_with_the_finding_of_check(limit: str, code: int, write: Write) -> None:
    folder = write("net.toml", NET).parent
    write("test_net.py", TEST.format(limit=limit))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    call = [sys.executable, "-m", "pytest", "-p", "flopcount.plugin", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert ("net.toml:1:1: FC101 network macs 3.888k > 3k by 888 (29.6%) [macs='3k']" in done.stdout) == bool(code)


def test_a_file_has_limits_of_its_own_and_an_input(write: Write) -> None:
    path = write("net.toml", NET + "[budget]\nmacs = 4000\n")
    assert_budget(path)
    with pytest.raises(AssertionError, match=r"net\.toml:4:1: FC101 network macs 8\.64k > 4k by .* at --input 3x12x10"):
        assert_budget(path, (3, 12, 10))
    with pytest.raises(AssertionError, match=r"macs 21\.17k > 4k"):
        assert_budget(path, input_size="16")


def test_limits_are_about_a_step_of_training_if_asked(write: Write) -> None:
    """The first layer has a gradient of its weights, as many MACs as the forward pass, and none of its input."""
    path = write("net.toml", NET)
    assert_budget(path, macs="8k", training=True)
    with pytest.raises(AssertionError, match=r"macs 7\.776k > 7k by .* at --training \[macs='7k'\]"):
        assert_budget(path, macs="7k", training=True)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"macs_forward": "1k"}, "macs_forward: a number of training; add when.training = true, or --training"),
        ({"blocks": {"head": {"macs": "1k"}}}, "blocks: no layer or block matches 'head'"),
    ],
)
def test_a_limit_on_what_the_network_does_not_have_is_an_error(write: Write, limits: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        assert_budget(write("net.toml", NET), **limits)


def test_a_module_without_a_limit_is_an_error() -> None:
    with pytest.raises(UsageError, match="assert_budget needs a limit, such as macs='300M'"):
        assert_budget(object())


def test_without_torch_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an ImportError too, as of any library that is missing."""
    for name in [name for name in sys.modules if name.startswith("flopcount.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingError, match=r"^flopcount\.torch needs torch: run pip install '\.\[torch\]' in a clone"):
        assert_budget(object(), macs="3k")
    assert issubclass(MissingError, ImportError)
