"""Regular expressions from recipes, matched against texts of data sets by an engine that takes linear time on any text
(Rust's, in polars); it has no look-around and no back references.
"""

import polars as pl


def check_pattern(pattern: str) -> str:
    """`pattern` itself. ValueError unless it is a regular expression with one group."""
    try:
        groups = pl.LazyFrame({"": [""]}).select(pl.col("").str.extract_groups(pattern)).collect_schema()[""]
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"not a regular expression: {_said(error)}") from None
    count = len(groups.fields) if isinstance(groups, pl.Struct) else 0
    if count != 1:
        raise ValueError(f"{pattern!r} has {count} groups, expected one, around the gold; (?:…) does not count")
    return pattern


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])[:200]


def last_match(pattern: str, text: str) -> str | None:
    """What the group holds where the pattern matches last, stripped; None if it does not match."""
    found = pl.Series([text]).str.extract(f"(?s:.*)(?:{pattern})", 1)[0]
    return None if found is None else found.strip()
