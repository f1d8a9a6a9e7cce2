"""Inspect logs: one exchange a sample, its own zip archive or JSON file unpacked to JSON lines first."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from aligntax.errors import UnreadableInput
from aligntax.traffic.formats.fragments import (
    MESSAGES,
    joined,
    kind_sql,
    let,
    messages_from,
    prompt_sql,
    refusal_code_in,
    struct,
    system_sql,
    text_sql,
)
from aligntax.traffic.formats.json_format import JsonFormat, any_record
from aligntax.traffic.projection import json_text, timestamp_sql

__all__ = ["INSPECT", "samples_of", "unpack"]

_ZSTANDARD = 93
_LOCAL_HEADER = 30  # bytes, before the file name and the extra field
_KEPT = (
    *("id", "epoch", "uuid", "input", "messages", "output", "metadata"),
    *("error", "started_at", "completed_at"),
)
"""Fields of a sample that are read; its events may be a thousand times as long."""


def unpack(path: Path) -> Iterator[bytes]:
    """One compact JSON line a sample, with the model and the task of the evaluation.

    Args:
        path: an Inspect log, `.eval` (a zip archive) or JSON.

    Raises:
        UnreadableInput: it is neither, or damaged.
    """
    try:
        for header, sample in samples_of(path):
            yield _line(header, sample)
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError, zipfile.BadZipFile) as error:
        hint = "`inspect log convert --to json` writes a log that can be read"
        raise UnreadableInput(f"{path}: not a readable Inspect log: {error}", hint=hint) from error


def samples_of(path: Path) -> Iterator[tuple[Any, Any]]:
    """Header and sample, one after the other, of an archive or a JSON log; errors are Python's own."""
    return _from_zip(path) if zipfile.is_zipfile(path) else _from_json(path)


def _from_zip(path: Path) -> Iterator[tuple[Any, Any]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        header = json.loads(_member(archive, archive.getinfo("header.json")))
        for member in members:
            if member.filename.startswith("samples/") and member.filename.endswith(".json"):
                yield header, json.loads(_member(archive, member))


def _from_json(path: Path) -> Iterator[tuple[Any, Any]]:
    log = json.loads(path.read_bytes())
    for sample in log["samples"] or ():
        yield log, sample


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes. Inspect compresses by Zstandard, which zipfile knows from Python 3.14 on."""
    if member.compress_type != _ZSTANDARD:
        return archive.read(member)
    file = archive.fp
    if file is None:
        raise ValueError("the archive is closed")
    file.seek(member.header_offset)
    local = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little"), 1)
    packed = pa.BufferReader(file.read(member.compress_size))
    return bytes(pa.CompressedInputStream(packed, "zstd").read())


def _line(header: Mapping[str, Any], sample: Mapping[str, Any]) -> bytes:
    about = {"eval_model": header["eval"]["model"], "eval_task": header["eval"]["task"]}
    kept = {key: sample[key] for key in _KEPT if sample.get(key) is not None}
    return json.dumps(about | kept, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


OUTPUT = {
    "model": "VARCHAR",
    "choices": "STRUCT(message STRUCT(content JSON, tool_calls STRUCT(id VARCHAR)[]), "
    "stop_reason VARCHAR, stop_details STRUCT(category VARCHAR))[]",
    "usage": "STRUCT(input_tokens DOUBLE, output_tokens DOUBLE, total_cost DOUBLE)",
}
CHOICE = '"output".choices[1]'
CONTENT = f"{CHOICE}.message.content"
TEXT = f"nullif({text_sql(CONTENT)}, '')"  # Inspect writes "" where the provider sent none
REFUSAL_SCHEMA = '[{"text":"VARCHAR","refusal":"BOOLEAN"}]'
REFUSED = f"[b.text for b in from_json({CONTENT}, '{REFUSAL_SCHEMA}') if b.refusal]"
ERROR = f"CASE WHEN error IS NOT NULL THEN coalesce({refusal_code_in('error.message')}, 'error') END"
INPUT = '"input"'
IN_MESSAGES = let(messages_from(INPUT), prompt_sql("it"))
ASKED = f"CASE WHEN starts_with({INPUT}, '[') THEN {IN_MESSAGES} ELSE {json_text(INPUT)} END"


def _is_sample(record: Mapping[str, object]) -> bool:
    return {"eval_model", "eval_task", "id", "epoch"} <= record.keys()


INSPECT = JsonFormat(
    name="inspect",
    describes="Inspect evaluation logs (.eval)",
    columns={
        "eval_model": "VARCHAR",
        "eval_task": "VARCHAR",
        "id": "VARCHAR",
        "epoch": "BIGINT",
        "uuid": "VARCHAR",
        "input": "JSON",
        "messages": MESSAGES,
        "output": struct(OUTPUT),
        "metadata": "STRUCT(use_case VARCHAR, feature VARCHAR, route VARCHAR, task VARCHAR)",
        "error": "STRUCT(message VARCHAR)",
        "started_at": "VARCHAR",
        "completed_at": "VARCHAR",
    },
    projection={
        "id": "coalesce(uuid, id || '_epoch_' || epoch)",
        "use_case": "coalesce(metadata.use_case, metadata.feature, metadata.route, metadata.task, eval_task)",
        "cluster": "id",  # epochs repeat a sample
        "time": timestamp_sql("coalesce(completed_at, started_at)"),
        "system": system_sql("messages"),
        "prompt": f"coalesce({prompt_sql('messages')}, {ASKED})",
        "response": TEXT,
        "kind": kind_sql(ERROR, f"len({CHOICE}.message.tool_calls) > 0", f"{TEXT} IS NOT NULL"),
        "finish_reason": f"{CHOICE}.stop_reason",
        "refusal_text": f"CASE WHEN contains({CONTENT}, '\"refusal\":true') THEN {joined(REFUSED)} END",
        "block_reason": f"{CHOICE}.stop_details.category",
        "error_code": ERROR,
        "model_requested": "regexp_replace(eval_model, '^[^/]*/', '')",  # "openai/gpt-4o": provider, model
        "model_served": "nullif(\"output\".model, '')",
        "tokens_in": '"output".usage.input_tokens',
        "tokens_out": '"output".usage.output_tokens',
        "cost": '"output".usage.total_cost',
    },
    required='id IS NOT NULL AND ("output".choices IS NOT NULL OR error IS NOT NULL)',
    missing="id, or output.choices and error",
    recogniser=any_record(_is_sample),
)
