"""`aligntax export` as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from aligntax.cli.verbs.export import Target, export
from aligntax.errors import AligntaxError
from aligntax.ledger import open_ledger
from aligntax.ledger.record import record
from exports_world import POLICY
from tests_commands import fine

EXAMPLE = Path(__file__).parents[2] / "examples" / "traffic.jsonl"
app = typer.Typer()
app.command()(export)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an audit, a policy, and a ledger that holds the audit."""
    folder = tmp_path_factory.mktemp("export")
    fine("audit", EXAMPLE, "--out", "audit", "--quiet", cwd=folder)
    (folder / "aligntax.toml").write_text(POLICY, "utf-8")
    ledger = open_ledger(folder / ".aligntax")
    bill = folder / "audit" / "bill.json"
    files = {"outcomes.parquet": bill.with_name("outcomes.parquet")}
    record(ledger, json.loads(bill.read_text("utf-8")), files=files)
    ledger.close()
    return folder


@pytest.fixture(autouse=True)
def _here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def good(*arguments: object) -> Result:
    done = run(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def bad(*arguments: object) -> str:
    done = run(*arguments)
    if isinstance(done.exception, AligntaxError):
        assert done.exception.exit_code == 2
        return str(done.exception)
    assert done.exit_code == 2, done.output
    return done.output


@pytest.mark.parametrize(
    "to", ["prometheus", "openmetrics", "otlp", "parquet", "jsonl", "inspect", "every-eval-ever"]
)
@pytest.mark.parametrize("subject", ["latest", "audit/bill.json", "audit"])
def test_a_run_and_a_document_are_exported_alike(to: str, subject: str, tmp_path: Path) -> None:
    out = tmp_path / ("log.eval" if to == "inspect" else "out")
    done = good(subject, "--to", to, "--out", out)
    assert out.exists()
    assert f"wrote {out}" in done.stderr
    assert f"{to}: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("to", ["prometheus-rules", "openslo", "sloth"])
def test_a_policy_alone_is_enough(to: str, tmp_path: Path) -> None:
    done = good("--to", to, "--out", tmp_path / "made.yaml")
    assert "budget medical / delay.median" in done.stderr
    assert (tmp_path / "made.yaml").read_text("utf-8").startswith("# From aligntax.toml")


def test_it_can_be_printed() -> None:
    done = good("latest", "--to", "prometheus", "-o", "-", "--quiet")
    assert "\nalignment_tax_requests_total{" in done.stdout
    assert done.stderr == ""


def test_without_a_run_metrics_are_those_of_the_ledger() -> None:
    done = good("--to", "openmetrics", "--policy", "aligntax.toml", "-o", "-")
    assert done.stdout.endswith("# EOF\n")
    assert "alignment_tax_budget_limit{" in done.stdout


def test_the_same_metrics_from_the_ledger_and_from_the_file() -> None:
    def of(subject: str) -> list[str]:
        lines = good(subject, "--to", "prometheus", "-o", "-").stdout.splitlines()
        return sorted(line for line in lines if not line.startswith(("#", "alignment_tax_run_info")))

    assert of("latest") == of("audit/bill.json")


@pytest.mark.parametrize("to", ["parquet", "jsonl", "csv", "ledger-parquet", "ledger-jsonl", "ledger-csv"])
def test_without_a_run_tables_are_the_ledgers(to: str, tmp_path: Path) -> None:
    done = good("--to", to, "--out", tmp_path / "tables")
    assert (tmp_path / "tables").is_dir()
    assert any(path.stem == "runs" for path in (tmp_path / "tables").iterdir())
    assert "1 runs" in done.stderr


def test_a_model_card(tmp_path: Path) -> None:
    good("latest", "--to", "model-card", "--model", "north-2", "--dataset", "a/b:c", "--out", tmp_path)
    assert (tmp_path / "model-index.yaml").is_file()
    assert (tmp_path / ".eval_results" / "aligntax.yaml").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "otlp"), "what is to be exported?"),
        (("nonsense", "--to", "otlp"), "nonsense: the ledger has no run of that name"),
        (("nonsense.json", "--to", "otlp"), "nonsense.json: No such file"),
        (("aligntax.toml", "--to", "otlp"), "aligntax.toml: no document"),
        (("--to", "openslo", "--policy", "nonsense.toml"), "nonsense.toml: there is no such file"),
        (("--to", "openslo", "--every", "soon"), "'soon' is no window of time"),
        (("latest", "--to", "inspect", "--out", "log.txt"), "ends in .eval or .json"),
        (("latest", "--to", "parquet", "--out", "-"), "--to parquet cannot be printed"),
        (("latest", "--to", "model-card"), "several models"),
        (("audit/bill.json", "--to", "ledger-csv"), "is no run of the ledger"),
        (("--to", "prometheus", "--ledger", "nowhere"), "there is no ledger here"),
        (("latest", "--to", "nonsense"), "Invalid value"),
        (("latest", "--to", "jsonl", "--out", "audit"), "audit: cannot be written"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], said: str) -> None:
    assert said in bad(*arguments)


def test_documents_that_are_none(tmp_path: Path) -> None:
    for name, text in (
        ("list.json", "[]"),
        ("other.json", '{"schema": "other/1"}'),
        ("deep.json", "[" * 100_000),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        assert name in bad(tmp_path / name, "--to", "jsonl", "--out", tmp_path / "out")
    (tmp_path / "timeless.json").write_text('{"schema": "aligntax.bill/1", "measurements": []}', "utf-8")
    assert "does not say when" in bad(tmp_path / "timeless.json", "--to", "jsonl", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_target_is_known() -> None:
    from aligntax.cli.export_targets import TARGETS

    assert set(TARGETS) | {"csv"} == {one.value for one in Target}


def test_its_options_import_nothing_heavy() -> None:
    code = (
        "import sys; import aligntax.cli.verbs.export; "
        "sys.exit(', '.join({'pydantic', 'sqlalchemy', 'yaml', 'pyarrow', 'numpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
