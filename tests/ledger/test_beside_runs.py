"""Policies, verdicts, marks, labels: what is said of runs, and by whom."""

import datetime as dt

import pytest

from aligntax.errors import UnreadableInput, UsageError
from aligntax.ledger import Ledger
from aligntax.ledger.keys import content_hash
from aligntax.ledger.labels import add_labels, labels
from aligntax.ledger.marks import add_mark, marks
from aligntax.ledger.policies import approve, keep_policy, policies, policy_text
from aligntax.ledger.record import record
from aligntax.ledger.verdicts import keep_verdict, verdict_document, verdicts
from aligntax.records import Label
from ledger_worlds import NOON, bill


def test_a_policy_and_who_approved_it(ledger: Ledger) -> None:
    """Every change is kept; going back to an earlier text is one more, and waits for its own approval."""
    first = keep_policy(ledger, "version = 1\n", author="owner", note="start")
    assert keep_policy(ledger, "version = 1\n", author="other") == first == content_hash("version = 1\n")
    approve(ledger, first, by="approver")
    approve(ledger, first, by="somebody later")
    second = keep_policy(ledger, "version = 1 # stricter\n", author="owner")
    assert keep_policy(ledger, "version = 1\n") == first
    told = policies(ledger)
    assert [(one.id, one.previous, one.approved_by) for one in told] == [
        (first, second, None),
        (second, first, None),
        (first, None, "approver"),
    ]
    assert policies(ledger, limit=1) == told[:1]
    approve(ledger, first, by="approver")
    assert policies(ledger)[0].approved is not None
    assert policy_text(ledger, second) == "version = 1 # stricter\n"
    for call in (lambda: approve(ledger, "none", by="x"), lambda: policy_text(ledger, "none")):
        with pytest.raises(UnreadableInput, match="no policy of that id"):
            call()


def test_verdicts(ledger: Ledger) -> None:
    """Newest first, with the gate's document."""
    run, other = record(ledger, bill(0.1)), record(ledger, bill(0.2))
    gate = {"schema": "aligntax.gate/1", "verdict": "fail"}
    first = keep_verdict(ledger, run.id, "p" * 64, "fail", "release", gate)
    second = keep_verdict(ledger, other.id, "p" * 64, "pass", "pull_request", gate, baseline_id=run.id)
    assert [(one.id, one.baseline_id) for one in verdicts(ledger)] == [(second, run.id), (first, None)]
    assert [one.verdict for one in verdicts(ledger, run.id)] == ["fail"]
    assert verdicts(ledger, limit=1)[0].mode == "pull_request"
    assert verdict_document(ledger, first) == gate
    with pytest.raises(UnreadableInput, match="no verdict of that id"):
        verdict_document(ledger, "none")
    with pytest.raises(UnreadableInput, match=r"(?i)foreign key"):
        keep_verdict(ledger, "no such run", "p", "pass", "release", gate)


def test_marks(ledger: Ledger) -> None:
    """Oldest first, whatever the zone they were told in."""
    zone = dt.timezone(dt.timedelta(hours=2))
    late = add_mark(ledger, "deploy", "v2", at=NOON)
    early = add_mark(ledger, "prompt", "shorter", NOON.replace(tzinfo=zone), "medical", "owner")
    now = add_mark(ledger, "note", "today")
    assert early.at == NOON - dt.timedelta(hours=2)
    assert marks(ledger) == sorted([early, late, now], key=lambda one: one.at)
    assert marks(ledger, first=NOON, last=NOON) == [late]
    assert early not in marks(ledger, use_case="legal")
    assert early in marks(ledger, use_case="medical")
    with pytest.raises(UsageError, match="no kind of mark"):
        add_mark(ledger, "party", "")


def test_labels(ledger: Ledger) -> None:
    """Added all or none, each once for each run; in the order they came."""
    run = record(ledger, bill())
    some = [
        Label(id="x\n" * 1000, outcome="refused", annotator="first", policy_version="1", time=NOON),
        Label(id="x1", outcome="complete", annotator="second", policy_version="1"),
        Label(id="x1", outcome="hedged", annotator="third", policy_version="1", note="no", adjudicated=True),
    ]
    assert add_labels(ledger, some, run.id) == 3
    assert add_labels(ledger, some, run.id) == 0
    assert add_labels(ledger, some[:2]) == 2
    assert labels(ledger, run.id) == some
    assert labels(ledger) == [*some, *some[:2]]
    assert labels(ledger, task_id="none") == []
    with pytest.raises(UnreadableInput, match=r"(?i)foreign key"):
        add_labels(ledger, some, "no such run")
    assert len(labels(ledger)) == 5
