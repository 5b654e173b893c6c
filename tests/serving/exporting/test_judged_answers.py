"""What an export is held against: the dev items that a version was judged by, and no others."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from evaluation.evaluation_settings import Decoding
from project.errors import InputError
from project.records.adapters import Adapter, AdapterVersion
from project.records.evidence import MetricEvidence, Verdict
from registry.lineage import Lineage, trace
from registry.store import Registry
from serving.exporting.judged_answers import judged_answers, judged_decoding
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.serving.exporting.judged_project import (
    ASKED,
    DATASET,
    SETTINGS,
    keep_judged,
)

Make = Callable[[str], tuple[Adapter, Path]]
ANSWERS = tuple(f"answer {i}" for i in range(len(ASKED)))
SCORES = (0.5, 0.5, 1.0, 0.0)


@pytest.fixture
def version(make_adapter: Make) -> AdapterVersion:
    Path("params.yaml").write_text(SETTINGS)
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest})
    with Registry.here() as registry:
        return registry.submit(adapter, folder, "made", DATASET)


def lineage() -> Lineage:
    with Registry.here() as registry:
        return trace(registry, 1)


def measured(mean: float) -> MetricEvidence:
    """Evidence in one metric, whose mean on dev is this."""
    return MetricEvidence(
        n=len(SCORES),
        clusters=len(SCORES),
        unjudged=0,
        champion_mean=0.1,
        challenger_mean=mean,
        diff=mean - 0.1,
        sd=0.1,
        se=0.1,
        df=3,
        wins=1,
        losses=1,
        p=0.5,
        bootstrap=(-0.1, 0.1),
    )


def decided(version: AdapterVersion, decoding: str) -> None:
    """A decision on it, that was made with this decoding."""
    evidence = evidence_of(version.adapter.files, None)
    assert evidence.pins is not None
    pins = evidence.pins.model_copy(update={"decoding": decoding})
    evidence = evidence.model_copy(update={"pins": pins})
    with Registry.here() as registry:
        keep_decision(registry, 1, decision_on(evidence, Verdict.PROMOTE), evidence)


def test_answers_and_scores_are_the_challengers(version: AdapterVersion) -> None:
    keep_judged(version, ANSWERS, SCORES)
    found = judged_answers(lineage())
    assert [row.prompt_text for row in found.rows] == list(ASKED)
    assert found.answers == ANSWERS
    assert found.scores == {"rougeL": SCORES}


@pytest.mark.usefixtures("version")
def test_a_version_whose_items_are_elsewhere_is_not_exported_for_an_engine() -> None:
    with pytest.raises(InputError, match=r"bank-v1\.dev\.jsonl: no dev items are kept of bank v1"):
        judged_answers(lineage())


@pytest.mark.parametrize(("mean", "refused"), [(0.5, False), (0.6, True)])
def test_items_with_other_scores_than_the_evidence_are_refused(
    mean: float, refused: bool, version: AdapterVersion
) -> None:
    keep_judged(version, ANSWERS, SCORES)
    evidence = evidence_of(version.adapter.files, None)
    told = lineage().model_copy(
        update={"evidence": evidence.model_copy(update={"dev": {"rougeL": measured(mean)}})}
    )
    with pytest.raises(InputError, match=r"the evidence says 0\.6") if refused else nullcontext():
        assert judged_answers(told).answers == ANSWERS


def test_another_decoding_than_it_was_judged_with_is_refused(version: AdapterVersion) -> None:
    decided(version, "f" * 64)
    with pytest.raises(InputError, match=r"evaluation.decoding: is not what bank v1 was judged"):
        judged_decoding(lineage())


def test_the_decoding_of_the_settings_is_taken_where_it_is_the_judged_one(
    version: AdapterVersion,
) -> None:
    same = Decoding(max_new_tokens=12)
    decided(version, same.digest)
    assert judged_decoding(lineage()) == same
