"""How chatbots talk: their first words, and what they say of themselves."""

import re

from curation.faults.looks import Hints, near
from project.records.data import Row

HEAD = 300  # characters in which their first words stand
# "Sure, I'd love to" is what people say too; "Sure! Here is …" is not.
OPENING = re.compile(
    r"\W{0,3}(?:(?:sure(?: thing)?|certainly|absolutely|of course|definitely|no"
    r" problem|gladly|yes, of course|okay|great|awesome|got it|understood|alright"
    r"|happy to help)"
    r"(?:!+\W{0,3}(?=\w+[\s']\w+ \w+)|[,.:—–-]+\s*(?=here\b|i can\b|i can help|i'd"
    r" be (?:happy|glad)|i would be (?:happy|glad)|i'll\b|i will\b|let me|let's"
    r"|below|the following|this is|allow me))"
    r"|(?:that's |that is |what )?an? (?:great|good|excellent|interesting"
    r"|fantastic|wonderful) question|(?:great|good|excellent|interesting"
    r"|fantastic) question[!,.]"
    r"|(?:i'd|i would|i'll|i'm|i am) (?:be )?(?:more than )?(?:happy|glad"
    r"|delighted|pleased|excited) to (?:help|assist|explain|answer|provide|share)"
    r"|(?:i'm )?glad you asked|thank you for (?:asking|your (?:question|prompt"
    r"|query))|thanks for (?:asking|your question)[!,.]"
    r"|here(?:'s| is| are) (?:a|an|the|some|your|my) (?:\w+ ){0,5}(?:you"
    r" (?:requested|asked for)|for you|based on your (?:request|prompt))"
    r"|i hope this (?:message|email) finds you|let me (?:help|assist) you with|as"
    r" requested[,:]|i understand (?:that )?you(?:'re| are| want| need)"
    r"|natürlich[!,] (?:hier|gerne)|gerne!|selbstverständlich[!,]|bien sûr ?[!,]"
    r" ?(?:voici|je)|certainement ?[!,]|avec plaisir ?!|¡?(?:claro|por"
    r" supuesto)(?: que sí)?[!,] ?(?:aquí|te|le|puedo)"
    r"|certo[!,] ?ecco|certamente[!,]|claro[!,] ?aqui|com certeza[!,]"
    r"|natuurlijk[!,] ?(?:hier|ik)|конечно[!,] ?(?:вот|я)|当然(?:可以)?[!！,，]"
    r"|好的[,，!！]?(?:以下|这是|下面|我)|もちろんです|かしこまりました)",
    re.I,
)
ITSELF = re.compile(
    r"\bas an? (?:helpful |large |virtual |digital )?(?:ai\b(?! (?:researcher"
    r"|engineer|expert|company|developer|scientist|practitioner|student))"
    r"|artificial intelligence|(?:large )?language model|llm\b|chat ?bot|virtual"
    r" assistant|machine learning model|computer program)"
    r"|\bi(?:'m| am)(?: just| only| merely| simply)? an? (?:helpful |large "
    r"|virtual )?(?:ai\b|artificial intelligence|(?:large )?language model|llm\b"
    r"|chat ?bot|bot\b|computer program|machine learning model|virtual assistant)"
    r"|\bbeing an (?:ai|artificial)\b|\bmy (?:training data|knowledge cut-?off"
    r"|last (?:knowledge )?update|training cut-?off|programming|algorithms?)\b"
    r"|\b(?:i was|i've been|i am|i'm) (?:created|developed|trained|built|made"
    r"|programmed|designed) by (?:openai|google|anthropic|meta|microsoft|alibaba"
    r"|deepseek|mistral)"
    r"|\bi(?:'m| am) (?:chatgpt|gpt-?\d|claude|bard|gemini|llama|copilot|qwen"
    r"|deepseek)\b|\bi (?:do not|don't) (?:have|possess|experience) (?:any"
    r" )?(?:personal (?:opinions?|feelings|beliefs|experiences?|preferences"
    r"|emotions)|feelings or|emotions|consciousness|a physical (?:body|form)"
    r"|real-time)"
    r"|\bi (?:do not|don't) have (?:access to )?(?:real-time|the ability to"
    r" (?:browse|access))|\bas of my (?:last|knowledge|training)|\bi (?:cannot"
    r"|can't) (?:browse|access) the (?:internet|web)|\bmy (?:developers|creators)"
    r" at\b"
    r"|\bals (?:eine? )?(?:ki|künstliche intelligenz|(?:ki-)?sprachmodell)|\bich"
    r" bin (?:nur )?(?:eine? )?(?:ki|künstliche intelligenz|sprachmodell)|\ben"
    r" tant qu(?:e |')(?:ia\b|intelligence artificielle|modèle)|\bje suis une"
    r" (?:ia\b|intelligence artificielle)"
    r"|\bcomo (?:un |una |uma? )?(?:modelo de (?:lenguaje|linguagem)|ia\b"
    r"|inteligencia artificial|inteligência artificial)|\bcome (?:modello"
    r"|intelligenza artificiale|ia\b)|\bin quanto (?:ia\b|modello|intelligenza)"
    r"|\bals (?:een )?(?:ai|taalmodel)\b"
    r"|作为(?:一个|一名|一种)?(?:ai|人工智能|语言模型|大型语言模型"
    r"|虚拟助手)|我(?:只)?是一(?:个|种)(?:ai|人工智能"
    r"|语言模型)|ai(?:アシスタント)?として"
    r"|(?:大規模)?言語モデル(?:として|です|である)|как"
    r" (?:искусственный"
    r" интеллект|языковая модель|ИИ\b)|я (?:всего лишь )?(?:языковая модель"
    r"|искусственный интеллект|ИИ\b)|저는 (?:ai|인공지능)|인공지능으로서|ai로서",
)
WHO_ARE_YOU = re.compile(
    r"who (?:are|made|created|built|trained|developed) you|what are you|are you"
    r" (?:an? )?(?:ai|human|bot|robot|real|chatbot|machine|person|alive|sentient)"
    r"|your (?:name|creator|maker|training|purpose)|about yourself|introduce"
    r" yourself|do you (?:have|feel|know|like|think)"
    r"|你是谁|你是什么|你叫|介绍一下你|wer bist du|qui es-tu|quién eres",
    re.I,
)
# Words near which the patterns are tried.
SELF = Hints(
    "s an ai|s a ai|language model|intelligen|llm|chatbot|chat bot|computer program",
    "machine learning model|an ai|a bot",
    "virtual assistant|being an ai|my training|my knowledge|my last|my programming",
    "my algorithm|by openai|by google|by anthropic|by meta|by microsoft|by alibaba",
    "by deepseek|by mistral|chatgpt|gpt-|i am gpt|claude| bard|gemini|i am llama|copilot",
    "qwen|deepseek|have personal|have any personal|have feelings|have emotions",
    "have consciousness|possess|physical body|physical form|real-time|ability to browse",
    "of my last|of my knowledge|of my training",
    "browse|my developers|my creators|als ki|eine ki|sprachmodell|qu'ia|que ia",
    "une ia|modèle|como |modello|in quanto|come ia|als ai|taalmodel|作为|人工智能|i ai|aiとして",
    "ai アシ|aiア|저는|ai로|言語モデル|модель| ии|интеллект|인공지능",
)


def boilerplate(row: Row) -> str | None:
    """A chatbot's first words, or that it speaks of itself where nobody asked it to."""
    text = row.completion_text.replace("’", "'")
    if OPENING.match(text[:HEAD]):
        return "a chatbot's first words"
    if ITSELF.search(near(text, SELF, 45)) and not WHO_ARE_YOU.search(row.prompt_text):
        return "a chatbot speaks of itself"
    return None
