"""Knowing erased people again without knowing who they were.

What belongs here: the keyed hash that is left of an erased person, and looking for it. What does not:
erasing (`erasure/`), what is done with rows of erased people (`assets/loading.py`, `assets/customers.py`).

The salt lies in the encrypted vault and is made anew for nobody: a change of keys leaves tombstones valid.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

# What stands between values of a broken row; an e-mail address or a hyphened id stays whole.
_BETWEEN_VALUES = re.compile(r"[\s,;|\"'{}\[\]()<>&?=:/\\]+")


@dataclass(frozen=True)
class Tombstones:
    """All erased people, as keyed hashes."""

    salt: str
    stones: frozenset[str]

    def knows(self, user_id: str) -> bool:
        """Whether the person was erased."""
        return self.stone_of(user_id) in self.stones

    def are_in(self, text: str) -> bool:
        """Whether a row that names no person quotes the id of one who was erased, as a value of its own."""
        return any(self.knows(value) for value in values_in(text))

    def stone_of(self, user_id: str) -> str:
        """HMAC-SHA256(salt, user id), hexadecimal."""
        return hmac.new(bytes.fromhex(self.salt), user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def with_people(self, user_ids: Iterable[str]) -> "Tombstones":
        """These and more."""
        return Tombstones(self.salt, self.stones | {self.stone_of(user_id) for user_id in user_ids})


def values_in(text: str) -> set[str]:
    """The values of a row that cannot be parsed, by what usually stands between values."""
    return set(_BETWEEN_VALUES.split(text)) - {""}


def read_tombstones(con: duckdb.DuckDBPyConnection) -> Tombstones | None:
    """The vault's tombstones; None when nobody was erased."""
    rows = con.execute("SELECT tombstone, salt FROM vault.main.raw_tombstones").fetchall()
    return Tombstones(rows[0][1], frozenset(stone for stone, _ in rows)) if rows else None


def no_tombstones() -> Tombstones:
    """None yet, with a new salt."""
    return Tombstones(secrets.token_hex(32), frozenset())
