"""A dossier tells when a version answered users, what failed, and how experiments went."""

from pathlib import Path

import pytest

from project.records.events import Deployed
from project.settings import PARAMS
from registry.deployment_history import record_deployment
from registry.store import Registry
from review.dossier.document import Dossier, DossierBlock, html_of
from review.dossier.make_dossier import make_dossier
from tests.places import submit, ticking, win
from tests.review.conftest import Browser
from tests.review.on_traffic import (
    REPLICAS,
    comparison,
    deploy,
    end_one,
    fail_to_deploy,
    open_one,
    result_of,
)

ANSWERED = "When it answered users as the champion"
FAILED = "Deployments that failed"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def settings() -> None:
    PARAMS.write_text("registry: {family: test}\n")


@pytest.fixture
def served(registry: Registry, tmp_path: Path) -> Registry:
    """v1 was deployed and displaced by v2, which is deployed too; v3 is new."""
    registry.clock = ticking()
    win(registry, "a", tmp_path)
    deploy(registry, 1)
    win(registry, "b", tmp_path)
    deploy(registry, 2, engine="vllm 0.33.0")
    submit(registry, "c", tmp_path)
    return registry


def deploy_anyhow(registry: Registry, number: int, **changes: object) -> None:
    fields: dict[str, object] = {
        "adapter": registry.version(number).adapter.files,
        "name": f"test-v{number}",
        "engine": "embedded",
        "replicas": ("in this process",),
        "golden": 2,
        "agreement": "0.9",
        "displaced": None,
    }
    told = Deployed.model_validate(fields | changes)
    assert record_deployment(registry, number, told, "it answers")


def of(registry: Registry, number: int) -> Dossier:
    return make_dossier(registry, number, whole=False, notes=None)


def block(dossier: Dossier, section: str, title: str) -> DossierBlock:
    (found,) = (b for b in dossier.titled(section).blocks if b.title.startswith(title))
    return found


def monitored(registry: Registry, number: int, title: str) -> DossierBlock:
    return block(of(registry, number), "2.2", title)


def tried(registry: Registry, number: int, title: str = "Experiment ") -> DossierBlock:
    return block(of(registry, number), "2.3", title)


# --- when it answered, and what failed ----------------------------------------------------------


def test_the_times_in_which_it_answered_have_engine_replicas_and_golden_prompts(
    served: Registry,
) -> None:
    (former,) = monitored(served, 1, ANSWERED).rows
    (now,) = monitored(served, 2, ANSWERED).rows
    assert former[1] == now[0]
    assert now[1:] == ("now", "vllm 0.33.0", ", ".join(REPLICAS), "8", "0.734")


def test_an_agreement_that_nobody_knows_is_a_dash(registry: Registry, tmp_path: Path) -> None:
    win(registry, "a", tmp_path)
    deploy_anyhow(registry, 1, agreement=None)
    ((*_, agreement),) = monitored(registry, 1, ANSWERED).rows
    assert agreement == "–"


def test_whether_users_get_its_answers_is_told_in_a_sentence(
    served: Registry, tmp_path: Path
) -> None:
    told = {number: dict(of(served, number).summary.facts)["traffic"] for number in (1, 2, 3)}
    assert told == {
        1: "It does not answer the champion's requests any more.",
        2: "Each gateway that runs sends the champion's requests to it.",
        3: "It never answered the champion's requests.",
    }
    win(served, "d", tmp_path)
    assert "to it last, and it is not" in monitored(served, 2, ANSWERED).text[0]
    assert "the traffic has not moved to it" in monitored(served, 4, ANSWERED).text[0]


def test_what_failed_has_step_replica_and_reason(served: Registry) -> None:
    fail_to_deploy(served, 2, "it answers as the bare base does")
    ((_, step, reason),) = monitored(served, 2, FAILED).rows
    assert step == f"golden prompts failed on {REPLICAS[0]}"
    assert reason == "it answers as the bare base does"
    assert not monitored(served, 1, FAILED).rows


def test_of_many_failures_the_older_ones_are_counted(served: Registry) -> None:
    for number in range(25):
        fail_to_deploy(served, 2, "full", step="load", replica=f"http://10.0.0.{number}/v1")
    found = monitored(served, 2, FAILED)
    assert (len(found.rows), found.text[0][:16]) == (20, "5 older failures")


def test_the_engines_that_answered_are_among_the_versions_of_software(served: Registry) -> None:
    software = of(served, 2).titled("1.5").blocks[-1]
    assert ("answered users on", "vllm 0.33.0") in software.facts


# --- experiments --------------------------------------------------------------------------------


def test_an_experiment_says_what_it_was_what_it_measured_and_who_ended_it(served: Registry) -> None:
    served.actor = "ann"
    one = open_one(served, 3)
    served.actor = "gateway"
    ended = end_one(served, one, "harm", "its rating is lower")
    found = tried(served, 3)
    facts = dict(found.facts)
    assert found.title == f"Experiment {one.number}: it is worse than the champion"
    assert facts["what it was"] == "a canary for 10 % of the users, against v2, by rating"
    assert facts["opened"] == f"{one.opened.at} by ann (to see)"
    assert ended.ended
    assert facts["ended"].startswith(f"{ended.ended.at} by itself, on its figures, as gateway")
    assert facts["users counted"] == "900 of the champion, 100 of this version"
    assert facts["users without feedback on rating"] == "7"
    rating, slow = found.rows
    figures = ("0.800 of 700", "0.600 of 80", "-0.200", "-0.300 … -0.050")
    assert rating == ("rating", *figures, "31 (25)", "worse")
    assert slow[0] == "slow over 812 ms (less is better)"
    assert slow[1:] == (*figures, "1.5 (25)", "nothing")
    assert found.columns[4] == ">95 % interval"


def test_an_experiment_that_a_person_stopped_names_the_person_and_why(served: Registry) -> None:
    one = open_one(served, 3, mode="shadow")
    served.actor = "bob"
    shadow = result_of(one).model_copy(update={"metric": None, "guardrails": ()})
    end_one(served, one, "stopped", "enough seen", shadow)
    found = tried(served, 3)
    assert found.title.endswith(": without a verdict")
    assert dict(found.facts)["ended"].endswith(" by bob (enough seen)")
    assert dict(found.facts)["what it was"] == "a shadow of 10 % of the requests, beside v2"
    assert (found.columns, found.rows) == ((), ())


def test_one_that_runs_tells_no_figures(served: Registry) -> None:
    open_one(served, 3)
    found = tried(served, 3)
    assert found.title.endswith(": it still runs")
    assert not (found.text or found.rows)


@pytest.mark.parametrize(
    ("health", "told"),
    [
        ({"ratio": 2000.0}, "Do not trust it"),
        ({"feedback_ratio": 2000.0}, "Take care"),
        ({"both_arms": 3}, "3 users got answers of both"),
    ],
)
def test_arms_that_cannot_be_compared_are_told_before_the_figures(
    served: Registry, health: dict[str, object], told: str
) -> None:
    one = open_one(served, 3)
    end_one(served, one, "stopped", "enough", result_of(one, **health))
    assert tried(served, 3).text[0].startswith(told)


def test_a_measure_without_users_of_one_side_has_no_difference(served: Registry) -> None:
    one = open_one(served, 3)
    nobody = comparison("rating", users={"champion": 9, "challenger": 0})
    found = result_of(one).model_copy(update={"metric": nobody, "guardrails": ()})
    end_one(served, one, "stopped", "enough", found)
    assert tried(served, 3).rows[0][1:5] == ("0.800 of 9", "–", "–", "–")


@pytest.mark.parametrize(
    ("asked", "told"),
    [({}, "not asked about"), ({"better": 512.25, "better_needed": 400}, "512 (400)")],
)
def test_the_evidence_of_a_win_is_told_where_a_win_was_asked_about(
    served: Registry, asked: dict[str, object], told: str
) -> None:
    one = open_one(served, 3, mode="ab")
    found = result_of(one).model_copy(update={"metric": comparison("rating", **asked)})
    end_one(served, one, "better", "its rating is higher", found)
    assert dict(tried(served, 3).facts)["evidence of a win"] == told


def test_figures_that_are_gone_are_said_to_be_and_the_verdict_stays(served: Registry) -> None:
    one = end_one(served, open_one(served, 3), "harm", "it is worse")
    assert one.end
    served.artifacts.blobs.delete(one.end.result)
    found = tried(served, 3)
    assert found.title.endswith("it is worse than the champion")
    assert found.text[0].startswith("Its figures cannot be read: ")
    assert not found.rows


def test_a_champion_tells_of_experiments_with_others_beside_it(served: Registry) -> None:
    one = end_one(served, open_one(served, 3), "harm", "its rating is lower")
    (row,) = tried(served, 2, "Experiments with another version").rows
    assert row[0] == f"{one.number}, with v3"
    assert row[-1] == "it is worse than the champion: its rating is lower"


def test_who_opened_an_experiment_is_a_sign_off_and_its_figures_have_a_digest(
    served: Registry,
) -> None:
    one = end_one(served, open_one(served, 3), "harm", "it is worse")
    dossier = of(served, 3)
    signed = block(dossier, "3.3", "Sign-offs").rows
    assert [row[1] for row in signed][-2:] == ["experiment", "experiment-end"]
    assert one.end
    digests = block(dossier, "3.7", "Records").facts
    assert (f"figures of experiment {one.number}", one.end.result) in digests


# --- none, and what others wrote ----------------------------------------------------------------


def test_without_a_gateway_and_without_experiments_it_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    assert monitored(registry, 1, ANSWERED).text[0].startswith("No gateway has told")
    for title in (ANSWERED, FAILED):
        found = monitored(registry, 1, title)
        assert found.columns
        assert not found.rows  # the page says "None."
    assert tried(registry, 1, "Experiments on users").text == (
        "None: it was the challenger in no experiment.",
    )
    software = of(registry, 1).titled("1.5").blocks[-1]
    assert ("answered users on", "no engine that a gateway told of") in software.facts


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_version_of_the_story_has_a_file_and_a_page(
    served: Registry, client: Browser, number: int
) -> None:
    end_one(served, open_one(served, 3), "harm", "it is worse")
    assert "<h4>Deployments that failed</h4>" in html_of(of(served, number))
    assert client.get(f"/dossier/{number}").status_code == 200


def test_what_gateways_and_users_wrote_stays_text(served: Registry, client: Browser) -> None:
    fail_to_deploy(served, 3, f"it says {SCRIPT}", replica=SCRIPT)
    served.rollback("it is slow")
    deploy_anyhow(served, 1, engine=SCRIPT, replicas=(SCRIPT,))
    end_one(served, open_one(served, 3), "stopped", SCRIPT)
    for number in (1, 3):
        for html in (html_of(of(served, number)), client.get(f"/dossier/{number}").text):
            assert SCRIPT not in html
            assert "&lt;script&gt;" in html
