"""Ids of answers: what feedback needs to know of its answer, sealed with the project's secret.

So every gateway of the project takes feedback on the answers of all of them, and after a restart,
and nothing is kept for it. An id is `chatcmpl-KEY.SEALED`: a name of the key, and AES-SIV (RFC
5297) over the fields. Who sees it learns nothing of the user or of the experiment's arm, nobody
else can make one, and it opens only for the caller who got it.
"""

import hmac
import re
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Self, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from evaluation.generation.backends.backend import Endpoint
from project.canonical import moment_of, stamp
from project.files import home, secret_of
from serving.exchange import AnswerRef, Arm, Assignment, digest_of_user

KINDS = {Endpoint.CHAT: "chatcmpl", Endpoint.COMPLETIONS: "cmpl"}
FORM = re.compile(r"(chatcmpl|cmpl)-([A-Za-z0-9_-]{4})\.([A-Za-z0-9_-]+)")
# Whoever changes the fields changes this word too: ids of before are then of another key.
PURPOSE = b"answer ids 1"
# 8 random bytes, so that no two are alike; milliseconds; version and experiment, 0 where there is
# none; the arm's place in ARMS. Behind it the user's digest, where there is one.
FIELDS = struct.Struct(">8sQIIB")
ARMS: tuple[Arm | None, ...] = (None, *get_args(Arm))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotTheirsError(ValueError):
    """An id that the caller did not get: altered, cut short, made up, or another caller's."""


class AnswerIds:
    """Made and read under one secret."""

    def __init__(self, secret: bytes) -> None:
        derived = hmac.digest(secret, PURPOSE, "sha512")
        self._cipher = AESSIV(derived)
        self.key_name = encoded(hmac.digest(derived, b"name", "sha256")[:3])

    @classmethod
    def here(cls) -> Self:
        """Under the secret of the project in the current folder, which is made where there is none.

        Raises InputError for one that others can read.
        """
        return cls(secret_of(home() / "serving" / "secret"))

    def issue(
        self, endpoint: Endpoint, caller: str, at: str, assignment: Assignment, user: str | None
    ) -> str:
        """A new id for an answer, each time another one."""
        kind = KINDS[endpoint]
        sealed = self._cipher.encrypt(packed(at, assignment, user), bound_to(kind, caller))
        return f"{kind}-{self.key_name}.{encoded(sealed)}"

    def read(self, answer_id: str, caller: str) -> AnswerRef:
        """The answer that the caller got under an id.

        Raises NotTheirsError, also for an id that was made under another secret or elsewhere.
        """
        form = FORM.fullmatch(answer_id)
        if form is None or form[2] != self.key_name:
            raise NotTheirsError(answer_id)
        try:
            sealed = decoded(form[3])
            fields = self._cipher.decrypt(sealed, bound_to(form[1], caller))
        except (ValueError, InvalidTag):
            raise NotTheirsError(answer_id) from None
        _, at, version, experiment, arm = FIELDS.unpack_from(fields)
        return AnswerRef(
            id=answer_id,
            at=stamp(EPOCH + timedelta(milliseconds=at)),
            version=version or None,
            experiment=experiment or None,
            arm=ARMS[arm],
            user=fields[FIELDS.size :].hex() or None,
        )


def bound_to(kind: str, caller: str) -> list[bytes]:
    return [kind.encode(), caller.encode()]


def packed(at: str, assignment: Assignment, user: str | None) -> bytes:
    fields = FIELDS.pack(
        secrets.token_bytes(8),
        (moment_of(at) - EPOCH) // timedelta(milliseconds=1),
        assignment.deployment.version or 0,
        assignment.experiment or 0,
        ARMS.index(assignment.arm),
    )
    return fields + (bytes.fromhex(digest_of_user(user)) if user else b"")


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Raises ValueError, also for bits that base64 leaves over: each answer has one id only."""
    found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(found) != text:
        raise ValueError("no base64 as we write it")
    return found
