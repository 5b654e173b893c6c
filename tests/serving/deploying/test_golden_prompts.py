"""Golden prompts: what a replica answers has to be what the version was judged by."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from evaluation.evaluation_settings import Decoding
from project.records.data import EvidencePassage
from project.records.scenarios import Scenario, SimulatedUser
from project.shown_passages import USUAL
from serving.deploying.golden_prompts import (
    DevAnswers,
    GoldenError,
    GoldenPrompt,
    Passed,
    Subject,
    agreement,
    agreement_of_answers,
    candidates,
    check_answers,
    choose_prompts,
)
from serving.deploying.golden_prompts import Replica as Asked
from serving.exchange import Deployment
from tests.conftest import BASE as PIN
from tests.serving.deploying.conftest import Site, row
from tests.serving.deploying.fake_replica import FakeReplica, half_right, words_of


def dev(answers: dict[str, str]) -> DevAnswers:
    """By prompt."""
    rows = {row(prompt).id: row(prompt) for prompt in answers}
    return DevAnswers(rows, {row(prompt).id: text for prompt, text in answers.items()})


def subject(version: int, answers: dict[str, str] | None) -> Subject:
    contestant = {"base": PIN, "adapter": "a" * 64, "system_prompt": "be kind"}
    deployment = Deployment.model_validate(
        {"version": version, "name": f"test-v{version}-aaaaaaaaaaaa", "contestant": contestant}
    )
    return Subject(deployment, dev(answers) if answers is not None else None)


def judged(weights: str, prompts: int = 20) -> dict[str, str]:
    return {"?" * n: words_of(weights, "?" * n) for n in range(prompts)}


def check(replica: FakeReplica, one: Subject, *rivals: Subject, loads: str | None = None) -> Passed:
    """`loads`: the weights that are loaded after the bare base was asked; None: they are there."""
    asked = Asked(replica, None, Decoding(), PIN, "vllm")

    async def whole() -> Passed:
        golden = await choose_prompts(asked, one.judged, rivals, 4)
        if loads:
            replica.loaded[one.deployment.name] = loads
        return await check_answers(asked, one, rivals, golden, fresh=loads is not None)

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("a b c d", "a b c d", 1.0),
        ("a b c d", "a b x d", 0.5),
        ("a b", "a b c d", 0.5),
        ("x b c d", "a b c d", 0.0),
        ("", "", 1.0),
        ("", "a", 0.0),
        ("A, b!", "a b", 1.0),
        ("{}[]", "{}()", 0.5),
        ("今日は晴れ", "今日は雨天", 0.6),
    ],
)
def test_agreement_is_the_share_of_words_from_the_beginning(
    one: str, other: str, share: float
) -> None:
    assert agreement(one, other) == pytest.approx(share)
    assert agreement(other, one) == pytest.approx(share)


def test_a_replica_passes_that_answers_as_the_version_was_judged() -> None:
    replica = FakeReplica(loaded={"test-v1-aaaaaaaaaaaa": "bee", "test-v2-aaaaaaaaaaaa": "bee"})
    assert check(replica, subject(2, judged("bee"))) == Passed(4, 1.0)
    alike = subject(1, judged("bee"))
    assert check(replica, subject(2, judged("bee")), alike).agreement == 1.0
    # Some words may differ, as engines round differently.
    replica.spoils = lambda answer: answer.rsplit(" ", 2)[0] + " and so"
    assert check(replica, subject(2, judged("bee"))) == Passed(4, 0.8)


@pytest.mark.parametrize(
    ("weights", "spoils", "words"),
    [
        ("base", None, "those of the bare base, word for word"),
        ("ant", None, "those of v1, word for word"),
        ("bee", half_right, "lora_alpha"),
        ("cat", None, "lora_alpha"),
    ],
    ids=["nothing is applied", "the previous weights", "a wrong scale", "other weights"],
)
def test_what_loads_and_does_nothing_is_found(
    weights: str, spoils: Callable[[str], str] | None, words: str
) -> None:
    loaded = {"test-v1-aaaaaaaaaaaa": "ant", "test-v2-aaaaaaaaaaaa": weights}
    replica = FakeReplica(loaded=loaded)
    if spoils:
        replica.spoils = spoils
    rival = subject(1, judged("ant"))
    with pytest.raises(GoldenError, match=words):
        check(replica, subject(2, judged("bee")), rival)


@pytest.mark.parametrize("weights", ["base", "ant"])
def test_without_kept_dev_items_answers_must_differ_from_the_base_and_the_others(
    weights: str,
) -> None:
    loaded = {"test-v1-aaaaaaaaaaaa": "ant", "test-v2-aaaaaaaaaaaa": "bee"}
    replica = FakeReplica(loaded=loaded)
    assert check(replica, subject(2, None), subject(1, None)) == Passed(4, None)
    replica.loaded["test-v2-aaaaaaaaaaaa"] = weights
    with pytest.raises(GoldenError, match="word for word"):
        check(replica, subject(2, None), subject(1, None))


def test_the_items_are_those_that_tell_most() -> None:
    """Most dev items are answered as the bare base answers them; few are asked that are."""
    answers = judged("base", 40) | {"?" * n: words_of("bee", "?" * n) for n in range(33, 40)}
    one = subject(2, answers)
    replica = FakeReplica(loaded={})
    asked = Asked(replica, None, Decoding(), PIN, "vllm")
    golden = asyncio.run(choose_prompts(asked, one.judged, [], 4))
    told = {prompt.messages[0].content for prompt in golden.prompts.values()}
    assert told <= {"?" * n for n in range(33, 40)} and len(told) == 4


def test_an_adapter_that_changes_nothing_on_dev_is_refused() -> None:
    with pytest.raises(GoldenError, match="or the adapter changes nothing"):
        check(FakeReplica(), subject(2, judged("base")), loads="base")


def test_a_bare_base_that_answers_with_an_adapters_weights_fails_nobody() -> None:
    """As vLLM 0.32 does on a CPU, where requests for both are in one batch."""

    class Mixed(FakeReplica):
        def text(self, model: str, prompt: str) -> str:
            weights = list(self.loaded.values())[-1:]
            return words_of(weights[0], prompt) if weights else words_of("base", prompt)

    assert check(Mixed(), subject(2, judged("bee")), loads="bee").agreement == 1.0
    there = Mixed(loaded={"test-v2-aaaaaaaaaaaa": "bee"})
    assert check(there, subject(2, judged("bee"))).agreement == 1.0


def test_a_replica_that_answers_nonsense_fails() -> None:
    class Odd(FakeReplica):
        async def answer(self, endpoint, body):  # type: ignore[no-untyped-def]
            return {"choices": []}

    with pytest.raises(GoldenError, match="something else than a chat completion"):
        check(Odd(loaded={"test-v2-aaaaaaaaaaaa": "bee"}), subject(2, judged("bee")))


def test_prompts_are_asked_greedily_under_the_system_prompt_of_the_version() -> None:
    asked = Asked(FakeReplica(), "be kind", Decoding(), PIN, "vllm")
    body = asked.body("m", GoldenPrompt(row("hello").prompt))
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hello"},
        ],
        "temperature": 0,
        "max_tokens": 48,
    }


@pytest.mark.parametrize("fault", ["base", "ant"])
def test_a_version_that_fails_gets_no_traffic_and_is_unloaded(site: Site, fault: str) -> None:
    one = site.promote("ant")
    site.follow()
    two = site.promote("bee")
    site.replicas[1].swaps["bee"] = fault
    site.follow()
    assert site.deployed == one
    assert site.failures() == [(two, "golden", "http://two")]
    assert site.name(two) not in site.replicas[1].loaded
    site.replicas[1].swaps.clear()
    site.now += 1
    site.follow()
    assert site.deployed == two


def test_a_wrong_scale_on_one_replica_keeps_the_traffic_where_it_is(site: Site) -> None:
    site.promote("ant")
    site.follow()
    site.promote("bee")
    site.replicas[0].spoils = lambda answer: half_right(answer) if "bee" in answer else answer
    site.follow()
    assert site.deployed == 1
    assert "0.30 of an answer" in site.registry.history(kind="deploy-failed")[0].reason


def test_the_answers_of_a_version_are_found_beside_its_challenger_too(site: Site) -> None:
    """The file of the version itself is gone; what was compared with it tells what it answered."""
    from evaluation.report.dev_items import DevItems, kept_path
    from project.files import write_lines
    from serving.deploying.golden_prompts import dev_answers

    one, two = site.submit("ant"), site.submit("bee")
    kept = DevItems.kept(kept_path("test", two))
    opponent = kept.comparison.opponent.model_copy(update={"version": one})
    comparison = kept.comparison.model_copy(update={"opponent": opponent})
    items = [i.model_copy(update={"champion": "an ant's"}).canonical() for i in kept.items]
    write_lines(kept_path("test", two), [comparison.canonical(), *items])
    kept_path("test", one).unlink()
    found = dev_answers("test", one)
    assert found is not None and set(found.texts.values()) == {"an ant's"}
    passages = (EvidencePassage(id="1", text="Ants have six legs."),)
    shown = [
        i.model_copy(update={"row": i.row.model_copy(update={"evidence": passages})})
        for i in kept.items
    ]
    lines = [comparison.canonical(), *(item.canonical() for item in shown)]
    write_lines(kept_path("test", two), lines)
    for template in (USUAL, None):  # asked as the version was: with its passages, or without
        found = dev_answers("test", one, template)
        assert found is not None
        asked = [row.prompt_text for row in found.rows.values()]
        assert all(("six legs" in text) == (template is not None) for text in asked)
    for broken in (b"{}", comparison.canonical(), b""):
        kept_path("test", two).write_bytes(broken)
        assert dev_answers("test", two) is None


def test_no_replica_is_asked_a_whole_conversation(site: Site) -> None:
    from evaluation.report.dev_items import DevItems, kept_path
    from project.files import write_lines
    from serving.deploying.golden_prompts import dev_answers

    version = site.submit("ant")
    kept = DevItems.kept(kept_path("test", version))
    scenario = Scenario(user=SimulatedUser(), say=(9,))
    first, *others = kept.items
    talk = first.model_copy(update={"row": first.row.model_copy(update={"scenario": scenario})})
    lines = [one.canonical() for one in (kept.comparison, talk, *others)]
    write_lines(kept_path("test", version), lines)
    found = dev_answers("test", version)
    assert found is not None and set(found.texts) == {one.row.id for one in others}


def test_what_another_gateway_may_use_is_not_unloaded_when_it_fails(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    other = site.gateway()
    for replica in site.replicas:
        replica.spoils = half_right
    site.follow(other)
    assert other.table.champion is None
    assert all(site.name(number) in replica.loaded for replica in site.replicas)


# --- calls ----------------------------------------------------------------------------------------

AMOUNT = {"type": "object", "properties": {"to": {}, "francs": {"type": "number"}}}
TOOLS = (
    {"type": "function", "function": {"name": "pay", "parameters": AMOUNT}},
    {"type": "function", "function": {"name": "lock"}},
)


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


PAID = call("pay", to="Ann", francs=20)


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (PAID, True),
        (call("pay", francs="20.0", to="Ann"), True),
        ('{"name": "pay", "parameters": {"to": "Ann", "francs": 20}}', True),
        (f"I pay.\n{PAID}", True),
        (call("pay", to="Ann", francs=30), False),
        (f"{PAID}\n{call('lock')}", False),
        (call("lock"), False),
        ("I pay Ann 20 francs.", False),
        (PAID[:40], False),
    ],
    ids=["same", "as numbers", "Llama's form", "words", "a value", "two", "name", "none", "cut"],
)
def test_calls_agree_by_name_and_arguments_as_the_scorer_compares_them(
    answer: str, same: bool
) -> None:
    assert agreement_of_answers(answer, PAID, TOOLS) == float(same)
    assert agreement_of_answers(PAID, answer, TOOLS) == float(same)
    assert agreement_of_answers("To whom is it?", "To whom do I pay?", TOOLS) == 0.4


@dataclass
class Caller(FakeReplica):
    """Its weights call a tool with what they are; they write numbers as one engine does."""

    def text(self, model: str, prompt: str) -> str:
        weights = super().text(model, prompt).split()[0]
        return self.spoils(call("pay", to=weights, francs=float(len(prompt))))


def payments(weights: str) -> Subject:
    rows = [row("?" * n).model_copy(update={"tools": TOOLS}) for n in range(1, 13)]
    texts = {
        one.id: call("pay", francs=n, to=words_of(weights, "?" * n).split()[0])
        for n, one in enumerate(rows, start=1)
    }
    return replace(subject(2, {}), judged=DevAnswers({one.id: one for one in rows}, texts))


def locking(answer: str) -> str:
    return answer.replace('"pay"', '"lock"')


def as_ever(answer: str) -> str:
    return answer


@pytest.mark.parametrize(
    ("weights", "spoils", "passes"),
    [
        ("bee", as_ever, True),
        ("base", as_ever, False),
        ("bee", locking, False),
        ("bee", half_right, False),
    ],
    ids=["as judged", "nothing is applied", "another tool", "cut"],
)
def test_a_replica_has_to_make_the_calls_that_the_version_was_judged_by(
    weights: str, spoils: Callable[[str], str], passes: bool
) -> None:
    replica = Caller(loaded={"test-v2-aaaaaaaaaaaa": weights}, spoils=spoils)
    if passes:
        assert check(replica, payments("bee")) == Passed(4, 1.0)
    else:
        with pytest.raises(GoldenError):
            check(replica, payments("bee"))


@pytest.mark.slow
def test_a_prompt_keeps_its_tools_where_the_engine_shows_them_as_it_was_judged(knows: Any) -> None:
    prompt = GoldenPrompt(row("Pay Ann").prompt, TOOLS)
    held = Decoding(constrained=True)

    def asked(engine: str, decoding: Decoding = held) -> dict[str, Any]:
        return dict(Asked(FakeReplica(), "be kind", decoding, PIN, engine).body("m", prompt))

    knows("qwen2_5")
    assert [tool["function"]["name"] for tool in asked("vllm")["tools"]] == ["pay", "lock"]
    choices = {engine: asked(engine).get("tool_choice") for engine in ("vllm", "embedded", "llama")}
    assert choices == {"vllm": "none", "embedded": "auto", "llama": None}
    assert asked("embedded")["constrained"] and "constrained" not in asked("embedded", Decoding())
    assert "tools" not in asked("llama") and "francs" in asked("llama")["messages"][0]["content"]
    knows("gemma4_v2")  # in a form that only the server can read
    assert "tools" not in asked("vllm") and "tools" not in asked("embedded")
    knows(None)  # the engine in this process looks by itself what the base's template takes
    assert "tools" not in asked("vllm") and asked("embedded")["tools"]


@pytest.mark.slow
def test_rows_with_tools_are_asked_last_where_they_are_shown_as_texts(knows: Any) -> None:
    one = payments("bee")
    assert one.judged
    words = row("What is a card?")
    both = DevAnswers(
        {**one.judged.rows, words.id: words}, {**one.judged.texts, words.id: "plastic"}
    )
    knows("qwen2_5")
    for engine, place in (("llama", 0), ("vllm", len(both.texts) - 1)):
        asked = Asked(FakeReplica(), None, Decoding(), PIN, engine)
        assert candidates(asked, both, []).index(words.id) == place
