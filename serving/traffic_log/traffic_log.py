"""The gateway's traffic log: rows wait in memory, never an answer; a thread writes them."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from queue import Empty, Full, Queue
from secrets import token_hex
from threading import Event, Lock, Thread
from time import monotonic
from typing import Self

from monitoring.monitoring_settings import TrafficParams
from monitoring.traffic.remote_traffic import FIELD
from project.object_stores import FileStore
from project.records.tool_calls import as_json
from project.settings import load
from serving.exchange import AnswerRef, Exchange, FeedbackGiven
from serving.serving_settings import ServingParams, TrafficLogParams
from serving.traffic_log.logged_lines import (
    OK,
    LoggedLine,
    UnfitLineError,
    answer_line,
    feedback_line,
    in_share,
)
from serving.traffic_log.spool import ChunkSender, OnceAMinute, Spool, spool_folder

# Rows that wait for the disk, beyond which they are dropped: a minute of all that one gateway
# answers at 150 requests a second.
WAITING_ROWS = 10_000
AT_ONCE = 500  # rows that are written together
MOST_WAITING = 256 << 20  # bytes of the spool; beyond, rows are dropped
MOST_HELD = 64 << 20  # characters that wait in memory: prompts may be long
PATIENCE = 10.0  # seconds that the last chunks may take
log = logging.getLogger(__name__)

Wanted = Exchange | FeedbackGiven | Event  # an event: what came before it is to be closed
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class TrafficLog:
    """An observer of all that passes, from `start` to `close`, or in a `with` block.

    `dropped` counts the rows that are lost since, `written` those that are in the spool or beyond
    it; `drops` says why by reason.
    """

    def __init__(
        self,
        folder: Path | str,
        params: TrafficLogParams,
        *,
        redact: bool,
        waiting: int = WAITING_ROWS,
        spool: Path | None = None,
        clock: Clock = utc_now,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        """Raises InputError for a folder that nothing here can open."""
        self.params = params
        self.redact = redact
        self.ticks = ticks
        self.say = OnceAMinute(log, ticks)
        # By time, so that files are in the order of gateways' starts.
        gateway = f"{clock().astimezone(UTC):%Y%m%dT%H%M%S}-{token_hex(4)}"
        store = FileStore(folder, field=FIELD)
        self.spool = Spool(spool or spool_folder(), gateway)
        self.sender = ChunkSender(self.spool, store, self.say)
        self.queue: Queue[Wanted] = Queue(waiting)
        self.drops: Counter[str] = Counter()
        self.counting = Lock()
        self.held = 0  # characters that wait
        self.written = 0
        self.ended = False
        self.thread = Thread(target=self.run, name="traffic-log", daemon=True)

    @classmethod
    def here(cls, clock: Clock = utc_now) -> Self:
        """The log as params.yaml of the current folder has it."""
        traffic = load(TrafficParams)
        params = load(ServingParams).traffic
        return cls(traffic.folder, params, redact=traffic.redact, clock=clock)

    @property
    def dropped(self) -> int:
        return self.drops.total()

    def start(self) -> None:
        """Begin to write; first what a killed gateway left."""
        try:
            if torn := self.spool.take_over():
                self.drops["torn by a kill"] += torn
        except OSError as error:
            self.say.warn("what waits in %s cannot be taken over: %s", self.spool.root, error)
        self.thread.start()
        self.sender.thread.start()
        self.sender.wanted.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answered(self, exchange: Exchange) -> None:
        # No errors, and of users a share.
        if exchange.status == OK and in_share(exchange.ref, self.params.share):
            self.put(exchange)

    def fed_back(self, feedback: FeedbackGiven, answer: AnswerRef | None) -> None:
        """Feedback on answers of users who are not logged is not either, where that is known."""
        share = self.params.share
        if in_share(answer, share) if answer else share > 0:
            self.put(feedback)

    def flush(self, patience: float = PATIENCE) -> None:
        """Close and store all that came until now. It waits: not for the gateway's loop."""
        done = Event()
        self.queue.put(done, timeout=patience)
        done.wait(patience)
        self.sender.send_all()

    def close(self) -> None:
        """Write what waits and end; what cannot be stored now is by the next start. It waits."""
        self.ended = True
        with suppress(Full):  # then it does not sleep
            self.queue.put_nowait(Event())
        self.thread.join(PATIENCE)
        self.sender.end(PATIENCE)
        self.spool.release()

    # --- the queue, and the thread that writes it -----------------------------------------------

    def put(self, wanted: Exchange | FeedbackGiven) -> None:
        size = length_of(wanted)
        if self.held + size > MOST_HELD:
            self.drop("too much waits", 1)
            return
        try:
            self.queue.put_nowait(wanted)
        except Full:
            self.drop("too many wait", 1)
        else:
            self.hold(size)

    def hold(self, size: int) -> None:
        with self.counting:
            self.held += size

    def run(self) -> None:
        """Until the end is wanted and nothing waits any more."""
        while not (self.ended and self.queue.empty()):
            self.write(self.take())
        self.close_chunks(self.ticks())

    def take(self) -> list[Wanted]:
        """What waits; an empty list when it is time to look at the chunks."""
        batch: list[Wanted] = []
        try:
            batch.append(self.queue.get(timeout=self.until_due()))
            while len(batch) < AT_ONCE:
                batch.append(self.queue.get_nowait())
        except Empty:
            pass
        return batch

    def until_due(self) -> float | None:
        """Seconds until a chunk is to be closed; None: as long as nothing comes."""
        opened = self.spool.next_due()
        if opened is None:
            return None
        return max(0.0, opened + self.params.seconds - self.ticks())

    def write(self, wanted: Sequence[Wanted]) -> None:
        flushes = [item for item in wanted if isinstance(item, Event)]
        lines = [
            line for item in wanted if not isinstance(item, Event) and (line := self.line(item))
        ]
        lines.sort(key=kind_of)  # stable: rows of a chunk stay in their order
        for _, of_chunk in groupby(lines, key=kind_of):
            self.spool_lines(list(of_chunk))
        self.hold(-sum(length_of(item) for item in wanted if not isinstance(item, Event)))
        now = self.ticks()
        self.close_chunks(now if flushes else now - self.params.seconds)
        for done in flushes:
            done.set()

    def close_chunks(self, opened_by: float) -> None:
        try:
            if self.spool.close_chunks(opened_by):
                self.sender.wanted.set()
        except OSError as error:  # it lies there, and the next start stores it
            self.say.warn("a chunk in %s cannot be closed: %s", self.spool.root, error)

    def line(self, exchange: Exchange | FeedbackGiven) -> LoggedLine | None:
        try:
            if isinstance(exchange, Exchange):
                return answer_line(exchange, redacts=self.redact)
            return feedback_line(exchange, redacts=self.redact)
        except UnfitLineError as error:
            self.drop("unfit for the log", 1, error)
        # Without the text. The thread must live on: it writes the rows of everybody.
        except Exception as error:
            self.drop("a fault of the log", 1, type(error).__name__)
        return None

    def spool_lines(self, lines: list[LoggedLine]) -> None:
        if self.sender.backlog > MOST_WAITING:
            self.drop("too much waits for the traffic folder", len(lines))
            return
        try:
            self.spool.append(lines, self.ticks())
            self.written += len(lines)
        except OSError as error:
            self.drop("the spool cannot be written", len(lines), error.strerror or error)

    def drop(self, reason: str, rows: int, why: object = "") -> None:
        with self.counting:
            self.drops[reason] += rows
        told = f": {why}" if why else ""
        self.say.warn(f"traffic rows are dropped, {reason}%s; %s until now", told, self.dropped)


def length_of(wanted: Exchange | FeedbackGiven) -> int:
    if isinstance(wanted, FeedbackGiven):
        return len(wanted.correction or "")
    passages = sum(len(passage.text) for passage in wanted.evidence or ())
    tools = len(as_json(wanted.tools)) if wanted.tools else 0
    calls = (call for message in wanted.messages for call in message.tool_calls or ())
    told = tools + sum(len(call.function.arguments) for call in calls) + passages
    return len(wanted.text) + told + sum(len(message.content) for message in wanted.messages)


def kind_of(line: LoggedLine) -> tuple[str, str]:
    return line.partition, line.prefix
