"""Benchmarks asked over HTTP: prompts, pictures, sizes, resuming; kept answers compared, explained and read again."""

import io
import json
from typing import Any

import polars as pl
import pytest
from PIL import Image

from ovt import api
from ovt.core.errors import BudgetReached, OvtError, RecipeError
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.run import Session
from ovt.evaluation.benchmark import find_benchmark
from ovt.evaluation.catalogue import shown
from ovt.evaluation.compare import compare, needed, power, vision_report
from ovt.evaluation.evaluate import evaluate
from ovt.evaluation.judging import Judge, judge_at
from ovt.evaluation.posing import How, pose
from ovt.evaluation.rescore import Again, rescore, with_judge
from ovt.evaluation.results import evaluation_names, open_evaluation, read_readings, read_table
from ovt.evaluation.rows import choose, load_items
from ovt.evaluation.suite import PAPER, paper_report, suite_of
from ovt.evaluation.vision import image_modes
from ovt.evaluation.why import why


def png(colour, size=(40, 20)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def data(tmp_path):
    """Rows in the true schema of MathVista."""
    colours = ["red", "blue", "green", "navy", "gold", "pink"]
    rows = [
        {
            "pid": str(number), "question": f"Which colour is picture {number}?", "image": f"images/{number}.jpg",
            "decoded_image": {"bytes": png(colour), "path": None}, "choices": ["grey", colour], "unit": None,
            "precision": None, "answer": colour, "question_type": "multi_choice", "answer_type": "text",
            "metadata": {"category": "general-vqa" if number % 2 else "math-targeted-vqa", "skills": ["a", "b"]},
            "query": f"Hint: …\nQuestion: Which colour is picture {number}?\nChoices:\n(A) grey\n(B) {colour}",
        }
        for number, colour in enumerate(colours)
    ]  # fmt: skip
    path = tmp_path / "testmini.parquet"
    pl.DataFrame(rows).write_parquet(path)
    return str(path)


@pytest.fixture
def ask(data, home, loopback):
    """Evaluate the rows with the loopback server, which says B of the first three pictures."""
    loopback.reply = lambda body, choice: "B" if any(f"picture {n}" in str(body["messages"]) for n in range(3)) else "A"

    def run(name, how=None, overrides=(), session=None, **endpoint):
        section = EndpointSection(
            base_url=loopback.url, model="test-model", max_concurrency=2, max_retries=1, **endpoint
        )
        session = session or Session(home)
        posed, settings = pose("mathvista", how or How(data=data), overrides, session)
        return evaluate(name, posed, section, settings, session)

    return run


def test_what_is_asked_and_kept(ask, loopback, home, data):
    done = ask("first")
    assert done.benchmark is not None
    assert done.benchmark.readings["ours"].accuracy == done.benchmark.readings["official"].accuracy == 0.5
    assert done.scores.accuracy == 0.5  # strict, as the reward reads
    assert (done.benchmark.expected, done.benchmark.subset, done.benchmark.missing) == (6, 1_000, 0)
    assert done.sizes is not None
    assert (done.sizes.pictures, done.sizes.most_pixels) == (6, 800)
    assert set(done.benchmark.groups["skills"]) == {"a", "b"}
    content = loopback.seen[0].body["messages"][0]["content"]
    assert [part["type"] for part in content] == ["image_url", "text"]
    assert content[1]["text"].startswith("Hint: …\nQuestion: Which colour is picture")
    assert loopback.seen[0].body["temperature"] == 0.0
    asked = len(loopback.answered)
    assert ask("first") == done
    assert len(loopback.answered) == asked  # found, nothing asked twice
    assert read_table("first", "items", home)["id"].to_list() == ["0", "1", "2", "3", "4", "5"]
    assert "prompt official" in str(done.report("category"))
    with pytest.raises(OvtError, match=r"made from different inputs .*benchmark\.prompt was official"):
        ask("first", How("official-today", data=data))


def test_a_stopped_evaluation_asks_nothing_twice(ask, loopback, home):
    loopback.reply = lambda body, choice: "I look at the picture again. " * 20
    with pytest.raises(BudgetReached):
        ask("stopped", session=Session(home, Budget(max_tokens=2_300)))
    some = len(loopback.answered)
    assert 0 < some < 6
    ask("stopped")
    assert len(loopback.answered) == 6


def test_more_tokens_are_asked_by_adding_to_the_command(ask, loopback):
    loopback.reply = lambda body, choice: "I look at the picture again. " * 20
    told = str(ask("short", overrides=("sampling.max_tokens=5",)))
    assert "add to the command: --set sampling.max_tokens=20 --name short-20" in told
    assert "ovt eval run" not in told


def test_prompts_have_their_sampling_and_their_rule(ask, loopback, data):
    done = ask("paper", How("openvlthinker", data=data))
    body = loopback.seen[0].body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.01, 0.001, 2048)
    assert body["messages"][0]["content"][1]["text"].startswith("Hint: Please answer the question requiring an answer.")
    assert done.asked.benchmark is not None
    assert done.asked.benchmark.rule == "openvlthinker"
    assert done.benchmark is not None
    assert done.benchmark.readings["official"].accuracy == 0.0  # there is no <answer> and no box
    ask("more", How("openvlthinker", data=data), ["sampling.max_tokens=64", "max_pixels=200"])
    assert loopback.seen[-1].body["max_tokens"] == 64
    with pytest.raises(RecipeError, match="mathvista has named prompts; choose one with --prompt"):
        ask("other", overrides=["prompt=x"])


def test_pictures_that_are_taken_away(ask, loopback, data, home):
    real, blank = ask("real"), ask("blank", How(images="blank", data=data))
    loopback.reply = lambda body, choice: "A"
    noised, shuffled = (
        ask("noised", How(images="noised", data=data)),
        ask("shuffled", How(images="shuffled", data=data)),
    )
    ids = [
        read_table(one.name, "questions", home)["images"].explode().to_list() for one in (real, blank, noised, shuffled)
    ]
    assert sorted(ids[0]) == sorted(ids[3])
    assert not any(one == other for one, other in zip(ids[0], ids[3], strict=True))
    assert len(set(ids[1])) == 1  # the same grey
    assert len(set(ids[2])) == 6
    found = vision_report({"real": real, "blank": blank, "noised": noised}, home).data
    assert (found[1]["changed"], found[1]["against_real"]["value"]) == (0.0, 0.0)
    assert (found[2]["changed"], found[2]["against_real"]["value"]) == (0.5, -0.5)
    assert image_modes("real, blank") == ["real", "blank"]
    with pytest.raises(RecipeError, match="did you mean shuffled"):
        image_modes("shufled")


def test_comparisons_say_what_flips_and_what_else_differs(ask, loopback, data, home):
    ask("one")
    loopback.reply = lambda body, choice: "B"
    ask("two", How("official-today", data=data))
    found = compare(["one", "two"], home)
    assert found.data[1]["against_first"]["value"] == 0.5
    assert found.data[1]["flips"] == {"better": 3, "worse": 0, "mcnemar": 0.25}
    assert "two was also asked differently: benchmark.prompt was official, would be official-today" in str(found)
    assert "ovt eval why two" in str(found)
    assert compare(["one", "two"], home, "official").data[1]["against_first"]["value"] == 0.5
    with pytest.raises(RecipeError, match="one has no reading 'judge'; it has ours, strict, official"):
        compare(["one", "two"], home, "judge")
    assert power(["one", "two"], home, 0.02).data["flips"] == 0.5


def test_power():
    assert needed(0.02, 0.2) == 3_917
    assert needed(0.02, 0.2, 2.0) == pytest.approx(4 * 3_917, abs=5)
    assert needed(0.1, 0.1) < needed(0.05, 0.1)


def test_gains_that_no_number_of_questions_shows_are_told(ask, home):
    ask("one")
    for of, flips in (((), 0.005), (("one", "one"), None)):
        found = power(of, home, 0.02, flips)
        assert found.data["needed"] == []
        assert "share that flips: 1, 2, 3, 5 points are out of reach" in str(found)
        assert "questions needed" not in str(found)


def test_an_answer_is_explained(ask, home):
    ask("one")
    found = why("one", "4", home)
    assert found.data["question"]["gold"] == "gold"
    assert "⟦A⟧" in str(found)
    assert found.data["answers"][0]["ours"] is False
    assert why("one", found.data["question"]["question_id"][:8], home).data == found.data
    with pytest.raises(OvtError, match="0 questions of one match '99'; give one of its ids, such as 0, 1, 2"):
        why("one", "99", home)


def test_kept_replies_are_read_again(ask, loopback, home):
    done, asked = ask("one"), len(loopback.answered)
    again = rescore("one", Again(rule="openvlthinker", keep="two"), home)
    assert len(loopback.answered) == asked
    assert again.flips.is_empty()
    kept = open_evaluation("two", home)
    assert kept.benchmark is not None
    assert kept.benchmark.rule == "openvlthinker"
    assert kept.benchmark.readings["official"].accuracy == 0.0
    assert kept.benchmark.readings["ours"] == (done.benchmark and done.benchmark.readings["ours"])
    assert "0 answers change" in str(again)


def test_a_judge_reads_too(ask, loopback, home):
    ask("one")
    asked = len(loopback.answered)
    loopback.reply = lambda body, choice: "It says so.\nCORRECT" if "picture 4" in str(body["messages"]) else "Hm."
    judge = EndpointSection(base_url=loopback.url, model="test-model", max_concurrency=2)
    now = rescore("one", Again(judge=Judge(judge, Session(home)), keep="judged"), home).now
    assert len(loopback.answered) == asked + 6
    assert now.benchmark is not None
    assert now.benchmark.readings["judge"].accuracy == pytest.approx(1 / 6)  # the others stay open
    assert now.benchmark.judge.startswith("judge test-model (prompt ")
    assert now.benchmark.judge in str(open_evaluation("judged", home).report())
    assert "<<<" in str(loopback.seen[-1].body["messages"])  # fenced, as in curation
    rescore("judged", Again(keep="later"), home)
    assert len(loopback.answered) == asked + 6
    assert read_readings("later", home)["judge"].to_list() == read_readings("judged", home)["judge"].to_list()


def test_run_and_score_ask_a_judge_too(loopback, home, data, tmp_path):
    def reply(body, choice):
        if "reference answer" not in str(body["messages"]):
            return "A"
        return "So.\nCORRECT" if "picture 4" in str(body["messages"]) else "So.\nWRONG"

    loopback.reply = reply
    asked: dict[str, Any] = {
        "how": How(data=data),
        "served_as": "test-model",
        "judge": f"test-model@{loopback.url}",
        "home": home,
    }
    done = api.evaluate(loopback.url, "mathvista", **asked)
    assert done.benchmark is not None
    assert done.benchmark.judge.startswith("judge test-model (prompt ")
    assert done.benchmark.readings["judge"].accuracy == pytest.approx(1 / 6)
    assert done.benchmark == open_evaluation(done.name, home).benchmark
    calls = len(loopback.answered)
    assert api.evaluate(loopback.url, "mathvista", **asked) == done
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps({"model": "x", "pid": str(n), "response": "A"}) + "\n" for n in range(6)))
    scored = api.score(path, "mathvista", questions=data, judge=f"test-model@{loopback.url}", name="filed", home=home)
    assert scored.scores[0].readings["judge"].accuracy == pytest.approx(1 / 6)
    assert scored.scores[0].judge == done.benchmark.judge
    assert done.benchmark.judge in str(scored)
    assert read_readings("filed", home)["judge"].sum() == 1
    assert len(loopback.answered) == calls + 6  # it is shown the benchmark's own question here, the whole prompt there
    with pytest.raises(OvtError, match="the judge is 'grader': expected MODEL@URL, such as qwen3@http"):
        judge_at("grader")


def test_a_question_set_has_no_judge_and_nothing_is_asked(loopback, home, tmp_path):
    path = tmp_path / "held-out.toml"
    path.write_text('name = "held-out"\n[[sources]]\npath = "pocket:figures"\n')
    with pytest.raises(OvtError, match="is not a benchmark's evaluation: only those have rules and judges"):
        api.evaluate(loopback.url, path, served_as="m", judge=f"j@{loopback.url}", limit=2, home=home)
    assert not loopback.seen


def test_a_scored_file_is_kept_as_an_evaluation(tmp_path, data, home):
    path = tmp_path / "out.jsonl"
    rows = [{"model": model, "pid": str(n), "response": said, "true_false": True}
            for model, said in (("x", "B"), ("y/z", "A")) for n in range(6)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    api.score(path, "mathvista", questions=data, name="kept", home=home)
    assert compare(["kept-x", "kept-y-z"], home).data[1]["against_first"]["value"] == -1.0
    assert why("kept-x", "3", home).data["answers"][0]["filed"] is True
    assert rescore("kept-x", Again(keep="anew"), home).flips.is_empty()
    assert read_readings("anew", home)["filed"].to_list() == [True] * 6


def test_a_kept_evaluation_is_not_replaced_by_another(tmp_path, data, home, ask):
    ask("mine")
    path = tmp_path / "out.jsonl"

    def score(*runs, name):
        rows = [{"run": run, "pid": str(n), "response": "B"} for run in runs for n in range(6)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return api.score(path, "mathvista", questions=data, name=name, home=home)

    with pytest.raises(OvtError, match=r"evaluation mine was made from different inputs .*; choose another --name"):
        score("x", name="mine")
    with pytest.raises(OvtError, match="runs 'a/b' and 'a b' would both be kept as two-a-b: rename one of them"):
        score("a/b", "a b", name="two")
    rescore("mine", Again(keep="one-mine"), home)
    with pytest.raises(OvtError, match="evaluation one-mine was made from different inputs"):
        score("other", "mine", name="one")
    assert evaluation_names(home) == ["mine", "one-mine"]  # nothing of the other run either
    score("x", name="three")
    assert score("x", name="three").scores == [open_evaluation("three", home).benchmark]  # the same again
    with pytest.raises(OvtError, match=r"evaluation three was made from different inputs .*; choose another --keep"):
        rescore("mine", Again(keep="three"), home)
    with pytest.raises(OvtError, match="evaluation mine was made from different inputs"):
        rescore("mine", Again(rule="openvlthinker", keep="mine"), home)


def test_requests_to_a_judge_that_failed_are_told_and_tried_again(home, data, tmp_path, loopback):
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps({"pid": str(n), "response": "A"}) + "\n" for n in range(6)))
    loopback.reply = lambda body, choice: "So.\nCORRECT"
    loopback.status = lambda body: (400, {"error": {"message": "no"}}) if "picture 4" in str(body["messages"]) else None
    asked: dict[str, Any] = {"questions": data, "judge": f"test-model@{loopback.url}", "name": "filed", "home": home}
    scored = api.score(path, "mathvista", **asked)
    assert scored.scores[0].unjudged == 1
    assert "1 requests to the judge failed, and count as wrong; run it again" in str(scored)
    judge = Judge(judge_at(f"test-model@{loopback.url}"), Session(home))
    again = (with_judge(open_evaluation("filed", home), judge), rescore("filed", Again(keep="later"), home).now)
    assert [one.benchmark and one.benchmark.unjudged for one in again] == [1, 1]
    loopback.status = lambda body: None
    done = with_judge(open_evaluation("filed", home), judge)
    assert done.benchmark is not None
    assert (done.benchmark.unjudged, done.benchmark.readings["judge"].accuracy) == (0, 1.0)
    assert open_evaluation("filed", home) == done
    calls = len(loopback.answered)
    assert with_judge(done, judge) == done
    assert len(loopback.answered) == calls


def test_rows_without_an_id_are_about_pictures_of_their_own(tmp_path):
    for name, row in (("ai2d", {"question": "Which?", "options": ["a", "b"], "answer": "0"}),
                      ("chartqa", {"question": "How many?", "answer": "3"})):  # fmt: skip
        path = tmp_path / f"{name}.jsonl"
        path.write_text(f"{json.dumps(row)}\n" * 3)
        items = load_items(find_benchmark(name)[0], "test", str(path)).items
        assert [(item.id, item.cluster) for item in items] == [("0", "0"), ("1", "1"), ("2", "2")]


def test_a_second_question_under_one_id_has_its_picture(tmp_path, home):
    (tmp_path / "a.png").write_bytes(png("red"))
    row = {**find_benchmark("hallusionbench")[0].example, "image": "a.png"}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row | {"question": text}) + "\n" for text in ("Is it red?", "Is it blue?")))
    posed, _ = pose("hallusionbench:image", How(data=str(path)), (), Session(home))
    assert [len(images) for images in posed.questions["images"].to_list()] == [1, 1]
    assert [item.id for item in posed.items.values()] == ["VD_illusion_0_0_0", "VD_illusion_0_0_0#2"]


def test_questions_of_text_alone_are_independent(tmp_path, data, home):
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps({"pid": str(n), "response": "AB"[n % 2]}) + "\n" for n in range(6)))
    api.score(path, "mathvista", questions=data, name="filed", home=home)
    scores = open_evaluation("filed", home).scores
    assert scores.images == 6
    assert 0 < scores.low < scores.high < 1


def test_the_hubs_rows_are_those_of_a_pinned_commit(monkeypatch):
    asked = []

    def refuse(section):
        asked.append(section.revision)
        raise OvtError("no network here")

    monkeypatch.setattr("ovt.evaluation.rows.open_source", refuse)
    for name, data in (("mathvista", None), ("emma:mini", None), ("mathvista", "@main"), ("mathvision", None)):
        benchmark, variant = find_benchmark(name)
        with pytest.raises(OvtError, match="no network here"):
            load_items(benchmark, variant, data)
    assert [len(one or "") for one in asked] == [40, 40, 4, 0]
    assert asked[2:] == ["main", None]
    assert f"{asked[0]}; --data @REVISION reads another" in str(shown("mathvista"))
    assert "none is pinned" in str(shown("mathvision"))


def test_limits(data):
    items = load_items(find_benchmark("mathvista")[0], "testmini", data).items
    assert [item.id for item in choose(items, 2, None)] == ["0", "1"]
    few, more = choose(items, 2, "category"), choose(items, 4, "category")
    assert {item.groups["category"] for item in few} == {"math-targeted-vqa", "general-vqa"}
    assert {item.id for item in few} < {item.id for item in more}
    assert choose(items, 10, "category") == items


def test_the_benchmarks_own_files_name_their_pictures(tmp_path, home):
    """{pid: {…}}, with paths beside the file; rows without a picture are asked, and told."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(png("red"))
    rows = {pid: {"pid": pid, "question": "Which colour?", "answer": "red", "choices": ["red", "blue"],
                  "question_type": "multi_choice", "image": image}
            for pid, image in (("1", "images/1.png"), ("2", None))}  # fmt: skip
    (tmp_path / "testmini.json").write_text(json.dumps(rows))
    session = Session(home)
    posed, _ = pose("mathvista", How(data=str(tmp_path / "testmini.json")), (), session)
    assert [len(images) for images in posed.questions["images"].to_list()] == [1, 0]
    assert session.progress.notes == ["mathvista: 1 of 2 questions have no picture"]
    rows["1"]["image"] = "../../secret.png"
    (tmp_path / "testmini.json").write_text(json.dumps(rows))
    with pytest.raises(OvtError, match="1: image_outside_root"):
        pose("mathvista", How(data=str(tmp_path / "testmini.json")), (), Session(home))


def test_images_stand_at_their_tags(tmp_path, home):
    rows = [
        {
            "id": "test_Art_1", "question": "Is <image 2> like <image 3>?", "options": "['<image 3> is', 'no']",
            "answer": "A", "subject": "Art", "image_1": None, "image_2": {"bytes": png("red"), "path": None},
            "image_3": {"bytes": png("blue"), "path": None},
        }
    ]  # fmt: skip
    picture = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    frame = pl.DataFrame(rows, schema_overrides={"image_1": picture})
    frame.write_parquet(tmp_path / "rows.parquet")
    posed, _ = pose("mmmu-pro:standard", How(data=str(tmp_path / "rows.parquet")), (), Session(home))
    question = posed.questions.row(0, named=True)
    assert question["question"].startswith("Is <image 1> like <image 2>?\nA. <image 2> is\nB. no\nAnswer the preceding")
    assert len(question["images"]) == 2
    paper, _ = pose("mmmu-pro:standard", How("openvlthinker", data=str(tmp_path / "rows.parquet")), (), Session(home))
    assert "<image  2>" in paper.questions["question"][0]  # stays text: the paper puts all images first
    with pytest.raises(RecipeError, match="does not say which rows are vision"):
        pose("mmmu-pro", How(data=str(tmp_path / "rows.parquet")), (), Session(home))


def test_suites():
    suite = suite_of("mathvista,emma:mini", "official", "real,blank")
    assert [(one.questions, one.how and one.how.images) for one in suite.members] == [
        ("mathvista", "real"), ("mathvista", "blank"), ("emma:mini", "real"), ("emma:mini", "blank"),
    ]  # fmt: skip
    assert suite.name_of(suite.members[3], "mine") == "mine-emma-mini-blank"
    paper = suite_of("openvlthinker/benchmarks", None, None)
    assert paper.is_the_papers
    assert [one.questions.partition(":")[0] for one in paper.members] == list(PAPER)
    assert suite_of("pocket:figures", None, None).members[0].how is None
    with pytest.raises(RecipeError, match="did you mean mathvista"):
        suite_of("mathvsta", None, None)
    assert suite.titles[1:3] == ["mathvista:testmini", "emma:mini"]
    assert suite_of("pocket:figures", None, None).titles == []
    with pytest.raises(RecipeError, match="stratify: ai2d has no groups"):
        suite_of("mathvista,ai2d", None, None, stratify=True)
    with pytest.raises(RecipeError, match="has the rows of one benchmark"):
        suite_of("mathvista,emma", None, None, data="x.parquet")


def test_the_papers_table(ask):
    table = paper_report([ask("one")])
    assert table.data == [
        {"benchmark": "mathvista:testmini", "ours": table.data[0]["ours"], "rule": "50.0%", "paper": "72.3%",
         "paper_base": "68.5%"}
    ]  # fmt: skip
