"""The settings that decide what a run needs."""

from curation.curation_settings import CurateParams
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Decoding, FewShot, PreferenceParams, Prices
from project.model_pins import BaseChoice
from project.records.record import Record
from project.settings import PARAMS, S, load
from training.recipe import STEPS, StepName
from training.training_settings import (
    AdapterParams,
    DomainParams,
    DpoParams,
    KtoParams,
    LimitsParams,
    SftParams,
    StepParams,
)


class RunSettings(Record):
    base: BaseChoice = BaseChoice()
    curate: CurateParams = CurateParams()
    adapter: AdapterParams = AdapterParams()
    domain: DomainParams = DomainParams()
    sft: SftParams = SftParams()
    dpo: DpoParams = DpoParams()
    kto: KtoParams = KtoParams()
    limits: LimitsParams = LimitsParams()
    decoding: Decoding = Decoding()
    few_shot: FewShot = FewShot()
    preference: PreferenceParams = PreferenceParams()
    prices: Prices = Prices()
    policy: Policy = Policy()

    def step(self, name: StepName) -> StepParams:
        found: StepParams = getattr(self, name)
        return found

    @property
    def taken(self) -> tuple[StepName, ...]:
        """The steps that are not left out, in their order."""
        return tuple(name for name in STEPS if self.step(name).epochs)


def read_settings() -> RunSettings:
    """Those of the project here, or the defaults where there is none. Raises InputError."""
    return RunSettings(
        base=section(BaseChoice),
        curate=section(CurateParams),
        adapter=section(AdapterParams),
        domain=section(DomainParams),
        sft=section(SftParams),
        dpo=section(DpoParams),
        kto=section(KtoParams),
        limits=section(LimitsParams),
        decoding=section(Decoding),
        few_shot=section(FewShot),
        preference=section(PreferenceParams),
        prices=section(Prices),
        policy=section(Policy),
    )


def section(model: type[S]) -> S:
    return load(model) if PARAMS.exists() else model()
