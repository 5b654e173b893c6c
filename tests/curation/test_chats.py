"""Conversations of the usual shapes are read turn by turn; what cannot be told is refused."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources.chat_shapes import conversation
from curation.sources.turns import HEADINGS, SPEAKERS, pairs
from project.records.data import Message

Said = list[tuple[str, str]]  # roles with texts

ASKED = ("user", "Where is my parcel?")
TOLD = ("assistant", "In Riga.\n\nIt leaves today.")
MORE = ("user", "When will it come?")
LAST = ("assistant", "On Friday.")
TALK = [ASKED, TOLD, MORE, LAST]


def read(value: object) -> Said:
    return [(turn.role, turn.content) for turn in conversation(value)]


def messages(*turns: tuple[str, str]) -> list[Message]:
    return [Message.model_validate({"role": role, "content": text}) for role, text in turns]


def listed(said: Said, who: str, what: str, **names: str) -> list[dict[str, str]]:
    return [{who: names.get(role, role), what: text} for role, text in said]


def openai(said: Said) -> Any:
    return listed(said, "role", "content", system="developer")


def parts(said: Said) -> Any:
    return [{"role": r, "content": [{"type": "text", "text": text}]} for r, text in said]


def sharegpt(said: Said) -> Any:
    return {"conversations": listed(said, "from", "value", user="human", assistant="gpt")}


def oasst(said: Said) -> Any:
    return listed(said, "role", "text", user="prompter")


def spoken(said: Said) -> Any:
    return listed(said, "speaker", "utterance", user="Customer", assistant="Agent")


def chatml(said: Said) -> str:
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said)


def llama3(said: Said) -> str:
    turns = (f"<|start_header_id|>{r}<|end_header_id|>\n\n{text}<|eot_id|>" for r, text in said)
    return "<|begin_of_text|>" + "".join(turns)


def gemma(said: Said) -> str:
    names = {"assistant": "model"}
    turns = (f"<start_of_turn>{names.get(r, r)}\n{text}<end_of_turn>\n" for r, text in said)
    return "<bos>" + "".join(turns)


def zephyr(said: Said) -> str:
    return "".join(f"<|{role}|>\n{text}</s>\n" for role, text in said)


def phi(said: Said) -> str:
    return "".join(f"<|{role}|>\n{text}<|end|>\n" for role, text in said) + "<|endoftext|>"


def llama2(said: Said) -> str:
    text, system = "", ""
    for role, said_text in said:
        if role == "system":
            system = f"<<SYS>>\n{said_text}\n<</SYS>>\n\n"
        elif role == "user":
            text, system = f"{text}<s>[INST] {system}{said_text} [/INST]", ""
        else:
            text += f" {said_text} </s>"
    return text


def worded(before: str, between: str, after: str, **names: str) -> Callable[[Said], str]:
    """A writer of headings or of lines that begin with who speaks."""
    return lambda said: after.join(f"{before}{names[r]}{between}{text}" for r, text in said)


JSON_SHAPES = [openai, parts, sharegpt, oasst, spoken]
TOKENS = [chatml, llama3, gemma, zephyr, phi]
WORDED = [
    worded("### ", ":\n", "\n\n", system="System", user="Instruction", assistant="Response"),
    worded("### ", ": ", "", system="System", user="Human", assistant="Assistant"),
    worded("", ": ", "\n", system="System", user="User", assistant="Assistant"),
    worded("\n\n", ": ", "", system="System", user="Human", assistant="AI"),
    worded("**", ":** ", "\n", system="System", user="Customer", assistant="Agent"),
    worded("[10:42] ", ": ", "\n", system="System", user="Kunde", assistant="Berater"),
]
QUESTIONS = [
    worded("", ": ", "\n", user="Q", assistant="A"),
    worded("", ":", "\n\n", user="Question", assistant="Answer"),
    worded("", "：", "\n", user="问", assistant="答"),
    worded("", ": ", "\n", user="Вопрос", assistant="Ответ"),
]
WORDS = "|".join(re.escape(w) for table in (HEADINGS, *SPEAKERS) for w in table)
MARK = re.compile(rf"#|({WORDS})[\W\d]*[:：]|<\|?/?\w+|inst\]|prompt\]", re.I)
TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.just("\n"))
    .map(str.strip)
    .filter(lambda text: text and not MARK.search(text))
)


@st.composite
def talks(draw: st.DrawFn, *, system: bool = True) -> Said:
    """Well-formed turns: a system prompt or none, then a user and an assistant in turn."""
    texts = draw(st.lists(TEXTS, min_size=2, max_size=7))
    said = [("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)]
    return [("system", draw(TEXTS)), *said] if system and draw(st.booleans()) else said


@given(talks())
def test_each_shape_and_each_chat_template_reads_back_the_same_turns(said: Said) -> None:
    for write in (*JSON_SHAPES, *TOKENS, llama2):
        assert read(write(said)) == said, write.__name__


@given(talks())
def test_a_shape_may_be_written_as_json_or_as_python_prints_it(said: Said) -> None:
    for write in JSON_SHAPES:
        assert read(json.dumps(write(said))) == said
        assert read(repr(write(said))) == said


@given(talks())
@pytest.mark.parametrize("write", WORDED)
def test_headings_and_lines_read_back_the_same_turns(
    write: Callable[[Said], str], said: Said
) -> None:
    assert read(write(said)) == said


@given(talks(system=False))
@pytest.mark.parametrize("write", QUESTIONS)
def test_questions_and_answers_read_back_the_same_turns(
    write: Callable[[Said], str], said: Said
) -> None:
    assert read(write(said)) == said


@pytest.mark.parametrize(
    "text",
    [
        "### Instruction:\nAdd.\n\n### Input:\n2 and 3\n\n### Response:\n5",
        "Below is an instruction that describes a task, paired with an input.\n\n"
        "### Instruction:\nAdd.\n\n### Input:\n2 and 3\n\n### Response:\n5</s>",
        "<s>[INST] Add.\n\n2 and 3 [/INST] 5</s>",
        "<｜begin▁of▁sentence｜><｜User｜>Add.\n\n2 and 3<｜Assistant｜>5<｜end▁of▁sentence｜>",
        "USER: Add.\n\n2 and 3 ASSISTANT: 5</s>",
        "<human>: Add.\n\n2 and 3\n<bot>: 5",
        "[10:42] User: Add.\r\n[10:43] User: 2 and 3\r\n[10:43] Assistant: 5",
        "Customer (10:42): Add.\nCustomer (10:43): 2 and 3\nAgent (10:44): 5",
    ],
)
def test_one_question_in_many_hands(text: str) -> None:
    assert read(text) == [("user", "Add.\n\n2 and 3"), ("assistant", "5")]


def test_what_stands_before_the_first_heading_is_the_system_prompt() -> None:
    assert read("Be kind. USER: Hi ASSISTANT: Hello</s>USER: Bye ASSISTANT: Bye!</s>") == [
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Bye"),
        ("assistant", "Bye!"),
    ]


def test_words_that_occur_first_in_an_answer_are_no_marks() -> None:
    answer = "Two kinds:\nQ: short\nA: long\nAgent: none"
    assert read(f"User: Which?\nAssistant: {answer}") == [("user", "Which?"), ("assistant", answer)]
    said = read("### Instruction:\nList.\n\n### Response:\nOne.\n\n### Output: two")
    assert said[-1] == ("assistant", "One.\n\n### Output: two")


def test_letters_before_choices_are_no_answers() -> None:
    said = read("Question: Which?\nA: red\nB: blue\nAnswer: B")
    assert said == [("user", "Which?\nA: red\nB: blue"), ("assistant", "B")]


def test_a_turn_may_hold_both_sides() -> None:
    both = [{"input": "Hi", "output": "Hello"}, {"output": "Bye!", "input": "Bye"}]
    assert read(both)[2:] == [("user", "Bye"), ("assistant", "Bye!")]


def test_what_one_side_says_in_one_go_is_one_turn() -> None:
    turns = [ASKED, ("user", ""), ("user", "Order 17."), LAST]
    assert read(openai(turns)) == [("user", "Where is my parcel?\n\nOrder 17."), LAST]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("Bonds are loans.", "a text without marks"),
        ("User: one speaks alone", "a text without marks"),
        ("He said:\nUser: no\nAssistant: yes", "a text without marks"),
        ("", "is empty"),
        ([], "has no turns"),
        ("[]", "has no turns"),
        (None, "is no conversation"),
        ({"text": "?"}, "an object without messages or conversations"),
        (["Hi", "Hello"], "items do not say who speaks"),
        ([{"content": "?"}], r"does not say who speaks, with \['content'\]"),
        ([{"role": "user"}], r"a turn without a text, with \['role'\]"),
        ([{"role": "narrator", "content": "?"}], "who is 'narrator'"),
        ([{"role": "tool", "content": "7"}], r"a turn of a tool \('tool'\)"),
        ([{"from": "function_call", "value": "{}"}], "a turn of a tool"),
        ([{"from": "observation", "value": "{}"}], "a turn of a tool"),
        ("<|im_start|>tool\n7<|im_end|>", "a turn of a tool"),
        ("USER: 2+3\nASSISTANT: call\nFUNCTION RESPONSE: 5", "a turn of a tool"),
        ([{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}], "calls a tool"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "'image_url'"),
        ([{"from": "human", "value": "<image>\nWhat is it?"}], "<image>"),
        ([{"role": "user", "content": 7}], "content is no text: 7"),
        ([{"role": "user", "content": "\ud800"}], "half a character"),
        ("Hm <|im_start|>user\nHi<|im_end|>", "text before its first turn"),
        ("<|im_start|>user\nHi<|im_end|> hm <|im_start|>assistant\nHo<|im_end|>", "between two"),
        ("<|im_start|>narrator\nHi<|im_end|>", "who is 'narrator'"),
        ("[" * 100_000, "a text without marks"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        conversation(value)


def test_the_last_answer_is_given_all_that_was_said_before() -> None:
    found = pairs(messages(("system", "Be brief."), *TALK), "last")
    assert found.pairs == (
        (tuple(messages(("system", "Be brief."), ASKED, TOLD, MORE)), *messages(LAST)),
    )


def test_every_answer_is_given_all_that_was_said_before_it() -> None:
    found = pairs(messages(*TALK), "every")
    assert found.pairs == (
        (tuple(messages(ASKED)), *messages(TOLD)),
        (tuple(messages(ASKED, TOLD, MORE)), *messages(LAST)),
    )


def test_turns_that_nobody_answered_and_greetings_are_dropped() -> None:
    found = pairs(messages(("assistant", "Hello!"), ASKED, TOLD, MORE), "last")
    assert found.pairs == ((tuple(messages(ASKED)), *messages(TOLD)),)


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([ASKED], "nobody answers"),
        ([], "nobody answers"),
        ([TOLD], "nobody asks before the answer"),
        ([("user", " "), LAST], "nobody asks before the answer"),
        ([ASKED, TOLD, MORE, ("assistant", " \n")], "its last answer is empty"),
    ],
)
def test_a_conversation_without_a_pair_says_why(turns: Said, why: str) -> None:
    found = pairs(messages(*turns), "last")
    assert (found.pairs, found.why) == ((), why)


def test_an_empty_answer_is_no_row_and_is_not_shown_to_later_ones() -> None:
    found = pairs(messages(ASKED, ("assistant", ""), MORE, LAST), "every")
    asked = ("user", "Where is my parcel?\n\nWhen will it come?")
    assert found.pairs == ((tuple(messages(asked)), *messages(LAST)),)


@given(talks())
def test_every_answer_of_a_well_formed_conversation_becomes_a_pair(said: Said) -> None:
    found = pairs(conversation(openai(said)), "every")
    assert len(found.pairs) == sum(role == "assistant" for role, _ in said)
    assert found.pairs[-1:] == pairs(conversation(openai(said)), "last").pairs
    assert all(prompt[-1].role == "user" for prompt, _ in found.pairs)
