"""Stage `preference_data`: gather what DPO and KTO learn from, and say where it comes from.

Ballots, corrections and files of people; and, where the settings ask for it, a judge's own choices,
which are marked and no more than a share of all. Nothing asks what an eval item asks.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import PreferenceDataParams
from evaluation.preference.ballots.ballot_files import answer_digest, leader, read_ballots
from evaluation.preference.judged_pairs import (
    GoodAnswers,
    capped,
    learnable,
    learnable_of_judge,
    pairs_by_judge,
    undisputed,
)
from evaluation.preference.preference_pairs import preference_files
from evaluation.suites.every_suite import GENERAL, SUITES
from project.item_prompts import asking_an_item, bare, lone_question, prompt_digest
from project.paths import PREFERENCE_COUNTS, PREFERENCE_DATA, rows_of
from project.records.ballots import Ballot, VotingPair
from project.records.data import EvidencePassage, Row, Split, counted, evidence_digest
from project.records.preferences import (
    ORIGINS,
    Preference,
    PreferencePair,
    RatedAnswer,
    by_judge,
    read_preferences,
)
from project.records.record import Digest, Record, read_input, read_object, write_records
from project.settings import load
from project.tool_rendering import has_tools


def main() -> None:
    params, lost = load(PreferenceDataParams), Counter[str]()
    rows, items = Row.read_lines(rows_of(Split.TRAIN)), items_here()
    # What people say in files and sources, each once; then all that is marked as a judge's.
    every = [preference for path in preference_files() for preference in read_preferences(path)]
    theirs = {preference.id: preference for preference in every if not by_judge(preference)}
    by_ballots = ballot_preferences(BALLOTS, rows, items, lost)
    given = under_row_prompts([*by_ballots, *theirs.values(), *filter(by_judge, every)], rows)
    usable = taught(given, items, lost)
    people = [preference for preference in usable if not by_judge(preference)]
    agreed = undisputed(people, lost)
    learnt = learnable(agreed, GoodAnswers(rows, agreed), lost)
    asked = pairs_by_judge(rows_without_preferences(rows, people), params.judge, lost)
    judged = learnable_of_judge([*filter(by_judge, usable), *asked], people, lost)
    pairs = sum(isinstance(preference, PreferencePair) for preference in learnt)
    kept = [*learnt, *capped(judged, pairs, params.judge.share, lost)]
    counts = PreferenceCounts.of(kept, lost)
    write_records(PREFERENCE_DATA, kept)
    counts.write(PREFERENCE_COUNTS)
    for line in counts.lines():
        print(line)


def under_row_prompts(given: Sequence[Preference], rows: Sequence[Row]) -> list[Preference]:
    """What says a training row's question alone, with the row's system prompt before it and its
    passages, where one row asks that question. What asks as no row does stays as it is.
    """
    whole, alone = {bare(row.prompt_text) for row in rows}, dict[str, set[str]]()
    for row in rows:
        if question := lone_question(row):
            alone.setdefault(bare(question), set()).add(row.prompt_text)
    preferences = []
    passages = passages_by_question(rows)
    for line in given:
        prompts = alone.get(bare(line.prompt), set()) if bare(line.prompt) not in whole else set()
        prompt = next(iter(prompts)) if len(prompts) == 1 else line.prompt
        shown = line.evidence or passages.get(bare(prompt))
        preferences.append(line.model_copy(update={"prompt": prompt, "evidence": shown}))
    return preferences


def passages_by_question(rows: Iterable[Row]) -> dict[str, tuple[EvidencePassage, ...]]:
    """Those of the rows that ask a question, where all of these have the same."""
    known = dict[str, set[tuple[EvidencePassage, ...]]]()
    for row in rows:
        known.setdefault(bare(row.prompt_text), set()).add(row.evidence or ())
    return {
        asked: next(iter(some)) for asked, some in known.items() if len(some) == 1 and any(some)
    }


def rows_without_preferences(rows: Iterable[Row], people: Iterable[Preference]) -> list[Row]:
    """Those about whose answers people said nothing. A preference has no place for tools, so rows
    with some are none of them.
    """
    told = {bare(preference.prompt) for preference in people}
    return [row for row in rows if bare(row.prompt_text) not in told and not has_tools([row])]


# --- ballots --------------------------------------------------------------------------------------

# What people's ballots say of answers to prompts that are no eval items.

BALLOTS = Path("datasets/ballots")  # *.jsonl, in folders too
SHEETS = BALLOTS / "sheets"  # *.jsonl: what was voted on, as `incumbent submit` writes it

# Why a ballot is left out; each reads well behind a number.
ON_ITEM = "ballots on items of an eval set or a suite"
UNKNOWN = "ballots on answers whose text nobody knows: put their voting sheet into " + str(SHEETS)
NO_WINNER = "comparisons in which no answer has most ballots"


Compared = tuple[str, str, frozenset[str]]  # a prompt, its passages' digest, and two answers


@dataclass(frozen=True)
class ShownPair:
    """What a ballot was cast on."""

    prompt: str
    left: str
    right: str
    evidence: tuple[EvidencePassage, ...] | None

    @property
    def compared(self) -> Compared:
        texts = frozenset((self.left, self.right))
        return self.prompt, evidence_digest(self.evidence), texts


class KnownTexts:
    """The texts behind the ids and digests that ballots carry."""

    def __init__(self, sheets: Iterable[VotingPair], rows: Sequence[Row]) -> None:
        self.sheets = {(pair.item, frozenset((pair.left, pair.right))): pair for pair in sheets}
        self.prompts = {row.id: row.prompt_text for row in rows}
        self.prompts |= {pair.item: pair.prompt for pair in self.sheets.values()}
        self.evidence = {row.id: row.evidence for row in rows}
        self.evidence |= {pair.item: pair.evidence for pair in self.sheets.values()}
        texts = [row.completion_text for row in rows]
        for sheet in self.sheets.values():
            texts += sheet.left_text, sheet.right_text
        self.by_digest = {answer_digest(text): text for text in texts}

    def shown(self, ballot: Ballot) -> ShownPair | None:
        """None where a text is not known, or the ballot is bound to another one."""
        sheet = self.sheets.get((ballot.item, frozenset((ballot.left, ballot.right))))
        texts = {sheet.left: sheet.left_text, sheet.right: sheet.right_text} if sheet else {}
        prompt = self.prompts.get(ballot.item)
        left = self.answer(ballot.left_answer, texts.get(ballot.left))
        right = self.answer(ballot.right_answer, texts.get(ballot.right))
        if prompt is None or left is None or right is None or left == right:
            return None
        return ShownPair(prompt, left, right, self.evidence.get(ballot.item))

    def answer(self, digest: Digest | None, shown: str | None) -> str | None:
        """What a ballot is bound to; where it is bound to nothing, what the sheet shows."""
        return self.by_digest.get(digest) if digest else shown


def ballot_preferences(
    folder: Path, rows: Sequence[Row], items: Iterable[Row], lost: Counter[str]
) -> list[Preference]:
    """What the ballots of a folder say; `lost` counts those that teach nothing.

    A ballot on an item is never looked up, and none on whole conversations: their texts are no
    answers to a prompt. Raises InputError naming file, line and field.
    """
    aside = folder / SHEETS.name
    every = [pair for p in sorted(aside.glob("*.jsonl")) for pair in VotingPair.read_lines(p)]
    sheets = [pair for pair in every if not pair.left_turns and not pair.right_turns]
    texts, known_items = KnownTexts(sheets, rows), {row.id for row in items}
    cast: dict[Compared, list[tuple[Ballot, ShownPair]]] = defaultdict(list)
    files: dict[Compared, str] = {}
    # Those with ballots in them, the sheets aside.
    paths = [path for path in sorted(folder.rglob("*.jsonl")) if aside not in path.parents]
    for path in [path for path in paths if path.read_bytes().strip()]:
        for ballot in read_ballots(path):
            if ballot.item in known_items:
                lost[ON_ITEM] += 1
            elif (shown := texts.shown(ballot)) is None:
                lost[UNKNOWN] += 1
            else:
                compared = shown.compared
                cast[compared].append((ballot, shown))
                files.setdefault(compared, path.name)
    by_pair = {
        compared: list(preferences_of_votes(votes, files[compared]))
        for compared, votes in cast.items()
    }
    lost[NO_WINNER] += sum(not preferences for preferences in by_pair.values())
    return [preference for preferences in by_pair.values() for preference in preferences]


def preferences_of_votes(
    votes: Sequence[tuple[Ballot, ShownPair]], file: str
) -> Iterator[Preference]:
    """Of the ballots on two answers: a pair where one has most of them, two negative examples where
    most call both bad, else nothing.
    """
    shown = votes[0][1]
    fields: dict[str, Any] = {
        "prompt": shown.prompt,
        "evidence": shown.evidence,
        "source": file,
        "origin": "ballot",
    }
    texts = sorted({shown.left, shown.right})
    both_bad = sum(ballot.choice == "both_bad" for ballot, _ in votes)
    if 2 * both_bad > len(votes):
        for text in texts:
            yield RatedAnswer(completion=text, label=False, **fields)
        return
    winner = leader(Counter(chosen(ballot, shown) for ballot, shown in votes))
    if winner is not None:
        (loser,) = (text for text in texts if text != winner)
        yield PreferencePair(chosen=winner, rejected=loser, **fields)


def chosen(ballot: Ballot, shown: ShownPair) -> str | None:
    sides: Mapping[str, str] = {"left": shown.left, "right": shown.right}
    return sides.get(ballot.choice)


# --- preference counts ----------------------------------------------------------------------------

# How many preferences each source gave, and what was left out.


NO_GOOD_ANSWER = "no training row asks this, so that DPO has no good answer to hold them against"


class OfOrigin(Record):
    pairs: int  # from which DPO learns, and KTO each answer
    rated: int  # answers without another one to hold against, from which KTO alone learns


class PreferenceCounts(Record):
    """What stage `preference_data` found."""

    origins: dict[str, OfOrigin]  # by how it is known which answer is good
    sources: dict[str, int]  # by file, or by judge
    left_out: dict[str, int]  # by why

    @classmethod
    def of(cls, preferences: Sequence[Preference], lost: Counter[str]) -> "PreferenceCounts":
        kinds = Counter(
            (record.origin, isinstance(record, PreferencePair)) for record in preferences
        )
        return cls(
            origins={
                origin: OfOrigin(pairs=kinds[origin, True], rated=kinds[origin, False])
                for origin in ORIGINS
                if kinds[origin, True] or kinds[origin, False]
            },
            sources=dict(
                sorted(Counter(record.source or "unknown" for record in preferences).items())
            ),
            left_out=dict(sorted((+lost).items())),
        )

    def lines(self) -> Iterator[str]:
        """The counts in lines for people."""
        if not self.origins:
            yield "nothing for DPO or KTO to learn from"
        for origin, counts in self.origins.items():
            pairs, rated = counted(counts.pairs, "pair"), counted(counts.rated, "rated answer")
            why = f" ({NO_GOOD_ANSWER})" if counts.rated and origin != "good answer" else ""
            yield f"{origin}: {pairs}, {rated} alone{why}"
        for source, count in self.sources.items():
            yield f"from {source}: {count}"
        for why, count in self.left_out.items():
            yield f"left out: {count} {why}"


# --- untaught -------------------------------------------------------------------------------------

# Prompts that nothing may be learnt from: eval items, those that were, and what the suites ask.

EVAL_SETS = Path("datasets/eval_sets.jsonl")  # what changed the eval sets, oldest change first

# Why one is left out; each reads well behind a number.
ASKS_ITEM = "that ask what an item of an eval set or a suite asks, or nearly so"
ASKS_RETIRED = "that ask what an item asked which left the eval sets"


def items_here() -> list[Row]:
    """The items of dev, of sealed and of the suites."""
    parts = [row for part in (Split.DEV, Split.SEALED) for row in Row.read_lines(rows_of(part))]
    return [*parts, *(row for suite in (GENERAL, *SUITES) for row in suite.rows())]


def retired_prompts() -> set[Digest]:
    """What the items asked that somebody let leave: a later version may be compared on them with
    an earlier one. Raises InputError for what is no JSON.
    """
    lines = read_input(EVAL_SETS).split(b"\n") if EVAL_SETS.exists() else []
    changes = (read_object(line, EVAL_SETS, n) for n, line in enumerate(lines, 1) if line.strip())
    rotated = (change for change in changes if change.get("change") == "rotate")
    return {prompt for change in rotated for prompt in change.get("prompts") or () if prompt}


def taught(
    given: Sequence[Preference], items: Sequence[Row], lost: Counter[str]
) -> list[Preference]:
    """The preferences without those that ask what an item asks, or asked."""
    retired = retired_prompts()
    why = {
        i: ASKS_RETIRED
        for i, preference in enumerate(given)
        if prompt_digest(preference.prompt) in retired
    }
    why |= dict.fromkeys(
        asking_an_item([preference.prompt for preference in given], items), ASKS_ITEM
    )
    lost.update(why.values())
    return [preference for i, preference in enumerate(given) if i not in why]
