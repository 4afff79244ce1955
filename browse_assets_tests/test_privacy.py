"""Canaries: personal values put into every input, then searched for in every file that a run leaves.

Out of scope are names of people in free text, which this version says it does not recognise.
"""

import base64
import csv
import gzip
import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest

from browse_assets.keys import Keys
from browse_assets.readers.chrome import WINDOWS_EPOCH_MICROSECONDS
from browse_assets.resources import open_databases
from browse_assets.settings import Settings
from browse_assets_tests.prepared import RUN, made_once, undrawn_code
from browse_assets_tests.test_kill import LAST_DAY, write_habits
from browse_assets_tests.test_network import Offline, run_offline

MAIL = "canary.mail.41@example.com"
HISTORY_MAIL = "canary.history.42@example.com"
ROW_MAIL = "canary.badrow.43@example.com"
CUSTOMER_MAIL = "canary.customer.44@example.com"
UNREADABLE_MAIL = "canary.unreadable.45@example.com"
CRASHING_MAIL = "canary.crashing.46@example.com"
CAMPAIGN_MAIL = "canary.campaign.61@example.com"
HIDDEN_MAIL = "canary.hidden.62@example.com"
USER = "canary-user-5e1b7c"
JSON_USER = "canary.user.47@example.com"
OWNER = "canaryowner48"
FILE = "canaryfile49"
NAME = "Canaria Quillfeather"
SLUG = "canaria-quillfeather"
PHONE = "+1 212-555-0142"
CARD = "4012 8888 8888 1881"
SSN = "078-05-1120"
IBAN = "DE89370400440532013000"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJjYW5hcnk1MCJ9.Y2FuYXJ5Y2FuYXJ5"
TOKEN = "canaryTOKEN51abcdefgh0123456789"
PASSWORD = "canarypass52"
SESSION = "CANARYSESS53"
ADDRESS = "203.0.113.154"
ADDRESS_6 = "2001:db8:ca:4a::155"
PLACE = "52.520056,13.404956"
HOST_LABEL = "cust88123457"
NOTE = "canarynote58"
AMOUNT = "canaryamount59"

# What must be found nowhere, in its usual spellings; of an e-mail the part before the @ is enough.
CANARIES: dict[str, tuple[str, ...]] = {
    "e-mail of a page view": (MAIL.split("@")[0],),
    "e-mail in a browser's history": (HISTORY_MAIL.split("@")[0],),
    "e-mail in a bad row": (ROW_MAIL.split("@")[0],),
    "e-mail of a customer": (CUSTOMER_MAIL.split("@")[0],),
    "e-mail in a file that cannot be read": (UNREADABLE_MAIL.split("@")[0],),
    "e-mail in a file that crashes its reader": (CRASHING_MAIL.split("@")[0],),
    "e-mail in a parameter that may stay": (CAMPAIGN_MAIL.split("@")[0],),
    "e-mail in a nested address or token": (HIDDEN_MAIL.split("@")[0],),
    "user id": (USER,),
    "user id that is an e-mail": (JSON_USER.split("@")[0],),
    "user ids of the others": ("panelist-habit-",),
    "owner of a folder": (OWNER,),
    "name of a file": (FILE,),
    "name": ("Quillfeather", NAME.replace(" ", "+")),
    "phone": (PHONE, "212-555-0142", "(212) 555-0142", "2125550142", "212 555 0142"),
    "card": (CARD, CARD.replace(" ", ""), CARD.replace(" ", "-")),
    "social security number": (SSN,),
    "bank account": (IBAN, "DE89 3704 0044 0532 0130 00"),
    "signed token": (JWT, JWT.split(".")[1], JWT.split(".")[2]),
    "token": (TOKEN,),
    "password": (PASSWORD,),
    "session": (SESSION,),
    "address": (ADDRESS, ADDRESS_6),
    "place": ("52.520056", "13.404956"),
    "host": (HOST_LABEL,),
    "free text of a customer": (NOTE,),
    "value that is no number": (AMOUNT,),
}
NOT_READ = ("e-mail in a file that cannot be read", "e-mail in a file that crashes its reader", "name of a file")
IN_VAULT = [kind for kind in CANARIES if kind not in NOT_READ]

# No input is known that crashes a reader, so one is made to: whichever opens a database with the canary in
# it fails as a fault of its own would, with an error that quotes all of the file.
CRASH = f"""
import sys


def crash(event, arguments):
    if event == "sqlite3.connect" and str(arguments[0]).endswith("history.sqlite"):
        with open(arguments[0], "rb") as file:
            content = file.read()
        if {CRASHING_MAIL.encode()!r} in content:
            raise RuntimeError(content.decode("latin-1"))


sys.addaudithook(crash)
"""

TIME = datetime.combine(LAST_DAY, datetime.min.time()).isoformat()
HEADER = ["userId", "ip", "timestamp", "url", "title", "referrer", "device", "language", "country", "transition"]
HEADER += ["metadata.name", "metadata.content"]


def coded(text: str) -> str:
    """Base64 as it stands in addresses."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


ENCODED_MAIL = base64.b64encode(MAIL.encode()).decode()

URLS = [
    f"https://shop.example.com/users/{SLUG}/orders?mail={quote(MAIL)}&name={quote(NAME)}#token={TOKEN}",
    f"https://{SLUG}:{PASSWORD}@shop.example.com/profile/{SLUG}/settings",
    f"https://mail.example.com/inbox/{MAIL}/{quote(MAIL, safe='')}/{quote(quote(MAIL, safe=''), safe='')}",
    f"https://mail.example.com/a%3Fmail%3D{quote(MAIL)}%26name%3D{SLUG}",
    f"https://mail.example.com/login;jsessionid={SESSION}/next/@{SLUG}/feed",
    f"https://pay.example.com/card/{CARD.replace(' ', '')}/{quote(CARD)}/{CARD.replace(' ', '-')}",
    f"https://pay.example.com/iban/{IBAN}/ssn/{SSN}/phone/{quote(PHONE)}/{PHONE[3:]}/2125550142",
    f"https://api.example.com/reset/{JWT}/{TOKEN}?session={SESSION}",
    f"https://api.example.com/reset/{ENCODED_MAIL}/{MAIL.encode().hex()}",
    f"https://maps.example.com/at/{PLACE}/from/{ADDRESS}/{ADDRESS_6}",
    f"https://{HOST_LABEL}.example.net/start",
    f"https://www.google.com/search?q={quote(f'{MAIL} {PHONE} {CARD}')}&oq={quote(NAME)}",
    f"https://{ADDRESS}/admin?name={SLUG}",
    f"https://shop.example.com/sale?utm_source=mail&utm_campaign={quote(CAMPAIGN_MAIL)}&page={quote(CAMPAIGN_MAIL)}",
    f"https://shop.example.com/sale?utm_medium={CAMPAIGN_MAIL}&utm_campaign={coded(CAMPAIGN_MAIL)}&page={coded(PHONE)}",
    f"https://shop.example.com/sale?page={CARD.replace(' ', '')}&utm_content={USER}&utm_term={quote(quote(PHONE))}",
    f"https://shop.example.com/sale?utm_campaign={JWT}&page={SSN}&utm_source={IBAN}&utm_medium={ADDRESS}",
    f"https://shop.example.com/go?next={quote(f'https://example.org/u/{SLUG}?mail={HIDDEN_MAIL}', safe='')}",
    f"https://shop.example.com/go/{quote(f'https://example.org/?mail={HIDDEN_MAIL}', safe='')}/end",
    f"https://shop.example.com/go?page={coded(f'https://example.org/?mail={HIDDEN_MAIL}')}",
    f"https://shop.example.com/go/{coded(quote(HIDDEN_MAIL))}/{coded(f'mail={HIDDEN_MAIL}&x=1')}",
]
TITLES = [
    f"{MAIL} - Inbox",
    f"Call {PHONE} or (212) 555-0142 or 212 555 0142",
    f"Card {CARD} and {CARD.replace(' ', '-')}, account {IBAN} = DE89 3704 0044 0532 0130 00, SSN {SSN}",
    f"Token {JWT} {TOKEN} of {ADDRESS} and {ADDRESS_6} at {PLACE}",
    f"Coded {ENCODED_MAIL} {MAIL.encode().hex()} {quote(MAIL)}",
    f"See https://example.org/?next={quote(f'https://example.net/?mail={HIDDEN_MAIL}', safe='')} &#64;",
    f"Coded again {coded(HIDDEN_MAIL)} and {coded(quote(HIDDEN_MAIL))}",
]
TAGS = [
    ("author", NAME),
    ("article:author", f"https://social.example.com/{SLUG}"),
    ("profile:username", SLUG),
    ("profile:first_name", NAME),
    ("fb:admins", USER),
    ("geo.position", PLACE.replace(",", ";")),
    ("csrf-token", TOKEN),
    ("description", f"Write to {MAIL}, {quote(MAIL)} or call {PHONE}"),
    ("og:image", f"https://{PASSWORD}:{PASSWORD}@cdn.example.com/u/{SLUG}/1.png?mail={MAIL}#{SESSION}"),
    ("og:url", f"https://{HOST_LABEL}.example.net/users/{SLUG}?mail={MAIL}"),
    (MAIL, "a name that is a value"),
    ("keywords", f"{CARD}, {SSN}, {IBAN}, {ADDRESS}"),
]
# Their first five columns; the rest is empty.
BAD_ROWS = [
    ["", ADDRESS, TIME, f"https://example.com/?mail={ROW_MAIL}", ROW_MAIL],
    [USER, ADDRESS, "", f"https://example.com/{ROW_MAIL}", NAME],
    [USER, ADDRESS, ROW_MAIL, "https://example.com/", NAME],
    [USER, ADDRESS, "2999-01-01T00:00:00", f"https://example.com/{ROW_MAIL}", NAME],
    [USER, ADDRESS, TIME.replace("00:00:00", "00:00:01"), "", ROW_MAIL],  # at TIME it would take the og:url
    [USER, ADDRESS, TIME, ROW_MAIL, NAME],
    [USER, ADDRESS, TIME, f"file:///home/{SLUG}/{ROW_MAIL}", NAME],
]


def page_views() -> list[dict[str, str]]:
    """One row per page view and tag, each planted with what a careless site or export holds."""
    rows = []
    for i, url in enumerate(URLS):
        row = dict.fromkeys(HEADER, "")
        row |= {"userId": USER, "ip": (ADDRESS, ADDRESS_6)[i % 2], "timestamp": TIME, "url": url}
        row |= {"title": TITLES[i % len(TITLES)], "referrer": URLS[i - 1], "device": f"{NAME}'s iPhone"}
        row |= {"language": NAME, "country": MAIL, "transition": MAIL}
        rows.append(row)
    for name, content in TAGS:
        rows.append(rows[0] | {"metadata.name": name, "metadata.content": content})
    return rows


def plant_inbox(inbox: Path) -> None:
    """A panel in two formats, a browser's history, and files that cannot be read."""
    folder = inbox / OWNER
    folder.mkdir(parents=True)
    write_habits(inbox / "habits.csv")
    views = page_views()
    with (inbox / f"{FILE}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *([view[name] for name in HEADER] for view in views)])
        csv.writer(file).writerows([*row, *[""] * (len(HEADER) - len(row))] for row in BAD_ROWS)
        csv.writer(file).writerow([ROW_MAIL, NAME])
    lines = []
    for view in views[: len(URLS)]:
        tags = [{"name": name, "content": content} for name, content in TAGS]
        nested = {**view, "userId": JSON_USER, "metadata": tags, "e-mail": MAIL}
        lines.append(json.dumps(nested))
    lines += [f'{{"userId": "{USER}", "title": "{ROW_MAIL}', f'["{ROW_MAIL}"]', ROW_MAIL]
    (inbox / "panel.jsonl").write_text("\n".join(lines))
    plant_history(folder / "History")
    plant_history(folder / "crashing" / "History", CRASHING_MAIL)
    damaged = (folder / "History").read_bytes()[:3000] + UNREADABLE_MAIL.encode() * 50
    (inbox / f"{FILE}.sqlite").write_bytes(damaged)
    (inbox / "cut.csv.gz").write_bytes(gzip.compress(f"userId,url,timestamp\n{UNREADABLE_MAIL},".encode() * 99)[:-20])
    (inbox / "nothing-known.csv").write_text(f"{UNREADABLE_MAIL},{NAME}\n{UNREADABLE_MAIL},{NAME}\n")
    (inbox / "noise.bin").write_bytes(bytes(range(256)) * 9 + UNREADABLE_MAIL.encode())


def plant_history(path: Path, mail: str = HISTORY_MAIL) -> None:
    """A Chrome history with what was typed, visited and looked for."""
    path.parent.mkdir(exist_ok=True)
    stamp = int(datetime.fromisoformat(f"{TIME}+00:00").timestamp()) * 1_000_000 + WINDOWS_EPOCH_MICROSECONDS
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("CREATE TABLE urls (id INTEGER PRIMARY KEY, url TEXT, title TEXT)")
        con.execute(
            "CREATE TABLE visits (id INTEGER PRIMARY KEY, url INTEGER, visit_time INTEGER, from_visit INTEGER, "
            "transition INTEGER)"
        )
        con.execute("CREATE TABLE keyword_search_terms (keyword_id INTEGER, url_id INTEGER, term TEXT)")
        for i, url in enumerate(URLS, start=1):
            title = TITLES[i % len(TITLES)].replace(MAIL, mail)
            con.execute("INSERT INTO urls VALUES (?, ?, ?)", [i, url.replace(MAIL, mail), title])
            con.execute("INSERT INTO visits VALUES (?, ?, ?, ?, ?)", [i, i, stamp + i, i - 1, 0x30000000])
            con.execute("INSERT INTO keyword_search_terms VALUES (2, ?, ?)", [i, f"{mail} {PHONE} {CARD}"])


def plant_customers(folder: Path) -> None:
    """Customer tables of 30 people with one plan each, and of values that single one out."""
    folder.mkdir(parents=True)
    people = [USER, *(f"panelist-habit-{n}" for n in range(29))]
    tables = {
        "customers": [
            ["user_id", "plan", "name", "email", "phone", "card", "note"],
            *(
                [who, "basic", f"{NAME} {n}", f"{n}{CUSTOMER_MAIL}", PHONE, CARD, f"{NOTE} {n}"]
                for n, who in enumerate(people)
            ),
        ],
        "transactions": [
            ["user_id", "time", "amount", "memo"],
            *([who, "2024-04-01", "9.99", f"{IBAN} {NAME}"] for who in people),
            [USER, CUSTOMER_MAIL, AMOUNT, NOTE],
        ],
        "service_interactions": [
            ["user_id", "time", "channel", "topic"],
            [USER, "2024-04-02", "mail", f"{NOTE} {CUSTOMER_MAIL}"],
            [USER, NAME, "mail"],
        ],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    (folder / "churn_labels.csv").write_bytes(f'"{UNREADABLE_MAIL}\n"{NAME}'.encode() + bytes(range(256)))


@dataclass(frozen=True)
class WholeRun:
    """One run of the job on the planted inbox, in a process without a network; then what one person asked for."""

    settings: Settings
    process: Offline
    export: Offline


def whole_run(shared_folder: Path) -> WholeRun:
    """Once for all workers; `test_network.py` looks at the same run."""
    folder = made_once(shared_folder, "whole_run", _run_and_export)
    data = folder / "data"
    secret = (data / "keys" / "secret.key").read_text().strip()
    ended = json.loads((folder / "ended.json").read_text())
    process, export = (
        Offline(
            each["return_code"], each["stdout"].encode("latin-1"), each["stderr"].encode("latin-1"), each["attempts"]
        )
        for each in (ended["run"], ended["export"])
    )
    return WholeRun(Settings(data, _store(data), data / "mlflow" / "artifacts", secret_key_hex=secret), process, export)


def _store(data: Path) -> str:
    return f"sqlite:///{data / 'mlflow' / 'mlflow.db'}"


def _run_and_export(folder: Path) -> None:
    """From nothing: what is trained without a network is the topics' classifier, too.

    No figure is drawn: no search could read a value in a picture's pixels.
    """
    data = folder / "data"
    plant_inbox(data / "inbox")
    plant_customers(data / "customers")
    # People are divided by the hash of their pseudonym: with one random key in some, training finds too few.
    (data / "keys").mkdir(mode=0o700)
    (data / "keys" / "secret.key").touch(0o600)
    (data / "keys" / "secret.key").write_text("5e" * 32 + "\n")
    unset = ("BROWSE_SECRET_KEY", "BROWSE_AS_OF", "BROWSE_MEMORY_LIMIT", "BROWSE_THREADS")
    variables = {"BROWSE_DATA_DIR": str(data), "MLFLOW_TRACKING_URI": _store(data), **dict.fromkeys(unset, "")}
    process = run_offline(["-c", undrawn_code(folder) + RUN], folder, variables, CRASH)
    (data / "export").mkdir()
    (data / "export" / f"{FILE}.txt").write_text(f"{USER}\n")
    export = run_offline(["-m", "browse_assets.export"], folder / "export", variables)
    ended = {
        name: {
            "return_code": done.return_code,
            "stdout": done.stdout.decode("latin-1"),
            "stderr": done.stderr.decode("latin-1"),
            "attempts": done.attempts,
        }
        for name, done in (("run", process), ("export", export))
    }
    (folder / "ended.json").write_text(json.dumps(ended))


@pytest.fixture(scope="session")
def finished(shared_folder: Path) -> WholeRun:
    return whole_run(shared_folder)


def readings(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file as they are, and what is packed in them: zip, gzip, SQLite, DuckDB."""
    content = path.read_bytes()
    yield "bytes", content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield f"zip: {name}", archive.read(name)
    elif content.startswith(b"\x1f\x8b"):
        yield "gzip", gzip.decompress(content)
    elif content.startswith(b"SQLite format 3"):
        yield from sqlite_readings(path)
    elif content[8:12] == b"DUCK" and path.name != "vault.duckdb":
        yield from duckdb_readings(path)


def sqlite_readings(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        tables = [name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in con.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes):
                        yield f"SQLite: {table}", value
                        yield f"SQLite, inflated: {table}", inflated(value)


def inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return b""


def duckdb_readings(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every value as text: DuckDB's own bytes are compressed."""
    with duckdb.connect(str(path), read_only=True) as con:
        for (table,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            yield f"DuckDB: {table}", repr(con.execute(f'SELECT * FROM "{table}"').fetchall()).encode()


def spellings(value: str) -> Iterator[tuple[str, bytes]]:
    """How a value may be written; all but Base64 are searched for in lower case."""
    plain = value.encode()
    yield "plain", plain.lower()
    yield "UTF-16", value.lower().encode("utf-16-le")
    yield "hex", plain.hex().encode()
    yield "hex of lower case", plain.lower().hex().encode()
    yield "percent", quote(value, safe="").lower().encode()
    yield "percent, every byte", "".join(f"%{byte:02x}" for byte in plain).encode()
    for offset in range(3):
        # The characters at both ends also depend on what stands beside the value.
        coded = base64.b64encode(b"\0" * offset + plain)[-(-8 * offset // 6) :].rstrip(b"=")
        coded = coded[: len(coded) - (1 if (offset + len(plain)) % 3 else 0)]
        yield "Base64", coded
        yield "Base64 of URLs", coded.replace(b"+", b"-").replace(b"/", b"_")


def find(values: tuple[str, ...], content: bytes, lower: bytes) -> set[str]:
    """In which spellings one of the values is there."""
    return {
        how
        for value in values
        for how, written in spellings(value)
        if written in (content if how.startswith("Base64") else lower)
    }


@pytest.fixture(scope="session")
def places(finished: WholeRun) -> dict[str, list[str]]:
    """Where each canary was found: file, reading and spelling, never the value."""
    keys = Keys(bytes.fromhex(finished.settings.secret_key_hex or ""))
    wanted = {**CANARIES, "keys": (finished.settings.secret_key_hex or "", keys.vault, keys.event)}
    data = finished.settings.data_dir
    sources = [
        (f"{stream} of {name}", "text", getattr(process, stream))
        for name, process in (("run", finished.process), ("export", finished.export))
        for stream in ("stdout", "stderr")
    ]
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        name = path.relative_to(data)
        if name.parts[0] not in ("inbox", "customers", "keys", "exports"):
            sources += [(str(name), how, content) for how, content in readings(path)]
            sources += [("file names", "path", str(name).encode())]
    found: dict[str, list[str]] = {kind: [] for kind in wanted}
    for where, how, content in sources:
        lower = content.lower()
        for kind, values in wanted.items():
            found[kind] += [f"{where} ({how}), {spelling}" for spelling in sorted(find(values, content, lower))]
    return found


def test_the_run_took_everything_in(finished: WholeRun) -> None:
    """A run that failed, or skipped the files, would leave nothing to find."""
    assert finished.process.return_code == 0, finished.process.stderr.decode()[-3000:]
    with open_databases(finished.settings, vault="read", warehouse="read") as con:
        files = con.execute("SELECT format, status FROM vault.raw_files ORDER BY ALL").fetchall()
        assert files.count(("csv", "read")) == 2
        assert {("jsonl", "read"), ("chrome", "read")} <= set(files)
        assert sum(status == "failed" for _, status in files) == 5
        crashed = con.execute("SELECT reason FROM input_files WHERE starts_with(reason, 'reader_error')").fetchall()
        assert len(crashed) == 1
        assert "RuntimeError" in crashed[0][0]
        assert con.execute("SELECT list_sort(list(DISTINCT reason)) FROM rejected_events").fetchone() == (
            ["bad_time", "bad_url", "malformed", "no_time", "no_url", "no_user", "not_web", "time_out_of_range"],
        )
        assert con.execute("SELECT count(*) FROM scrubbed_events").fetchone() != (0,)
        assert con.execute("SELECT count(*) FROM churn_scores").fetchone() != (0,)
        assert con.execute("SELECT DISTINCT attributes FROM customer_features").fetchall() == [({"plan": "basic"},)]


@pytest.mark.parametrize("kind", IN_VAULT)
def test_the_vault_holds_the_canaries(finished: WholeRun, kind: str) -> None:
    with open_databases(finished.settings, vault="read") as con:
        tables = [name for (name,) in con.execute("SHOW TABLES FROM vault").fetchall()]
        rows = repr([con.execute(f"SELECT * FROM vault.main.{table}").fetchall() for table in tables])
    assert find(CANARIES[kind], rows.encode(), rows.lower().encode())


def test_who_asked_got_it_and_nobody_else_did(finished: WholeRun) -> None:
    assert finished.export.return_code == 0, finished.export.stderr.decode()[-3000:]
    (folder,) = (finished.settings.data_dir / "exports").iterdir()
    page, report = ((folder / f"person.{kind}").read_bytes() for kind in ("html", "json"))
    for kind in ("e-mail of a page view", "e-mail in a bad row", "e-mail of a customer", "phone", "user id"):
        assert find(CANARIES[kind], page, page.lower())
        assert find(CANARIES[kind], report, report.lower())
    for kind in (
        "user ids of the others",
        "user id that is an e-mail",
        "e-mail in a browser's history",
        "owner of a folder",
    ):
        assert not find(CANARIES[kind], page + report, (page + report).lower())


@pytest.mark.parametrize("kind", [*CANARIES, "keys"])
def test_no_canary_is_left(places: dict[str, list[str]], kind: str) -> None:
    assert places[kind] == []


def test_no_personal_data_is_shown_by_the_other_files(finished: WholeRun) -> None:
    """Copies of the input are gone, and what stays closed to other users is closed."""
    data = finished.settings.data_dir
    assert [path for path in finished.settings.scratch.rglob("*") if path.is_file()] == []
    for path in (finished.settings.vault_path, finished.settings.key_file):
        assert path.stat().st_mode & 0o077 == 0, path.relative_to(data)


@pytest.mark.parametrize(
    "write",
    [
        lambda value: value,
        lambda value: value.upper(),
        lambda value: quote(value, safe=""),
        lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
        lambda value: value.encode().hex().upper(),
        lambda value: base64.b64encode(b"1" + value.encode() + b"23").decode(),
        lambda value: base64.urlsafe_b64encode(b"12" + value.encode() + b"3").decode(),
        lambda value: base64.b64encode(b"123" + value.encode()).decode(),
    ],
)
@pytest.mark.parametrize("kind", CANARIES)
def test_the_search_finds_each_spelling(kind: str, write: object) -> None:
    """Else `test_no_canary_is_left` could not fail."""
    assert callable(write)
    content = f"before{write(CANARIES[kind][0])}after".encode()
    assert find(CANARIES[kind], content, content.lower())


def test_the_search_looks_into_packed_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", MAIL * 9)
    (tmp_path / "b.gz").write_bytes(gzip.compress(MAIL.encode() * 9))
    with closing(sqlite3.connect(tmp_path / "c.db")) as con, con:
        con.execute("CREATE TABLE packed (content BLOB)")
        con.execute("INSERT INTO packed VALUES (?)", [zlib.compress(MAIL.encode() * 9)])
    with duckdb.connect(str(tmp_path / "d.duckdb")) as database:
        database.execute("CREATE TABLE rows AS SELECT $mail || i AS text FROM range(9000) AS r (i)", {"mail": MAIL})
    for path in tmp_path.iterdir():
        whole = b"".join(content for _, content in readings(path))
        assert find((MAIL,), whole, whole.lower()), path.name
