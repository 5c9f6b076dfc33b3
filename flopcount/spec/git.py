"""Files of a commit, read from git without a checkout, and without anything that a repository configures.

Refs are resolved in the repository, where git checks its owner. Objects are then read through an empty git
directory that borrows them, so that the repository's own configuration, attributes and hooks are not in force.
Nothing is fetched. Git is called with lists of arguments, never through a shell, and no path is ever quoted.
"""

import hashlib
import os
import posixpath
import re
import subprocess
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from flopcount.errors import FileError, UsageError, plain, reason, suggestion
from flopcount.spec.text import MOST_BYTES, read_bytes, root_of

MOST_CONTENT = 256 * 2**20
"""Largest content that is read from a commit, of all files together."""


class _GitError(FileError):
    """Git failed; the message is its own."""


class _Objects(NamedTuple):
    """An empty git directory that borrows the objects of a repository; `digest` is the algorithm of their names."""

    root: Path
    folder: Path
    digest: str
    environment: Mapping[str, str]

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return the output of git; it fails if an object is missing, which a partial clone would fetch."""
        try:
            return _git(self.folder, *arguments, stdin=stdin, **self.environment)
        except _GitError as error:
            raise self._missing(error.problems[0].what) from None

    def _missing(self, what: str) -> FileError:
        hint = "if this is a partial clone, get the rest with git fetch --refetch --no-filter"
        return FileError(f"git in {self.root}", f"{what}; {hint}")

    def files(self, commit: str) -> dict[str, str]:
        """Return the hash of each file of a commit."""
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="surrogateescape")
        pairs = (line.partition("\t") for line in listed.split("\0") if line)
        return {name: about.split()[2] for about, _, name in pairs}

    def contents(self, hashes: Collection[str]) -> dict[str, bytes]:
        """Read files by their hashes, after their sizes."""
        asked = "".join(f"{each}\n" for each in hashes).encode()
        about = [line.split() for line in self.git("cat-file", "--batch-check", stdin=asked).splitlines() if hashes]
        if lost := [name for name, *kind in about if kind[0] != b"blob"]:
            raise self._missing(f"object {lost[0].decode()} is missing")
        if sum(int(size) for _, _, size in about) > MOST_CONTENT:
            what = f"the files to compare have more than {MOST_CONTENT >> 20} MiB in this commit"
            raise FileError(f"git in {self.root}", f"{what}; name fewer")
        content = self.git("cat-file", "--batch", stdin=asked)
        ends = accumulate(len(b" ".join(each)) + int(each[2]) + 2 for each in about)
        return {
            name.decode(): content[end - 1 - int(size) : end - 1]
            for (name, _, size), end in zip(about, ends, strict=True)
        }

    def renamed(self, blobs: Mapping[str, str], new: Collection[str]) -> dict[str, str]:
        """Return the old names of files that are not in a commit, as git detects renames.

        The new files are hashed here: git would run the filters that the repository names.
        """
        endings = {posixpath.splitext(name)[1] for name in new}
        alike = (name for name in blobs if posixpath.splitext(name)[1] in endings)
        gone = [name for name in alike if not os.path.isfile(self.root / name)]  # noqa: PTH113  (answers to any word)
        texts = ((name, read_bytes(self.root / name)) for name in new if gone)
        made = {name: self._write("blob", text) for name, text in texts if len(text) <= MOST_BYTES}
        if not made:
            return {}
        names = [*gone, *made]
        trees = self._tree(0, [blobs[name] for name in gone], names), self._tree(len(gone), [*made.values()], names)
        found = self.git("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", *trees).split(b"\0")
        numbers = [int(each.partition(b"/")[0]) for each in found if b"/" in each]
        return {names[new]: names[old] for old, new in zip(numbers[::2], numbers[1::2], strict=True)}

    def _tree(self, start: int, hashes: Sequence[str], names: Sequence[str]) -> str:
        """Write a tree of files, each in a numbered folder of its own: git goes by names without their folders."""
        rows = []
        for number, each in enumerate(hashes, start):
            name = posixpath.basename(names[number]).encode(errors="surrogateescape")
            inner = self._write("tree", b"100644 %b\0%b" % (name, bytes.fromhex(each)))
            rows.append(b"40000 %09d\0%b" % (number, bytes.fromhex(inner)))
        return self._write("tree", b"".join(rows))

    def _write(self, kind: str, content: bytes) -> str:
        """Write an object beside the borrowed ones, and return its hash."""
        data = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.new(self.digest, data, usedforsecurity=False).hexdigest()
        path = self.folder / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data, 1))
        return name


@contextmanager
def _objects(root: Path) -> Iterator[_Objects]:
    """Borrow the objects of a repository, and of those that it borrows from itself."""
    words = _git(root, "rev-parse", "--show-prefix", "--show-object-format", "--git-path", "objects").split(b"\n", 2)
    if words[0]:
        raise FileError(str(root / ".git"), "this is not a git repository; run git init, or remove it")
    digest = "sha256" if words[1] == b"sha256" else "sha1"
    borrowed = str(root / os.fsdecode(words[2].removesuffix(b"\n"))).replace("\\", "\\\\").replace('"', '\\"')
    with TemporaryDirectory(prefix="flopcount-", ignore_cleanup_errors=True) as name:
        for each in ("objects", "refs"):
            Path(name, each).mkdir()
        Path(name, "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
        form = "1\n[extensions]\nobjectFormat = sha256" if digest == "sha256" else "0"
        Path(name, "config").write_text(f"[core]\nbare = true\nrepositoryFormatVersion = {form}\n", encoding="utf-8")
        where = {"GIT_DIR": name, "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{borrowed}"'}
        yield _Objects(root, Path(name), digest, where)


def texts_at(root: Path, ref: str, paths: Iterable[Path]) -> dict[Path, bytes]:
    """Return the contents of files at the merge base of a ref and the checkout; new files are left out."""
    top = root.resolve()
    inside = ((path, path.resolve()) for path in paths)
    names = {path: real.relative_to(top).as_posix() for path, real in inside if real.is_relative_to(top)}
    with _objects(root) as objects:
        blobs = objects.files(_base(root, ref))
        renamed = objects.renamed(blobs, {*names.values()} - blobs.keys())
        now = ((path, renamed.get(name, name)) for path, name in names.items())
        hashes = {path: blobs[name] for path, name in now if name in blobs}
        contents = objects.contents(dict.fromkeys(hashes.values()))
    return {path: contents[each] for path, each in hashes.items()}


def outside(folder: Path) -> UsageError:
    """Return the error for a folder without history."""
    if _answer(folder, "rev-parse", "--is-bare-repository") == "true":
        return UsageError(f"{folder}: a bare repository has no files to compare; run in a working tree")
    return UsageError(f"{folder}: not in a git repository; run in one, or omit --base")


def _commit(root: Path, ref: str) -> str:
    """Return the commit of a ref; refuse an option, a file of the index, and control characters."""
    if not ref or ref[0] in "-:" or not ref.isprintable():
        what = "a ref must not be empty or start with - or :"
        raise UsageError(f"{plain(ref[:100])!r}: {what}; name a branch, a tag or a commit")
    commit = _answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if not commit:
        raise UsageError(f"{ref[:100]}: no such commit in this repository; {_history_hint(root, ref)}")
    return commit


def _base(root: Path, ref: str) -> str:
    """Return the base of a checkout; for a submodule, the commit that its superproject had then."""
    whole = root_of(root.resolve().parent)
    if whole is None or not _submodule(whole, root, _answer(whole, "rev-parse", "--verify", "--quiet", "HEAD")):
        return _merge_base(root, ref)
    commit = _submodule(whole, root, _merge_base(whole, ref))
    if commit and not _answer(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"):
        raise UsageError(f"--base {ref[:100]}: submodule {root.name} lacks commit {commit}; fetch it there")
    return commit or _merge_base(root, ref)


def _submodule(whole: Path, root: Path, commit: str) -> str:
    """Return the commit of a submodule in a commit of its superproject; empty if it is none there."""
    place = root.resolve().relative_to(whole).as_posix()
    if not commit:
        return ""
    with _objects(whole) as objects:
        mode, *about = objects.git("ls-tree", "-z", commit, "--", place).decode(errors="surrogateescape").split() or [
            ""
        ]
    return about[1] if mode == "160000" else ""


def _merge_base(root: Path, ref: str) -> str:
    """Return the merge base of a ref and the checkout."""
    found = _answer(root, "rev-parse", f"{_commit(root, ref)}...HEAD").split("^")
    if len(found) == 1:
        what = f"--base {ref[:100]}: it has no commit in common with the checkout"
        raise UsageError(f"{what}; {_history_hint(root, ref)}")
    return found[1].strip()


def _history_hint(root: Path, ref: str) -> str:
    if _answer(root, "rev-parse", "--is-shallow-repository") == "true":
        return "this clone is shallow: run git fetch --unshallow, or set fetch-depth: 0 in the CI checkout"
    return f"fetch it first, as in git fetch origin {ref[:100].removeprefix('origin/')}, or name another"


def _answer(folder: Path, *arguments: str) -> str:
    """Return what git says; empty if it fails."""
    try:
        return _git(folder, *arguments).decode().strip()
    except _GitError:
        return ""


_ELSEWHERE = ("DIR", "WORK_TREE", "COMMON_DIR", "INDEX_FILE", "OBJECT_DIRECTORY", "ALTERNATE_OBJECT_DIRECTORIES")
_UNSET = {f"GIT_{name}" for name in (*_ELSEWHERE, "PREFIX", "NAMESPACE", "GRAFT_FILE", "SHALLOW_FILE")}
"""What leads git to another repository, or to other objects."""

_SET = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
"""What keeps git from fetching and from writing."""


def _git(folder: Path, *arguments: str, stdin: bytes = b"", **more: str) -> bytes:
    """Run git in a folder, without the program that a repository may name to watch its files; return its output."""
    environ.setdefault("NoDefaultCurrentDirectoryInExePath", "1")  # no git.exe of the working folder, on Windows
    environment = {**{name: value for name, value in environ.items() if name not in _UNSET}, **_SET, **more}
    command, pipe = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments], subprocess.PIPE
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:  # noqa: S603  (a list, no shell)
            printed, said = process.communicate(stdin)
    except FileNotFoundError:
        raise UsageError("--base needs git, which is not on the path; install it, or omit --base") from None
    except OSError as error:
        raise FileError("git", f"cannot be run: {reason(error)}") from None
    if process.returncode:
        why = plain(" ".join(said.decode(errors="replace").split())[:400])
        raise _GitError(f"git {arguments[0]} in {folder}", why or "it failed")
    return printed


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
"""The beginning of a path with a drive, whatever the system."""

_REVISION = re.compile(r"((?:[^:{]|\{[^}]*\})*):(.*)", re.DOTALL)


def revision(reference: str) -> tuple[str, str] | None:
    """Split `REF:path`; None for an existing file, a path with a drive, and anything else."""
    match = _REVISION.fullmatch(reference)
    has_drive = _DRIVE.match(reference) or os.path.splitdrive(reference)[0]
    if match is None or has_drive or os.path.exists(reference):  # noqa: PTH110  (answers to any word)
        return None
    if not (match[1] and match[2]):
        raise UsageError(f"{plain(reference[:300])}: give a commit and a path, as in HEAD:archs/net.toml")
    return match[1], match[2].replace(os.sep, "/")


def content_in(ref: str, path: str, folder: Path) -> bytes:
    """Return a file of a commit; its path is relative to the top of the repository, or with ./ to the folder."""
    title = plain(f"{ref}:{path}"[:300])
    root = root_of(folder)
    if root is None:
        raise UsageError(f"{title}: no such file, and no git repository in which {plain(ref)!r} could be found")
    name = _from_top(path, folder, root)
    with _objects(root) as objects:
        blobs = objects.files(_commit(root, ref))
        content = objects.contents([blobs[name]] if name in blobs else [])
    if not content:
        hint = suggestion(name, [each for each in blobs if each.endswith((".toml", ".json"))])
        if _from_top(f"./{path}", folder, root) in blobs:
            hint = f"paths are relative to the top of the repository; did you mean './{plain(path)}'?"
        raise FileError(title, f"no such file in this commit; {hint}")
    return next(iter(content.values()))


def _from_top(path: str, folder: Path, root: Path) -> str:
    """Return a path relative to the top of the repository."""
    here = folder.resolve().relative_to(root.resolve()).as_posix() if path.startswith(("./", "../")) else ""
    return posixpath.normpath(posixpath.join(here, path))
