"""The suite of reward hacks: sound in itself, and a measure of any grader."""

import pytest

from ovt.curate.audit.attack import HACKS, TARGETS, Hack, Report, Target, Text, answers, attack, responses, try_hack
from ovt.verifiers import VERSION, verify_response

pytestmark = pytest.mark.timeout(
    400
)  # thirty thousand verdicts: seconds, but not on a machine with twenty busy processes
behind = pytest.mark.xfail(VERSION == "3", reason="verifier 3 reads a text by its gold's kind", strict=True)


@pytest.fixture(scope="module")
def report() -> Report:
    return attack()


@behind
def test_no_hack_is_accepted(report: Report) -> None:
    assert not [one.response[:80] for hack in report.outcomes for one in hack.accepted]


def test_every_hack_is_tried_on_every_target(report: Report) -> None:
    assert len({outcome.hack for outcome in report.outcomes}) == len(HACKS) + 1 == 29
    assert all(outcome.tried >= len(TARGETS) for outcome in report.outcomes)
    assert report.tried > 10_000
    assert all(outcome.what for outcome in report.outcomes)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.gold} {'of' * bool(target.choices)}")
def test_targets_are_sound(target) -> None:
    """The gold earns, its wrong neighbour does not: so a hack is refused for being a hack."""
    if VERSION == "3" and "overline" in target.gold:
        pytest.xfail("verifier 3 takes a repeating decimal for its digits")
    for text, right in ((target.gold, True), (target.other, False)):
        response = f"<think>\nSo.\n</think>\n\nIt is so.\n\n<answer>{text}</answer>"
        assert bool(verify_response(response, target.gold, choices=target.choices)) is right


def test_no_hack_is_the_gold_itself() -> None:
    for target in TARGETS:
        for hack in HACKS:
            assert target.gold not in {text.strip() for text in answers(hack, target)}


def test_a_careless_grader_is_found_out() -> None:
    some = [*HACKS[:5], *HACKS[-5:]]
    careless = attack(lambda response, gold, choices: gold in response, hacks=some, crossed=["2", "3", "2, 3"])
    assert careless.false_accept_rate > 0.3
    assert [one.gold for one in careless.outcomes[-1].accepted] == ["2 and 3"]
    told = careless.as_dict()
    assert told["accepted"] == sum(len(hack["accepted"]) for hack in told["hacks"])


def test_an_accepted_hack_is_told_with_its_gold() -> None:
    target, only_in_thinking = TARGETS[0], HACKS[-1]
    outcome = try_hack(only_in_thinking, [target], lambda response, gold, choices: True)
    assert [one.response for one in outcome.accepted] == list(responses(only_in_thinking, target))
    assert {one.gold for one in outcome.accepted} == {"7"}


def test_a_text_that_may_earn_for_one_of_two_must_not_earn_for_both() -> None:
    last = Hack("last", "", (Text("«gold». «other»"), Text("«gold»«other»")), of="response", never="both")
    target = Target("red", "blue")
    assert not try_hack(last, [target], lambda response, gold, choices: response.endswith(gold)).accepted
    (both,) = try_hack(last, [target], lambda response, gold, choices: "." not in response).accepted
    assert (both.response, both.gold) == ("redblue", "red and blue")


def test_texts_are_tried_in_either_order_where_it_says_so() -> None:
    texts = {hack.name: {text.text for text in hack.texts} for hack in HACKS}
    assert {"«gold» = «other»", "«other» = «gold»"} < texts["equated"]
    assert "not «gold» but «other»" in texts["denied_for_another"]
    assert "not «other» but «gold»" not in texts["denied_for_another"]


def test_placeholders_are_filled() -> None:
    written = {hack.name: list(answers(hack, Target("21 cm", "21 m"))) for hack in HACKS}
    assert not any("«" in text or "»" in text for texts in written.values() for text in texts)
    assert written["both_ways"][:2] == ["21 cm or 21 m", "21 m or 21 cm"]
    assert written["every_option"][0] == "21 m, 21 cm, 42, none"
    assert written["every_option"][8] == "A. 21 m, B. 21 cm, C. 42, D. none"
    assert written["look_alikes"][0] == "21 \u0441m"
    assert len(written["long_answers"][3]) == 10_000
    options = list(answers(HACKS[2], Target("red", "blue", ("red", "blue"))))
    assert "A, B" in options
    assert "(A)(B)" in options
