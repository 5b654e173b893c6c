"""What the keys of scorers, ballots and prices do to score tables and to the report."""

import json
from itertools import product
from typing import Any

from evaluation import score
from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.evaluation_settings import Prices
from evaluation.generation.answers import SIDES, Answer, answers_of
from evaluation.report.report_data import ReportData
from evaluation.report.report_page import report
from evaluation.scoring.score_table import read_scores
from project import paths
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, Contestant, Opponent
from project.records.data import Row, Split
from project.records.evidence import Usage
from project.records.preferences import PairSource
from project.records.record import write_records
from project.records.scores import Flags
from project.settings import load
from tests.conftest import BASE, NUMERICS, ROOT
from tests.evaluation.test_decision import BETTER, table
from tests.incumbent.setting_effects.effect import Effect, write

BALLOTS, OTHERS = "datasets/ballots/ours.jsonl", "datasets/ballots/theirs.jsonl"
ROWS = [Row.of(f"what is {i}?", f"a number: {i}", group=f"g{i}", source="s") for i in range(3)]
SAID = {"champion": "I will not say that", "challenger": "numbers: 1"}
GENERAL = (ROOT / "datasets/general/arithmetic.jsonl").read_text().splitlines()[0]


def scored() -> dict[str, Any]:
    """What stage `score` makes of made answers: each metric's values, and the preferences."""
    lay_out_contestants()
    lay_out_answers()
    lay_out_ballots(BALLOTS, "right", "left", "left")
    lay_out_ballots(OTHERS, "right", "right", "right")
    score.main()
    table = read_scores(Split.DEV).items
    return {
        "values": [item.challenger for item in table],
        "refusals": [item.champion.get("refusal") for item in table],
        "preferences": [item.preference for item in table],
    }


def lay_out_contestants() -> None:
    BASE.write(paths.BASE)
    NUMERICS.write(paths.NUMERICS)
    pin(load(ModelChoice), "embedder").write(paths.EMBEDDER)
    Adapter(files="1" * 64, base=BASE, recipe="c" * 64, dataset="d" * 64).write(paths.ADAPTER)
    Opponent(contestant=Contestant(base=BASE)).write(paths.CHAMPION)
    PairSource(source="ballots").write(paths.PAIR_SOURCE)


def lay_out_answers() -> None:
    """Of both sides, to the dev part and to a general-ability suite of one item."""
    write_records(paths.rows_of(Split.DEV), ROWS)
    write("datasets/general/sums.jsonl", GENERAL)
    asked = {Split.DEV.value: [row.id for row in ROWS], "general": [json.loads(GENERAL)["id"]]}
    for role, (part, names) in product(SIDES, asked.items()):
        said = [Answer(item=i, text=SAID[role], tokens=9, prompt_tokens=9) for i in names]
        write_records(answers_of(role, part), said)


def lay_out_ballots(path: str, *choices: str) -> None:
    left, right = score.contestant_names().values()
    write(path, *(ballot(i, choice, left, right) for i, choice in enumerate(choices)))


def ballot(number: int, choice: str, left: str, right: str) -> str:
    """On the first item, by a reviewer of its own, a minute after the one before it."""
    cast = {"item": ROWS[0].id, "reviewer": f"reviewer {number}", "left": left, "right": right}
    return json.dumps(cast | {"choice": choice, "at": f"2026-01-31T12:0{number}:00Z"})


def reported() -> str:
    """The report of a decision, as `submit` writes it."""
    policy = Policy()
    usage = {role.value: Usage(prompt=100, answer=20) for role in SIDES}
    evidence = weigh(table(BETTER), policy, dev=table(BETTER), usage=usage)
    shown = ReportData(opponent=Opponent(), dev=table(BETTER).items, flags=Flags(), examples=())
    seconds = dict.fromkeys(usage, 0.5)
    decision = rule(evidence, policy, 1)
    return report(evidence, decision, policy, shown, seconds=seconds, prices=load(Prices))


METRICS, PREFERENCE = "evaluation.scoring.metrics", "evaluation.preference"
SCORED: dict[str, Any] = {
    "embedder.model": "models/words",
    METRICS: ["length"],
    f"{PREFERENCE}.source": "ballots",
    f"{PREFERENCE}.ballots": BALLOTS,
}


def row(a: object, b: object, shown: str, **beside: object) -> Effect:
    return Effect((a, b), scored, shown, {**SCORED, **beside}, models="words")


REFUSAL = {METRICS: [{"metric": "refusal"}]}
EFFECTS = {
    METRICS: row(["length"], ["length", "token_f1"], "values"),
    f"{METRICS}.metric": row("length", "token_f1", "values", **{METRICS: [{}]}),
    f"{METRICS}.options": row({}, {"phrasings": ["I will not say"]}, "refusals", **REFUSAL),
    f"{PREFERENCE}.ballots": row(BALLOTS, OTHERS, "preferences"),
    f"{PREFERENCE}.votes": row(None, 1, "preferences"),
} | {f"evaluation.prices.{name}": Effect((0, 3), reported) for name in Prices.model_fields}
