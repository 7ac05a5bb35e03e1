"""A loop on a really small model: data from a real server or from the model itself, a few steps of real training."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.train.loop.recipe import LoopRecipe, load_loop
from ovt.train.loop.work import Tools

COLOURS = {"red": (210, 30, 30), "green": (30, 160, 40), "blue": (30, 50, 200), "white": (240, 240, 240)}
RECIPE = """
name = "tiny"
base = "{model}"
[[curate.sources]]
path = "{folder}/train.jsonl"
[curate.endpoints.server]
base_url = "{url}"
model = "test-model"
[curate.caption]
endpoint = "server"
prompt = "Describe."
[curate.reason]
endpoint = "server"
k = 2
prompt = "{{caption}} | {{question}}"
sampling = {{ max_tokens = 24 }}
[curate.data]
prompt = "{{question}}\\nThink step by step."
[sft]
max_steps = 3
global_batch_size = 4
save_steps = 1
[evaluate]
prompt = "{{question}}\\nThink step by step."
sampling = {{ max_tokens = 12 }}
sources = [{{ path = "{folder}/test.jsonl" }}]
[gate]
enabled = false
[[iterations]]
"""
RL = """
[[rl]]
max_steps = 2
rollout_batch_size = 4
global_batch_size = 4
num_generations = 2
max_completion_length = 8
learning_rate = 1e-4
"""


def answer(body: dict, choice: int) -> str:
    """Captions name the colour, chains repeat it from the caption; the second of two chains is wrong."""
    text = next(part["text"] for part in content(body["messages"][0]) if part["type"] == "text")
    if found := re.match(r"A picture, all (\w+)", text):
        return chain(found[1], choice)
    image = next(part["image_url"]["url"] for part in content(body["messages"][0]) if part["type"] == "image_url")
    return f"A picture, all {colour_of(image)}" if text == "Describe." else chain(colour_of(image), choice)


def chain(colour: str, choice: int) -> str:
    said = colour if choice == 0 else "black"
    return f"<think>The picture is {said}.</think>\nIt is {said}.\n<answer>{said}</answer>"


def colour_of(url: str) -> str:
    import base64
    import io

    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
    seen = picture.crop((9, 9, 10, 10)).tobytes()
    return min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], seen, strict=True)))


def content(message: dict) -> list[dict]:
    parts = message["content"]
    return [{"type": "text", "text": parts}] if isinstance(parts, str) else parts


def write_questions(folder: Path, name: str, first: int, count: int) -> None:
    """`count` pictures of one colour each, all different, and the question for the colour."""
    rows = []
    for number in range(first, first + count):
        colour = list(COLOURS)[number % len(COLOURS)]
        image = Image.new("RGB", (56, 56), COLOURS[colour])
        image.putpixel((0, 0), (number % 256, 0, 7))
        image.save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "question": "Which colour is it?", "answer": colour})
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def recipe_file(tmp_path, loopback, small_vlm) -> Path:
    """A loop of one iteration without RL: 12 training questions, 8 held out, one of them with a training picture."""
    loopback.reply = answer
    write_questions(tmp_path, "train", 0, 12)
    write_questions(tmp_path, "test", 11, 9)
    file = tmp_path / "tiny.toml"
    file.write_text(RECIPE.format(model=small_vlm, folder=tmp_path, url=loopback.url))
    return file


@pytest.fixture
def recipe(recipe_file) -> LoopRecipe:
    return load_loop(recipe_file)


@pytest.fixture
def with_rl(recipe_file, loopback) -> LoopRecipe:
    """The same with two steps of RL, and a second iteration whose data the model of the first writes; the test's server
    answers in the place of the loop's models, which have learned nothing in so few steps."""
    file = recipe_file.with_name("rl.toml")
    file.write_text(recipe_file.read_text().replace("[[iterations]]", RL + "[[iterations]]\n[[iterations]]"))
    return load_loop(file, [f"serving.endpoint.base_url={loopback.url}", "serving.endpoint.model=test-model"])


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")
