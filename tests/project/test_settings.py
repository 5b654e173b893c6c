"""Settings are refused with file, line and field."""

from pathlib import Path

import pytest

from curation.curation_settings import CollectParams
from evaluation.decision.policy import Policy
from project.errors import InputError
from project.settings import Settings, load
from training.training_settings import SftParams

PARAMS = """\
training:
  sft:
    batch_size: 0
evaluation:
  policy:
    alpah: 0.1
curation:
  collect:
    sources:
      - kind: python-api
        packages: []
"""


@pytest.fixture(autouse=True)
def params() -> None:
    Path("params.yaml").write_text(PARAMS)


def test_a_missing_section_means_the_defaults() -> None:
    Path("params.yaml").write_text("{}\n")
    assert load(SftParams) == SftParams()


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (SftParams, r"3: training\.sft\.batch_size: .*greater than 0"),
        (Policy, r"6: evaluation\.policy\.alpah: no such setting; did you mean alpha\?$"),
        (CollectParams, r"11: .*sources\.0\.packages: "),
    ],
)
def test_a_wrong_value_and_an_unknown_key_are_named_with_their_line(
    model: type[Settings], complaint: str
) -> None:
    with pytest.raises(InputError, match=rf"^params\.yaml:{complaint}"):
        load(model)


def test_an_unknown_key_deep_in_a_list_is_named_with_what_was_meant() -> None:
    source = "{kind: file, path: datasets/sources/a.csv, columns: {promt: [Question]}}"
    Path("params.yaml").write_text(f"curation: {{collect: {{sources: [{source}]}}}}\n")
    with pytest.raises(
        InputError, match=r"columns\.promt: no such setting; did you mean prompt\?$"
    ):
        load(CollectParams)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "trainign:\n  r: 8\n",
            r"^params\.yaml:1: trainign: no such section; did you mean training\?$",
        ),
        ("zzz: {}\n", r"^params\.yaml:1: zzz: no such section; there are base, embedder, "),
        (
            "evaluation: {policy: {zzz: 1}}\n",
            r"^params\.yaml:1: evaluation\.policy\.zzz: no such setting; there are alpha, ",
        ),
        (
            "evaluation:\n  polcy: {}\n",
            r"^params\.yaml:2: evaluation\.polcy: no such section; did you mean policy\?$",
        ),
        ("evaluation: strict\n", r"^params\.yaml:1: must hold sections"),
        ("hello\n", r"^params\.yaml:1: must hold sections"),
        ("evaluation: {policy: {alpha: 2026-01-01}}\n", r"^params\.yaml:1: .*alpha"),
        ("evaluation: {policy: {alpha: !!python/x 1}}\n", r"^params\.yaml:1: could not determine"),
        ("evaluation: {policy: \x00}\n", r"^params\.yaml: not YAML"),
        ("a: 1\nb: [\n", r"^params\.yaml:\d"),
    ],
)
def test_what_nobody_would_read_is_refused(text: str, complaint: str) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(InputError, match=complaint):
        load(Policy)


@pytest.mark.parametrize("path", ["rows.jsonl", "/tmp/rows.jsonl", "datasets/sources/../x.jsonl"])
def test_a_file_that_dvc_does_not_watch_is_refused(path: str) -> None:
    sources = f"{{sources: [{{kind: file, path: {path}}}]}}"
    Path("params.yaml").write_text(f"curation: {{collect: {sources}}}\n")
    with pytest.raises(InputError, match="must be a path below datasets/sources/"):
        load(CollectParams)


def test_where_no_settings_are_there_is_no_project() -> None:
    Path("params.yaml").unlink()
    with pytest.raises(InputError, match=r"^here is no project: `incumbent init DIR` makes one"):
        load(Policy)


def test_an_emptied_file_is_no_older_project() -> None:
    Path("params.yaml").write_text("# all gone\n")
    Path("dvc.yaml").touch()
    with pytest.raises(InputError, match=r"^params\.yaml: is empty: `git checkout params\.yaml`"):
        load(CollectParams)


def test_a_margin_for_no_gating_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="'bleu', which is no gating metric"):
        Policy(margins={"bleu": 0.1})
