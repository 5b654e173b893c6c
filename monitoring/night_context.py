"""What a night works with: the registry, the traffic, and the settings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from threading import Event
from typing import Self

from monitoring.features.answer_judge import AnswerJudge
from monitoring.features.embedding_cache import Embeddings
from monitoring.features.signal_inputs import batch_of
from monitoring.features.watched_text import NOTHING, SharedText
from monitoring.monitoring_settings import DriftParams, TrafficParams, TriggerParams
from monitoring.scheduling.job import refuse_stopped
from monitoring.scheduling.schedule_settings import ScheduleParams
from monitoring.signals.signal import Batch
from monitoring.traffic.day_parts import PartReader, sample_parts
from monitoring.traffic.quarantine import quarantine_folder
from monitoring.traffic.traffic_store import LATE, TrafficStore
from monitoring.traffic.user_sample import UserSample
from project.files import home
from project.model_pins import ModelChoice, pin
from project.records.adapters import AdapterVersion
from project.records.traffic import Traffic
from project.settings import load
from registry.jobs.retrain_slots import NO_LIMITS, RetrainLimits
from registry.store import Registry


@dataclass(frozen=True)
class NightContext:
    registry: Registry
    traffic: TrafficStore
    embeddings: Embeddings
    keep_days: int
    drift: DriftParams
    trigger: TriggerParams
    limits: RetrainLimits = NO_LIMITS  # what the scheduler keeps retrains to
    lease: timedelta = timedelta(minutes=10)  # of a retrain's slot
    stop: Event = field(default_factory=Event)  # set when the night is asked to end early

    def until(self, stop: Event) -> Self:
        """The same, whose long work ends with StoppedError once the event is set."""
        return replace(self, stop=stop, embeddings=self.embeddings.until(stop))

    @classmethod
    def here(cls, registry: Registry, limits: RetrainLimits = NO_LIMITS) -> Self:
        """The project in the current folder."""
        traffic = load(TrafficParams)
        state = home() / "monitoring"
        return cls(
            registry=registry,
            traffic=TrafficStore(
                traffic.folder, redact=traffic.redact, quarantine=quarantine_folder()
            ),
            embeddings=Embeddings(pin(load(ModelChoice), "embedder"), state / "embeddings.db"),
            keep_days=traffic.keep_days,
            drift=load(DriftParams),
            trigger=load(TriggerParams),
            limits=limits,
            lease=load(ScheduleParams).lease,
        )

    def sample(
        self,
        days: Iterable[date],
        limit: int,
        of_these: Callable[[list[Traffic]], list[Traffic]] = list,
    ) -> tuple[UserSample, dict[str, int]]:
        """A sample of the users of some days, and what was set aside, by reason."""
        readings = [self.traffic.read(day) for day in days]
        reader = PartReader(readings, limit, self.drift.seed, of_these)
        return sample_parts(reader, lambda: refuse_stopped(self.stop))

    def batch(
        self,
        rows: Sequence[Traffic],
        champion: AdapterVersion,
        *,
        judge: AnswerJudge | None = None,
        nights: int = 1,
        answers: bool = True,
        perplexity: bool = True,
        shared: SharedText = NOTHING,
    ) -> Batch:
        """Rows as the signals see them, answers and perplexity where they are asked for; as many
        are read by the champion, and judged, as in so many nights. `shared` is left out of prompts.
        """
        return batch_of(
            rows,
            self.embeddings,
            champion,
            self.registry.artifacts,
            answers=answers,
            perplexity_rows=nights * self.drift.perplexity_rows if perplexity else 0,
            perplexity_new=self.drift.perplexity_rows,
            judge=judge,
            judged_rows=nights * self.drift.judge_rows,
            shared=shared,
            settled=self.settled,
        )

    def settled(self, day: date) -> bool:
        """Whether all feedback on a day's rows has come that still counts."""
        return (self.registry.clock().date() - day).days > LATE
