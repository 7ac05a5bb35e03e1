"""Imports the sections of a JSON list one by one, offline where one says "offline", and prints a line of JSON each."""

import json
import sys
from pathlib import Path
from typing import Any

import datasets.config
import huggingface_hub.constants

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection


def report(section: dict[str, Any]) -> dict[str, Any]:
    """What importing a section gives."""
    try:
        imported = import_sources([SourceSection(**section)], Home(Path("home")))
    except OvtError as error:
        return {"error": str(error)}
    return {
        "questions": imported.questions.to_dicts(),
        "reasons": imported.decisions["reason"].to_list(),
        "fingerprint": imported.fingerprint,
        "notes": imported.notes,
    }


if __name__ == "__main__":
    for section in json.loads(sys.argv[1]):
        offline = section.pop("offline", False)
        huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = offline
        print(json.dumps(report(section)))
