"""Runs against the planted world, through Inspect's own client and a real socket."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

KEY = "the-right-key"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a run over models of a server: `running(server, "planted", most=1.0, connections=4)`."""
    pytest.importorskip("inspect_ai")
    pytest.importorskip("openai")
    from aligntax.evals.run import Connection, Run
    from aligntax.models.endpoint.asking import Asker, spent_before
    from aligntax.models.endpoint.budget import Budget, Rate
    from aligntax.models.endpoint.journal import Journal
    from aligntax.models.endpoint.spec import Sampling, model_spec

    with ExitStack() as stack:

        def make(
            server: Any,
            *names: str,
            most: float | None = None,
            connections: int = 8,
            retries: int = 0,
            timeout: int = 30,
            max_tokens: int = 100,
            told: Callable[[Any], None] = lambda reply: None,
        ) -> tuple[Any, list[Any]]:
            specs = [model_spec(f"{name}@{server.url}") for name in names or ("planted",)]
            journal = Journal(tmp_path / "answers.jsonl")
            stack.callback(journal.close)
            rates = {spec.given: Rate(1000.0, 2000.0) for spec in specs}
            asker = Asker(journal, Budget(rates, most, spent_before(journal)), told=told)
            connection = Connection(max_connections=connections, max_retries=retries, timeout=timeout)
            return Run(asker, Sampling(max_tokens=max_tokens), connection, tmp_path / "logs"), specs

        yield make
