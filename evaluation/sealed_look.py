"""A look at the sealed eval set: its items answered, scored and weighed.

Whoever takes one has counted it in the registry first, as evaluation/look_decision.py does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evaluation.decision.policy import (
    Policy,
    refuse_unread_votes,
    votes_come_in,
)
from evaluation.decision.score_evidence import refuse_empty_slices, refuse_unscored, weigh
from evaluation.decision.suite_guards import refuse_unmeasured_suites
from evaluation.evaluation_settings import (
    Decoding,
    GenerationParams,
    PreferenceParams,
    ScoringParams,
)
from evaluation.generate import answering_in
from evaluation.generation.answering_engine import server_kept
from evaluation.generation.answers import SIDES, Answer, KeptBytes, Role, by_sample
from evaluation.generation.contestants import left_out, recorded_conversations, recorded_numerics
from evaluation.generation.conversations import conversation_pin, refuse_unready
from evaluation.generation.hosted import items_of, samples_of
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import from_registry
from evaluation.generation.users_and_tools import SECTION
from evaluation.preference.ballots.ballot_files import read_ballots
from evaluation.preference.ballots.preference_evidence import without_preference
from evaluation.preference.judge_calibration import calibrate_reviewers
from evaluation.preference.preference_pairs import Judge
from evaluation.preference.preference_sources import Ballots
from evaluation.score import (
    contestant_names,
    directions,
    eval_set_of,
    measures,
    metric_ranges,
    score_both,
    score_samples,
    unread_of,
)
from evaluation.scoring.built_in import better_by_ours
from evaluation.scoring.scorers import (
    Scores,
    incomparable,
    refuse_absent_slices,
    refuse_broken_assertions,
    slices_in,
)
from project.canonical import digest_file, digest_json
from project.engine.ray_cluster import cluster_kept
from project.errors import InputError
from project.meaning_prints import MeaningPrints
from project.model_pins import pinned_folder
from project.near_duplicates import WordPrints, near_duplicates_among
from project.paths import EMBEDDER, rows_of
from project.records.adapters import Contestant, ModelPin
from project.records.data import Row, Split
from project.records.evidence import Evidence
from project.records.scores import Flags, ItemScore, Labels, ScorePins, ScoreTable
from project.settings import load
from registry.alpha_ledger.looks import SealedSet
from registry.reader import RegistryReader

SCORES = Path("scores.jsonl")  # the name of a look's scores among its bytes
UNTIL_COUNTED = 2  # votes at which an item closes, until the first count says how many


@dataclass(frozen=True)
class SealedLook:
    """What a look found. Item by item it is for computing alone: people see aggregates."""

    evidence: Evidence
    items: tuple[ItemScore, ...]
    flags: Flags
    answers: Mapping[Role, Sequence[Answer]]  # of SIDES, one an item, for people to vote on


class SealedItems:
    """The project's sealed eval set, with the contestants that the pipeline left."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return items_of(Split.SEALED)

    @cached_property
    def set(self) -> SealedSet:
        return SealedSet(eval_set_of(self.rows), WordPrints.of_prompts(self.rows))

    @cached_property
    def counted_set(self) -> SealedSet:
        """The set with what its prompts mean, by which a look is counted: it takes seconds."""
        prompts = [row.prompt_text for row in self.rows]
        return self.set._replace(meanings=MeaningPrints.of(ModelPin.read(EMBEDDER), prompts))

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
        ballots = preference.ballots if preference.asks_people else None
        if ballots and not self.open_for_votes(policy):
            scorers = digest_json([scorers, digest_file(ballots)])
        return dev.model_copy(update={"eval_set": self.set.items.digest, "scorers": scorers})

    def open_for_votes(self, policy: Policy) -> bool:
        """Whether a look stays open: one number, one alpha, and votes that still come in."""
        return votes_come_in(policy, load(PreferenceParams))

    def refuse_unmeasurable(self, dev: Evidence, policy: Policy) -> None:
        """Raise InputError for what no measurement could mend, before a look is spent on it."""
        if not self.rows:
            raise InputError("holds no item to look at", file=rows_of(Split.SEALED))
        refuse_unread_votes(policy, load(PreferenceParams), dev.rewarded or ())
        # Of ours too few dev items may speak; sealed ones can.
        refuse_unscored({*dev.dev, *better_by_ours()}, policy)
        refuse_unmeasured_suites(dev, policy)
        there = slices_in(self.rows)
        refuse_empty_slices(there, policy)
        refuse_absent_slices(load(ScoringParams), there)
        refuse_broken_assertions(load(ScoringParams), self.rows, rows_of(Split.SEALED))
        if conversation_pin(load(GenerationParams).conversations) != recorded_conversations():
            problem = "says other than when dev was answered, or its tools do: run `dvc repro`"
            raise InputError(problem, field=SECTION)
        refuse_unready(self.rows)
        pair = dev.pins.contestants if dev.pins else None
        if pair and load(Decoding).constrained:
            # Imported here because a look without grammars needs no torch for them.
            from evaluation.generation.constraints import refuse_unheld

            for base in {side.base.digest: side.base for side in pair}.values():
                refuse_unheld(self.rows, pinned_folder(base, "base"))

    def look(
        self,
        dev: Evidence,
        pins: ScorePins,
        policy: Policy,
        store: KeptBytes,
        baseline: Contestant | None = None,
    ) -> SealedLook:
        """Answer, score and weigh the items, beside the evidence on dev. Its contestants
        answer, and the regression baseline, where it is another than the champion.

        What is in the look's store is not made again, so an interrupted look goes on where it was.
        """
        pair = dev.pins.contestants if dev.pins else None
        assert pair is not None, "the pipeline pins who is compared"
        numerics, samples = recorded_numerics(), samples_of(Split.SEALED)
        systems, asked = answering_in(numerics, pair), dict(zip(SIDES, pair, strict=True))
        if baseline:
            asked[Role.REFERENCE] = baseline
            systems[Role.REFERENCE] = from_registry(baseline, load(Decoding), numerics)
        with cluster_kept():
            for system in systems.values():
                system.store = store
            with server_kept():
                given = {
                    role: system.answers(
                        asked_with(self.rows, asked[role]), f"{role}, sealed", samples
                    )
                    for role, system in systems.items()
                }
            answers = {role: given[role] for role in SIDES}
            scorers, judge = measures(store)
            judge = people() if load(PreferenceParams).source == "ballots" else judge
            items, flags = score_both(self.rows, answers, scorers, judge)
            if load(PreferenceParams).source != "ballots":  # which come in later, or from a file
                store.write(SCORES, b"".join(item.canonical() + b"\n" for item in items))
            better, reference = directions(scorers, pair), None
            known = metric_ranges(scorers)
            if baseline:
                earlier = score_samples(scorers, self.rows, given[Role.REFERENCE])
                beside = against(items, earlier)
                beside = without(beside, incomparable(scorers, baseline, pair[1]))
                reference = ScoreTable(pins=None, items=beside, better=better, ranges=known)
        table = ScoreTable(pins=pins, items=tuple(items), better=better, ranges=known)
        awaited = load(PreferenceParams).asks_people
        evidence = weigh(table, policy, reference=reference, votes_to_come=awaited)
        evidence = without_preference(evidence) if beside_a_judge() else evidence
        first = {role: by_sample(samples_of_role)[0] for role, samples_of_role in answers.items()}
        evidence = with_dev(evidence, dev)
        if fewer := left_out(Split.SEALED, self.rows):
            evidence = evidence.model_copy(update={"left_out": (dev.left_out or {}) | fewer})
        return SealedLook(evidence, table.items, flags, first)


def against(items: Sequence[ItemScore], other: Sequence[Scores]) -> tuple[ItemScore, ...]:
    """The same challenger's scores beside those of another system, whose are given by sample."""
    return tuple(
        item.model_copy(
            update={
                "champion": {
                    name: values[i // len(other)]
                    for name, values in other[item.sample].values.items()
                },
                "labels": labels_against(item, i // len(other), other[item.sample]),
                "unread": unread_against(item, i // len(other), other[item.sample]),
                "inapplicable": item.inapplicable,
                "preference": None,
            }
        )
        for i, item in enumerate(items)
    )


def unread_against(item: ItemScore, i: int, other: Scores) -> tuple[str, ...] | None:
    """The metrics that could not be read of either side."""
    return tuple(sorted({*(item.unread or ()), *unread_of(i, other)})) or None


def without(items: Sequence[ItemScore], metrics: Collection[str]) -> tuple[ItemScore, ...]:

    def kept(scores: Mapping[str, float]) -> dict[str, float]:
        return {name: value for name, value in scores.items() if name not in metrics}

    return tuple(
        item.model_copy(
            update={"champion": kept(item.champion), "challenger": kept(item.challenger)}
        )
        for item in items
    )


def labels_against(item: ItemScore, i: int, other: Scores) -> dict[str, Labels] | None:
    """The same with the other system's labels in the champion's place."""
    return item.labels and {
        name: labels.model_copy(update={"champion": label.answer})
        for name, labels in item.labels.items()
        if (label := other.labels[name][i])
    }


def with_dev(found: Evidence, dev: Evidence) -> Evidence:
    """Evidence on the sealed items, with all that was measured before the look."""
    before = ("dev", "general", "few_shot", "suites", "calibration", "usage", "kept", "left_out")
    update = {name: getattr(dev, name) for name in (*before, "rewarded")}
    evidence = found.model_copy(update=update)
    params = load(PreferenceParams)
    if params.source != "ballots" or params.ballots is not None:
        return evidence
    # People vote on the page alone: a reward model judged dev, which says nothing of them.
    nobody_yet = calibrate_reviewers((), params.votes or UNTIL_COUNTED)
    return evidence.model_copy(update={"calibration": nobody_yet})


def beside_a_judge() -> bool:
    """Whether people's votes are put together with a judge's word on all items."""
    return load(PreferenceParams).source == "people+judge"


def people() -> Judge:
    """The ballots of the file that the settings name; of none, every item is unjudged yet."""
    params, names = load(PreferenceParams), contestant_names()
    champion, challenger = (names[role] for role in SIDES)
    filed = read_ballots(params.ballots) if params.ballots else ()
    return Ballots(filed, champion, challenger, params.votes)


def refuse_trained(
    registry: RegistryReader, pins: ScorePins, sealed: WordPrints, trained_today: WordPrints
) -> tuple[str, ...]:
    """Raise InputError where a contestant was trained on a sealed item, or nearly on one.

    Rows that are training rows today are apart from the sealed ones: the split saw to it. Returns
    what could not be checked, for people: training rows are not known of every adapter.
    """
    unknown = []
    for adapter in (pins.champion, pins.challenger):
        version = registry.version_of(adapter) if adapter else None
        label = version.label if version else f"adapter {adapter}"
        learnt = registry.trained_on(adapter)
        if learnt is None:
            unknown.append(f"what {label} was trained on is not known: no item was left out for it")
            continue
        if seen := near_duplicates_among(sealed, learnt.without(trained_today)):
            raise InputError(
                f"{len(seen)} of the {len(sealed.texts)} sealed items are near-duplicates "
                f"of what {label} was trained on, and it would be compared on what it has "
                "learnt. Split the rows as they were split for it (curation.curate), or let "
                "`incumbent data rotate-eval` draw items that nobody was trained on"
            )
    return tuple(unknown)
