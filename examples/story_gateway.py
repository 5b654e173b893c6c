"""Days and nights of a story: users at the gateway of `incumbent serve`, and experts behind it.

The gateway runs in the story's process, and its clock is the story's.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Any, TypeVar

from tqdm import tqdm

from monitoring.night_history import nights_before
from project.records.drift import Night
from registry.store import Registry
from serving.gateway_server import Service, running, service_of

T, R = TypeVar("T"), TypeVar("R")
AT_A_TIME = 16  # requests
DEPLOYED_IN = 120  # seconds, at most, from a promotion to the first answer of the new champion


@dataclass
class RunningGateway:
    service: Service
    address: str
    now: datetime

    def await_champion(self) -> None:
        """Wait until the champion answers: the gateway follows a promotion by itself."""
        with Registry.here() as registry:
            champion = registry.champion()
        assert champion is not None, "a version was promoted"
        until = monotonic() + DEPLOYED_IN
        while (state := self.service.follower.state()).differs or state.champion != champion.number:
            if monotonic() > until:
                sys.exit(f"{champion.label} does not answer: {state}")
            sleep(0.1)

    def answers(self, day: date, ask: Callable[[T], R], requests: Sequence[T]) -> Iterator[R]:
        """What came of a day's requests, some of them at a time; then the traffic log has them."""
        self.await_champion()
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            asking, count = pool.map(ask, requests), len(requests)
            yield from tqdm(asking, desc=f"{day}: {count} requests", total=count, unit="answer")
        self.service.traffic.flush()  # or wait for some seconds: serving.traffic.seconds


@contextmanager
def serving(start: date, say: Callable[[str], None]) -> Iterator[RunningGateway]:
    """Of the project in the current folder; its time is the first midnight until it is changed."""
    with Registry.here() as registry:
        service = service_of(registry, lambda line: say(f"gateway: {line}"))
        with running(service.gateway, service.running) as address:
            gateway = RunningGateway(service, address, midnight(start))
            service.gateway.clock = lambda: gateway.now
            yield gateway


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def night_of(day: date) -> Night:
    """The night after a day, once `incumbent nightly` has kept it."""
    with Registry.here() as registry:
        return nights_before(registry.engine, registry.family, day + timedelta(days=1))[-1]


def annotated(task: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """A task of the labelling queue as Label Studio exports it, with an expert's annotation."""
    text = {"from_name": "answer", "to_name": "prompt", "type": "textarea"}
    return {**task, "annotations": [{"result": [text | {"value": {"text": [answer]}}]}]}
