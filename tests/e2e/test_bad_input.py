"""What a user gets for input that cannot be used: one line, an exit code, and what to do."""

import json

import pytest


def refused(shell, *arguments: str, **environ: str) -> str:
    """The one line that a refused command prints."""
    done = shell.run(*arguments, **environ)
    assert done.returncode in (1, 2), (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ovt: ")]
    return line


def write_rows(shell, *rows: dict) -> None:
    (shell.folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def build(shell, *options: str, **environ: str) -> str:
    return refused(shell, "curate", "build", str(shell.recipe), *options, **environ)


def test_a_missing_column_names_those_that_are_there(shell):
    write_rows(shell, {"image": "0.png", "query": "?", "label": "1"})
    line = build(shell, "--set", "sources.0.columns={question='questoin', gold='label'}")
    assert "questoin" in line
    assert "query" in line


def test_no_rows(shell):
    (shell.folder / "questions.jsonl").write_text("")
    assert "questions.jsonl" in build(shell)


def test_no_file(shell):
    assert "nowhere.jsonl" in build(shell, "--set", "sources.0.path=nowhere.jsonl")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("filter.lenght={}", "did you mean length?"),
        ("select.strategy=best", "shortest_correct"),
        ("reason.prompt={foo}", "{foo}"),
    ],
)
def test_an_unknown_filter_strategy_or_placeholder(shell, option, said):
    assert said in build(shell, "--set", option)


def test_nobody_listens_there(shell):
    assert "127.0.0.1:9" in build(shell, "--set", "endpoints.server.base_url=http://127.0.0.1:9/v1")


def test_an_unknown_model(shell):
    assert "gpt-9" in build(shell, "--set", "endpoints.server.model=gpt-9")


def test_a_missing_key_names_its_variable(shell):
    line = build(shell, "--set", "endpoints.server.base_url=https://api.openai.com/v1")
    assert "OPENAI_API_KEY" in line


def test_a_home_that_is_no_folder(shell):
    (shell.folder / "file").write_text("")
    assert "file" in refused(shell, "curate", "build", str(shell.recipe), OVT_HOME=str(shell.folder / "file"))


def test_bad_rows_are_decisions_not_crashes(shell, table):
    (shell.folder / "broken.png").write_bytes(b"not an image")
    good = {"image": "1.png", "question": "What is number 1?", "answer": "1"}
    write_rows(
        shell,
        good,
        good,
        {"image": "broken.png", "question": "What is number 2?", "answer": "2"},
        {"image": "2.png", "question": "What is number 2?", "answer": ""},
        {"image": "3.png", "question": "What is number 3?", "answer": "9" * 100_000},
        {"image": "../../../etc/passwd", "question": "What is number 4?", "answer": "4"},
        {"image": "4.png", "question": "Which?", "choices": ["a", "b"], "answer": "z"},
        {"image": None, "question": "What is number 5?", "answer": "5"},
    )
    built = shell.build()
    dropped = table(built, "decisions").filter(stage="import")
    assert (built["sft"], len(dropped)) == (1, 7)
    assert len(set(dropped["reason"])) >= 6


def test_no_such_version(shell):
    shell.build()
    assert "small" in refused(shell, "data", "show", "smal")
    assert "small@v1" in refused(shell, "data", "why", "small@v1", "zzz")


def test_data_commands_tell_one_story(shell):
    built = shell.build()
    (listed,) = json.loads(shell.run("data", "list", "--json").stdout)
    assert listed == built | {"written": listed["written"], "differs": None}
    rows = json.loads(shell.run("data", "head", "small", "--json", "-n", "1").stdout)
    told = json.loads(shell.run("data", "why", "small", rows[0]["question_id"], "--json").stdout)
    assert told["rows"][0]["sample_id"] == rows[0]["sample_id"]
    funnel = json.loads(shell.run("data", "funnel", "small", "--json").stdout)
    assert all(row["rows_in"] - row["rows_out"] == sum(one["rows"] for one in row["dropped"]) for row in funnel)
    for command in (
        ("list",),
        ("show", "small"),
        ("head", "small"),
        ("funnel", "small@v1"),
        ("why", "small", told["id"]),
    ):
        done = shell.run("data", *command)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_doctor_finds_the_server_and_says_what_is_wrong_with_another(shell, loopback):
    done = shell.run("doctor", str(shell.recipe))
    assert done.returncode == 0, done.stdout
    assert "answered in" in done.stdout
    done = shell.run("doctor", str(shell.recipe), "--set", "endpoints.server.base_url=http://127.0.0.1:9/v1", "--json")
    assert done.returncode == 1
    failed = {one["check"] for one in json.loads(done.stdout) if one["status"] == "fail"}
    assert failed == {"endpoint server, caption", "endpoint server, reason"}


def test_verify_explains_itself(shell):
    right = shell.run("verify", "C", "30°", "--choices", "10°", "--choices", "20°", "--choices", "30°")
    assert (right.returncode, "correct" in right.stdout) == (0, True)
    wrong = shell.run("verify", "21 m", "21 cm", "--json")
    assert (wrong.returncode, json.loads(wrong.stdout)["outcome"]) == (1, "wrong")
