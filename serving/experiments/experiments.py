"""The running experiment in a gateway: who answers, what came of it, and when it is over.

Answers and feedback wait in memory until the next step writes them, a second later: what a crash
loses only delays the verdict. Every gateway judges all that any of them wrote; the first one that
finds a verdict ends the experiment, and the others follow.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock

from project.canonical import digest_json
from project.errors import IncumbentError
from registry.experiment_events import (
    Experiment,
    Observation,
    end_experiment,
    interruption,
    put_observations,
    read_observations,
    running_experiment,
)
from registry.store import Registry
from serving.deploying.route_table import RouteTable
from serving.exchange import AnswerRef, Assignment, Deployment, Exchange, FeedbackGiven
from serving.experiments.arrivals import Arrivals, user_of
from serving.experiments.experiment_judging import figures, judge
from serving.experiments.opening import of_answer, of_feedback
from serving.experiments.sentences import verdict_sentence

# --- assignment -----------------------------------------------------------------------------------

# Who answers a request: the champion, or in an experiment for some users its challenger.

NUMBERED = re.compile(r"v([1-9][0-9]{0,8})")


def chance(salt: str, name: str) -> float:
    """A number from 0 to 1 that is the same for the same name: uniform over names."""
    return int(digest_json([salt, "arm", name])[:13], 16) / 16**13


def assign(
    table: RouteTable,
    experiment: Experiment | None,
    asked: str,
    user: str | None,
    request_id: str,
) -> Assignment | None:
    """Who answers `champion`, `challenger` or `v7` of the family; None: nobody may.

    A user stays in one arm. Who has no name is assigned by the request, and counts for nothing.
    """
    champion = table.champion
    if asked == "champion":
        return experimental(table, champion, experiment, user, request_id) if champion else None
    deployment = fixed(table, experiment, asked)
    return Assignment(deployment=deployment) if deployment else None


def fixed(table: RouteTable, experiment: Experiment | None, asked: str) -> Deployment | None:
    """Who was asked for by name: only the champion and who is in an experiment may answer."""
    champion, tried = table.champion, by_name(table, experiment)
    if asked == "challenger":
        return tried
    number = int(match[1]) if (match := NUMBERED.fullmatch(asked)) else None
    if champion and champion.version == number:
        return champion
    return tried if tried and tried.version == number else None


def by_name(table: RouteTable, experiment: Experiment | None) -> Deployment | None:
    """The challenger, where callers may ask for it: what a shadow answers is seen by nobody."""
    if experiment is None or experiment.told.mode == "shadow":
        return None
    return challenger(table, experiment)


def challenger(table: RouteTable, experiment: Experiment | None) -> Deployment | None:
    """The running experiment's version, where a replica holds it."""
    return table.deployed(experiment.version) if experiment else None


def experimental(
    table: RouteTable,
    champion: Deployment,
    experiment: Experiment | None,
    user: str | None,
    request_id: str,
) -> Assignment:
    """While the challenger is on no replica, or another one than it was to be compared with has the
    champion's traffic, the champion answers everybody, and nobody is counted in either arm.
    """
    tried = challenger(table, experiment)
    if experiment is None or tried is None or champion.version != experiment.told.champion:
        return Assignment(deployment=champion)
    shadow = experiment.told.mode == "shadow"
    name = request_id if shadow or user is None else user
    drawn = chance(experiment.told.salt, name) < experiment.share
    if shadow:
        if not drawn:
            return Assignment(deployment=champion)
        number = experiment.number
        return Assignment(deployment=champion, experiment=number, arm="champion", shadow=tried)
    return Assignment(
        deployment=tried if drawn else champion,
        experiment=experiment.number,
        arm="challenger" if drawn else "champion",
    )


def shadow_assignment(assignment: Assignment) -> Assignment | None:
    """The assignment of the answer beside the champion's; None: there is none."""
    if assignment.shadow is None:
        return None
    return Assignment(deployment=assignment.shadow, experiment=assignment.experiment, arm="shadow")


# --- running experiment ---------------------------------------------------------------------------

SECONDS = 1.0  # between two steps
WAITING = 50_000  # observations that wait for the database; more are dropped and counted
# Seconds without the registry after which nobody would hear of harm: then the champion answers all.
STALE = 60.0
MOST_USERS = 300_000  # of an experiment: callers can make up any number of them, and each is held
GROWN = 0.01  # by which the observations have to grow before they are judged again

PAUSED = ", and the champion answers everybody until then"

log = logging.getLogger(__name__)


class Experiments:
    """An Observer of the gateway. Its steps run one after the other, in a worker thread."""

    def __init__(
        self,
        registry: Registry,
        table: RouteTable,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.running: Experiment | None = None  # as of the last step
        self.dropped = 0  # observations that found no room
        self._registry = registry
        self._table = table
        self._seconds = seconds
        self._clock = clock
        self._looked = clock()  # when the last step began that reached the registry
        self._waiting: deque[Observation] = deque()
        self._stepping = Lock()
        self._read_of: Experiment | None = None  # the experiment that the arrivals are of
        self._arrivals = Arrivals(shadow=False)
        self._judged = 0  # how many of them were judged

    def assign(self, asked: str, user: str | None, request_id: str) -> Assignment | None:
        """Who answers `champion`, `challenger` or `v7` of the family; None: nobody may."""
        return assign(self._table, self._watched(), asked, user, request_id)

    def challenger(self) -> Deployment | None:
        """Who is tried, where a replica holds it and callers may ask for it by name."""
        return by_name(self._table, self._watched())

    def answered(self, exchange: Exchange) -> None:
        if self.running is not None:
            self._wait(of_answer(self.running, exchange))

    def fed_back(self, feedback: FeedbackGiven, answer: AnswerRef | None) -> None:
        """Count feedback. Without its answer it is not known whose it is, and it cannot count."""
        if self.running is not None and answer is not None:
            self._wait(of_feedback(self.running, feedback, answer))

    async def run(self) -> None:
        """Until it is cancelled; what waits is written first."""
        try:
            while True:
                await self.once()
                await asyncio.sleep(self._seconds)
        finally:
            await self.once()

    async def once(self) -> None:
        """One step. Where the registry cannot be reached, what waits goes on waiting."""
        batch, began = list(self._waiting), self._clock()
        self._waiting.clear()
        try:
            self.running = await asyncio.to_thread(self._step, batch)
            self._looked = began
        except Exception as error:
            self._waiting.extendleft(reversed(batch))
            if not isinstance(error, IncumbentError):
                raise
            paused = "" if self._watched() or not self.running else PAUSED
            log.warning("experiments wait for the registry%s: %s", paused, error)

    def _watched(self) -> Experiment | None:
        """The running experiment, unless its end would not be heard of here."""
        return self.running if self._clock() - self._looked <= STALE else None

    # --- batches of answers, in a thread --------------------------------------------------------

    def _wait(self, observations: Iterable[Observation]) -> None:
        for observation in observations:
            if len(self._waiting) < WAITING and self._has_room(observation):
                self._waiting.append(observation)
            else:
                self.dropped += 1

    def _has_room(self, observation: Observation) -> bool:
        users = self._arrivals.arms
        return len(users) < MOST_USERS or user_of(observation.unit) in users

    def _step(self, batch: list[Observation]) -> Experiment | None:
        with self._stepping:  # a step whose waiting task was cancelled may still be at work
            put_observations(self._registry.engine, self._new(batch))
            experiment = running_experiment(self._registry)
            if experiment is None:
                return None
            self._read(experiment)
            over = self._stopped(experiment) or self._judge(experiment, calm=not batch)
            return None if over else experiment

    def _new(self, batch: list[Observation]) -> list[Observation]:
        """The batch without what users who come again add: nothing. It need not take the writers'
        lock.
        """
        number = self._read_of.number if self._read_of else None
        known = self._arrivals.knows
        return [row for row in batch if row.experiment != number or not known(row)]

    def _read(self, experiment: Experiment) -> None:
        # By its event: in a registry that was restored another one may have its number.
        if self._read_of is None or self._read_of.opened != experiment.opened:
            self._read_of = experiment
            self._arrivals = Arrivals(shadow=experiment.told.mode == "shadow")
            self._judged = 0
        rows = read_observations(self._registry.engine, experiment.number, self._arrivals.newest)
        self._arrivals.add(rows)

    def _stopped(self, experiment: Experiment) -> bool:
        why = interruption(self._registry, experiment)
        if why is None:
            return False
        result = figures(experiment, self._arrivals, intervals=True)
        end_experiment(self._registry, experiment, "stopped", result, why)
        return True

    def _judge(self, experiment: Experiment, *, calm: bool) -> bool:
        """After every batch while there are few; of many, once some more have come, or no more do:
        the evidence is as good a little later, and the gateway has other work.
        """
        count = self._arrivals.count
        few = count - self._judged < GROWN * self._judged
        if count == self._judged or (few and not calm):
            return False
        verdict = judge(figures(experiment, self._arrivals, intervals=False))
        if verdict is None:
            self._judged = count
            return False
        result = figures(experiment, self._arrivals, intervals=True)
        reason = verdict_sentence(experiment, result, verdict)
        end_experiment(self._registry, experiment, verdict, result, reason)
        return True
