"""Browser histories inside a zip, such as the one that Takeout sends.

What belongs here: what makes a zip dangerous, and which members are histories. What does not: the
histories themselves.

Nothing is ever extracted under its own name: members are read into generated names.
"""

import errno
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.history_database import MAGIC
from browse_assets.readers.text import (
    CHUNK_BYTES,
    MAX_RATIO,
    MAX_UNPACKED_BYTES,
    RATIO_FREE_BYTES,
    open_regular,
    too_large,
)

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = 20_000
_JSON_START = re.compile(rb"\A(\xef\xbb\xbf)?\s*\{")


def candidate_members(path: Path, scratch: Path) -> Iterator[Path]:
    """Unpack, one by one, the members that begin like a history; they stay in scratch.

    Raises:
        UnreadableFile: `archive_path_outside`, `archive_too_large`, `encrypted_archive`, `truncated`.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                _refuse_dangerous(archive.infolist())
                for number, member in enumerate(members):
                    target = scratch / f"member_{number}"
                    if _unpacked(archive, member, target):
                        yield target
        except UnreadableFile:
            raise
        except Exception as error:
            # Each packing method has errors of its own (zlib, bz2, lzma), and zipfile adds several.
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise  # the disk's fault, not the file's
            raise UnreadableFile(
                "truncated", "the zip is cut off, damaged or packed in an unknown way; download it again"
            ) from None


def _refuse_dangerous(members: list[zipfile.ZipInfo]) -> None:
    if any(_climbs_out(member.orig_filename) for member in members):
        raise UnreadableFile(
            "archive_path_outside",
            "a member of the zip has a path that leads out of it; do not trust this file",
        )
    if any(member.flag_bits & 0x1 for member in members):
        raise UnreadableFile("encrypted_archive", "the zip is encrypted; unpack it and put the history here")
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
        raise too_large()
    if any(
        member.file_size > RATIO_FREE_BYTES and member.file_size > MAX_RATIO * member.compress_size
        for member in members
    ):
        raise too_large()


def _climbs_out(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return parts[0] == "" or ".." in parts or bool(re.match(r"[A-Za-z]:", name)) or "\x00" in name


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> bool:
    """Write a member that begins like a history; False, and nothing written, for any other.

    Sizes are those that come out, not those that the zip declares.
    """
    with archive.open(member) as packed:
        chunk = packed.read(CHUNK_BYTES)
        if not (chunk.startswith(MAGIC) or _JSON_START.match(chunk)):
            return False
        _write(packed, chunk, member, target)
    return True


def _write(packed: IO[bytes], chunk: bytes, member: zipfile.ZipInfo, target: Path) -> None:
    size = 0
    with target.open("xb") as out:
        while chunk:
            size += len(chunk)
            if size > MAX_UNPACKED_BYTES or size > max(RATIO_FREE_BYTES, MAX_RATIO * member.compress_size):
                raise too_large()
            out.write(chunk)
            chunk = packed.read(CHUNK_BYTES)
