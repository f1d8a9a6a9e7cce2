r"""Personal data leaves a text before aligntax stores or prints it.

Each find becomes a placeholder such as `[email:3fa9c1]`: its kind and six hex digits of a keyed HMAC-SHA256
of the normalised value. In one run the same value has the same placeholder, so "the same customer wrote
twice" stays visible; the key is random and never stored, so nothing links two runs.

Caught: e-mail addresses; phone numbers (`+` or `00` and a country code; 3-3-4 and 3-4-4 digits; national
forms with a leading zero or an area code in brackets; any number after "phone", "call me at", ...); payment
cards whose Luhn digit holds; IBANs whose mod-97 check holds; IPv4 and IPv6 addresses; API keys, tokens, JWTs,
private keys, passwords in assignments and URLs; names people introduce themselves with or the caller passes.

Not caught: names in running text, in letter closings, or introduced in other ways or languages than English;
postal addresses and postcodes; dates of birth; national identity, tax, passport, licence and health numbers;
account numbers other than IBANs; MAC addresses; IPv6 such as `::1` and `::ffff:...`; bare national phone
numbers (`5550100199`, `612 345 678`) with no word before them that says so; numbers in words, in other than
ASCII digits or one digit at a time; secrets with no known prefix or assignment; anything spelled to evade
("bob at example dot com", base64). A version of four parts reads as an address unless "version ", `v` or
`Name/` precedes it. Redaction lowers the risk of a leak; it does not make a log anonymous.
"""

import hmac
import ipaddress
import re
import secrets
import threading
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aligntax.errors import UsageError

__all__ = ["Redactor"]

_compiled = lru_cache(maxsize=512)(re.compile)
_scanning = threading.Lock()  # a scan needs the scratch space of the database for itself
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
        gates = {
            _GATES[gate] for gate, _ in _hits(pa.py_buffer(text.encode("utf-8", "surrogatepass"))).tolist()
        }
        rules = [rule for rule in _RULES if not gates.isdisjoint(rule.gates)] + _named(names, text)
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
        suspect = pa.array(_suspects(texts))
        before = texts.filter(suspect).to_pylist()
        after = [self.text(text) for text in before]
        return (
            texts if before == after else pc.replace_with_mask(texts, suspect, pa.array(after, pa.string()))
        )

    def pseudonym(self, kind: str, value: str) -> str:
        """`value` as kind and eight hex digits, `user-3fa9c1b2`; case counts."""
        return f"{kind}-{self._digest(kind, value)[:8]}"

    def _sweep(self, text: str, rules: "list[_Rule]") -> str:
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
        before: lookbehinds on what must not stand before a find; a lookahead there only saves time.
        body: the find, or the find in group 1. It must match in time linear in the text: any unbounded
            repeat is possessive or stops at a character that starts the next try.
        gates: Hyperscan patterns on UTF-8 bytes; one of them matches wherever `body` does. No anchors, no
            word boundaries: in a column a row's first byte follows the last one of the row before.
        read: normalises a match, or turns it down.
    """

    kind: str
    before: str
    body: str
    gates: tuple[str, ...]
    read: Callable[[re.Match[str]], _Find]

    def finds(self, text: str) -> Iterator[_Find]:
        """Finds from left to right, none overlapping; what stands before a find counts no more behind it."""
        anywhere, behind = _compiled(self.before + self.body), _compiled(self.body)
        match = anywhere.search(text)
        while match:
            find = self.read(match)
            if find.value:
                yield find
            next_to_it = behind.match(text, find.end) if find.value else None
            match = next_to_it or anywhere.search(text, find.end)


@cache
def _database() -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile([gate.encode("ascii") for gate in _GATES], ids=list(range(len(_GATES))))
    return database


def _hits(data: pa.Buffer) -> NDArray[np.int64]:
    """Number of the gate in _GATES and end of the match in bytes, one row each."""
    hits = array("q")
    with _scanning:
        _database().scan(data, lambda gate, _from, to, _flags, _: hits.extend((gate, to)))
    return np.frombuffer(hits, np.int64).reshape(-1, 2)


def _suspects(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Whether a gate opens in a row; now and then one row too many, where two neighbours together open it."""
    suspects = np.zeros(len(texts), np.bool_)
    _, offsets_buffer, data = texts.buffers()
    if data is not None and len(texts):
        offsets = np.frombuffer(offsets_buffer, np.int32, len(texts) + 1, texts.offset * 4)
        last_bytes = _hits(data[offsets[0] : offsets[-1]])[:, 1] + (offsets[0] - 1)
        suspects[np.searchsorted(offsets, last_bytes, side="right") - 1] = True
    return suspects & np.asarray(texts.is_valid(), np.bool_)


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
_PREFIX_GATE = r"(?:[prs]k_(?:live|test)|gh[opsur]|github_pat|hf)_|A(?:KI|SI|Iz)[Aa]|(?:xox[a-s]|glpat)-|eyJ"
_T = "[A-Za-z0-9._~+/=-]"
_BEARER = rf"(?ai:bearer)[ \t]{{1,4}}((?=[A-Za-z._~+/=-]{{0,64}}[0-9]){_T}{{8,}}+|{_T}{{24,}}+)"
_ASSIGN = (
    r"(?:(?:api|access|secret|private|auth)[ _-]?key|secret|token|pass(?:word|wd|phrase|code)|pwd)"
    r"""["'`*]{0,3}[ \t]{0,3}(?:=>|:=|[:=]|is[ \t])[ \t*]{0,4}["'`]?"""
)
_V = r"""[^\s"'`<>\[\]{}(),;]"""
_AT = (r"[^ \t\r\n]@[0-9A-Za-z_\x80-\xff-]",)


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
_IBAN = rf"[A-Za-z]{{2}}[0-9]{{2}}(?:{_GAP}?[0-9A-Za-z]){{11,30}}"
_IBAN_GATE = r"[A-Za-z]{2}[0-9]{2}(?:[ \-\x80-\xff]{0,3}[0-9A-Za-z]){11}"
_IBAN_LENGTHS = (
    "15NO 16BE 18DK,FI,FK,FO,GL,NL,SD 19MK,SI 20AT,BA,EE,KZ,LT,LU,MN,XK 21CH,HR,LI,LV 22BG,BH,CR,DE,GB,GE,IE,"
    "ME,RS,VA 23AE,GI,IL,IQ,OM,SO,TL 24AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG 25LY,PT,ST 26IS,TR 27BI,DJ,FR,GR,IT,"
    "MC,MR,SM 28AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV 29BR,EG,PS,QA,UA 30JO,KW,MU,YE 31MT,SC 32LC 33RU"
)


def _heads(match: re.Match[str], *lengths: int) -> Iterator[str]:
    """The match up to its `length`-th letter or digit, where no word or decimal goes on behind that."""
    ends = [char.end() for char in re.finditer("[0-9A-Za-z]", match.group())]
    for end in (match.start() + ends[length - 1] for length in lengths if length <= len(ends)):
        if not re.match(r"[0-9A-Za-z]|\.[0-9]", match.string[end : end + 2]):
            yield match.string[match.start() : end]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _card(match: re.Match[str]) -> _Find:
    for shown in _heads(match, 16, 15, 14, 19, 13, 18, 17):  # commonest first: more digits may follow
        groups = re.split(_GAP, shown)
        if _luhn("".join(groups)) and min(map(len, groups[:-1]), default=4) >= 3:
            return _Find(match.start(), match.start() + len(shown), "".join(groups))
    return _nothing(match)


def _iban(match: re.Match[str]) -> _Find:
    length = re.search(rf"([0-9]+)[A-Z,]*{match[0][:2].upper()}", _IBAN_LENGTHS)
    shown = next(_heads(match, int(length[1])), "") if length else ""
    value = re.sub(_GAP, "", shown).upper()
    if value and int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1:
        return _Find(match.start(), match.start() + len(shown), value)
    return _nothing(match)


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z_]|\.[0-9])"
_IPV4_GATE = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
_IPV6 = r"[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){1,7}(?:::)?(?![0-9A-Za-z_]|\.[0-9])"
_IPV6_GATES = (r"[0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{1,4}){0,6}::", r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]")


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
_X = r"[ .()/\-\x80-\xff]"  # a byte of what may stand between two digits; a gap is one to six of them
_DIGITS = (rf"[0-9](?:{_X}{{0,6}}[0-9]){{8}}",)
_APART = r"(?=[(0-9])(?<![0-9A-Za-z_+])(?<![0-9][.,:/-])"
_ABROAD = rf"(?:\+|00{_S}?)[1-9](?:{_SS}[0-9]){{8,14}}(?![0-9])"
_NATIONAL = (
    rf"(?:(?:1{_S})?(?:\([1-9][0-9]{{2}}\){_S}?|[1-9][0-9]{{2}}[.\u2010-\u2013-])[0-9]{{3}}{_S}[0-9]{{4}}(?![.-][0-9])"
    rf"|(?<![0-9] )(?:1 )?[1-9][0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{4}}(?![ .-][0-9])"
    rf"|(?<![0-9] )1[3-9][0-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}(?![ .-][0-9])"
    rf"|(?<![0-9] )\((?:0[0-9]{{1,4}}|[1-9][0-9]{{1,2}})\){_S}?[0-9]{{3,5}}{_S}[0-9]{{3,4}}"
    rf"|(?<![0-9]{_S})0[1-9](?:{_S}[0-9]{{2}}){{4}}(?!{_S}[0-9]{{2}}(?![0-9]))|0[1-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}"
    rf"|0[1-9][0-9]{{1,4}}\)?(?:{_S}| ?/ ?)[0-9]{{3,8}}(?:{_S}[0-9]{{2,5}}){{0,3}})(?![0-9])"
)
_LABEL = (
    r"(?:(?:tele|cell)?phone|tel|mobile|cell|fax|whatsapp|call|ring|dial|sms)"
    r"(?:[ .:*#-]{1,3}(?:number|no|me|us|at|on|is)){0,3}[ .:*#=-]{0,4}"
)
_LABELLED = rf"(?ai:{_LABEL})([+(]?[0-9](?:{_SS}[0-9]){{6,14}})(?![0-9])"
_LABELLED_GATE = rf"(?i){_LABEL}[+(]?[0-9](?:{_X}{{0,6}}[0-9]){{6}}"
_YEARS = r"(?:19|20)[0-9]{2}[^0-9](?:[01]?[0-9][^0-9]|(?:19|20)[0-9]{2}(?![0-9]))"


def _phone(match: re.Match[str]) -> _Find:
    start, _, shown = _as_is(match)
    digits = re.sub("[^0-9]", "", shown)
    limit = 12 if re.match("0[1-9]", shown) else 15
    while (last := re.search("[^0-9]+([0-9]+)$", shown)) and (
        len(digits) > limit or (len(digits) >= 14 and re.fullmatch("(?:19|20)[0-9]{2}", last[1]))
    ):  # a year or a count behind the number
        shown, digits = shown[: last.start()], digits[: -len(last[1])]
    bits = not digits.strip("01")
    if bits or len(digits) < (7 if match.re.groups else 9) or re.match(_YEARS, shown):
        return _nothing(match)
    return _Find(start, start + len(shown), digits.removeprefix("00"))


def _abroad(match: re.Match[str]) -> _Find:
    groups = re.findall("[0-9]+", match.group())
    plain_id = match.group()[0] == "0" and len(groups) < 3
    price = re.fullmatch(r"\+[0-9]{1,3}(?:\.[0-9]{3})+", match.group())
    return _nothing(match) if plain_id or price or min(map(len, groups[2:]), default=2) < 2 else _phone(match)


_WORD = r"(?:[^\W\d_]\.|[^\W\d_][\w'\u2019-]*+)"
_NAME = rf"({_WORD}(?: {_WORD}){{0,3}})"
_TITLE = r"(?:dr|mr|mrs|ms|mx|prof|professor|doctor)"
_INTRODUCTION = (
    rf"(?ai:(?:my name(?: is|['\u2019]s)|i(?: am|['\u2019]?m) called)[ :*_]{{1,4}}(?:{_TITLE}\.? )?"
    rf"|(?:this is|i am|i['\u2019]m) {_TITLE}\.? ){_NAME}"
)
_INTRODUCTION_GATES = (
    r"(?i)my name(?: is|'s|\xe2\x80\x99s)",
    r"(?i)i(?: am|'?m|\xe2\x80\x99m) called",
    rf"(?i)(?:this is|i am|i'm|i\xe2\x80\x99m) {_TITLE}[. ]",
)
_SPEAKING = rf"(?ai:this is ){_NAME}(?ai: speaking| calling)(?!\w)"
_PARTICLE = "al|bin|da|de|del|den|der|di|dos|du|el|la|le|ten|ter|van|von|y"
_NO_NAME = (
    "(?i)an?|all|and|as|at|being|both|for|from|hidden|his|her|important|in|irrelevant|it|just|known|listed|my|none|"
    "not?|null|off?|on|or|our|private|secret|so|spel(led|t)|still|taken|that|the|their|too?|unknown|what|wrong|your"
)


def _introduced(match: re.Match[str]) -> _Find:
    words = match.group(1).split(" ")
    kept = next((count for count, word in enumerate(words) if not _name_like(word)), len(words))
    while kept and re.fullmatch(_PARTICLE, words[kept - 1]):
        kept -= 1
    kept = kept or int(match.group()[:7].lower() == "my name")  # people who chat skip capitals
    if not kept or re.fullmatch(_NO_NAME, words[0]):
        return _nothing(match)
    shown = " ".join(words[:kept])
    return _Find(match.start(1), match.start(1) + len(shown), shown.casefold())


def _name_like(word: str) -> bool:
    return bool(re.fullmatch(_PARTICLE, word)) or (not word[0].islower() and word != "I")


def _named(names: Collection[str], text: str) -> list[_Rule]:
    wanted = {name.strip().lower() for name in names}
    there = [name for name in wanted if len(name) >= 3 and name in text.lower()]
    longest_first = "|".join(re.escape(name) for name in sorted(there, key=lambda name: (-len(name), name)))
    return [_Rule("name", r"(?<!\w)", rf"(?i:{longest_first})(?!\w)", (), _folded)] if there else []


_RULES = (  # the most telling first: what an earlier one took, a later one does not see
    _Rule("key", "", _PEM, ("PRIVATE KEY",), _as_is),
    _Rule("key", "(?<![A-Za-z0-9_-])", _PREFIXED, (r"sk-[\w-]{16}", _PREFIX_GATE), _as_is),
    _Rule("key", "(?<![A-Za-z0-9])", _BEARER, (rf"(?i)bearer[ \t]{{1,4}}{_T}{{8}}",), _as_is),
    _Rule("key", "(?=[aAsStTpP])", rf"(?ai:{_ASSIGN})({_V}{{4,}}+)", (rf"(?i){_ASSIGN}{_V}{{4}}",), _secret),
    _Rule("key", "", r"://[^\s/:@]{1,64}:([^\s/@]{1,128})@(?=\w)", _AT, _as_is),
    _Rule("email", r"(?<![\w.%+-])", r"[\w.%+-]++@(?:[\w-]++\.)+[^\W\d_]{2,24}", _AT, _folded),
    _Rule("iban", "(?<![0-9A-Za-z])", _IBAN, (_IBAN_GATE,), _iban),
    _Rule("card", r"(?<![0-9A-Za-z])(?<![0-9]\.)", _CARD, _DIGITS, _card),
    _Rule("ip", r"(?<![0-9A-Za-z_])(?<![0-9]\.)(?<![A-Za-z]/)(?<!ersion )", _IPV4, (_IPV4_GATE,), _as_is),
    _Rule("ip", "(?<![0-9A-Za-z_:.])", _IPV6, _IPV6_GATES, _ipv6),
    _Rule("phone", "(?<![0-9A-Za-z_+])", _ABROAD, _DIGITS, _abroad),
    _Rule("phone", _APART, _NATIONAL, _DIGITS, _phone),
    _Rule("phone", "(?<![A-Za-z])", _LABELLED, (_LABELLED_GATE,), _phone),
    _Rule("name", r"(?<!\w)", _INTRODUCTION, _INTRODUCTION_GATES, _introduced),
    _Rule("name", r"(?<!\w)", _SPEAKING, (r"(?i)this is [^\n]+ (?:speaking|calling)",), _introduced),
)
_GATES = tuple(dict.fromkeys(gate for rule in _RULES for gate in rule.gates))
