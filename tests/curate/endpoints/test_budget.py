"""A budget is never passed, whatever the order in which requests are answered, and ends a run rather than hang it."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import BudgetReached
from ovt.curate.endpoints.budget import Budget, Spending

costs = st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1)), min_size=1, max_size=40)


@settings(max_examples=60)
@given(costs, st.integers(0, 400), st.integers(0, 1000))
def test_no_order_of_answers_overspends(costs: list[tuple[int, float]], limit: int, seed: int) -> None:
    budget = Budget(max_usd=limit / 1000, max_tokens=limit)
    dice = random.Random(seed)
    pauses = [dice.randrange(4) for _ in costs]

    async def one(worst_tokens: int, share: float, pause: int) -> None:
        worst = Spending(worst_tokens / 1000, worst_tokens)
        await budget.reserve(worst)
        for _ in range(pause):
            await asyncio.sleep(0)
        real = int(worst_tokens * share)
        budget.settle(worst, Spending(real / 1000, real))

    async def all_of_them() -> list[BaseException | None]:
        jobs = [one(tokens, share, pause) for (tokens, share), pause in zip(costs, pauses, strict=True)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    stops = [stop for stop in asyncio.run(all_of_them()) if stop is not None]
    assert all(isinstance(stop, BudgetReached) for stop in stops)
    assert budget.spent_tokens <= limit
    assert budget.spent_usd <= limit / 1000 + 1e-12
    if sum(tokens for tokens, _ in costs) <= limit:
        assert not stops


def test_without_limits_nothing_waits() -> None:
    budget = Budget()
    asyncio.run(budget.reserve(Spending(1e9, 10**12)))
    budget.settle(Spending(1e9, 10**12), Spending(5.0, 7))
    assert (budget.limited, budget.spent_usd, budget.spent_tokens) == (False, 5.0, 7)


@pytest.mark.parametrize(
    ("budget", "option"), [(Budget(max_usd=0.01), "--max-usd"), (Budget(max_tokens=10), "--max-tokens")]
)
def test_the_end_of_a_budget_names_the_option(budget: Budget, option: str) -> None:
    with pytest.raises(BudgetReached, match=option) as raised:
        asyncio.run(budget.reserve(Spending(0.5, 50)))
    assert raised.value.exit_code == 3
    assert "\n" not in str(raised.value)
