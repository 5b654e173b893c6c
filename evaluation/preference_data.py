"""Stage `preference_data`: gather what DPO and KTO learn from, and say where it comes from.

Ballots, corrections and files of people; and, where the settings ask for it, a judge's own choices,
which are marked and no more than a share of all. Nothing asks what an eval item asks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluation.evaluation_settings import PreferenceDataParams
from evaluation.preference.ballot_preferences import (
    BALLOTS,
    PreferenceCounts,
    ballot_preferences,
    items_here,
    retired_prompts,
    untaught,
)
from evaluation.preference.judged_pairs import (
    GoodAnswers,
    capped,
    learnable,
    learnable_of_judge,
    pairs_by_judge,
    undisputed,
)
from evaluation.preference.preference_pairs import preference_files
from project.errors import InputError
from project.item_prompts import bare, lone_question
from project.paths import PREFERENCE_COUNTS, PREFERENCE_DATA, rows_of
from project.records.data import EvidencePassage, Row, Split
from project.records.preferences import Preference, PreferencePair, by_judge, read_preferences
from project.records.record import write_records
from project.settings import PARAMS, load, meant
from project.tool_rendering import has_tools

SOURCES = Path("datasets/sources")


def main() -> None:
    params, lost = load(PreferenceDataParams), Counter[str]()
    rows, items = Row.read_lines(rows_of(Split.TRAIN)), items_here()
    refuse_unknown_sources(params.corrections, rows)
    # What people say in files and sources, each once; then all that is marked as a judge's.
    every = [one for path in preference_files() for one in read_preferences(path)]
    theirs = {one.id: one for one in every if not by_judge(one)}
    by_ballots = ballot_preferences(BALLOTS, rows, items, lost)
    given = under_row_prompts([*by_ballots, *theirs.values(), *filter(by_judge, every)], rows)
    said = taught(given, items, lost)
    people = [one for one in said if not by_judge(one)]
    agreed = undisputed(people, lost)
    learnt = learnable(agreed, GoodAnswers(rows, agreed, params.corrections), lost)
    asked = pairs_by_judge(rows_without_preferences(rows, people), params.judge, lost)
    judged = learnable_of_judge([*filter(by_judge, said), *asked], people, lost)
    pairs = sum(isinstance(one, PreferencePair) for one in learnt)
    found = [*learnt, *capped(judged, pairs, params.judge.share, lost)]
    counts = PreferenceCounts.of(found, lost)
    write_records(PREFERENCE_DATA, found)
    counts.write(PREFERENCE_COUNTS)
    for line in counts.lines():
        print(line)


def refuse_unknown_sources(named: Iterable[str], rows: Iterable[Row]) -> None:
    """Raise InputError for a source of corrections that is neither a file nor in any row."""
    there = {path.name for path in SOURCES.rglob("*")} | {row.source for row in rows}
    usual = PreferenceDataParams().corrections  # there once somebody accepts the first label
    for name in named:
        if name not in there and name not in usual:
            known = sorted(one for one in there if one.endswith(".jsonl")) or list(usual)
            raise InputError(
                f"there is no source {name} in {SOURCES}{meant(name, known)}",
                file=PARAMS,
                field="evaluation.preference_data.corrections",
            )


def under_row_prompts(given: Sequence[Preference], rows: Sequence[Row]) -> list[Preference]:
    """What says a training row's question alone, with the row's system prompt before it and its
    passages, where one row asks that question. What asks as no row does stays as it is.
    """
    whole, alone = {bare(row.prompt_text) for row in rows}, dict[str, set[str]]()
    for row in rows:
        if question := lone_question(row):
            alone.setdefault(bare(question), set()).add(row.prompt_text)
    found = []
    passages = passages_by_question(rows)
    for one in given:
        prompts = alone.get(bare(one.prompt), set()) if bare(one.prompt) not in whole else set()
        prompt = next(iter(prompts)) if len(prompts) == 1 else one.prompt
        shown = one.evidence or passages.get(bare(prompt))
        found.append(one.model_copy(update={"prompt": prompt, "evidence": shown}))
    return found


def passages_by_question(rows: Iterable[Row]) -> dict[str, tuple[EvidencePassage, ...]]:
    """Those of the rows that ask a question, where all of these have the same."""
    known = dict[str, set[tuple[EvidencePassage, ...]]]()
    for row in rows:
        known.setdefault(bare(row.prompt_text), set()).add(row.evidence or ())
    return {
        asked: next(iter(some)) for asked, some in known.items() if len(some) == 1 and any(some)
    }


def taught(
    given: Sequence[Preference], items: Sequence[Row], lost: Counter[str]
) -> list[Preference]:
    """The preferences without those that ask what an item asks, or asked."""
    why = untaught(given, items, retired_prompts())
    lost.update(why.values())
    return [one for i, one in enumerate(given) if i not in why]


def rows_without_preferences(rows: Iterable[Row], people: Iterable[Preference]) -> list[Row]:
    """Those about whose answers people said nothing. A preference has no place for tools, so rows
    with some are none of them.
    """
    told = {bare(one.prompt) for one in people}
    return [row for row in rows if bare(row.prompt_text) not in told and not has_tools([row])]
