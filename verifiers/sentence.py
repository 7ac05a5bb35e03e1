"""The one answer that a sentence settles on, for a gold of a given kind: its box, its statement, its last number.

settle("the value is 1000", "number") == "1000";   settle("12 or 13", "number") == ""
"""


from ovt.verifiers.extract import untagged_answer


def settle(prediction: str, kind: str) -> str:
    """The bare answer inside a sentence, "" where there is none."""
    answer, found_by, _ = untagged_answer(prediction)
    return answer if found_by != "text" else ""
