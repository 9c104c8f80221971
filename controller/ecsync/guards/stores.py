"""Where the record of freezes is: a file, or a parameter of AWS Systems Manager."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from ecsync.core.ports import AwsError, Cloud


class Unreadable(Exception):
    """The record cannot be read or written; the text has the reason."""


class Store(Protocol):
    """A place with one text. Raises Unreadable."""

    def load(self) -> str:
        """Return the text; empty if there is none."""

    def save(self, text: str) -> None:
        """Replace the text."""


class FileStore:
    """A file. It is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str:
        """Return the text; empty if there is no file."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise Unreadable(f"{self._path} cannot be read ({error})") from error

    def save(self, text: str) -> None:
        """Replace the file."""
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).chmod(0o644)
                Path(name).replace(self._path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            raise Unreadable(f"{self._path} cannot be written ({error})") from error


class ParameterStore:
    """A String parameter of Systems Manager (`ssm:GetParameter`, `ssm:PutParameter`)."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._name = name

    def load(self) -> str:
        """Return the text; empty if there is no parameter."""
        try:
            found = self._cloud.call("ssm", "GetParameter", Name=self._name)
        except AwsError as error:
            if error.kind == "missing":
                return ""
            raise Unreadable(f"the parameter {self._name} cannot be read: {error}") from error
        return str(found["Parameter"]["Value"])

    def save(self, text: str) -> None:
        """Replace the parameter."""
        try:
            self._cloud.write("ssm", "PutParameter", Name=self._name, Value=text, Type="String", Overwrite=True)
        except AwsError as error:
            raise Unreadable(f"the parameter {self._name} cannot be written: {error}") from error
