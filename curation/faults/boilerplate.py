"""How chatbots talk: their first words, what they say of themselves, and how they refuse."""

import re

from curation.faults.suspect_words import Hints, near
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


# --- refusal --------------------------------------------------------------------------------------

# One of these is in every refusal.
CANNOT = Hints(
    "can't|cannot|can not|could not|couldn't|won't|will not|unable|not able|not allowed",
    "not permitted|not author|not programmed|not designed|not going|decline|refuse",
    "rather not|prefer not|ethical|unsafe|appropriate|not safe|guideline|against my|violate",
    "comfortable|sorry|apolog|unfortunately|afraid|something i|no comment|i have no|nicht ",
    "je ne|puedo|posso|niet |无法|不能|でき|не могу|수 없",
)
UNABLE = (
    r"(?:can ?not|can't|could not|couldn't|won't|will not|(?:'m|am) (?:not able"
    r"|unable|not allowed|not permitted|not authorized|not programmed|not designed"
    r"|not going|sorry, but unable) to)"
)
SERVE = (
    r"(?:help (?:you )?(?:with|do)\b|help (?:you )?(?=[.,;!]|$)|assist\b|answer"
    r" (?:that|this|your|such|questions)|respond to (?:that|this|your)|comply\b"
    r"|fulfil|discuss|engage in|participate in"
    r"|continue (?:with )?this|do (?:that|this)[.,;!]|support (?:that|this)"
    r" request|process (?:that|this|your) request|complete (?:that|this|your)"
    r" (?:request|task)"
    r"|(?:provide|give|share|offer|create|generate|write|produce|recommend"
    r"|suggest)(?: you)?(?: with)?(?: (?:that|this|such|any|information"
    r"|instructions|content|advice|guidance|details|medical|legal|financial"
    r"|personal|specific|a response|an answer|an? opinion)\b)"
    r"|access (?:that|external|real-time|the internet|your|websites|links)"
    r"|browse\b|open links|view (?:images|attachments|the))"
)
REFUSAL = re.compile(
    rf"\bi ?{UNABLE} (?:\w+ly )?(?:be able to )?{SERVE}"
    r"|\bi (?:must|have to|will have to|need to) (?:respectfully |politely"
    r" )?(?:decline|refuse)\b|\bi(?:'d| would) (?:rather|prefer) not (?:to"
    r" )?(?:say|answer|discuss|comment|help|share|talk)\b"
    r"|\bi (?:respectfully |politely )?(?:decline|refuse) to\b|\b(?:un(?:ethical"
    r"|safe)|inappropriate|not (?:appropriate|ethical|safe)) (?:for me )?to"
    r" (?:provide|answer|discuss|help|assist|share|give|write)\b"
    r"|\bagainst my (?:guidelines|programming|policies|policy|principles|ethical)"
    r"|\bviolates? (?:my|our) (?:guidelines|policy|policies|terms)|\bi(?:'m| am)"
    r" (?:not comfortable|uncomfortable) (?:with )?(?:answering|discussing|sharing"
    r"|providing|helping|writing)"
    r"|\b(?:sorry|apologi[sz]e|apologies|unfortunately|afraid)[,.]?(?: but)?(?:"
    r" that)? (?:i|we) ?(?:cannot|can't|can not|am unable to|'m unable to|are"
    r" unable to|am not able to|'m not able to|won't|do not|don't) (?:\w+ )?(?:do"
    r" that|help|assist|answer|provide|fulfil|comply|generate|discuss|have"
    r" (?:enough|that|the|any) (?:information|data|answer)|know (?:the answer|how"
    r" to answer|enough))"
    r"|\b(?:that's|that is|this is|it's) (?:not )?something i (?:can't|cannot|can"
    r"|am able to|'m able to|won't) (?:help|assist|do|discuss|answer|provide)|\bno"
    r" comment[.!]|\bi have no (?:answer|comment|information) (?:to|on|about"
    r"|for)\b|\bi (?:can't|cannot|can not) (?:answer|say)[.!]"
    r"|\bich kann (?:dir|ihnen|dabei|das|diese|hier|darauf|darüber)? ?(?:\w+"
    r" ){0,6}nicht (?:helfen|beantworten|weiterhelfen|antworten|geben"
    r"|bereitstellen|erfüllen)|\bje (?:suis désolé|regrette)[^.]{0,30}(?:je ne"
    r" peux pas|je ne suis pas en mesure)|\bje ne (?:peux|puis) pas (?:vous aider"
    r"|répondre|fournir|t'aider|répondre)"
    r"|\b(?:lo siento|disculpa)[^.]{0,20}no puedo|\bno puedo (?:ayudar|responder"
    r"|proporcionar|contestar)|\bmi dispiace[^.]{0,20}non posso|\bnon posso"
    r" (?:aiutar|rispondere|fornire)|\bnão posso (?:ajudar|responder|fornecer)"
    r"|\bik kan (?:je |u )?(?:hier |daar )?(?:\w+ )?niet (?:bij |mee )?helpen"
    r"|(?:抱歉|对不起)[,，]?(?:但)?我?(?:无法|不能)|我(?:无法"
    r"|不能)(?:回答|提供|协助|帮助|满足|完成)|お(?:答え|手伝い"
    r"|応え)(?:することは)?でき(?:ません|かねます)|(?:извините|простите|к сожалению)[^.]{0,20}я не"
    r" могу|я не могу (?:помочь|ответить|предоставить|выполнить)|도와드릴 수 없|답변(?:해"
    r" 드릴|드릴|할) 수 없",
)


def refusal(row: Row) -> str | None:
    hints = CANNOT.found_in(text := row.completion_text.replace("’", "'"))
    head = text[:HEAD].lower()
    refuses = any(hint in head for hint in hints) and REFUSAL.search(head)
    return "a refusal" if refuses else None
