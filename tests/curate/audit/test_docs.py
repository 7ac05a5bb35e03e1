"""docs/verify.md shows only what a recipe may say and what labels look like."""

import json
import re
import tomllib
from pathlib import Path

from ovt.curate.audit.labels import Case
from ovt.curate.stages.verify import VerifySection

PAGE = (Path(__file__).parents[3] / "docs" / "verify.md").read_text()


def test_the_judge_is_shown_with_its_defaults() -> None:
    (snippet,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    shown = tomllib.loads(snippet)["verify"]
    plain = {"judge": {"endpoint": shown["judge"]["endpoint"]}}
    assert VerifySection.model_validate(shown) == VerifySection.model_validate(plain)


def test_the_case_is_one_that_holds() -> None:
    (snippet,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert Case.model_validate(json.loads(snippet)).holds
