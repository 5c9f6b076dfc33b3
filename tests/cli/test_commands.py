"""The command line itself: the default command, help, mistyped words, completion."""

import json
import os
from pathlib import Path

import click
import pytest
from badfile import CONV, layers
from click.shell_completion import ShellComplete
from conftest import Process, Run, Write

from flopcount import __version__
from flopcount.cli.main import commands


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version") == (0, f"flopcount {__version__}\n", "")


def test_counting_is_the_default(run: Run) -> None:
    """A network, or an option of counting, may come first."""
    result = run("count", "vgg16", "--input", "64")
    assert result.code == 0
    assert run("vgg16", "--input", "64") == result
    assert run("--input", "64", "vgg16") == result


@pytest.mark.parametrize("reference", ["mobilenet_v1", "mobilenet_v1.toml"])
def test_bundled_networks_are_found_from_any_folder(reference: str, process: Process) -> None:
    """As a whole process, in a folder with nothing in it."""
    result = process(reference, "--input", "160")
    assert (result.code, result.err) == (0, "")
    assert {"1045417824", "126373376", "0.12088312739538674"} <= {*result.out.split()}


def test_a_file_goes_before_a_bundled_network(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the current folder under the name is meant."""
    monkeypatch.chdir(write("vgg16", layers(CONV)).parent)
    assert "112" in run("vgg16").out.split()


def test_a_folder_does_not_hide_a_bundled_network(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vgg16").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "138,357,544" in run("vgg16").out.split()


def test_a_file_that_is_called_like_nearly_a_command_is_a_file(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write("schem", layers(CONV)).parent)
    assert run("schem").code == 0


@pytest.mark.parametrize(
    ("word", "meant"),
    [("comapre", "compare"), ("arhcs", "archs"), ("knids", "kinds"), ("shcema", "schema"), ("Compare", "compare")],
)
def test_a_mistyped_command_is_answered_with_a_suggestion(word: str, meant: str, run: Run) -> None:
    result = run(word, "vgg16")
    assert (result.code, result.out) == (2, "")
    assert f"did you mean {meant!r}" in result.err
    assert "no such file" not in result.err


def test_a_bug_is_called_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, without a traceback, and with the way to see one."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr("flopcount.cli.count.count_report", broken)
    result = run("vgg16")
    assert (result.code, result.out) == (3, "")
    assert "a bug in flopcount" in result.err
    assert "ZeroDivisionError: a slip" in result.err
    assert "Traceback" not in result.err


def test_a_bug_can_be_seen_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        monkeypatch.setenv("FLOPCOUNT_DEBUG", "1")
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr("flopcount.cli.count.count_report", broken)
    with pytest.raises(ZeroDivisionError):
        run("vgg16")


def test_an_interruption_is_no_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flopcount.cli.count.count_report", interrupted)
    result = run("vgg16")
    assert result.code == 130
    assert "interrupted" in result.err


@pytest.mark.parametrize(("name", "code"), [("lenet5", 0), ("nowhere", 2)])
def test_a_process_exits_with_the_code_and_all_that_it_printed(name: str, code: int, process: Process) -> None:
    result = process(name, "--format", "json")
    assert result.code == code
    assert (json.loads(result.out)["totals"]["macs"] == 416520) if name == "lenet5" else name in result.err


def completions(*words: str) -> set[str]:
    """Return what a shell would offer for the last of these words."""
    assert isinstance(commands, click.Command)
    shell = ShellComplete(commands, {}, "flopcount", "_FLOPCOUNT_COMPLETE")
    *before, incomplete = words
    return {item.value for item in shell.get_completions(before, incomplete)}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), {"count", "compare", "archs", "kinds", "schema", "vgg16", "mobilenet_v1"}),
        (("mob",), {"mobilenet_v1", "mobilenet_v1_1.0_224"}),
        (("com",), {"compare"}),
        (("count", "vg"), {"vgg16"}),
        (("compare", "vgg16", "alex"), {"alexnet", "alexnet_grouped"}),
        (("vgg16", "--fo"), {"--format"}),
        (("vgg16", "--format", "m"), {"markdown"}),
        (("vgg16", "--params", ""), {"trainable", "weights", "total", "folded"}),
        (("kinds", "Depth"), {"DepthwiseConv", "DepthSepConv"}),
        (("vgg16", "--on", "cortex"), {"cortex-m4", "cortex-m7", "cortex-x3"}),
        (("hardware", "a"), {"a100", "apple-a15-npu"}),
        (("--inp",), {"--input"}),
        (("--vers",), {"--version"}),
    ],
)
def test_the_shell_completes_what_could_be_meant(words: tuple[str, ...], offered: set[str]) -> None:
    """Commands, bundled networks, options and their choices."""
    assert offered <= completions(*words)


def test_completion_works_as_a_whole_process(process: Process) -> None:
    """As a shell asks for it."""
    result = process(_FLOPCOUNT_COMPLETE="bash_complete", COMP_WORDS="flopcount vgg", COMP_CWORD="1")
    assert result.code == 0
    assert "plain,vgg16" in result.out.split(os.linesep)
