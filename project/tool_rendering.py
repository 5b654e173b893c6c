"""How a conversation with tools is put before a model, in training as in answering.

By the base's chat template, where it knows tools. Else in a form of our own, which most bases have
seen: the tools stand in the system prompt as JSON, a call is `<tool_call>` with its name and its
arguments in JSON, and a result is a turn of the user, in `<tool_response>`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from jinja2 import TemplateError

from project.errors import InputError
from project.records.data import Message, Row
from project.records.tool_calls import ToolCall, as_json, marked

FORM = "tools as text, 1"  # what versions record of the form below: other words are another number
INTRODUCTION = (
    "You can call the tools that these JSON schemas describe:\n<tools>\n{}\n</tools>\n"
    "To call one, write its name and its arguments as JSON:\n"
    '<tool_call>\n{{"name": "…", "arguments": {{…}}}}\n</tool_call>'
)

Tools = Sequence[Mapping[str, Any]]
Turns = list[dict[str, Any]]


def shown(
    tokenizer: Any, messages: Sequence[Message], tools: Tools | None
) -> tuple[Turns, list[Any] | None]:
    """Turns and tools as `apply_chat_template` of a tokenizer of transformers takes them."""
    if not of_tools(messages, tools):
        return as_turns(messages), None
    if knows_tools(tokenizer):
        return list(native(messages)), list(map(in_order, tools)) if tools else None
    return as_turns(as_text(messages, tools, system=takes_system(tokenizer))), None


def rendered_chat(
    tokenizer: Any,
    row: Row,
    messages: Sequence[Message],
    *,
    answer: bool = False,
) -> str:
    """What the chat template makes of messages of a row; `answer`: with what it puts before an
    answer. Raises InputError where it does not take them, or leaves out what an answer says.
    """
    turns, tools = shown(tokenizer, messages, row.tools)
    try:
        return rendered(tokenizer, turns, tools, answer=answer)
    except UnshownError as error:
        raise InputError(
            f"{row}: {error}: take the row out, or choose another base", file=row.source
        ) from None


class UnshownError(Exception):
    """A chat template does not take a conversation, or leaves out a part of it."""


def rendered(
    tokenizer: Any, turns: Turns, tools: Sequence[Any] | None, *, answer: bool = False
) -> str:
    """What the chat template makes of turns and tools as `shown` has them. Raises UnshownError."""
    more = {"tools": tools} if tools else {}
    try:
        text = str(
            tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=answer, **more
            )
        )
    except TemplateError as error:
        raise UnshownError(f"the base's chat template does not take it: {error}") from None
    # Some templates show a call without the words beside it, or wait for content in parts.
    called = any("tool_calls" in turn or turn["role"] == "tool" for turn in turns)
    told = [turn for turn in turns if turn["role"] == "assistant"]
    last = told[-1:] if tools or called else []
    if any(
        turn["content"].strip() not in text for turn in told if "tool_calls" in turn or turn in last
    ):
        raise UnshownError("the base's chat template leaves out what is said in words")
    return text


def in_request(
    messages: Sequence[Message], tools: Tools | None, *, natively: bool
) -> dict[str, Any]:
    """The fields of a request to a server, which renders the turns itself: `natively` where its
    chat template knows tools. What it answers is to be a text, calls too.
    """
    if not of_tools(messages, tools):
        return {"messages": as_turns(messages)}
    if not natively:
        return {"messages": as_turns(as_text(messages, tools))}
    turns = list(native(messages))
    for call in (call for turn in turns for call in turn.get("tool_calls", ())):
        call["function"]["arguments"] = as_json(call["function"]["arguments"])
    known = {"tools": list(map(in_order, tools)), "tool_choice": "none"} if tools else {}
    return {"messages": turns, **known}


def of_tools(messages: Iterable[Message], tools: object) -> bool:
    return bool(tools) or any(message.tool_calls or message.role == "tool" for message in messages)


def has_tools(rows: Iterable[Row]) -> bool:
    return any(of_tools((*row.prompt, *row.completion), row.tools) for row in rows)


def as_turns(messages: Iterable[Message]) -> Turns:
    return [message.model_dump(exclude={"weight"}) for message in messages]


# --- a template that knows tools ------------------------------------------------------------------

# It is told by what it renders: a template that ignores tools is not one that knows them.

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up_probe",
        "description": "Look something up.",
        "parameters": {
            "type": "object",
            "properties": {"probed_town": {"type": "string", "description": "Where."}},
            "required": ["probed_town"],
        },
    },
}
CALL = {"function": {"name": "look_up_probe", "arguments": '{"probed_town": "Probeville"}'}}
PROBE = [
    Message(role="user", content="Which?"),
    Message.model_validate({"role": "assistant", "content": "", "tool_calls": [CALL]}),
    Message(role="tool", content="seventeen probes"),
    Message(role="assistant", content="That one."),
]
_known: dict[tuple[str, bool], bool] = {}  # by a template's text: it is looked at once


def knows_tools(tokenizer: Any) -> bool:
    """Whether a tokenizer's chat template shows tools, calls with arguments, and results."""
    key = (str(tokenizer.chat_template), True)
    if key not in _known:
        asked = probed(tokenizer, list(native(PROBE[:1])), tools=[TOOL])
        whole = probed(tokenizer, list(native(PROBE)), tools=[TOOL])
        called = probed(tokenizer, list(native(PROBE)))
        _known[key] = (
            "look_up_probe" in asked
            and "probed_town" in asked
            and all(word in text for text in (whole, called) for word in SAID)
        )
    return _known[key]


SAID = ("Probeville", "look_up_probe", "seventeen probes", "That one.")


def takes_system(tokenizer: Any) -> bool:
    """Whether a chat template shows a system prompt."""
    key = (str(tokenizer.chat_template), False)
    if key not in _known:
        turns = [{"role": "system", "content": "Probeville"}, {"role": "user", "content": "Which?"}]
        _known[key] = "Probeville" in probed(tokenizer, turns)
    return _known[key]


def probed(tokenizer: Any, turns: Turns, **more: Any) -> str:
    """What a template makes of turns; nothing where it fails, in whichever way."""
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, **more))
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError):
        return ""


def native(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Turns as templates read them: arguments are objects, and calls have ids of nine digits, which
    are Mistral's; a result names its call and its tool.
    """
    made, waiting = 0, list[tuple[str, ToolCall]]()
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            waiting = [
                (f"{made + n:09d}", call) for n, call in enumerate(message.tool_calls, start=1)
            ]
            made += len(waiting)
            turn["tool_calls"] = [
                {
                    "id": known,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for known, call in waiting
            ]
        elif message.role == "tool" and waiting:
            numbers = (n for n, (_, call) in enumerate(waiting) if call.id == message.tool_call_id)
            known, call = waiting[place := next(numbers, 0)]
            if len(waiting) > 1:  # the last one stands for whatever else follows
                waiting.pop(place)
            turn |= {"tool_call_id": known, "name": message.name or call.name}
        yield turn


def in_order(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as vLLM shows it to templates, with all that it may lack; records have its keys by the
    alphabet. What vLLM does not know of it, no model reads.
    """
    declared = tool["function"]
    more = {"strict": declared["strict"]} if declared.get("strict") is not None else {}
    function = {
        "name": declared["name"],
        "description": declared.get("description") or "",
        "parameters": declared.get("parameters") or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function | more}


# --- our own form ---------------------------------------------------------------------------------


def as_text(
    messages: Iterable[Message], tools: Tools | None, *, system: bool = True
) -> list[Message]:
    """A conversation in which calls, results and tools are texts; those of one side in one go are
    one turn. Without a role `system`, the tools stand in front of the first question.
    """
    turns: list[Message] = []
    for message in messages:
        turn = Message(role=message.role, content=message.text)
        if message.role == "tool":
            turn = Message(role="user", content=marked("tool_response", message.content))
        if turns and turn.role == turns[-1].role == "user":
            content = f"{turns.pop().content}\n\n{turn.content}"
            turn = turn.model_copy(update={"content": content})
        turns.append(turn)
    if not tools:
        return turns
    told = INTRODUCTION.format("\n".join(as_json(in_order(tool)) for tool in tools))
    role: Literal["system", "user"] = "system" if system else "user"
    place = next((i for i, candidate in enumerate(turns) if candidate.role == role), None)
    if place is None:
        return [Message(role=role, content=told), *turns]
    content = turns[place].content
    parts = (content, told) if system else (told, content)
    turns[place] = Message(role=role, content="\n\n".join(parts).strip())
    return turns
