"""`ovt data lint`, `dedup` and `decontam`, and their stages in a build."""

import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.curate.screen.packs import save_pack
from ovt.curate.screen.screen import open_benchmark
from ovt.pocket import figures as pocket

STAGES = """
[dedup]
[decontam]
against = ["{folder}/bench.pack"]
"""


@pytest.fixture
def figures(shell):
    """The shell's questions on figures that differ: number 3 again as a JPEG, number 5's picture in a benchmark."""
    pictures = [pocket.draw("bars", seed).image.convert("RGB") for seed in range(8)]
    rows = []
    for number, picture in enumerate(pictures):
        picture.save(shell.folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "question": f"What is number {number}?", "answer": str(number)})
    pictures[3].save(shell.folder / "again.jpg", quality=95, subsampling=0)
    rows.append({"image": "again.jpg", "question": "what is number 3", "answer": "3"})
    write(shell.folder / "questions.jsonl", rows)
    pictures[5].resize((84, 84), Image.Resampling.LANCZOS).save(shell.folder / "bench.png")
    write(
        shell.folder / "bench.jsonl", [{"image": "bench.png", "question": "Which bar is the lowest?", "answer": "red"}]
    )
    pack(shell, "bench.jsonl")
    return shell


def pack(shell, benchmark: str) -> None:
    """What `--save-pack bench.pack` writes."""
    save_pack(open_benchmark(str(shell.folder / benchmark), Home(shell.home)), shell.folder / "bench.pack")


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_stages_drop_before_anything_is_asked(figures, loopback, table):
    plain = figures.build("--set", "reason.k=1")
    asked_before = len(loopback.answered)
    figures.recipe.write_text(figures.recipe.read_text() + STAGES.format(folder=figures.folder))
    (figures.folder / "bench.jsonl").unlink()  # the pack is enough
    planned = figures.run("curate", "build", str(figures.recipe), "--set", "reason.k=1", "--dry-run", "--json")
    assert [stage["rows"] for stage in json.loads(planned.stdout)] == [7, 7]
    built = figures.build("--set", "reason.k=1")
    assert (plain["ref"], built["ref"]) == ("small@v1", "small@v2")
    assert len(loopback.answered) == asked_before  # all answered already
    manifest = json.loads((Path(built["path"]) / "manifest.json").read_text())
    stages = [
        (row["stage"], row["rows_in"], row["rows_out"]) for row in manifest["funnel"] if row["level"] == "question"
    ]
    assert stages[:4] == [("import", 9, 9), ("dedup", 9, 8), ("decontam", 8, 7), ("caption", 7, 7)]
    assert [one["source"] for one in manifest["provenance"]["benchmarks"]] == ["bench"]
    gone = table(built, "decisions").filter(pl.col("stage").is_in(["dedup", "decontam"]))
    assert gone["reason"].to_list() == ["near_duplicate", "benchmark_image"]
    known = dict(table(built, "questions").select("question", "question_id").iter_rows())
    assert gone["id"].to_list() == [known["what is number 3"], known["What is number 5?"]]
    why = figures.run("data", "why", built["ref"], gone["id"][0])
    assert why.returncode == 0, why.stderr
    assert known["What is number 3?"] in why.stdout
    assert "what is number 3" in why.stdout
    assert "Describe." not in why.stdout  # nobody was asked


def test_a_changed_benchmark_is_another_build(figures):
    figures.recipe.write_text(figures.recipe.read_text() + STAGES.format(folder=figures.folder))
    figures.build("--set", "reason.k=1")
    pack(figures, "questions.jsonl")
    done = figures.run("curate", "build", str(figures.recipe), "--set", "reason.k=1")
    assert done.returncode == 1
    assert "dedup and decontam drop all 9 questions" in done.stderr


def test_a_recipe_without_the_stages_says_nothing_of_them(shell):
    built = shell.build("--set", "reason.k=1")
    written = (Path(built["path"]) / "manifest.json").read_text()
    assert "dedup" not in written
    assert "decontam" not in written
    assert "benchmarks" not in written


@pytest.mark.parametrize(
    "command",
    ["lint small.toml", "dedup questions.jsonl", "decontam questions.jsonl --against bench.jsonl --save-pack new.pack"],
)
def test_commands_find_and_gate(figures, command):
    done = figures.run("data", *command.split(), "--json", "--strict")
    assert done.returncode == 4, done.stderr
    about = json.loads(done.stdout)
    assert about["questions"] == 9
    assert about["findings" if "lint" in command else "found"]
    if "new.pack" in command:
        assert "bench: 1 items, 1 images" in done.stderr
        assert (figures.folder / "new.pack").read_bytes() == (figures.folder / "bench.pack").read_bytes()


def test_lint_shows_rules_counts_and_examples(figures):
    done = figures.run("data", "lint", "questions.jsonl")
    assert done.returncode == 0, done.stderr
    assert "near_duplicate" in done.stdout
    assert "questions: 9 questions, 2 findings by 2 rules" in done.stdout


def test_a_version_is_looked_at_too(figures):
    figures.build("--set", "reason.k=1")
    found = json.loads(figures.run("data", "dedup", "small", "--json").stdout)
    assert (found["name"], len(found["found"])) == ("small@v1", 1)
    against_itself = figures.run("data", "decontam", "small", "--against", "small@v1", "--json", "--strict")
    assert against_itself.returncode == 4
    assert len(json.loads(against_itself.stdout)["found"]) == 9


def test_fail_is_a_gate(figures, loopback):
    stages = STAGES.format(folder=figures.folder) + 'mode = "fail"\n'
    figures.recipe.write_text(figures.recipe.read_text() + stages)
    done = figures.run("curate", "build", str(figures.recipe))
    assert done.returncode == 4
    assert "1 questions are in a benchmark" in done.stderr
    assert loopback.seen == []


def test_a_benchmark_with_settings_of_its_own(figures):
    row = json.loads((figures.folder / "bench.jsonl").read_text().splitlines()[0])
    other = {"asked": row["question"], "label": row["answer"], "scan": row["image"]}
    (figures.folder / "other.jsonl").write_text(json.dumps(other) + "\n")
    columns = '{ question = "asked", gold = "label", image = "scan" }'
    told = f'{{ path = "other.jsonl", columns = {columns} }}'
    done = figures.run("data", "decontam", "questions.jsonl", "--against", told, "--json")
    assert done.returncode == 0, done.stderr
    assert [one["reason"] for one in json.loads(done.stdout)["found"]] == ["benchmark_image"]
    for wrong, said in (("{ path = ", "is not a table"), ('{ path = "x.csv", colums = 3 }', "did you mean columns?")):
        done = figures.run("data", "decontam", "questions.jsonl", "--against", wrong)
        assert done.returncode == 2
        assert said in done.stderr


def test_decontam_without_a_benchmark_is_a_usage_error(figures):
    done = figures.run("data", "decontam", "questions.jsonl")
    assert done.returncode == 2
    assert "give --against BENCHMARK" in done.stderr
