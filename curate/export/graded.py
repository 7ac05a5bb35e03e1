"""Questions as graders read them that look for \\boxed{}: EasyR1's math.py, ms-swift's accuracy reward.

    version   … finish with the final answer alone between <answer> and </answer>.    gold "metal" of [wood, metal]
    here      … and put the final answer in \\boxed{}: of options, only the letter.     gold "B"

A grader that finds no box gives every response 0, and one that compares texts takes neither "metal" for B nor B for
"metal". The version's own prompt and golds are what our reward reads (docs/rl.md).
"""

from ovt.curate.export.export import Row
from ovt.curate.stages.reason import INSTRUCTION
from ovt.verifiers import split_golds
from ovt.verifiers.options import gold_index, read_options

BOXED = (
    "Think step by step between <think> and </think>. Then give a short solution, and put the final answer in "
    "\\boxed{}; where there are options, only the letter."
)


def boxed_prompt(row: Row) -> str:
    """A row's prompt that asks for a box, in place of our own format or after a prompt of one's own."""
    return row.prompt.replace(INSTRUCTION, BOXED) if INSTRUCTION in row.prompt else f"{row.prompt}\n\n{BOXED}"


def plain_gold(row: Row) -> str:
    """What the box has to hold; of several golds, the first: a grader of texts reads one."""
    return plain_golds(row)[0]


def plain_golds(row: Row) -> list[str]:
    """All that the box may hold: each gold as an option's letter, or without dollar signs."""
    return [_plain(gold, row.choices) for gold in split_golds(row.answer)]


def _plain(gold: str, choices: tuple[str, ...] | None) -> str:
    if choices:
        index = gold_index(gold, read_options(choices))
        return gold if index is None else chr(ord("A") + index) if index < 26 else gold
    bare = gold.strip()
    return bare[1:-1] if len(bare) > 2 and bare[0] == bare[-1] == "$" and "$" not in bare[1:-1] else bare
