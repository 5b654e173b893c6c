"""Rows with tools are answered as they are trained on, and an answer that is a call has a text."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer, cache_path, system_of
from evaluation.generation.backends.backend import reply_of
from evaluation.generation.hosted import request_of
from evaluation.generation.served_contestant import ServerModel
from evaluation.scoring.built_in import COLUMNS
from project.chat_template import with_template
from project.errors import InputError
from project.records.adapters import Contestant, HostedModel
from project.records.data import Row
from project.written_calls import UNREADABLE, written_calls
from tests.conftest import NUMERICS
from tests.curation.test_tool_rows import ANSWER, ASKED, RESULT, called, row

PLAIN = row(ASKED, ANSWER, tools=None)
ROWS = [row(ASKED, called(), RESULT, ANSWER), row(ASKED, called())]
# How each template writes the call; None: as rows have it.
FORMS = {
    "SmolLM2": None,
    "qwen2_5": None,
    "lfm2_v2": "[get_balance(account='savings')]",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_rows_with_tools_are_answered_and_their_own_answers_read(
    name: str, tiny_base: Path
) -> None:
    from evaluation.generation.answering_model import AnsweringModel
    from training.rows.row_tokens import row_tokens

    base = tiny_base
    if name != "SmolLM2":
        base = with_template(base, (files("trl") / f"chat_templates/{name}.jinja").read_text())
    model = AnsweringModel(base, None, Decoding(max_new_tokens=4), "float32")
    for own in ROWS:
        (answer,) = model.answer([own])
        tokens = row_tokens(own, model.tokenizer)
        assert answer.prompt_tokens == tokens.learnt.index(True)
        assert answer.reference_tokens and None not in model.reference_logprobs([own])
        form = FORMS[name] if own.calls else None
        assert (answer.reference is None) == (form is None)
        assert form is None or form in str(answer.reference)
        expected = answer.reference or own.completion_text
        assert COLUMNS["references"].of(own, answer) == expected
        told = [(call.name, call.arguments) for call in own.calls]
        assert written_calls(expected) == told


def test_an_answer_under_other_tools_is_another_answer() -> None:
    made: dict[str, Any] = {"item": "a", "text": "b", "tokens": 1, "prompt_tokens": 1}
    assert "reference" not in Answer(**made).model_dump()
    system = system_of(Contestant(base=hosted().pin), "d", NUMERICS, "c", libraries=())
    plain = Row.of("What is left?", "90.", group="g", source="s", row_id="r")
    more = plain.model_copy(update={"tools": ROWS[0].tools})
    assert cache_path(system, [plain], 1) != cache_path(system, [more], 1)


def hosted() -> HostedModel:
    return HostedModel(url="https://api.example/v1", model="big")


def test_a_hosted_model_gets_tools_as_its_api_has_them_and_its_calls_are_a_text() -> None:
    request = request_of(Contestant(base=hosted().pin), ROWS[0], Decoding(), 0)
    body = request.body()
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "tool"]
    (call,) = body["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"account": "savings"}
    said = {"role": "tool", "content": '{"balance": 90}', "tool_call_id": call["id"]}
    assert body["messages"][2] == said
    assert [tool["function"]["name"] for tool in body["tools"]] == ["get_balance"]
    assert "tools" not in request_of(Contestant(base=hosted().pin), PLAIN, Decoding(), 0).body()
    made = {"name": "get_balance", "arguments": '{"account":"savings"}'}
    message: dict[str, Any] = {"tool_calls": [{"id": "1", "function": made}]}
    assert reply_of({"choices": [{"message": message}]}).text == ROWS[1].completion_text
    message = {"tool_calls": [{"function": made | {"arguments": {"account": "savings"}}}]}
    assert reply_of({"choices": [{"message": message}]}).text == ROWS[1].completion_text
    message = {"content": "So.", "tool_calls": [{"function": made | {"arguments": '{"acc'}}]}
    cut = reply_of({"choices": [{"message": message}]}).text
    assert cut.startswith("So.\n") and written_calls(cut) == [UNREADABLE]
    weighed = row(ASKED, {**ANSWER, "weight": 0}, ASKED, ANSWER, tools=None)
    assert (
        b"weight"
        not in request_of(Contestant(base=hosted().pin), weighed, Decoding(), 0).canonical()
    )


def served(base: Path | None, **plain: object) -> ServerModel:
    """A model on a server whose base lies here, or nowhere."""
    return ServerModel(
        backend=None,  # type: ignore[arg-type]  # nothing is asked
        name="m",
        decoding=Decoding(),
        runner=None,  # type: ignore[arg-type]
        plain=plain,
        base=base,
    )


@pytest.mark.slow
def test_a_server_is_asked_as_the_base_was_trained_or_not_at_all(base_model: Path) -> None:
    text = (files("trl") / "chat_templates/qwen2_5.jinja").read_text()
    knows = with_template(base_model, text)
    asked = served(knows, top_k=-1).body(ROWS[0], 0)
    shown = [tool["function"] | {"description": ""} for tool in ROWS[0].tools or ()]
    assert [tool["function"] for tool in asked["tools"]] == shown
    assert asked["tool_choice"] == "none"
    (call,) = asked["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"account": "savings"}
    assert asked["messages"][2]["tool_call_id"] == call["id"]
    with pytest.raises(InputError, match="choose embedded or vllm"):
        served(knows).body(ROWS[0], 0)
    for base in (base_model, None):
        told = served(base).body(ROWS[0], 0)
        assert "tools" not in told and told["messages"][0]["role"] == "system"
    plain = Row.of("What is left?", "90.", group="g", source="s")
    assert served(knows).body(plain, 0)["messages"] == [
        {"role": "user", "content": "What is left?"}
    ]
