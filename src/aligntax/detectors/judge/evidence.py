"""Where the words a judge quotes stand in the response, if they do."""

__all__ = ["locate"]

_PAIRS = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u00ab": "\u00bb",
    "\u300c": "\u300d",
}
_STRAIGHT = str.maketrans("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f", "''''\"\"\"\"")
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
"""Characters a model does not repeat when it copies: soft hyphens, joiners, direction marks."""


def locate(quoted: str, response: str) -> tuple[int, int] | None:
    """Start and end (exclusive) of a quotation in a response, in characters; None where it is not there.

    Runs of white space count as one space, typographic quotation marks as straight ones, and characters
    without width as nothing. All else must agree letter by letter. One pair of marks around the whole
    quotation is taken away where it is not found with them.
    """
    folded, places = _folded(response)
    for candidate in (quoted, _unquoted(quoted)):
        wanted = _folded(candidate)[0].strip(" ")
        at = folded.find(wanted) if wanted else -1
        if at >= 0:
            return places[at], places[at + len(wanted) - 1] + 1
    return None


def _unquoted(text: str) -> str:
    text = text.strip()
    paired = len(text) >= 2 and _PAIRS.get(text[0]) == text[-1]
    return text[1:-1] if paired else text


def _folded(text: str) -> tuple[str, list[int]]:
    """A text as it is compared, and where each of its characters came from."""
    kept: list[str] = []
    places: list[int] = []
    for at, char in enumerate(text):
        if char in _INVISIBLE:
            continue
        space = char.isspace()
        if space and kept and kept[-1] == " ":
            continue
        kept.append(" " if space else char)
        places.append(at)
    return "".join(kept).translate(_STRAIGHT), places
