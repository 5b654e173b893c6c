"""The settings that decide what a run needs."""

from curation.curation_settings import CurateParams
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, FewShot, PreferenceParams, Prices
from project.model_pins import BaseChoice
from project.records.record import Record
from project.settings import PARAMS, S, load
from training.training_settings import TrainingParams


class RunSettings(Record):
    base: BaseChoice = BaseChoice()
    curate: CurateParams = CurateParams()
    training: TrainingParams = TrainingParams()
    decoding: Decoding = Decoding()
    few_shot: FewShot = FewShot()
    preference: PreferenceParams = PreferenceParams()
    prices: Prices = Prices()
    policy: Policy = Policy()


def read_settings() -> RunSettings:
    """Those of the project here, or the defaults where there is none. Raises InputError."""
    return RunSettings(
        base=section(BaseChoice),
        curate=section(CurateParams),
        training=section(TrainingParams),
        decoding=section(Decoding),
        few_shot=section(FewShot),
        preference=section(PreferenceParams),
        prices=section(Prices),
        policy=section(Policy),
    )


def section(model: type[S]) -> S:
    return load(model) if PARAMS.exists() else model()
