"""The suite of reward hacks: sound in itself, and a measure of any grader."""

import pytest

from ovt.curate.audit.attack import HACKS, TARGETS, Report, Target, answers, attack, responses, try_hack
from ovt.verifiers import verify_response

# What the verifier still falls for at times, and the share of the suite: lowered as it learns, never raised.
OPEN = {"glued", "from_the_prompt"}
MOST_ACCEPTED = 0.001


@pytest.fixture(scope="module")
def report() -> Report:
    return attack()


def test_no_more_hacks_are_accepted_than_are_known(report: Report) -> None:
    new = [one.response[:80] for hack in report.outcomes if hack.hack not in OPEN for one in hack.accepted]
    assert not new
    assert report.false_accept_rate < MOST_ACCEPTED


def test_every_hack_is_tried_on_every_target(report: Report) -> None:
    assert len({outcome.hack for outcome in report.outcomes}) == len(HACKS) == 21
    assert all(outcome.tried >= len(TARGETS) for outcome in report.outcomes)
    assert report.tried > 10_000
    assert all(outcome.what for outcome in report.outcomes)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.gold} {'of' * bool(target.choices)}")
def test_targets_are_sound(target) -> None:
    """The gold earns, its wrong neighbour does not: so a hack is refused for being a hack."""
    for text, right in ((target.gold, True), (target.other, False)):
        response = f"<think>\nSo.\n</think>\n\nIt is so.\n\n<answer>{text}</answer>"
        assert bool(verify_response(response, target.gold, choices=target.choices)) is right


def test_no_hack_is_the_gold_itself() -> None:
    for target in TARGETS:
        for hack in HACKS:
            assert target.gold not in {text.strip() for text in answers(hack, target)}


def test_a_careless_grader_is_found_out() -> None:
    careless = attack(lambda response, gold, choices: gold in response, hacks=[*HACKS[:5], *HACKS[-5:]])
    assert careless.false_accept_rate > 0.3
    told = careless.as_dict()
    assert told["accepted"] == sum(len(hack["accepted"]) for hack in told["hacks"])


def test_an_accepted_hack_is_told_with_its_gold() -> None:
    target, only_in_thinking = TARGETS[0], HACKS[-1]
    outcome = try_hack(only_in_thinking, [target], lambda response, gold, choices: True)
    assert [one.response for one in outcome.accepted] == list(responses(only_in_thinking, target))
    assert {one.gold for one in outcome.accepted} == {"7"}


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
