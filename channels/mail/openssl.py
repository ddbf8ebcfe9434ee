"""RSA by the OpenSSL library that Python's own `ssl` rests on: ten times as fast as arithmetic in Python."""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from typing import Any

from data.errors import SettingError

_PKCS1 = 1
_POINTERS: dict[str, tuple[Any, ...]] = {
    "BIO_new_mem_buf": (ctypes.c_char_p, ctypes.c_int),
    "PEM_read_bio_PrivateKey": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    "EVP_PKEY_CTX_new": (ctypes.c_void_p, ctypes.c_void_p),
    "EVP_sha256": (),
}
"""Functions that return a pointer, with their arguments."""
_NUMBERS: dict[str, tuple[Any, ...]] = {
    "BIO_free": (ctypes.c_void_p,),
    "EVP_PKEY_sign_init": (ctypes.c_void_p,),
    "EVP_PKEY_CTX_set_rsa_padding": (ctypes.c_void_p, ctypes.c_int),
    "EVP_PKEY_CTX_set_signature_md": (ctypes.c_void_p, ctypes.c_void_p),
    "EVP_PKEY_sign": (
        ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t), ctypes.c_char_p, ctypes.c_size_t,
    ),
}  # fmt: skip
"""Functions that return 1 where they succeed."""


@dataclass(frozen=True)
class Signature:
    """The bytes of a signature, as dkimpy takes them from a key."""

    signature: bytes


class RsaKey:
    """A private key that lives as long as the process; signs SHA-256 digests (PKCS #1 v1.5, RFC 8017)."""

    def __init__(self, pem: bytes) -> None:
        library = _library()
        if library is None:
            raise SettingError("OpenSSL 3 is not on this machine")
        self._library = library
        buffer = library.BIO_new_mem_buf(pem, len(pem))
        key = library.PEM_read_bio_PrivateKey(buffer, None, None, None)
        library.BIO_free(buffer)
        if not key:
            raise SettingError("the DKIM key cannot be read: it must be an RSA key in PEM without a password")
        self._context = library.EVP_PKEY_CTX_new(key, None)
        ready = (
            library.EVP_PKEY_sign_init(self._context),
            library.EVP_PKEY_CTX_set_rsa_padding(self._context, _PKCS1),
            library.EVP_PKEY_CTX_set_signature_md(self._context, library.EVP_sha256()),
        )
        if ready != (1, 1, 1):
            raise SettingError("the DKIM key is no RSA key")

    def sign(self, digest: bytes) -> Signature:
        """The signature of a SHA-256 digest."""
        length = ctypes.c_size_t(1024)
        found = ctypes.create_string_buffer(length.value)
        if self._library.EVP_PKEY_sign(self._context, found, ctypes.byref(length), digest, len(digest)) != 1:
            raise SettingError("OpenSSL refused to sign with the DKIM key")
        return Signature(found.raw[: length.value])


def available() -> bool:
    """Whether the library is there, in a version that has what is needed."""
    return _library() is not None


@cache
def _library() -> Any:
    name = ctypes.util.find_library("crypto")
    try:
        library = ctypes.CDLL(name) if name else None
        for names, returned in ((_POINTERS, ctypes.c_void_p), (_NUMBERS, ctypes.c_int)):
            for function, arguments in names.items():
                getattr(library, function).argtypes = arguments
                getattr(library, function).restype = returned
    except (OSError, AttributeError):
        return None
    return library
