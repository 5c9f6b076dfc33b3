"""Arch files by `REF:path`, as git has them: read from a commit without a checkout."""

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from flopcount.errors import FileError, UsageError, plain, suggestion
from flopcount.files.history import commit_at, content_at, files_at, root_of

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_REVISION = re.compile(r"((?:[^:{]|\{[^}]*\})*):(.*)", re.DOTALL)


def revision(reference: str) -> tuple[str, str] | None:
    """Take `REF:path` apart; None for anything else: a file of that name, or a path with a drive."""
    match = _REVISION.fullmatch(reference)
    if match is None or _DRIVE.match(reference) or os.path.exists(reference):  # noqa: PTH110  (answers to any word)
        return None
    if not (match[1] and match[2]):
        raise UsageError(f"{plain(reference[:300])}: give a commit and a path, as in HEAD:archs/net.toml")
    return match[1], match[2]


def content_in(ref: str, path: str, folder: Path) -> bytes:
    """Return a file as it is in a commit; paths are from the top of the repository, with ./ from the folder."""
    title = f"{ref}:{path}"
    root = root_of(folder)
    if root is None:
        raise UsageError(f"{plain(title[:300])}: no such file, and no git repository here to find {plain(ref)!r} in")
    base = files_at(root, commit_at(root, ref))
    name = _from_top(path, folder, root)
    content = content_at(base, name)
    if content is None:
        raise FileError(
            f"{plain(title[:300])}: no such file in this commit; {_way_out(path, name, folder, root, base.blobs)}"
        )
    return content


def _from_top(path: str, folder: Path, root: Path) -> str:
    """Return a path from the top of the repository, as git takes it."""
    if not path.startswith(("./", "../")):
        return posixpath.normpath(path)
    here = folder.resolve().relative_to(root.resolve()).as_posix()
    return posixpath.normpath(posixpath.join(here, path))


def _way_out(path: str, name: str, folder: Path, root: Path, known: Iterable[str]) -> str:
    """Say what else may have been meant: the path from this folder, or one like it."""
    known = [*known]
    if _from_top(f"./{path}", folder, root) in known:
        return f"paths are from the top of the repository; did you mean './{plain(path)}'?"
    archs = [each for each in known if each.endswith((".toml", ".json"))]
    return suggestion(name, archs)
