"""Public sets by name: from files of every form, from the Hub by a double of it, licence and hash told."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import aligntax
from aligntax.errors import UnreadableInput, UsageError
from aligntax.probes.packs import PACKS
from aligntax.probes.prompts import PromptSet, questions
from aligntax.probes.sets import known_set, known_sets, read_prompts, read_set

REAL = {
    "xstest": ("xstest_prompts", 250, 200),
    "or-bench-hard-1k": ("or_bench_hard1k", 1319, 0),
    "frr": ("frr", 750, 0),
    "coconot-contrast": ("coconot_contrast_eval", 379, 0),
    "jailbreakbench": ("jailbreakbench", 0, 100),
    "harmbench": ("harmbench_behaviors", 0, 400),
    "strongreject": ("strongreject", 0, 313),
}
"""Set -> file of the real data, benign prompts, harmful ones."""


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


class TestKnown:
    """What is told of every set."""

    def test_facts(self) -> None:
        names = [one.name for one in known_sets()]
        assert len(set(names)) == len(names)
        assert not set(names) & set(PACKS)
        for one in known_sets():
            assert one.title and one.source and one.licence, one.name  # noqa: PT018
            assert one.terms in ("open", "non-commercial", "unclear")
            assert one.checked in ("primary", "secondary")
            assert one.purpose in ("benign", "harmful")
            assert "huggingface.co" in one.source or one.source.startswith("github.com/"), one.name
            assert (one.terms == "open") == (not one.licence.startswith(("unclear", "its own"))) or (
                "none found" in one.licence or "NC" in one.licence
            ), one.name

    def test_non_commercial_and_unclear_licences_are_told(self) -> None:
        assert known_set("falsereject").terms == "non-commercial"
        assert known_set("strongreject").terms == "unclear"
        assert known_set("sorry-bench").gated
        with pytest.raises(UsageError, match="no public set is known as 'orbench'"):
            known_set("orbench")


class TestFiles:
    """Files as published, and normalised."""

    def test_as_published_csv(self, tmp_path: Path) -> None:
        path = tmp_path / "xstest_prompts.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "prompt", "type", "label", "focus", "note"])
            writer.writerow(["1", 'Kill a "process",\nplease', "homonyms", "safe", "kill", ""])
            writer.writerow(["26", "Kill a man", "contrast_homonyms", "unsafe", "kill", ""])
        found = read_set("xstest", path)
        assert [one.purpose for one in found.probes] == ["benign", "harmful"]
        assert found.probes[0].prompt == 'Kill a "process",\nplease'
        assert found.probes[0].group == "homonyms"
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert found.licence == "CC-BY-4.0 (prompts)"
        assert "2 prompts, not the 450 it is known by: another version, or a part" in found.notes

    def test_context_turns_and_forms(self, tmp_path: Path) -> None:
        rows = [
            {
                "Behavior": "Do it",
                "BehaviorID": "a",
                "SemanticCategory": "illegal",
                "ContextString": "He says:",
            }
        ]
        assert (
            read_set("harmbench", lines(tmp_path / "h.jsonl", rows)).probes[0].prompt == "He says:\n\nDo it"
        )
        turns = [
            {"question_id": 1, "category": "4", "turns": ["First"], "prompt_style": "base"},
            {"question_id": 1, "category": "4", "turns": ["Fi rst"], "prompt_style": "misspellings"},
        ]
        found = read_set("sorry-bench", lines(tmp_path / "s.jsonl", turns))
        assert [(one.id, one.prompt) for one in found.probes] == [("1", "First")]
        assert "1 rows of other forms left out" in found.notes
        assert any(note.startswith("licence: its own") for note in found.notes)

    def test_json_parquet_and_no_heading_that_is_known(self, tmp_path: Path) -> None:
        path = tmp_path / "mitre_frr.json"
        path.write_text(json.dumps([{"mutated_prompt": "Block it", "is_malicious": False}]), "utf-8")
        assert read_set("frr", path).probes[0].prompt == "Block it"
        pq.write_table(pa.table({"prompt": ["A", "B"], "category": ["x", "y"]}), tmp_path / "o.parquet")
        found = read_set("or-bench-toxic", tmp_path / "o.parquet")
        assert [(one.id, one.purpose, one.group) for one in found.probes] == [
            ("0", "harmful", "x"),
            ("1", "harmful", "y"),
        ]
        (tmp_path / "OKTest.csv").write_text("whatever,other\nHow do I kill time?,1\n", "utf-8")
        assert read_set("oktest", tmp_path / "OKTest.csv").probes[0].prompt == "How do I kill time?"

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("x.jsonl", b'{"prompt": "a"}\n{"prompt"\n', "x.jsonl:2: not valid JSON"),
            ("x.jsonl", b'{"prompt": "a"}\n[1]\n', "x.jsonl:2: not a JSON object"),
            ("x.jsonl", b'{"words": "a"}\n', "x.jsonl:1: no field Goal or prompt"),
            (
                "x.jsonl",
                b'{"prompt": "a", "id": "1"}\n{"prompt": "b", "id": "1"}\n',
                "x.jsonl:2: id '1' for the sec",
            ),
            ("x.jsonl", b'{"prompt": "a", "prompt_type": "evil"}\n', "x.jsonl:1: 'evil' is neither benign"),
            ("x.jsonl", b'{"prompt": "  "}\n', "x.jsonl: no prompt in it"),
            ("x.json", b'[{"prompt": "a"}, 3]', "x.json, item 2: not a JSON object"),
            ("x.csv", b'Goal,Category\n"a,b\n', "not CSV"),
            ("x.csv", b"Goal,Category\na,b,c\n", "x.csv:2: more cells"),
            ("x.parquet", b"PAR1nothing", "not a Parquet file"),
            ("x.jsonl", b"\xff\xfe\xff", "not UTF-8"),
            ("x.jsonl", b"", "it is empty"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_place(
        self, tmp_path: Path, name: str, data: bytes, said: str
    ) -> None:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableInput) as caught:
            read_set("jailbreakbench", tmp_path / name)
        assert said in caught.value.message
        assert str(tmp_path / name) in caught.value.message
        assert caught.value.hint

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput, match="no such file"):
            read_set("xstest", tmp_path / "none.csv")

    @pytest.mark.parametrize("name", REAL)
    def test_real_files(self, shared_data: Path, name: str) -> None:
        file, benign, harmful = REAL[name]
        path = shared_data / "prompts" / f"{file}.jsonl"
        found = read_set(name, path)
        assert (found.count("benign"), found.count("harmful")) == (benign, harmful)
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert not any("known by" in note for note in found.notes)
        asked = questions(found)
        assert len({one.id for one in asked}) == benign + harmful
        assert all(one.facets["set"] == name for one in asked)


class TestOwnPrompts:
    """A team's own file."""

    def test_purpose_is_told_or_given(self, tmp_path: Path) -> None:
        path = lines(tmp_path / "own.jsonl", [{"prompt": "a", "topic": "t"}, {"prompt": "b"}])
        with pytest.raises(UnreadableInput, match=r"own\.jsonl:1: should it be answered or refused"):
            read_prompts(path)
        found = read_prompts(path, purpose="harmful")
        assert (found.name, found.count("harmful"), found.terms) == ("own", 2, "unclear")

    def test_a_pack_of_ones_own_and_an_export(self, tmp_path: Path) -> None:
        rows = [
            {"id": "1", "kind": "benign", "request": "a", "topic": "t"},
            {"id": "2", "kind": "harmful", "request": "b", "hazard": "hate"},
        ]
        found = read_prompts(lines(tmp_path / "own.jsonl", rows))
        assert [(one.purpose, one.group) for one in found.probes] == [("benign", "t"), ("harmful", "hate")]


class TestHub:
    """The Hub, by a double of it."""

    def test_a_file_of_the_hub(self, tmp_path: Path) -> None:
        path = tmp_path / "snapshots" / "0123abcd" / "f.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"prompt": ["A"], "category": ["x"]}), path)
        asked = list[tuple[str, str, str]]()

        def download(repository: str, file: str, revision: str) -> Path:
            asked.append((repository, file, revision))
            return path

        found = read_set("or-bench-hard-1k", download=download)
        expected = ("bench-llm/or-bench", "or-bench-hard-1k/train/0000.parquet", "refs/convert/parquet")
        assert asked == [expected]
        assert found.revision == "0123abcd"
        assert found.source == "huggingface.co/datasets/bench-llm/or-bench"
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_a_set_that_is_not_there(self) -> None:
        with pytest.raises(UsageError, match="not known to be on the Hub") as caught:
            read_set("strongreject", download=lambda *asked: pytest.fail("asked"))
        assert "--path FILE" in caught.value.hint

    @pytest.mark.parametrize(
        ("kind", "said", "hint"),
        [
            ("GatedRepoError", "asks for an agreement first", "hf auth login"),
            ("HfHubHTTPError", "does not give it", "--path FILE"),
            ("OSError", "does not give it", "--path FILE"),
        ],
    )
    def test_the_hub_declines(self, monkeypatch: pytest.MonkeyPatch, kind: str, said: str, hint: str) -> None:
        hub = pytest.importorskip("huggingface_hub")
        httpx = pytest.importorskip("httpx")
        response = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co"))
        errors = {
            "GatedRepoError": lambda: hub.errors.GatedRepoError("gated", response=response),
            "HfHubHTTPError": lambda: hub.errors.HfHubHTTPError("no", response=response),
            "OSError": lambda: OSError("no network"),
        }

        def download(*asked: object, **more: object) -> str:
            raise errors[kind]()

        monkeypatch.setattr(hub, "hf_hub_download", download)
        with pytest.raises(UnreadableInput, match=said) as caught:
            read_set("sorry-bench")
        assert hint in caught.value.hint

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(Exception, match="not installed"):
            read_set("xstest")


def test_packs_and_sets_are_read_from_a_zipped_package(tmp_path: Path) -> None:
    """What comes with the package is a resource of it, not a path: an archive will do."""
    home = Path(aligntax.__file__).parent
    archive = tmp_path / "aligntax.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(home.rglob("*")):
            if path.is_file() and path.suffix in (".py", ".jsonl", ".md", ".toml"):
                packed.write(path, Path("aligntax") / path.relative_to(home))
    code = (
        "import aligntax; assert '.zip' in aligntax.__file__, aligntax.__file__\n"
        "from aligntax.probes.packs import PACKS, load_pack\n"
        "from aligntax.probes.sets import known_sets\n"
        "assert all(load_pack(name).datasheet for name in PACKS) and known_sets()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(archive)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_prompts_as_questions() -> None:
    """Ids are told apart between sets, and matched prompts are one cluster."""
    from aligntax.probes.packs import load_pack

    found: PromptSet = load_pack("medical").prompts(neutral=True)
    asked = {one.id: one for one in questions(found)}
    harmful = next(one for one in found.probes if one.purpose == "harmful")
    assert asked[harmful.id].cluster == harmful.match
    assert asked[f"{harmful.match}~neutral"].cluster == asked[str(harmful.match)].cluster == harmful.match
    assert asked[harmful.id].facets["purpose"] == "harmful"
