"""ChartQA: 2,500 questions about charts; relaxed accuracy: a number may be off by 5%, anything else is the gold."""

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import paper_prompts, paper_question, paper_rules, text
from ovt.verifiers import split_response

TOLERANCE = 0.05
WORD = "Answer the question with a single word."


def read(row: Row, part: Part) -> Item:
    gold = row.get("answer") if row.get("answer") is not None else row.get("label")
    gold = gold[0] if isinstance(gold, list) and gold else gold
    name = text(row.get("id")) or text(row.get("imgname"))
    return Item(
        id=name,
        question=text(row.get("question") or row.get("query")),
        gold=text(gold),
        choices=None,
        cluster=text(row.get("imgname")) or name,
        groups={"type": text(row["type"])} if row.get("type") else {},
        images=(row.get("image"),),
        row=row,
    )


def official(item: Item, said: Said) -> Ruling:
    """The whole reply is the answer, as in the official code; of a long one, what our verifier reads as it."""
    whole = said.response.strip().rstrip(".")
    answer = whole if len(whole.split()) <= 5 else split_response(said.response).answer.strip()
    found, gold = _number(answer), _number(item.gold)
    if found is not None and gold:
        return Ruling(answer, abs(found - gold) / abs(gold) <= TOLERANCE)
    return Ruling(answer or None, answer.lower() == item.gold.strip().lower())


def _number(said: str) -> float | None:
    try:
        return float(said.strip().rstrip("%")) / (100 if said.strip().endswith("%") else 1)
    except ValueError:
        return None


def ask(item: Item) -> str:
    return f"{item.question}\n{WORD}"


CHARTQA = Benchmark(
    name="chartqa",
    title="ChartQA",
    license="GPL-3.0",
    url="https://github.com/vis-nlp/ChartQA",
    variants={"test": Variant((Part("hf://lmms-lab/ChartQA", "test"),), 2_500)},
    read=read,
    prompts={
        "official": Prompt("the question, and: " + WORD, ask),
        "lmms-eval": Prompt("the official one", ask),
        **paper_prompts(lambda item: paper_question(item.question, None)),
    },
    rules=(
        Rule("official", "the gold, or a number within 5% of it", official),
        *paper_rules(lambda item: None),
    ),
    example={"type": "human_test", "question": "How many bars are above 40?", "answer": "3"},
    groups=("type",),
)
