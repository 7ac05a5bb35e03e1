import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.sources import kept
from ovt.curate.sources.importing import Imported, import_sources
from ovt.curate.sources.section import SourceSection
from ovt.verifiers import verify


def ask(n: int, **more: object) -> dict:
    return {"question": f"Question {n}?", "answer": str(n), "image": f"{n % 10}.png", **more}


def first_image(imported: Imported) -> str:
    return imported.questions["images"][0][0]


def files_of(place: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}


def test_sources_come_one_after_the_other(home: Home, jsonl) -> None:
    one = SourceSection(name="one", path=str(jsonl([ask(n) for n in range(3)], "one.jsonl")))
    two = SourceSection(name="two", path=str(jsonl([ask(n) for n in range(2, 5)], "two.jsonl")))
    heard: list[int] = []
    imported = import_sources([one, two], home, on_row=heard.append)
    assert imported.questions["source"].to_list() == ["one"] * 3 + ["two"] * 2
    assert imported.decisions.select("reason", "detail").rows() == [
        ("duplicate_question", f"two 0: same as question {imported.questions['question_id'][2]}")
    ]
    assert imported.rows_in == {"one": 3, "two": 3}
    assert heard == [1, 2, 3, 4, 5, 6]
    assert set(imported.fingerprints) == {"one", "two"}


def test_names_must_differ(home: Home, jsonl) -> None:
    section = SourceSection(path=str(jsonl([ask(1)])))
    with pytest.raises(RecipeError, match="two sources are named 'rows'"):
        import_sources([section, section], home)


@pytest.mark.parametrize(("limit", "counts"), [(None, [10, 4]), (6, [3, 3]), (7, [4, 3]), (1, [1, 0]), (100, [10, 4])])
def test_a_limit_is_dealt_evenly(home: Home, jsonl, limit, counts) -> None:
    one = SourceSection(name="one", path=str(jsonl([ask(n) for n in range(10)], "one.jsonl")))
    two = SourceSection(name="two", path=str(jsonl([ask(n) for n in range(20, 30)], "two.jsonl")), limit=4)
    imported = import_sources([one, two], home, limit)
    assert list(imported.rows_in.values()) == counts
    assert len(imported.questions) == sum(counts)


def test_shuffling_is_seeded_and_takes_from_everywhere(load, jsonl) -> None:
    path = jsonl([ask(n) for n in range(200)])
    first = load(path, limit=20, shuffle_seed=1).questions
    again = load(path, limit=20, shuffle_seed=1).questions
    other = load(path, limit=20, shuffle_seed=2).questions
    numbers = [int(n) for n in first["source_id"]]
    assert first.equals(again)
    assert not first.equals(other)
    assert numbers != sorted(numbers)
    assert max(numbers) > 100
    longer = load(path, limit=40, shuffle_seed=1).questions
    assert len(longer) == 40


def test_rows_of_several_parts_are_numbered_through(load, folder) -> None:
    for part in range(3):
        pl.DataFrame([ask(n) for n in range(part * 4, part * 4 + 4)]).write_parquet(folder / f"{part}.parquet")
    imported = load(folder / "*.parquet", limit=7, shuffle_seed=5)
    assert [f"Question {n}?" for n in imported.questions["source_id"]] == imported.questions["question"].to_list()
    assert load(folder / "*.parquet", limit=6).questions["source_id"].to_list() == [str(n) for n in range(6)]


def test_an_import_is_kept_and_not_done_again(load, jsonl, home: Home) -> None:
    path = jsonl([*[ask(n) for n in range(5)], ask(6, image="nowhere.png"), ask(1)])
    heard: list[int] = []
    first = load(path)
    before = files_of(home.path)
    second = import_sources([SourceSection(path=str(path))], home, on_row=heard.append)
    assert files_of(home.path) == before
    assert heard == [7]
    assert first.questions.equals(second.questions)
    assert first.decisions.equals(second.decisions)
    assert (first.rows_in, first.fingerprint, first.notes) == (second.rows_in, second.fingerprint, second.notes)


def test_whatever_changes_is_imported_anew(load, jsonl, folder: Path, home: Home, picture) -> None:
    path = jsonl([ask(0), ask(1), ask(2, image="later.png")])
    first = load(path)
    assert first.decisions["reason"].to_list() == ["missing_image"]
    (folder / "later.png").write_bytes(picture(40))  # a missing image came
    assert load(path).decisions.is_empty()
    (folder / "0.png").write_bytes(picture(50))  # an image changed
    changed = load(path)
    assert first_image(changed) != first_image(first)
    assert changed.fingerprint == first.fingerprint
    shutil.rmtree(home.images)  # the stored images went
    load(path)
    assert any(home.images.rglob("*"))
    jsonl([ask(0), ask(1), ask(3)])  # the rows changed
    assert load(path).fingerprint != first.fingerprint
    assert first_image(load(path, max_pixels=20)) != first_image(changed)


def test_a_licence_or_a_broken_cache_changes_nothing(load, jsonl, home: Home) -> None:
    path = jsonl([ask(0)])
    first = load(path)
    assert load(path, license="MIT").fingerprint == first.fingerprint
    for cached in home.imports.rglob("rows.parquet"):
        cached.write_bytes(b"cut off")
    assert load(path).questions.equals(first.questions)


def test_relative_paths_follow_the_folder_one_is_in(home: Home, tmp_path: Path, picture, monkeypatch) -> None:
    for n, name in enumerate(("here", "there")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(picture(n))
        (tmp_path / name / "rows.jsonl").write_text(json.dumps(ask(1, image="a.png")))
    seen = []
    for name in ("here", "there"):
        monkeypatch.chdir(tmp_path / name)
        seen.append(import_sources([SourceSection(path="rows.jsonl")], home).questions["images"][0][0])
    assert seen[0] != seen[1]


def test_image_root(load, folder: Path, tmp_path: Path, jsonl) -> None:
    (tmp_path / "rows").mkdir()
    path = tmp_path / "rows" / "rows.jsonl"
    path.write_text(json.dumps(ask(1, image="1.png")) + "\n" + json.dumps(ask(2, image=str(folder / "2.png"))))
    with pytest.raises(OvtError, match=r"none of 2 rows can be used \(.*missing_image 1.*1.png is not there"):
        load(path)
    assert len(load(path, image_root=str(folder)).questions) == 2


def test_ids_are_the_same_wherever_a_question_comes_from(load, jsonl, folder: Path, picture) -> None:
    one = load(jsonl([ask(1)])).questions
    table = pl.DataFrame([{**ask(1), "image": {"bytes": picture(1), "path": "x"}}])
    table.write_parquet(folder / "same.parquet")
    two = load(folder / "same.parquet").questions
    assert one["question_id"].to_list() == two["question_id"].to_list()
    assert one["question_id"].str.contains("^[0-9a-f]{16}$").all()


def test_two_imports_at_once(home: Home, jsonl) -> None:
    section = SourceSection(path=str(jsonl([ask(n) for n in range(60)])))
    results, threads = [], []
    for _ in range(3):
        threads.append(threading.Thread(target=lambda: results.append(import_sources([section], home))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert all(result.questions.equals(results[0].questions) for result in results)
    assert [path.name[0] for path in home.imports.iterdir()] != ["."]
    assert len(list(home.imports.iterdir())) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from ovt.core.home import Home
from ovt.curate.sources import kept
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
kept.PART = 20
section = SourceSection(path=sys.argv[1], shuffle_seed=int(sys.argv[3]) or None, limit=90)
import_sources([section], Home(Path(sys.argv[2])), on_row=lambda n: n == 70 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.parametrize("seed", [0, 5])
def test_after_kill_9_an_import_goes_on_from_its_last_part(
    home: Home, tmp_path: Path, folder: Path, jsonl, picture, seed, monkeypatch
) -> None:
    pairs = [{"user": f"What is {n}?", "assistant": "blue"} for n in range(3)]
    rows = [{"id": str(n), "image": f"{n % 10}.png", "texts": pairs if n % 7 == 0 else pairs[:1]} for n in range(100)]
    section = SourceSection(path=str(jsonl(rows)), shuffle_seed=seed or None, limit=90)
    code = [sys.executable, "-c", KILLED, section.path, str(home.path), str(seed)]
    assert subprocess.run(code, check=False).returncode == -9
    (left,) = home.imports.glob(".*.rows.part")
    assert [path.name for path in sorted(left.iterdir())] == ["000000", "000001", "000002"]
    monkeypatch.setattr(kept, "PART", 20)
    heard: list[int] = []
    resumed = import_sources([section], home, on_row=heard.append)
    whole = import_sources([section], Home(tmp_path / "other"))
    assert 60 < heard[0] <= 67  # a part ends with a whole row
    assert resumed.questions.equals(whole.questions)
    assert resumed.fingerprints == whole.fingerprints
    assert [path.name for path in home.imports.iterdir()] == [
        path.name for path in (tmp_path / "other" / "imports").iterdir()
    ]
    assert import_sources([section], home).questions.equals(whole.questions)


def test_parts_are_not_used_after_an_image_changed(home: Home, folder: Path, jsonl, picture, monkeypatch) -> None:
    section = SourceSection(path=str(jsonl([ask(n) for n in range(100)])), limit=90)
    code = [sys.executable, "-c", KILLED, section.path, str(home.path), "0"]
    assert subprocess.run(code, check=False).returncode == -9
    (folder / "3.png").write_bytes(picture(77))
    heard: list[int] = []
    resumed = import_sources([section], home, on_row=heard.append)
    assert heard[0] == 1
    assert resumed.questions.equals(import_sources([section], Home(home.path / "other")).questions)


def test_it_knows_nothing_of_torch_and_loads_datasets_only_when_asked(jsonl, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ovt.core.home import Home\n"
        "from ovt.curate.sources.importing import import_sources\n"
        "from ovt.curate.sources.section import SourceSection\n"
        f"import_sources([SourceSection(path={str(jsonl([ask(1)]))!r})], Home(Path({str(tmp_path / 'h')!r})))\n"
        "print([name for name in ('torch', 'datasets', 'sympy', 'openai') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["1.png", "2.png", "nowhere.png", "../x.png", "A", "B", "yes", "['a', 'b']", "(A) 1 (B) 2", "<image>"]
    ),
    st.lists(st.sampled_from(["a", "b", "1", "1.png", None, 3]), max_size=3),
    st.dictionaries(
        st.sampled_from(["bytes", "path", "A", "B", "text"]), st.sampled_from(["x", None, "1.png"]), max_size=2
    ),
)
HOSTILE = st.one_of(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("question", "answer", "image", "choices", "id"), CELLS)),
    st.lists(CELLS, max_size=3),
    CELLS,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(HOSTILE, max_size=8))
def test_every_row_is_a_question_or_has_one_reason(load, jsonl, home: Home, rows: list) -> None:
    path = jsonl([{**ask(4), "choices": None, "id": "fine"}, *rows])
    imported = load(path)
    reasons = imported.decisions["reason"]
    assert imported.rows_in["rows"] == len(rows) + 1
    assert imported.rows_in["rows"] == len(imported.questions) + len(imported.decisions)
    assert reasons.null_count() == 0
    ids = pl.concat([imported.questions["question_id"], imported.decisions["id"]])
    assert ids.n_unique() == len(ids)
    assert all((home.images / image[:2] / image).is_file() for image in imported.questions["images"].explode())


def test_a_question_per_round(load, jsonl) -> None:
    pairs = [{"user": "What is it?", "assistant": "A cube."}, {"user": "Its colour?", "assistant": "red"}]
    path = jsonl([{"id": "a", "image": "0.png", "texts": pairs}, {"id": "b", "image": "1.png", "texts": pairs[:1]}])
    made = load(path)
    assert made.questions["source_id"].to_list() == ["a#1", "a#2", "b"]
    assert made.questions["gold"].to_list() == ["A cube.", "red", "A cube."]
    assert made.rows_in == {"rows": 3}
    told = load(path, rounds="each_in_context").questions["question"].to_list()
    assert told[1] == "User: What is it?\n\nAssistant: A cube.\n\nUser: Its colour?"
    assert load(path, rounds="last").questions["source_id"].to_list() == ["a", "b"]
    assert load(path, shuffle_seed=3).questions["source_id"].to_list() in (["a#1", "a#2", "b"], ["b", "a#1", "a#2"])


def test_one_column_per_option(load, jsonl) -> None:
    row = {"question": "What?", "A": "cat", "B": "dog", "C": None, "answer": "B", "image": "0.png"}
    made = load(jsonl([row]))
    assert made.questions["choices"].to_list() == [["cat", "dog"]]
    assert made.questions["gold"].to_list() == ["B"]


@pytest.mark.parametrize(("accept", "gold"), [("any", "basil ||| herb"), ("majority", "basil")])
def test_several_golds(load, jsonl, accept: str, gold: str) -> None:
    row = {"question": "What?", "answers": [{"answer": text} for text in ("basil", "herb", "Basil")], "image": "0.png"}
    made = load(jsonl([row]), accept=accept)
    assert made.questions["gold"].to_list() == [gold]
    assert [verify(said, gold).outcome for said in ("Basil.", "Herb", "mint")] == [
        "correct", "correct" if accept == "any" else "wrong", "wrong"
    ]  # fmt: skip


def test_a_newer_reading_has_another_fingerprint_and_an_older_import_keeps_its_own(load, home: Home, jsonl) -> None:
    plain, new = ({"question": q, "answer": "2", "image": "0.png"} for q in ("How many?", "What is x? (1) 70 (2) 80"))
    paths = [jsonl([plain], "plain.jsonl"), jsonl([plain, new], "new.jsonl")]
    made = [load(path) for path in paths]
    (folders,) = [{one.name: json.loads((one / "import.json").read_text()) for one in home.imports.iterdir()}]
    assert made[0].fingerprints["plain"] in folders
    assert made[1].fingerprints["new"] not in folders
    assert sorted(found.get("readings", []) for found in folders.values()) == [[], ["dressings", "labels"]]
    assert [load(path).fingerprints for path in paths] == [one.fingerprints for one in made]
