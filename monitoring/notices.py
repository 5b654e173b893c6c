"""Notices go out: to a webhook that reads Slack's JSON, to a command, or to both."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import Engine

from monitoring.webhook import UndeliveredError, parsed, post
from registry import outbox
from registry.canonical import canonical_json
from registry.errors import InputError
from registry.outbox import Letter, Notice
from registry.params import PARAMS, Settings

SECTION = "monitoring.notices"
VARIABLE = "INCUMBENT_WEBHOOK"
FIRST_WAIT = timedelta(seconds=30)  # before the second try; then four times as long each time

log = logging.getLogger(__name__)


class NoticeParams(Settings):
    """Whom to tell. The default tells nobody; the log and the registry have it all the same."""

    # A Slack-compatible address, https alone unless allow_private. Most are secrets: they belong
    # in $INCUMBENT_WEBHOOK, which wins over this.
    webhook: str | None = None
    # A program and its arguments, which gets the notice as JSON on its standard input.
    command: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    allowed_hosts: tuple[str, ...] = ()  # where a webhook may be; empty: wherever it is
    allow_private: bool = False  # also on this machine and in private networks, also by http
    timeout_seconds: float = Field(default=10, gt=0, le=300)  # for each step of a delivery
    attempts: int = Field(default=8, ge=1)  # after that the next start of the scheduler tries anew

    @model_validator(mode="after")
    def the_webhook_is_an_allowed_address(self) -> Self:
        if self.webhook is not None:
            self.allowed(self.webhook)
        return self

    def allowed(self, address: str) -> httpx2.URL:
        """A webhook's address. Raises ValueError, which does not repeat it."""
        url = parsed(address, allow_plain=self.allow_private)
        if self.allowed_hosts and url.host not in {host.lower() for host in self.allowed_hosts}:
            raise ValueError(f"its host {url.host} is none of {', '.join(self.allowed_hosts)}")
        return url

    def url(self) -> httpx2.URL | None:
        """Where the webhook is. Raises InputError for an address that must not be used."""
        chosen = os.environ.get(VARIABLE)
        if not chosen:
            return self.allowed(self.webhook) if self.webhook else None
        try:
            return self.allowed(chosen)
        except ValueError as error:
            problem = f"the address in ${VARIABLE} {error}"
            raise InputError(problem, file=PARAMS, field=SECTION) from None


Send = Callable[[Notice], None]  # raises UndeliveredError


def deliver(engine: Engine, params: NoticeParams, clock: Callable[[], datetime]) -> int:
    """Send the notices that are due, each to every destination; returns how many went out.

    One that fails is tried again later, which is no error here; the others wait for the next call,
    for they would likely fail too. Raises IncumbentError when the registry cannot be written, and
    InputError when the webhook's address must not be used.
    """
    routes = dict(destinations(params))
    hold = timedelta(seconds=60 + 10 * params.timeout_seconds)  # longer than deliveries take
    sent = 0
    while (letter := outbox.take(engine, clock(), hold)) is not None:
        if problem := "; ".join(tried(engine, letter, routes)):
            wait = wait_after(letter.attempt) if letter.attempt < params.attempts else None
            outbox.postpone(engine, letter, clock(), wait)
            report(letter, problem, wait)
            break
        outbox.close(engine, letter, clock())
        sent += 1
    return sent


def tried(engine: Engine, letter: Letter, routes: dict[str, Send]) -> Iterator[str]:
    """Send a notice to the destinations that lack it; what went wrong, in words."""
    delivered = letter.delivered
    for name, send in routes.items():
        if name in delivered:
            continue
        try:
            send(letter.notice)
        except UndeliveredError as error:
            yield f"{name}: {error}"
        else:
            delivered = (*delivered, name)
            outbox.mark(engine, letter, delivered)


def report(letter: Letter, problem: str, wait: timedelta | None) -> None:
    what = f"notice {letter.notice.key!r} was not delivered, attempt {letter.attempt}: {problem}"
    if wait is None:
        log.error("%s; given up until the scheduler starts anew", what)
    else:
        log.warning("%s; again in %s", what, wait)


def wait_after(attempt: int) -> timedelta:
    """30 s, 2 min, 8 min … up to the outbox's longest wait: half a day in 8 attempts."""
    return min(FIRST_WAIT * 4.0 ** min(attempt - 1, 10), outbox.LONGEST_WAIT)


def destinations(params: NoticeParams) -> Iterator[tuple[str, Send]]:
    if (address := params.url()) is not None:
        yield "webhook", lambda notice: to_webhook(notice, address, params)
    if params.command:
        yield "command", lambda notice: to_command(notice, params)


def to_webhook(notice: Notice, address: httpx2.URL, params: NoticeParams) -> None:
    # Slack reads <…> as links and calls, and the text may quote what strangers wrote.
    text = notice.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = canonical_json(notice.model_dump(mode="json") | {"text": text})
    private, timeout = params.allow_private, params.timeout_seconds
    post(address, body, notice.key, allow_private=private, timeout=timeout)


def to_command(notice: Notice, params: NoticeParams) -> None:
    program = params.command[0]
    try:
        done = subprocess.run(
            params.command,
            input=notice.canonical() + b"\n",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=params.timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        raise UndeliveredError(f"{program} took more than {params.timeout_seconds:g} s") from None
    except OSError as error:
        raise UndeliveredError(f"{program} cannot be run: {error.strerror}") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise UndeliveredError(f"{program} ended with {done.returncode}: {said or 'no word'}")
