"""A tiny copy of each preset's data set, in its own schema, and the questions that it holds."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[tuple[str, str, list[str] | None]]  # (question, gold, choices)
Make = Callable[[Path, Callable[[int], bytes]], Path]


def table(folder: Path, rows: list[dict[str, Any]], name: str = "data/train-00000-of-00001.parquet") -> Path:
    """Rows as the Hub stores them, images as {bytes, path}."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return folder


def files(folder: Path, made: Mapping[str, Any]) -> Path:
    """Texts (JSON) and pictures (bytes) below a folder."""
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def hub(*rows: dict[str, Any], images: str = "image", several: bool = False) -> Make:
    """A Hub data set: rows with a picture each, as parquet."""

    def make(folder: Path, picture: Callable[[int], bytes]) -> Path:
        cells = [{"bytes": picture(n), "path": None} for n in range(len(rows))]
        return table(
            folder, [{**row, images: [cell] if several else cell} for row, cell in zip(rows, cells, strict=True)]
        )

    return make


def figureqa(folder: Path, picture: Callable[[int], bytes]) -> Path:
    pairs = [
        {
            "question_string": f"Is Red the {what}?",
            "image_index": n,
            "question_id": n,
            "answer": n,
            "color1_name": "Red",
            "color1_id": 3,
            "color1_rgb": [255, 0, 0],
            "color2_name": "--None--",
        }
        for n, what in enumerate(("minimum", "maximum"))
    ]
    return files(folder, {"qa_pairs.json": {"qa_pairs": pairs}, "png/0.png": picture(0), "png/1.png": picture(1)})


def geos(folder: Path, picture: Callable[[int], bytes]) -> Path:
    row = {
        "id": "000",
        "text": "What is x?",
        "choices": {"1": "70", "2": "80", "3": "90"},
        "answer": "3",
        "diagram": "000.png",
    }
    return files(folder, {"official/000.json": row, "official/000.png": picture(0)})


def iconqa(folder: Path, picture: Callable[[int], bytes]) -> Path:
    row = {
        "question": "What shape is it?",
        "choices": ["circle", "square"],
        "answer": 1,
        "ques_type": "choose_txt",
        "grade": "grade1",
        "label": "S_2",
    }
    other = row | {"question": "What colour is it?", "choices": ["red", "blue"], "answer": 0}
    made = {"12/data.json": row, "12/image.png": picture(0), "34/data.json": other, "34/image.png": picture(1)}
    return files(folder, made)


def tabmwp(folder: Path, picture: Callable[[int], bytes]) -> Path:
    about = {"unit": None, "table_title": None, "table": "x | y", "grade": 8, "split": "train", "row_num": 2}
    problems = {
        "33": {"question": "Is it linear?", "choices": ["linear", "nonlinear"], "answer": "nonlinear", **about},
        "117": {"question": "What is the range?", "choices": None, "answer": "1,203", **about},
    }
    return files(folder, {"problems_train.json": problems, "tables/33.png": picture(0), "tables/117.png": picture(1)})


def vizwiz(folder: Path, picture: Callable[[int], bytes]) -> Path:
    def row(n: int, answers: list[str], answerable: int = 1) -> dict[str, Any]:
        said = [{"answer": answer, "answer_confidence": "yes"} for answer in answers]
        return {
            "image": f"VizWiz_train_{n:08}.jpg",
            "question": f"What is it, {n}?",
            "answers": said,
            "answer_type": "other",
            "answerable": answerable,
        }

    rows = [row(0, ["basil"] * 6 + ["herb"] * 4), row(1, ["unanswerable"] * 10, 0)]
    return files(folder, {"train.json": rows, "train/VizWiz_train_00000000.jpg": picture(0)})


def clevr(folder: Path, picture: Callable[[int], bytes]) -> Path:
    rows = [
        {
            "split": "train",
            "image_filename": "CLEVR_train_000000.png",
            "image_index": 0,
            "question": question,
            "answer": answer,
            "program": [],
            "question_family_index": 2,
            "question_index": n,
        }
        for n, (question, answer) in enumerate((("Is it red?", "yes"), ("How many?", "3"), ("Is it blue?", False)))
    ]
    made = {"questions/CLEVR_train_questions.json": {"info": {"split": "train"}, "questions": rows}}
    return files(folder, made | {"images/train/CLEVR_train_000000.png": picture(0)})


def superclevr(folder: Path, picture: Callable[[int], bytes]) -> Path:
    rows = [
        {
            "split": "new",
            "image_filename": f"superCLEVR_new_{n:06}.png",
            "image_index": n,
            "question": question,
            "image": f"superCLEVR_new_{n:06}",
            "answer": answer,
            "question_family_index": 0,
            "question_index": n,
        }
        for n, question, answer in (
            (0, "Are there more?", True),
            (1, "How many trucks?", 4),
            (20_000, "Held out?", False),
        )
    ]
    made = {"superCLEVR_questions_30k.json": {"info": {"version": "1.0"}, "questions": rows}}
    return files(folder, made | {f"images/superCLEVR_new_{n:06}.png": picture(n) for n in (0, 1)})


def mapqa(folder: Path, picture: Callable[[int], bytes]) -> Path:
    rows = [
        {
            "map_id": f"map_{n}.png",
            "question_type": "retrieval",
            "question_template_id": "retrieval_1",
            "question": question,
            "answer": answer,
            "oracle_delexicalized_answer": answer,
            "question_id": n,
        }
        for n, question, answer in (
            (0, "Name the states?", ["California", "Florida"]),
            (1, "What is the value?", "14%"),
        )
    ]
    return files(
        folder, {"questions/train-QA.json": rows, "images/map_0.png": picture(0), "images/map_1.png": picture(1)}
    )


def virl39k(folder: Path, picture: Callable[[int], bytes]) -> Path:
    row = {
        "question": "<image>What is x?",
        "answer": "\\boxed{17}",
        "PassRate_32BTrained": 0.5,
        "PassRate_7BBase": None,
        "category": "Geometry",
        "source": "MM-Math",
        "qid": "MM-Math-0",
        "image": ["images/MM-Math-0.png"],
    }
    table(folder, [row], "39Krelease.parquet")
    return files(folder, {"images/MM-Math-0.png": picture(0)})


def llava_cot(folder: Path, picture: Callable[[int], bytes]) -> Path:
    chain = "<SUMMARY> I will look. </SUMMARY>\n\n<REASONING> Wood. </REASONING>\n\n<CONCLUSION>\nA\n</CONCLUSION>"
    turns = [{"from": "human", "value": "Which is it?\nA. wood\nB. metal"}, {"from": "gpt", "value": chain}]
    row = {"id": "sqa_0", "image": "sqa/train/1/image.png", "conversations": turns}
    return files(folder, {"train.jsonl": row, "sqa/train/1/image.png": picture(0)})


def mathv360k(folder: Path, picture: Callable[[int], bytes]) -> Path:
    hints = (
        "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\n"
        "Question: Which is it?\nChoices:\n(A) wood\n(B) metal",
        "Hint: Please answer the question and provide the final answer at the end.\nQuestion: How many?",
    )
    rows = [
        {
            "image": f"TabMWP/images/{n}.png",
            "conversations": [
                {"from": "human", "value": f"<image>\n{hint}"},
                {"from": "gpt", "value": f"The answer is {gold}"},
            ],
        }
        for n, (hint, gold) in enumerate(zip(hints, ("B", "12"), strict=True))
    ]
    made = {"train_samples_all_tuning.json": rows}
    return files(folder, made | {f"data_images/TabMWP/images/{n}.png": picture(n) for n in (0, 1)})


def r1_onevision(folder: Path, picture: Callable[[int], bytes]) -> Path:
    chains = ("<think>So.</think>\n\n**Final Answer**: B", "The answer is \\boxed{12}.")
    asked = ("Which is it?\nA. wood\nB. metal", "How many?")
    rows = [
        {
            "id": str(n),
            "image": base64.b64encode(picture(n)).decode(),
            "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": chain}],
        }
        for n, (question, chain) in enumerate(zip(asked, chains, strict=True))
    ]
    return table(folder, rows)


SOLVED = "<think>So it is.</think><answer>145°</answer>"
FOUR = ["cat", "dog", "cow", "hen"]
COPIES: dict[str, tuple[Make, Rows]] = {
    "figureqa": (figureqa, [("Is Red the minimum?", "No", None), ("Is Red the maximum?", "Yes", None)]),
    "geos": (geos, [("What is x?", "C", ["70", "80", "90"])]),
    "iconqa": (
        iconqa,
        [("What shape is it?", "B", ["circle", "square"]), ("What colour is it?", "A", ["red", "blue"])],
    ),
    "geometry3k": (
        hub(
            {
                "problem": "<image>Find x.",
                "answer": "12",
            },
            images="images",
            several=True,
        ),
        [("Find x.", "12", None)],
    ),
    "tabmwp": (
        tabmwp,
        [("Is it linear?", "nonlinear", ["linear", "nonlinear"]), ("What is the range?", "1,203", None)],
    ),
    "vizwiz": (vizwiz, [("What is it, 0?", "basil", None)]),
    "ai2d": (
        hub(
            {
                "texts": [
                    {
                        "user": f"Question: Which, {n}?\nChoices:\nA. {n} cat\nB. dog\nAnswer with the letter.",
                        "assistant": "Answer: B",
                        "source": "AI2D",
                    }
                    for n in (1, 2)
                ]
            },
            images="images",
            several=True,
        ),
        [(f"Which, {n}?", "B", [f"{n} cat", "dog"]) for n in (1, 2)],
    ),
    "clevr": (clevr, [("Is it red?", "yes", None), ("How many?", "3", None), ("Is it blue?", "no", None)]),
    "superclevr": (superclevr, [("Are there more?", "Yes", None), ("How many trucks?", "4", None)]),
    "mapqa": (mapqa, [("Name the states?", "California, Florida", None), ("What is the value?", "14%", None)]),
    "scienceqa": (
        hub(
            {"question": "Which?", "choices": FOUR, "answer": 2, "hint": "Look.", "task": "closed choice"},
            {"question": "Who?", "choices": FOUR[:2], "answer": 0, "hint": "", "task": "closed choice"},
        ),
        [("Look.\nWhich?", "C", FOUR), ("Who?", "A", FOUR[:2])],
    ),
    "openvlthinker-medium": (
        hub({"problem": "<image>How many?", "answer": "3"}, images="images", several=True),
        [("How many?", "3", None)],
    ),
    "openvlthinker-hard": (
        hub({"problem": "<image>How many?", "answer": "3"}, images="images", several=True),
        [("How many?", "3", None)],
    ),
    "openvlthinker-sft": (
        hub(
            {"messages": [{"role": "user", "content": "<image>How many?"}, {"role": "assistant", "content": SOLVED}]},
            images="images",
            several=True,
        ),
        [("How many?", "145°", None)],
    ),
    "multimodal-open-r1": (
        hub({"problem": "Find the angle.", "solution": SOLVED, "original_question": "?", "original_answer": "!"}),
        [("Find the angle.", "145°", None)],
    ),
    "mmk12": (
        hub({"id": "a", "question": "Find $x$.", "answer": "$\\frac{1}{2}$", "subject": "math"}),
        [("Find $x$.", "$\\frac{1}{2}$", None)],
    ),
    "virl39k": (virl39k, [("What is x?", "17", None)]),
    "m3cot": (
        hub(
            {
                "id": "a-1",
                "category": "c",
                "question": "Which?",
                "choices": FOUR,
                "context": "Look.",
                "answer": "B",
                "rationale": "So.",
                "domain": "science",
                "topic": "t",
            }
        ),
        [("Look.\nWhich?", "B", FOUR)],
    ),
    "llava-cot": (llava_cot, [("Which is it?", "A", ["wood", "metal"])]),
    "r1-onevision": (r1_onevision, [("Which is it?", "B", ["wood", "metal"]), ("How many?", "12", None)]),
    "mathv360k": (mathv360k, [("Which is it?", "B", ["wood", "metal"]), ("How many?", "12", None)]),
    "geoqa-r1v": (hub({"problem": "Find it.", "solution": "<answer> 145° </answer>"}), [("Find it.", "145°", None)]),
    "clevr-r1v": (hub({"problem": "How many?", "solution": "<answer> 3 </answer>"}), [("How many?", "3", None)]),
    "chartqa": (hub({"query": "How many?", "label": ["14"], "human_or_machine": 0}), [("How many?", "14", None)]),
    "a-okvqa": (
        hub(
            {
                "question_id": "q",
                "question": "Which?",
                "choices": FOUR,
                "correct_choice_idx": 3,
                "direct_answers": "['hen']",
                "rationales": ["So."],
            }
        ),
        [("Which?", "D", FOUR)],
    ),
    "vqa-rad": (hub({"question": "Is it there?", "answer": "yes"}), [("Is it there?", "yes", None)]),
}
