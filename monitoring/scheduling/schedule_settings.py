"""Section `monitoring.schedule`: when the scheduler does what."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from monitoring.scheduling.cron import Cron
from project.settings import Settings


def address_of(health: str) -> tuple[str, int]:
    """Host and port. Raises ValueError."""
    host, colon, port = health.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise ValueError(f"{health!r} is no host:port, such as 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def checked(health: str) -> str:
    address_of(health)
    return health


# After so long another process does what one that died was at. Longer than the registry is ever
# away: a run that cannot renew its lease in this time is stopped.
LEASE = timedelta(minutes=10)
HealthAddress = Annotated[str, AfterValidator(checked)]


class ScheduleParams(Settings):
    """When the scheduler does what, and how it does it."""

    # Cron lines: minute, hour, day, month, weekday from Sunday. A run is about the day before.
    nightly: str = "30 2 * * *"
    verify: str = "0 4 * * 0"  # when the whole registry is checked, by `registry verify`
    anchor: str = "30 3 * * *"  # where registry.anchor says where to
    timezone: str = "UTC"  # in which the lines are read, such as Europe/Berlin
    catch_up_days: int = Field(default=7, ge=1, le=366)  # what was missed longer ago stays undone
    # host:port of /healthz and /metrics; :port is for this machine alone.
    health: HealthAddress | None = None

    @model_validator(mode="after")
    def they_are_cron_lines_in_a_time_zone(self) -> Self:
        for line in (self.nightly, self.verify, self.anchor):
            Cron(line, self.timezone)
        return self

    @property
    def lease(self) -> timedelta:
        return LEASE

    @property
    def catch_up(self) -> timedelta:
        return timedelta(days=self.catch_up_days)
