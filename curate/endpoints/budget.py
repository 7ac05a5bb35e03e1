"""`--max-usd` and `--max-tokens`: the worst case is reserved before a request is sent, and settled when it answered."""


class Budget:
    """What may still be spent. `Budget()` has no limits."""

    def __init__(self, max_usd: float | None = None, max_tokens: int | None = None) -> None:
        self.max_usd = max_usd
        self.max_tokens = max_tokens
