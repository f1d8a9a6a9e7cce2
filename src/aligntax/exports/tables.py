"""Figures as a Parquet file of the MEASUREMENT schema, or as JSON lines; where they come from in each."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aligntax.errors import UnwritableOutput
from aligntax.exports.exported import Exported
from aligntax.exports.written import Written, save_text
from aligntax.records import MEASUREMENT
from aligntax.records.files import atomic

__all__ = ["json_lines", "table", "write_json_lines", "write_parquet"]


def table(exported: Exported) -> pa.Table:
    """A row a figure; the schema's metadata tells where they come from."""
    rows = [asdict(one) | asdict(one.estimate) for one in exported.figures]
    for row in rows:
        row["slice"] = list(row["slice"].items())
    columns = {name: [row[name] for row in rows] for name in MEASUREMENT.names}
    about = {f"aligntax.{name}": text for name, text in exported.provenance.items()}
    return pa.table(columns, schema=MEASUREMENT.with_metadata(about))


def write_parquet(exported: Exported, out: Path) -> Written:
    """Writes all figures, of past periods and not known too."""
    try:
        with atomic(out) as part:
            pq.write_table(table(exported), part, compression="zstd")
    except OSError as error:
        raise UnwritableOutput(
            f"{out}: cannot be written: {error.strerror or error}", hint="--out"
        ) from error
    return Written(figures=len(exported.figures), files=[out])


def json_lines(exported: Exported) -> str:
    """A line a figure, with where it comes from."""
    about = exported.provenance
    lines = list[str]()
    for one in exported.figures:
        ends = {name: getattr(one.estimate, name) for name in ("value", "low", "high")}
        finite = {name: end if math.isfinite(end) else None for name, end in ends.items()}
        row = {key: value for key, value in asdict(one).items() if key != "estimate"}
        row |= asdict(one.estimate) | finite | {"provenance": about}
        lines.append(json.dumps(row, ensure_ascii=False, allow_nan=False))
    return "".join(f"{line}\n" for line in lines)


def write_json_lines(exported: Exported, out: Path) -> Written:
    """Writes all figures as JSON lines."""
    files = save_text({out: json_lines(exported)})
    return Written(figures=len(exported.figures), files=files)
