"""The configuration of a Keras model as data: from JSON, or from the one member of an archive that has it."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flopcount.errors import FileError, Located
from flopcount.readers.rows import ImportProblem
from flopcount.spec.text import DEEPEST, MOST_BYTES, deeper, read_text

MEMBER = "config.json"
"""What an archive calls its configuration; nothing else in it is opened."""

MOST_MEMBERS = 10_000
"""An archive with more members is refused; Keras writes a handful."""

_NOT_AN_ARCHIVE = "this is no .keras archive, which is a zip file with a config.json in it; save the model again"


def json_config(path: Path) -> Mapping[str, Any]:
    """Read the configuration from a JSON file."""
    return _parsed(path, read_text(path))


def archived_config(path: Path) -> Mapping[str, Any]:
    """Read the configuration from an archive: one member, of bounded size, never written anywhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _parsed(path, _member(path, archive))
    except IsADirectoryError:
        raise ImportProblem(path, "this is a folder; name a .keras file in it") from None
    except OSError as error:
        raise ImportProblem(path, f"{(error.strerror or 'cannot be read').lower()}; check the path") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError):
        raise ImportProblem(path, _NOT_AN_ARCHIVE) from None


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    """Unpack the configuration: no more of it than is allowed, whatever the archive declares."""
    if len(archive.namelist()) > MOST_MEMBERS:
        raise ImportProblem(path, f"more than {MOST_MEMBERS} members; this is no archive that Keras wrote")
    if archive.namelist().count(MEMBER) > 1:
        raise ImportProblem(path, f"there are several {MEMBER} in it; save the model again")
    if MEMBER not in archive.namelist():
        raise ImportProblem(path, f"there is no {MEMBER} in it; save the model with model.save('NAME.keras')")
    if archive.getinfo(MEMBER).file_size > MOST_BYTES:
        raise ImportProblem(path, f"its {MEMBER} is larger than {MOST_BYTES >> 20} MiB unpacked")
    with archive.open(MEMBER) as member:
        content = member.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ImportProblem(path, f"its {MEMBER} is larger than {MOST_BYTES >> 20} MiB unpacked")
    return content.decode("utf-8")


def _parsed(path: Path, text: str) -> Mapping[str, Any]:
    import json

    try:
        data = json.loads(text)
        if isinstance(data, str):  # `json.dump(model.to_json(), file)` wraps it once more
            data = json.loads(data)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg}; export the model again"
        raise FileError(str(path), Located(what, error.lineno, error.colno)) from None
    except RecursionError:
        raise ImportProblem(path, f"nested too deep; {DEEPEST} levels are the most") from None
    except ValueError:
        raise ImportProblem(path, "a number has too many digits; sizes go up to 10⁹") from None
    if not isinstance(data, dict):
        raise ImportProblem(path, f"a Keras model is a table with class_name and config, not a {type(data).__name__}")
    if deeper(data, DEEPEST):
        raise ImportProblem(path, f"nested too deep; {DEEPEST} levels are the most")
    return data
