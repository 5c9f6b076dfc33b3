"""Keras models in HDF5: the text of their `model_config` is looked for in the bytes, and nothing else is read."""

import re
from collections.abc import Iterator
from pathlib import Path

from flopcount.errors import FileError, Refusal, reason
from flopcount.readers.base import Build
from flopcount.readers.keras.read import MOST_UNPACKED, parsed
from flopcount.spec.foreign import recognized

MARK = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""

_START = re.compile(rb'\{"(?:class_name|module)": ?"')
"""The beginning of the text; a string of HDF5 is in one piece, as a fixed one or in a heap."""

_END = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What is in no JSON text, and follows it: padding, or the header of the next object."""

_LAYERS = re.compile(rb'"(?:layers|config)": ?\[')
"""What a model has, and no optimizer or loss."""

_PIECE, _LEAST, _LONGEST_START = 2**20, 2**16, 64


class NoModel(Refusal):
    """The refusal of a file that has weights, but no layers; its message says how to write them."""

    def of(self, title: str) -> FileError:
        """Return the error that a file of HDF5 has under another name."""
        found = recognized("", MARK)
        return FileError(title, *found.problems) if found else super().of(title)


def read_hdf5(path: Path) -> Build:
    """Parse a model from an HDF5 file."""
    try:
        end = 0
        for start in _starts(path):
            if start >= end:  # those inside of a text are its own
                content = _content(path, start)
                text = content[: content.rfind(b"}") + 1]
                if _LAYERS.search(text):
                    return parsed(text.decode("utf-8", "replace"))
                end = start + len(content)
    except OSError as error:
        raise Refusal(f"{reason(error)}; check the path") from None
    raise NoModel("it contains no layers of a Keras model")


def _starts(path: Path) -> Iterator[int]:
    """Yield the places where a text may begin, in the order of the file."""
    with path.open("rb") as file:
        if file.read(len(MARK)) != MARK:
            return
        kept, at = b"", len(MARK)
        while piece := file.read(_PIECE):
            window = kept + piece
            for match in _START.finditer(window):
                if match.end() > len(kept):
                    yield at - len(kept) + match.start()
            at += len(piece)
            kept = window[-_LONGEST_START:]


def _content(path: Path, start: int) -> bytes:
    """Return what begins at a place, up to what is in no text."""
    pieces: list[bytes] = []
    with path.open("rb") as file:
        file.seek(start)
        while len(pieces) * _LEAST < MOST_UNPACKED and (piece := file.read(_LEAST)):
            end = _END.search(piece)
            pieces.append(piece[: end.start()] if end else piece)
            if end:
                break
    return b"".join(pieces)
