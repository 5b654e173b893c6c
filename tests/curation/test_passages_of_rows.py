"""Rows with passages, from files as people have them to the parts that are trained on."""

import json
from pathlib import Path

import pytest

from curation.checks.repeats import RowTexts, conflicts, repeats
from curation.curation_settings import Columns
from curation.faults.ungrounded import ungrounded
from curation.mending import redacted
from curation.sifting import conflicting, faulty, unrepeated, with_personal_data
from curation.sources.columns.column_guess import guess
from curation.sources.row_formats import answerable_in, evidence_in, numbered_rows
from curation.sources.table_rows import NamedColumns, rows_of_table
from curation.sources.tables.read_table import read_table
from curation.token_lengths import TokenLengths
from project.personal_data import NO_CONTACTS
from project.records.data import EvidencePassage, Row
from project.shown_passages import USUAL

FEES = "The Start account costs EUR 2.50 a month. Students under 26 pay nothing."
LOAN = "A home loan of Lindmoor Bank runs for 5 to 30 years, at 4.5 % a year."


def grounded(answer: str, *passages: str, **more: object) -> Row:
    row = Row.of("What does the account cost for 850?", answer, group="g", source="s")
    evidence = tuple(EvidencePassage(id=str(i), text=text) for i, text in enumerate(passages))
    return row.model_copy(update={"evidence": evidence, **more})


@pytest.mark.parametrize(
    ("answer", "more", "why"),
    [
        ("It costs EUR 2.50 a month [1].", {}, None),
        ("It costs two euros fifty; from 26 on everybody pays [1].", {}, None),
        ("It costs EUR 3.50 a month [1].", {}, "a number that no passage holds"),
        ("每月收费3.50欧元。[1]", {}, "a number that no passage holds"),
        ("ราคา2.50ยูโร [1]", {}, None),
        ("It costs EUR 2.50 [3].", {}, "cites a passage that is not there"),
        ("It costs EUR 2.50 [1][0].", {}, "cites a passage that is not there"),
        ("I do not know.", {"answerable": False}, None),
        ("EUR 2.50 [1].", {"answerable": False}, "cites a passage, where none holds an answer"),
        ("That is what Barclays takes.", {}, "a name that no passage holds"),
        ("You pay EUR 38.25 [2].", {"calculation": "850 * 4.5 / 100"}, None),
        ("You pay EUR 39.25 [2].", {"calculation": "850 * 4.5 / 100"}, "a number that no passage"),
        ("You pay EUR 59.50 [2].", {"calculation": "850 * 7 / 100 + 0.33"}, "a calculation with"),
        ("You pay EUR 38.25 [2].", {"calculation": "850 times 4.5"}, "a calculation that cannot"),
        ("You pay EUR 38.25 [2].", {"calculation": "850 * 0.045"}, None),  # 4.5 % as a fraction
        ("You pay EUR 42 [2].", {"calculation": "30 + 12"}, None),  # 30 years stand there
        ("You pay EUR 36 [2].", {"calculation": "24 + 12"}, "a calculation with no number of a"),
        ("You lack EUR 350 [2].", {"calculation": "500 - 850"}, "a calculation with a number that"),
        ("EUR 1 [1].", {"calculation": "1e9*" * 40 + "1"}, "a calculation that cannot"),
        ("I do not know: please ask Customer Service.", {"answerable": False}, None),
    ],
)
def test_an_answer_stands_on_passages_question_or_calculation(
    answer: str, more: dict[str, object], why: str | None
) -> None:
    found = ungrounded(grounded(answer, FEES, LOAN, **more))
    assert found == why or (why and found and found.startswith(why))


def test_names_are_not_asked_for_where_other_words_have_capitals_too() -> None:
    card = "Eine verlorene Karte wird gegen eine Gebühr von 9 Euro durch die Bank ersetzt."
    assert ungrounded(grounded("Der Ersatz kostet 9 Euro [1].", card)) is None
    assert ungrounded(grounded("Der Ersatz kostet 8 Euro [1].", card)) is not None


def test_a_row_is_cut_to_the_passages_that_its_answer_cites(word_base: Path) -> None:
    lengths = TokenLengths(word_base, evidence_template=USUAL)
    whole = grounded("EUR 2.50 [2].", LOAN, FEES, LOAN, LOAN)
    (count,) = lengths.count([whole])
    cut = lengths.cut(whole, count.prompt + count.completion - 1)
    assert cut is not None
    assert cut.evidence == whole.evidence[:3]
    assert lengths.cut(whole, 10) is None  # what it cites cannot go
    untold = grounded("EUR 2.50.", LOAN, FEES)  # and here it is not known which that is
    assert lengths.cut(untold, lengths.count([untold])[0].prompt) is None


def test_personal_data_in_a_passage_is_found_and_redacted() -> None:
    row = grounded("EUR 2.50 [1].", "Ask jane.doe@gmail.com about the fee of EUR 2.50.")
    assert with_personal_data([row], NO_CONTACTS) == [row.id]
    clean, kinds = redacted(row)
    assert "jane.doe" not in clean.evidence[0].text
    assert kinds


def test_a_row_that_its_passages_do_not_bear_out_leaves_with_its_reason() -> None:
    good, bad = grounded("EUR 2.50 [1].", FEES), grounded("EUR 7.25 [1].", FEES)
    assert faulty([good, bad]) == {bad.id: "with an answer that its passages do not bear out"}


def test_one_question_on_other_passages_is_neither_a_conflict_nor_a_repeat() -> None:
    known, unknown = grounded("EUR 2.50 [1].", FEES), grounded("I do not know.", LOAN)
    again = unknown.model_copy(update={"id": "again"})
    assert conflicting([known, unknown]) == []
    assert list(unrepeated([known, unknown, again])) == [known, unknown]
    texts = RowTexts([known, unknown, again], ["train"] * 3)
    assert conflicts(texts) == ["none"] * 3
    assert repeats(texts) == ["none", "none", "repeats another row"]


@pytest.mark.parametrize(
    ("value", "texts", "sources"),
    [
        (FEES, [FEES], [None]),
        ([FEES, LOAN], [FEES, LOAN], [None, None]),
        (json.dumps([FEES, LOAN]), [FEES, LOAN], [None, None]),  # in a CSV file
        ([{"text": FEES, "title": "Fees"}, {"content": LOAN}], [FEES, LOAN], ["Fees", None]),
        ([["Fees", ["One.", " Two."]], ["Loans", [LOAN]]], ["One. Two.", LOAN], ["Fees", "Loans"]),
        (
            {"title": ["Fees", "Loans"], "sentences": [["One.", "Two."], [LOAN]]},
            ["One. Two.", LOAN],
            ["Fees", "Loans"],
        ),
        ({"title": [["a", "b"]], "sentences": [[FEES, LOAN]]}, [FEES, LOAN], ["a", "b"]),  # RAFT
        ("", [], []),
        (None, [], []),
    ],
)
def test_passages_are_read_in_the_forms_that_data_sets_have(
    value: object, texts: list[str], sources: list[str | None]
) -> None:
    found = evidence_in([value])
    assert [one["text"] for one in found] == texts
    assert [one.get("source") for one in found] == sources
    assert [one["id"] for one in found] == [str(n) for n in range(1, len(found) + 1)]


@pytest.mark.parametrize("value", [7, [{"score": 1}], {"title": "x"}])
def test_what_is_no_passage_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"no passage|without a text"):
        evidence_in([value])


def test_a_column_says_whether_there_is_an_answer_or_the_contrary() -> None:
    assert (answerable_in("answerable", "yes"), answerable_in("is_impossible", True)) == (1, 0)
    assert answerable_in("answerable", "") is None
    with pytest.raises(ValueError, match="neither true nor false"):
        answerable_in("answerable", "perhaps")


def squad(path: Path) -> Path:
    """SQuAD 2.0's shape: two paragraphs, of which one asks what it does not answer."""
    asked = {
        FEES: [("What does the Start account cost?", "EUR 2.50 a month")],
        LOAN: [
            ("How long does a home loan run?", "5 to 30 years"),
            ("What does a lost card cost?", None),
        ],
    }
    paragraphs = [
        {
            "context": text,
            "qas": [
                {
                    "id": question,
                    "question": question,
                    "is_impossible": answer is None,
                    "answers": [{"text": answer, "answer_start": 0}] if answer else [],
                }
                for question, answer in questions
            ],
        }
        for text, questions in asked.items()
    ]
    data = {"version": "v2.0", "data": [{"title": "Bank", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(data))
    return path


def test_squad_is_read_with_no_word_about_its_columns(tmp_path: Path) -> None:
    table = read_table(squad(tmp_path / "squad.json"))
    assert guess([table], NamedColumns()).columns.evidence == ()  # where no passages are shown
    found = guess([table], NamedColumns(), passages=True)
    assert found.columns.evidence == ("context",)
    assert found.columns.answerable == "is_impossible"
    rows = [read.made for read in rows_of_table(table, found.columns) if read.made]
    assert [(row.completion_text, row.answerable) for row in rows] == [
        ("EUR 2.50 a month [1]", True),
        ("5 to 30 years [1]", True),
        ("I do not know: the passages do not say.", False),
    ]
    assert [row.evidence[0].text for row in rows] == [FEES, LOAN, LOAN]
    assert faulty(rows) == {}


@pytest.mark.parametrize(("column", "holds"), [("answerable", "no"), ("is_impossible", "yes")])
def test_a_table_with_passages_is_known_by_what_its_columns_are_called(
    column: str, holds: str, tmp_path: Path
) -> None:
    lines = [f"question,answer,passage,{column}", f"What does a lost card cost?,,{LOAN!r},{holds}"]
    lines += [f"What is account {i}?,Number {i},It is Number {i} here.," for i in range(5)]
    (tmp_path / "faq.csv").write_text("\n".join(lines).replace("'", '"'))
    table = read_table(tmp_path / "faq.csv")
    columns = guess([table], NamedColumns(), passages=True).columns
    assert (columns.evidence, columns.answerable) == (("passage",), column)
    first, *_ = [read.made for read in rows_of_table(table, columns) if read.made]
    assert (first.completion_text, first.answerable) == (columns.abstention, False)


def test_squad_as_datasets_has_it_abstains_where_its_list_of_answers_is_empty(
    tmp_path: Path,
) -> None:
    asked = {"What does the Start account cost?": ["EUR 2.50 a month"], "And a lost card?": []}
    lines = [
        {"context": FEES, "question": question, "answers": {"text": texts, "answer_start": []}}
        for question, texts in asked.items()
    ]
    (tmp_path / "squad.jsonl").write_text("\n".join(map(json.dumps, lines)))
    table = read_table(tmp_path / "squad.jsonl")
    columns = Columns(prompt=("question",), completion="answers.text", evidence=("context",))
    rows = [read.made for read in rows_of_table(table, columns) if read.made]
    assert [(row.completion_text, row.answerable) for row in rows] == [
        ("EUR 2.50 a month [1]", None),
        (columns.abstention, False),
    ]


def test_a_record_whose_passages_cannot_be_read_is_counted_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    records = [{"q": "What is it?", "a": "It is so.", "e": one} for one in ([FEES], 7)]
    file.write_text("".join(json.dumps(one) + "\n" for one in records))
    columns = Columns(prompt=("q",), completion="a", evidence=("e",))
    *_, bad = rows_of_table(read_table(file), columns)
    assert (bad.origin.line, bad.origin.why) == (2, "with evidence that is none: no passage: 7")


def test_rows_of_json_lines_may_carry_plain_texts(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    fields = {"instruction": "What is it?", "output": "So [1].", "evidence": [FEES]}
    file.write_text(json.dumps(fields) + "\n")
    ((_, row),) = numbered_rows(file)
    assert row.evidence == (EvidencePassage(id="1", text=FEES),)
