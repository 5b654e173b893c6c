"""POST /v1/feedback: what a caller's user made of an answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from project.canonical import stamp
from project.records.traffic import Outcome
from serving.exchange import AnswerRef, FeedbackGiven
from serving.openai_api.answer_ids import NotTheirsError
from serving.openai_api.caller_request import invalid
from serving.openai_api.gateway import FEEDBACK_A_MINUTE, Gateway
from serving.openai_api.request_body import BODY_BYTES, ApiError, after, json_object, read_body
from serving.openai_api.request_middleware import send_json

AnswerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class Given(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    id: AnswerId  # of the answer
    rating: Literal[-1, 0, 1] | None = None
    # The answer that the user would have liked.
    correction: str | None = Field(default=None, max_length=100_000)
    outcome: Outcome | None = None


class FeedbackEndpoint:
    """The endpoint, as ASGI has it. 202: it is noted; what comes of it is decided elsewhere."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope["state"]["served"].caller
        body = await read_body(receive, Headers(scope=scope), BODY_BYTES)
        try:
            given = Given.model_validate(json_object(body))
        except ValidationError as error:
            raise invalid(error, list(Given.model_fields)) from None
        says = (given.rating, given.correction, given.outcome and given.outcome.model_dump())
        if not any(part is not None for part in says) or given.outcome == Outcome():
            raise ApiError(400, "Feedback has a `rating`, a `correction` or an `outcome`.")
        answer = self.find(given.id, caller)
        if wait := self.gateway.feedback_rate.wait(caller):
            problem = f"At most {FEEDBACK_A_MINUTE:,} feedbacks a minute. Try again later."
            raise ApiError(429, problem, code="rate_limit_exceeded", headers=after(wait))
        at = stamp(self.gateway.clock())
        feedback = FeedbackGiven(
            id=given.id,
            at=at,
            caller=caller,
            rating=given.rating,
            outcome=given.outcome,
            correction=given.correction,
        )
        self.gateway.fed_back(feedback, answer)
        await send_json(send, {"id": given.id, "at": at}, 202)

    def find(self, answer_id: str, caller: str) -> AnswerRef:
        """Raises ApiError, the same for another caller's answer as if there were none."""
        try:
            return self.gateway.ids.read(answer_id, caller)
        except NotTheirsError:
            problem = f"You got no answer {answer_id!r} here."
            raise ApiError(404, problem, param="id", code="not_found") from None
