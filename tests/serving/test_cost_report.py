"""`gateway cost-report`: what an answer costs at which quality, of the project's own items."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, Prices
from evaluation.generate import prompted
from evaluation.generation.answers import Answer, Respondent
from evaluation.generation.systems import from_registry
from incumbent.cli import app
from project import paths
from project.errors import IncumbentError, InputError
from project.files import home
from project.records.adapters import Adapter, Contestant, ModelPin
from project.records.data import Row, Split
from project.records.record import write_records
from project.records.scenarios import Scenario, SimulatedUser
from project.settings import load
from registry.store import Registry
from serving.asked_systems import LargerModel, ask_larger, dev_items
from serving.system_costs import (
    CostReport,
    Mean,
    SystemCost,
    SystemDifference,
    compare_costs,
    sentences,
    write_page,
)
from tests.conftest import NUMERICS
from tests.judge_server import Asked, Reply, judge_server
from tests.recorded_project import ITEMS, PARTS, lay_out

DEV = list(PARTS[Split.DEV])
PIN = ModelPin(model="m", name="m", revision="1", weights="w", config="c", chat_template="t")
BARE = Contestant(base=PIN)
SETTINGS = """
registry: {family: bank}
evaluation:
  few_shot: {shots: 3}
  prices: {prompt: 1, answer: 10, hour: 2}
  scoring: {metrics: [rouge, perplexity]}
  policy: {gating: [rougeL]}
"""


class Known:
    """Answers a part of the reference: the last so many words."""

    def __init__(self, words: int) -> None:
        self.words = words

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows:
            words = row.completion_text.split()[-self.words :]
            noise = ["odd"] * (len(row.prompt_text) % 2)  # so that items differ
            yield Answer(
                item=row.id,
                text=" ".join([*words, *noise]),
                tokens=len(words),
                prompt_tokens=len(row.prompt_text.split()),
            )

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [-1.0] * len(rows)


def answer(words: int, *, adapter: bool, shots: int = 0, rows: Sequence[Row] = DEV) -> None:
    """Put answers into the cache, each of which took a tenth of a second."""
    contestant = Adapter.read(paths.ADAPTER).contestant
    if not adapter:
        contestant = contestant.model_copy(update={"adapter": None})
    system = from_registry(contestant, load(Decoding), NUMERICS)
    times = chain([0.0], repeat(0.1 * len(rows)))  # of one unit
    cached = Respondent(system.system, system.batch_size, lambda: Known(words), lambda: next(times))
    cached.answers(prompted(rows, shots) if shots else rows, "recorded")


@pytest.fixture
def project() -> None:
    """A champion whose answers are whole, and its base, which says less the fewer it is shown."""
    lay_out(SETTINGS)
    with Registry.here() as registry:
        adapter = Adapter.read(paths.ADAPTER)
        registry.submit(adapter, paths.ADAPTER_FILES, "first")
        registry.promote(1, "the first", force=True)
    answer(3, adapter=True)
    answer(1, adapter=False)
    answer(2, adapter=False, shots=3)


@pytest.mark.usefixtures("project")
def test_cached_answers_are_counted_priced_and_compared_and_no_model_is_loaded() -> None:
    report = compare_costs(100)
    adapter, bare, shown = report.systems
    assert [one.name for one in report.systems] == [
        "bank v1",
        "base, no examples",
        "base, 3 examples",
    ]
    assert (report.items, report.judged_by) == (ITEMS, ("rougeL",))
    assert (adapter.prompt, adapter.answer, bare.answer, shown.answer) == (3, 3, 1, 2)
    assert shown.prompt == 3 + 3 * (3 + 3)  # three questions with their answers before it
    assert adapter.seconds == pytest.approx(0.1)
    tokens = 1000 * (3 * 1 + 3 * 10) / 1e6
    assert adapter.money == pytest.approx(tokens + 1000 * 0.1 * 2 / 3600)
    assert adapter.quality["rougeL"].mean > shown.quality["rougeL"].mean
    assert shown.against["rougeL"].verdict == "worse" and not adapter.against
    assert "perplexity" not in report.judged_by and "perplexity" in adapter.quality


@pytest.mark.usefixtures("project")
def test_where_no_number_of_examples_reaches_the_adapter_it_says_so() -> None:
    said = "\n".join(sentences(compare_costs(100)))
    assert "bank v1 against base, 3 examples: 74% fewer tokens" in said
    assert "no number of examples that was tried (0, 3) brings the base to the quality" in said


@pytest.mark.usefixtures("project")
def test_at_equal_quality_the_fewest_examples_that_reach_it_are_the_price() -> None:
    answer(3, adapter=False, shots=5)
    answer(3, adapter=False, shots=8)
    said = "\n".join(sentences(compare_costs(100, [5, 8])))
    assert "at equal quality: with 5 examples the base is not shown to be worse on 30 items" in said


@pytest.mark.usefixtures("project")
def test_fewer_items_are_the_same_ones_for_all_and_taken_from_the_cache_of_all() -> None:
    report = compare_costs(10)
    assert {one.quality["rougeL"].items for one in report.systems} == {10}
    assert dev_items(10) == dev_items(12)[:10]


@pytest.mark.usefixtures("project")
def test_a_whole_conversation_is_no_answer_whose_cost_is_compared() -> None:
    scenario = Scenario(user=SimulatedUser(), say=(9,))
    talk, *others = DEV
    rows = [talk.model_copy(update={"scenario": scenario}), *others]
    write_records(paths.rows_of(Split.DEV), rows)
    assert {row.id for row in dev_items(100)} == {row.id for row in others}


@pytest.mark.usefixtures("project")
def test_the_command_prints_json_and_writes_a_page() -> None:
    done = CliRunner().invoke(app, ["gateway", "cost-report", "--json", "--to", "costs.html"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["systems"][0]["name"] == found["champion"] == "bank v1"
    page = Path("costs.html").read_text()
    assert "base, 3 examples" in page and found["said"][0].split(":")[0] in page
    shown = CliRunner().invoke(app, ["gateway", "cost-report"]).stdout
    assert "rougeL" in shown and "per 1,000" in shown


def test_without_a_champion_or_a_dev_set_it_says_what_to_do() -> None:
    lay_out(SETTINGS)
    with pytest.raises(
        InputError, match="no champion: `incumbent run` makes a challenger, and `incumbent rollback"
    ):
        compare_costs(100)
    paths.rows_of(Split.DEV).unlink()
    with pytest.raises(InputError, match=r"dev\.jsonl: is not there: `incumbent run` makes it"):
        dev_items(100)


# --- a larger model -----------------------------------------------------------------------------

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def answers_well(asked: Asked) -> Reply:
    number = asked.question.split()[-1].rstrip("?")
    return Reply(f"the answer {number}!", fields={"usage": USAGE})


@pytest.mark.usefixtures("project")
def test_a_larger_model_is_timed_priced_by_its_own_prices_and_asked_once() -> None:
    with judge_server(answers_well) as server:
        larger = LargerModel(server.url, "large", Prices(prompt=3, answer=15), key="secret")
        report = compare_costs(10, larger=larger)
        assert compare_costs(10, larger=larger) == report
        assert len(server.asked) == 10
    assert {asked.authorization for asked in server.asked} == {"Bearer secret"}
    assert {asked.body["max_tokens"] for asked in server.asked} == {48}
    last = report.systems[-1]
    assert (last.name, last.prompt, last.answer, last.seconds) == ("large", 7, 3, None)
    assert last.money == pytest.approx((7 * 3 + 3 * 15) / 1000)
    assert last.latency and last.p50 and last.p95 and last.p50 <= last.p95
    assert "perplexity" not in last.quality  # a server does not tell it
    said = "\n".join(sentences(report))
    assert "counted by its own tokenizer" in said and "secret" not in repr(larger)
    write_page(report, Path("page.html"))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401, raw=b'{"error": {"message": "no such key"}}'), "no such key"),
        (Reply(raw=b"{}"), "no chat completion"),
        (Reply("no usage"), "usage"),
    ],
)
def test_a_larger_model_that_fails_is_told_with_its_address(reply: Reply, said: str) -> None:
    with judge_server(lambda asked: reply) as server:
        larger = LargerModel(server.url, "large")
        with pytest.raises(IncumbentError, match=f"(?s){server.url}.*{said}"):
            ask_larger(larger, DEV[:6], BARE, Decoding())
    assert not list(home().rglob("*.json"))


# --- words --------------------------------------------------------------------------------------


def system(name: str, shots: int | None, diff: float | None, money: float | None) -> SystemCost:
    found = SystemDifference(diff=diff, low=diff - 0.1, high=diff + 0.1, items=9) if diff else None
    return SystemCost(
        name=name,
        shots=shots,
        prompt=100,
        answer=10,
        seconds=1,
        latency=None,
        p50=None,
        p95=None,
        money=money,
        quality={"rougeL": Mean(mean=0.5, low=0.4, high=0.6, items=9)},
        against={"rougeL": found} if found else {},
    )


def report(*systems: SystemCost) -> CostReport:
    return CostReport(
        champion="bank v1",
        items=9,
        clusters=9,
        level=0.9,
        judged_by=("rougeL",),
        better={"rougeL": "more"},
        systems=systems,
    )


def test_a_difference_is_told_from_the_adapters_side() -> None:
    adapter = system("bank v1", None, None, 1)
    worse, same = system("base", 0, -0.3, 2), system("base", 0, 0.05, 2)
    assert "rougeL +0.300 [+0.200, +0.400], better" in sentences(report(adapter, worse))[0]
    assert (
        "rougeL -0.050 [-0.150, +0.050], no difference shown"
        in (sentences(report(adapter, same))[0])
    )
    assert "50% less money" in sentences(report(adapter, worse))[0]


def test_without_a_price_it_says_where_to_set_one() -> None:
    adapter, base = system("bank v1", None, None, None), system("base", 0, -0.3, None)
    assert any("evaluation.prices" in line for line in sentences(report(adapter, base)))


def test_the_policy_of_the_project_gives_the_level_of_the_intervals() -> None:
    assert Policy().alpha == 0.05 and report(system("a", None, None, 1)).level == 0.9
