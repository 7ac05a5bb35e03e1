"""Hub datasets, read from the stand-in for the Hub by a process of its own (the Hub's address is read at import)."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Image as ImageFeature

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


def import_each(url: str, sections: list[dict], folder: Path) -> list[dict]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(sections)],
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1", "HF_ENDPOINT": url},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_datasets_of_the_hub(tmp_path: Path, files, hub) -> None:
    repo = hub.make("datasets/owner/animals")
    commits = [repo.commit(files(branch), branch) for branch in ("main", "old")]
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
    ]
    imported = import_each(hub.url, sections, tmp_path)
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
