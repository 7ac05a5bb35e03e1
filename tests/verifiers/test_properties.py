"""What holds for every answer: dressing never matters, a changed digit always does, every gold accepts itself."""

from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ovt.verifiers import Verdict, lint_gold, split_response, verify, verify_response

integers = st.integers(-(10**30), 10**30).map(str)
decimals = st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 10**6)).map(lambda pair: f"{pair[0]}.{pair[1]}")
fractions = st.tuples(st.integers(-999, 999), st.integers(1, 999)).map(lambda pair: f"{pair[0]}/{pair[1]}")
numbers = st.one_of(integers, decimals, fractions)
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
phrases = st.lists(words, min_size=1, max_size=4).map(" ".join)
letters = st.sampled_from("ABCDEFGH")
units = st.sampled_from(["cm", "m", "km", "kg", "minutes", "hours", "°", "dollars", "apples", "cm^2", "km/h"])
quantities = st.tuples(integers, units).map(" ".join)
terms = st.sampled_from(["x", "2x", "\\sqrt{3}", "\\pi", "x^2", "\\frac{1}{2}", "\\sin x", "3", "e^x", "ab", "(x+1)^2"])
expressions = st.lists(terms, min_size=1, max_size=3).map(" + ".join)
lists = st.lists(st.integers(-99, 99).map(str), min_size=2, max_size=5, unique=True)
tuples = lists.map(lambda members: f"({', '.join(members)})")
golds = st.one_of(numbers, phrases, letters, quantities, expressions, lists.map(", ".join), tuples)
formulas = st.text("0123456789+-*/^_=<>()[]{}\\., $%|!&;:abxyz\n", max_size=60)
anything = st.one_of(golds, st.text(max_size=60), formulas)

ON_ONE_LINE = """
{}| {} |{}.|**{}**|\\boxed{{{}}}|$\\boxed{{{}}}$|The answer is {}|The final answer is {}.|Answer: {}|**Answer:** {}
So the answer is {}.|<answer>{}</answer>|`{}`|"{}"|Final Answer: {}
"""
DRESSINGS = ON_ONE_LINE.strip("\n").replace("\n", "|").split("|")


@given(golds)
def test_every_gold_accepts_itself_and_passes_the_lint(gold: str) -> None:
    assert verify(gold, gold)
    assert lint_gold(gold) is None


@given(golds, golds, st.sampled_from(DRESSINGS))
def test_dressing_never_changes_a_verdict(prediction: str, gold: str, dressing: str) -> None:
    assert bool(verify(dressing.format(prediction), gold)) == bool(verify(prediction, gold))


@given(golds, st.sampled_from(DRESSINGS))
def test_dressing_never_costs_a_right_answer(gold: str, dressing: str) -> None:
    assert verify(dressing.format(gold), gold)
    assert verify_response(f"<think>hm</think>\n{dressing.format(gold)}", gold)


@given(numbers, st.data())
def test_a_changed_digit_always_changes_the_verdict(gold: str, data: st.DataObject) -> None:
    positions = [index for index, char in enumerate(gold) if char.isdigit()]
    position = data.draw(st.sampled_from(positions))
    digit = data.draw(st.sampled_from("0123456789"))
    changed = gold[:position] + digit + gold[position + 1 :]
    try:
        assume(Fraction(changed) != Fraction(gold))
    except ZeroDivisionError:
        assume(False)
    assert not verify(changed, gold)
    assert not verify(f"The answer is {changed}", gold)


@given(st.one_of(numbers, letters, phrases, expressions), st.one_of(numbers, letters, phrases, expressions))
def test_symmetry(left: str, right: str) -> None:
    assert bool(verify(left, right)) == bool(verify(right, left))


@given(st.integers(-(10**12), 10**12))
def test_separators_never_matter(number: int) -> None:
    gold = str(number)
    for written in (
        f"{number:,}",
        f"{number:,}".replace(",", " "),
        f"{number:,}".replace(",", "{,}"),
        f"{number}.0",
        f"${number}$",
        f"{number:_}",
    ):
        assert verify(written, gold)


@given(st.fractions(-50, 50, max_denominator=60))
def test_ways_to_write_a_fraction(value: Fraction) -> None:
    top, bottom = value.numerator, value.denominator
    ways = [
        f"{top}/{bottom}",
        f"\\frac{{{top}}}{{{bottom}}}",
        f"\\dfrac{{{top * 3}}}{{{bottom * 3}}}",
        f"({top})/({bottom})",
        f"{top} \\div {bottom}",
    ]
    for left in ways:
        for right in ways[:3]:
            assert verify(left, right)
    assert not verify(f"{top + 1}/{bottom}", ways[1])


@given(st.lists(phrases, min_size=2, max_size=6, unique=True), st.data())
def test_letter_and_text_are_one_answer(choices: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(choices) - 1))
    other = data.draw(st.integers(0, len(choices) - 1).filter(lambda n: n != index))
    letter, other_letter = chr(65 + index), chr(65 + other)
    for gold in (letter, choices[index]):
        for right in (
            letter,
            choices[index],
            f"({letter})",
            f"{letter}) {choices[index]}",
            f"{letter.lower()}.",
            f"Answer: {letter}",
        ):
            assert verify(right, gold, choices=choices)
        for wrong in (
            other_letter,
            choices[other],
            f"({other_letter}) {choices[index]}",
            f"{letter} or {other_letter}",
            f"{letter}, {other_letter}",
        ):
            assert not verify(wrong, gold, choices=choices)


@given(lists, st.randoms(use_true_random=False))
def test_bare_lists_have_no_order_and_tuples_do(members: list[str], random) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)
    assert verify(", ".join(shuffled), ", ".join(members))
    assert verify(f"\\{{{', '.join(shuffled)}\\}}", ", ".join(members))
    assert bool(verify(f"({', '.join(shuffled)})", f"({', '.join(members)})")) == (shuffled == members)
    assert not verify(", ".join(members[1:]), ", ".join(members))
    assert not verify(", ".join([*members, members[0]]), ", ".join(members))


@given(anything, anything)
@settings(max_examples=150)
def test_any_two_texts_get_a_verdict(prediction: str, gold: str) -> None:
    verdict = verify(prediction, gold)
    assert isinstance(verdict, Verdict)
    assert verdict == verify(prediction, gold)
    if not prediction.strip() or not gold.strip():
        assert not verdict


@given(anything, golds)
def test_thinking_earns_nothing(noise: str, gold: str) -> None:
    assume("<" not in noise)
    assert not verify_response(f"<think>{noise} {gold} \\boxed{{{gold}}} <answer>{gold}</answer></think>", gold)
    assert not verify_response(f"<think>{noise} {gold} \\boxed{{{gold}}} <answer>{gold}</answer>", gold)


@given(st.text("<>/think answer\\boxed{}7 \n", max_size=120))
def test_any_response_comes_apart(text: str) -> None:
    parts = split_response(text)
    assert (parts.answer == "") == (parts.problem != "")
