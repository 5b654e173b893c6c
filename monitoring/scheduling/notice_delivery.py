"""Notices go out: to a webhook that reads Slack's JSON, to a command, or to both."""

import logging
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import httpx2
from sqlalchemy import Engine

from monitoring.scheduling.notice_settings import NoticeParams
from monitoring.scheduling.webhook import UndeliveredError, post
from project.canonical import canonical_json
from registry.jobs import outbox
from registry.jobs.outbox import Letter, Notice

FIRST_WAIT = timedelta(seconds=30)  # before the second try; then four times as long each time

log = logging.getLogger(__name__)


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
        if problem := "; ".join(try_destinations(engine, letter, routes)):
            wait = wait_after(letter.attempt) if letter.attempt < params.attempts else None
            outbox.postpone(engine, letter, clock(), wait)
            report(letter, problem, wait)
            break
        outbox.close(engine, letter, clock())
        sent += 1
    return sent


def try_destinations(engine: Engine, letter: Letter, routes: dict[str, Send]) -> Iterator[str]:
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
    # Slack reads <…> as links and calls, and the text may quote what users wrote.
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
