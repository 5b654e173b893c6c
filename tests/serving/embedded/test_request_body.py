"""Requests in OpenAI's shape: what is asked, and what is refused by its field."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from jinja2 import TemplateError

from evaluation.generation.backends.backend import BackendError, Endpoint
from serving.embedded.engine_request import QuestionReader, parse_body
from tests.serving.embedded.conftest import chat


@dataclass
class LetterTokenizer:
    """A token a letter; its template joins what was said."""

    seen: dict[str, Any] = field(default_factory=dict)

    def apply_chat_template(self, messages: list[dict[str, Any]], **named: Any) -> dict[str, Any]:
        self.seen = self.seen or {"messages": messages, **named}
        if messages[-1]["role"] == "assistant":
            raise TemplateError("the last message must be the user's")
        return self("".join(message["content"] for message in messages))

    def __call__(self, text: str) -> dict[str, Any]:
        return {"input_ids": [ord(letter) for letter in text]}


def refusal(body: dict[str, Any], endpoint: Endpoint = Endpoint.CHAT) -> BackendError:
    with pytest.raises(BackendError) as caught:
        QuestionReader(LetterTokenizer(), 100, 50, 99).read(endpoint, body)
    assert caught.value.status == 400
    assert caught.value.body["type"] == "invalid_request_error"
    return caught.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("n", True),
        ("temperature", -1),
        ("temperature", "hot"),
        ("temperature", float("nan")),
        ("top_p", 0),
        ("max_tokens", 0),
        ("max_completion_tokens", 1.5),
        ("stop", ["a"] * 5),
        ("stop", 3),
        ("seed", "one"),
        ("messages", []),
        ("messages", "hello"),
        ("messages", [{"role": "robot", "content": "hello"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
        ("tools", "hammer"),
        ("stream_options", "all"),
        ("logprobs", True),
        ("logprobs", 0),
        ("top_logprobs", 3),
        ("logit_bias", {"5": 100}),
        ("response_format", {"type": "xml"}),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": "object"}}),
        ("frequency_penalty", 0.5),
        ("tool_choice", "required"),
        ("tool_choice", "any"),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_bad_value_is_refused_by_its_field(name: str, value: object) -> None:
    assert refusal(chat("m", "hello", **{name: value})).body["param"] == name


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stop": ["a"] * 5}, "`stop`: 4 texts at most."),
        ({"stop": [1]}, "`stop.0`: must be a valid string."),
        ({"stop": 3}, "`stop`: must be a valid list."),
        ({"tool_choice": "any"}, "`tool_choice`: must be 'none', 'auto' or 'required'."),
        (
            {"tool_choice": {"type": "function", "function": {}}},
            "`tool_choice.function.name`: Field required.",
        ),
        (
            {"messages": [{"role": "user", "content": 5}]},
            "`messages.0.content`: must be a valid string.",
        ),
        ({"temperature": 3}, "`temperature`: must be less than or equal to 2."),
    ],
)
def test_a_refusal_names_the_field_as_the_caller_wrote_it(
    fields: dict[str, Any], told: str
) -> None:
    assert str(refusal(chat("m", "hello", **fields))) == told


@pytest.mark.parametrize("prompt", [["a", "b"], [], [1, 2], [[1, 2]], 7])
def test_what_is_no_single_text_is_refused_as_such(prompt: object) -> None:
    error = refusal({"model": "m", "prompt": prompt}, Endpoint.COMPLETIONS)
    assert str(error) == "`prompt`: one text; the embedded backend takes no tokens."


@pytest.mark.attack
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("guided_regex", "yes|no"),
        ("guided_json", {"type": "object"}),
        ("guided_choice", ["yes", "no"]),
        ("structured_outputs", {"regex": "yes|no"}),
        ("regex", "yes|no"),
        ("ebnf", "root ::= 'yes'"),
        ("stop_token_ids", [2]),
        ("bad_words", ["no"]),
        ("allowed_token_ids", [5]),
        ("min_tokens", 5),
        ("ignore_eos", True),
        ("length_penalty", 2),
        ("include_stop_str_in_output", True),
        ("skip_special_tokens", False),
        ("truncate_prompt_tokens", 10),
        ("prompt_logprobs", 1),
        ("continue_final_message", True),
        ("add_special_tokens", True),
        ("reasoning_effort", "high"),
        ("prediction", {"type": "content", "content": "x"}),
        ("a field that nobody knows yet", 1),
    ],
)
def test_a_field_that_would_be_left_out_in_silence_is_refused(name: str, value: object) -> None:
    error = refusal(chat("m", "hello", **{name: value}))
    assert (error.body["param"], error.body["code"]) == (name, "unsupported_parameter")


@pytest.mark.attack
def test_a_field_of_a_message_that_would_be_left_out_is_refused() -> None:
    said = [{"role": "user", "content": "hello", "prefix": True}]
    assert "messages.0.prefix" in str(refusal({"model": "m", "messages": said}))
    said = [{"role": "user", "content": "hello", "refusal": None, "annotations": []}]
    assert parse_body({"model": "m", "messages": said}).messages


def test_values_that_ask_for_nothing_and_notes_on_who_asks_are_left_aside() -> None:
    nothing = {"n": 1, "logprobs": False, "response_format": {"type": "text"}, "stop": None}
    nothing |= {"top_k": -1, "skip_special_tokens": True, "functions": [], "verbosity": "medium"}
    other = {"frequency_penalty": 0.0, "user": "u1", "metadata": {"a": "b"}, "store": True}
    assert parse_body(chat("m", "hello", **nothing, **other)).stops == ()


def test_text_parts_are_one_text_and_developers_are_the_system() -> None:
    tokenizer = LetterTokenizer()
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    said = [{"role": "developer", "content": "x"}, {"role": "user", "content": parts}]
    QuestionReader(tokenizer, 100, 50, 99).read(Endpoint.CHAT, {"model": "m", "messages": said})
    assert tokenizer.seen["messages"] == [
        {"role": "system", "content": "x"},
        {"role": "user", "content": "ab"},
    ]


def test_tool_choice_none_hides_the_tools() -> None:
    tokenizer = LetterTokenizer()
    body = chat("m", "hello", tools=[{"type": "function"}], tool_choice="none")
    QuestionReader(tokenizer, 100, 50, 99).read(Endpoint.CHAT, body)
    assert tokenizer.seen["tools"] is None


def test_messages_that_the_template_refuses_are_the_callers_fault() -> None:
    said = [{"role": "assistant", "content": "hello"}]
    assert "must be the user's" in str(refusal({"model": "m", "messages": said}))


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused() -> None:
    assert refusal(chat("m", "a" * 90)).body["code"] == "context_length_exceeded"
    assert refusal(chat("m", "a" * 99, max_tokens=5)).body["code"] == "context_length_exceeded"


@pytest.mark.attack
@pytest.mark.parametrize("text", ["a" * 100, "a" * 10**6])
def test_a_prompt_of_more_tokens_than_the_settings_allow_is_refused(text: str) -> None:
    tokenizer = LetterTokenizer()
    with pytest.raises(BackendError, match="99 is the most that the embedded"):
        QuestionReader(tokenizer, float("inf"), 50, 99).read(Endpoint.CHAT, chat("m", text))
    assert bool(tokenizer.seen) == (len(text) < 10**6)  # the longest are not even cut into tokens


@pytest.mark.parametrize(
    ("length", "asked", "limit"),
    [
        (10, {"max_tokens": 90}, 90),
        (10, {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        (10, {"max_tokens": None}, 50),
        (80, {"max_tokens": None}, 20),
    ],
)
def test_an_answer_is_as_long_as_asked_or_as_there_is_room(
    length: int, asked: dict[str, Any], limit: int
) -> None:
    body = chat("m", "a" * length, **asked)
    question = QuestionReader(LetterTokenizer(), 100, 50, 99).read(Endpoint.CHAT, body)
    assert question.limit == limit


def test_completions_take_one_prompt() -> None:
    reader = QuestionReader(LetterTokenizer(), 100, 50, 99)
    for prompt in ("ab", ["ab"]):
        body = {"model": "m", "prompt": prompt}
        assert reader.read(Endpoint.COMPLETIONS, body).prompt == [97, 98]
    for prompt in ([], ["a", "b"], "", 7, [1, 2], None):
        body = {"model": "m", "prompt": prompt}
        assert refusal(body, Endpoint.COMPLETIONS).body["param"] == "prompt"


def test_what_a_caller_wrote_comes_back_short_and_on_one_line() -> None:
    body = chat("m", "hello", tool_choice="required\n" * 1000)
    assert len(str(refusal(body))) < 500
    assert "\n" not in str(refusal(body))
