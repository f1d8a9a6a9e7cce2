"""A run in a process of its own, to be killed: `python killed_run.py PORT DIRECTORY`."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENAI_API_KEY", "any")

from aligntax.evals.run import Connection, Run
from aligntax.models.endpoint.asking import Asker
from aligntax.models.endpoint.budget import Budget, Rate
from aligntax.models.endpoint.journal import Journal
from aligntax.models.endpoint.spec import Sampling, model_spec
from planted import Behaviour, World

WORLD = World(seed=11, models={"planted": Behaviour(refusal=0.0)})
QUESTIONS = [one.question for one in WORLD.benign(80)]
CONNECTIONS = 6


def main() -> None:
    spec, directory = model_spec(f"planted@http://127.0.0.1:{sys.argv[1]}/v1"), Path(sys.argv[2])
    asker = Asker(Journal(directory / "answers.jsonl"), Budget({spec.given: Rate(1.0, 1.0)}))
    run = Run(asker, Sampling(), Connection(max_connections=CONNECTIONS), directory / "logs")
    (answered,) = run.ask("killed", QUESTIONS, [spec])
    assert all(one.answered for one in answered.replies)


if __name__ == "__main__":
    main()
