"""The words by which web pages are known: links, notices, and the names of their parts."""

import re

from curation.faults.looks import Hints, Look

# A link's own words: alone in a line, or behind the end of a sentence. In lower case. These are
# nothing else; at the end of a text they are taken away.
SURE_LINKS = "|".join(
    (
        r"(?:view|read|show|load|see|learn|find out|discover|explore) (?:more|less|all)",
        r"(?:view|read|see|show) more (?:here|details|info|about (?:this|it)|answers"
        r"|comments|posts)",
        r"(?:view|read|see|show) (?:the )?(?:full|whole|entire|original) (?:article"
        r"|post|story|text)",
        r"continue reading|keep reading|click here to (?:expand|enlarge|view|read|open)(?: more)?",
        r"back to (?:the )?(?:top|home|results|list)|skip to (?:main )?content|skip navigation",
        r"share this(?: page| article| post| answer| story)?|tweet this|print this(?:"
        r" page| article)?",
        r"share on [a-z]+|leave a (?:comment|reply)|copy (?:link|to clipboard)|open in"
        r" (?:app|new tab)",
        r"was this [a-z ]{0,20}(?:helpful|useful)\W*(?:yes\W*no)?|you may also like",
        r"related (?:articles?|posts?|questions?)|\d+ min(?:ute)?s? read|report abuse",
        r"mehr (?:erfahren|anzeigen|lesen)|weiterlesen|hier klicken|zum inhalt springen",
        r"zurück (?:zur übersicht|nach oben)|lire la suite|en savoir plus|(?:voir|afficher) plus",
        r"retour en haut|leer más|(?:ver|mostrar|saber) más|seguir leyendo|volver arriba",
        r"(?:leia|ver|saiba) mais|continue lendo|leggi (?:tutto|di più|anche)|continua a leggere",
        r"scopri di più|mostra altro|lees (?:meer|verder)|meer (?:weergeven|lezen)"
        r"|terug naar boven",
        r"czytaj (?:więcej|dalej)|zobacz więcej|читать (?:далее|дальше|полностью)|läs mer|visa mer",
        r"показать (?:ещё|еще)|devamını oku|阅读(?:全文|更多|原文)",
        r"查看(?:更多|全文|详情)|展开全文",
        r"点击(?:查看|展开).{0,6}|返回顶部|続きを読む|もっと(?:見る|読む)|詳細はこちら",
        r"더 ?보기|자세히 보기",
    )
)
# These may be the last words of a text all the same.
LINKS = "|".join(
    (
        SURE_LINKS,
        r"(?:know|learn|view|see) (?:more|all) [a-z]{3,12}|(?:view|see|show)"
        r" (?:details|comments|answers?)",
        r"continue|read on|expand(?: all)?|collapse|see also|get started|sign up(?:"
        r" now| for free)?",
        r"subscribe(?: now| today)?|(?:download|shop|buy|book|order|apply|try) (?:it"
        r" )?(?:now|free)",
        r"add to (?:cart|basket|wishlist|favou?rites)|back to [a-z]+(?: page)?|go back|loading",
        r"(?:next|previous|prev)(?: (?:page|article|post|question|lesson|chapter"
        r"|topic))?|print|share",
        r"like|reply|report|flag|upvote|permalink|copy|bookmark|follow(?: us)?"
        r"|advertisements?|tweet",
        r"(?:comments?|likes?|shares?|views?|replies) \(\d+\)|sponsored(?: content)?"
        r"|edit this page",
        r"\d+ (?:comments?|likes?|shares?|views?|repl(?:y|ies)|upvotes?)|recommended for you",
        r"related (?:topics?|pages?|links?|products?)|table of contents|on this page"
        r"|log ?in|sign ?in",
        r"register|menu|search|(?:click|tap) (?:here )?(?:to|for) (?:[a-z]{1,12} ?){1,5}",
        r"suggest (?:an )?edits?|(?:verified|best|accepted) answer|подробнее|наверх|更多|nach oben",
        r"más información",
    )
)

# Notices, and links in the midst of a sentence, near these words.
MIDST = Hints(
    "ick here|tap here|ress here|quez |clic aquí|click aquí|clique aqui|clicca|klik hier",
    "klicken|kliknij|нажмите|点击|クリック|클릭|helpful|skip to|rights reserved|cookie|share ",
    "javascript|your browser|subscribe|sign up for|back to top|more »|nue reading",
    "keep reading|leave a|\ncomment|terms of|privacy policy|more ...|more…|more →|more >",
    "you are human|you are a human|open in app|print this|powered by",
    "related articles|posted |page 1",
    "upvote|reply share|©|copyright|follow us|like us|e-mail this|email this",
    "advertisement\n|404 |newsletter|reply",
)
# In lines of links, in lower case.
BAR_SIGNS = ("|", "·", "•", "›", "»", ">", "/", "facebook", "twitter", "log", "menu", "ookies")
BARS = Look(*BAR_SIGNS)
NETWORK = (
    r"(?:facebook|twitter|linkedin|pinterest|whatsapp|instagram|reddit|telegram"
    r"|tumblr|x|social media)"
)
PHRASES = "|".join(
    (
        r"\b(?:click|tap|press) (?:right )?here\b|\bcliquez (?:ici|sur ce lien)\b"
        r"|\bclique aqui\b|\bha(?:z|ga) clic(?:k)? aquí|\bclicca qui\b|\bklik hier\b",
        r"\bhier klicken\b|\bklicken sie hier\b|\bkliknij tutaj\b|нажмите (?:здесь"
        r"|сюда)|点击(?:这里|此处|链接|下方)|こちらをクリック|여기를 클릭",
        r"\bwas this (?:[a-z]+ )?(?:helpful|useful)\b|\bfound this helpful\b|\bskip to"
        r" (?:main )?content\b|\ball rights reserved\b",
        r"\b(?:accept|reject|manage|allow) (?:all )?cookies?\b|\bcookie (?:policy"
        r"|settings|preferences|notice|consent|banner)\b|\b(?:uses?|using) (?:of"
        r" )?cookies\b",
        r"\bcookies (?:to|help|improve|akzeptieren|ablehnen|zulassen)\b|\bverwenden"
        r" cookies\b|\butilis\w+ des cookies\b|\b(?:utilizamos|usamos) cookies\b"
        r"|\butilizziamo i cookie|\baccepter (?:tous )?les cookies\b|\baceptar"
        r" (?:todas )?(?:las )?cookies\b|(?:файлы|все) cookie|cookie ?を使用|使用 ?cookie"
        r"|接受所有 ?cookie",
        rf"\b(?:share|pin|post) (?:this )?(?:[a-z]+ )?(?:on|to|via) {NETWORK}\b"
        rf"|\b(?:follow|like|find) us on\b|\be-?mail this (?:page|article|post)\b",
        r"\bshare this (?:article|page|post|story|entry|answer|on)\b|\bshare ?[|·•:]"
        r"|\bshare (?:tweet|facebook|pin|email)\b|\blike\W+comment\W+share\b",
        r"\benable javascript\b|\bjavascript (?:is|must be) (?:disabled|enabled"
        r"|required)|\byour browser (?:does not|doesn't|is not) (?:support|up)"
        r"|\bchecking your browser\b|\byou are (?:a )?human\b",
        r"\bsubscribe to (?:our|the|my) |\bsign up for (?:our|the|my) |\b(?:our|weekly"
        r"|free) newsletter\b|\bback to top\b|\bcontinue reading\b|\bkeep reading\b"
        r"|\bleave a (?:comment|reply)\b|\bopen in app\b",
        r"\bby (?:continuing|using|browsing)(?: to (?:browse|use))? (?:this|our|the)"
        r" (?:web)?site\b|\bterms of (?:use|service) ?[|·•/&-]|\bprivacy policy ?["
        r"|·•/]|[|·•/] ?privacy policy\b",
        r"\b(?:read|view|see|show|learn) more ?(?:[»>→]|\.\.\.|…)|\bprint this (?:page"
        r"|article)\b|\bpowered by (?:wordpress|zendesk|intercom|shopify|disqus"
        r"|discourse)|\brelated articles\b",
        r"\bposted (?:by|on|in) [^.\n]{0,40}(?:\d{4}|ago)\b|\bpage 1 of \d+\b"
        r"|\bupvotes?\b.{0,20}\bdownvotes?\b|\breply\s*(?:[|·•]\s*)?(?:share|report|delete"
        r"|like)\b|©\s?(?:copyright )?(?:19|20)\d\d|\bcopyright (?:©|\(c\)) ?(?:19"
        r"|20)\d\d|\badvertisement\b\s*\n|404 (?:not found|error|page)",
    )
)
# Whoever speaks of such things may use their words.
SUBJECTS = (
    r"cookie|newsletter|javascript|copyright|website|web ?page|\bclick|button|html|advert|slogan"
    r"|call to action|social media|marketing|\bblog|\bseo\b|privacy|facebook"
    r"|twitter|landing|phishing|spam"
)
NAVIGATION = frozenset(
    re.findall(
        r"\w+",
        "home about contact login logout logup register menu search cart"
        " checkout help support"
        " privacy policy terms service services use share tweet facebook twitter"
        " linkedin pinterest whatsapp"
        " instagram youtube reddit telegram tiktok email e mail this page print"
        " cookies cookie accept reject decline"
        " manage all settings preferences blog news faq faqs sitemap careers jobs"
        " press next previous prev back"
        " subscribe follow us on products product pricing shop company account my"
        " more rss feed like comment"
        " comments reply save download report upvote downvote pin copy link docs"
        " documentation tutorials forum"
        " community resources features startseite impressum datenschutz kontakt über"
        " uns anmelden agb accueil"
        " connexion inicio contacto acerca",
    )
)
