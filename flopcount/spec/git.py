"""Files of a commit, read from git without a checkout.

Git is called with lists of arguments, never through a shell, and may not fetch. Objects
are read by their hashes, so no path is ever quoted.
"""

import os
import posixpath
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from flopcount.errors import FileError, UsageError, plain, reason, suggestion


class _GitError(FileError):
    """Git failed; the message is its own."""


class Base(NamedTuple):
    """A commit of a repository: the hash of each file, and the old names of renamed files."""

    root: Path
    blobs: Mapping[str, str]
    renamed: Mapping[str, str] = {}


def root_of(folder: Path) -> Path | None:
    """Return the top folder of the working tree around a folder; None if there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def base_at(root: Path, ref: str) -> Base:
    """Return the merge base of a ref and the checkout; for a submodule, the commit that its superproject had then."""
    commit = _in_superproject(root, ref) or _merge_base(root, ref)
    words = _git(root, "diff", "--name-status", "-z", "-M", "--diff-filter=R", "--no-ext-diff", commit).split(b"\0")
    names = [word.decode(errors="surrogateescape") for word in words if word]
    renamed = {new: old for _, old, new in zip(names[::3], names[1::3], names[2::3], strict=False)}
    return files_at(root, commit)._replace(renamed=renamed)


def texts_at(base: Base, paths: Iterable[Path]) -> dict[Path, bytes]:
    """Return the contents of files at a base; new files are left out."""
    hashes = {path: found for path in paths if (found := _blob(base, path))}
    contents = _contents(base.root, [*dict.fromkeys(hashes.values())])
    return {path: contents[found] for path, found in hashes.items() if found in contents}


def outside(folder: Path) -> UsageError:
    """Return the error for a folder without history."""
    if _answer(folder, "rev-parse", "--is-bare-repository") == "true":
        return UsageError(f"{folder}: a bare repository has no files to compare; run in a working tree")
    return UsageError(f"{folder}: not in a git repository; run in one, or omit --base")


def commit_at(root: Path, ref: str) -> str:
    """Return the commit of a ref; refuse an empty one, one that looks like an option, and control characters."""
    if not ref or ref.startswith("-") or not ref.isprintable():
        what = "a ref must not be empty or start with -"
        raise UsageError(f"{plain(ref[:100])!r}: {what}; name a branch, a tag or a commit")
    commit = _answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if not commit:
        raise UsageError(f"{ref[:100]}: no such commit in this repository; {_history_hint(root, ref)}")
    return commit


def files_at(root: Path, commit: str) -> Base:
    """Return the files of a commit."""
    listed = _git(root, "ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="surrogateescape")
    pairs = (line.partition("\t") for line in listed.split("\0") if line)
    return Base(root, {name: about.split()[2] for about, _, name in pairs})


def _merge_base(root: Path, ref: str) -> str:
    base = _answer(root, "merge-base", commit_at(root, ref), "HEAD")
    if not base:
        what = f"--base {ref[:100]}: it has no commit in common with the checkout"
        raise UsageError(f"{what}; {_history_hint(root, ref)}")
    return base


def _in_superproject(root: Path, ref: str) -> str:
    """Return the commit of a submodule at the base of its superproject; empty if it has none."""
    whole = _git(root, "rev-parse", "--show-superproject-working-tree").decode(errors="surrogateescape").strip("\n")
    if not whole:
        return ""
    place = root.resolve().relative_to(Path(whole).resolve()).as_posix()
    line = _git(Path(whole), "ls-tree", "-z", _merge_base(Path(whole), ref), "--", place)
    commit = line.split()[2].decode() if line else ""
    if commit and not _answer(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"):
        raise UsageError(f"--base {ref[:100]}: submodule {place} lacks commit {commit}; fetch it there")
    return commit


def _history_hint(root: Path, ref: str) -> str:
    if _answer(root, "rev-parse", "--is-shallow-repository") == "true":
        return "this clone is shallow: run git fetch --unshallow, or set fetch-depth: 0 in the CI checkout"
    return f"fetch it first, as in git fetch origin {ref[:100].removeprefix('origin/')}, or name another"


def _blob(base: Base, path: Path) -> str | None:
    try:
        name = path.resolve().relative_to(base.root.resolve()).as_posix()
    except ValueError:
        return None
    return base.blobs.get(name) or base.blobs.get(base.renamed.get(name, ""))


def _contents(root: Path, hashes: Sequence[str]) -> dict[str, bytes]:
    """Read objects by their hashes in one process."""
    out = _git(root, "cat-file", "--batch", stdin="".join(f"{each}\n" for each in hashes).encode())
    found: dict[str, bytes] = {}
    start = 0
    while start < len(out):
        end = out.index(b"\n", start)
        name, *about = out[start:end].split()
        size = int(about[1]) if len(about) == 2 else -1  # noqa: PLR2004  (a type and a size; else it is missing)
        if size >= 0 and about[0] == b"blob":
            found[name.decode()] = out[end + 1 : end + 1 + size]
        start = end + 2 + size if size >= 0 else end + 1
    return found


def _answer(folder: Path, *arguments: str) -> str:
    """Return what git says on one line; empty if it fails."""
    try:
        return _git(folder, *arguments).decode().strip()
    except _GitError:
        return ""


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in a folder and return its output; it may not fetch, and takes no optional locks."""
    here = [f"--git-dir={folder / '.git'}", f"--work-tree={folder}"] if (folder / ".git").exists() else []
    command = ["git", "-C", str(folder), *here, "--no-optional-locks", "-c", "protocol.allow=never", *arguments]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:  # noqa: S603  (a list, no shell)
            printed, said = process.communicate(stdin)
    except FileNotFoundError:
        raise UsageError("--base needs git, which is not on the path; install it, or omit --base") from None
    except OSError as error:
        raise FileError("git", f"cannot be run: {reason(error)}") from None
    if process.returncode:
        why = plain(said.decode(errors="replace").strip().partition("\n")[0][:300])
        raise _GitError(f"git {arguments[0]} in {folder}", why or "it failed")
    return printed


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_REVISION = re.compile(r"((?:[^:{]|\{[^}]*\})*):(.*)", re.DOTALL)


def revision(reference: str) -> tuple[str, str] | None:
    """Split `REF:path`; None for an existing file, a path with a drive, and anything else."""
    match = _REVISION.fullmatch(reference)
    if match is None or _DRIVE.match(reference) or os.path.exists(reference):  # noqa: PTH110  (answers to any word)
        return None
    if not (match[1] and match[2]):
        raise UsageError(f"{plain(reference[:300])}: give a commit and a path, as in HEAD:archs/net.toml")
    return match[1], match[2]


def content_in(ref: str, path: str, folder: Path) -> bytes:
    """Return a file of a commit; its path is relative to the top of the repository, or with ./ to the folder."""
    title = plain(f"{ref}:{path}"[:300])
    root = root_of(folder)
    if root is None:
        raise UsageError(f"{title}: no such file, and no git repository in which {plain(ref)!r} could be found")
    base = files_at(root, commit_at(root, ref))
    name = _from_top(path, folder, root)
    content = _contents(root, [base.blobs[name]] if name in base.blobs else [])
    if not content:
        hint = suggestion(name, [each for each in base.blobs if each.endswith((".toml", ".json"))])
        if _from_top(f"./{path}", folder, root) in base.blobs:
            hint = f"paths are relative to the top of the repository; did you mean './{plain(path)}'?"
        raise FileError(title, f"no such file in this commit; {hint}")
    return next(iter(content.values()))


def _from_top(path: str, folder: Path, root: Path) -> str:
    """Return a path relative to the top of the repository."""
    here = folder.resolve().relative_to(root.resolve()).as_posix() if path.startswith(("./", "../")) else ""
    return posixpath.normpath(posixpath.join(here, path))
