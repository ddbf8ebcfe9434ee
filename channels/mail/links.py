"""Links that only this shop can have made: campaign, customer and channel, signed, without an end."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

SECRET = "mail.secret"


class Links:
    """Addresses that only this shop can have made, and that never expire: campaign, customer and channel, signed."""

    def __init__(self, public_url: str, secret: bytes) -> None:
        self._base = public_url.rstrip("/")
        self._signer = URLSafeSerializer(
            secret, salt="unsubscribe", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def token(self, campaign_id: str, customer_id: str, channel: str = "email") -> str:
        """The signed triple."""
        return str(self._signer.dumps([campaign_id, customer_id, channel]))

    def unsubscribe(self, token: str) -> str:
        """Where one press stops the e-mails."""
        return f"{self._base}/u/{token}"

    def why(self, token: str) -> str:
        """Where it says why this letter came."""
        return f"{self._base}/why/{token}"

    def read(self, token: str) -> tuple[str, str, str] | None:
        """Campaign, customer and channel of a token; None for one that this shop did not sign."""
        try:
            found = self._signer.loads(token)
        except BadSignature:
            return None
        if not (isinstance(found, list) and len(found) == 3 and all(isinstance(part, str) for part in found)):
            return None
        return found[0], found[1], found[2]


def secret_of(root: Path) -> bytes:
    """The store's signing secret; made when it is first needed, readable by its owner only."""
    path = root / SECRET
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    draft = secrets.token_hex(32).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(draft)
    return draft
