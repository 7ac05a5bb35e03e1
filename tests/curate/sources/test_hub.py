"""Hub datasets, read from the stand-in for the Hub by a process of its own (the Hub's address is read at import)."""

import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
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


ANIMALS = "hf://owner/animals"
SECTIONS = {
    "main": {"path": ANIMALS},
    "cached": {"path": ANIMALS, "offline": True},
    "test": {"path": ANIMALS, "split": "test"},
    "old": {"path": ANIMALS, "split": "train", "revision": "old"},
    "no split": {"path": ANIMALS, "split": "dev"},
    "nothing": {"path": "hf://owner/nothing", "split": "train"},
    "hidden": {"path": "hf://owner/hidden"},
    "no name": {"path": "hf://a/b/c"},
    "unsure": {"path": ANIMALS, "offline": True},
    "unnamed": {"path": ANIMALS, "revision": "old", "offline": True},
    "unreachable": {"path": "hf://owner/name", "offline": True},
    "few": {"path": "hf://owner/few", "limit": 5},
    "again": {"path": "hf://owner/few", "limit": 5},
    "folder": {"path": "hf://owner/folder", "limit": 2},
    "both": {"path": ANIMALS, "split": "train+test", "limit": 100},
    "one": {"path": ANIMALS, "split": "test", "limit": 1},
    "where": {"path": "hf://owner/where", "limit": 2, "where": "answer >= 29"},
    "drawn": {"path": "hf://owner/drawn", "limit": 3, "shuffle_seed": 1},
    "slice": {"path": "hf://owner/slice", "split": "train[40:42]+train[-1:]"},
    "all": {"path": "hf://owner/folder", "limit": 1, "where": "answer = 'dog'"},
}
SHARDED = ("few", "where", "drawn", "slice")  # each has three shards, in a folder of its name
DRAWN = random.Random(1).sample(range(96), 3)  # rows that the shuffle takes


def test_datasets_of_the_hub(tmp_path: Path, files, shard, picture, hub) -> None:
    repo = hub.make("datasets/owner/animals")
    commits = [repo.commit(files(branch), branch) for branch in ("main", "old")]
    for name in SHARDED:
        shards = {f"{name}/train-{n:05}-of-00003.parquet": shard for n in range(3)}
        hub.make(f"datasets/owner/{name}").commit(shards)
    hub.make("datasets/owner/folder").commit(folder_of(picture))
    (tmp_path / "owner" / "hidden").mkdir(parents=True)
    at_commits = {f"at {commit}": {"path": ANIMALS, "revision": commit, "offline": True} for commit in commits}
    sections = SECTIONS | at_commits
    imported = dict(zip(sections, import_each(hub.url, [*sections.values()], tmp_path), strict=True))
    check_whole(imported)
    check_refused(imported)
    check_offline(imported, *(imported[name] for name in at_commits))
    check_limited(imported)
    check_sent(imported, hub.sent, len(shard))


def asked(imported: dict) -> list[str]:
    return [question["question"] for question in imported["questions"]]


def check_whole(imported: dict[str, dict]) -> None:
    main, test, old = imported["main"], imported["test"], imported["old"]
    assert [(q["question"], q["gold"], q["source"]) for q in main["questions"]] == [("main train?", "dog", "animals")]
    assert main["reasons"] == ["image_outside_root"]
    assert main["notes"] == ["source animals: split train", "source animals: gold from label"]
    assert asked(test) == ["main test?"]
    assert asked(old) == ["old train?"]
    assert len({main["fingerprint"], test["fingerprint"], old["fingerprint"]}) == 3


def check_refused(imported: dict[str, dict]) -> None:
    assert "dev" in imported["no split"]["error"]
    assert "hf://owner/nothing cannot be loaded" in imported["nothing"]["error"]
    assert "hides hf://owner/hidden" in imported["hidden"]["error"]
    assert "is not hf://OWNER/NAME" in imported["no name"]["error"]
    unreachable = imported["unreachable"]["error"]
    assert unreachable.startswith("source name: hf://owner/name cannot be loaded (")
    assert "check its name, config, split and revision, the network" in unreachable


def check_offline(imported: dict[str, dict], at_main: dict, at_old: dict) -> None:
    """Offline, datasets reads the newest copy in its cache, whatever the revision: what is not sure is refused."""
    assert imported["cached"] == imported["main"]
    assert "datasets would read its newest cached copy" in imported["unsure"]["error"]
    assert "datasets would read its newest cached copy" in imported["unnamed"]["error"]
    assert ("error" in at_main) + ("error" in at_old) == 1
    assert at_main.get("questions", imported["main"]["questions"]) == imported["main"]["questions"]
    assert at_old.get("questions", imported["old"]["questions"]) == imported["old"]["questions"]


def check_limited(imported: dict[str, dict]) -> None:
    assert asked(imported["few"]) == [f"How many, {n}?" for n in range(5)]
    assert imported["again"] == imported["few"]
    assert [q["gold"] for q in imported["folder"]["questions"]] == ["cat", "dog"]
    assert asked(imported["both"]) == ["main train?", "main test?"]
    assert imported["both"]["reasons"] == ["image_outside_root"] * 2
    assert imported["one"]["questions"] == imported["test"]["questions"]
    assert asked(imported["where"]) == ["How many, 29?", "How many, 30?"]
    assert asked(imported["drawn"]) == list(dict.fromkeys(f"How many, {n % 32}?" for n in DRAWN))
    assert asked(imported["slice"]) == ["How many, 8?", "How many, 9?", "How many, 31?"]
    assert [q["gold"] for q in imported["all"]["questions"]] == ["dog"]
    assert any("downloads all of hf://owner/folder" in note for note in imported["all"]["notes"])


def check_sent(imported: dict[str, dict], sent: Counter, size: int) -> None:
    """Only what is needed is downloaded: a row group is an eighth of a shard, its pictures almost all of it."""
    share = {
        name: [round(8 * sent[f"{name}/train-{n:05}-of-00003.parquet"] / size, 1) for n in range(3)] for name in SHARDED
    }
    drawn = {(n // 32, n % 32 // 4) for n in DRAWN}
    assert share["few"][0] <= 2.2
    assert share["few"][1:] == [0, 0]
    assert share["where"][0] <= 1.2
    assert max(share["where"][1:]) < 0.2
    assert sum(share["drawn"]) <= len(drawn) + 0.6
    assert max(share["slice"][0], share["slice"][1] - 1, share["slice"][2] - 1) < 0.2
