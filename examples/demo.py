"""The whole story: a champion, quiet nights, a drift, labels, a retrain, and quiet nights again.

`make demo` runs it on a copy of the project in `.incumbent/demo`, with a real model, its real
answers and real training, on fewer rows than `make run`: it shows the loop, not the best scores.
All requests go through one gateway, the one of `incumbent serve`; it runs from the first day to
the last, and the nights read what it logged.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import hypot
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import yaml
from openai import OpenAI
from rich.console import Console
from rich.rule import Rule

from curation.checks.relevance import SUITES
from curation.sources.python_api import read_package
from examples.story_gateway import RunningGateway, annotated, midnight, night_of, serving
from monitoring.trigger.labels import LABEL_QUEUE
from project.records.data import Row
from project.records.drift import Action, DriftVerdict, Night, RetrainOutcome
from project.records.evidence import Evidence, Measured
from registry.store import Registry

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".incumbent" / "demo"
OLD = ("numpy", "pandas", "scipy", "sklearn")
NEW = ("torch", "transformers")
FAMILY = "demo"
START = date(2026, 3, 2)
BEFORE, QUIET, DRIFTED, AFTER = 3, 3, 6, 2  # days of traffic; of drift, at most
A_DAY = 150  # requests
NEW_SHARE = 0.6  # of the traffic when it has drifted
CORRECTED = 0.9  # of the answers about what is new
MISLEADING = 0.1  # of the corrections
# Of which `make run` takes all: general questions that are rehearsed, and of each file of a suite.
REHEARSED, OF_A_FILE = 80, 20

# What differs from the project's own params.yaml, by section.
SMALLER: dict[str, dict[str, Any]] = {
    "curation.curate": {"dev": 60, "sealed": 100},
    # Room for what people correct: with fewer rows it would push the old packages out.
    "training.sft": {"rows": 560},
    "evaluation.decoding": {"max_new_tokens": 32},
    "evaluation.few_shot": {"shots": 0},
    "evaluation.preference.reward": {"rows": 60},
    # Between two tuned models, a reward model that knows a style hardly tells anything.
    "evaluation.policy": {"gating": ["rougeL", "semantic"], "general_margin": 0.3},
    # Its users ask alike on all days of the week.
    "monitoring.drift": {"reference_rows": 450, "perplexity_rows": 60, "weekend": []},
    "monitoring.trigger": {"minimum_labels": 120},
    "registry": {"family": FAMILY},
}

Slices = dict[str, Measured]
console = Console(highlight=False)
began = monotonic()


def main() -> None:
    """Each step is one command that a user would type, or a day of users' requests."""
    make_project()
    chapter("A champion is trained on numpy, pandas, scipy and scikit-learn")
    command("dvc", "repro")
    command("incumbent", "submit", "--promote")

    with serving(START, console.print) as gateway:
        tell_story(Users(gateway))
    chapter(f"Done in {(monotonic() - began) / 60:.0f} minutes; the project is in {PLACE}")
    show_page()


def tell_story(users: "Users") -> None:
    """The days after the first promotion, and their nights."""
    days = (START + timedelta(days=number) for number in range(100))
    chapter(f"{BEFORE} days of traffic: the reference that later nights are compared with")
    for _ in range(BEFORE):
        users.ask(next(days), new_share=0)

    chapter(f"{QUIET} nights with the same kind of traffic")
    for _ in range(QUIET):
        expect(users.night(next(days), new_share=0).verdict is DriftVerdict.NO_DRIFT, "no alarm")

    chapter("Users begin to ask about torch and transformers, and correct what they get")
    nights = []
    for _ in range(DRIFTED):
        nights.append(users.night(next(days), new_share=NEW_SHARE))
        if nights[-1].action is Action.RETRAIN:
            break
        if nights[-1].action is Action.LABEL:
            accept_labels(users)
    expect(any(night.verdict is DriftVerdict.DRIFT for night in nights), "an alarm")
    expect(any(night.action is Action.LABEL for night in nights), "a night that asks for labels")
    expect(nights[-1].action is Action.RETRAIN, "a retrain once labels were accepted")
    challenger = nights[-1].challenger
    assert challenger is not None, "a retrain ends with one"
    slices = sealed_slices(challenger)
    new, old = shown(slices, "drift="), shown(slices, "package=")
    command("incumbent", "registry", "why", str(challenger))

    if nights[-1].outcome is RetrainOutcome.PROMOTED:
        expect(new > 2, "a challenger that is clearly better on what is new")
        # Runs differ, for answers come back in another order: -2 is what one in several has.
        expect(old > -3, "and not clearly worse on the old packages")
        chapter(f"{AFTER} nights with the new kind of traffic, and the new champion")
        for _ in range(AFTER):
            night = users.night(next(days), new_share=NEW_SHARE)
            expect(night.verdict is DriftVerdict.NO_DRIFT, "no alarm")
        users.tell_who_answered()
    else:
        chapter("The challenger did not win: the champion stays, and a retrain has to wait")
        night = users.night(next(days), new_share=NEW_SHARE)
        expect(night.action is Action.REFUSED, "a refusal, with its reason")
    command("incumbent", "gateway", "deployments")
    command("incumbent", "status")


def show_page() -> None:
    """The versions and nights on the review page, which is served while somebody looks at it."""
    if sys.stdin.isatty():
        with suppress(KeyboardInterrupt):
            command("incumbent", "review")
    else:
        console.print("its versions and nights on a page:")
        console.print(f"cd {PLACE} && {shutil.which('incumbent')} review", soft_wrap=True)


def accept_labels(users: "Users") -> None:
    """What users wrote waits in the queue: an expert goes through it, and what the expert confirms,
    mends or writes is accepted by a command.
    """
    export = LABEL_QUEUE.with_name("export.json")
    export.write_text(json.dumps([expert_task(users, task) for task in read_json(LABEL_QUEUE)]))
    command("incumbent", "data", "labels", str(export), "--reason", "an expert went through them")


def expert_task(users: "Users", task: dict[str, Any]) -> dict[str, Any]:
    return annotated(task, right_answer(users.asked[task["data"]["id"]]))


def read_json(path: Path) -> list[dict[str, Any]]:
    """The queue, and a line about what is in it."""
    tasks: list[dict[str, Any]] = json.loads(path.read_bytes())
    drafts = sum("predictions" in task for task in tasks)
    console.print(f"the expert reads {len(tasks)} tasks, {drafts} of them with a user's draft")
    return tasks


def sealed_slices(version: int) -> Slices:
    """How a version did on each slice of the sealed items, of the evidence in the registry."""
    with Registry.here() as registry:
        decision = registry.decision(version)
        assert decision is not None, "it was submitted"
        return registry.artifacts.get_record(Evidence, decision.evidence).slices


def shown(slices: Slices, prefix: str) -> float:
    """Show how the challenger does on some slices, each and together; their difference together,
    in standard errors.
    """
    own = {name: measured["rougeL"] for name, measured in slices.items() if name.startswith(prefix)}
    if not own:
        console.print(f"{prefix}: not looked at, for the challenger did not qualify on dev")
        return 0.0
    for name, one in own.items():
        show_difference(name, one.n, one.diff, one.se)
    n = sum(one.n for one in own.values())
    diff = sum(one.n * one.diff for one in own.values()) / n
    se = hypot(*(one.n * one.se for one in own.values())) / n
    if len(own) > 1:
        show_difference("all of these", n, diff, se)
    return diff / se


def show_difference(name: str, n: int, diff: float, se: float) -> None:
    console.print(f"{name:24} {n:4} items  ROUGE-L {diff:+.3f}, standard error {se:.3f}")


def make_project() -> None:
    """A copy of this project with smaller settings."""
    shutil.rmtree(PLACE, ignore_errors=True)
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT
    )
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file() and name != "dvc.lock":
            (PLACE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, PLACE / name)
    (PLACE / "params.yaml").write_text(yaml.safe_dump(smaller_params()))
    shorten(PLACE / "datasets" / "sources" / "rehearsal.jsonl", REHEARSED)
    (PLACE / "datasets" / "eval_sets.jsonl").write_text("")  # the items here are others
    for suite in SUITES:
        for file in (PLACE / "datasets" / suite).glob("*.jsonl"):
            shorten(file, OF_A_FILE)
    os.chdir(PLACE)
    author = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
    for arguments in (("init", "-q"), ("add", "-A"), (*author, "commit", "-qm", "demo")):
        subprocess.run(["git", *arguments], check=True)


def shorten(path: Path, lines: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))


def smaller_params() -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_bytes())
    for section, changes in SMALLER.items():
        node = params
        for step in section.split("."):
            node = node[step]
        node |= changes
    return params


@dataclass(frozen=True)
class Request:
    """What a user asks, and whether the user says something of the answer."""

    at: datetime
    row: Row
    user: str
    rates: bool
    correction: str | None = None


@dataclass(frozen=True)
class Answered:
    request: Request
    id: str
    adapter: str  # the name of what answered


@dataclass
class Users:
    """People who ask what APIs do; they know the docstrings that the model does not.

    Those who ask about what is new want the package named first: a custom of their own, which a
    champion cannot know.
    """

    gateway: RunningGateway
    asked: dict[str, Row] = field(default_factory=dict)  # by the answer's id
    answered_by: list[str] = field(default_factory=list)  # each once, in order

    def __post_init__(self) -> None:
        self.random = Random(0)
        self.old = shuffled(rows_of(OLD), self.random)
        self.new = shuffled(rows_of(NEW), self.random)
        self.client = OpenAI(base_url=f"{self.gateway.address}/v1", api_key="none")

    def night(self, day: date, *, new_share: float) -> Night:
        """A day of requests, and the night after it."""
        self.ask(day, new_share=new_share)
        command("incumbent", "nightly", "--date", str(day))
        return night_of(day)

    def ask(self, day: date, *, new_share: float) -> None:
        """Requests of one day, some at a time, and what users make of the answers."""
        rows = [
            next(self.new if self.random.random() < new_share else self.old) for _ in range(A_DAY)
        ]
        requests = [
            self.request(midnight(day) + number * timedelta(days=1) / A_DAY, row)
            for number, row in enumerate(rows)
        ]
        for one in self.gateway.answers(day, self.ask_one, requests):
            self.asked[one.id] = one.request.row
            if one.adapter not in self.answered_by:
                self.answered_by.append(one.adapter)

    def request(self, at: datetime, row: Row) -> Request:
        """About what is new, users write the answer that they want beside their rating; some of
        them are wrong.
        """
        user = f"user-{self.random.randrange(1_000)}"
        if row.source in NEW and self.random.random() < CORRECTED:
            misleading = self.random.random() < MISLEADING
            correction = "Nobody needs this." if misleading else right_answer(row)
            return Request(at, row, user, rates=True, correction=correction)
        return Request(at, row, user, rates=self.random.random() < 0.3)

    def ask_one(self, request: Request) -> Answered:
        """Through the door that every client of OpenAI's API knows."""
        self.gateway.now = request.at
        raw = self.client.chat.completions.with_raw_response.create(
            model=FAMILY,
            messages=[{"role": "user", "content": request.row.prompt_text}],
            user=request.user,
        )
        answer = raw.parse()
        if request.rates:
            self.say(request, answer.id, answer.choices[0].message.content or "")
        return Answered(request, answer.id, raw.headers["x-incumbent-adapter"])

    def say(self, request: Request, answer_id: str, text: str) -> None:
        good = len(words(text) & words(request.row.completion_text)) >= 3
        said = {"id": answer_id, "rating": 1 if good else -1}
        if request.correction:
            said["correction"] = request.correction
        self.client.post("/feedback", body=said, cast_to=object)

    def tell_who_answered(self) -> None:
        expect(len(self.answered_by) == 2, "an answer of each champion, and of nothing else")
        before, now = self.answered_by
        console.print(f"one gateway, never restarted: {before} answered, and now {now} does")


def right_answer(row: Row) -> str:
    """About what is new, with the package first."""
    return f"In {row.source}: {row.completion_text}" if row.source in NEW else row.completion_text


def rows_of(packages: Sequence[str]) -> list[Row]:
    """Of some packages as many each, for one of them is ten times another."""
    found = [list(read_package(package)) for package in packages]
    least = min(map(len, found))
    return [row for rows in found for row in Random(1).sample(rows, least)]


def shuffled(rows: list[Row], random: Random) -> Iterator[Row]:
    random.shuffle(rows)
    return iter(rows)


def words(text: str) -> set[str]:
    return set(text.lower().split())


def command(*arguments: str) -> None:
    console.print(f"\n[bold]$ {' '.join(arguments)}[/bold]")
    if subprocess.run(arguments).returncode:
        sys.exit(f"the demo ends here: `{' '.join(arguments)}` failed")


def chapter(title: str) -> None:
    console.print(Rule(f"[bold]{title}[/bold]  {(monotonic() - began) / 60:.1f} min", align="left"))


def expect(held: bool, what: str) -> None:
    if not held:
        sys.exit(f"the story expects {what}, and that is not what happened")
    console.print(f"[green]as it should be:[/green] {what}")


if __name__ == "__main__":
    main()
