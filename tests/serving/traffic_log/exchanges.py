"""Exchanges as the gateway tells them, and what was logged of them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from monitoring.traffic.traffic_store import TrafficStore
from project.records.adapters import Contestant
from project.records.data import Message
from project.records.traffic import Traffic
from serving.exchange import Assignment, Deployment, Exchange, FeedbackGiven
from tests.conftest import BASE

DAY = date(2026, 11, 24)
AT = f"{DAY}T10:00:00Z"
ADAPTER = "a" * 64
V12 = Deployment(
    version=12, name="bank-v12-aaaaaaaaaaaa", contestant=Contestant(base=BASE, adapter=ADAPTER)
)


def exchange(name: object = "a1", **fields: Any) -> Exchange:
    given = {
        "id": str(name),
        "at": AT,
        "caller": "app",
        "user": "u1",
        "asked": "bank@champion",
        "messages": (Message(role="user", content="What?"),),
        "text": "That.",
        "assignment": Assignment(deployment=V12),
        "prompt_tokens": 3,
        "answer_tokens": 2,
        "latency_ms": 12.5,
        "status": 200,
        "finish": "stop",
    }
    return Exchange.model_validate(given | fields)


def feedback(name: object = "a1", **fields: Any) -> FeedbackGiven:
    given = {"id": str(name), "at": AT, "caller": "app"}
    return FeedbackGiven.model_validate(given | fields)


def store_of(folder: Path | str) -> TrafficStore:
    return TrafficStore(folder, redact=True, quarantine=Path("quarantine"))


def rows_in(folder: Path | str, day: date = DAY) -> list[Traffic]:
    return [row for batch in store_of(folder).read(day) for row in batch]


def ids_in(folder: Path | str, day: date = DAY) -> list[str]:
    return [row.id for row in rows_in(folder, day)]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
