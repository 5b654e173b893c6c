"""The signals: each one a file, and a line here."""

from monitoring.signals.judged import JudgedReward
from monitoring.signals.novelty import Novelty
from monitoring.signals.outcomes import Escalated, Satisfaction, Unresolved
from monitoring.signals.prompt_embeddings import PromptEmbeddings
from monitoring.signals.prompt_length import PromptLength
from monitoring.signals.prompt_perplexity import PromptPerplexity
from monitoring.signals.ratings import Ratings
from monitoring.signals.response import Response
from monitoring.signals.script import Script
from monitoring.signals.signal import Signal
from monitoring.signals.topics import Topics
from monitoring.signals.vocabulary import Vocabulary

Kinds = tuple[type[Signal], ...]

# Of what users ask, whoever answered.
PROMPT_SIGNALS: Kinds = (
    Novelty,
    Topics,
    PromptEmbeddings,
    Vocabulary,
    PromptLength,
    Script,
    PromptPerplexity,
)
# Of what the champion answered, for which a reference needs answers of its own.
ANSWER_SIGNALS: Kinds = (Response, Ratings, JudgedReward, Escalated, Unresolved, Satisfaction)
SIGNALS = (*PROMPT_SIGNALS, *ANSWER_SIGNALS)
