"""Label Studio's exports: what people submitted is read, and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from curation.sources.source_file import EXPORTS, format_of
from project.errors import InputError
from project.records.data import Row
from project.records.preferences import RatedAnswer
from tests.curation.exports_read import EXAMPLES, file_of, in_words, judged, lines_of, reads, source

TOOL = "label-studio"
JUDGED = {"prompt": "question", "completion": "answer"}
PAIRS = {"prompt": "question", "answers": {"left": "one", "right": "two"}}


def task(*annotations: Any, **data: Any) -> dict[str, Any]:
    return {"id": 1, "data": data or {"question": "Who?"}, "annotations": list(annotations)}


def written(text: str, **more: Any) -> dict[str, Any]:
    value = {"text": [text]}
    return {"result": [{"from_name": "reply", "type": "textarea", "value": value}], **more}


def test_choices_on_an_answer_rate_it_and_what_was_not_submitted_gives_nothing() -> None:
    found = reads(TOOL, "label_studio/judged.json", **JUDGED)
    assert in_words(found) == [
        "2: How do I block my card? -> Call the number on its back. is good",
        "2: How do I block my card? -> Call the number on its back. is good",
        "118: What does a transfer abroad cost? -> Nothing. is bad",
        "118: What does a transfer abroad cost? -> Nothing. is good",
        "214: cancelled",
        "214: annotated without a result",
        "316: without an annotation",
        "339: replaced by a newer one of the same person",
        "339: Who is my adviser? -> Mrs Rose. is good",
    ]
    people = {read.made.annotator for read in found if isinstance(read.made, RatedAnswer)}
    assert people == {"ann@bank.example", "ben@bank.example"}
    assert {read.origin.file for read in found} == {"judged.json"}


def test_without_an_answer_to_judge_a_choice_is_the_class_of_the_prompt() -> None:
    assert in_words(reads(TOOL, "label_studio/classes.json")) == [
        "2: The app is slow. -> complaint",
        "2: cancelled",
        "50: Thank you! -> praise",
        "77: cancelled",
    ]


def test_a_text_area_is_an_answer_and_several_entries_are_several() -> None:
    assert in_words(reads(TOOL, "label_studio/local_2.json")) == [
        "2: What does a transfer abroad cost? -> It costs five euros.",
        "2: What does a transfer abroad cost? -> Five euros.",
        "56: How do I block my card? -> Block it in the app.",
    ]


def test_two_files_of_local_installs_have_two_people_though_ids_and_users_are_the_same() -> None:
    folder = Path("local")
    folder.mkdir()
    for name in ("local_1.json", "local_2.json"):
        shutil.copy(EXAMPLES / "label_studio" / name, folder)
    found = reads(TOOL, folder.absolute())
    rows = [read.made for read in found if isinstance(read.made, Row)]
    assert {row.annotator for row in rows} == {"local_1.json:1", "local_2.json:1"}
    assert {row.source for row in rows} == {"local_1.json", "local_2.json"}
    assert len({row.id for row in rows}) == len(rows) == 4


def test_the_same_answer_in_two_files_is_a_row_of_each() -> None:
    rows = [
        read.made
        for name in ("a.json", "b.json")
        for read in reads(TOOL, file_of([task(written("Me.", completed_by=1))], name))
    ]
    assert [row.source for row in rows if isinstance(row, Row)] == ["a.json", "b.json"]
    assert len({row.id for row in rows if row}) == 2


def test_a_pair_says_which_of_two_fields_is_better() -> None:
    assert in_words(reads(TOOL, "label_studio/pairwise.json", **PAIRS)) == [
        "2: How do I block my card? -> Call us. > You cannot.",
        "2: How do I block my card? -> You cannot. > Call us.",
        "94: What is an IBAN? -> The number of an account, for transfers. > A number.",
        "94: annotated without a result",
        "175: that compare an answer with itself",
    ]


def test_pairs_are_judged_with_choices_too_and_any_other_choice_is_a_tie() -> None:
    names = {"prompt": "question", "answers": {"A": "one", "B": "two"}}
    assert in_words(reads(TOOL, "label_studio/pair_choices.json", **names)) == [
        "2: How do I block my card? -> Call us. > You cannot.",
        "2: How do I block my card? -> Call us. > You cannot.",
        "98: ties",
        "98: What is an IBAN? -> The number of an account. > A number.",
    ]


def test_a_ranking_is_a_pair_of_every_two_answers_whose_texts_are_in_the_task() -> None:
    ann = in_words(reads(TOOL, "label_studio/ranker.json"))[:3]
    assert ann == [
        "2: How do I block my card? -> Block it in the app, or call us. > Call us.",
        "2: How do I block my card? -> Block it in the app, or call us. > You cannot.",
        "2: How do I block my card? -> Call us. > You cannot.",
    ]


def test_drafts_predictions_and_labels_in_the_data_are_never_read() -> None:
    result = written("A model wrote this.")["result"]
    shown = task(question="Who?", label="gold") | {
        "drafts": [{"result": result}],
        "predictions": [{"result": result}],
    }
    path = file_of([task(written("Me."), question="Who?"), shown])
    assert in_words(reads(TOOL, path, prompt="question"))[1] == "2: without an annotation"
    assert "predictions, which a model made are not read" in judged(TOOL, path).notes


def test_line_ends_and_tags_of_a_text_are_left_to_the_cleaning() -> None:
    (read,) = reads(TOOL, file_of([task(written("<b>Me</b>\r\n& you"))]))
    assert isinstance(read.made, Row)
    assert read.made.completion_text == "<b>Me</b>\r\n& you"


def test_a_dialogue_in_the_data_is_a_prompt_of_turns() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    asked = [*turns, {"role": "user", "content": "Who?"}]
    (read,) = reads(TOOL, file_of([task(written("Me."), chat=asked)]))
    assert isinstance(read.made, Row)
    assert [turn.role for turn in read.made.prompt] == ["user", "assistant", "user"]


def test_instruction_system_prompt_and_slices_are_put_beside_the_texts() -> None:
    path = file_of([task(written("Me."), question="Who?", topic="names")])
    more = {"instruction": "Answer.", "system": "Be kind.", "slices": "topic"}
    (read,) = reads(TOOL, path, prompt="question", **more)
    assert isinstance(read.made, Row)
    assert [turn.content for turn in read.made.prompt] == ["Be kind.", "Answer.\n\nWho?"]
    assert read.made.slices == {"topic": "names"}


def test_the_newest_annotation_of_a_person_counts_wherever_it_stands() -> None:
    old = written("Old.", completed_by=4, updated_at="2026-02-02T09:00:00Z")
    new = written("New.", completed_by=4, updated_at="2026-02-02T11:00:00+01:00")
    assert in_words(reads(TOOL, file_of([task(new, old)])))[0] == "1: Who? -> New."


def test_people_without_a_name_are_all_taken() -> None:
    found = in_words(reads(TOOL, file_of([task(written("Me."), written("You."))])))
    assert found == ["1: Who? -> Me.", "1: Who? -> You."]


@pytest.mark.parametrize(
    ("file", "fields", "said"),
    [
        ("judged.json", {"prompt": "text"}, "text: no such field; this export has 'question'"),
        ("judged.json", {**JUDGED, "control": "x"}, "no such control; people used 'quality'"),
        ("pairwise.json", {"prompt": "question"}, "name --answer NAME=FIELD for each of 'left'"),
        ("pair_choices.json", PAIRS, "people chose 'A', 'B', 'Tie': name the answer that each"),
    ],
)
def test_what_would_be_a_guess_is_asked_for(file: str, fields: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reads(TOOL, f"label_studio/{file}", **fields)


def test_what_the_names_of_fields_tell_is_taken_and_said() -> None:
    path = EXAMPLES / "label_studio/judged.json"
    assert in_words(reads(TOOL, path)) == in_words(reads(TOOL, path, **JUDGED))
    assert [note.partition(":")[0] for note in judged(TOOL, path).notes] == [
        "the answer that was judged",
        "the prompt",
    ]


def choice(*chosen: str, **value: Any) -> dict[str, Any]:
    held = {"choices": list(chosen), **value}
    return {"result": [{"from_name": "verdict", "type": "choices", "value": held}]}


def test_all_that_is_missing_is_told_at_once_with_the_commands_to_type() -> None:
    path = file_of([task(choice("Short"), choice("Good"), title="A", body="B", reply="C")])
    with pytest.raises(InputError) as refused:
        reads(TOOL, path)
    assert str(refused.value).split("\n")[1:] == [
        "  name --completion FIELD, if people judged one of 'reply'; or --options classes, if they "
        "judged the prompt",
        "  name --prompt FIELD: this export has 'title', 'body', 'reply'",
        "  name --good and --bad: which of 'Good', 'Short' praise an answer, which blame it",
        "type one of",
        f"  incumbent data import {path} --prompt title --completion reply --good Good "
        "--bad CHOICE",
        f"  incumbent data import {path} --prompt title --options classes",
    ]


@pytest.mark.parametrize(
    ("choices", "fields", "answers"),
    [
        (["a_winner", "b_winner", "tie"], ["response_a", "response_b"], "a_winner=response_a"),
        (["left", "right"], ["answer1", "answer2"], "left=answer1 --answer right=answer2"),
        (["Model A", "Both bad"], ["A", "B"], "'Model A=A'"),
        (["1", "2"], ["outputFirst", "outputSecond"], "1=outputFirst --answer 2=outputSecond"),
        (["first is better"], ["context"], "'first is better=FIELD'"),
    ],
)
def test_a_comparison_is_not_taken_for_rows(
    choices: list[str], fields: list[str], answers: str
) -> None:
    shown = {"prompt": "Who?", "model_a": "x", "model_b": "y", **dict.fromkeys(fields, "Me.")}
    path = file_of([task(*map(choice, choices), **shown)])
    with pytest.raises(InputError, match="people chose") as refused:
        reads(TOOL, path, prompt="prompt", control="verdict")
    command = f"--control verdict --prompt prompt --answer {answers}"
    assert command in str(refused.value)
    assert "--control verdict --prompt prompt --options classes" in str(refused.value)
    assert reads(TOOL, path, prompt="prompt", options="classes")[0].made


@pytest.mark.parametrize(
    ("choices", "fields", "command"),
    [
        (["1", "4"], {}, "--prompt question --completion two --good 4 --bad 1"),
        (["A", "B"], {"answers": {"A": "onw", "B": "two"}}, "--answer A=one --answer B=two"),
        (["A", "B"], {"answers": {"A": "two", "B": "two"}}, "--answer A=one --answer B=two"),
        (["A", "B"], {"answers": {"left": "one", "right": "two"}}, "--answer A=one --answer B=two"),
        (["Good", "Bad"], {"completion": "one", "good": "Fine"}, "--good Good --bad Bad"),
        (["A", "B"], {"prompt": "qestion"}, "--prompt question --answer A=one --answer B=two"),
        (["A", "B"], {"control": "better"}, "json --prompt question --answer A=one"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_command(
    choices: list[str], fields: Any, command: str
) -> None:
    shown = {"question": "Who?", "one": "Me.", "two": "You."}
    path = file_of([task(*map(choice, choices), **shown)])
    with pytest.raises(InputError) as refused:
        reads(TOOL, path, **fields)
    assert command in str(refused.value)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"type": "labels", "value": {"start": 0, "end": 3, "labels": ["X"]}}, "spans"),
        ({"type": "relation", "from_id": "a", "to_id": "b"}, "relations"),
        ({"type": "rectanglelabels", "value": {"x": 1, "y": 2}}, "marks on images"),
        ({"type": "choices", "value": {"start": 0, "choices": ["X"]}}, "answers about a part"),
    ],
)
def test_what_is_not_supported_says_so_and_what_is(result: Any, kind: str) -> None:
    marked = {"result": [{"from_name": "mark", **result}]}
    path = file_of([task(marked, text="Who?")])
    for named in ({}, {"prompt": "text"}, {"prompt": "text", "completion": "text"}):
        with pytest.raises(InputError, match=rf"holds {kind}.*not supported; what is read: texts"):
            reads(TOOL, path, **named)
    both = {"result": [*marked["result"], *choice("Good")["result"]]}
    path = file_of([task(both, text="Who?")])
    assert in_words(reads(TOOL, path)) == ["1: Who? -> Good"]
    assert any(note.startswith(kind) and "not read" in note for note in judged(TOOL, path).notes)


def test_a_source_of_a_project_is_told_the_setting_to_write() -> None:
    path = Path("datasets/sources/pairs.json")
    path.parent.mkdir(parents=True)
    shutil.copy(EXAMPLES / "label_studio/pairwise.json", path)
    with pytest.raises(InputError) as refused:
        list(EXPORTS[TOOL].read(source(TOOL, path)))
    assert str(refused.value).split("\n")[1:] == [
        "type below this source in params.yaml",
        "  export: {prompt: [question], answers: {left: one, right: two}}",
    ]


def test_where_a_picture_lies_is_no_prompt() -> None:
    path = file_of([task(choice("cat"), image="/data/upload/1/a.jpg", caption="Who is it?")])
    assert in_words(reads(TOOL, path)) == ["1: Who is it? -> cat"]
    path = file_of([task(choice("cat"), image="s3://bucket/a.png?x=1")])
    with pytest.raises(InputError, match="this export has 'image', of which none holds a text"):
        reads(TOOL, path)


@pytest.mark.parametrize(
    "text",
    [
        '[{"annotation_id": 7, "annotator": 1, "id": 1, "lead_time": 2.5, "question": "Who?"}]',
        "annotation_id,annotator,id,lead_time,question,verdict\n7,1,1,2.5,Who?,Good\n",
    ],
)
def test_an_export_that_does_not_say_what_people_filled_in_is_refused_with_what_to_do(
    text: str,
) -> None:
    path = Path("export.json").absolute()
    path.write_text(text)
    with pytest.raises(InputError, match=r"(?s)JSON-MIN or CSV .* export as JSON .*--format table"):
        reads(TOOL, path)


def test_two_controls_are_told_apart_by_name() -> None:
    note = {"from_name": "note", "type": "textarea", "value": {"text": ["Hm."]}}
    both = written("Me.")
    both["result"].append(note)
    path = file_of([task(both)])
    with pytest.raises(InputError, match="name --control NAME: people used 'reply', 'note'"):
        reads(TOOL, path)
    assert in_words(reads(TOOL, path, control="note")) == ["1: Who? -> Hm."]


def test_a_rating_is_good_from_where_its_owner_says() -> None:
    value = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    path = file_of([task({"result": [value]}, question="Who?", answer="Me.")])
    with pytest.raises(InputError, match="name --good and --bad: which of '4' praise"):
        reads(TOOL, path, **JUDGED)
    assert in_words(reads(TOOL, path, **JUDGED, good=[4, 5])) == ["1: Who? -> Me. is good"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"data": 1, "annotations": []}, "1: data: must hold names with values"),
        ({"data": {}, "annotations": 7}, "1: annotations: must be a list"),
        ({"data": {}, "annotations": [{"result": "x"}]}, "1: annotations.0.result: "),
        ({"annotations": []}, "1: data: Field required"),
    ],
)
def test_a_task_that_is_none_is_refused_with_its_line(record: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"export\.jsonl:{said}"):
        reads(TOOL, lines_of([record, record]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a Git-LFS pointer"),
        ("id,question\n1,Who?\n", "is no export: it is neither JSON nor Parquet"),
        ("", "is empty"),
        ('[{"data": {', "is not JSON: it is cut off"),
    ],
)
def test_a_file_that_is_no_export_is_refused(text: str, said: str) -> None:
    path = Path("export.json").absolute()
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        reads(TOOL, path)


def test_an_export_is_known_by_its_tasks() -> None:
    assert format_of([task(), task()]) == TOOL
    assert format_of([{"data": {}}]) is None
    assert format_of([]) is None
