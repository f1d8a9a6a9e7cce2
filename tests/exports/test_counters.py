"""Counters over the audits of a ledger, in SQLite and in PostgreSQL."""

from aligntax.exports.counted import count_runs
from aligntax.exports.prometheus import exposition
from aligntax.ledger import Ledger, open_ledger
from exports_read import PARSERS, of
from exports_world import figure, origin, record, traffic


def test_counters_of_a_ledger_rise_by_each_audit_and_count_nothing_twice(ledger: Ledger) -> None:
    """Two nights, then a trailing week and the first night again: the last two overlap, and do not count."""
    night = traffic("medical", "north-1", 100, 10, 5)
    record(ledger, night, origin(0))
    before = exposition(ledger)
    record(ledger, [*traffic("medical", "north-1", 40, 8, 0), figure("refused", 1, 2, period="w")], origin(1))
    text = exposition(ledger)
    for name, one, both in (
        ("requests", 100, 140),
        ("refusals", 10, 18),
        ("hedges", 5, 5),
        ("undetermined", 1, 2),
    ):
        assert sum(of(before, f"alignment_tax_{name}_total")) == one
        assert sum(of(text, f"alignment_tax_{name}_total")) == both
    record(ledger, traffic("medical", "north-1", 900, 90, 9), origin(-5, days=7))
    again = record(ledger, night, origin(0, version="phrases 3"))
    overlapping = exposition(ledger)
    assert sum(of(overlapping, "alignment_tax_requests_total")) == 140
    assert "2 runs not counted" in overlapping
    assert again.id not in text


def test_a_new_detector_has_counters_of_its_own(ledger: Ledger) -> None:
    record(ledger, traffic("legal", "north-1", 100, 10, 5), origin(0))
    record(ledger, traffic("legal", "north-1", 50, 9, 5), origin(1, version="phrases 3"))
    text = exposition(ledger)
    assert of(text, "alignment_tax_requests_total", detector_version="phrases 2") == [100]
    assert of(text, "alignment_tax_requests_total", detector_version="phrases 3") == [50]


def test_two_services_in_one_ledger_are_both_counted(ledger: Ledger) -> None:
    """Their traffic is of the same time but of other use cases."""
    record(ledger, traffic("legal", "north-1", 100, 10, 5), origin(0))
    record(ledger, traffic("games", "north-1", 50, 9, 5), origin(0))
    assert sum(of(exposition(ledger), "alignment_tax_requests_total")) == 150


def test_the_newest_run_of_each_kind_is_told(ledger: Ledger) -> None:
    record(ledger, [figure("refused", 10, 100)], origin(0))
    record(ledger, [figure("refused", 30, 100)], origin(1))
    record(ledger, [figure("harmful_compliance", 1, 100)], origin(0), kind="floor")
    text = exposition(ledger)
    assert of(text, "alignment_tax_rate", component="refused", kind="bill") == [0.3]
    assert of(text, "alignment_tax_rate", component="harmful_compliance", kind="floor") == [0.01]
    assert len(of(text, "alignment_tax_run_timestamp_seconds")) == 2


def test_an_empty_ledger_is_said_in_both_formats(ledger: Ledger) -> None:
    assert not list(PARSERS["text"](exposition(ledger)))
    assert not list(PARSERS["openmetrics"](exposition(ledger, to="openmetrics")))


def test_another_process_counts_the_same(ledger: Ledger, where: str) -> None:
    """What was counted is kept while a ledger is open; one that is opened anew counts all of it again."""
    for night in range(4):
        record(ledger, traffic("legal", "north-1", 100 + night, 10, 5), origin(night))
        kept = count_runs(ledger)
    again = open_ledger(where)
    assert count_runs(again) == kept
    assert sum(counts["requests"] for counts in kept.many.values()) == 406
    again.close()


def test_up_to_a_run(ledger: Ledger) -> None:
    first = record(ledger, traffic("legal", "north-1", 100, 10, 5), origin(0))
    record(ledger, traffic("legal", "north-1", 50, 10, 5), origin(1))
    counted = count_runs(ledger, until=first.recorded)
    assert [counts["requests"] for counts in counted.many.values()] == [100]


def test_figures_without_models_and_without_use_cases_are_counted_too(ledger: Ledger) -> None:
    """The finest slices there are: by use case, by model, or all traffic."""
    whole = [figure("completion_tax", 3, 30), figure("refused", 2, 30)]
    record(ledger, whole, origin(0))
    record(ledger, [*whole, figure("completion_tax", 1, 20, model="m")], origin(1))
    record(ledger, [*whole, figure("completion_tax", 1, 10, use_case="u", model="")], origin(2))
    counted = count_runs(ledger).many
    found = {(one.use_case, one.model): counts["requests"] for one, counts in counted.items()}
    assert found == {("", ""): 30, ("", "m"): 20, ("u", ""): 10}
