"""The review page: what was measured, in words for everybody, and nothing that may not be shown."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.policy import Policy, SuiteGuard
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.report.kept_report import kept_report, kept_report_path
from evaluation.report.report_data import ReportData
from monitoring.scheduling.runs import claim, finish
from project.canonical import digest_bytes, digest_folder
from project.records.adapters import Adapter, AdapterVersion, Opponent
from project.records.data import Check, DatasetVersion, GateReport, Severity, Split
from project.records.drift import Action, DriftState, DriftVerdict, Topic
from project.records.evidence import Decision, Evidence, SuiteEvidence, Usage
from project.records.scores import Flags
from registry.storage.database import writing
from registry.store import Registry
from review.challenger.challenger_review import review_of
from review.challenger.measured import joined_by_and, summary
from review.challenger.review_record import Changes
from tests.conftest import BASE, SEALED
from tests.evaluation.test_decision import BETTER, EQUAL, Gains, calibration, general, joined, table
from tests.nights import night_of
from tests.places import START, evidence_on, submit, win
from tests.review.conftest import Browser
from tests.voting_sheets import all_vote, opened
from training.recipe import LearntRows

STRICT = Policy()
XSS = "<img src=x onerror=alert(1)>"


def decided(
    registry: Registry,
    version: AdapterVersion,
    gains: Gains = BETTER,
    policy: Policy = STRICT,
    **measured: Any,
) -> tuple[Evidence, Decision]:
    """A decision by the rule, at a counted look, on items whose scores differ by these gains."""
    pins = evidence_on(registry, version).pins
    assert pins is not None
    scores = joined(table(gains, slices=("kind=card",)), table(gains, slices=("kind=loan",)))
    sealed = scores.model_copy(update={"pins": pins})
    dev = table(BETTER).model_copy(update={"pins": pins})
    evidence = weigh(sealed, policy, dev=dev, **measured)
    look = registry.count_look(
        version.number, pins, SEALED, policy=policy.digest, alpha=policy.alpha
    )
    decision = rule(evidence, policy, look.number, look.budget)
    registry.record_decision(version.number, decision, evidence, policy)
    return evidence, decision


def made_with(
    registry: Registry, folder: Path, name: str, rows: int, lr: float, learnt: tuple[str, ...]
) -> AdapterVersion:
    """A version with a recipe, a dataset of so many rows, and the rows that it has learnt."""
    files = folder / name
    files.mkdir()
    (files / "adapter_model.safetensors").write_bytes(name.encode())
    (files / "recipe.json").write_text(json.dumps({"params": {"lr": lr, "rank": 8}}))
    dataset = DatasetVersion(
        rows=f"{rows:064x}",
        splits={Split.TRAIN: rows, Split.DEV: 60},
        sources=("faq.csv", *([f"{XSS}.csv"] if rows > 100 else [])),
        contract="c" * 64,
    )
    check = Check(
        name="no repeats", severity=Severity.WARNING, passed=False, limit="0", observed="3"
    )
    gate = GateReport(dataset_rows=dataset.rows, contract="c" * 64, row_count=rows, checks=(check,))
    recipe = Path(files / "recipe.json").read_bytes()
    adapter = Adapter(
        files=digest_folder(files), base=BASE, recipe=digest_bytes(recipe), dataset=dataset.digest
    )
    return registry.submit(adapter, files, "made", dataset, gate, LearntRows(learnt=learnt))


def test_a_winner_is_described_for_who_knows_no_statistics(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "first", tmp_path)
    decided(registry, submit(registry, "second", tmp_path))
    page = client.get("/review/2").text
    assert "test v2 is better than the champion v1 in all three measures that decide" in page
    assert "meaning shared with the reference answer (semantic)" in page
    assert "rougeL is better by +0.100, at least" in page
    assert 'aria-label="all items: +0.100, from ' in page
    assert "kind=card" in page


def test_a_hold_says_what_is_in_doubt_and_how_many_items_are_missing(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    _, decision = decided(
        registry,
        submit(registry, "a", tmp_path),
        BETTER | {"semantic": 0.005},
        Policy(effect=0.005),
    )
    page = client.get("/review/1").text
    assert "It is not sure yet that test v1 is better than the base model" in page
    assert decision.needed
    assert f"About {decision.needed:,} more eval items would settle it at the next look." in page
    assert "Not possible: test v1 may not be promoted: HOLD" in page


@pytest.mark.usefixtures("site")
def test_a_loser_is_named_worse_in_what_it_lost(registry: Registry, tmp_path: Path) -> None:
    decided(registry, submit(registry, "a", tmp_path), BETTER | {"preference": -0.2})
    head = review_of(registry, 1).headline
    assert (head.verdict, head.tone) == ("REJECT", "bad")
    assert (
        "clearly worse than the base model without an adapter in preferred answers" in head.summary
    )


@pytest.mark.usefixtures("site")
def test_what_did_not_qualify_shows_dev_alone(registry: Registry, tmp_path: Path) -> None:
    version = submit(registry, "a", tmp_path)
    pins = evidence_on(registry, version).pins
    dev = table(BETTER | {"rougeL": 0.0}).model_copy(update={"pins": pins})
    evidence = weigh(None, Policy(), dev=dev)
    registry.record_decision(1, rule(evidence, Policy(), None), evidence, Policy())
    review = review_of(registry, 1)
    assert review.part == "dev"
    assert "did not qualify" in review.headline.summary
    assert review.headline.summary.endswith(
        "or worse, in words shared with the reference answer (rougeL)."
    )
    assert len(review.plots) == 3


@pytest.mark.usefixtures("site")
def test_what_is_guarded_is_among_what_decides_with_what_it_may_lose(
    registry: Registry, tmp_path: Path
) -> None:
    policy = Policy(gating=("rougeL", "preference"), guards={"semantic": 0.05})
    decided(registry, submit(registry, "a", tmp_path), BETTER | {"semantic": -0.2}, policy)
    review = review_of(registry, 1)
    assert "clearly worse" in review.headline.summary
    assert "meaning shared with the reference answer (semantic)" in review.headline.summary
    (plot,) = [plot for plot in review.plots if plot.title == "semantic"]
    assert (plot.gating, plot.lines[0].threshold) == (True, -0.05)
    assert "semantic need not be better, and may lose no more than 0.05" in review.floors


def test_a_version_without_a_decision_has_a_page_that_shows_what_to_type_as_code(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    page = client.get("/review/1").text
    assert "never compared with the champion" in page
    assert "Not possible: test v1 was never decided on" in page
    assert "run <code>incumbent submit</code>" in page


def test_guards_costs_and_trust_are_on_the_page(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    policy = Policy(suites={"safety": {"correct": SuiteGuard(floor=0.5)}}, floors={"rougeL": 0.1})
    safety = SuiteEvidence(
        champion={"all items": weigh(general(0.0), Policy(gating=("correct",))).sealed}
    )
    decided(
        registry,
        submit(registry, "a", tmp_path),
        policy=policy,
        general=general(0.05),
        calibration=calibration(),
        suites={"safety": safety},
        usage={"challenger": Usage(prompt=20, answer=9), "few-shot": Usage(prompt=220, answer=9)},
    )
    page = client.get("/review/1").text
    assert "General ability: whether it forgot" in page
    assert "The policy guards it: correct must be at least 0.5" in page
    assert "the mean of rougeL must not be below 0.1" in page
    assert "87% fewer tokens" in page
    assert 'tried on 200 held-out pairs: <b class="good">yes</b>' in page


def test_what_was_kept_beside_the_report_is_shown_for_its_own_decision_alone(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    usage = {"challenger": Usage(prompt=20, answer=9)}
    evidence, decision = decided(registry, submit(registry, "a", tmp_path), usage=usage)
    items = table(BETTER).items
    material = ReportData(opponent=Opponent(), dev=items, flags=Flags(), examples=())
    sealed = items, Flags(items={"truncated": ("i1",)})
    kept = kept_report(evidence, decision, Policy(), material, sealed, {"challenger": 0.25})
    kept.write(kept_report_path("test", 1))
    page = client.get("/review/1").text
    assert "0.250" in page
    wins = evidence.sealed["rougeL"].wins
    assert f"rougeL: {wins} items better" in page
    assert "truncated: 1 item" in page
    kept_report_path("test", 1).write_text("{}")
    assert "truncated" not in client.get("/review/1").text
    kept.model_copy(update={"decision": "0" * 64}).write(kept_report_path("test", 1))
    assert "truncated" not in client.get("/review/1").text


def test_rows_recipe_and_sources_are_held_against_the_champions(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    first = made_with(registry, tmp_path, "first", 100, 1e-4, ("a" * 16, "b" * 16))
    registry.promote(first.number, "the first", force=True)
    decided(
        registry, made_with(registry, tmp_path, "second", 140, 2e-4, ("b" * 16, "c" * 16, "d" * 16))
    )
    changes = review_of(registry, 2).changes
    assert (changes.rows_added, changes.rows_removed) == (2, 1)
    assert [(one.name, one.before, one.after) for one in changes.recipe] == [
        ("lr", "0.0001", "0.0002")
    ]
    assert [(one.name, one.before, one.after) for one in changes.splits] == [
        ("train", "100", "140")
    ]
    page = client.get("/review/2").text
    assert 'href="/versions/compare?a=1&amp;b=2">Side by side' in page
    assert 'href="/data/gate"' in page
    assert "Failed: no repeats (warning): 3, limit 0" in page
    assert XSS not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.csv" in page


def test_side_by_side_is_with_whom_it_was_compared_not_with_whoever_is_champion_now(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    decided(registry, submit(registry, "a", tmp_path))  # against the bare base
    win(registry, "b", tmp_path)
    decided(registry, submit(registry, "c", tmp_path))
    win(registry, "d", tmp_path)
    assert "Side by side" not in client.get("/review/1").text
    assert "/versions/compare?a=2&amp;b=3" in client.get("/review/3").text


def test_a_source_that_left_is_a_change() -> None:
    same = Changes(
        against="v1",
        number=1,
        known=True,
        base=(),
        splits=(),
        rows_added=0,
        rows_removed=0,
        sources_added=(),
        sources_removed=(),
        recipe=(),
        trained_from=None,
    )
    assert same.nothing
    assert not same.model_copy(update={"sources_removed": ("faq.csv",)}).nothing


def test_the_night_whose_retrain_made_it_is_linked(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    for number in (1, 11):
        keep_night(registry, number)
    submit(registry, "a", tmp_path)
    page = client.get("/review/1").text
    assert 'href="/nights/2026-01-01"' in page
    assert 'href="/nights/2026-01-11"' not in page
    assert "&lt;img src=x" in page


def keep_night(registry: Registry, challenger: int) -> None:
    day = START.date() + timedelta(days=challenger - 1)
    topic = Topic(name=XSS, new=True, before=0.0, now=0.4, z=9.0, exemplars=())
    night = night_of(
        "test",
        day,
        verdict=DriftVerdict.DRIFT,
        topics=(topic,),
        state=DriftState.ACT,
        action=Action.RETRAIN,
        reasons=("users ask of loans",),
        challenger=challenger,
    )
    held = claim(registry.engine, "nightly test", day, "h", START, timedelta(hours=1))
    assert held is not None
    with writing(registry.engine) as connection:
        finish(connection, held, START, night.canonical().decode())


def test_a_reason_of_an_attacker_stays_text_in_every_part(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    registry.actor = XSS
    decided(registry, submit(registry, "a", tmp_path))
    registry.reject(1, XSS)
    for path in ("/review/1", "/review/1/votes", "/rollback"):
        page = client.get(path).text
        assert "<img" not in page
        assert "style=" not in page
        assert "<script>" not in page


def test_votes_are_shown_live_to_whoever_may_approve(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    assert "Nobody was asked to vote" in client.get("/review/1").text
    sheet = opened(registry, version).sheet
    all_vote(registry, 1, sheet, ("bob", "eve"), "base")
    part = client.get("/review/1/votes").text
    assert 'hx-get="/review/1/votes"' in part
    assert "<html" not in part
    assert "items have all their votes" in part
    assert part.strip() in client.get("/review/1").text
    history = client.get("/api/review/1").json()["history"]
    assert {event["kind"] for event in history} == {"submit", "ask"}


def test_voting_is_offered_only_where_it_is_open(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    assert 'href="/vote/1"' not in client.get("/review/1").text
    opened(registry, version)
    assert 'href="/vote/1"' in client.get("/review/1").text
    registry.reject(1, "no")
    assert 'href="/vote/1"' not in client.get("/review/1").text


def test_who_only_votes_sees_no_count(client: Browser, registry: Registry, tmp_path: Path) -> None:
    opened(registry, submit(registry, "a", tmp_path))
    Path("roles.yaml").write_text("vote: [ann]\npromote: [bob]")
    Path("params.yaml").write_text("registry: {roles: roles.yaml}")
    for path in ("/review/1", "/review/1/votes"):
        assert "who votes must not know it" in client.get(path).text
    told = client.get("/api/review/1").json()
    assert not any(event["kind"] in ("vote", "show", "unvote") for event in told["history"])


def test_more_votes_are_asked_for_with_a_reason_once(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    opened(registry, submit(registry, "a", tmp_path), votes=2)
    assert 'name="votes" value="3" min="2"' in client.get("/review/1").text
    answers = [client.send_form("/review/1/votes", votes=3, reason="close") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 400]
    assert [event.reason for event in registry.history(kind="ask")] == ["please", "close"]


def test_the_page_is_there_as_json_too(client: Browser, registry: Registry, tmp_path: Path) -> None:
    decided(registry, submit(registry, "a", tmp_path))
    told = client.get("/api/review/1").json()
    assert told == review_of(registry, 1).model_dump(mode="json") | {"offers": told["offers"]}
    schema = client.get("/api/openapi.json").json()
    answer = schema["paths"]["/api/review/{number}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Review")


@pytest.mark.parametrize(
    ("names", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed_as_in_a_sentence(names: list[str], sentence: str) -> None:
    assert joined_by_and(names) == sentence


def test_a_guarded_policy_is_told_apart_from_a_win_in_all(
    registry: Registry, tmp_path: Path
) -> None:
    policy = Policy(kind="guarded", margins={"rougeL": 0.05})
    version = submit(registry, "a", tmp_path)
    _, decision = decided(registry, version, BETTER | {"rougeL": -0.01}, policy)
    said = summary("v1", "v0", decision, policy.gating)
    assert "does what the policy asks in words shared with the reference answer" in said
    assert "all three" not in said


def test_a_hold_that_waits_for_votes_says_so_in_plain_words() -> None:
    nobody = calibration(source="ballots", n=0, unjudged=0, accuracy=None)
    policy = Policy(kind="guarded", gating=("rougeL", "preference"), margins={})
    scored = weigh(table(BETTER), policy, calibration=nobody)
    unvoted = scored.model_copy(update={"sealed": {"rougeL": scored.sealed["rougeL"]}})
    sentences = summary("v1", "v0", rule(unvoted, policy, 1), policy.gating)
    assert "People's votes are missing for preferred answers (preference)." in sentences
    assert "something else" not in sentences


def test_the_page_says_first_what_is_right_and_what_would_turn_a_hold(
    registry: Registry, client: Browser, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    decided(registry, version, EQUAL)
    head = review_of(registry, version.number).headline
    assert head.right[0].startswith("right or wrong: nothing checks it")
    assert "is hardly another result" in head.ways_out[0]
    page = client.get(f"/review/{version.number}").text
    assert page.index(head.right[0]) < page.index(head.ways_out[0].partition("`")[0])
    ways = page.partition("What would turn it:")[2].partition("</ul>")[0]
    assert "<code>" in ways and "`" not in ways
