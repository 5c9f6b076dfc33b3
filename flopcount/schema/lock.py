"""What a lock file may say: a row for each network at each input."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from flopcount.schema.base import Expects, Line

_STRICT = ConfigDict(frozen=True, extra="forbid", defer_build=True)

_Exact = Annotated[int, Field(strict=True, ge=0), Expects("a whole number of 0 or more")]


class LockRow(BaseModel):
    """What a network costs, as agreed; `allowed` says why where that was raised."""

    model_config = _STRICT

    id: Annotated[str, Field(min_length=1, max_length=5000), Expects("a file, and the options it is counted with")]
    input: Annotated[str, Field(max_length=1000), Expects("sizes such as 3x224x224")]
    params: _Exact
    macs: _Exact
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$"), Expects('"sha256:" and 64 hexadecimal digits')]
    allowed: Annotated[
        tuple[Annotated[Line, Field(min_length=1)], ...],
        BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw),
        Expects("a list of reasons"),
    ] = ()


class LockFile(BaseModel):
    """The whole of a lock file."""

    model_config = _STRICT

    version: Annotated[int, Field(strict=True, ge=1), Expects("a whole number")]
    networks: Annotated[tuple[LockRow, ...], Expects("a list of rows")] = ()
