"""What is known of a request when it has ended: for its log line, its metrics and its span."""

import json
import logging
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from project.times import stamp
from project.untrusted_input import one_line, shortened

CLIENT_GONE = 499  # as nginx has it: the client closed the connection before the answer


@dataclass
class Served:
    """Filled in while a request is served. None of it is a text of a prompt or an answer."""

    id: str  # in the header x-request-id
    method: str
    path: str
    began: float = field(default_factory=time.perf_counter)
    caller: str = ""
    asked: str = ""  # the model as the request names it: untrusted
    name: str = ""  # of the deployment that answered
    version: int | None = None
    arm: str | None = None
    answer: str = ""  # its id
    status: int = CLIENT_GONE
    begun: bool = False  # whether its status was sent
    error: str | None = None  # what a caller was told
    retries: int = 0  # on further replicas
    streamed: bool = False
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    finish: str | None = None

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000


# --- json log -------------------------------------------------------------------------------------

# Log lines as JSON, one object on one line: no text in them can pass for a line of its own.

log = logging.getLogger("incumbent.requests")
FIELDS = "fields"  # the attribute of a log record with what stands beside its message


class RequestLogFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": stamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII: no terminal obeys it


class TerminalLines(RequestLogFormatter):
    """For a person who watches: a request as a short line, all else as it is."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, None)
        if fields is None:
            return super().format(record)
        at = datetime.fromtimestamp(record.created).astimezone()
        shown = [fields.get(name) for name in ("method", "path", "status", "model", "error")]
        told = [one_line(value) for value in shown if value is not None]
        return " ".join([f"{at:%H:%M:%S}", *told, f"{fields['latency_ms']:.0f} ms"])


def log_as_json(level: int = logging.INFO, stream: TextIO = sys.stderr) -> None:
    """Let the whole process log in this form; at a terminal, requests in a shorter one."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TerminalLines() if stream.isatty() else RequestLogFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("incumbent", "serving", "evaluation.generation"):
        logging.getLogger(name).setLevel(level)


def log_request(served: Served) -> None:
    """A line for a request. What it asked and what was answered is never in it."""
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {
        "request": served.id,
        "caller": served.caller,
        "method": served.method,
        "path": shortened(served.path),
        "asked": shortened(served.asked),
        "model": served.name,
        "version": served.version,
        "arm": served.arm,
        "answer": served.answer,
        "status": served.status,
        "error": served.error and shortened(served.error, 300),
        "latency_ms": round(served.elapsed_ms, 1),
        "first_token_ms": served.first_token_ms and round(served.first_token_ms, 1),
        "prompt_tokens": served.prompt_tokens,
        "answer_tokens": served.answer_tokens,
        "finish": served.finish,
        "retries": served.retries or None,
    }
    told = {name: value for name, value in fields.items() if value not in (None, "")}
    log.info("%s %s", served.method, served.status, extra={FIELDS: told})
