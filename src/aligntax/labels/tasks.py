"""What an annotator is shown, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aligntax.errors import UnreadableInput
from aligntax.labels.policy import POLICY_VERSION

__all__ = ["Answer", "Task", "answer"]

_YES, _NO = ("yes", "true", "1", "x", "y"), ("", "no", "false", "0", "n")
_NAMES = {
    "exchange": ("exchange_id", "id"),
    "outcome": ("outcome", "label"),
    "annotator": ("annotator",),
    "time": ("time", "updated_at", "created_at"),
    "note": ("note", "comment"),
    "adjudicated": ("adjudicated",),
    "policy_version": ("policy_version",),
}
"""What is read -> the names it may go by, first come, first taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One exchange as an annotator sees it: nothing a detector said, no model, no stratum.

    Attributes:
        key: of the exchange.
        texts: use_case, prompt, response, and finish_reason (the provider's word for why the response
            ended, without which an empty response cannot be judged); None where no log was given.
        given: labels to settle, each with its note, in an order that tells nothing of who gave them;
            empty but for an adjudication.
        policy_version: of the labelling policy to follow.
    """

    key: str
    texts: Mapping[str, str] | None = None
    given: tuple[str, ...] = ()
    policy_version: str = POLICY_VERSION

    def row(self) -> dict[str, str]:
        """Everything to show, then what to fill in."""
        row = {"exchange_id": self.key, **(self.texts or {})}
        if self.given:
            row["labels_given"] = "\n".join(self.given)
        row |= {"outcome": "", "note": "", "annotator": ""}
        if self.given:
            row["adjudicated"] = "yes"
        return row | {"policy_version": self.policy_version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one exchange, not yet checked.

    Attributes:
        key: of the exchange.
        outcome: the annotator's word, "" where nothing was filled in.
        place: file and line, for messages.
        source: name of the file without its ending, which stands in where no annotator is named.
        annotator: "" where the file does not say.
        time: UTC, without zone; None where the file does not say.
        note: the annotator's remark.
        adjudicated: whether the file marks it as settling a disagreement.
        policy_version: "" where the file does not say.
        cancelled: whether the annotator skipped the exchange.
    """

    key: str
    outcome: str
    place: str
    source: str = ""
    annotator: str = ""
    time: datetime | None = None
    note: str = ""
    adjudicated: bool = False
    policy_version: str = ""
    cancelled: bool = False


def answer(row: Mapping[str, object], place: str) -> Answer:
    """An answer out of a row of named values.

    Args:
        row: name -> value; names not known are passed over.
        place: file and line.

    Raises:
        UnreadableInput: the row names no exchange, or a value makes no sense.
    """
    said = {what: _first(row, names) for what, names in _NAMES.items()}
    if not said["exchange"]:
        raise UnreadableInput(
            f"{place}: it does not say which exchange it labels", hint="keep the column exchange_id"
        )
    if not _is_text(said["exchange"]):
        hint = "write the id as the log does, in UTF-8"
        raise UnreadableInput(f"{place}: the id of its exchange is not text", hint=hint)
    marked = said["adjudicated"].strip().lower()
    if marked not in _YES + _NO:
        raise UnreadableInput(f"{place}: adjudicated is {marked!r}", hint="yes, no or empty")
    return Answer(
        key=said["exchange"],
        outcome=said["outcome"].strip(),
        place=place,
        annotator=_text(said["annotator"]).strip(),
        time=_time(said["time"], place),
        note=_text(said["note"]),
        adjudicated=marked in _YES,
        policy_version=_text(said["policy_version"]).strip(),
    )


def _time(text: str, place: str) -> datetime | None:
    """A time in ISO 8601 as UTC without zone; one without zone is taken for UTC.

    Raises:
        UnreadableInput: it is no such time.
    """
    if not text.strip():
        return None
    try:
        time = datetime.fromisoformat(text.strip())
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError) as error:
        hint = "write it like 2026-10-05T14:30:00Z, or leave it empty"
        raise UnreadableInput(f"{place}: {text!r} is not a time", hint=hint) from error


def _is_text(text: str) -> bool:
    """Whether UTF-8 can say it: JSON can hold halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _first(row: Mapping[str, object], names: tuple[str, ...]) -> str:
    values = (row.get(name) for name in names)
    return next((str(value) for value in values if value is not None and value != ""), "")
