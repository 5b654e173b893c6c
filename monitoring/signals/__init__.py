"""The signals: each one a file, and a line here."""

from monitoring.signals.embeddings import PromptEmbeddings
from monitoring.signals.feedback import Feedback
from monitoring.signals.length import Length
from monitoring.signals.novelty import Novelty
from monitoring.signals.perplexity import Perplexity
from monitoring.signals.response import Response
from monitoring.signals.script import Script
from monitoring.signals.signal import Signal
from monitoring.signals.topics import Topics
from monitoring.signals.vocabulary import Vocabulary

SIGNALS: tuple[type[Signal], ...] = (
    Novelty,
    Topics,
    PromptEmbeddings,
    Vocabulary,
    Length,
    Script,
    Response,
    Perplexity,
    Feedback,
)
