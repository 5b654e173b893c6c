"""Answers that may call tools: how many call one, fail and ask back is watched night by night."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from monitoring.drift.reference import Reference
from monitoring.drift.signal_tests import shared_out
from monitoring.night_text import headline
from monitoring.signals.answer_signals import TOOL_SIGNALS
from monitoring.traffic.traffic_store import redacted
from project.records.data import Message, Row
from project.records.drift import OF_ANSWERS, DriftVerdict
from project.records.tool_calls import CalledFunction, ToolCall
from project.records.traffic import Traffic
from tests.monitoring.test_night_report import night, reading
from tests.monitoring.test_outcomes import batch, frozen, readings, rows_of

NEW = tuple(signal.name for signal in TOOL_SIGNALS)
TOOL = {"type": "function", "function": {"name": "get_balance", "parameters": {"type": "object"}}}
CALL = '{"name": "get_balance", "arguments": {"account": "A1"}}'
CALLS, CUT = f"<tool_call>{CALL}</tool_call>", f"<tool_call>{CALL[:-2]}"
SAYS, ASKS = "You have 5 euros.", "Which account do you mean?"


def with_tools(
    number: int, count: int, *, calls: float = 0.5, cut: float = 0.05, asks: float = 0.2
) -> list[Traffic]:
    random = Random(number + 100)

    def said() -> str:
        if random.random() < calls:
            return CUT if random.random() < cut else CALLS
        return ASKS if random.random() < asks else SAYS

    asked = [row.model_copy(update={"outcome": None}) for row in rows_of(number, count)]
    return [row.model_copy(update={"tools": (TOOL,), "response": said()}) for row in asked]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"calls": 0.2, "asks": 0.125}, {"calling"}),
        ({"cut": 0.4}, {"failed_calls"}),
        ({"asks": 0.8}, {"asking_back"}),
        ({"asks": 0.0}, {"asking_back"}),
        ({}, set()),
    ],
)
def test_another_rate_of_calls_of_failed_ones_and_of_questions_is_drift_each_by_itself(
    change: dict[str, float], found: set[str]
) -> None:
    told = readings(frozen(with_tools(0, 1_000)), with_tools(1, 500, **change))
    assert {name for name in NEW if told[name].verdict is DriftVerdict.DRIFT} == found


def names(reference: Reference) -> set[str]:
    return {signal.name for signal in reference.signals}


def test_without_tools_in_the_log_the_levels_of_the_other_signals_stay_as_they_were() -> None:
    plain, told = frozen(rows_of(0, 400, told=False)), frozen(with_tools(0, 400))
    assert not names(plain) & {*NEW}
    assert names(Reference.from_bytes(told.to_bytes())) == names(plain) | {*NEW}
    assert {*NEW} < OF_ANSWERS
    others = [one for one in told.signals if one.name not in NEW]
    assert shared_out(0.5, plain.signals) == shared_out(0.5, others)


def values(rows: Sequence[Traffic]) -> list[list[float | None]]:
    found = [getattr(batch(rows), name) for name in NEW]
    assert all(one is not None for one in found)
    columns = [[None if np.isnan(v) else float(v) for v in one] for one in found]
    return [list(row) for row in zip(*columns, strict=True)]


def one(response: str, results: Sequence[str] = (), **fields: Any) -> Traffic:
    row = with_tools(0, 1)[0].model_copy(update={"response": response, **fields})
    if not results:
        return row
    call = ToolCall(function=CalledFunction(name="get_balance", arguments="{}"))
    told = [Message(role="assistant", content="", tool_calls=(call,) * len(results))]
    told += [Message(role="tool", content=text) for text in results]
    return row.model_copy(update={"turns": (Message(role="user", content="?"), *told)})


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (one(SAYS), [0, None, 0]),
        (one(ASKS), [0, None, 1]),
        (one('He asked: "Which one?"'), [0, None, 1]),
        (one(f"Shall I? {CALLS}"), [1, 0, 0]),
        (one(CUT), [1, 1, 0]),
        (one(CALLS.replace("get_balance", "get_blance")), [1, 1, 0]),
        (one(f"{CALLS}\n{CUT}"), [1, 1, 0]),
        (one(SAYS, ['{"balance": 5, "errors": []}']), [0, 0, 0]),
        (one(SAYS, ["5", '{"error": "no such account"}']), [0, 1, 0]),
        (one(SAYS, ['{"isError": true, "content": []}']), [0, 1, 0]),
        (one(SAYS, ['{"success": false}']), [0, 1, 0]),
        (one(SAYS, ["ValueError: no such account"]), [0, 1, 0]),
        (one(SAYS, ["No errors."]), [0, 0, 0]),
        (one(CALLS, ['{"status": "error"}']), [1, 1, 0]),
        (one(CALLS, tools=None), [None, None, None]),
        (one(CALLS, adapter="bank v7"), [None, None, None]),
    ],
)
def test_what_a_row_says_of_calls(row: Traffic, told: list[float | None]) -> None:
    assert values([row, one(CALLS)])[0] == told


def test_a_result_counts_in_the_request_that_brings_it_alone() -> None:
    row = one(SAYS, ["Error: none"])
    later = (*(row.turns or ()), Message(role="assistant", content=SAYS))
    asked = (*later, Message(role="user", content="And now?"))
    assert values([row.model_copy(update={"turns": asked}), one(CALLS)])[0] == [0, None, 0]


def test_the_headline_says_what_changed() -> None:
    alarm = reading(signal="failed_calls", verdict=DriftVerdict.DRIFT, effect=0.2)
    said = headline(night(verdict=DriftVerdict.DRIFT, readings=(alarm,)))
    assert "answers changed: at least 20 % of calls of tools more fail" in said


# --- the log --------------------------------------------------------------------------------------

MAIL, IBAN = "jane.doe@mail.example", "DE89370400440532013000"


def test_calls_results_and_tools_in_the_log_are_redacted_and_stay_what_they_are() -> None:
    function = CalledFunction(name="get_balance", arguments=f'{{"account": "{IBAN}", "n": 1}}')
    turns = (
        Message(role="user", content=f"I am {MAIL}."),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c", function=function),)),
        Message(role="tool", content=f'{{"owner": "{MAIL}"}}', tool_call_id="c"),
    )
    own = TOOL["function"] | {"description": f"Ask {MAIL}."}  # type: ignore[operator]
    tools = ({"type": "function", "function": own},)
    row = redacted(one(SAYS, turns=turns, tools=tools))
    text = row.model_dump_json()
    assert MAIL not in text and IBAN not in text
    read = Traffic.model_validate_json(text)
    assert read == row and read.turns and read.turns[1].tool_calls
    assert read.turns[1].tool_calls[0].arguments["n"] == 1
    # It is what a row with tools is made of.
    answer = (Message(role="assistant", content=read.response),)
    assert Row(
        id="r", prompt=read.turns, completion=answer, group="g", source="s", tools=read.tools
    )


@pytest.mark.parametrize("other", [{"tools": ["search"]}, {"turns": 3}, {"tools": "none"}])
def test_a_field_of_that_name_in_somebodys_own_log_is_left_aside(other: dict[str, object]) -> None:
    told = one(SAYS, tools=None).model_dump(exclude_none=True) | other
    read = Traffic.model_validate(told)
    assert (read.tools, read.turns) == (None, None)
