"""The signals of prompts and of answers: each is a class, and a line here. Beside them stands what
they look at.
"""

from monitoring.signals.answer_signals import (
    TOOL_SIGNALS,
    Abstaining,
    Escalated,
    JudgedReward,
    Ratings,
    Response,
    Satisfaction,
    Ungrounded,
    Unresolved,
)
from monitoring.signals.prompt_signals import (
    Novelty,
    PromptEmbeddings,
    PromptLength,
    PromptPerplexity,
    Script,
    Topics,
)
from monitoring.signals.signal import Signal
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
ANSWER_SIGNALS: Kinds = (
    Response,
    Ratings,
    JudgedReward,
    Escalated,
    Unresolved,
    Satisfaction,
    Abstaining,
    Ungrounded,
    *TOOL_SIGNALS,
)
SIGNALS = (*PROMPT_SIGNALS, *ANSWER_SIGNALS)
