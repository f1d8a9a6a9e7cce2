"""Pseudonyms: stable inside a run, unlinkable across runs, groups the same in all."""

import pyarrow as pa

from aligntax.stats import GROUPS
from aligntax.tax.pseudonyms import Pseudonyms
from aligntax.traffic.redaction import Redactor


def test_the_same_user_has_one_pseudonym() -> None:
    """Within a run, over several batches, a user keeps pseudonym and group; null stays null."""
    pseudonyms = Pseudonyms(Redactor(b"k" * 32))
    first, groups = pseudonyms(pa.array(["ann", None, "bob", "ann"]))
    again, same = pseudonyms(pa.array(["cid", "ann"]))
    assert first[0] == first[3] == again[1]
    assert first[0] != first[2]
    assert first[1].as_py() is None
    assert groups[1].as_py() is None
    assert groups[0] == same[1]
    assert 0 <= groups[0].as_py() < GROUPS


def test_another_run_has_other_pseudonyms_and_the_same_groups() -> None:
    """The key decides the pseudonym alone, so figures do not change from run to run."""
    names = pa.array([f"user {n}" for n in range(200)])
    one, other = (Pseudonyms(Redactor(key * 32))(names) for key in (b"a", b"b"))
    assert one[1] == other[1]
    assert not set(one[0].to_pylist()) & set(other[0].to_pylist())


def test_more_users_than_are_remembered() -> None:
    """Beyond a hundred thousand users, pseudonyms are worked out anew and stay the same."""
    pseudonyms = Pseudonyms(Redactor(b"k" * 32))
    before, _ = pseudonyms(pa.array(["ann"]))
    pseudonyms(pa.array([f"user {n}" for n in range(100_001)]))
    after, _ = pseudonyms(pa.array(["ann"]))
    assert before == after
