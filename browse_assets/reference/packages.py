"""The npm packages that lists are made from, at one version each, read without installing them.

What belongs here: getting a package and reading its JSON. What does not: what the JSON means.
"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from browse_assets.foreseen import ForeseenError

# BSD-3-Clause, Copyright 2026 name-suggestion-index contributors.
NAME_SUGGESTION_INDEX = "name-suggestion-index@8.0.20260918"
# MIT, Copyright (c) 2019 Patrick Hulce.
THIRD_PARTY_WEB = "third-party-web@0.30.0"


class PackageError(ForeseenError, RuntimeError):
    """A package could not be got; the message says what to do."""


def read_package(package: str, members: tuple[str, ...]) -> list[Any]:
    """The JSON of some files of a package, which npm fetches into a temporary folder.

    Raises:
        PackageError: npm is not there, or could not get the package; its own words are in the message.
        KeyError: the package has no such file.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise PackageError(f"npm is needed to get {package}: install Node.js, then run it again") from error
        except subprocess.CalledProcessError as error:
            raise PackageError(f"npm could not get {package}: {error.stderr.strip()}") from error
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as files:
            return [json.load(_member(files, f"package/{name}")) for name in members]


def _member(files: tarfile.TarFile, name: str) -> Any:
    found = files.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found
