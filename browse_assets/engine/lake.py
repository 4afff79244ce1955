"""Files of a table as Parquet, on a disk or in an object store: how rows get to Spark and back.

What belongs here: writing, reading and removing them, and their encryption. What does not: which rows (`spark.py`).
Executors import this module: nothing here needs more than pyarrow and cryptography.

Rows of people leave the vault for a step of Spark in files that are encrypted each with its own key (Parquet modular
encryption, AES-256-GCM). The keys are derived from 256 random bits that are made for the step and are in no file: what
a killed step leaves behind, nobody can read any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Folders of one step, and of the copies of scrubbed_events that the next steps read.
STEP = "step-"
KEPT = "scrubbed_events-"
# Rows of a file, which is a task's work: 250,000 page views are about 30 MB.
ROWS_PER_FILE = 250_000


def _file_key(key: bytes, name: str) -> bytes:
    """AES-GCM wants a key of its own for each file."""
    from cryptography.hazmat.primitives.hashes import SHA256  # 0.2 s
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"browse_assets/lake/" + name.encode()).derive(key)


@dataclass(frozen=True)
class Lake:
    """A folder of Parquet files: a path, or an address such as s3://bucket/folder."""

    root: str

    def _place(self) -> tuple[Any, str]:
        """File system of pyarrow, and the folder on it."""
        from pyarrow import fs

        address = self.root if "://" in self.root else Path(self.root).absolute().as_uri()
        file_system, folder = fs.FileSystem.from_uri(address)
        return file_system, folder.rstrip("/")

    def spark_address(self, name: str) -> str:
        """The folder of a table, as Spark names it."""
        address = self.root if "://" in self.root else Path(self.root).absolute().as_uri()
        return f"{address.rstrip('/')}/{name}".replace("s3://", "s3a://", 1)

    def has(self, name: str) -> bool:
        """Whether a table was written whole: its last file says so."""
        from pyarrow import fs

        file_system, folder = self._place()
        return bool(file_system.get_file_info(f"{folder}/{name}/_SUCCESS").type == fs.FileType.File)

    def write(self, name: str, batches: "pa.RecordBatchReader", key: bytes | None = None) -> list[str]:
        """Write a table's rows; returns its files, relative to the lake, for `read`.

        Args:
            name: of the table; its folder must not be there yet.
            batches: the rows, read once.
            key: 32 bytes, to encrypt with.
        """
        import pyarrow as pa

        file_system, folder = self._place()
        if "://" not in self.root:
            Path(self.root).mkdir(mode=0o700, parents=True, exist_ok=True)
        file_system.create_dir(f"{folder}/{name}", recursive=True)
        files: list[str] = []
        for rows in _parts(batches):
            file = f"{name}/part-{len(files):05d}.parquet"
            self._write_file(file_system, f"{folder}/{file}", pa.Table.from_batches(rows, batches.schema), file, key)
            files.append(file)
        with file_system.open_output_stream(f"{folder}/{name}/_SUCCESS"):
            pass
        return files

    @staticmethod
    def _write_file(file_system: Any, path: str, rows: "pa.Table", file: str, key: bytes | None) -> None:
        import pyarrow.parquet as pq
        from pyarrow.parquet.encryption import create_encryption_properties

        encryption = create_encryption_properties(_file_key(key, file)) if key else None
        with file_system.open_output_stream(path) as stream:
            pq.write_table(rows, stream, compression="zstd", encryption_properties=encryption)

    def read(self, file: str, key: bytes | None = None) -> "Iterator[pa.RecordBatch]":
        """The rows of a file that `write` wrote."""
        import pyarrow.parquet as pq
        from pyarrow.parquet.encryption import create_decryption_properties

        file_system, folder = self._place()
        decryption = create_decryption_properties(_file_key(key, file)) if key else None
        with file_system.open_input_file(f"{folder}/{file}") as source:
            yield from pq.ParquetFile(source, decryption_properties=decryption).iter_batches(16_384)

    def dataset(self, name: str) -> Any:
        """A table's files as one relation of DuckDB's."""
        import pyarrow.dataset as ds

        file_system, folder = self._place()
        return ds.dataset(f"{folder}/{name}", filesystem=file_system, format="parquet")

    def remove(self, *prefixes: str, but: str = "") -> None:
        """Delete the folders whose names begin so, all but one; where there are none nothing happens."""
        from pyarrow import fs

        file_system, folder = self._place()
        for found in file_system.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            if found.type == fs.FileType.Directory and found.base_name.startswith(prefixes) and found.base_name != but:
                file_system.delete_dir(found.path)

    def clear(self) -> None:
        """Delete all that this project has put there; what else lies in the folder stays."""
        self.remove(STEP, KEPT)


def _parts(batches: "Iterable[pa.RecordBatch]") -> "Iterator[list[pa.RecordBatch]]":
    """Batches of about ROWS_PER_FILE rows; one part without rows where there are none."""
    part: list[pa.RecordBatch] = []
    is_written = False
    for batch in batches:
        part.append(batch)
        if sum(rows.num_rows for rows in part) >= ROWS_PER_FILE:
            yield part
            part, is_written = [], True
    if part or not is_written:
        yield part
