"""Botocore's models in little memory: each shape of a service is text until it is used, and without documentation.

Of the thousands of shapes in a model a process uses a few dozen. As dictionaries the models of the services that ecsync
calls take more memory than a thousand services of a fleet. Four fifths of their text is documentation.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.loaders import Loader

_FORMS = ((".json", Path.read_bytes), (".json.gz", lambda path: gzip.decompress(path.read_bytes())))


class Packed(Mapping[str, Any]):
    """A JSON object with its values as text. Each access returns a new copy of the value."""

    __slots__ = ("_texts",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._texts = {name: json.dumps(value, separators=(",", ":")).encode() for name, value in values.items()}

    @classmethod
    def from_texts(cls, texts: Mapping[str, bytes]) -> Packed:
        """Return the object with these values, each as JSON."""
        packed = cls({})
        packed._texts = dict(texts)
        return packed

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, name: object) -> bool:
        return name in self._texts


class Used(dict[str, Any]):
    """The values of a packed object that were used, each decoded once; it does not list the others."""

    def __init__(self, packed: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        super().__init__(more)
        self._packed = packed

    def __missing__(self, name: str) -> Any:
        self[name] = value = self._packed[name]
        return value


class PackedFiles:
    """Reads botocore's files for its Loader, and packs what is large in them."""

    def exists(self, file_path: str) -> bool:
        """Return whether there is such a file; the path has no suffix."""
        return any(Path(file_path + suffix).is_file() for suffix, _ in _FORMS)

    def load_file(self, file_path: str) -> dict[str, Any] | None:
        """Return the content of a file; None without one. The path has no suffix."""
        for suffix, read in _FORMS:
            path = Path(file_path + suffix)
            if path.is_file():
                return self._packed(file_path, read(path))
        return None

    def _packed(self, file_path: str, text: bytes) -> dict[str, Any]:
        # Botocore merges a file of extras into the dictionaries of the model, which then have to be dictionaries.
        is_model = file_path.endswith("service-2") and not self.exists(f"{file_path}.sdk-extras")
        sliced = _sliced(_undocumented(text)) if is_model else None
        if sliced is not None:
            return sliced
        content: dict[str, Any] = json.loads(text)
        if is_model:
            content["shapes"] = Packed(_without_documentation(content["shapes"]))
            content["operations"] = _without_documentation(content["operations"])
        for partition in content.get("partitions", ()) if file_path.endswith("endpoints") else ():
            partition["services"] = Packed(partition["services"])
        return content


def _without_documentation(value: Any) -> Any:
    """Return the value without the documentation at every depth. A member with that name is no text, and stays."""
    if isinstance(value, dict):
        return {
            name: _without_documentation(below)
            for name, below in value.items()
            if name != "documentation" or not isinstance(below, str)
        }
    return [_without_documentation(below) for below in value] if isinstance(value, list) else value


# A documentation on a line of its own, as in botocore's files.
_DOCUMENTATION = re.compile(rb'(,?)\n *"documentation":"[^"\\\n]*(?:\\.[^"\\\n]*)*"(,?)(?=\n)')
_CONTEXT = b'\n  "clientContextParams":'  # botocore needs the documentation of its members (ACM)
_SHAPES, _END = b'\n  "shapes":{', b"\n  }"
_SHAPE = re.compile(rb'\n    "(\w+)":(?=\{)')


def _undocumented(text: bytes) -> bytes:
    """Return a model without documentation, up to the parameters of its clients."""
    model, context, rest = text.partition(_CONTEXT)
    return _DOCUMENTATION.sub(_comma, model) + context + rest


def _comma(documentation: re.Match[bytes]) -> bytes:
    """Return what stays of a documentation: the comma between its neighbours."""
    return b"," if documentation[1] and documentation[2] else b""


def _sliced(text: bytes) -> dict[str, Any] | None:
    """Return a service model without parsing its shapes; None if the text is not indented as botocore's files are.

    A string in JSON has no line break, so an indentation of four in `shapes` is always the start of a shape, and the
    next indentation of two is the end of `shapes`. It saves two thirds of the time that the model of EC2 takes.
    """
    start = text.find(_SHAPES)
    end = text.find(_END, start)
    if start < 0 or end < 0:
        return None
    before, *parts = _SHAPE.split(text[start + len(_SHAPES) : end])
    shapes = {
        name.decode(): b"".join(map(bytes.strip, value.split(b"\n"))).removesuffix(b",")
        for name, value in zip(parts[::2], parts[1::2], strict=True)
    }
    if before.strip() or not shapes or not all(value.endswith(b"}") for value in shapes.values()):
        return None
    content: dict[str, Any] = json.loads(text[: start + len(_SHAPES)] + text[end:])
    content["shapes"] = Packed.from_texts(shapes)
    return content


def documented(service: str) -> Mapping[str, Any]:
    """Return botocore's model of a service with its documentation, for the verbs that print it: up to 30 MB."""
    from botocore.loaders import Loader  # takes 100 ms, and most commands do not need it

    model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return model


@cache
def shared_loader() -> Loader:
    """Return botocore's loader for this process: a model is read once for all sessions, and for the checks."""
    from botocore.loaders import Loader  # takes 100 ms, and most commands do not need it

    return Loader(file_loader=PackedFiles())
