"""Topics of a domain, one a line."""

from pathlib import Path

from aligntax.errors import UnreadableInput

__all__ = ["read_topics"]

_LONGEST = 200


def read_topics(path: Path) -> tuple[str, ...]:
    """The topics in a file; blank lines and those that begin with # are passed over.

    Raises:
        UnreadableInput: it cannot be read, holds no topic, or one twice.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UnreadableInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text", hint="save it as UTF-8") from error
    found = dict[str, int]()
    for number, line in enumerate(text.split("\n"), start=1):
        topic = " ".join(line.split())
        if not topic or topic.startswith("#"):
            continue
        if len(topic) > _LONGEST:
            raise UnreadableInput(f"{path}:{number}: {len(topic)} characters", hint="a few words a topic")
        if topic.casefold() in map(str.casefold, found):
            raise UnreadableInput(f"{path}:{number}: {topic!r} for the second time", hint="leave one out")
        found[topic] = number
    if not found:
        raise UnreadableInput(f"{path}: no topic in it", hint="one topic a line: antidotes, wound care, ...")
    return tuple(found)
