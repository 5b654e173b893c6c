"""A contestant's system prompt comes first, in one message, wherever it is put in front."""

from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from project.chat_template import PROMPT_FIELD, refuse_unheard, under, with_system_prompt
from project.errors import InputError
from project.records.data import Message

Turns = list[dict[str, Any]]
USER = Message(role="user", content="who?")
OWN = Message(role="system", content="be brief")
ECHO = "{% for m in messages %}[{{ m['role'] }}: {{ m['content'] }}]{% endfor %}"
ODD = 'it\'s {{ messages }} {% if %}\n\\n "two" {# no #}\r\n€'


def turns(messages: tuple[Message, ...]) -> Turns:
    return [message.model_dump() for message in messages]


def said(template: str, messages: Turns) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(messages=messages)


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
    alone = said(with_system_prompt(ECHO, system_prompt), turns(prompt))
    assert alone == said(ECHO, turns(under(system_prompt, prompt)))


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}],
        [{"type": "image", "url": "x"}, {"type": "text", "text": "be brief"}],
    ],
)
def test_a_system_message_of_several_parts_is_its_texts(parts: list[dict[str, str]]) -> None:
    asked = [{"role": "system", "content": parts}, *turns((USER,))]
    found = said(with_system_prompt(ECHO, "be kind"), asked)
    assert found == said(ECHO, turns(under("be kind", (OWN, USER))))


def test_a_system_message_without_content_says_nothing() -> None:
    asked = [{"role": "system", "content": None}, *turns((USER,))]
    assert said(with_system_prompt(ECHO, "be kind"), asked).startswith("[system: be kind\n\n]")


class Deaf:
    """A tokenizer whose template leaves out what systems are told."""

    def apply_chat_template(self, turns: Turns, **options: Any) -> str:
        return said("{{ messages[-1]['content'] }}", turns)


def test_a_prompt_that_is_not_heard_is_named_where_it_was_given() -> None:
    problem = "the chat template of b leaves a system prompt out"
    with pytest.raises(InputError, match=rf"^{PROMPT_FIELD}: {problem}"):
        refuse_unheard(Deaf(), "be kind", Path("b"), PROMPT_FIELD)
    with pytest.raises(InputError, match=rf"^{problem}"):
        refuse_unheard(Deaf(), "be kind", Path("b"))
