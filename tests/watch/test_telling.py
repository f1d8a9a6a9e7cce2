"""Alerts are told: over a real socket, by a real command, again where that fails, and not by redirects."""

import datetime as dt
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from aligntax.ledger.opened import Ledger, open_ledger
from aligntax.ledger.watches import NewAlert, alerts, keep_state
from aligntax.policy.model import Tell
from aligntax.watch import telling
from aligntax.watch.telling import attempt, tell_pending

DOCUMENT = {"schema": "aligntax.alert/1", "key": "k1", "use_case": "a", "text": "a: refused is 9 %"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger")
    yield opened
    opened.close()


@contextmanager
def _server(*answers: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers one after the other, the last for ever; what it was sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/json"
            got.append(json.loads(body))
            code = answers[min(len(got), len(answers)) - 1]
            self.send_response(code)
            if code in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _raise(ledger: Ledger, *names: str) -> None:
    told = [{"name": name, "state": "pending", "tries": 0, "at": None, "said": ""} for name in names]
    new = NewAlert(
        at=dt.datetime(2026, 10, 1),
        use_case="a",
        component="refused",
        kind="budget",
        document=DOCUMENT,
        told=told,
    )
    keep_state(ledger, "w", {"turn": 1}, [new])


def _hook(url: str, name: str = "team") -> dict[str, Tell]:
    return {name: Tell.model_validate({"name": name, "webhook": url})}


def test_a_webhook_gets_the_alert_as_json(ledger: Ledger) -> None:
    _raise(ledger, "team")
    with _server(204) as (url, got):
        list(tell_pending(ledger, "w", _hook(url), wait=pytest.fail))
        list(tell_pending(ledger, "w", _hook(url), wait=pytest.fail))
    assert got == [DOCUMENT]
    (kept,) = alerts(ledger, "w")
    assert {name: kept.told[0][name] for name in ("state", "tries", "said")} == {
        "state": "told",
        "tries": 1,
        "said": "answered 204",
    }


def test_a_failing_webhook_is_tried_again_with_pauses(ledger: Ledger) -> None:
    _raise(ledger, "team")
    pauses: list[float] = []
    with _server(503, 429, 200) as (url, got):
        list(tell_pending(ledger, "w", _hook(url), wait=pauses.append))
    assert len(got) == 3
    assert pauses == sorted(pauses) == [0.5, 2.0]
    assert alerts(ledger, "w")[0].told[0]["state"] == "told"


def test_what_was_not_told_is_told_by_the_next_round(ledger: Ledger) -> None:
    _raise(ledger, "team")
    with _server(500) as (url, got):
        list(tell_pending(ledger, "w", _hook(url), wait=lambda seconds: None))
    assert len(got) == 3
    assert alerts(ledger, "w")[0].told[0]["state"] == "pending"
    list(tell_pending(ledger, "w", _hook(url), wait=lambda seconds: None))  # nobody listens any more
    assert alerts(ledger, "w")[0].told[0]["said"].startswith("no answer")
    with _server(200) as (url, got):
        list(tell_pending(ledger, "w", _hook(url), wait=pytest.fail))
    assert len(got) == 1


def test_it_is_given_up_in_the_end(ledger: Ledger) -> None:
    _raise(ledger, "team")
    with _server(500) as (url, got):
        for _ in range(12):
            list(tell_pending(ledger, "w", _hook(url), wait=lambda seconds: None))
    assert len(got) == 30
    assert alerts(ledger, "w")[0].told[0]["state"] == "failed"


@pytest.mark.parametrize("code", [400, 404, 302, 307])
def test_a_refusal_is_final_and_a_redirect_is_one(ledger: Ledger, code: int) -> None:
    """An alert is not carried to where the policy did not say."""
    _raise(ledger, "team")
    with _server(code) as (url, got):
        list(tell_pending(ledger, "w", _hook(url), wait=pytest.fail))
    assert len(got) == 1
    assert alerts(ledger, "w")[0].told[0] | {"at": None} == {
        "name": "team",
        "state": "failed",
        "tries": 1,
        "at": None,
        "said": f"answered {code}",
    }


def test_killed_between_telling_and_writing_it_down_it_tells_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once, with the same key: a receiver can drop the second."""
    _raise(ledger, "team")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with _server(200) as (url, got):
        with monkeypatch.context() as patched:
            patched.setattr(telling, "keep_told", killed)
            with pytest.raises(KeyboardInterrupt):
                list(tell_pending(ledger, "w", _hook(url)))
        list(tell_pending(ledger, "w", _hook(url)))
    assert [one["key"] for one in got] == ["k1", "k1"]


def test_a_command_gets_it_on_its_input_and_no_shell_reads_it(ledger: Ledger, tmp_path: Path) -> None:
    _raise(ledger, "duty")
    out = tmp_path / "out; touch hacked"
    code = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"
    tell = Tell.model_validate({"name": "duty", "command": [sys.executable, "-c", code, str(out)]})
    list(tell_pending(ledger, "w", {"duty": tell}))
    assert json.loads(out.read_text()) == DOCUMENT
    assert [path.name for path in tmp_path.iterdir() if "hacked" in path.name] == [out.name]


def test_what_becomes_of_commands(tmp_path: Path) -> None:
    def ran(*command: str, timeout: float = 20.0) -> tuple[bool, bool, str]:
        tell = Tell.model_validate({"name": "t", "command": command})
        came = attempt(tell, DOCUMENT, timeout=timeout)
        return came.well, came.hopeless, came.said

    assert ran(sys.executable, "-c", "") == (True, False, "left with 0")
    failing = "import sys; sys.stderr.write('one\\nno such room\\x1b'); sys.exit(3)"
    assert ran(sys.executable, "-c", failing) == (False, False, "left with 3: no such room\ufffd")
    assert ran(str(tmp_path / "none")) == (False, True, f"{tmp_path / 'none'}: No such file or directory")
    hanging = "import threading; threading.Event().wait()"
    assert ran(sys.executable, "-c", hanging, timeout=0.5) == (False, False, "ended after 0.5 seconds")


def test_one_who_cannot_be_told_keeps_nobody_else_from_it(ledger: Ledger, tmp_path: Path) -> None:
    _raise(ledger, "gone", "team")
    with _server(200) as (url, got):
        came = [told for _, told in tell_pending(ledger, "w", _hook(url))]
    assert [(one["name"], one["state"]) for one in came] == [("gone", "failed"), ("team", "told")]
    assert len(got) == 1
