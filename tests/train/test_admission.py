"""Which groups of rollouts are learned from, and how many questions are asked in place of the others."""

import pytest
import torch

from ovt.core.errors import RecipeError
from ovt.train.admission import admitted, informative, joined, missing
from ovt.train.arguments import plan_batches
from ovt.train.questions import Spares
from ovt.train.settings import RlSection


def signals(*rows: str) -> torch.Tensor:
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def test_a_group_teaches_where_its_rewards_differ_and_abstentions_do_not_count():
    rewards = [1.0, 0.0, 0.0, 0.0, None, 1.0, None, None, 0.5, 1.0]
    assert informative(rewards, 2) == [True, False, False, False, True]
    assert informative([0.0, None, 0.0, 1.0, None, 0.0], 3) == [False, True]


@pytest.mark.parametrize(
    ("rounds", "wanted", "next_round"),
    [
        ([signals("xx")], 2, 0),
        ([signals("x...")], 4, 12),  # three more, at a rate of one in four
        ([signals("....")], 4, 32),  # no more than at a rate of one in eight
        ([signals("xx..", "x...")], 4, 8),  # what the second process lacks, at the rate of both
        ([signals("x..."), signals("xxx.")], 4, 0),
    ],
)
def test_a_round_asks_what_is_missing_at_the_rate_so_far(rounds, wanted, next_round):
    assert missing(rounds, wanted) == next_round


def test_the_first_informative_groups_are_learned_from_and_others_only_fill_up():
    assert admitted([False, True, False, True, True], 2) == [1, 3]
    assert admitted([False, True, False, False], 3) == [0, 1, 2]
    assert joined([["a", "b"], ["c"]], [0, 2]) == ["a", "c"]
    assert joined([None, None], [0]) is None


def test_spares_are_drawn_from_the_batch_s_number_and_divided_among_processes():
    spares = Spares(20, None, [[0, 1, 2, 3], [4, 5, 6, 7]], 2, 9, 5)
    first = spares.of(0)
    assert len(first) == len(set(first)) == 9
    assert not {0, 1, 2, 3} & set(first)
    assert first == spares.of(0) != spares.of(1)
    both = [spares.of(0, rank, 2) for rank in (0, 1)]
    assert [len(one) for one in both] == [4, 4]
    assert sorted(both[0] + both[1]) == sorted(first[:8])
    assert len(Spares(6, None, [[0, 1, 2, 3]], 2, 9, 5).of(0)) == 2  # there are no more


def test_groups_must_lie_in_one_process_to_be_replaced():
    odd = RlSection(rollout_batch_size=2, global_batch_size=2, num_generations=4, max_rollout_batches=3)
    with pytest.raises(RecipeError, match="rollout_batch_size = 2 questions do not divide among 4 devices"):
        plan_batches(odd, 4)
    assert "max_rollout_batches" not in RlSection().model_dump(mode="json")
