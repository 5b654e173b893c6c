"""What people's ballots say of answers to prompts that are no eval items."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.preference.ballots.ballot_files import answer_digest, leader, read_ballots
from evaluation.suites.every_suite import GENERAL, SUITES
from project.item_prompts import asking_an_item, prompt_digest
from project.paths import rows_of
from project.records.ballots import Ballot, VotingPair
from project.records.data import EvidencePassage, Row, Split, counted, evidence_digest
from project.records.preferences import ORIGINS, Preference, PreferencePair, RatedAnswer
from project.records.record import Digest, Record, read_input, read_object

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
        self.sheets = {(one.item, frozenset((one.left, one.right))): one for one in sheets}
        self.prompts = {row.id: row.prompt_text for row in rows}
        self.prompts |= {one.item: one.prompt for one in self.sheets.values()}
        self.evidence = {row.id: row.evidence for row in rows}
        self.evidence |= {one.item: one.evidence for one in self.sheets.values()}
        texts = [row.completion_text for row in rows]
        for one in self.sheets.values():
            texts += one.left_text, one.right_text
        self.by_digest = {answer_digest(text): text for text in texts}

    def shown(self, ballot: Ballot) -> ShownPair | None:
        """None where a text is not known, or the ballot is bound to another one."""
        sheet = self.sheets.get((ballot.item, frozenset((ballot.left, ballot.right))))
        own = {sheet.left: sheet.left_text, sheet.right: sheet.right_text} if sheet else {}
        prompt = self.prompts.get(ballot.item)
        left = self.answer(ballot.left_answer, own.get(ballot.left))
        right = self.answer(ballot.right_answer, own.get(ballot.right))
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
    every = [one for path in jsonl(folder / SHEETS.name) for one in VotingPair.read_lines(path)]
    sheets = [one for one in every if not one.left_turns and not one.right_turns]
    texts, known_items = KnownTexts(sheets, rows), {row.id for row in items}
    cast: dict[Compared, list[tuple[Ballot, ShownPair]]] = defaultdict(list)
    files: dict[Compared, str] = {}
    # Those with ballots in them, the sheets aside.
    aside = folder / SHEETS.name
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
    said = {
        compared: list(preferences_of_votes(votes, files[compared]))
        for compared, votes in cast.items()
    }
    lost[NO_WINNER] += sum(not found for found in said.values())
    return [one for found in said.values() for one in found]


def preferences_of_votes(
    votes: Sequence[tuple[Ballot, ShownPair]], file: str
) -> Iterator[Preference]:
    """Of the ballots on two answers: a pair where one has most of them, two negative examples where
    most call both bad, else nothing.
    """
    shown = votes[0][1]
    said: dict[str, Any] = {
        "prompt": shown.prompt,
        "evidence": shown.evidence,
        "source": file,
        "origin": "ballot",
    }
    texts = sorted({shown.left, shown.right})
    both_bad = sum(ballot.choice == "both_bad" for ballot, _ in votes)
    if 2 * both_bad > len(votes):
        for text in texts:
            yield RatedAnswer(completion=text, label=False, **said)
        return
    winner = leader(Counter(chosen(ballot, shown) for ballot, shown in votes))
    if winner is not None:
        (loser,) = (text for text in texts if text != winner)
        yield PreferencePair(chosen=winner, rejected=loser, **said)


def chosen(ballot: Ballot, shown: ShownPair) -> str | None:
    sides: Mapping[str, str] = {"left": shown.left, "right": shown.right}
    return sides.get(ballot.choice)


def jsonl(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


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
    def of(cls, found: Sequence[Preference], lost: Counter[str]) -> "PreferenceCounts":
        kinds = Counter((one.origin, isinstance(one, PreferencePair)) for one in found)
        return cls(
            origins={
                origin: OfOrigin(pairs=kinds[origin, True], rated=kinds[origin, False])
                for origin in ORIGINS
                if kinds[origin, True] or kinds[origin, False]
            },
            sources=dict(sorted(Counter(one.source or "unknown" for one in found).items())),
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


def retired_prompts(path: Path = EVAL_SETS) -> set[Digest]:
    """What the items asked that somebody let leave: a later version may be compared on them with
    an earlier one. Raises InputError for what is no JSON.
    """
    lines = read_input(path).split(b"\n") if path.exists() else []
    changes = (read_object(line, path, n) for n, line in enumerate(lines, 1) if line.strip())
    rotated = (change for change in changes if change.get("change") == "rotate")
    return {prompt for change in rotated for prompt in change.get("prompts") or () if prompt}


def untaught(
    given: Sequence[Preference], items: Sequence[Row], retired: Collection[Digest]
) -> dict[int, str]:
    """Why one may not be learnt from, by its position; all others may."""
    left = {i: ASKS_RETIRED for i, one in enumerate(given) if prompt_digest(one.prompt) in retired}
    near = asking_an_item([one.prompt for one in given], items)
    return left | dict.fromkeys(near, ASKS_ITEM)
