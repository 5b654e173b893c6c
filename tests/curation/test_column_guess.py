"""A table's columns are guessed where that is sure; else it asks, with choices to type."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curation_settings import Columns
from curation.sources.columns.column_guess import guess
from curation.sources.columns.column_name import read_name, read_names
from curation.sources.columns.column_profile import asks, kind_of
from curation.sources.columns.column_words import Guess
from curation.sources.table_rows import NamedColumns
from curation.sources.tables.table import Table
from project.errors import InputError
from tests.curation.made_tables import ROWS, TABLES, Texts, named, some, table

T = Texts(seed=1)


def guessed(rows: Table, **wanted: Any) -> Guess:
    return guess([rows], NamedColumns(**wanted))


def refused(rows: Table, **wanted: Any) -> str:
    with pytest.raises(InputError) as error:
        guessed(rows, **wanted)
    return str(error.value)


SENTIMENT = "What is the sentiment of this news? Answer good or bad."
SURE: dict[str, dict[str, Any]] = {
    "bank FAQ": {"prompt": "Question", "completion": "Answer", "slices": "Class"},
    "support tickets": {
        "prompt": "Ticket Description",
        "completion": "Resolution",
        "slices": ("Ticket Status", "Ticket Type", "Ticket Subject"),
    },
    "tickets in camel case": {"prompt": "ticketDescription", "completion": "agentReply"},
    "mails to a support": {
        "prompt": ("subject", "body"),
        "completion": "answer",
        "slices": ("priority", "tag_1", "type"),
    },
    "intents with responses": {
        "prompt": "instruction",
        "completion": "response",
        "slices": ("category", "intent", "flags"),
    },
    "alpaca": {"prompt": ("instruction", "input"), "completion": "output"},
    "alpaca with its text": {"prompt": "instruction", "completion": "output"},
    "dolly": {"prompt": ("instruction", "context"), "completion": "response", "slices": "category"},
    "squad with flat answers": {
        "prompt": ("context", "question"),
        "completion": "answer",
        "slices": "title",
    },
    "squad": {"prompt": ("context", "question"), "completion": "answers.text", "slices": "title"},
    "orca": {"prompt": "question", "completion": "response"},
    "forum": {"prompt": ("title", "body"), "completion": "answer"},
    "sharegpt": {"messages": "conversations"},
    "messages": {"messages": "messages"},
    "messages in a CSV file": {"messages": "dialog", "slices": "source"},
    "chat templates": {"messages": "text"},
    "preferences with messages": {"messages": "messages"},
    "prompts beside messages": {"messages": "messages", "slices": "category"},
    "sentiment": {"prompt": "text", "completion": "label"},
    "one instruction for all": {"prompt": "input", "completion": "output", "system": SENTIMENT},
    "news": {"prompt": "article", "completion": "highlights"},
    "turns with threads": {
        "prompt": "customer_message",
        "completion": "agent_reply",
        "group": "conversation_id",
    },
    "answers of experts": {
        "prompt": ("questionTitle", "questionText"),
        "completion": "answerText",
        "slices": "topic",
        "group": "questionID",
    },
    "German": {"prompt": "Frage", "completion": "Antwort", "slices": "Thema"},
    "Spanish": {"prompt": "pregunta", "completion": "respuesta"},
    "French": {"prompt": "Demande du client", "completion": "Réponse apportée"},
    "Russian": {"prompt": "вопрос", "completion": "ответ"},
    "Arabic": {"prompt": "السؤال", "completion": "الإجابة"},
    "Lithuanian": {"prompt": "prašymas", "completion": "atsakymas"},
    "Chinese": {"prompt": "问题", "completion": "答案", "slices": "类别"},
    "Japanese": {"prompt": "質問", "completion": "回答"},
    "Korean": {"prompt": "질문", "completion": "답변"},
    "names that say nothing": {"prompt": "col2", "completion": "col1"},
    "Q and A": {"prompt": "Q", "completion": "A"},
}
# The message, with the choices in full.
UNSURE: dict[str, str] = {
    "answers in parts": "`answer` holds objects: name the column to have them learnt as JSON.*"
    "choose:\n  --prompt question --completion answer\n",
    "multiple choice": "`answer` holds letters, the key of a multiple choice: .* name the columns",
    "multiple choice with an explanation": "`answer` holds numbers.*"
    "choose:\n  --prompt question --completion explanation\n",
    "two languages": "choose:\n  --prompt question_en --completion answer_en\n"
    "  --prompt question_fr --completion answer_fr\n",
    "forum without answers": "choose:\n  --prompt title --completion body\n"
    "  --prompt body --completion title\n",
    "questions in articles": "choose:\n  --prompt question --completion answer\n"
    "  --prompt title --completion body\n",
    "raw text": "`text` is raw text: rows are needed that say what is asked",
    "turns of a tree": "each row is one turn .`role`: assistant, prompter.",
    "preferred conversations": "`chosen` holds the better and `rejected` the worse .*"
    "choose:\n  --messages chosen\n",
    "preferred answers": "choose:\n  --prompt prompt --completion chosen\n",
    "binary feedback": "`label` says true or false .*--prompt prompt --completion completion\n",
    "binary feedback on conversations": "`label` says true or false .*--messages messages",
    "reviews": "neither names nor texts say what is asked .*--prompt review_text",
    "numbered classes": "`label` holds numbers: .* write the names",
    "several answers": "choose:\n  --prompt Question --completion 'Best Answer'\n"
    "  --prompt Question --completion 'Correct Answers'\n",
    "two models": "`winner` says which answer is better: .* of prompt, chosen and rejected; "
    "choose:\n  --prompt prompt --completion response_a\n"
    "  --prompt prompt --completion response_b\n",
    "pairs of sentences": "--prompt premise --prompt hypothesis --completion label\n",
    "goods": "--prompt description --completion category",
    "texts without speakers": "lists that are no conversations .*do not say who speaks",
    "names and texts that say nothing": "choose:\n  --prompt col1 --completion col2\n"
    "  --prompt col2 --completion col1\n",
}


def test_each_made_table_has_its_place_here() -> None:
    assert set(SURE) | set(UNSURE) == set(TABLES)


@pytest.mark.parametrize("name", SURE)
def test_the_columns_of_a_usual_table_are_guessed(name: str) -> None:
    found = guessed(TABLES[name])
    assert found.columns == Columns(**SURE[name])
    assert {column.partition(".")[0] for column in found.taken} == set(TABLES[name].columns)


@pytest.mark.parametrize("name", UNSURE)
def test_where_it_is_not_sure_it_asks_with_choices(name: str) -> None:
    assert re.search(UNSURE[name], refused(TABLES[name]), re.DOTALL)


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (
            "question Questions QuestionText user_question Kundenfrage Frage вопросы 用户问题",
            "question",
        ),
        (
            "query prompt input problem_statement prašymo klausimai 질문_내용 Q2_question",
            "question",
        ),
        (
            "answer Answers answer_body agentReply GroundTruth Antworttext respuesta 答案 उत्तर",
            "answer",
        ),
        ("réponse REPONSE resposta odpowiedź ответа gpt4_answer texto_de_la_respuesta", "answer"),
        ("ticketDescription Customer_Message caseSubject", "user"),
        ("question_id answerId num_answers id_pregunta 问题编号", "id"),
        ("answer_date fecha_de_respuesta First_Response_Time createdAt", "date"),
        ("question_type tipo_de_pregunta lang 问题类型 Product_Name", "kind"),
        ("customer_name responder 回答者 username", "author"),
        ("system_prompt systemPrompt", "system"),
        ("response_chosen preferred_answer", "chosen"),
        ("Incorrect_Answers distractor1", "rejected"),
        ("question_answer customer_reply account discount", None),
    ],
)
def test_a_name_speaks_in_many_languages_and_styles(names: str, role: str | None) -> None:
    assert {name: read_name(name).role for name in names.split()} == dict.fromkeys(
        names.split(), role
    )


def test_a_language_in_a_name_tells_two_columns_apart() -> None:
    assert read_name("question_fr").variant == ("fr",)
    assert read_name("original_question").variant == ("original",)


def test_q_and_a_are_question_and_answer_but_not_of_a_multiple_choice() -> None:
    assert read_names(["Q", "A"])["A"].role == "answer"
    assert read_names(["Q", "A", "B"])["A"].role is None


def test_beside_answers_a_text_that_asks_is_the_question_whatever_it_is_called() -> None:
    asked, told = {"q": T.questions(), "answer": T.sentences()}, T.sentences
    assert guessed(named(asked)).columns.prompt == ("q",)
    answered = named(asked | {"gpt_4o": told(), "ours": told()})
    assert guessed(answered).columns.prompt == ("q",)


def test_of_several_texts_that_ask_nothing_none_is_taken_for_the_question() -> None:
    rows = named({"gold": T.sentences(), "gpt_4o": T.sentences(), "ours": T.sentences()})
    assert "choose:\n  --prompt ours --completion gold\n" in refused(rows)
    assert guessed(rows, prompt=("ours",)).columns.completion == "gold"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("texts", ["Yes", "No.", "a cat", "in 2024", "Do it: https://x.org", "R2-D2 is a robot"]),
        ("letters", ["A", "b)", "(C)", "A, D"]),
        ("numbers", [3, 0.5, "17", "-3.5", "1,200", "$5", "12 %", "3/4", "+44 20 7946 0958"]),
        ("dates", ["2024-01-31", "31.01.2024", "2024-01-31T10:00:00Z", "Jan 3, 2024", "10:42"]),
        ("dates", ["2023-06-01 11:04:59", "3 March 2024", "2024年1月3日", "12/31/24 9:05 PM"]),
        ("links", ["https://example.org/a?b=c", "www.example.org"]),
        ("e-mail addresses", ["ann@example.org"]),
        ("ids", ["5733be284776f41900661182", "TCK-00012", "q_17", "deadbeefdeadbeef"]),
        ("true or false", [True, False, "True", "false"]),
        ("lists", [["a"], '["a", "b"]', "['a', 'b']", "[1, 2]"]),
        ("objects", [{"a": 1}, '{"a": 1}', "{'text': array(['x'])}"]),
    ],
)
def test_values_are_told_apart_by_what_they_look_like(kind: str, values: list[Any]) -> None:
    assert {repr(value): kind_of(value) for value in values} == {repr(v): kind for v in values}


def test_questions_are_told_by_their_marks_in_any_script() -> None:
    texts = ["Why?", "如何开户？", "كيف؟", "開けますか", "Τι είναι;", "how do i pay"]
    assert all(map(asks, texts))
    assert not any(map(asks, ["Pay here.", "a; b", "It is howling."]))


def test_a_named_column_is_taken_whatever_it_holds() -> None:
    rows = TABLES["two languages"]
    found = guessed(rows, prompt=("question_fr",), completion="answer_fr").columns
    assert (found.prompt, found.completion) == (("question_fr",), "answer_fr")
    assert (
        str(guessed(rows, completion="answer_fr", prompt=("id",)).taken["id"]) == "prompt: as named"
    )


def test_one_named_column_is_enough_where_the_rest_is_sure() -> None:
    assert guessed(TABLES["preferred answers"], completion="chosen").columns.prompt == ("prompt",)
    assert guessed(TABLES["several answers"], completion="Best Answer").columns.prompt == (
        "Question",
    )


def test_a_name_may_be_typed_without_case_and_blanks() -> None:
    found = guessed(TABLES["support tickets"], prompt=("ticket subject", "TicketDescription"))
    assert found.columns.prompt == ("Ticket Subject", "Ticket Description")


def test_a_named_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    message = refused(TABLES["bank FAQ"], completion="Reply")
    assert message == (
        "rows.csv: Reply: no such column; the columns are 'Question', 'Answer', 'Class'"
    )


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        (
            "sharegpt",
            {"messages": "id"},
            "id: no row can be read as a conversation: a text without",
        ),
        ("squad", {"prompt": ("answers",)}, "answers: holds objects, and a prompt is a text"),
        ("bank FAQ", {"messages": "Question", "prompt": ("Answer",)}, "and not both"),
        ("bank FAQ", {"completion": "Question", "prompt": ("Question",)}, "are both 'Question'"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, wanted: dict[str, Any], message: str) -> None:
    assert message in refused(TABLES[name], **wanted)


def test_objects_that_are_named_as_answers_are_learnt_as_json() -> None:
    found = guessed(TABLES["squad"], completion="answers")
    assert found.columns.json_answers
    assert str(found.taken["answers"]) == "completion: as named, learnt as JSON"


@pytest.mark.parametrize(
    "marks",
    [
        [[0, 4, "CITY"]],
        [{"start": 0, "end": 4, "labels": ["CITY"]}],
        [{"start_offset": 0, "end_offset": 4, "label": "CITY"}],
        json.dumps([{"start": 0, "end": 4, "label": "CITY"}]),
    ],
)
def test_marks_on_parts_of_a_text_are_no_answers_even_if_named(marks: object) -> None:
    rows = table(text=T.sentences(), label=[marks] * ROWS)
    problem = "holds marks on parts of a text (spans), which are not supported"
    assert f"`label` {problem}" in refused(rows)
    assert f"label: {problem}" in refused(rows, prompt=("text",), completion="label")


def test_who_takes_one_of_two_compared_answers_is_told_what_is_learnt() -> None:
    (note,) = guessed(TABLES["two models"], completion="response_a").notes
    assert note.startswith("`winner` says which answer is better")


def test_texts_that_hold_json_are_texts() -> None:
    rows = table(input=T.questions(), output=[f'{{"intent": "{i}"}}' for i in range(ROWS)])
    assert "--prompt input --completion output" in refused(rows)
    assert not guessed(rows, completion="output").columns.json_answers


def test_a_comment_on_a_rating_is_neither_asked_nor_answered() -> None:
    tickets = {"Description": T.questions(), "Satisfaction comment": T.sentences()}
    found = guessed(named({**tickets, "Resolution": T.sentences()}))
    assert found.columns.prompt == ("Description",)


def test_answers_that_stand_there_with_marks_of_html_too_are_read_without_them() -> None:
    answers = [f"{answer}." for answer in T.sentences()]
    marked = [f"<p>{answer}</p><br>" for answer in answers]
    found = guessed(table(question=T.questions(), answer_html=marked, answer=answers))
    assert found.columns == Columns(prompt="question", completion="answer")
    assert str(found.taken["answer_html"]) == "not read: `answer` with marks of HTML"
    given = guessed(table(question=T.questions(), a=marked, answer=answers), completion="a")
    assert given.columns.completion == "a"


def test_choices_show_a_value_of_each_column_cut_short() -> None:
    message = refused(
        table(
            col1=["An account\x1b[31m. " + "Long " * 30] * 9, col2=[f"{i} is it" for i in range(9)]
        )
    )
    assert '  col1: "An account [31m. Long Long' in message
    assert max(map(len, message.splitlines()[1:])) < 75


def test_no_control_character_of_a_name_reaches_a_terminal() -> None:
    odd = named({"question\x1b[2J": T.questions(), "answer\x1b[2J": T.one_of("A", "B")})
    assert "\x1b" not in refused(odd)
    found = guessed(pair(**{"split\x1b": T.one_of("train", "test")}))
    assert "\x1b" not in "".join([*found.notes, *map(str, found.taken.values())])


def test_names_with_blanks_are_quoted_as_a_shell_needs_them() -> None:
    rows = named({"My text": T.sentences(), "its": T.sentences()})
    assert "--prompt 'My text' --completion its" in refused(rows)


def test_a_constant_instruction_is_the_system_prompt_unless_one_was_given() -> None:
    rows = TABLES["one instruction for all"]
    assert str(guessed(rows).taken["instruction"]) == "system: one text in all rows"
    own = guessed(rows, system="Be brief.").columns
    assert (own.system, own.instruction) == ("Be brief.", SENTIMENT)
    both = guessed(rows, system="Be brief.", instruction="Good or bad?")
    assert str(both.taken["instruction"]).startswith("not read: one text in all rows")


def test_an_instruction_text_that_was_given_is_kept() -> None:
    assert guessed(TABLES["bank FAQ"], instruction="Answer:").columns.instruction == "Answer:"


def test_conversations_that_only_repeat_a_pair_are_left_to_it_and_longer_ones_are_not() -> None:
    asked, told = T.questions(), T.sentences()
    chats = [
        [{"role": "user", "content": a}, {"role": "assistant", "content": b}]
        for a, b in zip(asked, told, strict=True)
    ]
    found = guessed(table(question=asked, answer=told, messages=chats))
    assert found.columns == Columns(prompt="question", completion="answer")
    longer = table(question=asked, answer=told, messages=[[*chat, *chat] for chat in chats])
    assert "there are conversations beside a pair" in refused(longer)


def test_conversations_that_cannot_be_read_are_counted_with_the_reason() -> None:
    user, told = {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}
    tool = {"role": "tool", "content": "7"}
    chats = [[user, told, user]] * 5 + [[user, tool, told]]
    assert guessed(table(chat=chats)).notes[0] == (
        "1 of 6 conversations cannot be read: a turn of a tool ('tool'): tools are not read, unless"
        " --tools keep is named, or `tools: keep` in the source's columns"
    )


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (T.links(), "links"),
        ([f"user{i}@example.org" for i in range(ROWS)], "e-mail addresses"),
        (T.numbers(), "numbers"),
        (T.dates(), "dates"),
        (T.ids(), "ids"),
        ([""] * ROWS, "empty in all rows"),
        (["N/A"] * ROWS, "empty in all rows"),
    ],
)
def test_what_is_no_text_is_no_answer(values: list[Any], word: str) -> None:
    asked = T.questions()
    assert "no column holds answers" in refused(table(question=asked, answer=values))
    found = guessed(table(question=asked, answer=values, reply=T.sentences()))
    assert found.columns.completion == "reply"
    assert str(found.taken["answer"]) == f"not read: {word}"


def pair(**more: list[Any]) -> Table:
    return table(question=T.questions(), answer=T.sentences(), **more)


def test_a_slice_has_a_few_values_that_come_again() -> None:
    many = Texts(rows=900)
    rows = table(
        question=many.questions(),
        answer=many.sentences(),
        topic=[f"topic {i % 200}" for i in range(900)],
        section=[f"section {i % 201}" for i in range(900)],
        origin=["web"] * 900,
        area=[f"area {i}" if i < 150 else "none" for i in range(900)],
    )
    found = guessed(rows)
    assert found.columns.slices == ("topic",)
    assert str(found.taken["origin"]) == "not read: one value"


def test_three_slices_are_taken_those_first_whose_names_say_so() -> None:
    found = guessed(
        pair(
            colour=T.one_of("red", "blue"),
            language=T.one_of("en", "de"),
            topic=T.one_of("loans", "loans", "loans", "cards"),
            category=T.one_of("old", "new"),
            shape=T.one_of("round", "flat"),
        )
    )
    assert found.columns.slices == ("category", "language", "topic")
    assert str(found.taken["colour"]) == "not read: could be a slice (--slice)"


def test_named_slices_are_taken_and_none_if_none_are_wanted() -> None:
    rows = TABLES["bank FAQ"]
    none = guessed(rows, slices=())
    assert none.columns.slices == ()
    assert str(none.taken["Class"]) == "not read: could be a slice (--slice)"
    assert str(guessed(rows, slices=("Class",)).taken["Class"]) == "slice: as named"


def test_a_named_slice_is_not_taken_for_the_answer() -> None:
    assert "raw text" in refused(TABLES["sentiment"], slices=("label",))


def test_people_are_no_slice() -> None:
    assert guessed(pair(author=T.people(), agent=T.people())).columns.slices == ()


def test_a_group_is_an_id_that_comes_again_and_whose_name_says_so() -> None:
    ids = [f"c{i // 3:03}" for i in range(ROWS)]
    assert guessed(pair(thread_id=ids)).columns.group == "thread_id"
    assert guessed(pair(customerId=ids)).columns.group == "customerId"
    assert guessed(pair(batch=ids)).columns.group is None
    assert guessed(pair(thread_id=[f"c{i:03}" for i in range(ROWS)])).columns.group is None
    assert guessed(pair(thread_id=["c001"] * ROWS)).columns.group is None
    assert guessed(pair(thread_id=["c001", "c002"] * (ROWS // 2))).columns.group is None


def test_of_two_groups_the_surer_one_is_taken_and_the_other_told() -> None:
    found = guessed(
        pair(user_id=[i // 2 for i in range(ROWS)], conversation_id=[i // 3 for i in range(ROWS)])
    )
    assert found.columns.group == "conversation_id"
    assert str(found.taken["user_id"]) == "not read: numbers; could be the group (--group)"


def test_a_split_of_somebody_is_not_read_and_that_is_said() -> None:
    found = guessed(TABLES["turns with threads"])
    assert (
        "`split` (test, train): the project splits by itself; its values are not used"
        in found.notes
    )


AGAIN = [*["Call us, please."] * 20, *T.sentences()[20:]]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (
            TABLES["orca"],
            "`system_prompt` holds 2 system prompts, which are not read:"
            " --system TEXT gives all rows one",
        ),
        (TABLES["support tickets"], "`Resolution` is empty in 40 of 60 rows"),
        (
            table(question=T.questions(), answer=AGAIN),
            f'20 of {ROWS} answers are "Call us, please."',
        ),
        (
            pair(context=[{"contexts": ["a"]}] * ROWS),
            "`context` holds objects, which are not read with the prompt",
        ),
    ],
    ids=["system prompts", "missing answers", "repeated answers", "objects in the prompt"],
)
def test_what_is_lost_or_odd_is_told(rows: Table, note: str) -> None:
    assert guessed(rows).notes == (note,)


def test_answers_before_the_last_one_are_offered_until_they_are_taken() -> None:
    (every,) = guessed(TABLES["messages"]).notes
    assert re.fullmatch(
        r"only the last answer of each is learnt, 60 rows: --turns every takes every answer,"
        r" \d+ rows",
        every,
    )
    taken = guessed(TABLES["messages"], turns="every")
    assert taken.columns.turns == "every"
    assert not any("--turns" in note for note in taken.notes)


def test_several_tables_are_read_by_the_names_of_the_first() -> None:
    first = named({"Ticket Question": T.questions(), "Answer": T.sentences()}, "a.csv")
    second = named(
        {"page": T.links(), "ticket_question": T.questions(), "ANSWER ": T.sentences()}, "b.csv"
    )
    found = guess([first, second], NamedColumns())
    assert found.columns == Columns(prompt="Ticket Question", completion="Answer")
    assert str(found.taken["page"]) == "not read: a.csv lacks it"


def test_a_table_that_lacks_the_columns_of_the_first_is_named() -> None:
    first, second = pair(), named({"question": T.questions(), "note": T.dates()}, "b.csv")
    with pytest.raises(InputError, match=r"^b\.csv: answer: no such column; the columns are"):
        guess([first, second], NamedColumns())
    with pytest.raises(InputError, match=r"^b\.csv: answer: no such column"):
        guess([first, second], NamedColumns(completion="answer"))


def test_two_columns_that_differ_in_case_alone_are_two() -> None:
    rows = named({"answer": T.numbers(), "Answer": T.sentences(), "question": T.questions()})
    found = guessed(rows)
    assert found.columns.completion == "Answer"
    assert str(found.taken["answer"]) == "not read: numbers"


def test_good_and_bad_answers_are_asked_about_when_they_are_numbers_too() -> None:
    assert "`is_correct` says true or false" in refused(pair(is_correct=T.one_of(0, 1)))


def test_values_that_show_which_column_is_which_are_of_one_row() -> None:
    """Those of several rows look like a table that was shuffled."""
    names = ("question", "old", "new")
    rows = named({n: [f"{n} number {i}{' and more' * (i % 3)}" for i in range(30)] for n in names})
    shown = re.findall(r'"\w+ number (\d+)', refused(rows).partition("such as")[2])
    assert (len(shown), len(set(shown))) == (3, 1)


def test_a_first_line_that_could_be_a_record_is_told() -> None:
    asked = "How long does a transfer to another bank take?"
    (note,) = guessed(named({asked: T.questions(), "answer": T.sentences()})).notes
    assert note.startswith(
        f'the first line is taken for names, such as "{asked}"; if it is a record'
    )


def test_where_every_name_is_a_sentence_there_is_no_header() -> None:
    told = "It takes one day within the country."
    rows = named({"How long does a transfer take to arrive?": T.questions(), told: T.sentences()})
    assert refused(rows).startswith("rows.csv:1: reads like a record, and not like names")


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match=r"^empty\.csv: has no rows"):
        guess([Table(Path("empty.csv"), "csv", ("question", "answer"), ())], NamedColumns())


def test_a_mostly_empty_input_is_a_part_of_the_prompt() -> None:
    rows = table(instruction=T.tasks(), input=some(T.sentences(), 30), output=T.sentences())
    assert guessed(rows).columns.prompt == ("instruction", "input")


NAMES = st.sampled_from(
    [
        *("question", "answer", "text", "title", "messages", "chosen", "label", "id", "url"),
        *("group", "instruction", "split", "Ünï", "问题"),
    ]
) | st.text(min_size=1, max_size=8)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.sampled_from(["", "A", "Why?", "yes", "train", "[]", "{}", "User: a\nAssistant: b", "N/A"]),
    st.lists(
        st.dictionaries(st.sampled_from(["role", "content"]), st.text(max_size=5)), max_size=3
    ),
)


@given(
    names=st.lists(NAMES, min_size=1, max_size=5, unique=True),
    rows=st.lists(st.lists(VALUES, min_size=5, max_size=5), min_size=1, max_size=12),
)
def test_any_table_gives_columns_that_it_has_or_is_refused(
    names: list[str], rows: list[list[Any]]
) -> None:
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    try:
        found = guessed(named(columns))
    except InputError:
        return
    read = found.columns
    used = {*read.prompt, read.completion, read.messages, read.group, *read.slices} - {None}
    assert used <= set(found.taken) >= set(names)
    fields = set(found.taken) - set(names)  # of objects, as columns of their own
    assert all(any(name.startswith(f"{own}.") for own in names) for name in fields)
