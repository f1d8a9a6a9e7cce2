"""Long text in pieces, so that a browser lays out only those that are seen."""

__all__ = ["pieces"]

_MOST = 4000


def pieces(text: str, most: int = _MOST) -> list[str]:
    """A text cut where lines end, each piece to stand on lines of its own.

    A line that is too long for one piece is cut at a space, or where there is none, anywhere.

    Args:
        text: any.
        most: characters of a piece.
    """
    if len(text) <= most:
        return [text]
    cut, at = list[str](), 0
    while len(text) - at > most:
        end = text.rfind("\n", at, at + most)
        if end >= at:
            cut.append(text[at:end])
            at = end + 1  # the break between pieces is this newline
            continue
        space = text.rfind(" ", at + most // 2, at + most)
        end = space + 1 if space >= 0 else at + most
        cut.append(text[at:end])
        at = end
    return [*cut, text[at:]]
