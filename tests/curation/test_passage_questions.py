"""Questions on passages: made by templates, checked, and put among passages as rows."""

from collections import Counter

import pytest

from curation.account import UNGROUNDED
from curation.extracted_questions import extracted
from curation.faults.every_fault import FAULTS
from curation.faults.ungrounded import ungrounded
from curation.passage_questions import (
    ON_THE_TEXT,
    REPEATED,
    UNFOUND,
    Forms,
    PassageQuestion,
    QuestionChecks,
    by_model,
    by_templates,
    cited_as,
    may_answer,
    rows_on_passages,
)
from curation.proposals import COPIED, NEAR_ITEM, PERSONAL
from curation.sources.documents.read_documents import evidence_passages
from project.personal_data import NO_CONTACTS
from project.records.data import EvidencePassage, Row
from project.shown_passages import cited
from retrieval.retriever import Retriever
from tests.conftest import ROOT

BANK = ROOT / "examples" / "bank" / "documents"
BRANCHES = (
    "Services > Branches\n\nBranch | Street | Boxes\nWexby | College Row | 60\nDunvale | - | 40"
)
FEE_ASKED = "What does the Harbour Account cost?"
HARBOUR = "Accounts\n\nHarbour Account\n\nThe Harbour Account costs 4.50 crowns a month. {}"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            BRANCHES,
            {
                "What is the street of Wexby (Branches)?": "The street of Wexby is College Row.",
                "How many boxes does Wexby have (Branches)?": "Wexby has 60 boxes.",
                "How many boxes does Dunvale have (Branches)?": "Dunvale has 40 boxes.",
            },
        ),
        ("Tasks\n\nTask | Description\nkbl | Law.", {"What is kbl (Tasks)?": "kbl: Law."}),
        ("Fees\n\nGold | 4.50 | yes\nBlue | 2.10 | no", {}),  # names of columns have no figures
        (
            "Words\n\n- Berth: a safe deposit box; there\n  are small berths.\n- Fast: we answer",
            {'What does "Berth" mean?': "Berth is a safe deposit box; there are small berths."},
        ),
        (
            "Gold Card\n\n* Fee: 4.50 crowns\n* Colour: see there",
            {"What is the fee of Gold Card?": "The fee of Gold Card is 4.50 crowns."},
        ),
        (
            HARBOUR.format("The surcharge is 1.75 %. It takes 7 days. Notice is 9 days."),
            {
                FEE_ASKED: "The Harbour Account costs 4.50 crowns a month.",
                "What is the surcharge (Harbour Account)?": "The surcharge is 1.75 %.",
                "How long is notice (Harbour Account)?": "Notice is 9 days.",
            },
        ),
        (
            "A direct debit mandate is called a fairlead. This is the end. A log is a statement.",
            {
                "What is a direct debit mandate called?": (
                    "A direct debit mandate is called a fairlead."
                ),
                "What is a log?": "A log is a statement.",
            },
        ),
        ("Eine Karte ist ein Stück Plastik, mit dem der Kunde der Bank überall bezahlen kann.", {}),
        ("```\nThe fee is 3 crowns.\n```", {}),
        ("", {}),
    ],
)
def test_templates_ask_for_what_tables_lists_and_definitions_say(
    text: str, made: dict[str, str]
) -> None:
    assert {one.question: one.answer for one in extracted(text)} == made


def test_a_table_that_goes_on_from_the_passage_before_has_no_names_of_columns() -> None:
    assert extracted(BRANCHES, before="Branches\n\nBranch | Street | Boxes\nOrme | Quay | 2") == []
    assert len(extracted(BRANCHES, before="All of them are open.")) == 3


# --- checked --------------------------------------------------------------------------------------

PASSAGES = [
    EvidencePassage(id=str(i), text=text, source=f"d{i}.md")
    for i, text in enumerate(
        [
            "Harbour Account\n\nThe Harbour Account costs 4.50 crowns a month.",
            "Student Account\n\nThe Student Account costs 1.10 crowns a month; cards are blue.",
            "Cards\n\nA lost card is blocked in the app at once, by day and by night.",
            "Cards\n\nWho blocks a lost card in the app pays nothing; it is blocked at once.",
            "Branches\n\nThe branch at Wexby opens at ten. Ask jane.doe@gmail.com about it.",
            "Loans\n\nA loan is paid out on the day after the signature.",
            "Loans\n\nInstalments are due on the third day of each month.",
        ]
    )
]
RETRIEVER = Retriever.over(PASSAGES)
ITEM = Row.of("When is a loan paid out?", "Later.", group="i", source="s")
TAUGHT = Row.of("When are instalments due?", "Soon.", group="t", source="s")
CHECKS = QuestionChecks(RETRIEVER, FAULTS, NO_CONTACTS, [TAUGHT], [ITEM])


def asked(place: int, question: str, answer: str) -> PassageQuestion:
    return PassageQuestion(PASSAGES[place], question, answer, "model", "m")


FEE = asked(0, "What does the Harbour Account cost?", "It costs 4.50 crowns a month.")
LOST = asked(2, "How is a lost card blocked?", "It is blocked in the app at once.")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (FEE, None),
        (LOST, None),
        (asked(0, "What does the Harbour Account cost?", "It costs 5.50 crowns."), UNGROUNDED),
        (asked(2, "How is a card blocked?", "By letter to the manager of a branch."), UNGROUNDED),
        (asked(2, "What does the passage say of a lost card?", "It is blocked."), ON_THE_TEXT),
        (asked(4, "Whom can one ask at Wexby?", "Ask jane.doe@gmail.com."), PERSONAL),
        (asked(5, "When is a loan paid out?", "On the day after the signature."), NEAR_ITEM),
        (asked(6, "When are instalments due?", "On the third day of each month."), COPIED),
        (asked(5, "Zzz qqq?", "A loan is paid out on the day after."), UNFOUND),
    ],
)
def test_a_question_is_left_out_by_the_first_check_that_it_fails(
    one: PassageQuestion, why: str | None
) -> None:
    kept, dropped = CHECKS.passed([one])
    assert (kept, dropped) == (([], Counter([why])) if why else ([one], Counter()))


def test_of_questions_in_nearly_the_same_words_the_first_stays() -> None:
    again = asked(0, "What does the Harbour Account cost, please?", FEE.answer)
    assert CHECKS.passed([FEE, again, LOST]) == ([FEE, LOST], Counter([REPEATED]))


def test_a_reply_gives_at_most_so_many_questions_and_one_without_any_is_counted() -> None:
    reply = "Question: A?\nAnswer: B.\n**Question 2:** C?\n**Answer 2:** D.\nQuestion: E?"
    found, empty = by_model(PASSAGES[:2], [reply, "I can not."], 2, "m")
    assert [(one.question, one.answer) for one in found] == [("A?", "B."), ("C?", "D.")]
    assert (empty, {one.writer for one in found}) == (1, {"m"})


@pytest.mark.parametrize(
    ("one", "place", "may"),
    [
        (FEE, 1, False),  # another price
        (LOST, 3, True),  # the same in other words
        (LOST, 5, False),
        (asked(0, "Is it free?", "No."), 5, True),  # nothing is known of a mere no
        (asked(0, "What is it called (Cards)?", "It is called cards; 2 are free."), 2, True),
    ],
)
def test_a_passage_may_answer_that_has_the_figures_or_half_of_the_words(
    one: PassageQuestion, place: int, may: bool
) -> None:
    assert may_answer(one, PASSAGES[place]) is may


# --- rows -----------------------------------------------------------------------------------------


def test_rows_of_documents_cite_their_passage_or_say_that_none_answers() -> None:
    found = [evidence_passages(BANK / name)[0] for name in ("4-cards.md", "9-glossary.md")]
    passages = [one for own in found for one in own]
    retriever = Retriever.over(passages)
    kept, _ = QuestionChecks(retriever, FAULTS, NO_CONTACTS).passed(by_templates(passages, 3, 0))
    forms = Forms(unanswerable=0.22, distractors=2, seed=0, source="labelled.jsonl")
    made = rows_on_passages(kept, retriever, forms)
    assert len(made) == len(kept) > 20
    without = [one for one in made if one.row.answerable is False]
    assert len(without) == round(0.22 * len(made))
    places = Counter[int]()
    for one in made:
        shown = one.row.evidence or ()
        assert 1 <= len(shown) <= 3
        others = [passage for passage in shown if passage.id != one.asked.passage.id]
        assert not any(may_answer(one.asked, passage) for passage in others)
        assert ungrounded(one.row) is None
        if one.row.answerable:
            (place,) = cited(one.row.completion_text)
            assert shown[place - 1] == one.asked.passage
            places[place] += 1
        else:
            assert others == list(shown)
            assert cited(one.row.completion_text) == []
    assert set(places) == {1, 2, 3}  # a place tells nothing
    assert rows_on_passages(kept, retriever, forms) == made


def test_where_no_other_passage_is_there_every_question_is_answered() -> None:
    made = rows_on_passages([FEE], Retriever.over(PASSAGES[:1]), Forms(1.0, 2, 0, "s"))
    assert [one.row.answerable for one in made] == [True]


@pytest.mark.parametrize(
    ("answer", "cites"),
    [("It is so.", "It is so [2]."), ("Is it?", "Is it [2]?"), ("4.50 crowns", "4.50 crowns [2].")],
)
def test_a_citation_stands_before_the_end_of_the_sentence(answer: str, cites: str) -> None:
    assert cited_as(answer, 2) == cites
