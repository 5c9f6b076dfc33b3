"""Help: the first screen, the short and the full page of every command, examples that run, man page and completion."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import Process, Run
from repositories import committed, repository

from flopcount.cli.help import EXAMPLES, INSTEAD, SECTIONS, Documented, section_of
from flopcount.cli.main import COMMANDS, GROUPS, commands
from flopcount.spec.budget import LIMITED

NET = """\
name = "net"
input = [3, 32, 32]
layers = [{ type = "Conv", out_channels = 8, kernel_size = 3, padding = 1 }]
"""

MODEL = Path(__file__).parent.parent / "oracles" / "onnx" / "mobilenet_v2.onnx"


def command(name: str) -> click.Command:
    assert isinstance(commands, click.Group)
    found = commands.get_command(click.Context(commands), name)
    assert found is not None
    return found


def options() -> Iterator[tuple[str, click.Option]]:
    for name in COMMANDS:
        yield from ((name, each) for each in command(name).params if isinstance(each, click.Option))


def test_the_first_screen_has_every_command_in_a_group_and_fits(run: Run) -> None:
    """With -h, and with no words at all, which is wrong usage."""
    for words in (("-h",), ("--help",)):
        result = run(*words)
        assert result.code == 0
        assert len(result.out.splitlines()) <= 40
        assert all(f"{title}:" in result.out for title in GROUPS)
        assert all(f"  {name} " in result.out for name in COMMANDS)
    assert run().code == 2
    assert run().err.strip() == run("-h").out.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_short_and_a_full_page_with_examples(name: str, run: Run) -> None:
    short, full = run(name, "-h"), run(name, "--help")
    assert short.code == full.code == 0
    assert len(short.out) < len(full.out)
    assert short.out.startswith(f"Usage: flopcount {name}")
    assert 2 <= len(EXAMPLES[name]) <= 3
    for page in (short.out, full.out):
        text = re.sub(r" \\\n\s+", " ", page)
        assert all(line in text for line in EXAMPLES[name])
    assert run("help", name) == full


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_no_line_of_a_page_is_wider_than_the_terminal(
    columns: int, flag: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in ("", *COMMANDS):
        assert max(map(len, run(*filter(None, (name, flag))).out.splitlines())) <= columns, name


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_runs(line: str, run: Run, folder: Path) -> None:
    """In a repository with an arch file, a model, limits and accuracies."""
    committed(repository(folder), {"archs/net.toml": NET, "net.toml": NET, "accuracy.csv": "id,accuracy\n0,69.8\n"})
    shutil.copy(MODEL, folder / "model.onnx")
    if not line.startswith("flopcount init"):
        assert run("init", "archs").code == 0
        assert run("lock").code == 0
    result = run(*shlex.split(line.partition(" > ")[0])[1:])
    assert (result.code, result.err.count("error")) == (0, 0), result.err


def test_every_option_stands_in_one_section_and_the_sections_name_options_that_exist() -> None:
    named = [option for listed in SECTIONS.values() for option in listed.split()]
    assert len({*named}) == len(named)
    known = {opt for _, option in options() for opt in option.opts} | {"-h", "--help", "--version", "--max-*"}
    assert {*named} <= known


def test_an_option_means_the_same_in_every_command() -> None:
    """Options of one name are about the same: they are in one section, and take a value or none."""
    found: dict[str, set[tuple[str, bool]]] = {}
    for _, option in options():
        for name in option.opts:
            found.setdefault(name, set()).add((section_of(option), option.is_flag))
    assert [name for name, uses in found.items() if len(uses) > 1 and name != "--all"] == []


def test_check_has_an_option_for_the_most_of_each_metric() -> None:
    opts = {opt for each in command("check").params for opt in each.opts}
    assert {f"--max-{metric.replace('_', '-')}" for metric in LIMITED} <= opts


@pytest.mark.parametrize("option", ["--json", "--flops", "-V", "--seq-len", "--memory", "--bits", "--max-macs"])
def test_options_of_other_tools_are_answered_with_what_to_write(option: str, run: Run) -> None:
    result = run("lenet5", option)
    assert (result.code, result.problems[0]) == (2, f"{option}: no such option; {INSTEAD[option]}")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("lenet5", "vgg16"), "vgg16: one argument too many; flopcount compare A B takes several"),
        (("import", "lenet5", "x.toml"), "x.toml: one argument too many; name the file to write with -o"),
        (("archs", "a", "b"), "b: one argument too many; leave it out"),
    ],
)
def test_an_argument_too_many_is_answered_with_where_it_belongs(words: tuple[str, ...], hint: str, run: Run) -> None:
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert hint in result.problems[0]


@pytest.mark.parametrize("name", ["", "sweep"])
def test_the_manual_page_has_every_option_and_is_read_without_a_warning(name: str, run: Run) -> None:
    page = run("man", *filter(None, [name])).out
    assert all(f"\\-\\-{option}" in page for option in ("where", "width", "format", "help"))
    groff = shutil.which("groff")
    if groff:
        done = subprocess.run(
            [groff, "-Kutf8", "-man", "-ww", "-Tutf8"], input=page.encode(), capture_output=True, check=True
        )
        assert done.stderr == b""
        assert b"Usage" not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_one_that_it_accepts(shell: str, process: Process, tmp_path: Path) -> None:
    result = process("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "_FLOPCOUNT_COMPLETE" in result.out
    if found := shutil.which(shell):
        (tmp_path / "script").write_text(result.out)
        assert subprocess.run([found, "-n", str(tmp_path / "script")], check=False).returncode == 0


def test_every_command_is_documented() -> None:
    assert all(isinstance(command(name), Documented) for name in COMMANDS)
