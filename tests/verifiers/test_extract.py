"""Which part of a response is its answer: the last tag, else the last box or statement; nothing from the thinking."""

import time

import pytest

from ovt.verifiers import split_response, verify_response

ANSWERS = [
    ("<think>2+2</think> So it is four. <answer>4</answer>", "4", "tag"),
    ("2+2</think> So it is four. <answer>4</answer>", "4", "tag"),
    ("<think>\n2+2\n</think>\n\n<answer>\n4\n</answer>\n", "4", "tag"),
    ("<THINK>2+2</THINK><ANSWER> 4 </ANSWER>", "4", "tag"),
    ("< answer >4</ answer >", "4", "tag"),
    ("<answer>3</answer> Wait, I was wrong. <answer>4</answer>", "4", "tag"),
    ("<answer>multi\nline</answer>", "multi\nline", "tag"),
    ("<answer>4</answer> \\boxed{5}", "4", "tag"),
    ("<answer>4</answer> then <answer>5", "4", "tag"),
    ("<think><answer>5</answer></think><answer>4</answer>", "4", "tag"),
    ("<think>\\boxed{5}</think> \\boxed{4}", "4", "box"),
    ("First \\boxed{3}, no: \\boxed{4}.", "4", "box"),
    ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}", "box"),
    ("$\\boxed{\\text{(C)}}$ is our answer.\n\nNote: it is not (A).", "\\text{(C)}", "box"),
    ("\\boxed{1} and \\boxed{2}", "1, 2", "box"),
    ("\\boxed 7", "7", "box"),
    ("\\fbox{7}", "7", "box"),
    (
        "\\boxed{255} is not all. Final Answer: The final answer is $10,455$. I hope it is correct.",
        "$10,455$",
        "statement",
    ),
    ("Thus the answer is 12.", "12", "statement"),
    ("Reasoning…\n\nAnswer: G", "G", "statement"),
    ("Reasoning…\n\n**Answer: G**", "G", "statement"),
    ("Therefore, the correct answer is (C).", "(C)", "statement"),
    ("The answer to the question is 5:30 P.M. I hope this helps.", "5:30 P.M", "statement"),
    ("The answer is 3.5.", "3.5", "statement"),
    ("ANSWER:\nParis", "Paris", "statement"),
    ("<think>geography</think>Paris", "Paris", "text"),
    ("The answer is:\n```python\n7\n```\nDone.", "7", "statement"),
    ("The answer is:\n```python\n7", "7", "statement"),
]


@pytest.mark.parametrize(("response", "answer", "found_by"), ANSWERS)
def test_the_answer_and_how_it_was_found(response: str, answer: str, found_by: str) -> None:
    parts = split_response(response)
    assert (parts.answer.rstrip("."), parts.found_by, parts.problem) == (answer, found_by, "")


PROBLEMS = [
    ("", "no_answer"),
    ("<think>4</think>", "no_answer"),
    ("<think>I think it is 4", "unclosed_thinking"),
    ("<think>I think it is \\boxed{4}", "unclosed_thinking"),
    ("<think>x</think> <answer>4", "unclosed_answer"),
    ("<answer></answer>", "no_answer"),
    ("<answer>4</answer><answer>5</answer>", "several_answers"),
    ("<answer>4</answer> or <answer>5</answer>", "several_answers"),
    ("<answer>A</answer><answer>B</answer><answer>C</answer><answer>D</answer>", "several_answers"),
    ("The answer is 4. Actually, on second thought, 5", "answer_withdrawn"),
    ("\\boxed{4}\n\nWait, that is wrong.", "answer_withdrawn"),
    ("It is not \\boxed{4}", "several_answers"),
    ("either \\boxed{4} or 5", "several_answers"),
    ("and" + "answer : " * 210, "several_answers"),  # each was read, for the whole of a verdict's time
]


@pytest.mark.parametrize(("response", "problem"), PROBLEMS)
@pytest.mark.parametrize("gold", ["4", "5", "D"])
def test_a_response_without_an_answer_is_wrong_and_says_why(response: str, problem: str, gold: str) -> None:
    assert split_response(response).problem == problem
    verdict = verify_response(response, gold)
    assert (verdict.outcome, verdict.reason, verdict.extracted) == ("wrong", problem, "")


def test_thinking_and_solution() -> None:
    parts = split_response("<think>\nHm, 3 or 4?\n</think>\n\nIt is four.\n\n<answer>4</answer>")
    assert (parts.thinking, parts.solution, parts.answer) == ("Hm, 3 or 4?", "It is four.", "4")


def test_a_prefilled_opening_tag() -> None:
    """Chat templates that end in `<think>` leave only the closing tag in the response."""
    parts = split_response("Hm, 3 or 4?\n</think>\nIt is four. <answer>4</answer>")
    assert (parts.thinking, parts.solution, parts.answer) == ("Hm, 3 or 4?", "It is four.", "4")


def test_thinking_twice() -> None:
    parts = split_response("<think>a</think>b<think>c</think>d")
    assert (parts.thinking, parts.solution) == ("ac", "bd")


RESPONSES = [
    ("<think>It is 7.</think><answer>8</answer>", "7", False),
    ("<think>It is 7. <answer>7</answer></think>", "7", False),
    ("<think>It is 7. <answer>7</answer>", "7", False),
    ("It is 7 </think> I do not know.", "7", False),
    ("<answer>7</answer> No: <answer>8</answer>", "7", False),
    ("<answer>8</answer> No: <answer>7</answer>", "7", True),
    ("<answer>The answer is 7</answer>", "7", True),
    ("<answer>\\boxed{7}</answer>", "7", True),
    ("<answer>7 or 8</answer>", "7", False),
    ("<answer>A. 7</answer>", "7", False),
    ("The bar is 7 high.", "7", True),
    ("The first bar is 3 high. The second bar is 4 high. Together they are 7 high.", "7", True),
    ("The first bar is 3 high and the second is 4 high. I cannot add them.", "7", False),
    ("So the two bars are 3 + 4 = 7.", "7", True),
    ("**Final Answer**\n\n\\[\\boxed{7}\\]", "7", True),
    ("### Final Answer\n7", "7", True),
    ("Final answer:\n\n$$7$$", "7", True),
    ("The answer is: **7**", "7", True),
    ("The answer is 7 apples.", "7", True),
    ("The correct answer is not 7.", "7", False),
    ("The answer is 1/4, or 25%.", "25%", True),
    ("The answer is 0.25 (25%).", "0.25", True),
    ("The answer is 1/4, or 20%.", "25%", False),
    ("The answer is 12 (not 13).", "13", False),
]


@pytest.mark.parametrize(("response", "gold", "right"), RESPONSES)
def test_whole_responses(response: str, gold: str, right: bool) -> None:
    assert bool(verify_response(response, gold)) is right


CHOICES = ["red", "green", "blue", "yellow"]
CHOICE_RESPONSES = [
    ("<think>red?</think>The answer is (C).", True),
    ("So it must be option C.", True),
    ("I would choose C.", True),
    ("The object is blue. Answer: C", True),
    ("The correct answer is blue.", True),
    ("The answer is C) blue.", True),
    ("The answer is (C) red.", False),
    ("The answer is (A).", False),
    ("The answer is A or C.", False),
    ("A is wrong. C is right.", True),
    ("C is wrong because it is blue.", False),
    ("Answer: blue (C)", True),
    ("Answer: red (C)", False),
    ("(A) red (B) green (C) blue (D) yellow", False),
    ("A. red\nB. green\nC. blue\nD. yellow", False),
    ("The options are A, B, C and D.", False),
    ("It is not C.", False),
    ("<think>C</think>", False),
    ("Option A is wrong because it is red. Option C is right.\n\nAnswer: C", True),
    ("\\boxed{C}", True),
    ("$\\boxed{\\text{blue}}$", True),
    ("<answer>C</answer>", True),
    ("<answer>(C) blue</answer>", True),
    ("<answer>C, because it is blue</answer>", True),
    ("<answer>A, C</answer>", False),
]


@pytest.mark.parametrize(("response", "right"), CHOICE_RESPONSES)
def test_whole_responses_with_choices(response: str, right: bool) -> None:
    for gold in ("C", "blue"):
        assert bool(verify_response(response, gold, choices=CHOICES)) is right


LONG = [
    *(
        ("", piece, "")
        for piece in ("<think>", "</think>", "<answer>", "</answer>", "\\boxed{", "{", "$", "\\boxed{1}, ")
    ),
    *(("", piece, "") for piece in ("the answer is ", "<answer>a</answer>", "answer: x\n", "not ", "Wait. ")),
    *(
        (start, run, end)
        for start in ("the answer", "\\boxed", "<", "x. ")
        for run in (" ", "\n", "*")
        for end in ("", "?")
    ),
]


@pytest.mark.parametrize(("start", "run", "end"), LONG)
def test_long_hostile_responses_take_linear_time(start: str, run: str, end: str) -> None:
    text = start + run * (200_000 // len(run)) + end
    started = time.process_time()
    verify_response(text, "7")
    assert time.process_time() - started < 2


AFTERWARDS = [
    ("<answer>7</answer> No wait, it is 8.", False),
    ("<answer>7</answer> Actually, the answer is 8", False),
    ("<answer>7</answer> is wrong", False),
    ("<answer>7</answer> or 8", False),
    ("<answer>7</answer> So the answer is \\boxed{8}", False),
    ("<answer>7</answer> #### 8", False),
    ("<answer>7</answer> Correction: 8", False),
    ("<answer>7</answer> I am not sure; it may be 8.", False),
    ("<answer>7</answer><answer>8", False),
    ("It is not <answer>7</answer>", False),
    ("<answer>8</answer> rather than <answer>7</answer>", False),
    ("The answer is 7. No wait, 8.", False),
    ("<answer>7</answer> The answer is 7 apples.", True),
    ("<answer>7</answer> So the answer is 7!", True),
    ("<answer>7</answer>\n\n$\\boxed{7}$<|im_end|>", True),
    ("<answer>7</answer> I hope this helps.", True),
    ("<answer>7</answer> The answer is given in the chart.", True),
    ("Whether it is even or not\n<answer>7</answer>", True),
    ("<answer>7</answer><answer>7", True),
    ("The answer is 7.\n" * 210, True),
]


@pytest.mark.parametrize(("response", "right"), AFTERWARDS)
def test_what_stands_behind_the_answer_may_not_take_it_back(response: str, right: bool) -> None:
    assert bool(verify_response(response, "7")) is right
