"""How long the pipeline will take on this machine, roughly: known before anything runs."""

from curation.curation_settings import CurateParams
from evaluation.evaluation_settings import Decoding, FewShot, PreferenceParams
from evaluation.general_ability.suite import SUITE, read_suite
from project.model_pins import EMBEDDED, BaseChoice, locate
from project.paths import rows_of
from project.records.adapters import Precision
from project.records.data import Split
from project.settings import load
from training.precision import Machine
from training.training_settings import TrainingParams

EMBEDDED_WEIGHTS = 134_515_008  # of the model that comes with the project
ROW = 80  # tokens of a training row, and of a prompt
# Of the tokens of prompts and answers: most answers end before their limit, and what prompts have
# in common is read once.
COMPUTED = 0.5
OTHER_STAGES = 3.0  # minutes of all that neither trains nor answers


def minutes_of_a_run(machine: Machine, precision: Precision) -> float | None:
    """Of a first run with the project's settings; None on a GPU, and where the number of rows or of
    weights is not known yet.
    """
    params = load(TrainingParams)
    trained, dev, sealed = (rows_in(part) for part in Split)
    if params.rows:
        trained = min(trained or params.rows, params.rows)
    weights = weights_of_base()
    if not (trained and dev and sealed and weights):
        return None
    read = round(trained * ROW * params.epochs)
    training = machine.minutes(precision, weights, read, passes=2)
    answering = machine.minutes(precision, weights, answered(dev, sealed), passes=1)
    return None if training is None or answering is None else training + answering + OTHER_STAGES


def rows_in(part: Split) -> int | None:
    """How many rows a part has, or will at most have."""
    file = rows_of(part)
    if file.exists():
        return len(file.read_bytes().splitlines())
    params = load(CurateParams)
    return {Split.TRAIN: params.train, Split.DEV: params.dev, Split.SEALED: params.sealed}[part]


def answered(dev: int, sealed: int) -> int:
    """Tokens of all answers and of their prompts: both sides', the few-shot system's, and the bare
    base's to the rows that the reward model learns from.
    """
    preference = load(PreferenceParams)
    answers = 2 * (dev + sealed + len(read_suite(SUITE))) + preference.reward.rows
    if load(FewShot).shots:
        answers += sealed
    limit = load(Decoding).max_new_tokens
    return round(COMPUTED * answers * (ROW + limit))


def weights_of_base() -> int:
    """How many weights the base has, taking its files to have two bytes for each."""
    choice = load(BaseChoice)
    folder = locate(choice, "base")
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return files // 2 or (EMBEDDED_WEIGHTS if choice.model == EMBEDDED else 0)
