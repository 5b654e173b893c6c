"""Foreign files come into a project whole or not at all, by one command."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.collect import collect
from curation.curation_settings import CollectParams, CurateParams
from incumbent.cli import main
from incumbent.importing.incoming import destination
from monitoring.trigger import acceptance
from project.erasures import Erasure, append_erasure, text_digest
from project.records.data import Row
from project.records.preferences import PreferencePair, RatedAnswer, read_preferences
from project.settings import load
from tests.incumbent.imported import (
    PARAMS,
    SOURCES,
    brought,
    everything,
    given,
    project_beside_files,
    refused,
)

PREFERENCES, QUEUE = Path("datasets/preferences"), Path("datasets/queue")
FAQ = """\
Question,Answer
What is a bond?,A loan to a state.
What is a share?,A part of a company.
What is a share?,A part of a company.
Who pays?,
"""


@pytest.fixture(autouse=True)
def project(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return project_beside_files(isolate, monkeypatch)


def rows(name: str) -> list[Row]:
    return list(Row.read_lines(SOURCES / name))


# --- what comes in --------------------------------------------------------------------------------


def test_a_table_becomes_rows_and_a_source_and_all_else_is_said() -> None:
    said = brought(given("faq.csv", FAQ))
    assert [row.completion_text for row in rows("faq.jsonl")] == [
        "A loan to a state.",
        "A part of a company.",
    ]
    assert {row.source for row in rows("faq.jsonl")} == {"faq.csv"}
    for line in (
        "2 rows",
        "1 without an answer",
        "1 repeats",
        "dvc add datasets/sources/faq.jsonl",
    ):
        assert line in said


def test_a_licence_is_kept_with_the_source_and_one_that_forbids_is_warned_of() -> None:
    said = brought(given("faq.csv", FAQ), "--licence", "cc-by-nd-4.0")
    assert "faq: CC-BY-ND-4.0 forbids to pass on what is made of it" in said
    sources = load(CollectParams).sources
    assert [getattr(one, "licence", None) for one in sources] == [None, "CC-BY-ND-4.0"]
    again = given("faq.csv", FAQ + "What is a fee?,A price.\n")
    assert "has licence CC-BY-ND-4.0 there" in refused(again, "--replace", "--licence", "MIT")


def test_a_licence_that_can_be_kept_nowhere_is_refused() -> None:
    assert "'acme' is no licence that SPDX knows" in refused(
        given("faq.csv", FAQ), "--licence", "acme"
    )
    pair = {"prompt": "p?", "chosen": "a", "rejected": "b"}
    assert "these files hold none" in refused(given("pairs.jsonl", pair), "--licence", "MIT")


def test_what_it_adds_to_the_settings_leaves_their_comments() -> None:
    brought(given("faq.csv", FAQ))
    text = Path("params.yaml").read_text()
    assert "# what we learn from" in text and "# the first ones" in text
    assert len(collect(load(CollectParams).sources).rows) == 3


def test_pairs_and_rated_answers_go_where_the_reward_model_reads_them() -> None:
    pair = {"prompt": "p?", "chosen": "a", "rejected": "b"}
    bad = {"prompt": "p?", "completion": "b", "label": False}
    brought(given("pairs.jsonl", pair), given("rated.jsonl", bad), "--as", "people")
    kinds = [type(one) for one in read_preferences(PREFERENCES / "people.jsonl")]
    assert kinds == [PreferencePair, RatedAnswer]
    assert Path("params.yaml").read_text() == PARAMS  # none of it is a source


def test_documents_become_a_source_of_texts() -> None:
    given("manual/fees.md", "# Fees", "", "A fee is a price.")
    brought("../given/manual")
    found = collect(load(CollectParams).sources)
    assert [one.source for one in found.documents.values()] == ["fees.md"]


def test_a_canonical_file_keeps_ids_groups_and_slices() -> None:
    row = Row.of("one?", "1", group="family", source="elsewhere.jsonl", topic="numbers")
    brought(given("rows.jsonl", row.model_dump(mode="json")))
    assert rows("rows.jsonl") == [row]


def test_of_an_export_cancelled_annotations_and_conflicts_are_told() -> None:
    brought_in = brought(
        given("studio.json", json.dumps([task(1, "good", "bad"), task(2, "good", None)])),
        *("--prompt", "q", "--completion", "a"),
    )
    assert "1 cancelled" in brought_in
    assert "not alike: task 1" in brought_in
    assert sorted(labels(PREFERENCES / "studio.jsonl")) == [False, True, True]


def labels(path: Path) -> list[bool]:
    return [one.label for one in read_preferences(path) if isinstance(one, RatedAnswer)]


def task(number: int, *choices: str | None) -> dict[str, Any]:
    """A task of Label Studio's, with a choice of each person; None: cancelled."""
    return {
        "id": number,
        "data": {"q": f"what is {number}?", "a": f"it is {number}"},
        "annotations": [
            {"completed_by": person, "was_cancelled": choice is None, "result": [chosen(choice)]}
            for person, choice in enumerate(choices)
        ],
    }


def chosen(choice: str | None) -> dict[str, Any]:
    value = {"choices": [choice or "good"]}
    return {"from_name": "judged", "to_name": "a", "type": "choices", "value": value}


def corrected(question: str, answer: str) -> dict[str, Any]:
    """A line of corrections.jsonl."""
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "slices": {},
        "group": "g",
        "about": {"why": "worst", "answer": "x", "champion": "y", "scores": {}, "gain": 0},
    }


def test_corrected_answers_of_a_second_round_are_for_training_alone() -> None:
    brought(given("corrections.jsonl", corrected("old?", "better")), "--as", "round2")
    assert load(CurateParams).train_only == ("round2.jsonl",)
    assert [row.source for row in rows("round2.jsonl")] == ["round2.jsonl"]


def test_corrections_beside_other_files_are_refused() -> None:
    said = refused(given("corrections.jsonl", corrected("q", "a")), given("faq.csv", FAQ))
    assert "import them by themselves" in said


def test_what_was_erased_does_not_come_in_again() -> None:
    row = Row.of("What is a bond?", "A loan to a state.", group="g", source="s")
    at, texts = "2026-03-01T00:00:00Z", (text_digest(row),)
    append_erasure(Erasure(at=at, by="ann", reason="asked", rows=(row.id,), texts=texts))
    assert "1 that were erased" in brought(given("faq.csv", FAQ))
    assert [row.prompt_text for row in rows("faq.jsonl")] == ["What is a share?"]


# --- whole or not at all --------------------------------------------------------------------------


def test_the_same_again_changes_nothing_and_says_so() -> None:
    brought(given("faq.csv", FAQ))
    before = everything()
    assert "the project holds all of it already" in brought("../given/faq.csv")
    assert everything() == before


def test_another_content_under_the_same_name_is_refused_unless_it_is_to_replace() -> None:
    brought(given("faq.csv", FAQ))
    given("faq.csv", FAQ + "How much?,Ten euros.\n")
    assert "is there already, with other content" in refused("../given/faq.csv")
    brought("../given/faq.csv", "--replace")
    assert len(rows("faq.jsonl")) == 3
    assert Path("params.yaml").read_text().count("faq.jsonl") == 1


def test_nothing_is_left_of_an_import_that_has_less() -> None:
    pair = {"prompt": "p?", "chosen": "a", "rejected": "b"}
    brought(given("faq.csv", FAQ), given("pairs.jsonl", pair), "--as", "both")
    said = refused("../given/faq.csv", "--as", "both", "--replace")
    assert said.startswith("datasets/preferences/both.jsonl: is of an earlier import")


def test_an_import_that_was_cut_off_is_completed_by_the_same_again() -> None:
    brought(given("faq.csv", FAQ))
    Path("params.yaml").write_text(PARAMS)  # it is written last
    said = brought("../given/faq.csv")
    assert "params.yaml: curation.collect.sources" in said
    assert Path("params.yaml").read_text().count("faq.jsonl") == 1


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("torn.csv", 'q,a\n"one?,1\n', "torn.csv:2: "),
        ("torn.jsonl", '{"q": "one?", "a": "1"}\n{"q": "two', "torn.jsonl:2: "),
        ("deep.json", "[" * 100_000, "deep.json:1: "),
        ("page.csv", "<!doctype html><p>Log in</p>", "page.csv: is a web page"),
        ("none.csv", "", "none.csv: is empty"),
        ("unsure.csv", "x,y\nhello there you,good day to you\n", "unsure.csv: "),
        (
            "same.jsonl",
            '{"prompt": "p?", "chosen": "a", "rejected": "a"}',
            "nothing to learn from: 1 that compare an answer with itself",
        ),
    ],
)
def test_nothing_comes_of_several_files_of_which_one_is_bad(
    name: str, text: str, complaint: str
) -> None:
    bad = given(name, text)
    assert complaint in refused(bad)
    good = given("pairs.jsonl", {"prompt": "p?", "chosen": "a", "rejected": "b"})
    if name != "same.jsonl":
        assert complaint in refused(good, bad)


def test_what_is_no_record_can_be_left_out_and_is_counted() -> None:
    torn = given(
        "torn.csv", "question,answer\nwhat is one?,a number, they say\nwhat is two?,a number"
    )
    assert "--skip-unreadable" in refused(torn)
    assert "1 unreadable" in brought(torn, "--skip-unreadable")


def test_a_text_that_is_endless_is_told_with_its_line_or_left_out() -> None:
    endless = given("endless.csv", FAQ, f"What now?,{'and so on ' * 200_000}")
    assert "endless.csv:7: has a text of 1,999,999 characters" in refused(endless)
    assert "1 unreadable" in brought(endless, "--skip-unreadable")


def test_so_can_a_line_that_is_no_canonical_row() -> None:
    row = Row.of("one?", "1", group="g", source="s").model_dump(mode="json")
    torn = given("rows.jsonl", row, '{"prompt": [{"role"')
    assert "rows.jsonl:2: not JSON" in refused(torn, "--format", "rows")
    assert "1 unreadable" in brought(torn, "--format", "rows", "--skip-unreadable")


def test_an_encoding_can_be_named() -> None:
    Path("../given/heat.csv").write_bytes("question,answer\nwhat is hő?,heat\n".encode("cp1250"))
    brought("../given/heat.csv", "--encoding", "cp1250")
    assert rows("heat.jsonl")[0].prompt_text == "what is hő?"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--format", "csv"], "there is no format 'csv'; there are rows, table"),
        (["--as", "../up"], "is no name of a file"),
        (["--as", "labelled"], "`incumbent data labels` adds to it"),
        (["--prompt", "Who"], "no such column; the columns are 'Question', 'Answer'"),
        (["--answer", "left"], "'left' is no CHOICE=FIELD"),
        (["--format", "label-studio"], "is no export"),
        (["--encoding", "klingon"], "klingon"),
    ],
)
def test_a_wrong_option_is_told(options: list[str], complaint: str) -> None:
    assert complaint in refused(given("faq.csv", FAQ), *options)


def test_a_file_that_is_not_there_or_is_named_twice_is_told() -> None:
    assert refused("../given/no.csv") == "../given/no.csv: No such file or directory"
    faq = given("faq.csv", FAQ)
    assert refused(faq, faq) == f"{faq}: is named twice"


def test_settings_that_are_written_on_one_line_are_added_to_too() -> None:
    one_line = "{collect: {sources: [{kind: file, path: datasets/sources/old.jsonl}]}}"
    Path("params.yaml").write_text(f"curation: {one_line} # ours\n")
    brought(given("faq.csv", FAQ))
    assert len(load(CollectParams).sources) == 2
    assert Path("params.yaml").read_text().endswith("# ours\n")


# --- notes and JSON -------------------------------------------------------------------------------


def test_faults_and_personal_data_are_noted_and_the_file_comes_in_all_the_same() -> None:
    faq = FAQ + "Whom do I call?,Call Jane on 030 1234567.\n"
    said = brought(given("faq.csv", faq))
    assert "personal data, as it seems: phone number in 1. --redact" in said
    assert "3 rows: alone too few, for the gate wants 100" in said
    assert len(rows("faq.jsonl")) == 3


def test_personal_data_in_a_passage_is_noted_too() -> None:
    row = {
        "prompt": "Whom do I call?",
        "completion": "Jane [1].",
        "evidence": ["Jane: 030 1234567"],
    }
    said = brought(given("grounded.jsonl", json.dumps(row) + "\n"))
    assert "personal data, as it seems: phone number in 1. --redact" in said


def test_the_organisations_own_contacts_are_none() -> None:
    contracts = Path("datasets/contracts")
    contracts.mkdir()
    (contracts / "waivers.yaml").write_text('ours:\n  phones: ["030 1234567"]\n')
    said = brought(given("faq.csv", FAQ + "Whom do I call?,Call us on 030 1234567.\n"))
    assert "personal data" not in said


def test_programs_read_it_as_json() -> None:
    found = json.loads(brought(given("faq.csv", FAQ), "--json"))
    assert (found["name"], found["rows"], found["changed"]) == ("faq", 2, True)
    assert found["left_out"] == {"without an answer": 1, "repeats": 1}
    assert found["written"] == ["datasets/sources/faq.jsonl"]
    assert json.loads(brought("../given/faq.csv", "--json"))["changed"] is False


# --- redaction ------------------------------------------------------------------------------------

COLUMNS = ("--prompt", "Question", "--completion", "Answer")
PERSONAL = (
    "Question,Answer,customer\nMy mail is jane@roe.io. Right?,Yes jane@roe.io is.,jane@roe.io\n"
)


def test_redacted_texts_reach_the_project_and_no_trace_of_the_raw_ones() -> None:
    said = brought(given("faq.csv", PERSONAL), "--redact", "--group", "customer", *COLUMNS)
    (row,) = rows("faq.jsonl")
    assert (row.prompt_text, row.completion_text) == (
        "My mail is [email]. Right?",
        "Yes [email] is.",
    )
    assert b"jane" not in b"".join(everything().values())
    assert "2 × e-mail address" in said
    brought(given("raw.csv", PERSONAL), *COLUMNS)
    assert rows("raw.jsonl")[0].id != row.id  # a digest of the raw text would tell who guesses it


def test_rows_of_a_group_stay_in_one_when_they_are_redacted() -> None:
    lines = PERSONAL + "Am I jane@roe.io?,So you are.,jane@roe.io\nWhat?,That.,bo@roe.io\n"
    brought(given("faq.csv", lines), "--redact", "--group", "customer", *COLUMNS)
    one, other, third = (row.group for row in rows("faq.jsonl"))
    assert one == other != third


def test_what_was_erased_is_known_before_it_is_redacted() -> None:
    brought(given("faq.csv", PERSONAL), "--as", "raw", *COLUMNS)
    (row,) = rows("raw.jsonl")
    at, texts = "2026-03-01T00:00:00Z", (text_digest(row),)
    append_erasure(Erasure(at=at, by="ann", reason="asked", rows=(row.id,), texts=texts))
    given("faq.csv", PERSONAL + "What is a fee?,A price.,x\n")
    brought("../given/faq.csv", "--redact", *COLUMNS)
    assert [row.prompt_text for row in rows("faq.jsonl")] == ["What is a fee?"]


def test_an_annotators_address_becomes_a_name_and_an_id_that_tells_nothing_stays() -> None:
    row = Row.of("Who is it?", "Mail bo@roe.io.", group="g", source="s", topic="bo@roe.io")
    own = row.model_copy(update={"id": "row 7", "annotator": "ann@roe.io"})
    brought(given("rows.jsonl", own.model_dump(mode="json")), "--redact")
    (found,) = rows("rows.jsonl")
    assert (found.id, found.group, found.slices) == ("row 7", "g", {"topic": "[email]"})
    assert found.annotator and "@" not in found.annotator


def test_where_records_stand_that_gave_nothing_is_said_for_no_file_holds_them_any_more() -> None:
    file, before = given("faq.csv", FAQ), everything()
    printed = brought(file, "--dry-run")
    assert everything() == before  # a dry run writes nothing
    assert "datasets/sources/faq.jsonl" in printed
    assert "1 without an answer\n             faq.csv:5\n" in printed
    found = json.loads(brought(file, "--json"))
    assert found["left_out_at"] == {"repeats": ["faq.csv:4"], "without an answer": ["faq.csv:5"]}


def test_a_broken_document_of_a_folder_is_left_out_where_that_is_asked_for() -> None:
    given("manual/cut.pdf", "%PDF-1.4 cut")
    given("manual/fees.md", "# Fees", "", "A fee is a price.")
    assert "cut.pdf" in refused("../given/manual")
    said = brought("../given/manual", "--skip-unreadable")
    assert "1 document\n" in said
    assert "1 unreadable\n             cut.pdf:1" in said


def test_every_annotator_becomes_a_stable_name_where_texts_are_redacted() -> None:
    own = [
        Row.of(f"Who is {n}?", f"Number {n}.", group="g", source="s").model_copy(
            update={"annotator": "jana"}
        )
        for n in range(2)
    ]
    lines = [one.model_dump(mode="json") for one in own]
    assert "2 × name of an annotator" in brought(given("rows.jsonl", *lines), "--redact")
    one, other = (row.annotator for row in rows("rows.jsonl"))
    assert one == other != "jana"


def test_the_organisations_own_contacts_stay() -> None:
    contracts = Path("datasets/contracts")
    contracts.mkdir(parents=True)
    (contracts / "waivers.yaml").write_text("ours:\n  domains: [bank.io]\n")
    lines = "Question,Answer\nWhere?,Ask help@bank.io not jo@roe.io.\n"
    brought(given("faq.csv", lines), "--redact")
    assert rows("faq.jsonl")[0].completion_text == "Ask help@bank.io not [email]."


def test_a_place_that_cannot_be_written_to_is_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    PREFERENCES.write_text("a file where a folder goes")
    file = given("pairs.jsonl", {"prompt": "What?", "chosen": "a loan", "rejected": "a cow"})
    monkeypatch.setattr("sys.argv", ["incumbent", "data", "import", file])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "error: datasets/preferences" in capsys.readouterr().err


def test_how_to_check_preferences_is_said_for_no_stage_does_it() -> None:
    pairs = [
        {"prompt": f"What is {n}?", "chosen": "a loan", "rejected": "a cow"} for n in range(100)
    ]
    check = "incumbent data check datasets/preferences/{}.jsonl --kind preference"
    assert check.format("pairs") in brought(given("pairs.jsonl", *pairs))
    few = brought(given("few.jsonl", *pairs[1:]))  # which that check would refuse
    assert check.format("few") not in few and "99 preferences: a run takes them" in few


def test_a_transcript_of_several_answers_says_that_one_is_learnt() -> None:
    lines = ("Customer: Hello?", "Agent: Yes.", "Customer: My card?", "Agent: It is new.")
    file = given("call.txt", *lines)
    assert "--turns every takes every answer" in brought(file, "--dry-run")
    assert "--turns every takes" not in brought(file, "--dry-run", "--turns", "every")


@pytest.mark.parametrize(
    ("name", "becomes"), [("Výběr – 1.csv", "Vyber-1"), ("日本.csv", "import"), ("a.csv.gz", "a")]
)
def test_a_name_of_any_script_gives_a_file_of_plain_letters(name: str, becomes: str) -> None:
    assert destination(None, [Path(name)]).name == becomes


# --- traffic --------------------------------------------------------------------------------------


def request(name: str, user: str = "u", **feedback: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"id": name, "at": "2026-03-01T00:00:00Z", "user": user}
    asked |= {"prompt": f"what is {name}?", "response": f"no idea, {name}"}
    return asked | ({"feedback": feedback} if feedback else {})


LOG = (
    request("a", rating=-1, correction="an a, say jane@roe.io"),
    request("b", rating=-1),
    request("c", rating=1),
    request("d"),
)


def test_what_users_wrote_waits_in_queues_and_is_no_row() -> None:
    said = brought(given("log.jsonl", *LOG))
    (queued,) = json.loads((QUEUE / "log.json").read_bytes())
    assert queued["predictions"][0]["result"][0]["value"]["text"] == ["an a, say [email]"]
    waiting = QUEUE / "log.negatives.jsonl"
    assert [one.prompt for one in read_preferences(waiting)] == ["what is a?", "what is b?"]
    assert labels(waiting) == [False, False]
    assert Path("params.yaml").read_text() == PARAMS
    assert not PREFERENCES.exists()
    for line in ("2 without a correction", "data labels EXPORT.json", "data import datasets/queue"):
        assert line in said
    before = everything()
    assert "the queue holds all of it already" in brought("../given/log.jsonl")
    assert everything() == before


def test_what_people_made_of_the_queue_is_accepted_by_its_own_command() -> None:
    brought(given("log.jsonl", *LOG))
    tasks = json.loads((QUEUE / "log.json").read_bytes())
    tasks[0]["annotations"] = [{"result": [chosen("an a")]}]
    said = refused(given("export.json", json.dumps(tasks)))
    assert "accept it by `incumbent data labels ../given/export.json`" in said


def test_a_user_counts_no_oftener_than_the_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "LABELS_PER_USER", 3)
    many = [request(f"n{i}", user="u" if i % 2 else f"v{i}", rating=-1) for i in range(20)]
    said = brought(given("log.jsonl", *many))
    assert len(read_preferences(QUEUE / "log.negatives.jsonl")) == 13
    assert "7 left out: over 3 labels of one user" in said


def test_a_person_accepts_negative_examples_by_importing_them() -> None:
    brought(given("log.jsonl", *LOG))
    brought("datasets/queue/log.negatives.jsonl", "--as", "log")
    assert len(read_preferences(PREFERENCES / "log.jsonl")) == 2


def test_a_log_beside_other_files_or_with_a_torn_row_is_refused() -> None:
    log, faq = given("log.jsonl", *LOG), given("faq.csv", FAQ)
    assert "is no traffic log: import it by itself" in refused(log, faq)
    torn = given("torn.jsonl", *LOG, request("e") | {"at": "yesterday"})
    assert "torn.jsonl:5: at: " in refused(torn)
    assert "1 unreadable" in brought(torn, "--skip-unreadable")
