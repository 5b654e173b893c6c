"""A contestant's system prompt comes first, in one message, wherever it is put in front."""

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from project.records.data import Message
from project.system_prompt import under, with_system_prompt

USER = Message(role="user", content="who?")
OWN = Message(role="system", content="be brief")
ECHO = "{% for m in messages %}[{{ m['role'] }}: {{ m['content'] }}]{% endfor %}"
ODD = 'it\'s {{ messages }} {% if %}\n\\n "two" {# no #}\r\n€'


def test_it_comes_in_front_and_a_rows_own_behind_it_in_one_message() -> None:
    assert under("you answer for a bank", [USER]) == (
        Message(role="system", content="you answer for a bank"),
        USER,
    )
    assert under("you answer for a bank", [OWN, USER]) == (
        Message(role="system", content="you answer for a bank\n\nbe brief"),
        USER,
    )


def test_without_one_a_prompt_stays_as_it_is() -> None:
    assert under(None, [OWN, USER]) == (OWN, USER)


@pytest.mark.parametrize("system_prompt", ["be kind", ODD])
@pytest.mark.parametrize("prompt", [(USER,), (OWN, USER)])
def test_a_chat_template_with_it_says_what_the_plain_one_says_of_the_whole(
    system_prompt: str, prompt: tuple[Message, ...]
) -> None:
    def said(template: str, messages: tuple[Message, ...]) -> str:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        turns = [message.model_dump() for message in messages]
        return environment.from_string(template).render(messages=turns)

    alone = said(with_system_prompt(ECHO, system_prompt), prompt)
    assert alone == said(ECHO, under(system_prompt, prompt))
