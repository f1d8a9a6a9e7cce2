"""The labelling screen as a server answers: blind, each to themself, nothing twice, results afterwards."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from aligntax.dashboard.app import make_app
from aligntax.dashboard.security import Access
from aligntax.labels.plan import Plan
from aligntax.ledger.annotations import annotations
from aligntax.ledger.labels import labels
from aligntax.ledger.opened import Ledger
from aligntax.ledger.tasks import Task, plan_of
from dashboard.labelling.visitors import Visitor, give
from labelling_tasks import DETECTOR, MODEL, a_plan, a_task

pytestmark = pytest.mark.filterwarnings("ignore:.*httpx.*")


def without_chance(page: str) -> str:
    """A page without what is random in it."""
    page = re.sub(r'name="(token|csrf)" value="[^"]*"', "", page)
    return re.sub(
        r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}|datetime=\"[^\"]*\"|[0-9]+ [A-Z][a-z]{2} 2[0-9]{3}, [0-9:]+", "", page
    )


def test_the_same_page_whatever_the_detector_says(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """Two tasks whose verdicts, strata, chances and model differ: the pages are the same to the letter."""
    task = a_task(ledger, tmp_path)
    plan = plan_of(ledger, task)
    swapped = {("refused", "a"): 230, ("hedged", "b"): 100, ("complete", "a"): 70, ("complete", "b"): 100}
    (tmp_path / "other").mkdir()
    _, another = a_plan(tmp_path / "other", counts=swapped)
    assert {one.stratum for one in plan.chosen} != {one.stratum for one in another.chosen}
    other = _same_texts(ledger, another)
    anna = visitor("anna")
    for path in ("", "/1", "/7", "/30"):
        pages = [anna.get(f"/label/{one.id}{path}").text for one in (task, other)]
        assert without_chance(pages[0]) == without_chance(pages[1])
        assert len(pages[0]) > 2000


def _same_texts(ledger: Ledger, plan: Plan) -> Task:
    from aligntax.ledger.tasks import make_task
    from labelling_tasks import texts

    return make_task(ledger, plan, texts(plan), title="October", author="somebody else")


def test_nothing_of_the_detector_anywhere(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """Neither in a page, nor in an answer, nor in a header: no detector, model, stratum, id or chance."""
    task = a_task(ledger, tmp_path)
    plan = plan_of(ledger, task)
    secrets = {DETECTOR, MODEL, "stratum", "probability"}
    secrets |= {one.key for one in plan.chosen} | {one.name for one in plan.strata}
    secrets |= {f"{one.probability:.4f}"[:6] for one in plan.chosen if one.probability < 1}
    anna = visitor("anna")
    said = list[str]()
    for position in range(1, 31):
        page = anna.get(f"/label/{task.id}/{position}")
        answer = anna.label(task, position, ("complete", "refused")[position % 3 == 0])
        said += [page.text, str(page.headers), answer.text, str(answer.headers), str(answer.url)]
    said += [anna.get(path).text for path in ("/label", f"/label/{task.id}")][:1]
    for secret in secrets:
        assert not [text for text in said if secret in text], secret


@pytest.mark.parametrize(
    "path", ["/label", "/label/policy", "/label/TASK", "/label/TASK/1", "/label/TASK/next"]
)
def test_a_viewer_does_not_label(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor], path: str
) -> None:
    task = a_task(ledger, tmp_path)
    assert visitor("guest").get(path.replace("TASK", task.id)).status_code == 403
    assert visitor("guest").label(task, 1, "refused", token="t").status_code == 403
    assert annotations(ledger, task.id) == []


def test_each_sees_their_own_labels_alone(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """What the other said changes no page while one labels, but for the count of labels given."""
    task = a_task(ledger, tmp_path, annotators=2)
    give(ledger, task, "anna", "crhn" * 3)
    anna = visitor("anna")
    paths = (f"/label/{task.id}/3", f"/label/{task.id}/13")
    before = [without_chance(anna.get(path).text) for path in paths]
    give(ledger, task, "ben", "rrrr" * 5)
    assert [without_chance(anna.get(path).text) for path in paths] == before
    assert "You labelled this <b>hedged</b>" in before[0]
    assert "You labelled" not in visitor("ben").get(f"/label/{task.id}/25").text
    assert "Yours would be one more" in visitor("cora").get(f"/label/{task.id}/3").text


def test_a_label_is_kept_and_the_next_is_shown(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    task = a_task(ledger, tmp_path)
    answer = visitor("anna").label(task, 1, "hedged", note="  example 11 ")
    assert (answer.status_code, answer.json()) == (200, {"how": "kept", "next": f"/label/{task.id}/2"})
    (kept,) = annotations(ledger, task.id)
    assert (kept.annotator, kept.outcome, kept.note) == ("anna", "hedged", "example 11")


def test_a_stale_tab_is_told(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """Its label is not kept, what stands is said, and what it had said too."""
    task, anna = a_task(ledger, tmp_path), visitor("anna")
    stale = anna.token(f"/label/{task.id}/1")
    anna.label(task, 1, "complete")
    answer = anna.label(task, 1, "refused", token=stale)
    assert (answer.status_code, answer.json()["how"]) == (409, "already")
    page = anna.get(answer.json()["next"]).text
    assert "second label (<b>refused</b>) was not kept" in page
    assert "You labelled this <b>complete</b>" in page
    assert [one.outcome for one in annotations(ledger, task.id)] == ["complete"]


def test_the_same_form_with_another_outcome_is_told(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    task, anna = a_task(ledger, tmp_path), visitor("anna")
    assert anna.label(task, 1, "complete", token="one").json()["how"] == "kept"
    assert anna.label(task, 1, "complete", token="one").json()["how"] == "repeated"
    assert anna.label(task, 1, "refused", token="one").json()["how"] == "already"
    assert len(annotations(ledger, task.id)) == 1


def test_ten_at_once_over_the_wire(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """Ten submits of the same item at the same time: one is kept, nine are told."""
    task, anna = a_task(ledger, tmp_path), visitor("anna")

    def submit(at: int) -> str:
        return str(anna.label(task, 1, ("refused", "hedged")[at % 2], token=f"t{at}").json()["how"])

    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(submit, range(10)))
    assert sorted(told) == ["already"] * 9 + ["kept"]
    assert len(annotations(ledger, task.id)) == 1


def test_a_form_of_somebody_else(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """A page opened as one person is not sent as another."""
    task = a_task(ledger, tmp_path)
    answer = visitor("anna").label(task, 1, "complete", annotator="ben")
    assert (answer.status_code, answer.json()["how"]) == (409, "other_person")
    assert annotations(ledger, task.id) == []


def test_plain_forms_do_without_a_script(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """Submit, go on, undo: every step is a form and a page."""
    task, anna = a_task(ledger, tmp_path), visitor("anna")
    path = f"/label/{task.id}/1"
    form = {"outcome": "refused", "annotator": "anna", "note": "", "token": anna.token(path)}
    page = anna.client.post(path, data=form, headers=anna.headers)
    assert page.url.path == f"/label/{task.id}/2"
    (annotation,) = re.findall(r'name="annotation" value="([0-9]+)"', page.text)
    page = anna.client.post(f"/label/{task.id}/undo", data={"annotation": annotation}, headers=anna.headers)
    assert page.url.path == path
    assert "you had said <b>refused</b>" in page.text
    assert annotations(ledger, task.id) == []


def test_passing_on_and_coming_back(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """What was passed over comes again at the end, and the end is the task's own page."""
    task, anna = a_task(ledger, tmp_path), visitor("anna")
    assert anna.get(f"/label/{task.id}/next?after=1").url.path.endswith("/2")
    for position in range(2, 31):
        answer = anna.label(task, position, "complete").json()
    assert answer["next"] == f"/label/{task.id}/1"
    assert anna.label(task, 1, "complete").json()["next"] == f"/label/{task.id}"
    assert "You are done" in anna.get(f"/label/{task.id}").text


def test_results_wait_until_all_is_labelled(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """Annotators see neither rate nor agreement before; an approver who does not label may ask for it."""
    task = a_task(ledger, tmp_path, annotators=2)
    give(ledger, task, "anna", "ccrh" * 7 + "cc")
    give(ledger, task, "ben", "cchh" * 5)
    path = f"/label/{task.id}"
    for name in ("anna", "ben"):
        page = visitor(name).get(f"{path}?results=1").text
        assert "kappa" not in page
        assert "of requests refused or hedged" not in page
    chief = visitor("chief")
    assert "kappa" not in chief.get(path).text
    assert "kappa" in chief.get(f"{path}?results=1").text
    give(ledger, task, "chief", "c", 21)
    assert "kappa" not in chief.get(f"{path}?results=1").text  # who labels here is no judge any more
    give(ledger, task, "ben", "cchh" * 2 + "cc", 21)
    page = visitor("anna").get(path).text
    for words in ("kappa", "of requests refused or hedged", "disagreements are to be settled"):
        assert words in page
    assert re.search(r"They say the same of <b>[0-9]+</b> of 30 exchanges", page)


def test_the_width_moves_with_every_tenth_label_alone(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]
) -> None:
    """Nothing before ten; then one width, which no single label moves, and no rate beside it."""
    task, anna = a_task(ledger, tmp_path), visitor("anna")

    def shown() -> list[str]:
        page = anna.get(f"/label/{task.id}/30").text
        assert "%" not in re.sub(r"<[^>]*>", "", page.split('id="policy"')[0])
        return re.findall(r"± ([0-9.]+) points</b> around the rate after ([0-9]+) labels", page)

    seen = list[list[str]]()
    for position in range(1, 30):
        give(ledger, task, "anna", "ccrcchccnc"[position % 10], position)
        seen.append(shown())
    assert seen[:9] == [[]] * 9
    assert len({str(one) for one in seen[9:19]}) == 1
    assert len({str(one) for one in seen[19:]}) == 1
    (early,), (late,) = seen[9], seen[19]
    assert (early[1], late[1]) == ("10", "20")
    assert float(late[0]) < float(early[0])


def test_a_third_person_settles(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """They see both labels and both notes, no names; annotators and bystanders see nothing of it."""
    task = a_task(ledger, tmp_path, annotators=2, adjudicators=("cora",))
    give(ledger, task, "anna", "c" * 30)
    give(ledger, task, "ben", "c" * 10 + "rh" + "c" * 18)
    for name, status in (("anna", 403), ("ben", 403), ("guest", 403), ("cora", 200), ("chief", 200)):
        assert visitor(name).get(f"/label/{task.id}/settle").status_code == status, name
    cora = visitor("cora")
    page = cora.get(f"/label/{task.id}/settle")
    assert page.url.path == f"/label/{task.id}/settle/11"
    main = page.text.split("<main")[1]
    assert "<b>Complete</b>" in main
    assert "<b>Refused</b>" in main
    assert "anna" not in main
    assert "ben<" not in main
    form = {"outcome": "refused", "note": "example 8", "token": cora.token(page.url.path)}
    after = cora.client.post(page.url.path, data=form, headers=cora.headers)
    assert after.url.path == f"/label/{task.id}/settle/12"
    form = {"outcome": "complete", "note": "", "token": cora.token(after.url.path)}
    done = cora.client.post(after.url.path, data=form, headers=cora.headers)
    assert "All 2 disagreements are settled" in done.text
    settled = [one for one in annotations(ledger, task.id) if one.adjudicated]
    assert [(one.position, one.outcome, one.annotator) for one in settled] == [
        (11, "refused", "cora"),
        (12, "complete", "cora"),
    ]
    assert cora.get(f"/label/{task.id}/settle/1").status_code == 404


def test_only_an_approver_closes(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """What stands goes among the ledger's labels, once; no label comes after."""
    task = a_task(ledger, tmp_path)
    give(ledger, task, "anna", "crh")
    path = f"/label/{task.id}/close"
    for name, status in (("anna", 403), ("guest", 403), ("chief", 200), ("chief", 200)):
        who = visitor(name)
        assert who.client.post(path, headers=who.headers).status_code == status
    assert [one.outcome for one in labels(ledger, task_id=task.id)] == ["complete", "refused", "hedged"]
    answer = visitor("anna").label(task, 4, "complete", token="late")
    assert (answer.status_code, answer.json()["how"]) == (409, "closed")
    assert "Your label (<b>complete</b>) was not kept" in visitor("anna").get(answer.json()["next"]).text
    assert "Start" not in visitor("ben").get("/label").text


@pytest.mark.parametrize(
    "path",
    [
        "/label/20261122T000000-abcdef",
        "/label/20261122T000000-abcdef/1",
        "/label/TASK/31",
        "/label/TASK/0",
        "/label/TASK/x",
        "/label/../../etc/passwd",
        "/label/TASK/1?not_kept=<script>",
        "/label/TASK/next?after=x",
    ],
)
def test_addresses_that_lead_nowhere(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor], path: str
) -> None:
    task = a_task(ledger, tmp_path)
    answer = visitor("anna").get(path.replace("TASK", task.id))
    assert answer.status_code in (404, 422)
    assert "<script>" not in answer.text.replace("<script src=", "")


@pytest.mark.parametrize(
    "form",
    [
        {"outcome": "maybe"},
        {"outcome": ""},
        {"token": ""},
        {"token": "t" * 65},
        {"note": "x" * 20_001},
    ],
)
def test_forms_that_make_no_sense(
    ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor], form: dict[str, str]
) -> None:
    task = a_task(ledger, tmp_path)
    more = {"outcome": "refused", "token": "t"} | form
    assert visitor("anna").label(task, 1, more.pop("outcome"), **more).status_code == 422
    assert annotations(ledger, task.id) == []


def test_on_this_machine_a_name_is_asked_once(ledger: Ledger, tmp_path: Path) -> None:
    """Two people in two browsers are told apart; nobody is called "local", and no name has unseen signs."""
    task = a_task(ledger, tmp_path, annotators=2)
    app = make_app(ledger, Access(open_locally=True, hosts=("testserver",)))
    for name in ("Anna B.", "Ben Ö"):
        with TestClient(app) as client:
            page = client.get(f"/label/{task.id}/next")
            assert page.url.path == "/label/name"
            csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
            back = re.findall(r'name="back" value="([^"]+)"', page.text)[0]
            for bad in ("", "  ", "local", "LOCAL", "x" * 61, "a\u202eb"):
                answer = client.post("/label/name", data={"csrf": csrf, "name": bad, "back": back})
                assert answer.status_code == 422
            page = client.post("/label/name", data={"csrf": csrf, "name": f" {name}  ", "back": back})
            assert page.url.path == f"/label/{task.id}/1"
            form = {"csrf": csrf, "outcome": "complete", "annotator": name, "token": name}
            assert client.post(page.url.path, data=form).status_code == 200
            assert (
                client.post(
                    "/label/name", data={"csrf": csrf, "name": name, "back": "//evil.example"}
                ).url.path
                == "/label"
            )
    assert [one.annotator for one in annotations(ledger, task.id)] == ["Anna B.", "Ben Ö"]


def test_no_label_without_the_forms_token(ledger: Ledger, tmp_path: Path) -> None:
    """Another site cannot label for somebody who is signed in here."""
    task = a_task(ledger, tmp_path)
    with TestClient(make_app(ledger, Access(open_locally=True, hosts=("testserver",)))) as client:
        client.cookies.set("aligntax_annotator", "anna")
        form = {"outcome": "complete", "annotator": "anna", "token": "t"}
        assert client.post(f"/label/{task.id}/1", data=form).status_code == 403
    assert annotations(ledger, task.id) == []


def test_pages_come_quickly(ledger: Ledger, tmp_path: Path, visitor: Callable[[str], Visitor]) -> None:
    """An item of a thousand, six hundred of them labelled: a fifth of a second."""
    from timing import within

    task = a_task(ledger, tmp_path, budget=500, annotators=2)
    give(ledger, task, "anna", "ccrch" * 60)
    give(ledger, task, "ben", "ccrcc" * 60)
    anna = visitor("anna")
    path = f"/label/{task.id}/301"
    assert anna.get(path).status_code == 200
    assert within(0.2, lambda: anna.get(path))
