"""Conversations are shown turn by turn: calls folded, what is common once, nothing unescaped."""

import json
import re

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.report.report_data import AnswerExample
from evaluation.report.report_page import report
from evaluation.report.shown_turns import GivenAnswer, conversation
from project.records.data import Message, Row
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
    role="tool", content='{"balance": "<img src=x onerror=alert(1)>"}', tool_call_id="c9"
)


def calls(account: str, call_id: str = "c9") -> Message:
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
