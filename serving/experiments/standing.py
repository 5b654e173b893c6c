"""How an experiment stands, for people who ask: read anew, or as it was at its end."""

from registry.experiments.experiment_events import Experiment, result_of
from registry.experiments.experiment_result import ExperimentResult
from registry.experiments.observations import read_observations
from registry.reader import RegistryReader
from serving.experiments.arrivals import Arrivals
from serving.experiments.judging import figures


def standing(reader: RegistryReader, experiment: Experiment) -> ExperimentResult:
    """The figures. What came after the end is stored, and counts for nothing."""
    return result_of(reader, experiment) or figures_now(reader, experiment)


def figures_now(reader: RegistryReader, experiment: Experiment) -> ExperimentResult:
    arrivals = Arrivals(shadow=experiment.told.mode == "shadow")
    arrivals.add(read_observations(reader.engine, experiment.number))
    return figures(experiment, arrivals, intervals=True)
