"""A look at the sealed eval set: its items answered, scored and weighed.

Whoever takes one has counted it in the registry first, as `incumbent submit` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from evaluation.decision.evidence import PREFERENCE, refuse_empty_slices, weigh
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import refuse_unscored_floors
from evaluation.evaluation_settings import PreferenceParams
from evaluation.generate import contestants, regression_baseline
from evaluation.generation.answers import SIDES, Answer, Role
from evaluation.score import directions, eval_set_of, measures, score_both
from evaluation.scoring.scorers import Scores, score
from project.canonical import digest_file, digest_json
from project.errors import InputError
from project.near_duplicates import WordPrints, near_duplicates_among
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.scores import Evidence, Flags, ItemScore, Measured, ScorePins, ScoreTable
from project.settings import load
from registry.alpha_ledger.looks import SealedSet
from registry.reader import RegistryReader


@dataclass(frozen=True)
class SealedLook:
    """What a look found. Item by item it is for computing alone: people see aggregates."""

    evidence: Evidence
    items: tuple[ItemScore, ...]
    flags: Flags
    answers: dict[Role, Sequence[Answer]]  # of SIDES, for people to vote on


class SealedItems:
    """The project's sealed eval set, with the contestants that the pipeline left."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return Row.read_lines(rows_of(Split.SEALED))

    @cached_property
    def set(self) -> SealedSet:
        return SealedSet(eval_set_of(self.rows), WordPrints.of_prompts(self.rows))

    @cached_property
    def trained_today(self) -> WordPrints:
        """The prompts of the training rows as they are now, which the split keeps apart."""
        return WordPrints.of_prompts(Row.read_lines(rows_of(Split.TRAIN)))

    def pins(self, dev: ScorePins, policy: Policy) -> ScorePins:
        """What the sealed items are measured with: as the dev items, and by these ballots.

        Where people's votes are read by a test that holds at any time, a look stays open for more
        of them. Else other ballots are another measurement, and so another look.
        """
        preference, scorers = load(PreferenceParams), dev.scorers
        ballots = preference.ballots if preference.source == "ballots" else None
        if ballots and not self.open_for_votes(policy):
            scorers = digest_json([scorers, digest_file(ballots)])
        return dev.model_copy(update={"eval_set": self.set.items.digest, "scorers": scorers})

    def open_for_votes(self, policy: Policy) -> bool:
        """Whether a look stays open: one number, one alpha, and votes that still come in."""
        return load(PreferenceParams).source == "ballots" and policy.preference_test == "e-value"

    def refuse_unmeasurable(self, dev: Evidence, policy: Policy) -> None:
        """Raise InputError for what no measurement could mend, before a look is spent on it."""
        if not self.rows:
            raise InputError("holds no item to look at", file=rows_of(Split.SEALED))
        refuse_unscored_floors(dev.dev, policy)
        there = {f"{key}={value}" for row in self.rows for key, value in row.slices.items()}
        refuse_empty_slices(there, policy)

    def look(self, dev: Evidence, pins: ScorePins, policy: Policy) -> SealedLook:
        """Answer, score and weigh the items, beside the evidence on dev.

        Answers that are cached are not made again, so an interrupted look goes on where it was.
        """
        systems = contestants()
        answers: dict[Role, Sequence[Answer]] = {
            role: systems[role].answers(self.rows, f"{role}, sealed") for role in SIDES
        }
        scorers, judge = measures()
        items, flags = score_both(self.rows, answers, scorers, judge)
        better, reference = directions(scorers), None
        if baseline := regression_baseline():
            earlier = baseline.answers(self.rows, f"{Role.REFERENCE}, sealed")
            beside = against(items, score(scorers, self.rows, earlier))
            reference = ScoreTable(pins=None, items=beside, better=better)
        table = ScoreTable(pins=pins, items=tuple(items), better=better)
        awaited = load(PreferenceParams).source == "ballots"
        found = weigh(table, policy, reference=reference, votes_to_come=awaited)
        return SealedLook(with_dev(found, dev), table.items, flags, answers)


def against(items: Sequence[ItemScore], other: Scores) -> tuple[ItemScore, ...]:
    """The same challenger's scores beside those of another system."""
    return tuple(
        item.model_copy(
            update={
                "champion": {name: values[i] for name, values in other.values.items()},
                "preference": None,
            }
        )
        for i, item in enumerate(items)
    )


def with_dev(found: Evidence, dev: Evidence) -> Evidence:
    """Evidence on the sealed items, with all that was measured before the look."""
    before = ("dev", "general", "few_shot", "calibration", "usage")
    return found.model_copy(update={name: getattr(dev, name) for name in before})


def with_votes(stored: Evidence, found: Evidence) -> Evidence:
    """The evidence of an open look with the votes of today; nothing else is measured again."""

    def voted(then: Measured, now: Measured) -> Measured:
        others = {name: value for name, value in then.items() if name != PREFERENCE}
        return others | ({PREFERENCE: now[PREFERENCE]} if PREFERENCE in now else {})

    slices = {name: voted(then, found.slices.get(name, {})) for name, then in stored.slices.items()}
    return stored.model_copy(
        update={"sealed": voted(stored.sealed, found.sealed), "slices": slices}
    )


def refuse_trained(
    registry: RegistryReader, pins: ScorePins, sealed: WordPrints, trained_today: WordPrints
) -> tuple[str, ...]:
    """Raise InputError where a contestant was trained on a sealed item, or nearly on one.

    Rows that are training rows today are apart from the sealed ones: the split saw to it. Returns
    what could not be checked, for people: training rows are not known of every adapter.
    """
    unknown, today = [], set(trained_today.texts)
    for adapter in (pins.champion, pins.challenger):
        version = registry.version_of(adapter) if adapter else None
        label = version.label if version else f"adapter {adapter}"
        learnt = registry.trained_on(adapter)
        if learnt is None:
            unknown.append(f"what {label} was trained on is not known: no item was left out for it")
            continue
        rest = tuple(text for text in learnt.texts if text not in today)
        other = learnt.model_copy(update={"texts": rest})
        if seen := near_duplicates_among(sealed, other):
            raise InputError(
                f"{len(seen)} of the {len(sealed.texts)} sealed items are near-duplicates "
                f"of rows that {label} was trained on, and it would be compared on what it has "
                "learnt. Split the rows as they were split for it (curation.curate), or let "
                "`incumbent data rotate-eval` draw items that nobody was trained on"
            )
    return tuple(unknown)
