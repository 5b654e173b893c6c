"""What votes leave of a person is erased too: comments, voting sheets, and the dev items kept."""

import shutil
from pathlib import Path

import pytest

from evaluation.preference.ballots.ballot_files import answer_digest
from evaluation.report.dev_items import DevComparison, DevItem, kept_path
from incumbent.verbs.forget import forget
from project.files import write_lines
from project.records.adapters import Opponent
from project.records.ballots import VotingPair
from project.records.data import Row
from project.records.events import BallotCast, VotesAsked
from project.records.record import Digest, short, write_records
from project.records.scores import ItemScore
from registry.audit import problems
from registry.ballots.casting import Vote, cast, comment_text, show
from registry.ballots.sheets import open_sheet
from registry.store import Registry
from review.voting.live import live_votes
from tests.conftest import ROOT
from tests.places import submit

NAME = "Jana Novotna"
HERS = Row.of("May I raise my limit?", f"Yes, {NAME}, to 5,000.", group="h", source="rows.jsonl")
OTHER = Row.of("Where is the bank?", "In the main street.", group="o", source="rows.jsonl")
PARAMS = """
registry: {family: test}
curation:
  collect:
    sources:
      - {kind: file, path: datasets/sources/rows.jsonl}
"""


@pytest.fixture(autouse=True)
def project(isolate: Path, warm_dvc: None) -> None:
    Path("params.yaml").write_text(PARAMS)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    write_records(Path("datasets/sources/rows.jsonl"), [HERS, OTHER])


def pair(row: Row, challenger: str) -> VotingPair:
    left, right = f"the new answer to {row.id}", f"the old answer to {row.id}"
    return VotingPair(
        item=row.id,
        prompt=row.prompt_text,
        left=challenger,
        right="base",
        left_text=left,
        right_text=right,
        left_answer=answer_digest(left),
        right_answer=answer_digest(right),
    )


def voted(folder: Path, rows: list[Row], comments: dict[str, str]) -> Digest:
    """A version whose answers to these rows were voted on, with comments by item; the sheet."""
    with Registry.here() as registry:
        version = submit(registry, "a", folder)
        label = short(version.adapter.files)
        pairs = [pair(row, label) for row in rows]
        asked = open_sheet(registry, 1, pairs, part="dev", votes=1, reason="please")
        sheet = asked.told(VotesAsked).sheet
        for item, comment in comments.items():
            shown = show(registry, 1, sheet, item)
            cast(registry, 1, Vote(shown=shown.seq, choice="tie", comment=comment))
    return sheet


def comments_left() -> set[str]:
    with Registry.here() as registry:
        found = [
            comment_text(registry.artifacts, event.told(BallotCast))
            for event in registry.history(kind="vote")
        ]
        assert list(problems(registry)) == []
    return {text for text in found if text}


def erase(ids: list[str], texts: list[str]) -> None:
    forget(ids, texts, "she asked for it", erase=True, as_json=True)


def test_a_comment_that_names_her_goes_and_the_others_stay(tmp_path: Path) -> None:
    voted(tmp_path, [OTHER], {OTHER.id: f"it should greet Mrs {NAME}"})
    erase([], [NAME])
    assert comments_left() == set()


def test_a_comment_on_a_row_goes_with_the_row(tmp_path: Path) -> None:
    voted(tmp_path, [HERS, OTHER], {HERS.id: "too much for her", OTHER.id: "fine"})
    erase([HERS.id], [])
    assert comments_left() == {"fine"}


@pytest.mark.parametrize(("ids", "texts"), [([HERS.id], []), ([], [NAME])])
def test_a_sheet_with_her_question_goes_and_the_registry_still_holds(
    ids: list[str], texts: list[str], tmp_path: Path
) -> None:
    sheet = voted(tmp_path, [HERS, OTHER], {})
    with Registry.here() as registry:
        assert live_votes(registry, 1) is not None
    erase(ids, texts)
    with Registry.here() as registry:
        assert not registry.artifacts.blobs.exists(sheet)
        assert live_votes(registry, 1) is None
        assert list(problems(registry)) == []


def test_a_sheet_without_her_stays(tmp_path: Path) -> None:
    sheet = voted(tmp_path, [OTHER], {})
    erase([HERS.id], [])
    with Registry.here() as registry:
        assert registry.artifacts.blobs.exists(sheet)


def test_dev_items_that_were_kept_go_as_whole_files() -> None:
    kept, other = kept_path("test", 1), kept_path("test", 2)
    for path, rows in ((kept, [HERS, OTHER]), (other, [OTHER])):
        lines = [dev_item(row).canonical() for row in rows]
        write_lines(path, [COMPARISON.canonical(), *lines])
    erase([HERS.id], [])
    assert (kept.exists(), other.exists()) == (False, True)


COMPARISON = DevComparison(version=1, opponent=Opponent(), better={}, gating=("preference",))


def dev_item(row: Row) -> DevItem:
    scores = ItemScore(item=row.id, champion={}, challenger={})
    return DevItem(row=row, champion="old", challenger="new", scores=scores)
