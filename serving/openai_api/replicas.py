"""A question to a backend; to the next one where the first is away and nothing was answered yet."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from evaluation.generation.backends.backend import (
    BUSY,
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
)
from project.untrusted_input import shortened
from serving.exchange import Deployment
from serving.openai_api.caller_request import CallerRequest
from serving.openai_api.control_tokens import refuse_control_tokens
from serving.openai_api.gateway import SOON, Gateway
from serving.openai_api.request_body import ApiError, after
from serving.traffic_log.metrics import Served

log = logging.getLogger(__name__)
# A request that brings an engine down must not go round and bring all of them down.
MOST_TRIES = 3
SHOWN = 1000  # characters of what a backend says
CALLERS_FAULT = (400, 404, 409, 413, 415, 422)
OWN_FAULT = (401, 403)  # the backend does not take the gateway's key


class NoReplicaError(ApiError):
    """No replica answers with a deployment, and nothing of an answer was sent."""


async def chunks(
    gateway: Gateway,
    deployment: Deployment,
    question: CallerRequest,
    served: Served,
    *,
    stream: bool,
) -> AsyncGenerator[Body]:
    """The chunks of a stream, or a whole answer as the only one.

    Raises ApiError; BackendError only after the first chunk. Closing it stops the backend's work.
    """
    params = gateway.params
    if params.backend != "embedded" and question.endpoint is Endpoint.CHAT:
        refuse_control_tokens(question.fields, deployment.contestant.base, params.backend)
    body = question.body_for(deployment, gateway.decoding, params.max_tokens, stream=stream)
    tried: list[str] = []
    busy: BackendError | None = None
    while len(tried) < MOST_TRIES and (backend := gateway.table.replica(deployment, tried)):
        tried.append(backend.replica)
        begun = False
        with gateway.table.answering(deployment, backend):
            try:
                async with aclosing(
                    answer_chunks(backend, question, body, stream=stream)
                ) as answering:
                    async for chunk in answering:
                        refuse_another(deployment, backend, chunk)
                        begun = True
                        yield chunk
                return
            except BackendError as error:
                if begun:
                    raise
                if not is_elsewhere(gateway, deployment, backend, error):
                    note(backend, served, error)
                    raise backend_api_error(error) from error
                busy = error if error.status == BUSY else busy
        served.retries += 1
    raise backend_api_error(busy) if busy else away(deployment, tried)


async def answer_chunks(
    backend: Backend, question: CallerRequest, body: Mapping[str, Any], *, stream: bool
) -> AsyncGenerator[Body]:
    if not stream:
        yield await backend.answer(question.endpoint, body)
        return
    answering: AsyncIterator[Body] = backend.stream(question.endpoint, body)
    try:
        async for chunk in answering:
            yield chunk
    finally:
        if isinstance(answering, AsyncGenerator):
            await answering.aclose()


def is_elsewhere(
    gateway: Gateway, deployment: Deployment, backend: Backend, error: BackendError
) -> bool:
    """Whether another replica may answer. One that is away, or lacks the adapter, leaves the route
    until the follower has repaired it.
    """
    if error.status == UNREACHABLE:
        gateway.table.lost(backend.replica)
    elif error.status == 404:
        gateway.table.lost(backend.replica, deployment.name)
    else:
        return error.status == BUSY  # busy: another one may not be
    # Of one that cannot be reached, these are our own words.
    why = str(error) if error.status == UNREACHABLE else f"status {error.status}"
    log.warning("%s does not answer %s: %s", backend.replica, deployment.name, why)
    gateway.wake()
    return True


def refuse_another(deployment: Deployment, backend: Backend, chunk: Body) -> None:
    """Raise BackendError for an answer of another model than was asked: it was not judged."""
    model = chunk.get("model", deployment.name)
    if model != deployment.name:
        problem = f"{backend.replica} answered as {shortened(model)}, and not as {deployment.name}"
        log.error(problem)
        raise BackendError(502, problem)


def note(backend: Backend, served: Served, error: BackendError) -> None:
    """Log that a backend failed, and none of its words: engines quote prompts in their errors."""
    if error.status not in CALLERS_FAULT:
        own = " (it refuses the gateway: see serving.key_variable)" * (error.status in OWN_FAULT)
        log.error(
            "%s failed on request %s with status %d%s: its own log says why",
            backend.replica,
            served.id,
            error.status,
            own,
        )


def backend_message(error: BackendError) -> str:
    """A backend's words, for the caller alone: they may quote the prompt."""
    return shortened(error.body.get("message") or error, SHOWN)


def backend_api_error(error: BackendError) -> ApiError:
    """What the caller hears of a backend's refusal, by whose fault it is."""
    if error.status == BUSY:
        return ApiError(
            429,
            backend_message(error),
            code="rate_limit_exceeded",
            headers=after(SOON),
            logged="All replicas are busy.",
        )
    if error.status in CALLERS_FAULT:
        param, code = error.body.get("param"), error.body.get("code")
        return ApiError(
            400,
            backend_message(error),
            param=text(param),
            code=text(code),
            logged="The backend refused it.",
        )
    if error.status in OWN_FAULT:
        return ApiError(502, "The backend refuses the gateway.")
    return ApiError(500 if error.status == 500 else 502, "The backend failed on this request.")


def text(value: object) -> str | None:
    return None if value is None else shortened(value)


def away(deployment: Deployment, tried: list[str]) -> NoReplicaError:
    after_tries = f" after {len(tried)} tries" if tried else ""
    problem = f"No replica answers with {deployment.name}{after_tries}."
    return NoReplicaError(503, problem, code="no_replica", headers=after(SOON))
