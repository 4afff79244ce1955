"""The job `export_user`: a person asks what is stored about them.

What belongs here: the requests, the files and what Dagster hears of them. What does not: which rows are
the person's (`person_data.py`), how they are written down (`analysis/person_report.py`).

Nothing that tells who the person is goes into a log line, metadata or Dagster's storage: only the
pseudonym, which names the folder, and counts of rows.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from browse_assets.dagster_records import forget_run_config
from browse_assets.keys import load_keys
from browse_assets.resources import WRITER_POOL, Databases, withheld_values
from browse_assets.settings import Settings


class ExportRequest(dg.Config):
    """Who asks; empty when the requests lie in files of `data/export/`."""

    person: str = ""


@dataclass(frozen=True)
class Export:
    """One person's files: their folder's name, and rows by table."""

    user_key: str
    rows: dict[str, int]


@dg.op(pool=WRITER_POOL)
def write_person_exports(context: dg.OpExecutionContext, config: ExportRequest, databases: Databases) -> None:
    """Write `exports/<user_key>/person.html` and `.json` for everybody who asks.

    The person is named in the run configuration, which is removed from Dagster's storage before anything
    else is done, or in files of `data/export/`, one user id or `user_key` per line; a request that was
    answered is taken out of its file, and an empty file is deleted.
    """
    named = config.person.strip()
    forget_run_config(context)
    settings = databases.settings
    queue = {} if named else _queued(settings)
    requests = [named] if named else [request for lines in queue.values() for request in lines]
    exports: dict[str, Export | None] = {}
    with withheld_values("Exporting what is stored about a person"):
        for request in requests:
            exports[request] = _export(databases, request)
            if exports[request]:
                _answered(queue, request)
    done = [export for export in exports.values() if export]
    for export in done:
        context.log.info(f"exports/{export.user_key}: {sum(export.rows.values())} rows")
    context.add_output_metadata(
        {
            "people": len(done),
            "requests that name nobody": len(exports) - len(done),
            "files": dg.MetadataValue.json({f"exports/{export.user_key}": export.rows for export in done}),
        }
    )
    if not requests:
        raise dg.Failure(
            "Nobody asked: name the person in the run configuration, or in a file of data/export/ with one user id "
            "or user_key per line.",
            allow_retries=False,
        )
    if len(done) < len(exports):
        raise dg.Failure(
            f"{len(exports) - len(done)} of {len(exports)} requests name nobody who is stored here: neither a user "
            "id of the inputs (upper and lower case matter) nor a user_key of the tables. Requests from files are "
            "still in data/export/; the others were answered.",
            allow_retries=False,
        )


@dg.job(executor_def=dg.in_process_executor)
def export_user() -> None:
    """Everything stored about one person, as a page and as JSON in `exports/<user_key>/`."""
    write_person_exports()


def _queued(settings: Settings) -> dict[Path, list[str]]:
    """Requests by file, each line once."""
    folder = settings.export_requests
    files = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    with withheld_values("Reading the requests"):
        return {
            path: list(dict.fromkeys(line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()))
            for path in files
        }


def _answered(queue: dict[Path, list[str]], request: str) -> None:
    """Take a request out of its files."""
    for path, lines in queue.items():
        if request in lines:
            lines.remove(request)
            if lines:
                _write(path, "\n".join(lines) + "\n")
            else:
                path.unlink()


def _export(databases: Databases, request: str) -> Export | None:
    from browse_assets.analysis.person_report import as_html, as_json
    from browse_assets.person_data import find_person, report_on  # with phonenumbers 0.3 s

    settings = databases.settings
    with databases.open(vault="read", warehouse="read") as con:
        person = find_person(con, load_keys(settings), request)
        if person is None:
            return None
        report = report_on(con, person)
    for folder in (settings.exports, settings.exports / report.user_key):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    _write(settings.exports / report.user_key / "person.json", as_json(report))
    _write(settings.exports / report.user_key / "person.html", as_html(report))
    return Export(report.user_key, {section.name: len(section.rows) for section in report.sections if section.rows})


def _write(path: Path, text: str) -> None:
    """The whole file or nothing of it, closed to everybody else from the first byte on."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
