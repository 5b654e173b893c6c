"""What the keys of stage `preference_data` do, shown by models of three layers.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

from typing import Any

import pytest

from evaluation.preference.preference_pairs import PREFERENCES
from project import paths
from project.records.preferences import Calibration, PreferencePair, read_preferences
from project.records.record import write_records
from tests.incumbent.setting_effects.effect import Effect, write
from tests.incumbent.setting_effects.scoring_effects import GENERAL
from tests.incumbent.setting_effects.training_effects import REWARDED, ROWS, pin_models

PAIRS = [
    PreferencePair(prompt=row.prompt_text, chosen="It is so.", rejected="A number.")
    for row in ROWS[:2]
]
SURE = Calibration(
    source="a judge that can be trusted",
    n=200,
    unjudged=0,
    accuracy=0.9,
    kappa=None,
    first_rate=None,
    longer_accuracy=0.5,
    shorter_accuracy=0.5,
    matched_n=200,
    matched_accuracy=0.9,
    matched_longer=0.5,
    matched_shorter=0.5,
)


def gathered() -> dict[str, Any]:
    """What the stage makes: how it knows each line, and what a judge chose."""
    from evaluation import preference_data, reward
    from evaluation.preference import judged_pairs

    pin_models()
    write("datasets/general/sums.jsonl", GENERAL)
    write_records(PREFERENCES / "ours.jsonl", PAIRS)
    reward.main()
    SURE.write(paths.CALIBRATION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged_pairs, "MARGIN", 0)  # models of three layers are never sure
        preference_data.main()
    found = read_preferences(paths.PREFERENCE_DATA)
    judged = [one for one in found if one.origin == "judge"]
    return {"origins": [one.origin for one in found], "judged": judged, "count": len(judged)}


DATA, JUDGE = "evaluation.preference_data", "evaluation.preference_data.judge"
CHOOSING: dict[str, Any] = {"rows": 4, "answers": "reference", "share": 1}
GATHERED = REWARDED | {
    **{f"{JUDGE}.{name}": value for name, value in CHOOSING.items()},
}


def gathering(a: object, b: object, shown: str, **beside: object) -> Effect:
    return Effect((a, b), gathered, shown, {**GATHERED, **beside}, models="tiny")


EFFECTS = {
    JUDGE: gathering(CHOOSING, CHOOSING | {"rows": 0}, "count"),
    f"{JUDGE}.rows": gathering(4, 2, "count"),
    f"{JUDGE}.answers": gathering("reference", "drawn", "judged"),
    f"{JUDGE}.share": gathering(1, 0, "count"),
}
