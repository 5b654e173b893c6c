"""How far people agree who judged the same tasks is counted, and who does not is named."""

import json
import shutil
from pathlib import Path

import pytest

from curation.sources.exports.export_judgements import agreement, krippendorff_alpha
from curation.sources.exports.shown import TaskJudgement
from tests.curation.exports_read import EXAMPLES, agreed

JUDGED = {"prompt": "question", "completion": "answer"}
PAIRS = {"prompt": "question", "answers": {"A": "one", "B": "two"}}


def said(
    verdict: str | None, annotator: str | None = "ann", asked: str = "q", written: bool = False
) -> TaskJudgement:
    return TaskJudgement("a.json", 1, "7", asked, annotator, verdict, written=written)


def test_alpha_is_that_of_the_published_example() -> None:
    """Krippendorff 2011, section C: four observers, twelve units, missing values, alpha 0.743."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)


@pytest.mark.parametrize(
    ("units", "alpha"),
    [
        ([["a", "a"], ["b", "b"]], 1),
        ([["a", "b"], ["a", "b"]], -0.5),
        ([["a", "a"], ["a", "a"]], None),  # nothing differs
        ([["a"], ["b"]], None),  # nothing is compared
        ([], None),
    ],
)
def test_alpha_of_the_extremes(units: list[list[str]], alpha: float | None) -> None:
    assert krippendorff_alpha(units) == alpha


def test_tasks_of_several_people_agree_or_are_listed_with_who_said_what() -> None:
    found = agreed("label-studio", "label_studio/judged.json", **JUDGED)
    assert (found.tasks, found.agreed) == (2, 1)
    (conflict,) = found.conflicts
    assert conflict.task == "102"
    assert [(one.annotator, one.verdict, one.line) for one in conflict.opinions] == [
        ("ann@bank.example", "bad", 118),
        ("ben@bank.example", "good", 118),
    ]
    assert found.lines == [
        "2 tasks judged by several people: 1 alike, 1 not (Krippendorff's alpha 0.00)"
    ]


def test_a_tie_is_a_word_that_others_may_not_share() -> None:
    found = agreed("label-studio", "label_studio/pair_choices.json", **PAIRS)
    assert (found.agreed, len(found.conflicts), found.ties) == (1, 1, 1)
    assert found.lines[1] == "1 tie, without a pair"


def test_who_accepts_and_who_rejects_an_answer_do_not_agree() -> None:
    found = agreed("prodigy", "prodigy/answers.jsonl", completion="response")
    verdicts = [one.verdict for one in found.conflicts[0].opinions]
    assert verdicts == ["good", "bad"]


def test_proposed_classes_of_one_text_are_questions_of_their_own() -> None:
    assert agreed("prodigy", "prodigy/binary.jsonl").tasks == 0


def test_answers_that_people_wrote_are_counted_and_not_compared() -> None:
    found = agreement([said("Me.", "ann", written=True), said("You.", "ben", written=True)])
    assert (found.tasks, found.written, found.alpha) == (0, 1, None)
    assert found.lines == ["1 task with answers that several people wrote"]


def test_one_task_in_the_files_of_two_local_installs_is_one_task() -> None:
    folder = Path("both").absolute()
    folder.mkdir()
    for name in ("local_1.json", "local_2.json"):
        shutil.copy(EXAMPLES / "label_studio" / name, folder)
    assert agreed("label-studio", folder).written == 1


def test_a_person_is_one_whatever_they_said_before_and_the_nameless_are_many() -> None:
    assert agreement([said("good"), said("bad")]).tasks == 0
    assert len(agreement([said("good", None), said("bad", None)]).conflicts) == 1


def test_what_has_no_verdict_is_no_opinion() -> None:
    assert agreement([said("good"), said(None, "ben")]).tasks == 0
    assert agreement([]).lines == []


def test_sides_of_pairs_are_compared_by_the_answers_that_stood_there() -> None:
    """One file has the answers the other way round: who prefers the same agrees."""
    folder = Path("sides").absolute()
    folder.mkdir()
    for person, sides in (("ann", ("one", "two")), ("ben", ("two", "one"))):
        data = {"question": "Who?"} | dict(zip(sides, ("Me.", "You."), strict=True))
        side = "left" if person == "ann" else "right"
        result = [{"from_name": "pw", "value": {"selected": side}}]
        task = {"data": data, "annotations": [{"completed_by": person, "result": result}]}
        (folder / f"{person}.json").write_text(json.dumps([task]))
    names = {"prompt": "question", "answers": {"left": "one", "right": "two"}}
    found = agreed("label-studio", folder, **names)
    assert (found.agreed, found.conflicts) == (1, ())
