"""Voters who ask the gateway a sealed prompt, to learn whose answer is whose."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.asked_items import traffic_here
from project.records.data import Message
from project.records.evidence import Evidence
from project.records.traffic import Traffic
from registry.store import Registry
from review.voting.blinding import count_votes
from tests.evaluation.test_registry_ballots import ITEMS, OpenLook
from tests.places import submit
from tests.review.conftest import Browser
from tests.review.test_voting_count import keep
from tests.voting_sheets import all_vote

pytestmark = pytest.mark.attack


@pytest.fixture
def look(registry: Registry, tmp_path: Path) -> OpenLook:
    """A look that is open for votes; bob voted on all of its items."""
    found = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    keep(registry, found)
    all_vote(registry, 1, found.sheet, ["bob"], found.label)
    return found


def ask_the_gateway(
    registry: Registry, *prompts: str | tuple[Message, ...], hours: int = 0
) -> None:
    at = (registry.clock() + timedelta(hours=hours)).isoformat()
    traffic_here().append(
        Traffic(id=f"{n} {at}", at=at, prompt=prompt, response="an answer")
        for n, prompt in enumerate(prompts)
    )


def test_sealed_prompts_that_were_asked_of_the_gateway_are_reported(
    client: Browser, registry: Registry, look: OpenLook
) -> None:
    assert "asked of the gateway" not in client.get("/votes/1").text
    talk = (Message(role="system", content="Be kind."), Message(role="user", content=prompt(2)))
    ask_the_gateway(registry, prompt(0).upper(), "something else", prompt(0), talk)
    ask_the_gateway(registry, prompt(5), hours=-48)  # before anybody was asked to vote
    assert client.get("/api/votes/1").json()["asked_prompts"] == 2
    page = client.get("/votes/1").text
    assert "2 sealed prompts of these were asked of the gateway since voting opened" in page


def prompt(n: int) -> str:
    """As tests.voting_sheets has them."""
    return f"what about i{n}?"


@pytest.mark.parametrize(("setting", "left_out"), [("count", 0), ("leave_out", 2)])
def test_votes_on_them_are_left_out_where_the_settings_say_so(
    registry: Registry, look: OpenLook, setting: str, left_out: int
) -> None:
    Path("params.yaml").write_text(
        f"registry: {{family: test}}\nreview: {{unblinded_votes: {setting}}}\n"
    )
    ask_the_gateway(registry, prompt(0), prompt(3))
    count_votes(registry, 1)
    made = registry.decision_made(1)
    assert made is not None
    stored = registry.artifacts.get_record(Evidence, made.evidence)
    assert stored.sealed["preference"].n == ITEMS - left_out
