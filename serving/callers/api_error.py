"""What a caller is told when there is no answer, in the shape of OpenAI's API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    421: "invalid_request_error",
    429: "requests",
}


@dataclass
class ApiError(Exception):
    """A request ends with this status and message. The message may be shown to anybody."""

    status: int
    message: str
    param: str | None = None  # the field of the request that it is about
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    logged: str | None = None  # in a log, where the message may quote what the request says

    @property
    def for_log(self) -> str:
        return self.message if self.logged is None else self.logged

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "server_error")
        told = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": told}


def fault() -> ApiError:
    """A fault of ours: its traceback is in the log, and in no answer."""
    return ApiError(500, "Something broke here. The log says what, by the request's id.")


def after(seconds: float) -> dict[str, str]:
    """The header that says when to try again: whole seconds, one at least."""
    return {"Retry-After": str(max(1, -int(-seconds // 1)))}
