"""A gate as JUnit XML: one test case for everything that was held.

A fail is a `failure`. What cannot be told is an `error` for a release, which it stops, and `skipped` for a
pull request, which goes on: so a server that reads the file comes to the verdict of the exit code. A finding
that was overruled passes, with its text on standard output.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from xml.etree import ElementTree

from aligntax.report.document import Document
from aligntax.report.gate_words import Held, held_entries

__all__ = ["junit_xml"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(contents: Document) -> str:
    """The document as JUnit XML.

    Args:
        contents: of `gate_document`.
    """
    held = list(held_entries(contents))
    open_as = "error" if contents["mode"] == "release" else "skipped"
    suite = ElementTree.Element("testsuite")
    counted = {"fail": "failures", "inconclusive": "errors" if open_as == "error" else "skipped"}
    numbers = {"tests": len(held), "failures": 0, "errors": 0, "skipped": 0}
    for one in held:
        if one.verdict in counted:
            numbers[counted[one.verdict]] += 1
        suite.append(_case(one, contents, open_as))
    policy = cast(Mapping[str, Any], contents["policy"])
    named = {"name": _clean(f"aligntax gate: {policy['service']}"), "time": "0"}
    for name, value in (named | {key: str(number) for key, number in numbers.items()}).items():
        suite.set(name, value)
    suite.set("timestamp", str(contents["created"]).partition("+")[0])
    suite.insert(0, _properties(contents))
    suites = ElementTree.Element("testsuites", dict(suite.attrib))
    suites.append(suite)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(one: Held, contents: Document, open_as: str) -> ElementTree.Element:
    policy = cast(Mapping[str, Any], contents["policy"])
    case = ElementTree.Element("testcase", {"classname": _clean(f"aligntax.{one.subject}"), "time": "0"})
    case.set("name", _clean(one.name))
    case.set("file", _clean(str(policy["path"])))
    case.set("line", str(one.line))
    details = "\n".join([one.sentence, *one.details])
    if one.verdict == "pass":
        ElementTree.SubElement(case, "system-out").text = _clean(details)
        return case
    kind = "failure" if one.verdict == "fail" else open_as
    made = ElementTree.SubElement(case, kind, {"message": _clean(one.sentence)})
    if kind != "skipped":
        made.set("type", one.finding or one.verdict)
    made.text = _clean(details)
    return case


def _properties(contents: Document) -> ElementTree.Element:
    made = ElementTree.Element("properties")
    run, verdict = (cast(Mapping[str, Any], contents[name]) for name in ("run", "verdict"))
    rows: Sequence[tuple[str, object]] = (
        ("verdict", verdict["verdict"]),
        ("mode", contents["mode"]),
        ("policy", cast(Mapping[str, Any], contents["policy"])["id"]),
        ("detector", f"{run['detector']} ({run['detector_version']})"),
        ("aligntax", contents["aligntax"]),
    )
    for name, value in rows:
        ElementTree.SubElement(made, "property", {"name": name, "value": _clean(str(value))})
    return made


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
