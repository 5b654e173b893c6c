"""The champion's adapter, its base with examples, and a larger model on the same dev items."""

from collections.abc import Sequence

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import FewShot, ScoringParams
from evaluation.scoring.scorers import load_scorers
from project.model_pins import pinned_folder
from project.paths import EMBEDDER
from project.records.adapters import ModelPin
from project.settings import load
from serving.cost_report.asked_systems import ask_systems, champion, dev_items
from serving.cost_report.larger_model import LargerModel
from serving.cost_report.system_costs import CostReport, report_of


def compare_costs(
    most: int, more_shots: Sequence[int] = (), larger: LargerModel | None = None
) -> CostReport:
    """Ask each of them `most` dev items at most; answers that are cached are not made again.

    The base is asked without examples, with as many as evaluation.few_shot says, and with
    `more_shots`. Raises InputError where there is no champion or no dev set.
    """
    version, items = champion(), dev_items(most)
    shots = sorted({0, load(FewShot).shots, *more_shots})
    asked = list(ask_systems(items, version, shots, larger))
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    scorers = load_scorers(load(ScoringParams), embedder)
    return report_of(version.label, asked, items, scorers, load(Policy))
