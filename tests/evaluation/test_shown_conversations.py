"""Conversations are shown turn by turn: calls folded, what is common once, nothing unescaped."""

import json
import re

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.generation.answers import SIDES, Answer, answers_of
from evaluation.report.dev_items import compared_items
from evaluation.report.report_data import AnswerExample
from evaluation.report.report_page import report
from evaluation.report.shown_answers import ConversationRun, GivenAnswer, conversation
from project.records.data import Message, Row, Split
from project.records.record import write_records
from project.records.scenarios import Scenario, SimulatedUser
from project.records.scores import ItemScore
from project.records.tool_calls import CalledFunction, ToolCall
from tests.evaluation.test_decision import BETTER, table
from tests.evaluation.test_report import SOME, evidence_on, example, material

TOOL = {
    "type": "function",
    "function": {
        "name": "get_balance",
        "description": "What is on an account.",
        "parameters": {"type": "object", "properties": {"account": {"type": "string"}}},
    },
}
USER = Message(role="user", content="What is on my account?")
ASKS = Message(role="assistant", content="Which one?")
NAMES = Message(role="user", content="The first.")
RESULT = Message(
    role="tool", content='{"balance": "<img src=x onerror=alert(1)>"}', tool_call_id="id_of_a_call"
)


def calls(account: str, call_id: str = "id_of_a_call") -> Message:
    function = CalledFunction(name="get_balance", arguments=json.dumps({"account": account}))
    call = ToolCall(id=call_id, function=function)
    return Message(role="assistant", content="", tool_calls=(call,))


def says(text: str) -> Message:
    return Message(role="assistant", content=text)


def row(*prompt: Message) -> Row:
    return Row(
        id="i1", prompt=prompt or (USER,), completion=(calls("A1"),), group="g", source="s",
        tools=(TOOL,),
    )  # fmt: skip


def shown(one: AnswerExample) -> str:
    evidence = evidence_on(table(BETTER), table(BETTER))
    page = report(evidence, rule(evidence, Policy(), 1), Policy(), material(one))
    return page[page.index("<h2>Dev answers that got worse") :]


def answered(champion: str, challenger: str, **more: object) -> AnswerExample:
    told = {"row": row(), "champion": champion, "challenger": challenger, **more}
    return AnswerExample.model_validate(
        {"scores": SOME.items[0], "better": {"rougeL": "more"}, **told}
    )


def test_calls_in_any_form_are_folded_and_what_differs_in_them_is_marked() -> None:
    text = (
        'Wait.\n<tool_call>\n{"name": "get_balance", "arguments": {"account": "A2"}}\n</tool_call>'
    )
    page = shown(answered(text, '{"name": "get_balance", "parameters": {"account": "A1"}}'))
    assert page.count("calls <code>get_balance</code>") == 3  # the reference's among them
    assert page.count('<details class="call" open>') == 2
    assert "<mark>&#34;A2&#34;</mark>" in page and "<mark>&#34;A1&#34;</mark>" in page
    # The marks are where it can be unfolded as it was written, and nowhere else.
    assert page.count("&lt;tool_call&gt;") == 1
    assert page.index("as it was written") < page.index("&lt;tool_call&gt;")


def test_a_call_that_cannot_be_read_is_shown_as_it_was_written() -> None:
    cut = '<tool_call>{"name": "get_balance", "arguments": {"acc'
    page = shown(answered("<tool_call>" * 50_000, cut))
    assert page.count("a call that cannot be read") == 2
    assert "&#34;arguments&#34;: {&#34;acc" in page


def test_two_whole_conversations_show_what_they_share_once_and_where_they_part() -> None:
    common = (ASKS, NAMES, calls("A1"), RESULT)
    good, bad = says("You have 5 euros."), says("You have 9 euros.")
    page = shown(
        answered("…", "…", champion_turns=(*common, bad), challenger_turns=(*common, good))
    )
    assert page.count("Which one?") == page.count("The first.") == 1
    before, parting, after = page.partition("here they part")
    assert parting and "result of <code>get_balance</code>" in before
    assert "<mark>9 </mark>" in after and "<mark>5 </mark>" in after
    assert "&lt;img src=x" in page and "<img" not in page


def test_who_said_what_is_told_by_its_role_and_tools_are_folded() -> None:
    prompt = Message(role="system", content="Be <b>kind</b>."), USER, ASKS, NAMES
    page = shown(answered("Yes.", "No.", row=row(*prompt)))
    roles = re.findall(r'<div class="role">(\w+)</div>', page)
    assert roles == ["system", "user", "assistant", "user"]
    assert "Be &lt;b&gt;kind&lt;/b&gt;." in page
    assert "1 tool: <code>get_balance</code>" in page
    assert "<mark>Yes.</mark>" in page


def test_ids_of_calls_part_nothing_and_are_shown_nowhere() -> None:
    one, other = (
        (calls("A1", name), RESULT.model_copy(update={"tool_call_id": name}), says("5."))
        for name in ("chatcmpl-tool-1", "call_2")
    )
    talk = conversation([USER], {"a": GivenAnswer("", one), "b": GivenAnswer("", other)})
    assert len(talk.common) == 3 and not talk.parts
    assert "call_2" not in repr(talk)


def test_one_question_with_two_answers_has_none_of_it() -> None:
    assert not example().is_conversation
    evidence = evidence_on(table(BETTER), table(BETTER))
    page = report(evidence, rule(evidence, Policy(), 1), Policy(), material(example()))
    assert "details.call" not in page and 'class="turn' not in page


# --- scenarios ------------------------------------------------------------------------------------

SCENARIO = Scenario(
    user=SimulatedUser(otherwise=("The first.",)),
    end={"accounts": {"A1": "<b>5</b>"}},
    say=("five euros", 5),
)


def test_a_scenario_shows_its_goal_and_all_its_runs() -> None:
    good, bad = says("You have 5 euros."), says("You have 9 euros.")
    runs = tuple(
        ConversationRun(turns=(ASKS, NAMES, turn), goal=turn is good) for turn in (bad, good, bad)
    )
    page = shown(
        answered(
            "…",
            "…",
            row=row().model_copy(update={"scenario": SCENARIO}),
            champion_turns=(ASKS, NAMES, good),
            challenger_turns=runs[0].turns,
            challenger_runs=runs,
        )
    )
    goal, _, answers = page.partition("here they part")
    assert "&lt;b&gt;5&lt;/b&gt;" in goal
    assert "<code>five euros</code>, <code>5</code>" in goal
    ends = re.findall(r"(run \d of 3) <span[^>]*>(goal \w+)</span>", answers)
    assert ends == [
        ("run 1 of 3", "goal missed"), ("run 2 of 3", "goal reached"), ("run 3 of 3", "goal missed")
    ]  # fmt: skip
    second = answers[answers.index("run 2 of 3") : answers.index("run 3 of 3")]
    assert "Which one?" in second and "You have 5 euros." in second


def test_the_runs_of_a_scenario_are_kept_with_whether_each_came_to_its_goal() -> None:
    talk = row().model_copy(update={"scenario": SCENARIO})
    plain = Row.of("What?", "That.", group="p", source="s", row_id="p")
    for side in SIDES:
        drawn = [
            Answer(item=own, text=text, turns=turns, tokens=1, prompt_tokens=1, sample=sample)
            for own, turns in (("i1", (says("5."),)), ("p", None))
            for sample, text in enumerate(("first", "second"))
        ]
        write_records(answers_of(side, Split.DEV), drawn)
    scores = [
        ItemScore(
            item=own,
            sample=sample,
            champion={"goal": 0.0},
            challenger={"goal": float(sample)},
            unread=None if own == "i1" else ("goal",),
        )
        for own in ("i1", "p")
        for sample in (0, 1)
    ]
    one, other = compared_items([talk, plain], scores)
    assert [run.goal for run in one.champion_runs or ()] == [False, False]
    assert [run.goal for run in one.challenger_runs or ()] == [False, True]
    assert one.challenger_turns == (says("5."),) and one.scores.challenger == {"goal": 0.5}
    assert (other.champion, other.champion_runs) == ("first", None)
