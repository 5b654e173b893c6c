"""A hosted model, or the base under a prompt, as champion and as challenger, with real files."""

from pathlib import Path

import pytest
import yaml

from tests.incumbent.setting_effects.effect import put
from tests.incumbent.test_another_base import incumbent, models, project, reproduce
from tests.judge_server import Asked, Reply, judge_server

__all__ = ["models", "project"]

pytestmark = pytest.mark.slow

ADD = ("registry", "add-contestant", "--hosted", "vendor-1", "--send-sealed", "--yes")


def vendor(asked: Asked) -> Reply:
    """Answers alike to everything, as the model that it is asked for and counts tokens."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2}
    return Reply("please ask", fields={"model": "vendor-1-2026-01-01", "usage": usage})


def test_a_hosted_champion_is_beaten_by_an_adapter_when_it_is_gone(project: Path) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    put(params, "evaluation.scoring.metrics", ["rouge"])
    Path("params.yaml").write_text(yaml.safe_dump(params))
    reproduce()
    with judge_server(vendor) as server:
        told = incumbent(*ADD, "--url", server.url, "--as", "champion", "--price", "1", "2")
    print(told)
    reproduce()
    told = incumbent("submit", "--promote")
    print(told)
    print(incumbent("rollback"))
    print(incumbent("registry", "verify"))
    print(incumbent("registry", "show", "1"))
    print(incumbent("registry", "show", "2"))
    print(incumbent("history"))
    print(incumbent("registry", "export", "1", "--to", "v1"))
    for p in sorted(Path("v1").iterdir()):
        print(p, p.stat().st_size)
    print(Path("v1/README.md").read_text())
    assert 0
