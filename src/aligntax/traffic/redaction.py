r"""Personal data leaves a text before aligntax stores or prints it.

Each find becomes a placeholder such as `[email:3fa9c1]`: its kind and six hex digits of a keyed HMAC-SHA256
of the normalised value. Inside a run the same value has the same placeholder, so that "the same customer
wrote twice" stays visible; the key is random and never stored, so nothing links two runs.

Caught: e-mail addresses; phone numbers (`+` or `00` and a country code; 3-3-4 and 3-4-4 digits; national
forms with a leading zero or an area code in brackets; any number after "phone", "call me at", ...); payment
cards whose Luhn digit holds; IBANs whose mod-97 check holds; IPv4 and IPv6 addresses; API keys, tokens, JWTs,
private keys, passwords in assignments and URLs; names people introduce themselves with or the caller passes.

Not caught: names in running text, in letter closings, or introduced in other ways or languages than English;
postal addresses and postcodes; dates of birth; national identity, tax, passport, licence and health numbers;
account numbers other than IBANs; MAC addresses, IPv6 such as `::1` and `::ffff:...`; bare national phone
numbers (`5550100199`, `612 345 678`) with no word before them that says so; numbers in words, in other than
ASCII digits or one digit at a time; secrets with no known prefix or assignment; anything spelled to evade
("bob at example dot com", base64). Redaction lowers the risk of a leak; it does not make a log anonymous.

A four-part version (`1.2.3.4`) reads as an address, except after "version ", `v` or `Name/`.
"""

import hmac
import ipaddress
import re
import secrets
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aligntax.errors import UsageError

__all__ = ["Redactor"]

_PLACEHOLDER = re.compile(r"(\[(?:card|email|iban|ip|key|name|phone):[0-9a-f]{6}\])")


class Redactor:
    """Replaces personal data by pseudonyms that are stable inside one run.

    Args:
        key: the secret of the run; 32 random bytes when None. Two redactors agree if their keys do.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def text(self, text: str, *, names: Collection[str] = ()) -> str:
        """`text` with a placeholder for every find; a second time changes nothing.

        Args:
            text: any string, lone surrogates included.
            names: who else to hide, such as the user the log names; case is ignored, only whole words
                count, and fewer than three characters are too few to be safe.
        """
        rules = (*_RULES, *_named(names, text))
        while (swept := self._sweep(text, rules)) != text:  # a find can lay the next one bare
            text = swept
        return text

    def column(self, texts: pa.StringArray) -> pa.StringArray:
        """`text` of every row; the same array when there is nothing to hide.

        One pass of Hyperscan over the column's bytes picks the rows worth a look.

        Raises:
            UsageError: the column is not of type string.
        """
        if texts.type != pa.string():
            raise UsageError(f"redaction reads a string column, not {texts.type}")
        rows = _candidates(texts)
        before = texts.take(pa.array(rows)).to_pylist()
        after = [self.text(text) for text in before]
        if before == after:
            return texts
        mask = np.zeros(len(texts), dtype=bool)
        mask[rows] = True
        return pc.replace_with_mask(texts, pa.array(mask), pa.array(after, pa.string()))

    def pseudonym(self, kind: str, value: str) -> str:
        """`value` as kind and eight hex digits, `user-3fa9c1b2`; case counts."""
        return f"{kind}-{self._digest(kind, value)[:8]}"

    def pseudonyms(self, kind: str, values: pa.StringArray) -> pa.StringArray:
        """`pseudonym` of every row, computed once a distinct value; null stays null."""
        encoded = values.dictionary_encode()
        distinct = [self.pseudonym(kind, value) for value in encoded.dictionary.to_pylist()]
        return pa.array(distinct, pa.string()).take(encoded.indices)

    def _sweep(self, text: str, rules: "tuple[_Rule, ...]") -> str:
        for rule in rules:
            pieces = _PLACEHOLDER.split(text)  # every second piece is a placeholder
            pieces[::2] = [self._replace(rule, piece) for piece in pieces[::2]]
            text = "".join(pieces)
        return text

    def _replace(self, rule: "_Rule", text: str) -> str:
        parts, done = [], 0
        for start, end, value in rule.finds(text):
            parts += [text[done:start], f"[{rule.kind}:{self._digest(rule.kind, value)[:6]}]"]
            done = end
        return "".join([*parts, text[done:]]) if parts else text

    def _digest(self, kind: str, value: str) -> str:
        return hmac.digest(self._key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256").hex()


class _Find(NamedTuple):
    """Characters [start, end) and what to hash in their place; "" if they only looked like a find."""

    start: int
    end: int
    value: str


@dataclass(frozen=True)
class _Rule:
    """One form of personal data.

    Attributes:
        kind: what the placeholder says.
        before: lookbehinds: what must not stand before a find.
        body: the find, or the find in group 1. It must match in time linear in the text: any unbounded
            repeat is possessive or stops at a character that starts the next try.
        gate: a Hyperscan pattern on UTF-8 bytes that matches wherever `body` does. No anchors, no word
            boundaries: a row's first byte follows the last one of the row before.
        read: normalises a match, or turns it down.
    """

    kind: str
    before: str
    body: str
    gate: str
    read: Callable[[re.Match[str]], _Find]

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """For anywhere in the text, and for right behind a find, where the lookbehinds do not apply."""
        return re.compile(self.before + self.body), re.compile(self.body)

    def finds(self, text: str) -> Iterator[_Find]:
        """Finds from left to right, none overlapping."""
        anywhere, behind = self.patterns
        match = anywhere.search(text)
        while match:
            find = self.read(match)
            if find.value:
                yield find
            match = (behind.match(text, find.end) if find.value else None) or anywhere.search(text, find.end)


def _candidates(texts: pa.StringArray) -> NDArray[np.int64]:
    """Rows (ascending, int64) in which a gate opens, and some more."""
    _, offsets_buffer, data = texts.buffers()
    if data is None or not len(texts):
        return np.empty(0, np.int64)
    offsets = np.frombuffer(offsets_buffer, np.int32, len(texts) + 1, texts.offset * 4)
    first, last = int(offsets[0]), int(offsets[-1])
    scanned: Any = memoryview(data)[first:last]
    ends = array("q")
    database = _database()
    database.scan(
        scanned,
        match_event_handler=lambda _id, _from, to, _flags, _context: ends.append(to),
        scratch=hyperscan.Scratch(database),  # a scratch serves one scan at a time; threads may scan at once
    )
    last_bytes = np.frombuffer(ends, np.int64) + (first - 1)
    rows = np.unique(np.searchsorted(offsets, last_bytes, side="right") - 1)
    return rows[np.asarray(texts.is_valid(), dtype=np.bool_)[rows]]


@cache
def _database() -> hyperscan.Database:
    gates = [rule.gate.encode("ascii") for rule in _RULES]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=gates, ids=list(range(len(gates))))
    return database


def _as_is(match: re.Match[str]) -> _Find:
    start, end = match.span(min(match.re.groups, 1))
    return _Find(start, end, match.string[start:end])


def _folded(match: re.Match[str]) -> _Find:
    find = _as_is(match)
    return find._replace(value=find.value.casefold().lstrip("._%+-") or find.value)


def _nothing(match: re.Match[str]) -> _Find:
    """Try again one character further; only for forms of bounded length, else time is quadratic."""
    return _Find(match.start(), match.start() + 1, "")


_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?:(?:(?!-----)[\s\S])*+-----END [A-Z0-9 ]{0,60}-----|(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{20,}+)*+)"
)
_PREFIXED = (
    r"(?:sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{16,}+|[prs]k_(?:live|test)_[A-Za-z0-9]{10,}+"
    r"|gh[opsur]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}+|AIza[A-Za-z0-9_-]{30,}+|glpat-[A-Za-z0-9_-]{16,}+|hf_[A-Za-z0-9]{20,}+"
    r"|eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?)"
)
_PREFIXED_GATE = (
    r"sk-[\w-]{16}|[prs]k_(?:live|test)_|gh[opsur]_|github_pat_|AKIA|ASIA|xox[a-s]-|AIza|glpat-|hf_|eyJ"
)
_T = "[A-Za-z0-9._~+/=-]"
_BEARER = rf"(?ai:bearer)[ \t]{{1,4}}((?=[A-Za-z._~+/=-]{{0,64}}[0-9]){_T}{{8,}}+|{_T}{{24,}}+)"
_ASSIGNED = (
    r"(?:(?:api|access|secret|private|auth)[ _-]?key|secret|token|pass(?:word|wd|phrase|code)|pwd)"
    r"""["'`*]{0,3}[ \t]{0,3}(?:=>|:=|[:=]|is[ \t])[ \t*]{0,4}["'`]?"""
)
_VALUE = r"""[^\s"'`<>\[\]{}(),;]"""
_IN_URL = r"://[^\s/:@]{1,64}:([^\s/@]{1,128})@(?=\w)"
_EMAIL = r"[\w.%+-]++@(?:[\w-]++\.)+[^\W\d_]{2,24}"
_EMAIL_GATE = r"[^ \t\r\n]@[0-9A-Za-z_\x80-\xff-]"


def _secret(match: re.Match[str]) -> _Find:
    start, end, value = _as_is(match)
    value = value.rstrip(".:?!")
    word = match.string[match.start() : start].lower()
    digit = re.search("[0-9]", value)
    if word.startswith(("pass", "pwd")):
        good = len(value) >= 4 and (digit or word[-1] in "\"'`=" or re.search("[!@#$%^&*]", value))
    else:
        good = len(value) >= 8 and digit and re.search("[A-Za-z]", value)
    if not good or match.string[end : end + 1] in ("(", "["):  # a call or a look-up: code
        return _Find(start, end, "")
    return _Find(start, start + len(value), value)


_GAP = "[ \u00a0\u202f\u2010-\u2013-]"  # with the non-breaking ones that models and word processors write
_CARD = rf"(?:[3-6][0-9]|2[2-7])[0-9]{{2}}(?:{_GAP}?[0-9]){{9,15}}"
_CARD_GATE = r"(?:[3-6][0-9]|2[2-7])[0-9]{2}(?:[ \-\x80-\xff]{0,3}[0-9]){9}"
_IBAN = rf"[A-Za-z]{{2}}[0-9]{{2}}(?:{_GAP}?[0-9A-Za-z]){{11,30}}"
_IBAN_GATE = r"[A-Za-z]{2}[0-9]{2}(?:[ \-\x80-\xff]{0,3}[0-9A-Za-z]){11}"
_IBAN_LENGTHS = (
    "15NO 16BE 18DK,FI,FK,FO,GL,NL,SD 19MK,SI 20AT,BA,EE,KZ,LT,LU,MN,XK 21CH,HR,LI,LV 22BG,BH,CR,DE,GB,GE,IE,ME"
    ",RS,VA 23AE,GI,IL,IQ,OM,SO,TL 24AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG 25LY,PT,ST 26IS,TR 27BI,DJ,FR,GR,IT,MC,MR"
    ",SM 28AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV 29BR,EG,PS,QA,UA 30JO,KW,MU,YE 31MT,SC 32LC 33RU"
)


def _head(match: re.Match[str], length: int) -> str:
    """The match up to its `length`-th letter or digit; "" if there are fewer or the word goes on there."""
    places = [place for place, char in enumerate(match.group()) if char.isascii() and char.isalnum()]
    end = match.start() + places[length - 1] + 1 if length <= len(places) else match.start()
    goes_on = re.compile(r"[0-9A-Za-z]|\.[0-9]").match(match.string, end)
    return "" if goes_on else match.string[match.start() : end]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _card(match: re.Match[str]) -> _Find:
    lengths = (16, 15, 14, 19, 13, 18, 17)  # commonest first, as another group of digits may follow
    for shown in filter(None, (_head(match, length) for length in lengths)):
        groups = re.split(_GAP, shown)
        if _luhn("".join(groups)) and min(map(len, groups[:-1]), default=4) >= 3:
            return _Find(match.start(), match.start() + len(shown), "".join(groups))
    return _nothing(match)


def _iban(match: re.Match[str]) -> _Find:
    length = re.search(rf"([0-9]+)[A-Z,]*{match[0][:2].upper()}", _IBAN_LENGTHS)
    shown = _head(match, int(length[1])) if length else ""
    value = re.sub(_GAP, "", shown).upper()
    if value and int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1:
        return _Find(match.start(), match.start() + len(shown), value)
    return _nothing(match)


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z_]|\.[0-9])"
_IPV4_GATE = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
_IPV6 = r"[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:::)?(?![0-9A-Za-z_]|\.[0-9])"
_IPV6_GATE = r"[0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{1,4}){0,6}::|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]"


def _ipv6(match: re.Match[str]) -> _Find:
    groups = match.group().split(":")
    try:
        value = ipaddress.IPv6Address(match.group()).compressed
    except ValueError:
        return _nothing(match)
    telling = len(groups[0]) >= 3 or "" not in groups  # else a slice [10::2] or a C++ name
    return _Find(*match.span(), value) if telling else _nothing(match)


_S = "[ .\u00a0\u202f\u2010-\u2013-]"
_SS = f"[()/{_S[1:]}{{0,2}}"
_X = r"[ .()/\-\x80-\xff]"  # a byte of what may stand between two digits; a gap is one to three of them
_APART = r"(?<![0-9A-Za-z_+])(?<![0-9][.,:/-])"
_ABROAD = rf"(?:\+|00{_S}?)[1-9](?:{_SS}[0-9]){{8,14}}(?![0-9])"
_ABROAD_GATE = rf"(?:\+|00{_X}{{0,3}})[1-9](?:{_X}{{0,6}}[0-9]){{8}}"
_NATIONAL = (
    rf"(?:(?:1{_S})?(?:\([1-9][0-9]{{2}}\){_S}?|[1-9][0-9]{{2}}[.\u2010-\u2013-])[0-9]{{3}}{_S}[0-9]{{4}}(?![.-][0-9])"
    rf"|(?<![0-9] )(?:1 )?[1-9][0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{4}}(?![ .-][0-9])"
    rf"|(?<![0-9] )1[3-9][0-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}(?![ .-][0-9])"
    rf"|(?<![0-9] )\((?:0[0-9]{{1,4}}|[1-9][0-9]{{1,2}})\){_S}?[0-9]{{3,5}}{_S}[0-9]{{3,4}}"
    rf"|0[1-9](?:{_S}[0-9]{{2}}){{4}}(?!{_S}[0-9]{{2}}(?![0-9]))|0[1-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}"
    rf"|0[1-9][0-9]{{1,4}}\)?(?:{_S}| ?/ ?)[0-9]{{3,8}}(?:{_S}[0-9]{{2,5}}){{0,3}})(?![0-9])"
)
_NATIONAL_GATE = (
    rf"[0-9]{{3}}{_X}{{1,4}}[0-9]{{3}}{_X}{{1,3}}[0-9]{{4}}|1[0-9]{{2}}{_X}{{1,3}}[0-9]{{4}}{_X}{{1,3}}[0-9]{{4}}"
    rf"|\([0-9]{{2,5}}\){_X}{{0,3}}[0-9]{{3,5}}{_X}{{1,3}}[0-9]{{3}}|0[1-9](?:{_X}{{0,5}}[0-9]){{7}}"
)
_LABEL = (
    r"(?:(?:tele|cell)?phone|tel|mobile|cell|fax|whatsapp|call|ring|dial|sms)"
    r"(?:[ .:*#-]{1,3}(?:number|no|me|us|at|on|is)){0,3}[ .:*#=-]{0,4}"
)
_LABELLED = rf"(?ai:{_LABEL})([+(]?[0-9](?:{_SS}[0-9]){{6,14}})(?![0-9])"
_YEARS = re.compile(r"(?:19|20)[0-9]{2}[^0-9](?:[01]?[0-9][^0-9]|(?:19|20)[0-9]{2}(?![0-9]))")


def _phone(match: re.Match[str]) -> _Find:
    start, _, shown = _as_is(match)
    digits = re.sub("[^0-9]", "", shown)
    limit = 12 if re.match("0[1-9]", shown) else 15
    while (last := re.search("[^0-9]+([0-9]+)$", shown)) and (
        len(digits) > limit or (len(digits) >= 14 and re.fullmatch("(?:19|20)[0-9]{2}", last[1]))
    ):  # a year or a count behind the number
        shown, digits = shown[: last.start()], digits[: -len(last[1])]
    if len(digits) < (7 if match.re.groups else 9) or _YEARS.match(shown):
        return _nothing(match)
    return _Find(start, start + len(shown), digits.removeprefix("00"))


def _abroad(match: re.Match[str]) -> _Find:
    groups = re.findall("[0-9]+", match.group())
    idle = match.group()[0] == "0" and (len(groups) < 3 or len(set("".join(groups))) < 3)  # an id, bits
    price = re.fullmatch(r"\+[0-9]{1,3}(?:\.[0-9]{3})+", match.group())
    return _nothing(match) if idle or price or min(map(len, groups[2:]), default=2) < 2 else _phone(match)


_WORD = r"(?:[^\W\d_]\.|[^\W\d_][\w'\u2019-]*+)"
_NAME = rf"({_WORD}(?: {_WORD}){{0,3}})"
_TITLE = r"(?:dr|mr|mrs|ms|mx|prof|professor|doctor)"
_MY_NAME = rf"(?:my name(?: is|['\u2019]s)|i(?: am|['\u2019]?m) called)[ :*_]{{1,4}}(?:{_TITLE}\.? )?"
_TITLED = rf"(?:this is|i am|i['\u2019]m) {_TITLE}\.? "
_MY_NAME_GATE = r"my name(?: is|'s|\xe2\x80\x99s)|i(?: am|'?m|\xe2\x80\x99m) called"
_TITLED_GATE = rf"(?:this is|i am|i'm|i\xe2\x80\x99m) {_TITLE}[. ]"
_SPEAKING = rf"(?ai:this is ){_NAME}(?ai: speaking| calling)(?!\w)"
_PARTICLE = re.compile("al|bin|da|de|del|den|der|di|dos|du|el|la|le|ten|ter|van|von|y")
_NO_NAME = re.compile(
    "(?i)an?|all|and|as|at|being|both|for|from|hidden|his|her|important|in|irrelevant|it|just|known|listed|my|none|"
    "not?|null|off?|on|or|our|private|secret|so|spel(led|t)|still|taken|that|the|their|too?|unknown|what|wrong|your"
)


def _introduced(match: re.Match[str]) -> _Find:
    words = match.group(1).split(" ")
    kept = next((count for count, word in enumerate(words) if not _name_like(word)), len(words))
    while kept and _PARTICLE.fullmatch(words[kept - 1]):
        kept -= 1
    if not kept and match.group()[:7].lower() == "my name":  # people who chat skip capitals
        kept = 1
    if not kept or _NO_NAME.fullmatch(words[0]):
        return _nothing(match)
    shown = " ".join(words[:kept])
    return _Find(match.start(1), match.start(1) + len(shown), shown.casefold())


def _name_like(word: str) -> bool:
    return bool(_PARTICLE.fullmatch(word)) or (not word[0].islower() and word != "I")


def _named(names: Collection[str], text: str) -> "tuple[_Rule, ...]":
    wanted = {name.strip().lower() for name in names}
    there = frozenset(name for name in wanted if len(name) >= 3 and name in text.lower())
    return (_names_rule(there),) if there else ()


@lru_cache(maxsize=1024)
def _names_rule(names: frozenset[str]) -> _Rule:
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    return _Rule("name", r"(?<!\w)", rf"(?i:{longest_first})(?!\w)", "", _folded)


_RULES = (  # the most telling first: what an earlier one took, a later one does not see
    _Rule("key", "", _PEM, "PRIVATE KEY", _as_is),
    _Rule("key", "(?<![A-Za-z0-9_-])", _PREFIXED, _PREFIXED_GATE, _as_is),
    _Rule("key", "(?<![A-Za-z0-9])", _BEARER, rf"(?i)bearer[ \t]{{1,4}}{_T}{{8}}", _as_is),
    _Rule("key", "", rf"(?ai:{_ASSIGNED})({_VALUE}{{4,}}+)", rf"(?i){_ASSIGNED}{_VALUE}{{4}}", _secret),
    _Rule("key", "", _IN_URL, _EMAIL_GATE, _as_is),
    _Rule("email", r"(?<![\w.%+-])", _EMAIL, _EMAIL_GATE, _folded),
    _Rule("iban", "(?<![0-9A-Za-z])", _IBAN, _IBAN_GATE, _iban),
    _Rule("card", r"(?<![0-9A-Za-z])(?<![0-9]\.)", _CARD, _CARD_GATE, _card),
    _Rule("ip", r"(?<![0-9A-Za-z_])(?<![0-9]\.)(?<![A-Za-z]/)(?<!ersion )", _IPV4, _IPV4_GATE, _as_is),
    _Rule("ip", "(?<![0-9A-Za-z_:.])", _IPV6, _IPV6_GATE, _ipv6),
    _Rule("phone", "(?<![0-9A-Za-z_+])", _ABROAD, _ABROAD_GATE, _abroad),
    _Rule("phone", _APART, _NATIONAL, _NATIONAL_GATE, _phone),
    _Rule("phone", "(?<![A-Za-z])", _LABELLED, rf"(?i){_LABEL}[+(]?[0-9](?:{_X}{{0,6}}[0-9]){{6}}", _phone),
    _Rule(
        "name",
        r"(?<!\w)",
        f"(?ai:{_MY_NAME}|{_TITLED}){_NAME}",
        f"(?i){_MY_NAME_GATE}|{_TITLED_GATE}",
        _introduced,
    ),
    _Rule("name", r"(?<!\w)", _SPEAKING, r"(?i)this is [^\n]+ (?:speaking|calling)", _introduced),
)
