"""Settings by which votes would never be read are told before a run, and not after its training."""

from pathlib import Path

import pytest

from incumbent.running.dvc_repro import refuse_wrong_settings
from project.errors import InputError

SETTINGS = """\
evaluation:
  preference: {{source: {source}}}
  policy:
    kind: guarded
    gating: [preference, 'people:polite']
    margins: {{'people:polite': 0.2}}
    preference_test: {test}
"""


def settings(source: str, test: str) -> None:
    Path("params.yaml").write_text(SETTINGS.format(source=source, test=test))


@pytest.mark.parametrize("source", ["ballots", "people+judge"])
def test_ratings_that_come_in_with_votes_are_no_unknown_metric(source: str) -> None:
    settings(source, "e-value")
    refuse_wrong_settings()


@pytest.mark.parametrize(("source", "test"), [("reward", "e-value"), ("people+judge", "t")])
def test_ratings_that_nobody_is_asked_for_are_told_before_a_run(source: str, test: str) -> None:
    settings(source, test)
    with pytest.raises(InputError, match="nobody is asked to rate 'people:polite'") as found:
        refuse_wrong_settings()
    assert str(found.value).startswith("params.yaml:5: evaluation.policy.gating: ")
