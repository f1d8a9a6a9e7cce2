"""Mistakes in a policy, told by file, line, key, cause and remedy, all at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from aligntax.errors import UnreadableInput
from aligntax.policy.lines import Path, line_of
from aligntax.policy.model import Policy

__all__ = ["Mistake", "UnreadablePolicy", "dotted", "mistake_of"]

_SHOWN = 60
_NAMED_BY = ("name", "component")  # what tells the entries of a list apart


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a policy.

    Attributes:
        line: counted from 1; of the table around it where the key is missing.
        key: where, as in `use_case[2] "medical".budget[1] "hedged".limit`; places are counted from 1.
        cause: what is wrong.
        remedy: what to change.
    """

    line: int
    key: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.key}" if self.key else f"line {self.line}"
        return f"{where}: {self.cause}"


class UnreadablePolicy(UnreadableInput):
    """A policy that cannot be used.

    Attributes:
        mistakes: everything that is wrong with it, in the order of the file.
    """

    def __init__(self, where: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda one: one.line))
        if len(self.mistakes) == 1:
            [only] = self.mistakes
            super().__init__(f"{where}, {only}", hint=only.remedy)
            return
        listed = "".join(f"\n  {one}; {one.remedy}" for one in self.mistakes)
        super().__init__(f"{where}: {len(self.mistakes)} mistakes{listed}", hint="mend them and try again")


def dotted(path: Path, data: object) -> str:
    """A path for a person: places counted from 1, each with the name of what stands there.

    Args:
        path: places counted from 0.
        data: the policy as read from TOML, for the names.
    """
    text = ""
    for step in path:
        data = _within(data, step)
        if isinstance(step, int):
            text += f"[{step + 1}]{_name(data)}"
        else:
            text += ("." if text else "") + (step if step.replace("_", "").isalnum() else f'"{_short(step)}"')
    return text


def _within(data: object, step: str | int) -> object:
    if isinstance(step, int):
        return data[step] if isinstance(data, list | tuple) and step < len(data) else None
    return data.get(step) if isinstance(data, Mapping) else None


def _name(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return ""
    name = next((entry[key] for key in _NAMED_BY if isinstance(entry.get(key), str)), "")
    return f' "{_short(name)}"' if name else ""


def _short(text: str) -> str:
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def mistake_of(error: ErrorDetails, data: object, lines: Mapping[Path, int]) -> Mistake:
    """A pydantic error as a mistake of the file."""
    path: Path = tuple(error["loc"])
    cause, remedy = _words(error, path)
    return Mistake(line_of(lines, path), dotted(path, data), cause, remedy)


Words = tuple[str, str]


def _words(error: ErrorDetails, path: Path) -> Words:
    told = _TOLD.get(error["type"])
    if told is not None:
        return told(error, path)
    if error["type"].startswith("url_"):
        return f"{_given(error)} is no web address", "it begins with https:// or http://"
    message = error["msg"]
    return f"{_given(error)}: {message[:1].lower()}{message[1:]}", "see docs/policy.md"


def _given(error: ErrorDetails) -> str:
    return _short(repr(error["input"]))


def _missing(error: ErrorDetails, path: Path) -> Words:
    described = _described(path)
    return "it is missing", f"add {path[-1]}" + (f": {described}" if described else "")


def _unknown_key(error: ErrorDetails, path: Path) -> Words:
    keys = list(_model(path[:-1]).model_fields)
    near = get_close_matches(str(path[-1]), keys, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(keys)}"
    return "there is no such key here", remedy


def _not_among(error: ErrorDetails, path: Path) -> Words:
    expected = str(_context(error).get("expected", ""))
    choices = [one.strip("'") for one in expected.replace(" or ", ", ").split(", ")]
    near = get_close_matches(str(error["input"]), choices, n=1)
    return (
        f"{_given(error)} is not {expected}",
        f"did you mean {near[0]!r}?" if near else "write one of them",
    )


def _window(error: ErrorDetails, path: Path) -> Words:
    return f"{_given(error)} is no window of time", "a number and h, d or w: 24h, 28d, 4w"


def _no_list(error: ErrorDetails, path: Path) -> Words:
    if isinstance(error["input"], Mapping):
        return (
            "it is one table where a list of them is needed",
            f"write [[{_header(path)}]], in double brackets",
        )
    return f"{_given(error)} is one value where a list is needed", f"write {path[-1]} = [...], in brackets"


def _no_table(error: ErrorDetails, path: Path) -> Words:
    return f"{_given(error)} is no table", f"write [{_header(path)}], in single brackets, and its keys below"


def _no_number(error: ErrorDetails, path: Path) -> Words:
    return f"{_given(error)} is no number", "a number stands without quotes: 0.03"


def _contradiction(error: ErrorDetails, path: Path) -> Words:
    return str(_context(error)["cause"]), str(_context(error)["remedy"])


def _value(error: ErrorDetails, path: Path) -> Words:
    return str(_context(error)["error"]), "see docs/policy.md"


def _fixed(cause: str, remedy: str) -> Callable[[ErrorDetails, Path], Words]:
    """Words with the error's own numbers in them."""
    return lambda error, path: (
        cause.format(given=_given(error), **_context(error)),
        remedy.format(**_context(error)),
    )


def _context(error: ErrorDetails) -> dict[str, Any]:
    return error.get("ctx", {})


_TOLD: Mapping[str, Callable[[ErrorDetails, Path], Words]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _not_among,
    "string_pattern_mismatch": _window,
    "tuple_type": _no_list,
    "model_type": _no_table,
    "dict_type": _no_table,
    "float_type": _no_number,
    "int_type": _no_number,
    "contradiction": _contradiction,
    "value_error": _value,
    "bool_type": _fixed("{given} is neither true nor false", "write true or false, without quotes"),
    "string_type": _fixed("{given} is no text", "text stands in quotes"),
    "string_too_short": _fixed("it is empty", "write something, or leave the key out"),
    "string_too_long": _fixed("it is longer than {max_length} characters", "shorten it"),
    "greater_than": _fixed("{given} is not above {gt:g}", "rates are shares: 3 % is 0.03"),
    "greater_than_equal": _fixed("{given} is below {ge:g}", "write {ge:g} or more"),
    "less_than": _fixed("{given} is not below {lt:g}", "rates are shares: 3 % is 0.03"),
    "finite_number": _fixed("{given} is no finite number", "write a number"),
    "too_short": _fixed("it is empty", "add one entry at least"),
}


def _header(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str))


def _model(path: Path) -> type[BaseModel]:
    """The class a table at a path is of."""
    found: type[BaseModel] = Policy
    for step in path:
        if isinstance(step, str) and step in found.model_fields:
            found = _models_in(found.model_fields[step].annotation) or found
    return found


def _models_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _models_in(one))), None)


def _described(path: Path) -> str:
    field = _model(path[:-1]).model_fields.get(str(path[-1]))
    return (field.description or "") if field else ""
