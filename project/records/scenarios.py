"""A scenario: a conversation that an assistant is put into, and what has to be so at its end."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    ValidationInfo,
    model_validator,
)

from project.records.assertion_kinds import Text, compiled
from project.records.record import Record
from project.records.tool_calls import as_json, refuse_deep
from project.untrusted_input import quoted

LARGEST = 1 << 20  # bytes of the tools' world, as JSON


def as_texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


def world(value: dict[str, Any]) -> dict[str, Any]:
    """The same. Raises ValueError for what is no JSON, or too much of it."""
    refuse_deep(value)
    try:
        size = len(json.dumps(value, allow_nan=False).encode())
    except TypeError:
        raise ValueError("holds what is no JSON") from None
    if size > LARGEST:
        raise ValueError(f"has {size:,} bytes, and {LARGEST:,} are the most")
    return value


Texts = Annotated[tuple[Text, ...], BeforeValidator(as_texts)]
World = Annotated[dict[str, Any], AfterValidator(world)]


class UserLine(Record):
    """What a scripted user says, once, where the assistant last said what `when` finds, and has
    called the tool `called` since the user spoke.
    """

    when: Annotated[str, AfterValidator(compiled)] | None = None
    called: str | None = None
    say: Texts = ()  # one of them is drawn by the run's seed; none: the user leaves
    times: PositiveInt = 1  # how often it may be said


class SimulatedUser(Record):
    """The first line that fits and is not used up is said. Where none does, `otherwise` is, again
    and again; without it the user leaves. Or a model plays the user that it is told to be.
    """

    script: tuple[UserLine, ...] = ()
    otherwise: Texts = ()
    told: Text | None = None

    @model_validator(mode="after")
    def script_or_model(self) -> Self:
        if self.told and (self.script or self.otherwise):
            raise ValueError("`told` is for a model that plays the user: leave the script out")
        return self


class RecordedResult(Record):
    """What a tool gives for arguments. Of several for the same ones each is given once, in their
    order, and the last one from then on.
    """

    name: Text
    arguments: World = Field(default={})
    result: Any = None
    sets: World = Field(default={})  # keys of the state that it changes

    @model_validator(mode="after")
    def result_is_json(self) -> Self:
        world({"result": self.result})
        return self


class Scenario(Record):
    """Its row's prompt is what stands before, its completion a good last answer."""

    user: SimulatedUser
    state: World = Field(default={})  # of the tools' world at the start
    # What the state has to be at the end. Keys that are not named here, in whatever object, may be
    # as they like; null stands for none.
    end: World = Field(default={})
    say: tuple[Text | int | float, ...] = ()  # what the user has to have heard: words or figures
    # A recorded fake in place of the project's tools.
    results: tuple[RecordedResult, ...] | None = None

    @model_validator(mode="after")
    def it_has_a_goal(self) -> Self:
        if not self.end and not self.say:
            raise ValueError("has neither `end` nor `say`: nothing could be missed")
        return self

    def unknown_tool(self, tools: Iterable[Mapping[str, Any]]) -> str | None:
        """Where it names a tool that is none of these, and which; None: nowhere."""
        known = [tool["function"]["name"] for tool in tools]
        named = {f"user.script.{n}.called": line.called for n, line in enumerate(self.user.script)}
        named |= {f"results.{n}.name": result.name for n, result in enumerate(self.results or ())}
        for place, name in named.items():
            if name is not None and name not in known:
                return f"{place} is {quoted(name)}; its tools are {', '.join(known) or 'none'}"
        return None


def of_known_tools(scenario: Scenario | None, info: ValidationInfo) -> Scenario | None:
    """The same. Raises ValueError where it names a tool that its row, which has tools, lacks."""
    tools = info.data.get("tools")
    if scenario and tools and (problem := scenario.unknown_tool(tools)):
        raise ValueError(problem)
    return scenario


class ConversationEnd(Record):
    """How a conversation went, beside what was said in it."""

    state: dict[str, Any]
    calls: int
    failed: int  # of the calls: those that could not be read or made, or ended in an error
    # Why it ended: the user had nothing more to say; evaluation.generation.conversations.turns; the
    # model's context; a pattern of the script that takes too long.
    ended: Literal["user", "turns", "context", "pattern"]


def is_reached(wanted: object, actual: object) -> bool:
    """Whether a value is as it has to be: 1 is 1.0, and lists agree as a whole."""
    if isinstance(wanted, Mapping):
        there = actual if isinstance(actual, Mapping) else {}
        return isinstance(actual, Mapping) and all(
            is_reached(value, there.get(key)) for key, value in wanted.items()
        )
    return same(wanted, actual)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def error_text(problem: str) -> str:
    """The result of a call that failed, as the assistant reads it."""
    return as_json({"error": problem})
