"""Scorers are chosen in params.yaml, and what they give is checked item by item."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import Answer
from evaluation.metrics.per_item import PerItem
from evaluation.scoring.built_in import SCORERS, better_by_ours, class_of
from evaluation.scoring.scorers import Scores, load_scorers, score, scorers_digest
from project.errors import IncumbentError, InputError
from project.records.data import Row
from project.settings import load
from tests.conftest import ROOT, printed_in_other_processes

EMBEDDER = Path("no-embedder")  # only `semantic` reads it


def row(item: int, reference: str) -> Row:
    made = Row.of("Which?", reference, group="g", source="s")
    return made.model_copy(update={"id": str(item)})


def answer(item: int, text: str, reference_logprob: float | None = -1.5) -> Answer:
    return Answer(
        item=str(item),
        text=text,
        tokens=3,
        prompt_tokens=7,
        reference_logprob=reference_logprob,
        reference_tokens=4,
    )


ROWS = [row(i, text) for i, text in enumerate(("one two", "three", "…"))]
ANSWERS = [answer(i, text) for i, text in enumerate(("one two", "four", ""))]


def chosen(metrics: str) -> ScoringParams:
    Path("params.yaml").write_text(f"evaluation:\n  scoring:\n    metrics:\n{metrics}\n")
    return load(ScoringParams)


def scored(metrics: str, answers: Sequence[Answer] = ANSWERS) -> Scores:
    return score(load_scorers(chosen(metrics), EMBEDDER), ROWS, answers)


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a test writes a user's module named mine."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the file may change within a second
    monkeypatch.setitem(sys.modules, "mine", sys)  # so that whatever is imported is dropped after
    del sys.modules["mine"]
    return tmp_path / "mine.py"


def module(gives: str, columns: str = "'predictions', 'references'") -> str:
    """A user's scorer that shares nothing with ours; `gives` is an expression over columns `c`."""
    return f"""
import datasets
import evaluate
import numpy as np


class Mine(evaluate.Metric):
    def _info(self):
        types = {{"tokens": "int64", "prompt_tokens": "int64", "reference_logprobs": "float64"}}
        features = {{n: datasets.Value(types.get(n, "string")) for n in ({columns},)}}
        return evaluate.MetricInfo(
            description="", citation="", features=datasets.Features(features)
        )

    def _compute(self, **c):
        return {gives}
"""


def test_values_come_by_item_and_flags_by_id() -> None:
    found = scored("    - rouge\n    - token_f1\n    - refusal\n    - length\n    - perplexity")
    assert found.values["rouge1"] == (1.0, 0.0, 0.0)
    assert found.values["exact_match"] == (1.0, 0.0, 1.0)
    assert found.values["empty"] == (0.0, 0.0, 1.0)
    assert found.values["words"] == (2.0, 1.0, 0.0)
    assert found.values["reference_logprob"] == (-1.5, -1.5, -1.5)
    assert found.flags.items == {"reference without tokens": ("2",)}


def test_every_file_of_a_scorer_is_in_the_table() -> None:
    params = ScoringParams.model_validate({"metrics": list(SCORERS)})
    classes = [class_of(choice, at) for at, choice in enumerate(params.metrics)]
    assert all(issubclass(found, PerItem) for found in classes)
    files = {path.stem for path in (ROOT / "evaluation" / "metrics").glob("*.py")}
    named = {found.__module__.rpartition(".")[2] for found in classes}
    beside = {"__init__", "answer_sentences", "per_item", "proposed_checks"}
    assert files - named == beside


def test_our_scorers_say_which_way_each_of_their_metrics_is_better() -> None:
    Path("schema.json").write_text("{}")
    params = "    - {metric: json, options: {schema: schema.json}}"
    names = [f"    - {name}" for name in SCORERS if name not in ("json", "semantic")]
    scorers = load_scorers(chosen("\n".join([params, *names])), EMBEDDER)
    found = score(scorers, [row(0, "loan")], [answer(0, "loans")])
    given = {*found.values, *found.labels}
    assert {name for scorer in scorers for name in scorer.better} == given
    read = better_by_ours()
    assert read["semantic"] == "more"
    assert {name: read[name] for name in given} == {
        name: way for scorer in scorers for name, way in scorer.better.items()
    }


@pytest.mark.parametrize(("stem", "expected"), [("true", 1.0), ("false", 0.0)])
def test_options_reach_the_scorer(stem: str, expected: float) -> None:
    scorers = load_scorers(chosen(f"    - {{metric: rouge, options: {{stem: {stem}}}}}"), EMBEDDER)
    found = score(scorers, [row(0, "loan")], [answer(0, "loans")])
    assert found.values["rouge1"] == (expected,)


def test_a_users_own_scorer_gets_the_columns_that_it_asks_for(mine: Path) -> None:
    columns = {
        "prompts": "Which?",
        "predictions": "four",
        "references": "three",
        "prompt_tokens": 7,
        "tokens": 3,
        "reference_logprobs": -1.5,
    }
    second = {name: [value] for name, value in columns.items()}
    gives = f"{{'told': [{{n: v[1:2] for n, v in c.items()}} == {second}] * 3}}"
    mine.write_text(module(gives, ", ".join(map(repr, columns))))
    assert scored("    - mine:Mine").values["told"] == (1.0, 1.0, 1.0)


def test_numbers_of_numpy_and_truth_values_are_numbers(mine: Path) -> None:
    gives = "{'a': np.float32([1, 2, 3]), 'b': [True, np.bool_(False), np.int8(2)]}"
    mine.write_text(module(gives))
    assert scored("    - mine:Mine").values == {"a": (1.0, 2.0, 3.0), "b": (1.0, 0.0, 2.0)}


def test_a_scorer_that_draws_gives_the_same_in_every_run(mine: Path) -> None:
    mine.write_text(module("{'drawn': np.random.rand(3)}"))
    runs = []
    for state in (1, 2):
        np.random.seed(state)
        runs.append(scored("    - mine:Mine"))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("metrics", "complaint"),
    [
        (
            "    - rogue",
            r":4: evaluation\.scoring\.metrics\.0: no scorer 'rogue'; .* rouge, semantic",
        ),
        (
            "    - rouge\n    - nowhere.x:Y",
            r":5: .*metrics\.1: nowhere\.x does not import: .*nowhere",
        ),
        ("    - mine:Mine", r":4: .*metrics\.0: mine does not import: NameError: name 'broken'"),
        ("    - pathlib:Path", r":4: .*pathlib has no class 'Path' that is an evaluate\.Metric"),
        ("    - json:Mine", r":4: .*json has no class 'Mine'"),
        ("    - evaluation.metrics.per_item:PerItem", r":4: .*has no class 'PerItem'"),
        (
            "    - length\n    - refusal\n    - metric: rouge\n      options:\n        stam: true",
            r":8: evaluation\.scoring\.metrics\.2\.options: rouge has no option 'stam'; "
            r"there are: stem, sentences",
        ),
        ("    - {metric: length, options: {seed: 1}}", r"length has no option 'seed'; .*: none"),
        ("    - {metric: semantic, options: {embedder: x}}", r"no option 'embedder'; .*: none"),
        ("    - {metric: rouge, options: {stem: maybe}}", r"\.0\.options\.stem: .*boolean"),
        ("    - {metric: json, options: {schema: none.json}}", r"^none\.json: No such file"),
    ],
)
def test_a_choice_that_cannot_be_made_is_named_with_its_line(
    mine: Path, metrics: str, complaint: str
) -> None:
    mine.write_text("broken\n")
    with pytest.raises(InputError, match=complaint):
        load_scorers(chosen(metrics), EMBEDDER)


@pytest.mark.parametrize("metrics", ["      []", "    - {metric: ''}", "    - {name: rouge}"])
def test_a_choice_of_another_shape_is_refused(metrics: str) -> None:
    with pytest.raises(InputError, match=r"^params\.yaml:\d: evaluation\.scoring\.metrics"):
        chosen(metrics)


@pytest.mark.parametrize(
    ("gives", "complaint"),
    [
        ("0.5", r"mine:Mine gives 0\.5 where \{name: a value for every item\} is due"),
        ("{1: [1, 2, 3]}", r"mine:Mine gives \{1: \[1, 2, 3\]\} where"),
        ("{}", r"mine:Mine gives \{\} where"),
        ("{'preference': [1, 2, 3]}", r"mine:Mine gives 'preference', which is a name for"),
        ("{'mean': 0.5}", r"gives 0\.5 for 'mean', not a value for every item"),
        ("{'kind': 'abc'}", r"gives 'abc' for 'kind', not a value for every item"),
        ("{'short': [1, 2]}", r"gives 2 values of 'short' for 3 items"),
        ("{'nan': [1, float('nan'), 3]}", r"gives nan for 'nan' of item '1', no number"),
        ("{'inf': np.array([1, 2, np.inf])}", r"gives inf for 'inf' of item '2', no number"),
        ("{'text': ['1', '2', '3']}", r"gives '1' for 'text' of item '0', no number"),
        ("{'none': [1, 2, None]}", r"gives None for 'none' of item '2', no number"),
    ],
)
def test_what_is_no_number_for_every_item_is_refused(
    mine: Path, gives: str, complaint: str
) -> None:
    mine.write_text(module(gives))
    with pytest.raises(InputError, match=r"^params\.yaml:4: evaluation\S+0: .*" + complaint):
        scored("    - mine:Mine")


def test_two_scorers_of_one_metric_are_refused() -> None:
    metrics = "    - rouge\n    - {metric: rouge, options: {stem: false}}"
    with pytest.raises(
        InputError, match=r":5: .*rouge gives 'rouge1', and so does a scorer before"
    ):
        scored(metrics)


def test_a_column_that_nobody_has_is_refused(mine: Path) -> None:
    mine.write_text(module("{}", "'predictions', 'sources'"))
    with pytest.raises(InputError, match=r"mine:Mine asks for 'sources'; there are prompts, "):
        load_scorers(chosen("    - mine:Mine"), EMBEDDER)


def test_an_answer_without_what_a_scorer_asks_for_is_named() -> None:
    answers = [*ANSWERS[:2], answer(2, "", None)]
    with pytest.raises(
        InputError, match=r"reference_logprobs, and item '2' has none: leave perplexity"
    ):
        scored("    - perplexity", answers)


def test_answers_to_other_items_are_refused() -> None:
    with pytest.raises(IncumbentError, match="other items"):
        scored("    - length", [ANSWERS[1], ANSWERS[0], ANSWERS[2]])


def test_the_digest_pins_names_options_and_files(mine: Path) -> None:
    mine.write_text(module("{'a': [1, 2, 3]}"))
    Path("schema.json").write_text("{}")
    own = "    - mine:Mine"
    schema = "    - {metric: json, options: {schema: schema.json}}"
    choices = ["    - rouge", "    - {metric: rouge, options: {stem: false}}", own, schema]
    digests = [scorers_digest(chosen(choice)) for choice in choices]
    mine.write_text(module("{'a': [1, 2, 4]}"))
    Path("schema.json").write_text("[]")
    digests += [scorers_digest(chosen(choice)) for choice in (own, schema)]
    assert len(set(digests)) == len(digests)
    assert scorers_digest(chosen(own)) == digests[-2]


def test_the_digest_is_equal_in_another_process_with_another_hash_seed() -> None:
    code = (
        "from evaluation.evaluation_settings import ScoringParams\n"
        "from evaluation.scoring.scorers import scorers_digest\n"
        "metrics = ['length', {'metric': 'rouge', 'options': {'stem': True, 'sentences': True}}]\n"
        "print(scorers_digest(ScoringParams.model_validate({'metrics': metrics})))\n"
    )
    assert len(printed_in_other_processes(code)) == 1


def test_importing_scorers_loads_nothing_heavy() -> None:
    code = (
        "import sys, evaluation.scoring.scorers;"
        "print(sys.modules.keys() & {'torch', 'evaluate', 'nltk'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_scoring_leaves_no_file_behind() -> None:
    params = chosen("    - rouge\n    - length")
    before = sorted(Path.cwd().rglob("*"))
    score(load_scorers(params, EMBEDDER), ROWS, ANSWERS)
    assert sorted(Path.cwd().rglob("*")) == before
