"""Who is champion, and how much better each champion was than the one before it."""

import json
from collections.abc import Sequence
from typing import Literal

from project.errors import IncumbentError
from project.html import Axis, Level, Mark, Panel
from project.records.adapters import AdapterVersion
from project.records.events import Event, Promotion, Withdrawal
from project.records.evidence import Evidence, Measured
from project.records.record import Digest, Record
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.version_search import displaced_by, move_count, newest_moves
from review.frame.event_words import VersionDifference, central

How = Literal["person", "policy", "force", "rollback", "withdraw"]
# In words, after "by NAME".
HOW: dict[How, str] = {
    "person": "who looked at it",
    "policy": "as the policy says, without a person's approval",
    "force": "by force, without a verdict",
    "rollback": "by a rollback",
    "withdraw": "by a withdrawal",
}


class ChampionCard(Record):
    """The champion, and the event by which it became that."""

    version: AdapterVersion
    since: str | None  # RFC 3339, UTC; None: the history does not say
    by: str | None
    how: How | None
    reason: str | None
    displaced: int | None  # the champion before it; None: the bare base

    @property
    def in_words(self) -> str:
        return (
            HOW[self.how] if self.how else "and no event says how: run `incumbent registry verify`"
        )


def champion_card(reader: RegistryReader) -> ChampionCard | None:
    """None while there was none yet. Raises IncumbentError for a record that was changed."""
    champion = reader.champion()
    if champion is None:
        return None
    gained, _ = reader.tenure(champion.number)
    return ChampionCard(
        version=champion,
        since=gained.at if gained else None,
        by=gained.actor if gained else None,
        how=how_moved(gained) if gained else None,
        reason=gained.reason if gained else None,
        displaced=displaced_by(gained) if gained else None,
    )


def how_moved(move: Event) -> How:
    """By what kind of act a version became champion, or ceased to be it."""
    match move.detail:
        case Promotion(forced=1):
            return "force"
        case Promotion(by="policy"):
            return "policy"
        case Promotion():
            return "person"
        case Withdrawal():
            return "withdraw"
    return "rollback"


# --- quality --------------------------------------------------------------------------------------

# Quality over time: what each promotion was better by, with its interval.

SHOWN = 20  # promotions, rollbacks and withdrawals


class ChampionChange(Record):
    """One change of the champion, and what was measured for it."""

    version: int | None  # None: the bare base
    displaced: int | None
    at: str
    by: str
    how: How
    reason: str
    differences: dict[str, VersionDifference]  # by metric, on the sealed eval set
    problem: str | None  # why there are none, where there should be


class QualityHistory(Record):
    """The newest changes of the champion, oldest first, and the metrics that gate."""

    total: int
    metrics: tuple[str, ...]
    steps: tuple[ChampionChange, ...]


def quality(reader: RegistryReader, limit: int = SHOWN) -> QualityHistory:
    """Raises IncumbentError for a changed event; unreadable evidence is a step with a problem."""
    with reading(reader.engine) as connection:
        moves = newest_moves(connection, reader.family, limit)
        total = move_count(connection, reader.family)
    steps = [step(reader, move) for move in reversed(moves)]
    return QualityHistory(total=total, metrics=metrics(reader, moves, steps), steps=tuple(steps))


def step(reader: RegistryReader, move: Event) -> ChampionChange:
    measured: Measured = {}
    problem = None
    if isinstance(move.detail, Promotion) and move.detail.evidence:
        try:
            measured = reader.artifacts.get_record(Evidence, move.detail.evidence).sealed
        except IncumbentError as error:
            problem = str(error)
    return ChampionChange(
        version=None if move.kind == "withdraw" else move.version,
        displaced=displaced_by(move),
        at=move.at,
        by=move.actor,
        how=how_moved(move),
        reason=move.reason,
        differences=differences(measured),
        problem=problem,
    )


def differences(measured: Measured) -> dict[str, VersionDifference]:
    return {metric: central(evidence) for metric, evidence in measured.items()}


def metrics(
    reader: RegistryReader, moves: Sequence[Event], steps: Sequence[ChampionChange]
) -> tuple[str, ...]:
    """Those that gated the newest promotion; all that were measured where no policy says it."""
    measured = dict.fromkeys(metric for change in steps for metric in change.differences)
    decisions = (m.detail.decision for m in moves if isinstance(m.detail, Promotion))
    newest = next(filter(None, decisions), None)
    gating = gated_by(reader, newest) if newest else ()
    return tuple(metric for metric in gating if metric in measured) or tuple(measured)


def gated_by(reader: RegistryReader, decision: Digest) -> tuple[str, ...]:
    """The metrics that gate under a decision's policy; none where it cannot be read."""
    try:
        policy = json.loads(reader.artifacts.get(decision))["policy"]
        return tuple(json.loads(reader.artifacts.get(policy)).get("gating", ()))
    except IncumbentError:
        return ()


# --- quality chart --------------------------------------------------------------------------------

WIDTH, HEIGHT = 600, 112


def panels(quality: QualityHistory) -> list[Panel]:
    """One a metric, in which all changes of the champion stand in their order."""
    return [panel(metric, quality.steps) for metric in quality.metrics]


def panel(metric: str, steps: Sequence[ChampionChange]) -> Panel:
    up = Axis(*reach(metric, steps), HEIGHT, upward=True)
    room = WIDTH / max(len(steps), 1)
    marks = [
        mark(metric, step, round(room * (place + 0.5), 1), up) for place, step in enumerate(steps)
    ]
    ends = [Level(up.at(value), f"{value:+.3g}", "none") for value in (up.low, up.high) if value]
    described = ". ".join(mark.label for mark in marks)
    levels = [*ends, Level(up.at(0), "0", "zero")]
    return Panel(metric, WIDTH, HEIGHT, marks, levels, description=described, radius=4.5)


def mark(metric: str, step: ChampionChange, x: float, up: Axis) -> Mark:
    gain = step.differences.get(metric)
    return Mark(
        x=x,
        y=up.at(gain.diff if gain else 0),
        label=title(metric, step),
        shape="cross" if step.how in ("rollback", "withdraw") else "dot" if gain else "ring",
        tone=tone(metric, step),
        reach=(up.at(gain.upper), up.at(gain.lower)) if gain else None,
        name=f"v{step.version}" if step.version else "base",
    )


def reach(metric: str, steps: Sequence[ChampionChange]) -> tuple[float, float]:
    """The ends of the axis: all intervals and zero are in it."""
    gains = [step.differences[metric] for step in steps if metric in step.differences]
    low = min([0.0, *(gain.lower for gain in gains), *(gain.diff for gain in gains)])
    high = max([0.0, *(gain.upper for gain in gains), *(gain.diff for gain in gains)])
    return (low, high) if high > low else (low - 1, high + 1)


def tone(metric: str, step: ChampionChange) -> str:
    gain = step.differences.get(metric)
    if gain and gain.lower > 0:
        return "good"
    return "bad" if gain and gain.upper < 0 else "soft"


def title(metric: str, step: ChampionChange) -> str:
    """What a mark says, for those who hear the page too."""
    day, gain = step.at[:10], step.differences.get(metric)
    if step.how == "rollback":
        return f"{day}: rolled back to v{step.version}"
    if step.how == "withdraw":
        return f"{day}: v{step.displaced} withdrawn"
    if gain is None:
        return f"{day}: v{step.version} promoted, {metric} not measured"
    return f"{day}: v{step.version} {gain.diff:+.3f} ({gain.lower:+.3f} to {gain.upper:+.3f})"
