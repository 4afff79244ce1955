"""The one secret of an installation, and the keys derived from it.

What belongs here: where the secret lies, who may read it, what is derived from it. What does not: what is encrypted or
hashed with the keys (`resources.py`, `assets/`), changing the secret (`key_rotation.py`).
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from browse_assets.file_swap import finish
from browse_assets.foreseen import ForeseenError
from browse_assets.settings import Settings


class VaultKeyError(ForeseenError):
    """The key is missing, malformed, or not the one that the vault was written with."""


class Keys:
    """The keys derived from the one secret (HKDF-SHA256, RFC 5869)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _derive(self, purpose: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256  # 0.2 s
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"browse_assets/" + purpose).derive(self._secret)

    @cached_property
    def vault(self) -> str:
        """Key of the encrypted database, hexadecimal."""
        return self._derive(b"vault").hex()

    @cached_property
    def event(self) -> str:
        """Key of event ids, hexadecimal: without it a page cannot be guessed from its id."""
        return self._derive(b"event").hex()

    @cached_property
    def _pseudonym(self) -> bytes:
        return self._derive(b"pseudonym")

    def user_key(self, user_id: str) -> UUID:
        """First 128 bits of HMAC-SHA256(pseudonym key, user id)."""
        return UUID(self.pseudonymiser()(user_id))

    def pseudonymiser(self) -> Callable[[str], str]:
        """A function from a user id to the text of its user_key; it can be sent to another machine, with its key."""
        key = self._pseudonym

        def pseudonym(user_id: str) -> str:
            digest = hmac.new(key, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
            return str(UUID(bytes=digest[:16]))

        return pseudonym

    def path_id(self, relative: str) -> str:
        """What stands for the content of a file that cannot be opened: its path is not given away."""
        return self.digest(relative)

    def digest(self, text: str) -> str:
        """What tells whether a personal text is the same as before, and nothing else of it; hexadecimal."""
        return hmac.new(self.event.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def load_keys(settings: Settings) -> Keys:
    """Read the secret from BROWSE_SECRET_KEY or the key file; make the file when there is no vault yet.

    Raises:
        VaultKeyError: the secret is malformed, its file is open to others, or it is gone.
    """
    finish(settings.data_dir)
    if settings.secret_key_hex is not None:
        return Keys(_parse_secret(settings.secret_key_hex, "BROWSE_SECRET_KEY"))
    path = settings.key_file
    if not path.exists():
        if settings.vault_path.exists():
            raise VaultKeyError(
                f"The vault exists but its key is gone: put {path} back, or set BROWSE_SECRET_KEY. Nothing was touched."
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass  # another process has just made it
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32) + "\n")
    if path.stat().st_mode & 0o077:
        raise VaultKeyError(f"{path} can be read by others: chmod 600 it. Nothing was touched.")
    return Keys(_parse_secret(path.read_text().strip(), str(path)))


def keys_from(secret_hex: str, where: str) -> Keys:
    """Keys of a secret that is not in force yet; `where` names its place in an error.

    Raises:
        VaultKeyError: it is malformed.
    """
    return Keys(_parse_secret(secret_hex, where))


def _parse_secret(text: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise VaultKeyError(f"{where} is not at least 32 bytes in hexadecimal. Nothing was touched.")
    return secret
