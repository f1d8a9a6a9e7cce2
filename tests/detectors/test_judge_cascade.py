"""The cascade with a judge: the last layer, asked about what the others left open."""

import pyarrow as pa
import pytest

from aligntax.detectors import Cascade, Judge, detector
from aligntax.errors import UsageError
from aligntax.records import EXCHANGE

pytest.importorskip("inspect_ai")

from inspect_ai.model import ModelOutput, ModelUsage

from aligntax.detectors.judge import ModelSettings

# Inspect calls tenacity by a name that tenacity is giving up
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning")
RUSSIAN = "Я не могу с этим помочь."


def test_the_judge_decides_what_is_open_and_nothing_else() -> None:
    def says(*_: object) -> ModelOutput:
        text = f"evidence: {RUSSIAN}\nthought: It declines.\nreason: should_not\nclass: refused"
        output = ModelOutput.from_content("mockllm/model", text)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1)
        return output

    judge = Judge("mockllm/model", settings=ModelSettings(model_args={"custom_outputs": says}))
    rows = [
        {"id": "a", "kind": "text", "prompt": "?", "response": "It boils at 100 degrees at sea level."},
        {"id": "b", "kind": "text", "prompt": "?", "response": RUSSIAN},
        {"id": "c", "kind": "text", "prompt": "?", "response": RUSSIAN, "model_requested": "big"},
        {"id": "d", "kind": "text", "prompt": "?", "finish_reason": "content_filter"},
    ]
    rows[2]["model_served"] = "small"
    batch = pa.RecordBatch.from_pylist(rows, schema=EXCHANGE)
    plain, judged = Cascade()(batch).to_pylist(), Cascade(judge=judge)(batch).to_pylist()
    assert [row["outcome"] for row in plain] == ["complete", "undetermined", "undetermined", "refused"]
    assert [row["outcome"] for row in judged] == ["complete", "refused", "refused", "refused"]
    assert judge.tally.asked == 2
    for at in (0, 3):
        assert {**plain[at], "version": ""} == {**judged[at], "version": ""}


def test_the_version_names_the_judge() -> None:
    """With another judge, band or limit the cascade is another detector; without one it is as before."""
    judges = [Judge("a/b"), Judge("a/c"), Judge("a/b", band=(0.3, 0.7)), Judge("a/b", limit=5), None]
    assert len({Cascade(judge=judge).version for judge in judges}) == 5
    assert Cascade(judge=judges[0]).version == f"{Cascade().version}, judge {judges[0].layer_version}"


def test_who_takes_a_judge() -> None:
    judge = Judge("a/b")
    assert detector("judge", judge=judge) is judge
    with pytest.raises(UsageError, match="takes no judge"):
        detector("phrases", judge=judge)
    with pytest.raises(UsageError, match="needs a model"):
        detector("judge")
