"""Whether the champion is worse where traffic drifted is told by what each night read anyway."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from monitoring.night_context import NightContext
from monitoring.signals import prompt_surprise
from project.files import home
from project.settings import PARAMS
from tests.incumbent.setting_effects.nights import MACHINE
from tests.quick_nights import NEW, Make, rows_of, run, watched_site
from training.precision import fingerprint

A_NIGHT = 40  # prompts that the champion reads
READ: list[str] = []


class CountingReader:
    """Knows the old words, and is surprised by the new ones."""

    def __init__(self, *_: object) -> None: ...

    def nats(self, prompts: list[str]) -> list[float | None]:
        READ.extend(prompts)
        return [5.0 if any(word in prompt for word in NEW) else 1.0 for prompt in prompts]


@pytest.fixture
def context(make_adapter: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[NightContext]:
    PARAMS.write_text("{}\n")
    MACHINE.write(home() / "machines" / f"{fingerprint()[:16]}.json")
    monkeypatch.setattr(prompt_surprise, "PromptReader", CountingReader)
    READ.clear()
    with watched_site(make_adapter) as made:
        yield replace(
            made,
            drift=made.drift.model_copy(update={"perplexity_rows": A_NIGHT}),
            trigger=made.trigger.model_copy(update={"confirm_nights": 1}),
        )


def test_a_night_of_drift_reads_its_prompts_and_none_for_the_harm(context: NightContext) -> None:
    run(context, 3)
    for number in (4, 5):
        before = len(READ)
        # Every prompt is another one, as people write.
        asked = (
            row.model_copy(update={"prompt": f"{row.prompt} {row.id}"})
            for row in rows_of(number, new_share=0.5)
        )
        night = run(context, number, list(asked))
        assert len(READ) - before == A_NIGHT
    assert any("the champion's perplexity on the drifted topics is" in why for why in night.reasons)
    assert len(set(READ)) == len(READ)
