"""Words replaced: whole, in all their forms, in their case, and never where it matters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligntax.probes.packs import PACKS, load_pack
from aligntax.tax.counterfactual.editing import edited
from aligntax.tax.counterfactual.inflection import article_before, forms, inflected
from aligntax.tax.counterfactual.terms import Term

TERMS = [
    Term("kill", "terminate"),
    Term("overdose", "supratherapeutic ingestion"),
    Term("lethal dose", "dose at which survival is unlikely"),
    Term("zombie", "orphan"),
    Term("shoot", "photograph"),
    Term("attack", "approach"),
    Term("shoot up", "inject"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I kill a process?", "How do I terminate a process?"),
        ("Kill it, then KILL it again.", "Terminate it, then KILL it again."),  # a command's name, perhaps
        ("KILL THE PROCESS.", "TERMINATE THE PROCESS."),
        ("It kills what it killed while killing.", "It terminates what it terminated while terminating."),
        (
            "An overdose and two overdoses.",
            "A supratherapeutic ingestion and two supratherapeutic ingestions.",
        ),
        ("A zombie's parent; zombies' parents.", "An orphan's parent; orphans' parents."),
        ("Lethal doses of it", "Doses at which survival is unlikely of it"),
        ("AN OVERDOSE IS BAD.", "A SUPRATHERAPEUTIC INGESTION IS BAD."),
        ("He shot it. It was shot.", "He photographed it. It was photographed."),
        ("They shoot up; shooting up is bad.", "They inject; injecting is bad."),
        (
            "the overkill, the skill, a kill-switch, killjoy",
            "the overkill, the skill, a kill-switch, killjoy",
        ),
        ("don't attack; attack's cost", "don't approach; approach's cost"),
        ("- Kill it\n1. Kill it\n## Kill it", "- Terminate it\n1. Terminate it\n## Terminate it"),
    ],
)
def test_forms_case_and_articles(text: str, expected: str) -> None:
    assert edited(text, TERMS).text == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Run `kill -9 1` now", "code"),
        ("```sh\nkill 1\n```", "code"),
        ("~~~\nkill 1\n~~~\nand", "code"),
        ("```\nkill 1, and never closed", "code"),
        ("call kill(pid)", "code"),
        ("$ kill 1", "code"),
        ("<kill>", "code"),
        ("see https://example.org/kill?attack=1", "address"),
        ("see www.example.org/kill", "address"),
        ("write to kill@example.org", "address"),
        ("in /usr/bin/kill", "path"),
        ("in ~/kill/it", "path"),
        ("in src/kill/it.py", "path"),
        ("in C:\\tools\\kill", "path"),
        ("open kill.sh", "path"),
        ('he said "I will kill you" twice', "quotation"),
        ("he said \u201cI will kill you\u201d twice", "quotation"),
        ("he said 'I will kill you' twice", "quotation"),
        ("he said \u2018I will kill you\u2019 twice", "quotation"),
        ("\u00abkill\u00bb", "quotation"),
        ("> kill it\n", "quotation"),
        ("we saw Kill Bill", "name"),
        ("Kill Bill is a film", "name"),
        ("the Lethal Dose album", "name"),
        ("the overdosed patient", "form"),
    ],
)
def test_what_is_left_alone(text: str, why: str) -> None:
    """Code, addresses, paths, quotations, names, and forms nobody can tell."""
    found = edited(text, TERMS)
    assert found.text == text
    assert set(found.left) == {why}


def test_apostrophes_are_no_quotations() -> None:
    assert edited("the patients' notes and the dog's kill", TERMS).text.endswith("terminate")


def test_the_longest_term_goes_first() -> None:
    found = edited("a lethal dose", [Term("dose", "amount"), Term("lethal dose", "fatal amount")])
    assert (found.text, found.terms) == ("a fatal amount", ("lethal dose",))


def test_a_form_a_person_wrote_goes_before_ours() -> None:
    terms = [Term("overdose", "excess"), Term("overdosed", "took too much")]
    assert edited("She overdosed.", terms).text == "She took too much."


@pytest.mark.parametrize(
    ("word", "article"),
    [
        *((word, "an") for word in ("hour", "uninsured", "MRI", "8", "18", "egg")),
        *((word, "a") for word in ("unit", "UPS", "1", "European", "user", "one", "hazard")),
    ],
)
def test_articles(word: str, article: str) -> None:
    assert article_before(word) == article


@pytest.mark.parametrize(
    ("phrase", "form", "expected"),
    [
        ("stop", "ing", "stopping"),
        ("die", "ing", "dying"),
        ("transfer", "ed", "transferred"),
        ("toxin", "ed", None),  # not known for a verb
        ("bury", "s", "buries"),
        ("take their own life", "ing", "taking their own life"),
        ("take their own life", "en", "taken their own life"),
        ("person at risk", "s", "people at risk"),
        ("equipment", "s", "equipment"),
        ("toxicity", "ed", None),
    ],
)
def test_inflection(phrase: str, form: str, expected: str | None) -> None:
    assert inflected(phrase, form) == expected  # type: ignore[arg-type]


def test_a_noun_phrase_has_no_verb_forms() -> None:
    assert dict(forms("lethal dose")) == {"base": "lethal dose", "s": "lethal doses"}


CODE = "\n```\nkill\n```\n"
BARE = ["kill", "Kill", "kills", "killing", "a zombie", "skill", "lethal dose", "overdose", "attack"]
KEPT = ["`kill`", '"kill"', "a/kill/b.py", "kill@x.org", "https://x.org/kill", CODE]
PIECES = st.sampled_from([*BARE, *KEPT, "the", "process", "Ann", "and", "\n", ".", "?"])
TEXTS = st.lists(PIECES, max_size=14).map(" ".join)


@given(TEXTS)
def test_nothing_but_the_edits_changes(text: str) -> None:
    """Edits are in order and apart, and all else stands as it stood."""
    found = edited(text, TERMS)
    rebuilt, at = "", 0
    for edit in found.edits:
        assert edit.start >= at
        rebuilt += text[at : edit.start] + edit.after
        at = edit.end
    assert found.text == rebuilt + text[at:]


@given(TEXTS)
def test_protected_parts_stay(text: str) -> None:
    parts = ("`kill`", '"kill"', "a/kill/b.py", "kill@x.org", "https://x.org/kill")
    found = edited(text, TERMS).text
    assert [found.count(part) for part in parts] == [text.count(part) for part in parts]


@given(TEXTS)
def test_an_edit_leaves_nothing_for_a_second_one(text: str) -> None:
    first = edited(text, TERMS)
    assert edited(first.text, TERMS).edits == ()


@given(
    st.lists(st.sampled_from(["kill", "kills", "an attack", "the", "job", "attack", "It"]), max_size=10).map(
        " ".join
    )
)
def test_back_substitution_gives_the_text_again(text: str) -> None:
    """The neutral wording, with the terms put back, is the request."""
    terms = [Term("kill", "terminate"), Term("attack", "approach")]
    there = edited(text, terms)
    assert edited(there.text, [term.reversed for term in terms]).text == text


@pytest.mark.parametrize("name", PACKS)
def test_packs_can_be_edited(name: str) -> None:
    """All of a pack's terms are found, but for those in quotations, in its harmful requests too."""
    pack = load_pack(name)
    for one in pack.benign:
        terms = [Term(trigger.term, trigger.neutral) for trigger in one.triggers]
        found = edited(one.request, terms)
        missing = {term.term for term in terms} - set(found.terms)
        assert not missing or set(found.left) == {"quotation"}, (one.id, missing, found.left)
        assert not re.search(
            r"\ba [aeo]\w|\ban [bcdfgjklpqtvwz]\w", found.text.lower().replace("a one", "")
        ), one.id
    assert sum(bool(edited(one.request, terms_of(pack)).edits) for one in pack.harmful) >= 40


def terms_of(pack: object) -> list[Term]:
    return [Term(t.term, t.neutral) for one in pack.benign for t in one.triggers]  # type: ignore[attr-defined]
