"""The model card of a merged model: what it was made of, how, and how to check it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["card"]


def card(record: Mapping[str, Any]) -> str:
    """The README.md beside the weights.

    Args:
        record: of the merge, as `Merge.carry_out` gives it.
    """
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    sources = [record["pre"], *record["aligned"]]
    yield from ("---", "library_name: transformers", "tags:", "- merge", "- aligntax", "base_model:")
    yield from (f"- {_quoted(source['name'])}" for source in sources)
    yield from ("---", "", "# Merged model", "")
    models, version = _count(len(record["aligned"])), record["aligntax"]
    yield f"Weights of a pre-alignment model and {models}, merged by aligntax {version}."
    yield from ("No measurement stands here: what the merge costs and brings has to be measured on it.", "")
    yield from _table(("", ""), _settings(record))
    if record["notes"]:
        yield from ("", "## To know", "", *(f"- {_plain(note)}" for note in record["notes"]))
    yield from ("", "## Files", "")
    yield from _table(_FILES, ((file["file"], f"{file['size']:,}", _hash(file)) for file in record["files"]))
    yield from ("", "## Sources", "")
    yield from _table(_FILES, (row for source in sources for row in _source(source)))
    yield ""
    for source, fingerprint in zip(sources, record["fingerprints"], strict=True):
        if fingerprint:
            yield f"Weights read from {_plain(source['name'])}: fingerprint `{fingerprint}`."
            yield ""
    yield "`aligntax checkpoint --verify DIR` checks the files, and prints the fingerprint of any checkpoint."


_FILES = ("file", "bytes", "hash")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _settings(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "method", f"`{record['method']}`"
    for name, value in record["settings"].items():
        yield name.replace("_", " "), _value(value)
    yield "stored as", record["dtype"]
    yield "pre-alignment", _plain(record["pre"]["name"])
    for source in record["aligned"]:
        yield "aligned", _plain(source["name"])


def _source(source: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for file in source["files"]:
        yield f"{_plain(source['name'])}: {file['file']}", f"{file['size']:,}", _hash(file)


def _hash(file: Mapping[str, str]) -> str:
    if file["sha256"]:
        return f"SHA-256 `{file['sha256']}`"
    if file["xxh3"]:
        return f"XXH3-128 `{file['xxh3']}`"
    return f"SHA-256 of the header `{file['header_sha256']}`"


def _count(models: int) -> str:
    return "an aligned one" if models == 1 else f"{models} aligned ones"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
