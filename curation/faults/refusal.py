"""Answers that refuse to answer."""

import re

from curation.faults.looks import Hints
from project.records.data import Row

HEAD = 300  # characters: a refusal comes first
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
