"""Hub datasets, read from the stand-in for the Hub by a process of its own (the Hub's address is read at import)."""

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Image as ImageFeature
from PIL import Image as PillowImage

GOLDS = ("cat", "dog", "hen")
SCRIPT = Path(__file__).with_name("importer.py")


@pytest.fixture
def files(picture):
    """files(word): Parquet files of a dataset with two splits, class labels, images, and a path out of the cache."""
    features = Features(
        {"question": Value("string"), "label": ClassLabel(names=["cat", "dog"]), "image": ImageFeature()}
    )

    def make(word: str) -> dict[str, bytes]:
        made = {}
        for n, split in enumerate(("train", "test")):
            images = [{"bytes": picture(n), "path": "x.png"}, {"bytes": None, "path": "/etc/hostname"}]
            rows = {"question": [f"{word} {split}?", "stolen?"], "label": [1, 0], "image": images}
            out = io.BytesIO()
            Dataset.from_dict(rows, features).to_parquet(out)
            made[f"data/{split}-00000-of-00001.parquet"] = out.getvalue()
        return made

    return make


@pytest.fixture
def shard() -> bytes:
    """A Parquet file of 32 questions in row groups of four, whose pictures are noise: 3.7 MB a row group."""
    features = Features({"question": Value("string"), "answer": Value("string"), "image": ImageFeature()})
    rows = {
        "question": [f"How many, {n}?" for n in range(32)],
        "answer": [str(n) for n in range(32)],
        "image": [{"bytes": noise(n), "path": None} for n in range(32)],
    }
    out = io.BytesIO()
    Dataset.from_dict(rows, features).to_parquet(out, batch_size=4)
    return out.getvalue()


def noise(n: int) -> bytes:
    out = io.BytesIO()
    picture = PillowImage.frombytes("RGB", (640, 480), random.Random(n).randbytes(640 * 480 * 3))
    picture.save(out, "PNG", compress_level=0)
    return out.getvalue()


def folder_of(picture) -> dict[str, bytes]:
    """An image folder, as files of a repository."""
    rows = [{"file_name": f"{n}.png", "question": f"Which, {n}?", "answer": gold} for n, gold in enumerate(GOLDS)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {"metadata.jsonl": lines.encode(), **{f"{n}.png": picture(n) for n in range(3)}}


def import_each(url: str, sections: list[dict], folder: Path) -> list[dict]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(sections)],
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1", "HF_ENDPOINT": url},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_datasets_of_the_hub(tmp_path: Path, files, shard, picture, hub) -> None:
    repo = hub.make("datasets/owner/animals")
    commits = [repo.commit(files(branch), branch) for branch in ("main", "old")]
    hub.make("datasets/owner/many").commit({f"data/train-{n:05}-of-00003.parquet": shard for n in range(3)})
    hub.make("datasets/owner/folder").commit(folder_of(picture))
    (tmp_path / "owner" / "hidden").mkdir(parents=True)
    path = "hf://owner/animals"
    sections = [
        {"path": path},
        {"path": path, "offline": True},
        {"path": path, "split": "test"},
        {"path": path, "split": "train", "revision": "old"},
        {"path": path, "split": "dev"},
        {"path": "hf://owner/nothing", "split": "train"},
        {"path": "hf://owner/hidden"},
        {"path": "hf://a/b/c"},
        *({"path": path, "revision": revision, "offline": True} for revision in (None, "old", *commits)),
        {"path": "hf://owner/name", "offline": True},
        {"path": "hf://owner/many", "limit": 5},
        {"path": "hf://owner/many", "limit": 5},
        {"path": "hf://owner/folder", "limit": 2},
        {"path": path, "split": "train+test", "limit": 100},
        {"path": path, "split": "test", "limit": 1},
    ]
    imported = import_each(hub.url, sections, tmp_path)
    imported, limited = imported[:-5], imported[-5:]
    main, cached, test, old, *wrong, unsure, unnamed, at_main, at_old, unreachable = imported
    no_split, nothing, hidden, no_name = wrong

    assert [(q["question"], q["gold"], q["source"]) for q in main["questions"]] == [("main train?", "dog", "animals")]
    assert main["reasons"] == ["image_outside_root"]
    assert main["notes"] == ["source animals: split train", "source animals: gold from label"]
    assert [q["question"] for q in test["questions"]] == ["main test?"]
    assert [q["question"] for q in old["questions"]] == ["old train?"]
    assert len({main["fingerprint"], test["fingerprint"], old["fingerprint"]}) == 3

    assert "dev" in no_split["error"]
    assert "hf://owner/nothing cannot be loaded" in nothing["error"]
    assert "hides hf://owner/hidden" in hidden["error"]
    assert "is not hf://OWNER/NAME" in no_name["error"]
    assert unreachable["error"].startswith("source name: hf://owner/name cannot be loaded (")
    assert "check its name, config, split and revision, the network" in unreachable["error"]

    # Offline, datasets reads the newest copy in its cache, whatever the revision: what is not sure is refused.
    assert cached == main
    assert "datasets would read its newest cached copy" in unsure["error"]
    assert "datasets would read its newest cached copy" in unnamed["error"]
    assert ("error" in at_main) + ("error" in at_old) == 1
    assert at_main.get("questions", main["questions"]) == main["questions"]
    assert at_old.get("questions", old["questions"]) == old["questions"]

    # With a limit, only what it needs is downloaded: two row groups of the first file, and its end.
    few, again, folder, both, one = limited
    assert [q["question"] for q in few["questions"]] == [f"How many, {n}?" for n in range(5)]
    assert again == few
    sent = {path: size for path, size in hub.sent.items() if "-of-00003" in path}
    assert list(sent) == ["data/train-00000-of-00003.parquet"]
    assert sent["data/train-00000-of-00003.parquet"] < 0.3 * len(shard)
    assert [q["gold"] for q in folder["questions"]] == ["cat", "dog"]
    assert [q["question"] for q in both["questions"]] == ["main train?", "main test?"]
    assert both["reasons"] == ["image_outside_root"] * 2
    assert one["questions"] == test["questions"]
