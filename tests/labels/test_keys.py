"""Every exchange has a key of its own, also where ids repeat."""

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from aligntax.labels.keys import KeyCounter, base_id, exchange_keys

IDS = st.lists(st.sampled_from(["a", "b", "a (2)", "a (2) (1)", "", "(1)", " (3)"]), max_size=12)


def test_ids_that_differ_stay_as_they_are() -> None:
    assert exchange_keys(pa.array(["a", "b#2", "c"])).to_pylist() == ["a", "b#2", "c"]


def test_an_id_used_again_is_numbered() -> None:
    assert exchange_keys(pa.array(["a", "b", "a", "a"])).to_pylist() == ["a", "b", "a (2)", "a (3)"]


@given(IDS)
@example(["a", "a", "a (2)"])
def test_no_two_exchanges_share_a_key(ids: list[str]) -> None:
    """Whatever the ids, keys are unique and lead back to their id."""
    keys = exchange_keys(pa.array(ids, pa.string())).to_pylist()
    assert len(set(keys)) == len(ids)
    assert all(identifier in (key, base_id(key)) for key, identifier in zip(keys, ids, strict=True))


@given(IDS)
def test_one_at_a_time_gives_the_same_keys(ids: list[str]) -> None:
    """A stream of ids gets the keys the whole column gets, also in chunks."""
    counter = KeyCounter()
    column = pa.chunked_array([pa.array(ids[:3], pa.string()), pa.array(ids[3:], pa.string())])
    assert [counter(identifier) for identifier in ids] == exchange_keys(column).to_pylist()
