"""What a submitter does to be the second pair of eyes too, and many who approve at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from registry.ballots.sheets import ask_votes
from registry.store import Registry
from tests.evaluation.test_registry_ballots import OpenLook
from tests.places import decide, submit, win
from tests.review.conftest import Browser, Browsers
from tests.review.test_voting_count import keep
from tests.voting_sheets import all_vote

FOUR_EYES = "registry: {family: test, four_eyes: true}\n"
pytestmark = pytest.mark.attack


@pytest.fixture
def look(registry: Registry, tmp_path: Path) -> OpenLook:
    """A look that is open for votes on what sam submitted; bob and zoltan voted."""
    Path("params.yaml").write_text(FOUR_EYES)
    registry.actor = "sam"
    found = OpenLook(registry, submit(registry, "a", tmp_path), votes=2)
    keep(registry, found)
    all_vote(registry, 1, found.sheet, ["bob", "zoltan"], found.label)
    return found


def test_a_submitter_does_not_choose_who_votes(browser: Browsers, look: OpenLook) -> None:
    form = {"votes": 3, "reason": "they know it", "reviewers": "my-friend 3"}
    refused = browser("SAM").send_form("/review/1/votes", **form)
    assert (refused.status_code, "may not say who votes on it" in refused.text) == (409, True)
    assert browser("bob").send_form("/review/1/votes", **form).status_code == 303


def test_a_submitter_asks_for_more_votes_and_leaves_the_names_as_they_are(
    registry: Registry, look: OpenLook
) -> None:
    registry.four_eyes = True
    ask_votes(registry, 1, 3, "to see how far people agree")
    with pytest.raises(IncumbentError, match="may not say who votes"):
        ask_votes(registry, 1, 4, "they know it", reviewers={"my-friend": 3})


def test_a_submitter_reads_sums_and_no_single_ballot(browser: Browsers, look: OpenLook) -> None:
    own, other = browser("sam"), browser("bob")
    for path in ("/votes/1", "/api/votes/1", "/dossier/1", "/api/dossier/1", "/dossier/1/file"):
        assert (own.get(path).status_code, "zoltan" in own.get(path).text) == (200, False)
        assert "zoltan" in other.get(path).text
    for path in ("/api/history?kind=vote", "/api/history?kind=show", "/api/history?kind=all"):
        kinds = {event["kind"] for event in own.get(path).json()["events"]}
        assert kinds & {"vote", "show"} == set()
        assert {event["kind"] for event in other.get(path).json()["events"]} & {"vote", "show"}
        assert "zoltan" not in own.get(path.removeprefix("/api")).text


def test_of_many_who_approve_at_once_one_does_and_the_others_are_told_so(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    second: AdapterVersion = decide(registry, submit(registry, "second", tmp_path))
    made = registry.decision_made(second.number)
    assert made is not None
    form = {"champion": 1, "decision": made.decision, "reason": "reads well"}

    def approve(one: Browser) -> tuple[int, bool]:
        answer = one.send_form("/review/2/approve", **form)
        return answer.status_code, "you came late" in answer.text

    people = [browser(f"person-{n}") for n in range(20)]
    with ThreadPoolExecutor(len(people)) as pool:
        answers = sorted(pool.map(approve, people))
    assert answers == [(303, False)] + [(409, True)] * 19
    assert len(registry.history(kind="promote")) == 2
