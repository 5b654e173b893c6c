"""What every request passes: it gets an id, must be of somebody, and leaves its numbers."""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evaluation.generation.backends.backend import BackendError
from serving.openai_api.gateway import Gateway
from serving.openai_api.request_body import ApiError, ClientGoneError, after, ended, fault
from serving.openai_api.who_asks import caller_of, is_from_here
from serving.traffic_log.metrics import Served, log_request

log = logging.getLogger(__name__)
OPEN = ("/healthz", "/readyz")  # for load balancers, which have no key
METRICS = "/metrics"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestMiddleware:
    """Around the whole application."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self.app = app
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] in OPEN:
            scope["state"] = {"served": Served("", scope["method"], scope["path"])}
            await self.app(scope, receive, send)
        else:
            await self.serve(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        # The caller's own, where it can be written into a log and a header; else a new one.
        request_id = headers.get("x-request-id", "")
        served = Served(
            request_id if REQUEST_ID.fullmatch(request_id) else secrets.token_hex(12),
            scope["method"],
            scope["path"],
        )
        scope.setdefault("state", {})["served"] = served
        with self.gateway.traces.span(served, headers):
            try:
                self.admit(scope, headers, served)
                await self.app(scope, receive, numbered(send, served))
            except (ApiError, asyncio.CancelledError) as caught:
                if served.begun:  # a part of it was sent: the connection ends
                    raise
                error = caught if isinstance(caught, ApiError) else ended()
                served.error = error.for_log
                await send_error(numbered(send, served), error)
            except ClientGoneError:
                pass  # there is nobody to tell
            except Exception:
                served.status = 500
                log.exception("request %s broke", served.id)
                if served.begun:
                    raise  # so that the connection ends, and nobody takes it for whole
                await send_error(numbered(send, served), fault())
            finally:
                self.gateway.metrics.ended(served)
                log_request(served)

    def admit(self, scope: Scope, headers: Headers, served: Served) -> None:
        """Raises ApiError for a request of nobody, and of somebody who asks too often."""
        opened = scope["path"] == METRICS and self.gateway.open_metrics
        if opened and is_from_here(scope.get("client"), headers):
            return
        served.caller = caller_of(headers, self.gateway.keys)
        if admitted := scope["state"].get("admitted"):  # its connection is a caller's from now on
            admitted(served.caller)
        if wait := self.gateway.rate.wait(served.caller):
            most = self.gateway.params.requests_a_minute
            raise ApiError(
                429,
                f"At most {most:,} requests a minute. Try again later.",
                code="rate_limit_exceeded",
                headers=after(wait),
            )
        if scope["path"] == METRICS and not self.gateway.shows_all_to(served.caller):
            raise ApiError(403, "Metrics are for those under `operators` in the file of keys.")


def numbered(send: Send, served: Served) -> Send:
    """Sends the request's id with the answer, and notes its status."""

    async def send_numbered(message: Message) -> None:
        if message["type"] == "http.response.start":
            served.status, served.begun = message["status"], True
            message["headers"] = [*message["headers"], (b"x-request-id", served.id.encode())]
        await send(message)

    return send_numbered


# --- sending --------------------------------------------------------------------------------------

# Answers as bytes: JSON, and events of a stream.

DONE = b"data: [DONE]\n\n"


def as_json(value: Any) -> bytes:
    """Half a character, which a model may write, becomes "?". Raises BackendError for what is no
    JSON, such as NaN: only a backend sends it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise BackendError(502, f"a backend's answer is no JSON: {error}") from None
    return text.encode("utf-8", "replace")


def event(value: Any) -> bytes:
    return b"data: " + as_json(value) + b"\n\n"


async def send_json(
    send: Send, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    content = as_json(body)
    fields = {"content-type": "application/json", "content-length": str(len(content))}
    await start(send, status, {**fields, **(headers or {})})
    await send({"type": "http.response.body", "body": content})


async def send_error(send: Send, error: ApiError) -> None:
    await send_json(send, error.body, error.status, error.headers)


async def start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def start_stream(send: Send, headers: Mapping[str, str]) -> None:
    """Nothing on the way may keep the events back."""
    fields = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
    await start(send, 200, {**fields, "x-accel-buffering": "no", **headers})


async def send_part(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})
