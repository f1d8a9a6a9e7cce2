"""Forms of English words: plural, -ing, -ed, and whether "a" or "an" comes before them.

A lexicon gives a term and its neutral wording once; texts hold them in all their forms. Where it is not known
how a form is made, None is given back and the text is left alone: a wrong form would be an edit of its own.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

__all__ = ["FORMS", "Form", "article_before", "forms", "inflected", "is_verb"]

Form = Literal["base", "s", "ing", "ed", "en"]
"""As it stands; plural or third person; present participle; past; past participle, where it differs."""
FORMS: tuple[Form, ...] = get_args(Form)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PAST: Mapping[str, tuple[str, str]] = {
    "be": ("was", "been"),
    "begin": ("began", "begun"),
    "bite": ("bit", "bitten"),
    "bleed": ("bled", "bled"),
    "blow": ("blew", "blown"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "build": ("built", "built"),
    "buy": ("bought", "bought"),
    "cut": ("cut", "cut"),
    "do": ("did", "done"),
    "draw": ("drew", "drawn"),
    "fall": ("fell", "fallen"),
    "feed": ("fed", "fed"),
    "fight": ("fought", "fought"),
    "find": ("found", "found"),
    "forge": ("forged", "forged"),
    "freeze": ("froze", "frozen"),
    "get": ("got", "got"),
    "give": ("gave", "given"),
    "go": ("went", "gone"),
    "hang": ("hung", "hung"),
    "have": ("had", "had"),
    "hide": ("hid", "hidden"),
    "hit": ("hit", "hit"),
    "hold": ("held", "held"),
    "hurt": ("hurt", "hurt"),
    "keep": ("kept", "kept"),
    "leave": ("left", "left"),
    "lose": ("lost", "lost"),
    "make": ("made", "made"),
    "put": ("put", "put"),
    "run": ("ran", "run"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "set": ("set", "set"),
    "shoot": ("shot", "shot"),
    "shut": ("shut", "shut"),
    "steal": ("stole", "stolen"),
    "strike": ("struck", "struck"),
    "take": ("took", "taken"),
    "tear": ("tore", "torn"),
    "throw": ("threw", "thrown"),
    "write": ("wrote", "written"),
}
"""Irregular verbs: past, past participle."""
_PLURALS: Mapping[str, str] = {
    "analysis": "analyses",
    "child": "children",
    "crisis": "crises",
    "diagnosis": "diagnoses",
    "foot": "feet",
    "half": "halves",
    "knife": "knives",
    "life": "lives",
    "man": "men",
    "person": "people",
    "thief": "thieves",
    "tooth": "teeth",
    "wife": "wives",
    "woman": "women",
}
_UNCOUNTED = _words(
    """advice damage equipment evidence harm information malware money ransomware software spyware"""
)
_VERBS = _words(
    """abduct abort abuse accept access achieve act add address adjust administer affect agree aim allow alter
    amputate analyse analyze announce annoy answer apply approach argue arrange arrest ask assault assess
    assist attach attack attempt avoid balance base become believe block boot borrow breach bypass call calm
    cancel capture carry cause challenge change charge chase check choke claim clean clear climb close
    collapse combine commit compare complete conceal confirm confront connect consume contact contain
    continue control convert convince cook copy cover crack crash crush cure damage debate decline decrease
    defeat defend defraud delete deliver demand deny deploy describe destroy detain detect determine
    detonate develop die direct disable discharge discuss dismiss dispatch dispose dissolve distribute
    disturb divert divide dose double drain drill drive drop drown dump edit eject eliminate embed employ
    empty encourage end engage enhance ensure enter escape establish evade examine exhaust expand expel
    expire explode exploit expose extend extort extract fail file fill filter finish fire fix flood follow
    force forge freeze gain gather govern grow guess guide halt halve handle harass harm heat help hide
    hijack hire hope hurt identify ignite ignore improve include increase infect infiltrate inform inject
    injure insert inspect install instruct intercept interrupt introduce intrude invade invent invest invite
    isolate issue join jump kick kidnap kill knock label last launch launder leak learn lift limit link
    listen load lock lower maintain manage mark match measure melt merge mislead miss misuse mix molest
    monitor move murder name note notice object observe obtain offer open oppose order overcome overload
    override overwhelm own paint part pass pause pay penalise penetrate perform persist persuade phish
    photograph pick pin place plan plant play poach point poison possess pour practise preserve press
    prevent produce promote protect prove publish pull punish purge pursue push quarantine question raise
    rape reach read receive record recover recruit redirect reduce refuse reject release rely remain
    remember remove rename repair repeat replace reply report request require rescue reset resign resist
    resolve respond restart restrain restrict resume retain retire return reveal reverse review revoke rig
    rinse rob roll rotate sabotage sample save scan scrape search secure seize select separate serve settle
    shake shape share shed shift shorten sign silence sink skip slaughter slit slow smoke smother smuggle
    soften solve spend spill split spoof spray spread stab stain stalk start starve steer stimulate stop
    strangle stretch strip stun submit succeed suffer suffocate supply support suppress surrender suspect
    suspend sustain sweep switch tackle tamper taper target taste terminate test threaten tie tinker torture
    touch trace track traffic train transfer transform trap treat trick trigger trim trust turn twist
    undermine undo unlock update upgrade urge use utilise vaporise vary verify violate visit wait warn wash
    waste watch weaken wear weigh whip wipe withdraw withhold wound wrap"""
) | frozenset(_PAST)
_VERB_END = re.compile(r"(?:[a-z]{2,}ate|ify|i[sz]e)$")
_NOUN_END = re.compile(r"(?:[st]ion|ment|ness|ity|[ae]nce|ship|ism|sis|cide|ology)$")
_DOUBLED = _words(
    """admit commit compel control defer equip expel occur permit prefer propel refer submit transfer"""
)
_PARTICLES = _words("""apart away back down in into off on out over through up""")
_DETERMINERS = _words("""a an any her his its my our some that the their these this those your""")
_BREAKS = (
    _words(
        """above after against as at before below between beyond by during for from if in never not of so than
    that to under using when where which who whose with within without"""
    )
    | _PARTICLES
)
_AN = re.compile(r"(?:[aeiou]|hono[u]?r|honest|hour|heir)", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:uni(?![mn])|us[aeiu]|ut[ei]|eu|ewe|one\b|once\b|ubiq|ur[aei])", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z]{2,}s?\b|[A-Z]\b")


def forms(phrase: str) -> Iterator[tuple[Form, str]]:
    """Every form a phrase may stand in, the phrase itself first; of a single word also those of a verb.

    Args:
        phrase: in its base form: singular, infinitive.
    """
    seen = set[str]()
    for form in FORMS:
        if form in ("ing", "ed", "en") and not _may_be_verb(phrase):
            continue
        found = _made(phrase, form)
        if found.lower() not in seen:
            seen.add(found.lower())
            yield form, found


def inflected(phrase: str, form: Form) -> str | None:
    """A phrase in a form.

    Args:
        phrase: in its base form.
        form: wanted.

    Returns:
        None where there is no such form, or nobody can tell what it is.
    """
    if form not in ("base", "s") and not is_verb(phrase):
        return None
    return _made(phrase, form)


def is_verb(phrase: str) -> bool:
    """Whether a phrase is surely a verb, or begins with one: "terminate", "end the process"."""
    words = phrase.lower().split(" ")
    sure = words[0] in _VERBS or bool(_VERB_END.search(words[0]))
    return (sure and len(words) == 1) or _verb_phrase(words)


def article_before(word: str) -> str:
    """Whether "a" or "an" stands before a word, by how it sounds."""
    if _LETTERS.match(word):  # read out letter by letter
        return "an" if word[0] in "AEFHILMNORSX" else "a"
    if word[:1].isdigit():
        return "an" if re.match(r"8|1[18](?!\d)", word) else "a"
    return "an" if _AN.match(word) and not _NOT_AN.match(word) else "a"


def _made(phrase: str, form: Form) -> str:
    """A phrase in a form, taken for a verb where the form is one of verbs."""
    if form == "base":
        return phrase
    words = phrase.split(" ")
    at = 0 if form != "s" or _verb_phrase(words) else _head(words)
    made = _plural(words[at]) if form == "s" else _verb_form(words[at], form)
    return " ".join([*words[:at], made, *words[at + 1 :]])


def _may_be_verb(phrase: str) -> bool:
    words = phrase.lower().split(" ")
    return _verb_phrase(words) or (len(words) == 1 and not _NOUN_END.search(words[0]))


def _verb_phrase(words: list[str]) -> bool:
    """Whether it reads as a verb and what goes with it: "end the process", "shoot up", "commit fraud"."""
    first = words[0].lower()
    sure = first in _VERBS or bool(_VERB_END.search(first))
    if len(words) == 1:
        return False
    return (sure and words[1].lower() in _PARTICLES) or (
        words[1].lower() in _DETERMINERS and first not in _BREAKS | _DETERMINERS
    )


def _head(words: list[str]) -> int:
    """The noun of a phrase: the last word before a preposition or a clause."""
    for at, word in enumerate(words[1:], start=1):
        if word.lower() in _BREAKS:
            return at - 1
    return len(words) - 1


def _plural(word: str) -> str:
    low = word.lower()
    if low in _UNCOUNTED:
        return word
    if low in _PLURALS:
        return word[:1] + _PLURALS[low][1:]
    if re.search(r"(?:[sxz]|[cs]h)$", low):
        return word + "es"
    if re.search(r"[^aeiou]y$", low):
        return word[:-1] + "ies"
    return word + ("es" if low in ("echo", "hero", "potato", "veto", "go", "do") else "s")


def _verb_form(word: str, form: Form) -> str:
    low = word.lower()
    if form != "ing" and low in _PAST:
        return word[:1] + _PAST[low][form == "en"][1:]
    if form == "ing":
        if low.endswith("ie"):
            return word[:-2] + "ying"
        if re.search(r"[^aeyo]e$", low):
            return word[:-1] + "ing"
        return word + word[-1] * _doubles(low) + "ing"
    if low.endswith("e"):
        return word + "d"
    if re.search(r"[^aeiou]y$", low):
        return word[:-1] + "ied"
    return word + word[-1] * _doubles(low) + "ed"


def _doubles(word: str) -> bool:
    """Whether the last consonant is written twice: stop, stopped."""
    short = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", word) is not None
    quick = re.fullmatch(r"[^aeiou]*qu[aeiou][^aeiouwxy]", word) is not None
    return short or quick or word in _DOUBLED or word == "kidnap"
