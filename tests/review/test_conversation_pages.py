"""Conversations on the review page: items turn by turn, and whole ones that are voted on blind."""

import re
from pathlib import Path

from evaluation.generation.answers import Answer, Role
from evaluation.preference.ballots.ballot_files import pairs
from evaluation.report.shown_answers import ConversationRun
from project.records.ballots import VotingPair
from project.records.data import Message, Row
from project.records.record import short
from registry.ballots.casting import as_shown
from registry.ballots.sheets import open_sheet
from registry.ballots.standing import Key
from registry.store import Registry
from tests.evaluation.test_shown_conversations import (
    ASKS,
    NAMES,
    RESULT,
    SCENARIO,
    calls,
    row,
    says,
)
from tests.places import submit
from tests.review.conftest import Browser
from tests.review.test_items import item, keep

CHAMPION = (ASKS, NAMES, calls("A2", "call_of_the_champion"), says("You have 9 euros."))
CHALLENGER = (ASKS, NAMES, calls("A1"), RESULT, says("You have 5 euros."))


def sheet(names: dict[Role, str]) -> list[VotingPair]:
    def given(turns: tuple[Message, ...]) -> list[Answer]:
        text = "\n".join(one.text for one in turns)
        return [Answer(item="i1", text=text, turns=turns, tokens=9, prompt_tokens=9)]

    told = {Role.CHAMPION: given(CHAMPION), Role.CHALLENGER: given(CHALLENGER)}
    return list(pairs([row()], told, names))


def test_an_item_shows_each_turn_with_its_role_and_each_call_folded(client: Browser) -> None:
    told = {"row": row().model_copy(update={"id": "a"})}
    whole = {"champion_turns": CHAMPION, "challenger_turns": CHALLENGER}
    keep(2, [item("a", 0.2, 0.9).model_copy(update={**told, **whole})])
    page = client.get("/items/a").text
    assert page.count("Which one?") == 1
    common, parting, parted = page.partition("here they part")
    assert parting and "The first." in common and "calls <code>get_balance</code>" in parted
    assert "&lt;img src=x" in parted and "<img" not in page
    assert "<mark>&#34;A1&#34;</mark>" in parted
    assert client.get("/items/a?against=reference").status_code == 200
    assert client.get("/api/items/a").json()["answers"][0]["turns"][0]["content"] == "Which one?"


def test_a_scenario_is_shown_with_its_goal_and_every_run_of_each_version(client: Browser) -> None:
    told = {"row": row().model_copy(update={"id": "a", "scenario": SCENARIO})}
    runs = [ConversationRun(turns=CHALLENGER, goal=True), ConversationRun(turns=CHAMPION)]
    whole = {"champion_turns": CHAMPION, "challenger_turns": CHALLENGER}
    kept = item("a", 0.2, 0.9).model_copy(update={**told, **whole, "challenger_runs": tuple(runs)})
    keep(2, [kept])
    page = client.get("/items/a").text
    assert "<code>five euros</code>" in page.partition("<h2>Reference")[0]
    first, second, rest = (page.index(one) for one in ("run 1 of 2", "run 2 of 2", "<h2>Compar"))
    assert "goal reached" in page[first:second] and "goal " not in page[second:rest]
    assert "You have 9 euros." in page[second:rest]
    (ours, _) = client.get("/api/items/a").json()["answers"]
    assert [one.get("goal") for one in ours["runs"]] == [True, None]


def test_a_bad_answer_is_shown_with_its_calls_folded(client: Browser) -> None:
    told = {"row": row().model_copy(update={"id": "a"}), "champion": calls("A2").text}
    keep(2, [item("a", 0.9, 0.2).model_copy(update=told)])
    assert client.get("/data/regressed").text.count("calls <code>get_balance</code>") == 1


def test_voters_see_whole_conversations_and_nothing_that_tells_whose_they_are(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    names = {Role.CHAMPION: "base", Role.CHALLENGER: short(version.adapter.files)}
    open_sheet(registry, 1, sheet(names), part="dev", votes=2, reason="please")
    page = client.get("/vote/1").text
    common, parting, parted = page.partition("here they part")
    assert parting and common.count("The first.") == 1 and "1 tool" in common
    assert "You have 9 euros." in parted and "You have 5 euros." in parted
    assert not any(
        told in page for told in ("call_of_the", "id_of_a_call", "written", *names.values(), "<img")
    )
    shown = re.search(r'name="shown" value="(\d+)"', page)
    assert shown
    marked = client.send_form("/vote/1/marks", shown=shown[1], mark=1).text
    assert "<mark>&#34;A1&#34;</mark>" in marked


def test_a_side_keeps_its_turns_when_the_sides_are_exchanged() -> None:
    (pair,) = sheet({Role.CHAMPION: "old", Role.CHALLENGER: "new"})
    for reviewer in "abcdefgh":
        seen = as_shown(pair, Key("s", "i1", reviewer, 0))
        assert (seen.left_turns == CHALLENGER) == (seen.left == "new")
        assert seen.left_turns and "\n".join(one.text for one in seen.left_turns) == seen.left_text


def test_a_sheet_without_conversations_has_the_bytes_that_it_had() -> None:
    plain = Row.of("What?", "That.", group="g", source="s")
    told = {role: [Answer(item="i", text=role, tokens=1, prompt_tokens=1)] for role in Role}
    (pair,) = pairs([plain], told, {Role.CHAMPION: "old", Role.CHALLENGER: "new"})
    assert not any(name in pair.canonical() for name in (b"messages", b"tools", b"turns"))
