"""`flopcount lock` as a user meets it: rows, refusals, permissions, what a merge leaves."""

import json
import shlex
from pathlib import Path

import pytest
from checkednet import NET
from conftest import Run, Write

SMALLER = NET.replace("out_channels = 8", "out_channels = 6")
"""two: 4·6·9 = 216 on 4×4 = 3456; together 324 and 7344."""

LARGER = NET.replace("out_channels = 8", "out_channels = 10")
"""two: 4·10·9 = 360 on 4×4 = 5760; together 468 and 9648."""

CONFIG = 'files = ["archs/*"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project with one network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "archs").mkdir()
    put(tmp_path / "archs" / "net.toml", NET)
    put(tmp_path / "flopcount.toml", CONFIG)
    return tmp_path


def put(path: Path, text: str) -> None:
    """Write a file as it is."""
    path.write_text(text, encoding="utf-8", newline="")


def rows(folder: Path) -> list[str]:
    """Return the rows of the lock file."""
    lines = (folder / "flopcount.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("  {")]


def test_a_lock_file_has_a_line_for_each_network_and_passes_its_check(folder: Path, run: Run) -> None:
    put(folder / "archs" / "b.toml", SMALLER)
    assert run("lock") == (0, "flopcount.lock: 2 networks: 2 new\n", "")
    b, net = rows(folder)
    assert b.startswith('  { id = "archs/b.toml", input = "3x8x8", params = 324, macs = 7344, hash = "sha256:')
    assert net.startswith('  { id = "archs/net.toml", input = "3x8x8", params = 396, macs = 8496, hash = "sha256:')
    assert run("lock", "--check") == (0, "2 files checked: all limits hold\n", "")


def test_costing_less_is_free_and_the_check_asks_for_it(folder: Path, run: Run) -> None:
    run("lock")
    put(folder / "archs" / "net.toml", SMALLER)
    check = run("lock", "--check")
    assert check.code == 1
    assert check.out.splitlines()[0] == (
        "archs/net.toml:1:1: FC302 not as locked: params 396 → 324, macs 8496 → 7344; run flopcount lock "
        "[lock flopcount.lock:4]"
    )
    assert run("lock") == (0, "flopcount.lock: 1 network: 1 changed\n", "")
    assert run("lock", "--check").code == 0


def test_other_layers_of_the_same_cost_are_not_as_locked(folder: Path, run: Run) -> None:
    put(folder / "archs" / "net.toml", NET.replace("\n]", '\n  { type = "Activation", function = "relu" },\n]'))
    assert run("lock").code == 0
    put(folder / "archs" / "net.toml", NET.replace("\n]", '\n  { type = "Activation", function = "tanh" },\n]'))
    assert "not as locked: equal counts, but other layers" in run("lock", "--check").out


def test_costing_more_is_refused_and_nothing_is_written(folder: Path, run: Run) -> None:
    run("lock")
    before = (folder / "flopcount.lock").read_bytes()
    put(folder / "archs" / "net.toml", LARGER)
    result = run("lock")
    assert (result.code, result.out) == (1, "")
    assert result.problems[0] == "archs/net.toml: params 396 → 468 (+18.18%), macs 8.496k → 9.648k (+13.56%)"
    assert 'flopcount lock --allow-increase archs/net.toml --reason "why"' in result.problems[1]
    assert (folder / "flopcount.lock").read_bytes() == before


def test_the_check_shows_what_costs_more_at_the_network_and_names_the_row(folder: Path, run: Run) -> None:
    run("lock")
    put(folder / "archs" / "net.toml", LARGER)
    check = run("lock", "--check", "--format", "json")
    found = json.loads(check.out)["findings"]
    assert check.code == 1
    assert [(each["code"], each["path"], each["metric"], each["value"], each["limit"]) for each in found] == [
        ("FC301", "archs/net.toml", "params", 468, 396),
        ("FC301", "archs/net.toml", "macs", 9648, 8496),
    ]
    assert {each["rule_at"] for each in found} == {"flopcount.lock:4"}


def test_the_command_that_the_refusal_names_is_the_way_out_and_its_reason_is_kept(folder: Path, run: Run) -> None:
    put(folder / "archs" / "a b 'ü'.toml", NET)
    run("lock")
    put(folder / "archs" / "a b 'ü'.toml", LARGER)
    command = run("lock").problems[-1].partition("to allow it: ")[2]
    assert run(*shlex.split(command)[1:]) == (0, "flopcount.lock: 2 networks: 1 raised\n", "")
    assert 'macs = 9648, hash = "sha256:' in rows(folder)[0]
    assert rows(folder)[0].endswith(', allowed = ["why"] },')
    assert run("lock", "--check").code == 0


def test_reasons_add_up_while_a_network_grows_and_go_when_it_shrinks(folder: Path, run: Run) -> None:
    run("lock")
    for index, channels in enumerate((9, 10), 1):
        put(folder / "archs" / "net.toml", NET.replace("out_channels = 8", f"out_channels = {channels}"))
        assert run("lock", "--allow-increase", "archs/net.toml", "--reason", f"reason {index}").code == 0
    assert 'allowed = ["reason 1", "reason 2"]' in rows(folder)[0]
    put(folder / "archs" / "net.toml", LARGER.replace('"two"', '"second"'))
    assert run("lock").code == 0
    assert 'allowed = ["reason 1", "reason 2"]' in rows(folder)[0]
    put(folder / "archs" / "net.toml", NET)
    assert run("lock").code == 0
    assert "allowed" not in rows(folder)[0]


def test_one_reason_is_for_all_and_several_are_one_each(folder: Path, run: Run) -> None:
    put(folder / "archs" / "b.toml", NET)
    run("lock")
    for name in ("b", "net"):
        put(folder / "archs" / f"{name}.toml", LARGER)
    both = ("--allow-increase", "archs/net.toml", "--allow-increase", "archs/b.toml")
    assert run("lock", *both, "--reason", "for net", "--reason", "for b").code == 0
    assert [row.partition("allowed = ")[2] for row in rows(folder)] == ['["for b"] },', '["for net"] },']


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--allow-increase", "archs/net.toml"), "give one reason for all"),
        (("--reason", "r"), "requires --allow-increase"),
        (("--allow-increase", "archs/net.toml", "--reason", " "), "a line of text"),
        (("--allow-increase", "archs/net.toml", "--reason", "a\nb"), "a line of text"),
        (("--allow-increase", "archs/net.toml", "--reason", "r"), "costs no more than the locked cost"),
        (("--allow-increase", "archs/new.toml", "--reason", "r"), "not in the lock file yet"),
        (("--allow-increase", "archs/nett.toml", "--reason", "r"), "did you mean 'archs/net.toml'?"),
        (("--check", "--allow-increase", "archs/net.toml", "--reason", "r"), "--check writes nothing"),
        (("archs/missing.toml",), "no such file"),
        (("--config", "missing.toml"), "no such file"),
    ],
)
def test_a_permission_that_nothing_needs_is_an_error(
    arguments: tuple[str, ...], words: str, folder: Path, run: Run
) -> None:
    run("lock")
    put(folder / "archs" / "new.toml", NET)
    before = (folder / "flopcount.lock").read_bytes()
    result = run("lock", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert (folder / "flopcount.lock").read_bytes() == before


def test_networks_that_come_and_go_are_found(folder: Path, run: Run) -> None:
    run("lock")
    (folder / "archs" / "net.toml").rename(folder / "archs" / "new.toml")
    check = run("lock", "--check")
    assert check.code == 1
    gone = "is locked but no longer among the networks; run flopcount lock"
    assert check.out.splitlines()[:2] == [
        "archs/new.toml:1:1: FC303 not in flopcount.lock; run flopcount lock [lock]",
        f"flopcount.lock:4:3: FC304 archs/net.toml {gone} [lock]",
    ]
    assert run("lock").out == "flopcount.lock: 1 network: 1 new, 1 removed\n"
    assert run("lock", "--check").code == 0


def test_only_the_rows_of_the_files_that_are_named_are_renewed(folder: Path, run: Run) -> None:
    put(folder / "archs" / "b.toml", NET)
    run("lock")
    put(folder / "archs" / "b.toml", SMALLER)
    put(folder / "archs" / "net.toml", SMALLER)
    assert run("lock", "archs/b.toml").out == "flopcount.lock: 2 networks: 1 changed\n"
    assert ["macs = 7344" in row for row in rows(folder)] == [True, False]
    assert run("lock", "--check", "archs/b.toml").code == 0
    assert run("lock", "--check").code == 1


def test_every_point_of_the_rules_has_a_row_of_its_own(folder: Path, run: Run) -> None:
    """At 16: 108·14² + 288·12² = 62640 MACs."""
    put(folder / "archs" / "net.toml", NET + "[budget]\nmacs = 9000000\nwhen = { input = [8, 16] }\n")
    assert run("lock").out == "flopcount.lock: 3 networks: 3 new\n"
    assert [row.partition(", hash")[0] for row in rows(folder)] == [
        '  { id = "archs/net.toml", input = "3x8x8", params = 396, macs = 8496',
        '  { id = "archs/net.toml --input 16", input = "3x16x16", params = 396, macs = 62640',
        '  { id = "archs/net.toml --input 8", input = "3x8x8", params = 396, macs = 8496',
    ]
    put(folder / "archs" / "net.toml", NET)
    check = run("lock", "--check", "archs/net.toml")
    assert [line.split()[1] for line in check.out.splitlines()[:2]] == ["FC304", "FC304"]
    assert run("lock", "archs/net.toml").out == "flopcount.lock: 1 network: 2 removed\n"


def test_a_point_that_costs_more_is_allowed_by_its_own_id(folder: Path, run: Run) -> None:
    wide = "[budget]\nmacs = 9000000\nwhen = { width = 2 }\n[scaling]\n"
    put(folder / "archs" / "net.toml", NET + wide)
    run("lock")
    put(folder / "archs" / "net.toml", LARGER + wide)
    command = run("lock").problems[-1].partition("to allow it: ")[2]
    assert "'archs/net.toml --width 2'" in command
    assert run(*shlex.split(command)[1:]).out == "flopcount.lock: 2 networks: 2 raised\n"


def test_without_a_configuration_the_lock_file_says_which_networks_there_are(folder: Path, run: Run) -> None:
    (folder / "flopcount.toml").unlink()
    assert run("lock").code == 2
    assert run("lock", "archs").out == "flopcount.lock: 1 network: 1 new\n"
    assert run("lock", "--check") == (0, "1 file checked: all limits hold\n", "")
    put(folder / "archs" / "net.toml", SMALLER)
    assert run("lock").out == "flopcount.lock: 1 network: 1 changed\n"


def test_the_configuration_says_where_the_lock_file_is_and_ids_are_from_there(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "locks").mkdir()
    put(folder / "flopcount.toml", CONFIG + 'lock = "locks/costs.lock"\n')
    monkeypatch.chdir(folder / "archs")
    assert run("lock").out == "../locks/costs.lock: 1 network: 1 new\n"
    assert 'id = "../archs/net.toml"' in (folder / "locks" / "costs.lock").read_text()
    monkeypatch.chdir(folder / "locks")
    assert run("lock", "--check").code == 0


def test_without_a_lock_file_the_check_says_what_to_do(folder: Path, run: Run) -> None:
    result = run("lock", "--check")
    assert (result.code, result.out) == (2, "")
    assert result.problems == ["flopcount.lock: no such file; write it with flopcount lock"]
    assert folder.exists()


@pytest.mark.parametrize("arguments", [("lock",), ("lock", "--check")])
def test_a_file_that_cannot_be_read_is_a_finding_and_nothing_is_written(
    arguments: tuple[str, ...], folder: Path, run: Run
) -> None:
    run("lock")
    before = (folder / "flopcount.lock").read_bytes()
    put(folder / "archs" / "broken.toml", "input = [3, 8, 8\n")
    result = run(*arguments)
    assert result.code == 2
    assert result.out.startswith("archs/broken.toml:1:")
    assert "FC901" in result.out
    assert "FC304" not in result.out
    assert (folder / "flopcount.lock").read_bytes() == before


def row(**changes: str) -> str:
    """Write a row of a lock file with some keys changed, or left out where they are empty."""
    keys = {"id": '"a"', "input": '"3"', "params": "1", "macs": "1", "hash": f'"sha256:{"0" * 64}"', **changes}
    return f"  {{ {', '.join(f'{name} = {value}' for name, value in keys.items() if value)} }},\n"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("version = 2\nnetworks = []\n", ["1:1: version 2 is of a later flopcount"]),
        ("networks = []\n", ["1:1: missing field version"]),
        ("version = 1\nrows = []\n", ['2:1: unknown key "rows"']),
        (f"version = 1\nnetworks = [\n{row(cost='1')}]\n", ['3:132: unknown key "cost"']),
        (
            f"version = 1\nnetworks = [\n{row(macs='-1')}{row(id='')}]\n",
            ["3:40: invalid macs -1", "4:3: missing field id"],
        ),
        (f"version = 1\nnetworks = [\n{row(params='1.0')}]\n", ["3:28: invalid params 1.0"]),
        (f"version = 1\nnetworks = [\n{row()}{row()}]\n", ["4:3: duplicate row a"]),
        ("version = 1\nnetworks = [\n<<<<<<< HEAD\n=======\n", ["3:1: unresolved merge conflict"]),
        ("version = 1\r\nnetworks = [\r\n]\r\n>>>>>>> branch\r\n", ["4:1: unresolved merge conflict"]),
        ("version = \n", ["1:"]),
        ("", ["the file is empty; remove it"]),
    ],
)
def test_a_lock_file_that_is_not_one_says_where(text: str, problems: list[str], folder: Path, run: Run) -> None:
    put(folder / "flopcount.lock", text)
    for arguments in (("lock",), ("lock", "--check")):
        result = run(*arguments)
        assert (result.code, result.out) == (2, "")
        starts = [line.removeprefix("flopcount.lock:").strip() for line in result.problems]
        assert [start.startswith(words) for start, words in zip(starts, problems, strict=True)] == [True] * len(starts)
    assert (folder / "flopcount.lock").read_bytes() == text.encode()


def test_line_ends_of_another_system_make_no_difference_and_are_kept(folder: Path, run: Run) -> None:
    run("lock")
    lock = folder / "flopcount.lock"
    put(lock, lock.read_text().replace("\n", "\r\n"))
    put(folder / "archs" / "net.toml", NET.replace("\n", "\r\n"))
    assert run("lock", "--check").code == 0
    put(folder / "archs" / "net.toml", SMALLER.replace("\n", "\r\n"))
    assert run("lock").code == 0
    assert lock.read_bytes().count(b"\r\n") == lock.read_bytes().count(b"\n") == len(lock.read_text().splitlines())


def test_a_lock_file_that_cannot_be_written_is_one_clear_line(folder: Path, run: Run) -> None:
    put(folder / "flopcount.toml", CONFIG + 'lock = "missing/flopcount.lock"\n')
    result = run("lock")
    assert (result.code, result.out) == (2, "")
    assert len(result.problems) == 1
    assert result.problems[0].startswith("missing/flopcount.lock: cannot be written: no such file")
    assert result.problems[0].endswith("; check that the folder exists and is writable")


def test_odd_names_come_back_as_they_were(folder: Path, run: Run) -> None:
    for name in ('a "b"', "a\\b", "ü漢", "a\x7fb", "a\nb", "a --width 2"):
        put(folder / "archs" / f"{name}.toml", NET)
    assert run("lock").code == 0
    assert run("lock", "--check").code == 0
    assert run("lock").out == "flopcount.lock: 7 networks, as they were\n"


def test_the_networks_of_this_project_cost_what_its_own_lock_file_says(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    result = run("lock", "--check")
    assert result.code == 0, result.out


PHANTOM = """
input = [3, 8, 8]
defaults = { padding = "valid-round", bias = false }
layers = [
  { type = "Conv", out_channels = 4, kernel_size = 7, stride = 2 },
  { type = "Conv", out_channels = 8, kernel_size = 3 },
]
"""
"""Maps of round((8 − 6) / 2) = 1 and 1 − 2 = −1: 3·4·49·1² = 588 and 4·8·9·(−1)² = 288 MACs that do not exist."""


def test_a_row_carries_the_note_that_qualifies_its_numbers(folder: Path, run: Run) -> None:
    put(folder / "archs" / "net.toml", PHANTOM)
    (line, note) = run("lock").out.splitlines()
    assert (line, note[:38]) == ("flopcount.lock: 1 network: 1 new", 'note: archs/net.toml: padding = "valid')
    assert "288 of the 876 MACs" in rows(folder)[0].partition("notes = ")[2]
    (about,) = json.loads(run("lock", "--check", "--format", "json").out)["note_codes"]
    assert about == "maps-vanished"
    put(folder / "flopcount.lock", (folder / "flopcount.lock").read_text().replace(", notes = [", ", allowed = ["))
    assert "FC302 not as locked: notes" in run("lock", "--check").out


def test_a_lower_bound_is_not_locked(folder: Path, run: Run) -> None:
    put(folder / "archs" / "net.toml", f"{NET}[unknown]\nMystery = 1\n")
    result = run("lock")
    assert result.code == 2
    assert result.out.startswith("archs/net.toml:1:1: FC902 unsupported operators were skipped")
    assert not (folder / "flopcount.lock").exists()


def test_other_metrics_are_recorded_when_they_are_asked_for_and_kept(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An 8-bit map of 1,024 and one of 4 or 5 times that: what is alive, and the arena."""
    text = """
name = "net"
input = [1, 32, 32]
precision = "int8"
layers = [{ type = "Conv", out_channels = 4, kernel_size = 1, bias = false }]
"""
    path = Path(write("net.toml", text))
    monkeypatch.chdir(path.parent)
    assert run("lock", "net.toml", "--metrics", "peak,arena").code == 0
    assert "peak = 5120, arena = 5120," in Path("flopcount.lock").read_text(encoding="utf-8")
    assert run("lock", "--check").code == 0
    path.write_text(text.replace("out_channels = 4", "out_channels = 5"), encoding="utf-8")
    found = run("lock", "--check")
    assert found.code == 1
    assert "arena 6.144 kB > 5.12 kB" in found.out
    assert "peak 5.12 kB → 6.144 kB" in run("lock").err
    found = run("lock", "net.toml", "--metrics", "intensity")
    assert (found.code, "not a metric that can be locked" in found.err) == (2, True)
