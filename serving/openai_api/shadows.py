"""The challenger of a shadow experiment, asked what the champion is: nobody sees its answer."""

import asyncio
import logging
from contextlib import aclosing

from evaluation.generation.backends.backend import BackendError
from serving.callers.request_body import ApiError
from serving.experiments.assigning import shadow_assignment
from serving.openai_api.answer import GatewayAnswer
from serving.openai_api.gateway import Gateway
from serving.telemetry.served import CLIENT_GONE, Served

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
