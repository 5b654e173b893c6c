"""Signatures of a few bytes that stand beside them, by the same keys as those of versions.

ECDSA over SHA-256, in DER and base64: `openssl dgst -sha256 -verify` checks one too.
"""

from base64 import b64decode, b64encode
from pathlib import Path

from project.errors import InputError
from project.records.record import Digest, Record
from registry.registry_settings import Keys
from registry.signing.signing_keys import key_digest, load_private, load_public, public_digest


class DetachedSignature(Record):
    key: Digest  # of the public key in PEM, for people to find it by
    ecdsa: str  # base64


def sign_bytes(data: bytes, private: Path) -> DetachedSignature:
    """Raises InputError for a bad key. The same bytes signed twice have two signatures."""
    key = load_private(private)
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # an extra, which is there now
    from cryptography.hazmat.primitives.hashes import SHA256

    made = key.sign(data, ECDSA(SHA256()))
    return DetachedSignature(key=key_digest(key.public_key()), ecdsa=b64encode(made).decode())


def forgery(data: bytes, signature: DetachedSignature, keys: Keys) -> str | None:
    """Why a signature does not hold; None where one of the public keys signed exactly these bytes.

    Raises InputError for a public key that is none.
    """
    file = next((key for key in keys.public if public_digest(key) == signature.key), None)
    if file is None:
        return "it is signed with a key that registry.public_keys in params.yaml does not name"
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    key = load_public(file)
    if not isinstance(key, EllipticCurvePublicKey):
        raise InputError("is no public EC key", file=file)
    try:
        key.verify(b64decode(signature.ecdsa), data, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):  # ValueError: it is not even base64
        return f"its signature was not made with {file}, or it was changed since"
    return None
