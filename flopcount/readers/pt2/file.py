"""Files of `torch.export.save`: a zip archive whose JSON has the whole graph; nothing else in it is opened.

The schema of the JSON is that of `torch/_export/serde/schema.py`, major versions 6 to 8 (PyTorch 2.5 and newer).
"""

import json
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from flopcount.errors import Refusal, reason
from flopcount.readers.base import unpacked
from flopcount.readers.pt2.program import (
    Call,
    CallGraph,
    Dim,
    ExportedProgram,
    NameRef,
    SymbolicSize,
    TensorMeta,
    refs,
)

OLDEST, NEWEST = 6, 8
"""The supported major versions of the schema."""

MOST_MEMBERS = 200_000
MOST_UNPACKED = 2**27
"""The most members of an archive, and the most bytes of its graph, unpacked; one of 30,000 calls has 60 MB."""

_GRAPHS = re.compile(r"(^|/)(models/[^/]+\.json|serialized_exported_program\.json)$")
"""The members that hold a graph: in newer and in older files."""

_WEIGHTS = re.compile(r"(^|/)data/weights/[^/]*weights_config\.json$")
"""The members that tell which parameters share a tensor."""

_INDUCTOR = re.compile(r"\.(so|cubin|wrapper\.cpp|cpp)$|(^|/)data/aotinductor/")

DTYPES: Mapping[int, str] = {
    **dict(enumerate(("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"), 1)),
    **dict(enumerate(("complex32", "complex64", "complex128", "bool", "bfloat16"), 9)),
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
}
"""The element types by their number in the file."""

_LINE = re.compile(r'File "([^"\n]+)", line (\d+)')
_OWN = re.compile(r"(^|[/\\])(torch|functorch)[/\\]|<[^>]*>$|^<")


def read_program(path: Path) -> ExportedProgram:
    """Read the program of a file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _program(archive)
    except IsADirectoryError:
        raise Refusal("this is a folder; name a .pt2 file in it") from None
    except OSError as error:
        raise Refusal(f"{reason(error)}; check the path") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Refusal("not a zip archive, or a damaged one; save the program again, with torch.export.save") from None


def _program(archive: zipfile.ZipFile) -> ExportedProgram:
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise Refusal(f"it has more than {MOST_MEMBERS:,} members; torch.export.save did not write this archive")
    found = [name for name in names if _GRAPHS.search(name)]
    if not found:
        raise Refusal(_without_graph(names))
    if len(found) > 1:
        listed = ", ".join(sorted(found)[:5])
        raise Refusal(f"it has several programs: {listed}; save each in a file of its own")
    weights = next((name for name in names if _WEIGHTS.search(name)), None)
    data = _json(archive, found[0])
    return parsed(data, _json(archive, weights) if weights else {})


def _without_graph(names: Iterable[str]) -> str:
    if any(_INDUCTOR.search(name) for name in names):
        what = "it is a package of AOTInductor, which has compiled code and no graph; save the program itself"
        return f"{what}: torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2')"
    return "it contains no program: no models/*.json; save it with torch.export.save(program, 'model.pt2')"


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    """Read a member as JSON."""
    try:
        return json.loads(unpacked(archive, name, MOST_UNPACKED))
    except RecursionError:
        raise Refusal(f"its {name} is nested too deeply; torch.export.save did not write it") from None
    except ValueError as error:
        raise Refusal(f"its {name} is not JSON: {str(error)[:100]}; save the program again") from None


def parsed(data: Any, weights: Any) -> ExportedProgram:
    """Make a program of the JSON of a file."""
    try:
        major = data["schema_version"]["major"] if isinstance(data["schema_version"], dict) else data["schema_version"]
        if not isinstance(major, int) or not OLDEST <= major <= NEWEST:
            hint = f"versions {OLDEST} to {NEWEST} are supported; save the program with PyTorch 2.5 or newer"
            raise Refusal(f"it has version {str(major)[:20]} of the schema; {hint}")
        return _of_module(data, weights)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        what = f"its graph lacks {error.args[0]!r}" if isinstance(error, KeyError) else "its graph is damaged"
        raise Refusal(f"{what[:120]}; save the program again, with torch.export.save") from None
    except RecursionError:
        raise Refusal("its graph is nested too deeply") from None


def _of_module(data: Mapping[str, Any], weights: Any) -> ExportedProgram:
    module = data["graph_module"]
    graph, specs = _graph(module["graph"]), module["signature"]["input_specs"]
    kinds: dict[str, dict[str, str]] = {name: {} for name in ("parameter", "buffer", "constant")}
    inputs = list[str]()
    for spec in specs:
        ((kind, body),) = spec.items()
        if "arg" not in body:  # a constant of Python, or a token
            continue
        name = _argument(body["arg"])
        if kind == "user_input":
            inputs += [name.name] if isinstance(name, NameRef) else []
            continue
        known = next((key for key in ("parameter", "buffer", "tensor_constant") if key == kind), "constant")
        kinds["constant" if known == "tensor_constant" else known][body["arg"]["name"]] = _spec_name(kind, body)
    ranges = {key: _range(value) for key, value in data.get("range_constraints", {}).items()}
    aliases, guessed = _aliases(graph, kinds["parameter"], weights)
    producer = str(data.get("torch_version") or "")
    return ExportedProgram(
        graph,
        tuple(inputs),
        kinds["parameter"],
        kinds["buffer"],
        kinds["constant"],
        ranges,
        aliases,
        f"PyTorch {producer}" if producer else "PyTorch",
        guessed,
    )


def _spec_name(kind: str, body: Mapping[str, Any]) -> str:
    keys = ("parameter_name", "buffer_name", "tensor_constant_name", "custom_obj_name")
    return str(next((body[key] for key in keys if key in body), body["arg"].get("name", kind)))


def _range(value: Mapping[str, Any]) -> tuple[float, float]:
    low, high = value.get("min_val"), value.get("max_val")
    return (low if isinstance(low, int) else 0, high if isinstance(high, int) and high < _ENDLESS else float("inf"))


_ENDLESS = 2**62
"""Older files write about 2⁶³ where a size has no bound."""


def _aliases(graph: CallGraph, parameters: Mapping[str, str], weights: Any) -> tuple[dict[str, str], list[str]]:
    """Return the parameters that no call reads and that share the tensor of one that is read: tied weights.

    torch.export lets all calls read one of several names of a tensor. The list of weights tells which names share
    one. If the program was saved without weights, the module of a name has to read another one of equal sizes, or the
    other one has two names already, and both are those of the same part of a module.
    """
    config = weights.get("config", {}) if isinstance(weights, dict) else {}
    files = {name: config[own]["path_name"] for name, own in parameters.items() if own in config}
    knows = len({*files.values()}) > 1
    keys = {name: (graph.tensors[name], files.get(name)) for name in parameters}
    read, inside = parameters.keys() & graph.read, defaultdict[str, set[str]](set)
    for call in graph.calls:
        inside[call.module] |= parameters.keys() & refs(call.args.values())
    first = {keys[name]: name for name in sorted(read, reverse=True)}
    unread = sorted(parameters.keys() - read)
    if knows:
        return {name: first[keys[name]] for name in unread if keys[name] in first}, []
    found = dict[str, str]()
    for name in unread:
        others = [other for other in inside[parameters[name].rpartition(".")[0]] if keys[other] == keys[name]]
        found |= {name: min(others)} if others else {}
    shared = {(keys[name], _part(parameters[name])): name for name in found.values()}
    for name in unread:
        if (other := shared.get((keys[name], _part(parameters[name])))) is not None:
            found.setdefault(name, other)
    return found, sorted(found)


def _part(name: str) -> str:
    """Return the end of a name: the part of a module, and the parameter in it."""
    return ".".join(name.split(".")[-2:])


def _graph(data: Mapping[str, Any]) -> CallGraph:
    tensors = {name: _tensor(meta) for name, meta in data["tensor_values"].items()}
    inputs = tuple(each.name for value in data["inputs"] if isinstance(each := _argument(value), NameRef))
    outputs = tuple(_argument(value) for value in data["outputs"])
    values = data.get("sym_int_values", {})
    numbers = {name: _size(values[name]) for name in inputs if name in values}
    return CallGraph(inputs, outputs, tuple(map(_call, data["nodes"])), tensors, numbers)


def _tensor(meta: Mapping[str, Any]) -> TensorMeta:
    dims = tuple(_size(size) for size in meta["sizes"])
    return TensorMeta(dims, DTYPES.get(meta["dtype"], "unknown"), bool(meta.get("requires_grad")))


def _size(size: Mapping[str, Any]) -> Dim:
    if "as_int" in size:
        return int(size["as_int"])
    expression = size["as_expr"]
    hint = expression.get("hint")
    hint = hint.get("as_int") if isinstance(hint, dict) else hint
    return SymbolicSize(str(expression["expr_str"]), hint if isinstance(hint, int) else None)


def _call(node: Mapping[str, Any]) -> Call:
    args = {each["name"] or str(place): _argument(each["arg"]) for place, each in enumerate(node["inputs"])}
    outputs = tuple(name for output in node["outputs"] for name in _outputs(output))
    metadata = node.get("metadata") or {}
    target = str(node["target"]).removeprefix("torch.ops.")
    return Call(target, args, outputs, _module(metadata), place_of(metadata.get("stack_trace", "")))


def _outputs(output: Mapping[str, Any]) -> Sequence[str]:
    value = _argument(output)
    values = value if isinstance(value, tuple) and not isinstance(value, NameRef) else (value,)
    return [each.name if isinstance(each, NameRef) else "" for each in values]


def _module(metadata: Mapping[str, Any]) -> str:
    """Return the path of the innermost module of a call."""
    key, _, rest = str(metadata.get("nn_module_stack", "")).rpartition(";")[2].partition(",")
    path = rest.rpartition(",")[0]
    return module_path(path, key) if path and not path.startswith("_empty") else ""


def module_path(text: str, key: str = "") -> str:
    """Return the path of a module as `named_modules` gives it, with the number of the call in its key if it has one."""
    _, _, number = key.partition("@")
    path = _module_path(text)
    return f"{path}_{int(number) + 1}" if number.isdecimal() and path else path


def _module_path(text: str) -> str:
    return re.sub(r"^L\[?'?__?self__?'?\]?\.?|^self(\.|$)", "", re.sub(r"\['?([^\]']*)'?\]", r".\1", text)).strip(".")


@cache
def place_of(trace: str) -> tuple[str, int] | None:
    """Return the innermost line outside of PyTorch."""
    lines = [(name, int(line)) for name, line in _LINE.findall(trace)]
    return next(((name, line) for name, line in reversed(lines) if not _OWN.search(name)), None)


def _name(value: Mapping[str, Any]) -> Any:
    return NameRef(str(value["name"])) if "name" in value else None


def _number(value: Mapping[str, Any]) -> Any:
    """Return a number, or the name of one that a call makes."""
    ((kind, found),) = value.items()
    return NameRef(found) if kind == "as_name" else float(found) if kind == "as_float" else found


def _optional(value: Mapping[str, Any]) -> Any:
    return _name(value["as_tensor"]) if value.get("as_tensor") else None


_PLAIN = (
    *("as_int", "as_string", "as_bool", "as_layout", "as_memory_format", "as_operator"),
    *("as_complex", "as_device"),
)
_LISTS = ("as_ints", "as_strings", "as_bools")

_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_PLAIN, lambda value: value),
    **dict.fromkeys(_LISTS, tuple),
    "as_float": float,
    "as_floats": lambda value: tuple(map(float, value)),
    "as_none": lambda _: None,
    "as_tensor": _name,
    "as_tensors": lambda value: tuple(map(_name, value)),
    "as_optional_tensor": _optional,
    "as_optional_tensors": lambda value: tuple(map(_optional, value)),
    "as_nested_tensors": lambda value: tuple(tuple(map(_name, each)) for each in value),
    **dict.fromkeys(("as_sym_int", "as_sym_bool", "as_sym_float"), _number),
    **dict.fromkeys(
        ("as_sym_ints", "as_sym_bools", "as_sym_floats"), lambda value: tuple(_number(each) for each in value)
    ),
    "as_int_lists": lambda value: tuple(map(tuple, value)),
    "as_scalar_type": lambda value: DTYPES.get(value, "unknown"),
    "as_graph": lambda value: _graph(value["graph"]),
    "as_custom_obj": _name,
    "as_string_to_argument": lambda value: {key: _argument(each) for key, each in value.items()},
}
"""The value of an argument by its type."""


def _argument(value: Mapping[str, Any]) -> Any:
    if "name" in value and not isinstance(value["name"], dict):  # an argument of a signature of old files
        return NameRef(str(value["name"]))
    with suppress(ValueError):
        ((kind, content),) = value.items()
        if kind not in _ARGUMENTS:
            raise Refusal(
                f"an argument of the type {str(kind)[:40]} is not known; save the program with another PyTorch"
            )
        return _ARGUMENTS[kind](content)
    raise KeyError("argument")
