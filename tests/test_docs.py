"""What the documentation shows is what the tool prints: every console block is run.

In a ```console block a line that starts with `$ ` is a command, and the lines up
to the next one are all it prints, standard error after standard output; a line
`…` alone stands for any number of lines. A ```toml block behind a comment
`<!-- file: NAME -->` is a file that the commands of the same page can use, and
behind `<!-- committed: NAME -->` it is that file as the branch main has it.
"""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import Any, NamedTuple

import pytest
from conftest import Run
from pages import commands, differs, parts
from pictures import workflow
from repositories import committed, repository

import flopcount
from flopcount.analyses.budgets.findings import CODES
from flopcount.report.check_formats import RENDERERS
from flopcount.report.picture import Theme
from flopcount.spec.arch import Arch
from flopcount.spec.budget import ByteLimit, Configuration, ProjectBudget, When

ROOT = Path(__file__).parent.parent
WRITTEN = sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "index.md")  # make docs writes that one
PAGES = (ROOT / "README.md", *WRITTEN)
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
OTHER_TOOLS = frozenset({"make", "git", "pip", "eval"})
"""First words of commands that are shown and not run."""

ORACLES = ROOT / "tests" / "oracles"
MODELS = {"model.onnx": "onnx/resnet18.onnx", "resnet18.onnx": "onnx/resnet18__bn.onnx"}
"""Models of other tools that commands name, and where they are."""

FILE = re.compile(r"^<!-- file: (\S+) -->\n+```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMITTED = re.compile(FILE.pattern.replace("file", "committed", 1), FILE.flags)


class Example(NamedTuple):
    """A command on a page, what the page says it prints, and the commands before it in its block that write results."""

    page: Path
    line: int
    command: str
    expected: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The words of the command."""
        return shlex.split(self.command)


def examples() -> Iterator[Example]:
    """Yield all commands of all pages."""
    for page in PAGES:
        for block in (part for part in parts(page) if part.language == "console"):
            assert block.text.startswith("$ "), f"{page.name}:{block.line}: a console block starts with a command"
            before: tuple[str, ...] = ()
            for line, command, expected in commands(block):
                yield Example(page, line, command, expected, before)
                before += (command,) if command.endswith("-o results/") else ()


EXAMPLES = [*examples()]
RUN = [example for example in EXAMPLES if example.words[0] == "flopcount"]


@pytest.mark.parametrize("example", RUN, ids=lambda example: f"{example.page.name}:{example.line}")
def test_a_command_prints_what_the_page_shows(
    example: Example, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = example.page.read_text(encoding="utf-8")
    if COMMITTED.search(page):
        committed(repository(tmp_path), dict(COMMITTED.findall(page)))
    for name, content in FILE.findall(page):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    for name in MODELS.keys() & {*example.words}:
        copy(ORACLES / MODELS[name], tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for each in example.before:
        run(*shlex.split(each)[1:])
    result = run(*example.words[1:])
    printed = [line.rstrip() for line in (result.out + result.err).splitlines()]
    assert not differs(printed, example.expected)


@pytest.mark.parametrize("page", [*PAGES, *TUTORIALS], ids=lambda page: page.name)
def test_a_part_of_a_file_has_keys_that_files_have(page: Path) -> None:
    """Blocks of TOML that are no file of their own show a few keys of an arch file or of flopcount.toml."""
    known = {*Arch.model_fields, *Configuration.model_fields}
    blocks = [part.text for part in parts(page) if part.language == "toml" and not part.file]
    assert [key for text in blocks for key in tomllib.loads(text) if key not in known] == []


def test_the_readme_shows_commands_that_are_run() -> None:
    assert {"README.md", "arch-files.md"} <= {example.page.name for example in RUN}


def test_the_readme_counts_the_published_figures_as_verify_does(run: Run) -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    figures, errata = re.findall(r"recomputes (\d+) published figures, (\d+) of which", text)[0]
    assert re.search(
        rf"^{figures} figures: \d+ hold, {errata} known errata, 0 differ$", run("verify").out, re.MULTILINE
    )


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = (page.relative_to(ROOT).as_posix() for page in (*WRITTEN, *TUTORIALS))
    assert [page for page in pages if f"({page})" not in text] == []


def test_the_readme_compares_counters_by_numbers_that_flopcount_reproduces(run: Run) -> None:
    """Each number in the table of counters is the total under the convention beside it."""
    rows = re.findall(
        r"^\| \S+ \| ([\d,]+) \S+ \|.*\| `(.*)` \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == 6
    for number, options in rows:
        words = options.removeprefix("flopcount vit_b_16").split()
        last = run("vit_b_16", *words, "--format", "csv", "--columns", "path,macs").out.splitlines()[-1]
        assert last == f"total,{number.replace(',', '')}"


@pytest.mark.skipif(sys.platform == "win32", reason="it is drawn in a pseudo-terminal")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_readme_is_the_one_that_is_drawn(theme: Theme) -> None:
    shown = (ROOT / "docs" / f"workflow-{theme}.svg").read_text(encoding="utf-8")
    assert shown == workflow(theme), "run make picture"


def test_every_command_is_of_flopcount_or_a_known_tool() -> None:
    assert {example.words[0] for example in EXAMPLES} <= {"flopcount", *OTHER_TOOLS}


def test_an_ellipsis_stands_for_any_number_of_lines_and_nothing_else_is_lenient() -> None:
    assert not differs(["a", "b", "c"], ("a", "…", "c"))
    assert not differs(["a", "c"], ("a", "…", "c"))
    assert differs(["a", "b", "c"], ("a", "c"))
    assert differs(["a.c"], ("abc",))


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    links = [
        (page, link)
        for page in (*PAGES, *TUTORIALS, ROOT / "CONTRIBUTING.md")
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert links
    assert [link for page, link in links if not (page.parent / link).exists()] == []


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {flopcount.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_schema_in_docs_is_the_one_that_is_printed(run: Run) -> None:
    assert (ROOT / "docs" / "arch.schema.json").read_text(encoding="utf-8") == run("schema").out, "run make schema"


def test_the_schema_of_configurations_in_docs_is_the_one_that_is_printed(run: Run) -> None:
    printed = run("schema", "--of", "config").out
    assert (ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8") == printed, "run make schema"


def test_the_page_on_budgets_names_every_key_code_and_format() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    keys = [*ProjectBudget.model_fields, *ByteLimit.model_fields, *When.model_fields, *RENDERERS]
    assert [key for key in keys if f"`{key}`" not in page] == []
    assert [code for code, about in CODES.items() if f"| {code} | {about} |" not in page] == []


def test_the_page_on_the_output_names_the_code_of_every_note() -> None:
    sources = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "flopcount").rglob("*.py")))
    calls = (each for tree in sources for each in ast.walk(tree) if isinstance(each, ast.Call))
    codes = (each for call in calls if getattr(call.func, "id", "") == "Note" for each in ast.walk(call.args[0]))
    written = {each.value for each in codes if isinstance(each, ast.Constant)}
    page = (ROOT / "docs" / "reading-the-output.md").read_text(encoding="utf-8")
    rows = page.split("## Notes\n")[1].split("\n## ")[0].splitlines()
    named = {code for row in rows if row.startswith("| `") for code in re.findall(r"`([a-z-]+)`", row.split(" | ")[0])}
    assert named == written


def test_the_python_on_the_page_on_budgets_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"<!-- python -->\n```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "archs").mkdir()
    (tmp_path / "archs" / "net.toml").write_text('input = [1]\nlayers = [{ type = "Flatten" }]\n')
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  (what the page shows)
    names["test_the_networks_are_within_their_budgets"]()


RECIPES = {
    ".github/workflows/budgets.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}
"""The snippets for CI that have a published schema."""


def recipe(name: str) -> str:
    """Return a snippet of the page on budgets."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"<!-- recipe: {re.escape(name)} -->\n```yaml\n(.*?)```", page, re.DOTALL)
    return str(text)


@pytest.mark.parametrize(("name", "schema"), RECIPES.items())
def test_a_recipe_is_what_its_platform_reads(name: str, schema: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text(recipe(name), encoding="utf-8")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(tmp_path / "recipe.yml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_errata_in_docs_are_those_of_the_claims(run: Run) -> None:
    printed = run("verify", "--errata", "--format", "markdown").out
    assert (ROOT / "docs" / "errata.md").read_text(encoding="utf-8") == printed, "run make errata"


def test_the_picture_in_docs_is_the_one_that_is_drawn(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = run("mobilenet_v1", "--input", "160", "--format", "svg")
    shown = (ROOT / "docs" / "mobilenet_v1.svg").read_text(encoding="utf-8")
    assert shown == drawn.out, "run make picture"


def test_the_python_interface_page_runs() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "python.md", "exec"), names)  # noqa: S102  (the page is ours)
