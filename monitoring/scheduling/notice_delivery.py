"""Notices go out: to a webhook that reads Slack's JSON, to a command, or to both."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Self

import httpx2
from pydantic import StringConstraints, model_validator
from sqlalchemy import Engine

from monitoring.scheduling import outbox
from monitoring.scheduling.outbox import Letter, record_try
from monitoring.scheduling.webhook import (
    UndeliveredError,
    parsed,
    post,
    secret_here,
    signature_headers,
)
from project.canonical import canonical_json
from project.errors import InputError
from project.settings import PARAMS, Settings, section_of
from registry.notices import Notice

# --- notice settings ------------------------------------------------------------------------------

# Section `monitoring.notices`: whom to tell, and how.

VARIABLE = "INCUMBENT_WEBHOOK"
WITH_PROMPTS = "<prompts>"  # an argument of the command by which users' prompts may go to it
SECONDS = 10.0  # for a whole delivery, meanwhile the scheduler does nothing else
ATTEMPTS = 8  # half a day, by wait_after; after that the next start of the scheduler tries anew


class NoticeParams(Settings):
    """Whom to tell. The default tells nobody; the log and the registry have it all the same."""

    # A Slack-compatible address, https alone unless allow_private. Most are secrets: they belong
    # in $INCUMBENT_WEBHOOK, which wins over this. What is sent is signed with the secret in
    # $INCUMBENT_WEBHOOK_SECRET, if there is one.
    webhook: str | None = None
    # A program and its arguments, which gets the notice as JSON on its standard input. With an
    # argument `<prompts>`, which it does not get, up to three prompts of a night are in the JSON: a
    # webhook never has them.
    command: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    allowed_hosts: tuple[str, ...] = ()  # where a webhook may be; empty: wherever it is
    allow_private: bool = False  # also on this machine and in private networks, also by http

    @model_validator(mode="after")
    def the_webhook_is_an_allowed_address(self) -> Self:
        if self.webhook is not None:
            self.allowed(self.webhook)
        return self

    @model_validator(mode="after")
    def the_command_begins_with_a_program(self) -> Self:
        if self.command[:1] == (WITH_PROMPTS,):
            raise ValueError(f"command begins with {WITH_PROMPTS}: name the program before it")
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
            raise InputError(problem, file=PARAMS, field=section_of(NoticeParams)) from None


# --- notice delivery ------------------------------------------------------------------------------

FIRST_WAIT = timedelta(seconds=30)  # before the second try; then four times as long each time

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class NoticeDestination:
    """Where notices go: a word for it, what of it may be shown, and how one is sent there."""

    name: str
    place: str
    send: Callable[[Notice], None]  # raises UndeliveredError


def deliver(
    engine: Engine,
    params: NoticeParams,
    clock: Clock,
    page: str | None = None,
    family: str | None = None,
) -> int:
    """Send the notices that are due, each to every destination; returns how many went out.

    With a family its own alone: the others of the registry have other readers. `page` is the
    address that links begin with; without it there are none. A notice that fails is tried again
    later, which is no error here; the others wait for the next call, for they would likely fail
    too. Raises IncumbentError when the registry cannot be written, and InputError when the
    webhook's address or secret must not be used.
    """
    routes = tuple(destinations(params, clock, page))
    hold = timedelta(seconds=60 + 10 * SECONDS)  # longer than deliveries take
    sent = 0
    while (letter := outbox.take(engine, clock(), hold, family)) is not None:
        if problem := "; ".join(try_destinations(engine, letter, routes, clock)):
            wait = wait_after(letter.attempt) if letter.attempt < ATTEMPTS else None
            outbox.postpone(engine, letter, clock(), wait)
            report(letter, problem, wait)
            break
        outbox.close(engine, letter, clock())
        sent += 1
    return sent


def try_destinations(
    engine: Engine, letter: Letter, routes: Sequence[NoticeDestination], clock: Clock
) -> Iterator[str]:
    """Send a notice to the destinations that lack it; what went wrong, in words."""
    for route in routes:
        if route.name in letter.delivered:
            continue
        began, start = clock(), monotonic()
        problem = problem_of(route, letter.notice)
        took = monotonic() - start
        letter = record_try(engine, letter, route.name, route.place, began, took, problem)
        if problem:
            yield f"{route.name}: {problem}"


def problem_of(route: NoticeDestination, notice: Notice) -> str | None:
    """What went wrong with one try; None: the notice arrived."""
    try:
        route.send(notice)
    except UndeliveredError as error:
        return str(error)
    return None


def report(letter: Letter, problem: str, wait: timedelta | None) -> None:
    what = f"notice {letter.notice.key!r} was not delivered, attempt {letter.attempt}: {problem}"
    if wait is None:
        log.error("%s; given up until the scheduler starts anew", what)
    else:
        log.warning("%s; again in %s", what, wait)


def wait_after(attempt: int) -> timedelta:
    """30 s, 2 min, 8 min … up to the outbox's longest wait: half a day in 8 attempts."""
    return min(FIRST_WAIT * 4.0 ** min(attempt - 1, 10), outbox.LONGEST_WAIT)


def destinations(
    params: NoticeParams, clock: Clock, page: str | None
) -> Iterator[NoticeDestination]:
    if (address := params.url()) is not None:
        secret = secret_here()

        def send(notice: Notice) -> None:
            to_webhook(notice, address, params, page, secret, clock)

        yield NoticeDestination("webhook", address.host, send)
    if params.command:
        program = Path(params.command[0]).name
        yield NoticeDestination("command", program, lambda notice: to_command(notice, params, page))


def to_webhook(
    notice: Notice,
    address: httpx2.URL,
    params: NoticeParams,
    page: str | None,
    secret: bytes | None,
    clock: Clock,
) -> None:
    told = message(notice, page)
    # Slack reads <…> as links and calls, and the text may quote what users wrote.
    told["text"] = told["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if link := told.get("link"):
        told["text"] += f"\n{link}"
    body = canonical_json(told)
    signature = signature_headers(notice.key, body, secret, clock()) if secret else None
    private, timeout = params.allow_private, SECONDS
    post(address, body, notice.key, allow_private=private, timeout=timeout, signature=signature)


def message(notice: Notice, page: str | None) -> dict[str, Any]:
    """A notice as it is sent, with a link to its page where there is one."""
    unknown = {"path", "prompts"} if notice.family else {"path", "prompts", "family"}
    told = notice.model_dump(mode="json", exclude=unknown)
    link = {"link": page.rstrip("/") + notice.path} if page and notice.path else {}
    return told | link


def to_command(notice: Notice, params: NoticeParams, page: str | None) -> None:
    program, told = params.command[0], message(notice, page)
    if WITH_PROMPTS in params.command and notice.prompts:
        told["prompts"] = list(notice.prompts)
    try:
        done = subprocess.run(
            [word for word in params.command if word != WITH_PROMPTS],
            input=canonical_json(told) + b"\n",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise UndeliveredError(f"{program} took more than {SECONDS:g} s") from None
    except OSError as error:
        raise UndeliveredError(f"{program} cannot be run: {error.strerror}") from None
    if done.returncode:
        complaint = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise UndeliveredError(f"{program} ended with {done.returncode}: {complaint or 'no word'}")
