"""A source of any format: rows, preferences and documents, each with what became of its records."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from curation import collect
from curation.account import SPARE, Fate, account_of
from curation.collect import Collected
from curation.curate_others import (
    ASKS_ITEM,
    HOLDS_ITEM,
    NO_WORDS,
    ONE_ANSWER,
    Others,
    curate_others,
    untaught,
)
from curation.curation_settings import CollectParams, FileSource, Format
from curation.sources.documents.passages import LONGEST
from curation.sources.source_file import READERS, guess_format
from project.errors import InputError
from project.paths import RAW, RAW_DOCUMENTS, RAW_PREFERENCES
from project.personal_data import NO_CONTACTS, Contacts
from project.records.data import Document, Origin, Row, Split
from project.records.preferences import PreferencePair, RatedAnswer, read_preferences
from project.settings import load

SOURCES = Path("datasets/sources")


def write(name: str, *records: object) -> Path:
    """A file of texts as they are, or of records as JSON Lines."""
    path = SOURCES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def source(path: Path, form: Format | None = None, **more: Any) -> FileSource:
    return FileSource(kind="file", path=path, format=form, **more)


ROWS = ({"prompt": "one?", "completion": "1"},)
PAIRS = ({"prompt": "p?", "chosen": "a", "rejected": "b"},)
RATED = (
    {"prompt": "p?", "completion": "a", "label": True},
    {"prompt": "p?", "completion": "b", "label": False},
)
STUDIO = [
    {
        "id": 1,
        "data": {"q": "what is a fee?"},
        "annotations": [
            {
                "completed_by": 7,
                "result": [
                    {
                        "from_name": "a",
                        "to_name": "q",
                        "type": "textarea",
                        "value": {"text": ["a price"]},
                    }
                ],
            }
        ],
    }
]
PRODIGY = (
    {
        "text": "what is a fee?",
        "label": "money",
        "answer": "accept",
        "_input_hash": 1,
        "_task_hash": 2,
    },
)


def collected(*sources: FileSource) -> Collected:
    return collect.collect([source(write("rows.jsonl", *ROWS)), *sources])


def test_every_format_has_its_reader() -> None:
    assert set(READERS) == set(get_args(Format))


def test_pairs_and_rated_answers_are_kept_apart_from_rows() -> None:
    found = collected(
        source(write("pairs.jsonl", *PAIRS), "preferences"),
        source(write("rated.jsonl", *RATED), "rated"),
    )
    assert [row.prompt_text for row in found.rows.values()] == ["one?"]
    kinds = [type(one) for one in found.preferences.values()]
    assert kinds == [PreferencePair, RatedAnswer, RatedAnswer]
    assert "1 rows, 1 preference pair, 2 rated answers of 4 records" in collect.collected_line(
        found
    )


def test_what_the_stage_says_adds_up_to_the_records() -> None:
    lines = ({"prompt": "one?", "completion": "1"},) * 3
    found = collected(source(write("more.jsonl", *lines)))
    assert "1 rows of 4 records, 3 repeats" in collect.collected_line(found)


def test_exports_of_annotation_tools_are_sources() -> None:
    found = collected(
        source(write("studio.json", json.dumps(STUDIO)), "label-studio"),
        source(write("prodigy.jsonl", *PRODIGY), "prodigy"),
    )
    answers = [row.completion_text for row in found.rows.values()]
    assert answers == ["1", "a price", "money"]
    assert [row.annotator for row in found.rows.values()][1] is not None


def test_documents_are_read_from_texts_and_from_lines() -> None:
    write("manual/fees.md", "# Fees", "", "A fee is a price.")
    found = collected(
        source(SOURCES / "manual", "documents"),
        source(write("texts.jsonl", {"text": "A rate is a price."}, {"text": " "}), "texts"),
    )
    assert [one.source for one in found.documents.values()] == ["manual/fees.md", "texts.jsonl"]
    assert found.origins[-1].why == "without a text"


def test_a_documents_own_id_and_source_are_kept() -> None:
    line = {"id": "d1", "text": "A rate is a price.", "source": "manual.pdf"}
    found = collected(source(write("texts.jsonl", line), "texts"))
    assert list(found.documents.values()) == [Document.model_validate(line)]


def test_a_long_text_is_cut_into_passages_as_documents_are() -> None:
    long = "\n\n".join(f"Fee {number} is a price. {'So it is. ' * 50}" for number in range(30))
    found = collected(source(write("texts.jsonl", {"text": long, "id": "d", "url": "u"}), "texts"))
    texts = [one.text for one in found.documents.values()]
    assert all(1000 < len(text) <= LONGEST for text in texts)
    assert "\n\n".join(texts).split() == long.split()
    assert [*found.documents][:2] == ["d-1", "d-2"]
    assert {origin.line for origin in found.origins if origin.file == "texts.jsonl"} == {1}


def test_a_passage_that_an_import_wrote_is_not_cut_again() -> None:
    made = Document.of("A heading > another " * 300, source="manual.md")
    found = collected(source(write("texts.jsonl", made.model_dump()), "texts"))
    assert list(found.documents.values()) == [made]


def test_transcripts_are_rows() -> None:
    path = write("call.txt", "Customer: What is a fee?", "Agent: A price.")
    found = collected(source(path, "transcripts"))
    assert [row.completion_text for row in found.rows.values()] == ["1", "A price."]


def test_the_stage_writes_a_file_of_others_only_where_there_are_any() -> None:
    path = write("rows.jsonl", *ROWS)
    run({"kind": "file", "path": str(path)})
    assert RAW.exists() and not RAW_PREFERENCES.exists() and not RAW_DOCUMENTS.exists()
    rated = {"kind": "file", "path": str(write("rated.jsonl", *RATED)), "format": "rated"}
    texts = {"kind": "file", "path": str(write("texts.jsonl", {"text": "t"})), "format": "texts"}
    run({"kind": "file", "path": str(path)}, rated, texts)
    assert [one.label for one in read_preferences(RAW_PREFERENCES) if isinstance(one, RatedAnswer)]
    assert [one.text for one in Document.read_lines(RAW_DOCUMENTS)] == ["t"]


def run(*sources: dict[str, str]) -> None:
    params = {"curation": {"collect": {"sources": list(sources)}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    collect.main()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"format": "table"}, "name the columns of a table"),
        ({"format": "rated", "columns": {"messages": "m"}}, "columns are of tables"),
        ({"format": "excel"}, "must be 'rows'"),
    ],
)
def test_a_source_that_cannot_be_read_so_is_refused_with_its_line(
    more: dict[str, Any], problem: str
) -> None:
    broken = {"kind": "file", "path": "datasets/sources/a.csv", **more}
    Path("params.yaml").write_text(yaml.safe_dump({"curation": {"collect": {"sources": [broken]}}}))
    with pytest.raises(
        InputError, match=rf"^params\.yaml:\d+: curation\.collect\.sources.*{problem}"
    ):
        load(CollectParams)


def test_one_id_for_a_row_and_for_a_document_is_refused() -> None:
    write("rows.jsonl", {"id": "x", "prompt": "one?", "completion": "1"})
    texts = source(write("texts.jsonl", {"id": "x", "text": "t"}), "texts")
    with pytest.raises(InputError, match=r"^texts\.jsonl:1: id: 'x' is the id of another record"):
        collect.collect([source(SOURCES / "rows.jsonl"), texts])


@pytest.mark.parametrize(
    ("name", "records", "form"),
    [
        ("a.csv", ("q,a", "one?,1"), "table"),
        ("a.jsonl", ({"instruction": "one?", "output": "1"},), "table"),
        ("a.jsonl", ({"prompt": [], "completion": [], "group": "g"},), "rows"),
        ("a.jsonl", PAIRS, "preferences"),
        ("a.jsonl", RATED, "rated"),
        ("a.json", (json.dumps(STUDIO),), "label-studio"),
        ("a.jsonl", PRODIGY, "prodigy"),
        ("a.jsonl", ({"text": "t"},), "texts"),
        ("a.jsonl", ({"id": "1", "at": "x", "prompt": "p", "response": "r"},), "traffic"),
        ("a.md", ("# A",), "documents"),
        ("a.txt", ("A fee is a price.", "", "So it is, they say."), "documents"),
        ("a.txt", ("q\ta", "one?\t1"), "table"),
        ("a.txt", ("[00:01] Agent: Hello.", "[00:05] Customer: My card?", "[00:09] Agent: New."),
         "transcripts"),
        ("a.txt", ("Call 1", "Ann (Agent): Hi.", "Bo (Customer): Why?", "Ann (Agent): So."),
         "transcripts"),
        ("a.txt", ("Agent: a person who acts for another.", "", "Fee: a price."), "documents"),
        ("a.jsonl", ({"text": "Which?", "options": [{"id": 1, "text": "A"}, {"id": 2, "text": "B"}],
                      "accept": [1], "answer": "accept", "_task_hash": -3},), "prodigy"),
        ("a.srt", ("1", "00:00:01,000 --> 00:00:02,000", "Hello."), "transcripts"),
    ],
)  # fmt: skip
def test_a_format_is_told_by_what_a_file_holds(
    name: str, records: tuple[object, ...], form: str
) -> None:
    assert guess_format(write(name, *records)) == form


def test_a_folders_format_is_that_of_its_data_before_that_of_its_pages() -> None:
    write("folder/a.md", "# A")
    assert guess_format(SOURCES / "folder") == "documents"
    write("folder/b.csv", "q,a", "one?,1")
    assert guess_format(SOURCES / "folder") == "table"


def test_a_folder_of_more_documents_than_yaml_is_documents() -> None:
    for name in ("site/mkdocs.yml", "site/fees.md", "site/README.md"):
        write(name, "nav:", "- Home: fees.md")
    assert guess_format(SOURCES / "site") == "documents"


# --- what stage `curate` lets through -------------------------------------------------------------

ASKED = "How may somebody renew an expired green passport?"
ITEM = Row.of(ASKED, "Come to the office with two pictures and the old one.", group="i", source="s")
PARTS: dict[Split, list[Row]] = {Split.TRAIN: [], Split.DEV: [], Split.SEALED: [ITEM]}


def pair(prompt: str, chosen: str = "good", rejected: str = "bad") -> PreferencePair:
    return PreferencePair(prompt=prompt, chosen=chosen, rejected=rejected)


def text(words: str) -> Document:
    return Document.of(words, source="manual.md")


def others(*given: PreferencePair | RatedAnswer | Document, ours: Contacts = NO_CONTACTS) -> Others:
    preferences = [one for one in given if not isinstance(one, Document)]
    documents = [one for one in given if isinstance(one, Document)]
    return curate_others(preferences, documents, untaught([], PARTS, {}), ours)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (pair(ASKED.upper()), ASKS_ITEM),
        (pair(f"Hello: {ASKED}"), ASKS_ITEM),
        (RatedAnswer(prompt=ASKED, completion="No.", label=False), ASKS_ITEM),
        (text(f"FAQ. {ASKED} See there."), HOLDS_ITEM),
        (text("One must come to the office, with two pictures and the old one!"), HOLDS_ITEM),
        (pair("p?", "same", "same "), ONE_ANSWER),
        (pair("p?", " ", "x"), NO_WORDS),
        (pair("p?", "mail jane.roe@bank.com"), "with what seems to be personal data"),
        (text("Call 030 1234567."), "with what seems to be personal data"),
    ],
)
def test_what_shows_an_item_or_a_person_or_nothing_is_left_out_with_its_reason(
    one: PreferencePair | RatedAnswer | Document, why: str
) -> None:
    found = others(one, pair("How may somebody sell a house?"), text("A fee is a price."))
    assert found.left_out == {one.id: why}
    assert (len(found.preferences), len(found.documents)) == (1, 1)


def test_the_organisations_own_contacts_are_no_personal_data() -> None:
    found = others(pair("p?", "Call 030 1234567."), ours=Contacts(phones=("030 1234567",)))
    assert not found.left_out


def test_what_is_kept_for_a_later_eval_set_or_was_in_one_is_not_learnt_about_either() -> None:
    spare, train = (Row.of(f"{n}?", "a", group=n, source="s") for n in ("spare", "train"))
    parts = {Split.TRAIN: [train], Split.DEV: [], Split.SEALED: [ITEM]}
    assert untaught([spare, train, ITEM], parts, {spare.id: SPARE}) == [ITEM, spare]
    assert untaught([spare, train, ITEM], parts, {spare.id: "repeats"}) == [ITEM]


def test_texts_are_cleaned_and_the_same_again_is_a_repeat() -> None:
    found = others(pair("p?", "a\r\nb"), pair(" p? ", "a\nb "), text("t"), text("t "))
    assert [one.chosen for one in found.preferences if isinstance(one, PreferencePair)] == ["a\nb"]
    assert list(found.left_out.values()) == ["repeats", "repeats"]


def test_of_every_record_the_account_says_what_became_of_it_in_their_order() -> None:
    row, good, asking = ITEM, pair("p?"), pair(ASKED)
    places = ((row.id, 1), (good.id, 2), (asking.id, 3), (good.id, 4))
    origins = [Origin(file="f", line=line, row=name) for name, line in places]
    origins.append(Origin(file="f", line=5, why="ties"))
    beside = others(good, asking)
    assert account_of(origins, [row], PARTS, beside.left_out, others=beside.part_of) == [
        Fate("f", 1, row.id, "sealed", "", ""),
        Fate("f", 2, good.id, "preferences", "", ""),
        Fate("f", 3, asking.id, "", ASKS_ITEM, ""),
        Fate("f", 4, good.id, "", "repeats", "f:2"),
        Fate("f", 5, "", "", "ties", ""),
    ]
