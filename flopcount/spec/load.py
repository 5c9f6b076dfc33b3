"""From a reference to a validated arch: a path, a bundled network or bytes, with settings."""

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import FileError, Located, Place, SpecError, UsageError, alike, plain, suggestion
from flopcount.spec.arch import Arch, Block, called, kind_of
from flopcount.spec.fields import Layer
from flopcount.spec.problems import validated as validated_arch
from flopcount.spec.rows import LayerRow, Raw, table_in
from flopcount.spec.source import Notation, Source, located
from flopcount.spec.text import DEEPEST, decoded, deeper, foreign, notation_of, parsed, read_text

_PACKAGE = Path(__file__).parent.parent

ROOT = _PACKAGE / "archs" if (_PACKAGE / "archs").is_dir() else _PACKAGE.parent / "archs"
"""The folder of bundled arch files: inside the wheel, or beside the package in a checkout."""

_VARIANT = re.compile(r'^\[variants\.(?:"([^"]+)"|([A-Za-z0-9_-]+))\]', re.MULTILINE)


class Bundled(NamedTuple):
    """A bundled network: its file, and the name of the variant in it, if it is one."""

    path: Path
    variant: str | None = None


def files() -> dict[str, Path]:
    """Return the bundled arch files by file name without its ending, in alphabetical order."""
    found = (path for path in ROOT.rglob("*") if path.suffix in {".toml", ".json"})
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def bundled() -> dict[str, Bundled]:
    """Return every bundled network and variant by name, in alphabetical order."""
    found: dict[str, Bundled] = {}
    for name, path in files().items():
        found[name] = Bundled(path)
        for quoted, bare in _VARIANT.findall(path.read_text(encoding="utf-8")):
            found[quoted or bare] = Bundled(path, quoted or bare)
    return dict(sorted(found.items()))


def bundled_network(reference: str) -> Bundled | None:
    """Return the network of a name; files are only opened if no file has that name."""
    path = files().get(reference)
    return Bundled(path) if path else bundled().get(reference)


FILE_KEYS = frozenset(Arch.model_fields)
"""An address that starts with one of these leads into the file; any other is a layer's path."""


class Setting(NamedTuple):
    """One change: an address and the values it may take; more than one only in commands that compare."""

    text: str
    address: str
    values: tuple[Any, ...]

    @property
    def value(self) -> object:
        """The only value."""
        if len(self.values) > 1:
            raise self.wrong("several values stand for several networks; give one value here")
        return self.values[0]

    @property
    def in_file(self) -> bool:
        """Whether the address leads into the file rather than to a layer's path."""
        return self.address.split(".")[0] in FILE_KEYS

    def wrong(self, what: str) -> UsageError:
        """Return an error about the setting."""
        return UsageError(f"--set {self.text}: {what}")


def setting(text: str) -> Setting:
    """Parse KEY=VALUE; commas outside brackets and quotes separate alternatives."""
    address, equals, values = text.partition("=")
    if not equals or not address.strip() or not values.strip():
        raise UsageError(f"--set {plain(text[:200])}: not KEY=VALUE; write e.g. --set defaults.padding=same")
    found = Setting(plain(text[:200]), address.strip(), tuple(map(value, alternatives(values))))
    if deeper(found.values, DEEPEST) or found.address.count(".") > DEEPEST:
        raise found.wrong(f"nested too deep; at most {DEEPEST} levels are allowed")
    return found


def value(text: str) -> object:
    """Read a value as TOML would; anything else is a string."""
    try:
        return tomllib.loads(f"v = {text}")["v"] if "\n" not in text else text
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text.strip()


def alternatives(text: str) -> list[str]:
    """Split at the commas outside brackets and quotes."""
    parts, depth = [""], 0
    for part in re.findall(r"""\"(?:\\.|[^"\\])*+\\?(?:"|$)|'[^']*(?:'|$)|.""", text, re.DOTALL):
        depth += (part in {"[", "{"}) - (part in {"]", "}"})
        if part == "," and not depth:
            parts.append("")
        else:
            parts[-1] += part
    return parts


def changed(data: Mapping[str, Any], settings: Iterable[Setting]) -> tuple[Mapping[str, Any], dict[Place, str]]:
    """Return the data with the settings that address the file, and the places they changed."""
    inside = [each for each in settings if each.in_file]
    if not inside:
        return data, {}
    result = deepcopy(dict(data))
    for each in inside:
        _check_clear(data, each)
    return result, {_put(result, each): f"--set {each.text}" for each in inside}


def _check_clear(data: Mapping[str, Any], each: Setting) -> None:
    """Refuse an address that is ambiguous, or an argument that the file does not have."""
    key, *rest = each.address.split(".")
    layers, known, first = data.get("layers"), table_in(data, "arguments"), "".join(rest[:1])
    if key == "arguments" and first not in known:
        raise each.wrong(f"the file has no argument {first[:50]!r}; {suggestion(first[:50], [*known])}")
    named = (layer.get("name") for layer in layers if isinstance(layer, Mapping)) if isinstance(layers, list) else ()
    if rest and key in named:
        raise each.wrong(f"{key} is both a key of the file and a layer; address the layer as layers.N")


def _put(data: dict[str, Any], each: Setting) -> Place:
    """Set the value at an address; return its place."""
    *steps, last = each.address.split(".")
    place: Place = ()
    inner: Any = data
    for step in steps:
        inner, key = _inside(inner, step, each)
        place = (*place, key)
    end = last if isinstance(inner, dict) else _inside(inner, last, each)[1]
    inner[end] = each.value
    return (*place, end)


def _inside(data: object, step: str, each: Setting) -> tuple[Any, str | int]:
    """Take one step: into a table, which is made if it is missing, or by number into a list."""
    if isinstance(data, dict):
        return data.setdefault(step, {}), step
    if not isinstance(data, list):
        raise each.wrong(f"there is nothing inside the value before {step[:50]!r}")
    if not (step.isascii() and step.isdecimal() and len(step) <= 9 and int(step) < len(data)):  # noqa: PLR2004  (10⁹)
        raise each.wrong(f"{step[:50]!r} is not one of the {len(data)} entries, which are numbered from 0")
    return data[int(step)], int(step)


def addressed(arch: Arch, settings: Iterable[Setting]) -> list[Setting]:
    """Return the settings with the paths of blocks and uses of templates replaced by addresses in the file."""
    groups, found = group_addresses(arch), []
    for each in settings:
        path, _, field = each.address.rpartition(".")
        inside = not each.in_file and path in groups
        found.append(each._replace(address=f"{groups[path]}.{field}") if inside else each)
    return found


def group_addresses(arch: Arch) -> dict[str, str]:
    """Return the addresses of blocks, uses of templates and repeated layers by path."""
    return dict(_groups(arch.layers, arch, "", "layers"))


def _groups(layers: tuple[Layer, ...], arch: Arch, prefix: str, place: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the address of each row that stands for several layers."""
    for index, layer in enumerate(layers):
        path, address = f"{prefix}{called(layer, index + 1)}", f"{place}.{index}"
        if kind_of(layer) == "Block" or kind_of(layer) in arch.templates or layer.repeat != 1:
            yield path, address
        if isinstance(layer, Block | LayerRow):
            yield from _groups(layer.layers, arch, f"{path}.", f"{address}.layers")


def by_layer(settings: Iterable[Setting], arguments: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Return the settings that address layers, as path → field → value."""
    result: dict[str, dict[str, Any]] = {}
    for each in settings:
        if not each.in_file:
            path, dot, field = each.address.rpartition(".")
            if not dot:
                known = sorted(FILE_KEYS - {"schema_"})
                hint = f"did you mean 'arguments.{field}'?" if field in arguments else suggestion(field, known)
                own = "" if hint.endswith("?") else "; a field of a layer is written LAYER.FIELD=VALUE"
                raise each.wrong(f"not a key of an arch file; {hint}{own}")
            result.setdefault(path, {})[field] = each.value
    return result


class Spec(NamedTuple):
    """An arch with the source it came from, so that an error can point into it.

    `settings` are the places that settings changed; `changes` what settings say of layers, as
    path → field → value. A `foreign` one was read from a file of another tool.
    """

    arch: Arch
    source: Source
    settings: Mapping[Place, str] = {}
    changes: Mapping[str, Mapping[str, Any]] = {}
    foreign: bool = False


def load(reference: str, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Load an arch file, or a bundled network if there is no file of that name."""
    source, named = source_of(reference)
    return specified(source, settings, variant or named)


def specified(source: Source, settings: Iterable[Setting], variant: str | None) -> Spec:
    """Validate a network, or the network of a space with its axes."""
    if not _is_space(source):
        return validated(source, settings, variant)
    base, named = source_of(_base(source))
    if _is_space(base):
        raise FileError(source.title, "arch names another space; name the network itself")
    spec = validated(base, settings, variant or named)
    return spec._replace(arch=spec.arch.model_copy(update={"space": dict(source.data.get("space", {}))}))


def source_of(reference: str) -> tuple[Source, str | None]:
    """Read an arch file, or a bundled network with the variant that its name is, without validating it."""
    path, named = Bundled(Path(reference))
    if not os.path.isfile(path):  # noqa: PTH113  (answers False, not an error, to a name no system can hold)
        path, named = bundled_network(reference) or (path, named)
    if not os.path.exists(path):  # noqa: PTH110  (likewise)
        raise FileError(reference, Located(_nothing_at(reference), code="no-such-file"))
    text = read_text(path)
    return _arch_in(text, notation_of(path, text), str(path)), named


_HUB = re.compile(
    r"(?:(?:torchvision|timm|keras|tf|hf|huggingface|torch)[:./](?:models[./])?|[\w-]+/(?=[\w.-]+$))([\w.-]+)$"
)
"""A network as torchvision, timm or a hub names it."""

_LANGUAGE = re.compile(
    r"[\w-]*(bert|llama|mistral|mixtral|qwen|gemma|falcon|bloom|gpt|deepseek|electra|whisper)|t5", re.IGNORECASE
)
"""Families of language models."""


def _nothing_at(reference: str) -> str:
    """Say that there is no such file or network, and what may have been meant."""
    names, hub = bundled(), _HUB.match(reference)
    folder = reference.rpartition("/")[0]
    is_hub = hub and not os.path.isdir(folder) and not _is_file(hub[1])  # noqa: PTH112  (any word)
    name = hub[1] if hub and is_hub else reference
    if is_hub or not is_path(reference):
        near = name if name in names else alike(name, [*names])
        is_language = bool(_LANGUAGE.match(name))
        near = near if not is_language or "gpt" in near else ""
        about = f"did you mean {near}? " if near else "docs/transformers.md writes one. " if is_language else ""
        return f"no file or bundled network has this name; {about}flopcount archs lists all {len(names)} networks"
    from flopcount.spec.foreign import beside

    near, stem = beside(reference), os.path.splitext(os.path.basename(reference))[0]  # noqa: PTH119, PTH122  (any word)
    if stem in names:
        return f"no such file; a bundled network is named without an ending: flopcount {stem}"
    return f"no such file; {f'did you mean {near}?' if near else 'check the path'}"


def _is_file(name: str) -> bool:
    """Tell whether a name has an ending that files have."""
    return bool(re.fullmatch(r"\.[A-Za-z]\w{0,15}", os.path.splitext(name)[1]))  # noqa: PTH122  (any word)


def is_path(reference: str) -> bool:
    """Tell whether a reference is that of a file: it has a folder, or an ending that files have."""
    return bool({"/", os.sep} & {*reference}) or _is_file(reference)


def _arch_in(text: str, notation: Notation, title: str) -> Source:
    """Parse an arch file; refuse a table of another tool."""
    source = parsed(text, notation, title)
    other = None if {"layers", "arch"} & source.data.keys() else foreign(title, text.encode(errors="replace"))
    if other:
        raise other
    return source


def _is_space(source: Source) -> bool:
    """Tell whether a file names a network instead of having layers."""
    return "arch" in source.data and "layers" not in source.data


def _base(source: Source) -> str:
    """Return the network of a space: a path relative to its file, or a name."""
    title, reference, space = source.title, source.data["arch"], source.data.get("space", {})
    unknown = next((key for key in source.data if key not in {"arch", "space"}), None)
    if unknown is not None:
        raise FileError(title, f"next to arch only space is allowed, not {plain(unknown[:50])!r}")
    if not isinstance(reference, str) or not isinstance(space, Mapping):
        raise FileError(title, "arch takes the name or the path of a network, space a table of axes")
    beside = os.path.join(os.path.dirname(title), reference)  # noqa: PTH118, PTH120  (any word)
    return beside if os.path.isfile(beside) else reference  # noqa: PTH113  (likewise)


def load_base(reference: str) -> tuple[Spec, str | None]:
    """Load a file without choosing a variant; return the variant that the reference names, too."""
    named = None if os.path.isfile(reference) else bundled_network(reference)  # noqa: PTH113  (any word)
    return (load(str(named.path)), named.variant) if named else (load(reference), None)


def load_bytes(
    content: bytes,
    notation: Notation | None = None,
    settings: Iterable[Setting] = (),
    variant: str | None = None,
    title: str = "<stdin>",
) -> Spec:
    """Load an arch from bytes, such as standard input; by default, the title and the text tell the notation."""
    return specified(source_in(content, title, notation), settings, variant)


def source_in(content: bytes, title: str, notation: Notation | None = None) -> Source:
    """Read an arch from bytes without validating it."""
    text = decoded(content, title)
    return _arch_in(text, notation or notation_of(Path(title), text), title)


def validated(source: Source, settings: Iterable[Setting] = (), variant: str | None = None) -> Spec:
    """Validate parsed data, or a variant of it, with settings; errors point into the text."""
    settings = [*settings]
    source = source._replace(data=varied(source.data, variant, source.title)) if variant else source
    spec = _arch(source, settings)
    found = addressed(spec.arch, settings) if settings else settings
    return (spec if found == settings else _arch(source, found))._replace(changes=by_layer(found, spec.arch.arguments))


def _arch(source: Source, settings: Iterable[Setting]) -> Spec:
    data, places = changed(source.data, settings)
    source = source._replace(data=data)
    try:
        return Spec(validated_arch(data), source, places)
    except SpecError as error:
        raise located(error.problems, source, places) from None


def varied(data: Raw, name: str, title: str) -> Raw:
    """Return the data of a file with a variant applied; a wrong variant is left to validation."""
    variants = table_in(data, "variants")
    if name not in variants:
        raise FileError(title, f"no variant is named {name!r}; {suggestion(name, [*variants])}")
    variant = variants[name]
    keys = [key for key in ("arguments", "defaults") if isinstance(variant, Mapping) and key in variant]
    are_tables = all(isinstance(each.get(key, {}), Mapping) for each in (data, variant) for key in keys)
    if not isinstance(variant, Mapping) or not are_tables:
        return data
    if not table_in(variant, "arguments").keys() <= table_in(data, "arguments").keys():
        return data
    return {**data, **variant, **{key: {**data.get(key, {}), **variant[key]} for key in keys}, "name": name}


def explained(error: SpecError, spec: Spec) -> FileError:
    """Return problems found while walking a spec as the error of its file."""
    return located(error.problems, spec.source, spec.settings)
