"""docs/endpoints.md shows only what a recipe may say."""

import re
import tomllib
from pathlib import Path

from ovt.curate.endpoints.sampling import SamplingSection
from ovt.curate.endpoints.section import EndpointSection

PAGE = Path(__file__).parents[3] / "docs" / "endpoints.md"


def test_every_snippet_is_valid() -> None:
    snippets = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    endpoints = [EndpointSection.model_validate(one) for snippet in snippets for one in snippet["endpoints"].values()]
    assert len(endpoints) >= 4
    SamplingSection.model_validate(snippets[0]["reason"]["sampling"])
