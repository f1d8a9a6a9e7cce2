"""A gate as SARIF 2.1.0: a rule for each budget, a result for each slice that does not pass.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

import hashlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, cast
from urllib.parse import quote

from aligntax.report.document import Document
from aligntax.report.gate_words import Held, held_entries

__all__ = ["gate_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"pass": "note", "fail": "error", "inconclusive": "warning"}
_KINDS = {"pass": "pass", "fail": "fail", "inconclusive": "review"}


def gate_sarif(contents: Document) -> dict[str, object]:
    """The document as a SARIF log of one run.

    Args:
        contents: of `gate_document`.
    """
    held = list(held_entries(contents))
    rules = dict[str, dict[str, object]]()
    for one in held:
        rules.setdefault(_rule_id(one), _rule(one))
    order = {name: at for at, name in enumerate(rules)}
    path = str(cast(Mapping[str, Any], contents["policy"])["path"])
    wanted = [one for one in held if one.verdict != "pass" or one.finding]
    driver = {
        "name": "aligntax",
        "semanticVersion": str(contents["aligntax"]),
        "rules": list(rules.values()),
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": cast(Mapping[str, Any], contents["verdict"])["exit_code"],
                "endTimeUtc": str(contents["created"]).replace("+00:00", "Z"),
            }
        ],
        "results": [_result(one, path, order[_rule_id(one)], str(contents["mode"])) for one in wanted],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule_id(one: Held) -> str:
    """Of a budget, whatever the slice; of a finding, by its name."""
    if one.kind == "finding":
        return f"aligntax/{one.name}"
    return f"aligntax/{one.subject}/{one.name.partition(',')[0] if one.kind == 'budget' else one.kind}"


def _rule(one: Held) -> dict[str, object]:
    if one.kind == "finding":
        text = one.reason.partition(":")[0]
    else:
        text = f"{one.subject}: {_rule_id(one).rpartition('/')[2]} {one.limit}"
    return {
        "id": _rule_id(one),
        "name": "".join(part.capitalize() for part in one.kind.split()) + "Held",
        "shortDescription": {"text": text},
        "defaultConfiguration": {"level": "error" if one.kind != "finding" else "warning"},
    }


def _result(one: Held, path: str, rule: int, mode: str) -> dict[str, object]:
    kind = _KINDS[one.verdict]
    stops = one.verdict == "inconclusive" and mode == "release"
    # a kind other than "fail" is to have no level but "none"
    level = ("error" if stops else _LEVELS[one.verdict]) if kind == "fail" or stops else "none"
    return {
        "ruleId": _rule_id(one),
        "ruleIndex": rule,
        "kind": "fail" if stops else kind,
        "level": level,
        "message": {"text": "\n".join([one.sentence, *one.details])},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(path)},
                    "region": {"startLine": max(1, one.line)},
                }
            }
        ],
        "partialFingerprints": {"aligntaxSlice/v1": hashlib.sha256(one.id.encode()).hexdigest()[:32]},
    }


def _uri(path: str) -> str:
    """A path as a URI reference, with forward slashes."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
