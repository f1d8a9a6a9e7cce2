"""What later pages need is got ready behind the first, and behind no answer to a machine."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from aligntax.dashboard import warming

FRESH = """
import sys
from starlette.testclient import TestClient
from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import local_access
from aligntax.dashboard.warming import WARMED, Warming
from aligntax.ledger.opened import open_ledger

app = Warming(make_app(open_ledger(sys.argv[1]), local_access()))
client = TestClient(app, base_url="http://127.0.0.1")
assert client.get("/healthz").status_code == 200
app.wait()
print([name in sys.modules for name in WARMED])
assert client.get("/").status_code == 200
app.wait()
print([name in sys.modules for name in WARMED])
"""


def test_a_fresh_server_has_the_rest_ready_after_its_first_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(tmp_path / "ledger")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert "True" not in before, "the server waits for what its first page does not need"
    assert "False" not in after


@pytest.mark.parametrize(("path", "begun"), [("/page", 1), ("/data", 0)])
def test_only_a_page_begins_it_and_once(monkeypatch: pytest.MonkeyPatch, path: str, begun: int) -> None:
    seen = list[str]()
    monkeypatch.setattr(warming, "_warm", lambda: seen.append(path))
    answers = {"/page": HTMLResponse("x"), "/data": JSONResponse({})}
    routes = [Route(at, lambda request: answers[request.url.path]) for at in answers]
    app = warming.Warming(Starlette(routes=routes))
    client = TestClient(app)
    for _ in range(3):
        assert client.get(path).status_code == 200
    app.wait()
    assert len(seen) == begun
