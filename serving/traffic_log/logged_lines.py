"""Exchanges and feedback as lines of the traffic log, and which of them are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from monitoring.traffic.chat import prompt_of
from monitoring.traffic.file_lines import LONGEST, SHADOW
from monitoring.traffic.late_feedback import PREFIX
from monitoring.traffic.traffic_store import redacted
from project.personal_data import redact
from project.records.data import Message
from project.records.record import Record
from project.records.traffic import LateFeedback, Traffic
from project.tool_rendering import of_tools
from serving.exchange import AnswerRef, Exchange, FeedbackGiven

OK = 200
BARE_BASE = "base"  # what answered where no adapter did: no word at all would mean the champion


class UnfitLineError(ValueError):
    """A line that readers of the log would refuse."""


@dataclass(frozen=True)
class LoggedLine:
    """A line, and whose chunk it belongs to."""

    partition: str  # 2026-11-24, or shadow/2026-11-24
    prefix: str  # of the chunk's name: feedback has chunks of its own
    line: bytes


def in_share(answer: AnswerRef, share: float) -> bool:
    """Whether its user is among a share of all users: always the same ones, whichever gateway asks.

    A larger share has all users of a smaller one. An experiment's arms are drawn by another hash.
    """
    drawn_by = (answer.user or answer.id).encode()
    digest = blake2b(drawn_by, digest_size=8, person=b"traffic").digest()
    return int.from_bytes(digest, "big") < share * 2**64


def answer_line(exchange: Exchange, *, redacts: bool) -> LoggedLine:
    """Raises UnfitLineError."""
    deployment = exchange.assignment.deployment
    try:
        row = Traffic(
            id=exchange.id,
            at=exchange.at,
            user=exchange.user,
            caller=exchange.caller,
            prompt=in_texts(exchange.messages),
            turns=exchange.messages if of_tools(exchange.messages, None) else None,
            tools=exchange.tools or None,
            response=exchange.text,
            adapter=deployment.adapter or BARE_BASE,
            latency_ms=exchange.latency_ms,
            evidence=exchange.evidence or None,
            disclosed=exchange.disclosed,
        )
        day = str(row.time.date())
    except (ValueError, OverflowError) as error:
        raise unfit(error) from None
    beside = {
        "version": deployment.version,
        "experiment": exchange.assignment.experiment,
        "arm": exchange.assignment.arm,
        "prompt_tokens": exchange.prompt_tokens,
        "answer_tokens": exchange.answer_tokens,
        "first_token_ms": exchange.first_token_ms,
        "finish": exchange.finish,
    }
    line = as_line(redacted(row) if redacts else row, beside)
    shadow = exchange.assignment.arm == "shadow"
    return LoggedLine(f"{SHADOW}/{day}" if shadow else day, "", line)


def in_texts(messages: tuple[Message, ...]) -> Any:
    """A prompt as logs of other tools have it: its calls and results in words."""
    if not of_tools(messages, None):
        return messages
    return prompt_of([message.model_dump(exclude_none=True) for message in messages])


def feedback_line(given: FeedbackGiven, *, redacts: bool) -> LoggedLine:
    """It lies on the day on which it came. Raises UnfitLineError."""
    text = given.correction
    try:
        feedback = LateFeedback(
            feedback_of=given.id,
            at=given.at,
            caller=given.caller,
            rating=given.rating,
            correction=redact(text) if text and redacts else text,
            outcome=given.outcome,
        )
        day = str(feedback.time.date())
    except (ValueError, OverflowError) as error:
        raise unfit(error) from None
    return LoggedLine(day, PREFIX, as_line(feedback, {}))


def as_line(record: Record, beside: Mapping[str, Any]) -> bytes:
    """A record, and what its readers leave aside; what has no value is left out."""
    try:
        fields = json.loads(record.model_dump_json(exclude_none=True))
    except PydanticSerializationError:
        raise UnfitLineError("half of a character, which is no text") from None
    fields |= {name: value for name, value in beside.items() if value is not None}
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if len(line) > LONGEST:
        raise UnfitLineError(f"{len(line)} bytes, of {LONGEST} that are read")
    return line


def unfit(error: Exception) -> UnfitLineError:
    """An error without what users wrote: it goes into the gateway's own log."""
    if isinstance(error, ValidationError):
        return UnfitLineError(f"bad {error.errors(include_url=False)[0]['loc'][0]}")
    return UnfitLineError(type(error).__name__)
