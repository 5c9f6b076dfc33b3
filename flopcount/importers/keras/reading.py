"""Models of Keras: what `model.to_json()` writes, and the `.keras` archive around it.

Only the configuration is read, never a weight; classes are known by name, so no
code of a model is ever run.
"""

from pathlib import Path

from flopcount.importers.foreign import Imported, ImportProblem, Request
from flopcount.importers.keras.files import archived_config, json_config
from flopcount.importers.keras.graph import model_of
from flopcount.importers.keras.network import network


def read(path: Path, request: Request) -> Imported:
    """Read a model from JSON."""
    return network(path, model_of(path, json_config(path)), request)


def read_archive(path: Path, request: Request) -> Imported:
    """Read a model from a `.keras` archive."""
    return network(path, model_of(path, archived_config(path)), request)


def refuse_weights(path: Path, _: Request) -> Imported:
    """Refuse HDF5, whose configuration stands between the weights."""
    raise ImportProblem(
        path,
        "HDF5 is not read; save the model as .keras, or write model.to_json() to a .json file",
    )
