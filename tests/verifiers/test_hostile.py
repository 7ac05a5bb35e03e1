"""Hostile text: no exception, no execution, no second wasted, and nothing accepted that is not the gold."""

import string

import pytest

from ovt.verifiers import verify, verify_response

HOSTILE = [
    "9**9**9",
    "9^{9^{9^{9}}}",
    "10^10^10",
    "10^{10^{10}}",
    "2^{2^{2^{49}}}",
    "1e999999999",
    "10^{-999999999}",
    "(9!)!",
    "((9!)!)!",
    "100000!",
    "\\binom{1000000000}{500000000}",
    "\\sum_{k=1}^{10^9} k",
    "\\prod_{k=1}^{10^9} k",
    "\\sum_{k=1}^{1999} \\sum_{j=1}^{1999} \\sin(jk)",
    "\\int_0^1 x^{x^{x^{x}}} dx",
    "\\lim_{x\\to 0} \\frac{\\sin x}{x}",
    "\\sqrt{" * 50 + "2" + "}" * 50,
    "(" * 5_000 + "1" + ")" * 5_000,
    "(" * 10_000,
    "{" * 10_000,
    "[" * 40 + "1" + "]" * 40,
    "-" * 1_500 + "1",
    "1+" * 900 + "1",
    "x" * 1_900,
    "x*" * 900 + "x",
    "1/" * 900 + "1",
    "x^" * 500 + "x",
    "\\frac{1}{" * 55 + "2" + "}" * 55,
    "$" * 5_000,
    "\\text{" * 300 + "a" + "}" * 300,
    "\\boxed{" * 300 + "a" + "}" * 300,
    "a, " * 600,
    "1, " * 600,
    "1 or " * 400,
    "(1,2)," * 300,
    "\\{" * 500,
    "A " * 900,
    "ABCD" * 400,
    "yes no " * 250,
    "7" * 100_000,
    "0." + "3" * 100_000,
    " " * 100_000,
    "\x00" * 500,
    "\ud800",
    "\u202e8",
    "🤖" * 500,
    "__import__('os').system('touch /tmp/ovt-was-here')",
    "A and " * 40 + "x1",
    "A or " * 200 + "?!",
    "A , " * 200 + "1",
    "(1).__class__.__mro__[1].__subclasses__()",
    "exec('1/0')",
    "lambda: 8",
    "{{8*7}}",
    "<script>8</script>",
    "'; DROP TABLE golds; --",
    "%s%s%s%n",
    "../../etc/passwd",
    "\\input{/etc/passwd}",
    "\\def\\x{\\x\\x}\\x",
    "\\begin{pmatrix}" + "1 & " * 400 + "1\\end{pmatrix}",
    "\\begin{matrix}" * 200,
    "½" * 500,
    "²" * 500,
    "1" + "," * 1_500 + "2",
    "1" + " " * 1_900 + "2",
    "-".join("1" * 800),
    ":".join("1" * 800),
    "=".join("1" * 800),
    "<".join("x" * 800),
    "∪".join(["[1,2]"] * 300),
    "±" * 60 + "1",
    "1 ± 2 ± 3 ± 4 ± 5 ± 6 ± 7 ± 8 ± 9",
    "°" * 900,
    "%" * 900,
    "cm " * 600,
    "5 " + "m " * 500,
    "5 m^99999999999999",
    "5 square " * 100,
    "one " * 400,
    "hundred thousand " * 100,
]
GOLDS = ["7", "\\sqrt{2}", "B", "Yes", "Paris", "(3, 4)", "x > 5", "21 cm", "3:4", "\\{1, 2\\}"]


LIMIT_CPU_S = 2.0


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_no_hostile_answer_is_accepted_or_slow(text: str, cpu_s) -> None:
    verify(text, "\\sqrt{2}")  # may load a library
    for gold in GOLDS:
        for choices in (None, ["other", "third", "fourth", gold]):
            started = cpu_s()
            assert not verify(text, gold, choices=choices)
            assert cpu_s() - started < LIMIT_CPU_S
    assert verify_response(text, "Paris").outcome != "correct"


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()], ids=lambda text: repr(text[:24]))
def test_a_hostile_gold_is_no_trouble_either(text: str, cpu_s) -> None:
    verify("\\sqrt{2}", text)
    for prediction in ("7", "B", "\\sqrt{2}", "Paris"):
        started = cpu_s()
        assert verify(prediction, text).reason != "error"
        assert cpu_s() - started < LIMIT_CPU_S


def test_identical_huge_strings_are_equal() -> None:
    gold = "lorem ipsum " * 10_000
    assert verify(gold, gold)
    assert verify(gold.strip(), gold)
    assert not verify(gold + "x", gold)
    assert not verify("lorem", gold)


EVERYTHING = ", ".join(string.ascii_uppercase)


ON_ONE_LINE = """
A B C D|A, B, C, D|A/B/C/D|(A)(B)(C)(D)|A or B|B or not B|all of the above|any of them|the correct option|the gold
correct|None|null|nan|True|1|[B]elieve|not B|anything but B|А|В|Β|ß|ᗷ|𝗕e|8|<answer>|</answer>|<answer>B|<think>B</think>
<answer>A</answer><answer>B</answer>|\\boxed{A}\\boxed{B}|A. B. C. D.|The answer is A. The answer is B or C.
It could be B|Either B or C|Possibly A, B| |.
"""
HACKS = [*ON_ONE_LINE.strip("\n").replace("\n", "|").split("|"), "", "A\nB\nC\nD", "B" * 50, EVERYTHING]


@pytest.mark.parametrize("hack", HACKS)
def test_reward_hacks_earn_nothing(hack: str) -> None:
    choices = ["red", "green", "blue", "yellow"]
    assert not verify(hack, "B", choices=choices)
    assert not verify_response(hack, "B", choices=choices)
    assert not verify_response(f"<think>B</think>{hack}", "green", choices=choices)
