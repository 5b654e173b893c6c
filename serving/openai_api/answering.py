"""A request answered by a backend, and by the challenger of a shadow experiment where one runs."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from evaluation.generation.backends.backend import BackendError, Endpoint
from project.canonical import stamp
from project.records.traffic import Outcome
from serving.exchange import AnswerRef, FeedbackGiven
from serving.experiments.experiments import shadow_assignment
from serving.openai_api.answer import GatewayAnswer, is_usage_alone
from serving.openai_api.caller_request import CallerRequest, invalid, read_question
from serving.openai_api.gateway import FEEDBACK_A_MINUTE, Gateway, NotTheirsError, who_answers
from serving.openai_api.request_body import (
    BODY_BYTES,
    ApiError,
    ClientGoneError,
    after,
    ended,
    json_object,
    read_body,
)
from serving.openai_api.request_middleware import DONE, event, send_json, send_part, start_stream
from serving.traffic_log.metrics import CLIENT_GONE, Served

# --- shadows --------------------------------------------------------------------------------------

# The challenger of a shadow experiment, asked what the champion is: nobody sees its answer.

log = logging.getLogger(__name__)
MOST = 8  # shadows at a time: users' answers come first, so that more are left out


class Shadows:
    """Asked beside the answers, in tasks of their own."""

    def __init__(self, gateway: Gateway, most: int = MOST) -> None:
        self.gateway = gateway
        self.most = most
        self.left_out = 0
        self._running: set[asyncio.Task[None]] = set()

    def ask(self, answer: GatewayAnswer) -> None:
        """Begin the shadow of an answer, where its assignment has one. It does not wait."""
        if answer.assignment.shadow is None:
            return
        if len(self._running) >= self.most:
            self.left_out += 1
            return
        task = asyncio.create_task(self._answer(shadow_of(answer)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, shadow: GatewayAnswer) -> None:
        status = CLIENT_GONE
        try:
            async with asyncio.timeout(self.gateway.params.timeout_seconds):
                async with aclosing(shadow.chunks(stream=False)) as answering:
                    async for _ in answering:
                        status = 200
        except TimeoutError:
            status = 504
        except (ApiError, BackendError) as error:
            status = error.status
        except Exception:
            status = 500
            log.exception("a shadow's answer broke")
        finally:
            shadow.end(status)

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def shadow_of(answer: GatewayAnswer) -> GatewayAnswer:
    """The same question to the challenger, under the same id."""
    assignment = shadow_assignment(answer.assignment)
    assert assignment is not None
    served = Served(answer.served.id, answer.served.method, answer.served.path)
    served.caller = answer.served.caller
    return GatewayAnswer(answer.gateway, answer.question, assignment, served, answer.id)


# --- answering ------------------------------------------------------------------------------------

# POST /v1/chat/completions and /v1/completions: from a request to the end of its answer.

LAST_WORDS = 1.0  # seconds in which a reader may take the error at the end of its stream


class AnswerEndpoint:
    """An endpoint, as ASGI has it."""

    def __init__(self, gateway: Gateway, shadows: Shadows, endpoint: Endpoint) -> None:
        self.gateway = gateway
        self.shadows = shadows
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ApiError for what is refused before the first byte of an answer."""
        question = await self.read(scope, receive)
        served = scope["state"]["served"]
        served.asked, served.streamed = question.model, question.stream
        request = secrets.token_hex(12)  # not its id: a caller may have chosen that one
        assignment = who_answers(self.gateway, question.model, question.user, request)
        answer = GatewayAnswer(self.gateway, question, assignment, served)
        status = CLIENT_GONE
        try:
            await self.give(answer, receive, send)
            status = 200
        except ApiError as error:
            status = error.status
            if not answer.begun:
                raise
            await break_off(scope, send, error)
        except asyncio.CancelledError:  # this server ends, which is no fault of the version
            if not answer.begun:
                raise
            await break_off(scope, send, ended())
        except ClientGoneError:
            raise
        except Exception:
            status = 500
            raise
        finally:
            served.status = status
            answer.end(status)

    async def read(self, scope: Scope, receive: Receive) -> CallerRequest:
        params = self.gateway.params
        body = await read_body(receive, Headers(scope=scope), BODY_BYTES)
        return read_question(body, self.endpoint, params.max_tokens, params.backend)

    async def give(self, answer: GatewayAnswer, receive: Receive, send: Send) -> None:
        """Wait for a place, then make the answer and send it, while somebody awaits it."""
        seconds = self.gateway.params.timeout_seconds
        try:
            place = self.gateway.line.place(answer.served.caller)
            async with while_awaited(receive, seconds), place:
                self.shadows.ask(answer)
                await (stream if answer.question.stream else whole)(answer, send)
        except TimeoutError:
            problem = f"The answer took more than {seconds:g} s."
            raise ApiError(504, problem, code="timeout") from None
        except BackendError as error:
            raise ApiError(502, "The backend broke off.", code="broken_off") from error


async def break_off(scope: Scope, send: Send, error: ApiError) -> None:
    """A stream ends with an error, not with [DONE]. Who does not even read it is cut off."""
    scope["state"]["served"].error = error.for_log
    try:
        async with asyncio.timeout(LAST_WORDS):
            await send_part(send, event(error.body), more=False)
    except TimeoutError:
        if abort := scope["state"].get("abort"):
            abort()


async def whole(answer: GatewayAnswer, send: Send) -> None:
    async with aclosing(answer.chunks(stream=False)) as made:
        async for body in made:
            await send_json(send, body, headers=answer.headers)
            answer.begun = True


async def stream(answer: GatewayAnswer, send: Send) -> None:
    """The status line waits for the first chunk: until then another replica may answer."""
    counts = answer.question.shows_usage
    async with aclosing(answer.chunks(stream=True)) as made:
        async for chunk in made:
            if not answer.begun:
                await start_stream(send, answer.headers)
                answer.begun = True
            if counts or not is_usage_alone(chunk):
                if not counts:
                    chunk = {name: value for name, value in chunk.items() if name != "usage"}
                await send_part(send, event(chunk))
    if not answer.begun:
        raise BackendError(502, "a stream without a chunk")
    await send_part(send, DONE, more=False)


# --- presence -------------------------------------------------------------------------------------

# How long an answer is worth making: until its time is over, or nobody waits for it.


@asynccontextmanager
async def while_awaited(receive: Receive, seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError after that time, and ClientGoneError as soon as the client leaves."""
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(seconds) as limit:
            watching = asyncio.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if left:
            raise ClientGoneError from None
        raise


# --- feedback -------------------------------------------------------------------------------------

# POST /v1/feedback: what a caller's user made of an answer.

AnswerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


def no_truth(value: object) -> object:
    """True is 1 in Python alone."""
    if isinstance(value, bool):
        raise ValueError("must be -1, 0 or 1")
    return value


def not_blank(value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise ValueError("it is blank; leave it out")
    return value


class Given(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    id: AnswerId  # of the answer
    rating: Annotated[Literal[-1, 0, 1] | None, BeforeValidator(no_truth)] = None
    # The answer that the user would have liked.
    correction: Annotated[str | None, AfterValidator(not_blank)] = Field(None, max_length=100_000)
    outcome: Outcome | None = None


FEEDBACK_FIELDS = [*Given.model_fields, *(f"outcome.{name}" for name in Outcome.model_fields)]


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
            raise invalid(error, FEEDBACK_FIELDS) from None
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
