"""Alerts are told, by a webhook or a command, again and again until it went well or there is no hope.

What came of it is written down after each attempt. Where the process is killed in between, the next one
tells once more: an alert may come twice, with the same `key`, and never not at all.
"""

import datetime as dt
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aligntax.ledger.keys import now
from aligntax.ledger.opened import Ledger
from aligntax.ledger.watches import KeptAlert, alerts, keep_told
from aligntax.policy.model import Tell

__all__ = ["Attempt", "attempt", "tell_pending"]

TIMEOUT = 10.0
"""Seconds one attempt may take."""
_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third attempt of a round."""
_MOST_TRIES = 30
_LONG = 200
_PASSING = (408, 425, 429)
"""What a server may answer that will answer otherwise later; and all from 500 on."""

Wait = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt.

    Attributes:
        well: whether it went well.
        hopeless: whether trying again is of no use.
        said: what came of it, in words.
    """

    well: bool
    hopeless: bool
    said: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that moved is a mistake of the policy: the alert is not carried elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - urllib's
        """No request in place of the one that was turned away."""


def attempt(tell: Tell, document: Mapping[str, Any], *, timeout: float = TIMEOUT) -> Attempt:
    """Tells somebody once.

    Args:
        tell: who, and how.
        document: the alert; it goes as JSON, in the body of a POST or on the command's standard input.
        timeout: seconds.
    """
    body = json.dumps(document, ensure_ascii=True, allow_nan=False).encode()
    return _posted(str(tell.webhook), body, timeout) if tell.webhook else _ran(tell.command, body, timeout)


def _posted(url: str, body: bytes, timeout: float) -> Attempt:
    headers = {"Content-Type": "application/json", "User-Agent": "aligntax"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Attempt(well=True, hopeless=False, said=f"answered {answer.status}")
    except urllib.error.HTTPError as error:
        with error:
            passing = error.code in _PASSING or error.code >= 500
            return Attempt(well=False, hopeless=not passing, said=f"answered {error.code}")
    except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors
        reason = getattr(error, "reason", error)
        return Attempt(well=False, hopeless=False, said=_short(f"no answer: {reason}"))


def _ran(command: tuple[str, ...], body: bytes, timeout: float) -> Attempt:
    try:
        done = subprocess.run(
            list(command), input=body, capture_output=True, timeout=timeout, check=False, shell=False
        )
    except (FileNotFoundError, PermissionError) as error:
        return Attempt(well=False, hopeless=True, said=_short(f"{command[0]}: {error.strerror}"))
    except subprocess.TimeoutExpired:
        return Attempt(well=False, hopeless=False, said=f"ended after {timeout:g} seconds")
    except OSError as error:
        return Attempt(well=False, hopeless=False, said=_short(f"{command[0]}: {error.strerror}"))
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    why = f": {lines[-1]}" if done.returncode and lines else ""
    return Attempt(well=not done.returncode, hopeless=False, said=_short(f"left with {done.returncode}{why}"))


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:_LONG]


def tell_pending(
    ledger: Ledger, watch: str, tells: Mapping[str, Tell], *, wait: Wait = time.sleep
) -> Iterator[tuple[KeptAlert, dict[str, Any]]]:
    """Tells everybody who is still to be told of an alert, the oldest alert first.

    Args:
        ledger: holds the alerts, and what came of telling.
        watch: whose alerts.
        tells: name -> who and how.
        wait: between attempts.

    Yields:
        An alert and what came of telling one of them: name, state (told, pending or failed), tries, said.
    """
    for alert in reversed(alerts(ledger, watch, untold=True)):
        for told in alert.told:
            if told["state"] == "pending":
                _tell(told, tells.get(told["name"]), alert.document, wait)
                keep_told(ledger, alert.id, alert.told)
                yield alert, told


def _tell(told: dict[str, Any], tell: Tell | None, document: Mapping[str, Any], wait: Wait) -> None:
    for pause in (0.0, *_PAUSES):
        if pause:
            wait(pause)
        came = attempt(tell, document) if tell else _UNKNOWN
        told["tries"] += 1
        told["said"] = came.said
        told["at"] = _moment(now())
        if came.well or came.hopeless or told["tries"] >= _MOST_TRIES:
            told["state"] = "told" if came.well else "failed"
            return


_UNKNOWN = Attempt(well=False, hopeless=True, said="nobody of this name is in the policy any more")


def _moment(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")
