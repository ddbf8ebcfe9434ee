"""DKIM: the shop's RSA key, the DNS record that tells of it, and the signature on each message."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dkim
from dkim import dknewkey

from channels.mail import openssl
from data.errors import SettingError

if TYPE_CHECKING:
    from channels.mail.settings import Settings

FOLDER = "dkim"


class Signer:
    """Signs messages of one domain with one key (RFC 6376, rsa-sha256)."""

    def __init__(self, domain: str, selector: str, key: bytes) -> None:
        self._domain, self._selector, self._key = domain.encode(), selector.encode(), key
        self._fast = openssl.RsaKey(key) if openssl.available() else None

    def sign(self, message: bytes, headers: Sequence[str]) -> bytes:
        """The header line to put before `message`. All of `headers` are signed, and From, Subject and To once more than
        they are there, so that nobody can add a second one.
        """
        names = [name.encode() for name in (*headers, "from", "subject", "to")]
        signing = dkim.DKIM(message) if self._fast is None else _Fast(message, self._fast)
        signed: bytes = signing.sign(
            self._selector, self._domain, self._key, canonicalize=(b"relaxed", b"simple"), include_headers=names
        )
        return signed


class _Fast(dkim.DKIM):  # type: ignore[misc]
    """dkimpy with the RSA of OpenSSL. It asks a key to sign the digest by itself only where that is no RSA key of
    its own, so for that one step the algorithm goes by another name; the header still says rsa-sha256.
    """

    def __init__(self, message: bytes, key: openssl.RsaKey) -> None:
        super().__init__(message)
        self._own = key

    def gen_header(self, fields: Any, headers: Any, policy: Any, name: bytes, _: Any, standardize: bool = False) -> Any:
        """The signature header."""
        self.signature_algorithm = b"ed25519-sha256"
        return super().gen_header(fields, headers, policy, name, self._own, standardize)


def make(root: Path, domain: str, selector: str) -> tuple[Path, str, str]:
    """Makes a 2,048-bit key of `domain` in the store: its path, the DNS name, and the TXT record's text.

    A key that is there stays. Raises `SettingError` where OpenSSL's command is missing.
    """
    path = key_path(root, domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            if not path.exists():
                draft = Path(folder) / "key"
                dknewkey.GenRSAKeys(str(draft), verbose=False)
                draft.chmod(0o600)
                os.replace(draft, path)
            dknewkey.ExtractRSADnsPublicKey(str(path), str(Path(folder) / "dns"), verbose=False)
        except (OSError, dknewkey.subprocess.CalledProcessError) as error:
            raise SettingError(f"a key needs the command openssl, which fails here: {error}") from error
        record = (Path(folder) / "dns").read_text(encoding="utf-8")
    return path, f"{selector}._domainkey.{domain}", record


def key_path(root: Path, domain: str) -> Path:
    """Where the key of `domain` lies."""
    return root / FOLDER / f"{domain}.pem"


def signer_of(root: Path, settings: Settings) -> Signer | None:
    """The signer of the sender's domain, None while it has no key."""
    domain = settings.dkim_domain or settings.domain
    path = key_path(root, domain)
    return Signer(domain, settings.dkim_selector, path.read_bytes()) if path.exists() else None
