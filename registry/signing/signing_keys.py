"""EC keys for signatures: a private one that signs, a public one to hold signatures against."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from project.errors import InputError
from project.extras import pip_install
from project.records.record import Digest, read_input

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

# cryptography comes with the extra `signing`, so it is imported where a key is used.
MISSING = f"signatures need the package model-signing: {pip_install('signing')}"
NO_PRIVATE_KEY = "is no private EC key in PEM without a password: see `incumbent keygen`"


def make_keys(private: Path) -> Path:
    """Write a new private key on the curve P-256, and beside it the public one, which is returned.

    Raises InputError rather than replace a file.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    except ImportError:
        raise InputError(MISSING) from None
    key = generate_private_key(SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    open_part = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public = private.with_name(f"{private.name}.pub")
    if public.exists():
        raise InputError("is there already: choose another name", file=public)
    write_new(private, secret, mode=0o600)
    write_new(public, open_part, mode=0o644)
    return public


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Raises InputError when the file is there or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
    except FileExistsError:
        raise InputError("is there already: choose another name", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path) from None


def public_digest(key: Path) -> Digest:
    """What a signature names its key by: the digest of its PEM. Raises InputError for no key."""
    return key_digest(load_public(key))


def key_digest(public: "PublicKeyTypes") -> Digest:
    from cryptography.hazmat.primitives import serialization

    spelt = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spelt).hexdigest()


def load_public(key: Path) -> "PublicKeyTypes":
    """Raises InputError for a file that holds no public key in PEM."""
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise InputError(MISSING) from None
    try:
        return serialization.load_pem_public_key(read_input(key))
    except ValueError:
        raise InputError("is no public key in PEM", file=key) from None


def load_private(key: Path) -> "EllipticCurvePrivateKey":
    """Raises InputError for a file that holds no private EC key without a password."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    except ImportError:
        raise InputError(MISSING) from None
    try:
        loaded = serialization.load_pem_private_key(read_input(key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        raise InputError(NO_PRIVATE_KEY, file=key) from None
    if not isinstance(loaded, EllipticCurvePrivateKey):
        raise InputError(NO_PRIVATE_KEY, file=key)
    return loaded
