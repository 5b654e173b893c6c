"""The gateway of `incumbent serve` in a story's process, whose clock is the story's."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from time import monotonic, sleep

from registry.store import Registry
from serving.gateway_server import Service, running, service_of

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
