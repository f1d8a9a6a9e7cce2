"""The model card of a merged model: what it was made of, how, and how to check it."""

from collections.abc import Iterator, Mapping
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
    yield from ("| | |", "| --- | --- |")
    yield f"| method | `{record['method']}` |"
    for name, value in record["settings"].items():
        yield f"| {name.replace('_', ' ')} | {_value(value)} |"
    yield f"| stored as | {record['dtype']} |"
    yield f"| pre-alignment | {_plain(record['pre']['name'])} |"
    for source in record["aligned"]:
        yield f"| aligned | {_plain(source['name'])} |"
    if record["notes"]:
        yield from ("", "## To know", "")
        yield from (f"- {_plain(note)}" for note in record["notes"])
    yield from ("", "## Files", "", "| file | bytes | SHA-256 |", "| --- | ---: | --- |")
    for file in record["files"]:
        yield f"| {file['file']} | {file['size']:,} | `{file['sha256']}` |"
    yield from ("", "## Sources", "", "| file | bytes | SHA-256 |", "| --- | ---: | --- |")
    for source in sources:
        for file in source["files"]:
            sha256 = f"`{file['sha256']}`" if file["sha256"] else f"of the header: `{file['header_sha256']}`"
            yield f"| {_plain(source['name'])}: {file['file']} | {file['size']:,} | {sha256} |"


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
