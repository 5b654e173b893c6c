"""Stage `reward`: make the source of preference ready, and calibrate it on held-out pairs.

Only the reward model has to be trained, on pairs whose prompts are in no eval set. A language model
as a judge is calibrated on pairs of the same held-out rows, people's ballots against one another.
"""

from collections.abc import Sequence
from pathlib import Path

from evaluation.evaluation_settings import (
    HELD_OUT_SHARE,
    OF_THE_EMBEDDER,
    Decoding,
    PreferenceParams,
    RewardParams,
)
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.retrieved_passages import asked_with
from evaluation.generation.systems import respondent
from evaluation.preference.ballots.ballot_files import read_ballots
from evaluation.preference.judge_calibration import calibrate, calibrate_reviewers, preference_lines
from evaluation.preference.llm_judge import judge_lines
from evaluation.preference.preference_pairs import (
    PREFERENCES,
    allowed,
    given_preferences,
    pair_negatives,
    pairs_of,
    part,
)
from evaluation.preference.preference_sources import judge_of
from project.bare_base import bare_base
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.files import staged_folder
from project.model_pins import pinned_folder
from project.paths import CALIBRATION, EMBEDDER, NUMERICS, PAIR_SOURCE, REWARD, rows_of
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Row, Split
from project.records.preferences import Calibration, PairSource, PreferencePair
from project.records.record import Digest, Record
from project.settings import PARAMS, load
from project.shown_passages import JUDGED_ON

RECIPE = 2  # of pairs and training: another one makes another judge of the same rows


def main() -> None:
    params = load(PreferenceParams)
    with staged_folder(REWARD) as draft:
        learnt, calibration = prepare(params, draft)
        advisory = bool(calibration.advisory) or None
        pairs = PairSource(source=params.source, made_of=learnt, advisory=advisory)
        pairs.write(draft / PAIR_SOURCE.name)
    calibration = with_rubrics(params, calibration)
    if params.votes_on_page:
        calibration = calibration.model_copy(update={"people": True})
    calibration.write(CALIBRATION)
    print(f"preference by {calibration}")
    for line in preference_lines(calibration):
        print(line)
    for line in judge_lines(calibration):
        print(line)


def prepare(params: PreferenceParams, folder: Path) -> tuple[Digest | None, Calibration]:
    """What the source needs goes into the folder. Returns the digest of what a reward model was
    made of, and how far the source can be trusted.
    """
    if params.judged_by == "reward":
        return learn(params.reward, folder)
    if params.judged_by == "ballots" and params.ballots:
        return None, calibrate_reviewers(read_ballots(params.ballots), params.votes)
    # Imported here so that ballots do not wait for torch.
    from evaluation.preference.reward_model import ExchangeVectors, FrozenCosine
    from evaluation.preference.worse_answers import made_pairs

    _, held_out = parts(params.reward)
    vectors = ExchangeVectors(embedder())
    pairs = made_pairs(held_out, own_answers(held_out), vectors, every_kind=False)
    judge = judge_of(params, folder, champion="rejected", challenger="chosen")
    return None, calibrate(judge, pairs, FrozenCosine(vectors))


def learn(params: RewardParams, folder: Path) -> tuple[Digest, Calibration]:
    """Train the reward model on the training rows' pairs, and on what people said of answers."""
    # Imported here so that the other sources do not wait for TRL.
    from evaluation.preference.learnt_reward import OTHERS, learn_reward
    from evaluation.preference.reward_model import ExchangeVectors
    from evaluation.preference.worse_answers import made_pairs

    start = starting_point(params)
    learnt, held_out = parts(params)
    further, account = further_pairs(held_out)
    vectors = ExchangeVectors(embedder())
    made = made_pairs(learnt, own_answers(learnt), vectors, others=OTHERS)
    apart = made_pairs(held_out, own_answers(held_out), vectors)
    print(f"learning from {len(made)} pairs of training rows and {len(further)} others{account}")
    precision = Numerics.read(NUMERICS).precision
    calibration = learn_reward([*made, *further], apart, vectors, start, params, precision, folder)
    return made_of(calibration.source, (*learnt, *further), start), calibration


def made_of(kept: str, learnt: Sequence[Record], start: Path) -> Digest:
    """Of all that decides what is preferred. `kept` is which judge was: where the head and the
    frozen cosine are nearly as good as each other, another machine may keep the other one.
    """
    asked = [record.model_dump(mode="json") for record in learnt]
    model = [*answering(bare_base()), load(Decoding).digest, digest_folder(start)]
    model += [JUDGED_ON] if any(getattr(record, "evidence", None) for record in learnt) else []
    return digest_json([RECIPE, kept, asked, *model])


def answering(bare: Contestant) -> list[str]:
    """What decides the base's own answers."""
    return [bare.base.digest, *([bare.system_prompt] if bare.system_prompt else [])]


def further_pairs(held_out: Sequence[Row]) -> tuple[list[PreferencePair], str]:
    """The pairs of files and sources, and of negative examples with good answers; none is about a
    prompt that the judge is held against. With what became of what was given, in words.
    """
    evaluated = [row for part in (Split.DEV, Split.SEALED) for row in Row.read_lines(rows_of(part))]
    given = given_preferences()
    if not given:
        return [], ""
    kept = allowed(given, [*evaluated, *held_out])
    pairs = pairs_of(kept)
    negatives = pair_negatives(kept, Row.read_lines(rows_of(Split.TRAIN)))
    account = (
        f"; of {len(given)} in {PREFERENCES}/ and the sources, {len(pairs)} are pairs, {negatives},"
        f" {len(given) - len(kept)} left out: an eval item has their prompt, or nearly so"
    )
    return list({pair.id: pair for pair in (*pairs, *negatives.pairs)}.values()), account


def with_rubrics(params: PreferenceParams, calibration: Calibration) -> Calibration:
    """The calibration, with one for each rubric by which the judge rates answers alone."""
    if not params.rubrics:
        return calibration
    # Imported here because its HTTP client comes with an extra that others do without.
    from evaluation.preference.rubrics import calibrate_rubrics

    _, held_out = parts(params.reward)
    return calibration.model_copy(update={"rubrics": calibrate_rubrics(params, held_out)})


def parts(params: RewardParams) -> tuple[list[Row], list[Row]]:
    rows = Row.read_lines(rows_of(Split.TRAIN))[-params.rows :]
    return part(asked_with(rows, bare_base()), HELD_OUT_SHARE)


def own_answers(rows: Sequence[Row]) -> dict[str, str]:
    """What the bare base answers, by row. It is asked without the experts' answers: how likely it
    finds them is not needed here, and to read them takes a third as long as to answer.
    """
    asked = [row.model_copy(update={"completion": ()}) for row in rows]
    bare = respondent(bare_base(), None, load(Decoding), answering_numerics())
    return {answer.item: answer.text for answer in bare.answers(asked, "bare base, training rows")}


def embedder() -> Path:
    return pinned_folder(ModelPin.read(EMBEDDER), "embedder")


def starting_point(params: RewardParams) -> Path:
    """The folder of the model that training starts from. Raises InputError when it is none."""
    if params.model == OF_THE_EMBEDDER:
        return embedder()
    folder = Path(params.model).expanduser()
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"{params.model!r} is neither 'embedder' nor a folder with *.safetensors weights; "
            "download a Hub model into one with `hf download NAME --local-dir FOLDER`",
            file=PARAMS,
            field="evaluation.preference.reward.model",
        )
    return folder
