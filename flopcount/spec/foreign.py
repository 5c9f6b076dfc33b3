"""Files that flopcount does not read: how to recognize one, what it is, and the lines that make a readable one."""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from flopcount.errors import FileError, Located, listed

_HEAD = 4096
"""The number of first bytes by which a file is recognized."""

_MOST_MEMBERS = 10_000
"""The members of an archive, or the files of a folder, by which it is recognized."""


class FileKind(NamedTuple):
    """A kind of file: what it is, what makes a readable one, its endings, and expressions that recognize it.

    `mark` is looked for in the first bytes, `members` in the names of what is inside an archive or a folder.
    A kind that is read if its name `ends` otherwise is one only under another name.
    """

    what: str
    lines: tuple[str, ...] = ()
    endings: str = ""
    mark: bytes = b""
    members: str = ""
    ends: str = ""


TORCH = (
    "import torch",
    "program = torch.export.export(model.eval(), (torch.randn(1, 3, 224, 224),))  # the sizes of its input",
    'torch.export.save(program, "model.pt2")',
    "flopcount model.pt2",
)
KERAS = ('open("model.json", "w").write(model.to_json())  # model: your Keras model', "flopcount model.json")
HUGGING_FACE = (
    "import torch, transformers",
    'torch.set_default_device("meta")  # no weights are loaded',
    'config = transformers.AutoConfig.from_pretrained("NAME", use_cache=False)',
    "model = transformers.AutoModel.from_config(config).eval()",
    'inputs = {"input_ids": torch.zeros(1, 128, dtype=torch.long)}  # what the model takes',
    'torch.export.save(torch.export.export(model, (), inputs), "model.pt2")',
    "flopcount model.pt2",
)


def _tf2onnx(option: str) -> tuple[str, ...]:
    return f"python -m tf2onnx.convert {option} --output model.onnx  # pip install tf2onnx", "flopcount model.onnx"


_MADE_FROM = "; count the model that it was made from, exported from PyTorch:"

FILE_KINDS: tuple[FileKind, ...] = (
    FileKind("a Git LFS pointer, which stands for the file; fetch the file:", ("git lfs pull",), "", rb"^version https://git-lfs"),
    FileKind("a web page; download the file itself", (), ".html .htm", rb"(?i)^\s*<(!doctype html|html)"),
    FileKind("text in UTF-16; save it as UTF-8", (), "", rb"^(\xff\xfe|\xfe\xff)"),
    FileKind("an ONNX model; give it the ending .onnx", mark=rb"^\x08[\x03-\x14]\x12[\x01-\x7f][A-Za-z]", ends=".onnx"),
    FileKind("a TensorFlow Lite model; give it the ending .tflite", mark=rb"^.{4}TFL3", ends=".tflite"),
    FileKind("a Keras archive; give it the ending .keras", (), "", members=r"^model\.weights\.h5$", ends=".keras"),
    FileKind("a Darknet network; give it the ending .cfg", (), "", rb"^\s*(#[^\n]*\n\s*)*\[net(work)?\]", ends=".cfg"),
    FileKind(
        "a PyTorch program (torch.export); give it the ending .pt2", (),
        "", members=r"(^|/)(serialized_exported_program|archive_format$|models/\w+\.json$)", ends=".pt2",
    ),
    FileKind(
        "a TorchScript archive; export the module that it was made from:",
        TORCH,
        ".ptl .torchscript", members=r"(^|/)(constants\.pkl|code/.*\.py)$",
    ),
    FileKind(
        "a PyTorch checkpoint, which has weights but no graph; export the module that it belongs to:",
        TORCH, ".pt .pth .ckpt .bin", rb"^\x80[\x02-\x05][^\n]{0,40}(\x8a\nl\xfc\x9cF\xf9|torch)", r"(^|/)data\.pkl$",
    ),
    FileKind(
        "a pickle of Python objects, which flopcount does not load; if it is a PyTorch model, export it:",
        TORCH, ".pkl .pickle .joblib", rb"^\x80[\x02-\x05]",
    ),
    FileKind(
        "a safetensors file, which has weights but no graph; export the model that it belongs to, or one by its name:",
        (*TORCH, *HUGGING_FACE), ".safetensors", rb'^[^\0]{1,5}\0{3,7}\{\s*"',
    ),
    FileKind(
        "a GGUF file, which has weights but no graph; export the original model:",
        HUGGING_FACE, ".gguf .ggml", rb"^(GGUF|lmgg)",
    ),
    FileKind(
        "an HDF5 file; write the model as JSON, or save it as .keras:", KERAS, ".h5 .hdf5", rb"^\x89HDF\r\n",
        ends=".h5 .hdf5",
    ),
    FileKind(
        "a TensorFlow SavedModel; convert it to ONNX:",
        _tf2onnx("--saved-model FOLDER"), members=r"^saved_model\.pb(txt)?$",
    ),
    FileKind(
        "a TensorFlow graph; convert it to ONNX:",
        (*_tf2onnx("--graphdef model.pb --inputs x:0 --outputs y:0"), "# a SavedModel: --saved-model FOLDER"),
        ".pb .pbtxt .meta",
    ),
    FileKind(
        f"a Core ML model{_MADE_FROM}",
        TORCH, ".mlmodel .mlpackage .mlmodelc", members=r"^(Manifest\.json|coremldata\.bin)$",
    ),
    FileKind(f"an OpenVINO model{_MADE_FROM}", TORCH, ".xml", rb"^\s*(<\?xml[^>]*>\s*)?<net\s"),
    FileKind(f"an ncnn model{_MADE_FROM}", TORCH, ".param", rb"^7767517\s"),
    FileKind(
        f"an engine, which is compiled for one device{_MADE_FROM}",
        TORCH, ".engine .plan .trt .rknn .dlc .hef .kmodel .pte", rb"^([pf]trt|.{4}ET\d\d)",
    ),
    FileKind(f"a model of ONNX Runtime in its own format{_MADE_FROM}", TORCH, ".ort", rb"^.{4}ORTM"),
    FileKind(f"an MNN model{_MADE_FROM}", TORCH, ".mnn"),
    FileKind(
        "a Paddle model; convert it to ONNX:",
        ("pip install paddle2onnx",
         "paddle2onnx --model_dir FOLDER --model_filename model.pdmodel --save_file model.onnx",
         "flopcount model.onnx"), ".pdmodel .pdiparams .pdparams",
    ),
    FileKind(f"an MXNet model{_MADE_FROM}", TORCH, ".params", rb'^\s*\{[^\0]*"arg_nodes"'),
    FileKind("the weights of an ONNX model, without the layers; count the .onnx beside them", (), ".data .onnx_data"),
    FileKind("Caffe's weights, without the layers; count the .prototxt beside them", (), ".caffemodel"),
    FileKind("Darknet's weights, without the layers; count the .cfg that belongs to them", (), ".weights"),
    FileKind(
        "arrays of NumPy, without a graph; export the model that they belong to:",
        TORCH, ".npy .npz", rb"^\x93NUMPY", r"\.npy$",
    ),
    FileKind(
        "weights of Flax, without a graph; write the model as ONNX:",
        ("# pip install jax2onnx", "from jax2onnx import to_onnx",
         'to_onnx(model, [(1, 224, 224, 3)], return_mode="file", output_path="model.onnx")', "flopcount model.onnx"),
        ".msgpack .orbax",
    ),
    FileKind(
        "a notebook, which flopcount does not run; export the model in a cell of it:",
        TORCH, ".ipynb", rb'^\s*\{[^\0]*"nbformat"',
    ),
    FileKind(
        "a model of Hugging Face: its configuration has sizes but no graph; export the model:",
        HUGGING_FACE, "",
        rb'^\s*\{[^\0]*"(model_type|architectures|transformers_version|_class_name|pretrained_cfg)"\s*:',
        r"^(pytorch_model|model|tf_model|flax_model)\b.*\.(bin|safetensors|h5|msgpack|index\.json)$",
    ),
    FileKind(
        "a network of Ultralytics; write it as ONNX:",
        ("from ultralytics import YOLO", 'YOLO("yolov8n.yaml").export(format="onnx")', "flopcount yolov8n.onnx"),
        "", rb"(?m)^(backbone|head)\s*:\s*(#.*)?$",
    ),
    FileKind(
        "YAML; an arch file is TOML or JSON, so if it has the same keys, write it as JSON:",
        ("python -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < net.yaml > net.json",
         "flopcount net.json"), ".yaml .yml",
    ),
    FileKind(
        "Python code, which flopcount does not run; export the model in it:",
        TORCH, ".py", rb"^(\s|#[^\n]*\n)*(import [a-z]|from [\w.]+ import |class \w+\(|def \w+\()",
    ),
    FileKind(
        "an archive; unpack it, and name the file inside",
        (), ".zip .tar .gz .tgz .bz2 .xz .7z .mar .nemo", rb"^(PK\x03\x04|\x1f\x8b|7z\xbc\xaf)",
        ends=".keras .pt2",
    ),
)  # fmt: skip
"""Every kind of file that people have instead of a readable one; the content decides before the name."""


def recognized(title: str, content: bytes = b"") -> FileError | None:
    """Return what to do with a file or a folder that is not read; None if its kind is not known.

    `title` is its path if it is on disk; `content` is its beginning, which is read if it is not given.
    """
    ending = os.path.splitext(title)[1].lower()  # noqa: PTH122  (any word)
    head = content[:_HEAD] or _head(title)
    inside = _members(title, content) if not head or head.startswith(b"PK\x03\x04") else []
    others = [kind for kind in FILE_KINDS if not ending or ending not in kind.ends.split()]
    found = next((kind for kind in others if _has(kind, head, inside)), None)
    found = found or next((kind for kind in others if ending in kind.endings.split()), None)
    return found and FileError(title, Located(f"this is {found.what}", code="other-file", lines=found.lines))


def _has(kind: FileKind, head: bytes, inside: list[str]) -> bool:
    is_marked = bool(kind.mark and re.search(kind.mark, head, re.DOTALL))
    return is_marked or bool(kind.members and any(re.search(kind.members, name) for name in inside))


def _head(title: str) -> bytes:
    with suppress(OSError, ValueError), open(title, "rb") as file:  # noqa: PTH123  (any word)
        return file.read(_HEAD)
    return b""


def _members(title: str, content: bytes) -> list[str]:
    """Return the names of what is inside a folder, or an archive of the zip format."""
    with suppress(OSError, ValueError):
        return os.listdir(title)[:_MOST_MEMBERS]  # noqa: PTH208  (any word)
    import zipfile
    from io import BytesIO

    with suppress(OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        source = title if os.path.isfile(title) else BytesIO(content)  # noqa: PTH113  (any word)
        with zipfile.ZipFile(source) as archive:
            return [*archive.namelist()[:_MOST_MEMBERS]]
    return []


def beside(title: str, most: int = 3) -> str:
    """Return the files beside a path that does not exist, those with the most similar names first."""
    from difflib import get_close_matches

    folder, name = os.path.split(title)
    with suppress(OSError, ValueError):
        names = os.listdir(folder or ".")  # noqa: PTH208  (any word)
        near = get_close_matches(name, names[:_MOST_MEMBERS], n=most, cutoff=0.75)
        return listed((os.path.join(folder, each) for each in near), most)  # noqa: PTH118  (any word)
    return ""
