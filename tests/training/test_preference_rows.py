"""Preferences as examples: what DPO takes, what KTO takes, and in which order."""

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from project.errors import InputError
from project.records.adapters import Contestant, ModelPin
from project.records.data import EvidencePassage, Message, Row
from project.records.preferences import Preference, PreferencePair, RatedAnswer
from project.records.tool_calls import CalledFunction, ToolCall
from project.shown_passages import USUAL
from training.rows.preference_rows import (
    RatedExample,
    TemplateParts,
    balanced,
    fitting,
    mixed,
    pair_examples,
    rated_examples,
)
from training.steps.preference_trainers import dpo_step_data, kto_step_data
from training.training_settings import DpoParams, KtoParams

ROWS = [Row.of(f"Question {i}?", f"Answer {i}.", group=str(i), source="s") for i in range(20)]
PAIR = PreferencePair(prompt="What is the fee?", chosen="Ten.", rejected="None, guaranteed!")
PIN = ModelPin(model="m", name="m", revision="1", weights="w", config="c", chat_template="t")
BARE = Contestant(base=PIN)


def bad(prompt: str, completion: str = "Guaranteed!") -> RatedAnswer:
    return RatedAnswer(prompt=prompt, completion=completion, label=False)


def rated(prompt: str, text: str, *, good: bool) -> RatedExample:
    return RatedExample((Message(role="user", content=prompt),), text, good)


def test_dpo_learns_from_pairs_under_the_system_prompt() -> None:
    (example,) = pair_examples(
        [PAIR, bad("Who?")], Contestant(base=PIN, system_prompt="You are a bank.")
    )
    assert example.turns() == {
        "prompt": [
            {"role": "system", "content": "You are a bank."},
            {"role": "user", "content": "What is the fee?"},
        ],
        "chosen": [{"role": "assistant", "content": "Ten."}],
        "rejected": [{"role": "assistant", "content": "None, guaranteed!"}],
        "tools": None,
    }


def test_a_prompt_of_several_turns_stays_one() -> None:
    turns = tuple(Message(role=r, content=r) for r in ("user", "assistant", "user"))
    (example,) = pair_examples([PAIR.model_copy(update={"messages": turns})], BARE)
    assert example.prompt == turns


CALL = ToolCall(id="c", function=CalledFunction(name="get_fee", arguments='{"of": "card"}'))
TOOL = {"type": "function", "function": {"name": "get_fee", "parameters": {"type": "object"}}}


PAYS = {"sum": {"type": "string"}}


def test_tools_and_their_results_stand_in_the_prompt_as_the_base_is_asked() -> None:
    turns = (
        Message(role="user", content="What is the fee?"),
        Message(role="assistant", content="", tool_calls=(CALL,)),
        Message(role="tool", content="10", tool_call_id="c"),
    )
    given = PAIR.model_copy(update={"messages": turns, "tools": (TOOL,)})
    (pair,) = pair_examples([given], BARE)
    first, *asked = pair.turns()["prompt"]
    assert first["role"] == "system" and '"name": "get_fee"' in first["content"]
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    assert CALL.text == asked[1]["content"] and "<tool_response>" in asked[2]["content"]
    (other,) = pair_examples([given], BARE, TemplateParts(system=False))
    assert other.turns()["prompt"][0]["role"] == "user"
    assert given.id != PAIR.id


def test_a_template_that_shows_tools_itself_gets_them_and_the_calls_of_answers() -> None:
    cut = CALL.text.removesuffix("}\n</tool_call>")
    answers = {"chosen": f"One moment. {CALL.text}", "rejected": cut}
    given = PAIR.model_copy(update={"tools": (TOOL,), **answers})
    (pair,) = pair_examples([given], BARE, TemplateParts(tools=True))
    told = pair.turns()
    assert told["prompt"] == [{"role": "user", "content": PAIR.prompt}]
    assert json.loads(told["tools"])[0]["function"]["name"] == "get_fee"
    (better,) = told["chosen"]
    assert better["content"] == "One moment."
    assert better["tool_calls"][0]["function"] == {"name": "get_fee", "arguments": {"of": "card"}}
    assert told["rejected"] == [{"role": "assistant", "content": cut}]
    good, bad = rated_examples([given], [], BARE, 0, TemplateParts(tools=True))
    assert good.turns()["completion"] == [better] and bad.tools == told["tools"]
    (plain,) = pair_examples([PAIR], BARE, TemplateParts(tools=True))
    assert plain.turns() == pair_examples([PAIR], BARE)[0].turns() and plain.tools is None


def test_what_a_model_wrote_in_tags_is_learnt_as_it_stands() -> None:
    tool = {"type": "function", "function": {"name": "pay", "parameters": {"properties": PAYS}}}
    tagged = "<tool_call><function=pay><parameter=sum>12.10</parameter></function></tool_call>"
    given = PAIR.model_copy(update={"tools": (tool,), "chosen": tagged})
    (pair,) = pair_examples([given], BARE, TemplateParts(tools=True))
    (call,) = pair.turns()["chosen"][0]["tool_calls"]
    assert call["function"]["arguments"] == {"sum": "12.10"}


def test_what_the_template_leaves_out_of_an_answer_is_refused() -> None:
    silent = SimpleNamespace(apply_chat_template=lambda turns, **_: str(turns[-1]["tool_calls"]))
    given = PAIR.model_copy(update={"tools": (TOOL,), "chosen": f"One moment. {CALL.text}"})
    with pytest.raises(InputError, match=r"One moment.* leaves out what is said in words"):
        fitting(pair_examples([given], BARE, TemplateParts(tools=True)), silent, None)


def test_passages_of_a_preference_stand_in_its_prompt() -> None:
    passages = (EvidencePassage(id="1", text="The fee is ten."),)
    asked = Contestant(base=PIN, evidence_template=USUAL)
    shown = PAIR.model_copy(update={"evidence": passages})
    (pair,), (good, _) = pair_examples([shown], asked), rated_examples([shown], [], asked, seed=0)
    assert pair.prompt == good.prompt
    assert "[1] The fee is ten." in pair.prompt[-1].content
    assert "Question: What is the fee?" in pair.prompt[-1].content


def test_kto_takes_both_answers_of_a_pair_and_each_answer_once() -> None:
    other = PAIR.model_copy(update={"rejected": "Who knows."})
    found = rated_examples([PAIR, other], [], BARE, seed=0)
    assert [(one.completion, one.good) for one in found] == [
        ("Ten.", True),
        ("None, guaranteed!", False),
        ("Who knows.", False),
    ]


def test_an_answer_between_a_better_and_a_worse_one_is_neither_good_nor_bad_for_kto() -> None:
    worse = PAIR.model_copy(update={"chosen": PAIR.rejected, "rejected": "Who knows."})
    found = rated_examples([PAIR, worse], [], BARE, seed=0)
    assert [(one.completion, one.good) for one in found] == [("Ten.", True), ("Who knows.", False)]


def test_where_more_are_bad_training_rows_answers_make_up_for_it() -> None:
    given: list[Preference] = [PAIR, *(bad(f"Bad question {i}?") for i in range(6))]
    found = rated_examples(given, ROWS, BARE, seed=0)
    assert Counter(one.good for one in found) == {True: 7, False: 7}


def test_the_row_whose_answer_was_found_bad_is_not_taken_as_a_good_one() -> None:
    found = rated_examples([bad(ROWS[0].prompt_text)], [ROWS[0]], BARE, seed=0)
    assert [one.good for one in found] == [False]


def test_a_new_row_changes_no_more_than_its_own_place_among_the_drawn() -> None:
    given = [bad(f"Bad question {i}?") for i in range(8)]
    fewer = {one.completion for one in rated_examples(given, ROWS[:-1], BARE, seed=0)}
    more = {one.completion for one in rated_examples(given, ROWS, BARE, seed=0)}
    assert len(more - fewer) <= 1


@pytest.mark.parametrize(
    ("good", "bad_", "weights"), [(4, 2, (0.5, 1)), (2, 4, (1, 0.5)), (3, 3, (1, 1))]
)
def test_both_sides_count_alike_in_all(good: int, bad_: int, weights: tuple[float, float]) -> None:
    examples = [rated(f"q{i}", "a", good=i < good) for i in range(good + bad_)]
    found = balanced(examples)
    assert (found.desirable, found.undesirable) == weights
    assert good * found.desirable == bad_ * found.undesirable


def test_good_and_bad_are_spread_evenly_and_no_batch_asks_the_same_twice() -> None:
    examples = [
        rated(f"q{i}", f"a{i}{good}", good=good) for i in range(16) for good in (True, False)
    ]
    ordered = mixed(examples, 4, seed=0)
    batches = [ordered[i : i + 4] for i in range(0, len(ordered), 4)]
    assert sorted(map(repr, ordered)) == sorted(map(repr, examples))
    assert all(sum(one.good for one in batch) == 2 for batch in batches)
    assert all(len({one.prompt for one in batch}) == 4 for batch in batches)


def test_a_last_batch_of_one_is_left_out() -> None:
    examples = [rated(f"q{i}", "a", good=i % 2 == 0) for i in range(9)]
    assert len(mixed(examples, 4, seed=0)) == 8
    assert len(mixed(examples, 5, seed=0)) == 9


def test_the_seed_alone_draws_the_order() -> None:
    examples = [rated(f"q{i}", "a", good=i % 2 == 0) for i in range(12)]
    assert mixed(examples, 4, seed=0) == mixed(examples[::-1], 4, seed=0)
    assert mixed(examples, 4, seed=0) != mixed(examples, 4, seed=1)


@pytest.mark.parametrize(
    ("lesson", "given"),
    [
        (lambda given: dpo_step_data(given, DpoParams(epochs=1)), (bad("Who?"),)),
        (lambda given: kto_step_data(given, (), KtoParams(epochs=1)), ()),
    ],
)
def test_without_anything_to_learn_from_the_message_says_where_it_comes_from(
    lesson: Any, given: tuple[Preference, ...]
) -> None:
    with pytest.raises(InputError, match="ballots, corrections, and files of pairs"):
        lesson(given)


def test_what_a_step_learnt_from_is_told_apart_by_its_digest() -> None:
    other = PAIR.model_copy(update={"chosen": "Eleven."})
    params = KtoParams(epochs=1)
    digests = {
        kto_step_data(given, rows, params).data
        for given in ((PAIR,), (other,))
        for rows in ((), tuple(ROWS))
    }
    assert len(digests) == 4
