"""From a reference to a validated arch: a path, a bundled name, or standard input."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from flopcount.errors import FileError, Place, Problem, SpecError, suggestion
from flopcount.files.bundled import Bundled, bundled, bundled_network
from flopcount.files.settings import Setting, changed
from flopcount.files.texts import Notation, Source, decoded, guessed, notation_of, parsed, read_text
from flopcount.schema.arch import Arch
from flopcount.schema.rows import Raw

MOST_SHOWN = 20
"""More problems than this are counted, not listed."""


class Spec(NamedTuple):
    """An arch with the source it came from, so that an error can point into it."""

    arch: Arch
    source: Source
    settings: Mapping[Place, str] = {}


def load(reference: str, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Load an arch file: a path if it exists, else a bundled network by file name or bare name."""
    path, named = Bundled(Path(reference))
    if not os.path.isfile(path):  # noqa: PTH113  (answers False, not an error, to a name no system can hold)
        path, named = bundled_network(reference) or (path, named)
    if not os.path.exists(path):  # noqa: PTH110  (likewise)
        raise FileError(f"{reference}: no such file, and no bundled network; {suggestion(reference, [*bundled()])}")
    text = read_text(path)
    return validated(parsed(text, notation_of(path, text), str(path)), settings, variant or named)


def load_bytes(
    content: bytes, notation: Notation | None = None, settings: Iterable[Setting] = (), variant: str | None = None
) -> Spec:
    """Load an arch from bytes, such as standard input; the notation is guessed where not given."""
    text = decoded(content, "<stdin>")
    return validated(parsed(text, notation or guessed(text), "<stdin>"), settings, variant)


def validated(source: Source, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Validate parsed data as an arch: a variant of it, with settings; errors point into the text."""
    data = varied(source.data, variant, source.title) if variant else source.data
    data, places = changed(data, settings)
    source = source._replace(data=data)
    try:
        return Spec(Arch.model_validate(data), source, places)
    except ValidationError as error:
        from flopcount.schema.problems import all_problems

        raise FileError(pointed(all_problems(error, data), source, places)) from None


def varied(data: Raw, name: str, title: str) -> Raw:
    """Return the data of a variant: the file's, with what the variant says instead."""
    variants = data.get("variants")
    known = [*variants] if isinstance(variants, Mapping) else []
    variant = variants[name] if isinstance(variants, Mapping) and name in known else None
    if not isinstance(variant, Mapping):
        raise FileError(f"{title}: no variant is called {name!r}; {suggestion(name, known)}")
    tables = {key: {**data.get(key, {}), **variant.get(key, {})} for key in ("arguments", "defaults") if key in variant}
    return {**data, **variant, **tables, "name": name}


def explained(error: SpecError, spec: Spec) -> FileError:
    """Turn problems found while walking a spec into lines that point into its file."""
    return FileError(pointed(error.problems, spec.source, spec.settings))


def pointed(problems: Iterable[Problem], source: Source, settings: Mapping[Place, str]) -> str:
    """Write one line per problem: `file:line:column: layer: what`."""
    problems = list(problems)
    lines = [_line(problem, source, settings) for problem in problems[:MOST_SHOWN]]
    more = len(problems) - MOST_SHOWN
    return "\n".join([*lines, f"{source.title}: and {more} more problems like these"] if more > 0 else lines)


def _line(problem: Problem, source: Source, settings: Mapping[Place, str]) -> str:
    from flopcount.files.positions import position_of

    if problem.place in settings:
        return f"{source.title}: {settings[problem.place]}: {problem}"
    position = position_of(source, problem.place)
    spot = ":".join(map(str, position)) + ":" if position else ""
    lines = [at[0] for place in problem.via if (at := position_of(source, place))]
    used = f" (in a template used at line {', '.join(map(str, lines))})" if lines else ""
    return f"{source.title}:{spot} {problem}{used}"
