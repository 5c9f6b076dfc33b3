"""From a reference to a validated arch: a path, a bundled name, or standard input."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import FileError, Place, Problem, SpecError, plain, suggestion
from flopcount.files.bundled import Bundled, bundled, bundled_network
from flopcount.files.settings import Setting, addressed, by_layer, changed
from flopcount.files.source import Notation, Source
from flopcount.files.texts import decoded, guessed, notation_of, parsed, read_text
from flopcount.schema.arch import Arch
from flopcount.schema.rows import Raw

MOST_SHOWN = 20
"""More problems than this are counted, not listed."""


_START = (1, 1, 1)
"""Where a problem stands that is about a file as a whole."""

_NOWHERE = (10**9, 0, 0)
"""Where a problem stands that is not about the file: behind the others."""


class Spec(NamedTuple):
    """An arch with the source it came from, so that an error can point into it.

    `settings` are the places that settings changed; `changes` what settings say
    of layers, as path → field → value, which is for the plan.
    A `foreign` file, one of another tool, adds what there is to say about it: notes, the
    operators that were left out, and whether the sizes that were asked for are in it already.
    """

    arch: Arch
    source: Source
    settings: Mapping[Place, str] = {}
    changes: Mapping[str, Mapping[str, Any]] = {}
    notes: tuple[str, ...] = ()
    unknown: Mapping[str, int] = {}
    sized: bool = False
    foreign: bool = False


def load(reference: str, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Load an arch file: a path if it exists, else a bundled network by file name or bare name."""
    source, named = _read(reference)
    return _specified(source, settings, variant or named)


def _specified(source: Source, settings: Iterable[Setting], variant: str | None) -> Spec:
    """Validate a network, or the one that a space is of, with the axes of the space."""
    if not _is_space(source):
        return validated(source, settings, variant)
    base, named = _read(_base(source))
    if _is_space(base):
        raise FileError(f"{source.title}: arch names another space; name the network itself")
    spec = validated(base, settings, variant or named)
    return spec._replace(arch=spec.arch.model_copy(update={"space": dict(source.data.get("space", {}))}))


def _read(reference: str) -> tuple[Source, str | None]:
    path, named = Bundled(Path(reference))
    if not os.path.isfile(path):  # noqa: PTH113  (answers False, not an error, to a name no system can hold)
        path, named = bundled_network(reference) or (path, named)
    if not os.path.exists(path):  # noqa: PTH110  (likewise)
        raise FileError(f"{reference}: no such file, and no bundled network; {suggestion(reference, [*bundled()])}")
    text = read_text(path)
    return parsed(text, notation_of(path, text), str(path)), named


def _is_space(source: Source) -> bool:
    """Tell whether a file has no layers of its own but names a network."""
    return "arch" in source.data and "layers" not in source.data


def _base(source: Source) -> str:
    """Return which network a space is of: a path from its file, or else a name."""
    title, reference, space = source.title, source.data["arch"], source.data.get("space", {})
    unknown = next((key for key in source.data if key not in {"arch", "space"}), None)
    if unknown is not None:
        raise FileError(f"{title}: beside arch there is space and nothing else, not {plain(unknown[:50])!r}")
    if not isinstance(reference, str) or not isinstance(space, Mapping):
        raise FileError(f"{title}: arch is the name or the path of a network, space a table of axes")
    beside = os.path.join(os.path.dirname(title), reference)  # noqa: PTH118, PTH120  (any word)
    return beside if os.path.isfile(beside) else reference  # noqa: PTH113  (likewise)


def load_file(path: Path, title: str, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Load the arch file at a path; `title` is what it is called in messages."""
    text = read_text(path, title)
    return validated(parsed(text, notation_of(path, text), title), settings, variant)


def load_text(content: bytes, title: str, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Load an arch from the bytes of a file that is not there, or not any more."""
    text = decoded(content, title)
    return validated(parsed(text, notation_of(Path(title), text), title), settings, variant)


def load_base(reference: str) -> tuple[Spec, str | None]:
    """Load a file as it stands, and the name of the variant that the reference stands for, if it does."""
    named = None if os.path.isfile(reference) else bundled_network(reference)  # noqa: PTH113  (any word)
    return (load(str(named.path)), named.variant) if named else (load(reference), None)


def load_bytes(
    content: bytes, notation: Notation | None = None, settings: Iterable[Setting] = (), variant: str | None = None
) -> Spec:
    """Load an arch from bytes, such as standard input; the notation is guessed where not given."""
    text = decoded(content, "<stdin>")
    return _specified(parsed(text, notation or guessed(text), "<stdin>"), settings, variant)


def validated(source: Source, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Validate parsed data as an arch: a variant of it, with settings; errors point into the text."""
    settings = [*settings]
    source = source._replace(data=varied(source.data, variant, source.title)) if variant else source
    spec = _arch(source, settings)
    found = addressed(spec.arch, settings) if settings else settings
    return (spec if found == settings else _arch(source, found))._replace(changes=by_layer(found))


def _arch(source: Source, settings: Iterable[Setting]) -> Spec:
    data, places = changed(source.data, settings)
    source = source._replace(data=data)
    try:
        arch = Arch.model_validate(data)
        return Spec(arch, source, places, unknown=arch.unknown)
    except ValidationError as error:
        from flopcount.schema.problems import all_problems

        raise FileError(pointed(all_problems(error, data), source, places)) from None


def varied(data: Raw, name: str, title: str) -> Raw:
    """Return the data of a variant: the file's, with what the variant says instead.

    A variant that is wrong changes nothing: validation says what is wrong, and where.
    """
    variants = data.get("variants")
    variants = variants if isinstance(variants, Mapping) else {}
    if name not in variants:
        raise FileError(f"{title}: no variant is called {name!r}; {suggestion(name, [*variants])}")
    variant, arguments = variants[name], data.get("arguments", {})
    if not isinstance(variant, Mapping) or not _within(variant.get("arguments", {}), arguments):
        return data
    pairs = {key: (data.get(key, {}), variant[key]) for key in ("arguments", "defaults") if key in variant}
    if not all(isinstance(table, Mapping) for pair in pairs.values() for table in pair):
        return data
    tables = {key: {**given, **changed} for key, (given, changed) in pairs.items()}
    return {**data, **variant, **tables, "name": name}


def _within(part: object, whole: object) -> bool:
    return isinstance(part, Mapping) and isinstance(whole, Mapping) and part.keys() <= whole.keys()


def explained(error: SpecError, spec: Spec) -> FileError:
    """Turn problems found while walking a spec into lines that point into its file."""
    return FileError(pointed(error.problems, spec.source, spec.settings))


def pointed(problems: Iterable[Problem], source: Source, settings: Mapping[Place, str]) -> str:
    """Write one line per problem, `file:line:column: layer: what`, in the order of the file, its source beneath."""
    from flopcount.files.positions import spans

    problems = list(problems)
    blamed = [_setting(problem, settings) for problem in problems]
    places = [place for each, setting in zip(problems, blamed, strict=True) if not setting for place in _places(each)]
    spots = {**dict.fromkeys(places, _START), **spans(source, places)}
    placed = sorted(zip(problems, blamed, strict=True), key=lambda each: spots.get(each[0].place, _NOWHERE))
    text = source.text.split("\n")
    lines = [
        line
        for each, blame in placed[:MOST_SHOWN]
        for line in (_line(each, blame, source.title, spots), *_source_of(each, spots, text))
    ]
    more = len(problems) - MOST_SHOWN
    return "\n".join([*lines, f"{source.title}: and {more} more problems like these"] if more > 0 else lines)


def _places(problem: Problem) -> tuple[Place, ...]:
    return (problem.place, *problem.via)


def _setting(problem: Problem, settings: Mapping[Place, str]) -> str:
    """Return the setting that broke something, which is then not blamed on the file."""
    for place, setting in settings.items():
        if problem.place[: len(place)] == place or place[: len(problem.place)] == problem.place:
            return f"{setting}: "
    return ""


def _source_of(problem: Problem, spots: Mapping[Place, tuple[int, int, int]], text: Sequence[str]) -> tuple[str, ...]:
    """Return the line a problem is about with a mark under it; of a problem without a line, nothing."""
    from flopcount.files.excerpts import beneath

    return beneath(text, *spots[problem.place]) if problem.place in spots else ()


def _line(problem: Problem, blame: str, title: str, spots: Mapping[Place, tuple[int, int, int]]) -> str:
    """Write one problem: its place, what it is, and where the template was used that it is in."""
    spot = "".join(f"{number}:" for number in spots.get(problem.place, ())[:2])
    lines = [str(spots[place][0]) for place in problem.via if place in spots]
    used = f" (in a template used at line {', '.join(lines)})" if lines else ""
    return f"{title}:{spot} {blame}{problem}{used}"
