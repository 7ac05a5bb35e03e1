"""Output of `ovt data why`: one story, its counterparts in other versions, or the questions that match a text."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from ovt.commands.views.data import STYLES
from ovt.commands.views.tables import block, facts, short, shown, view
from ovt.curate.reports import why
from ovt.curate.reports.why import match_table, overview_table


def told(found: dict[str, Any]) -> RenderableType:
    """`why.look_up`, for people."""
    if not found["stories"]:
        return matches_listed(found)
    if len(found["stories"]) == 1:
        return story_told(found["stories"][0])
    return Group(view(overview_table(found["stories"])), *_one_after_another(found["stories"]))


def matches_listed(found: dict[str, Any]) -> RenderableType:
    """The questions that match a text, one line each."""
    left = f"{found['total']:,} questions contain it; give more of the text, or the id of one"
    return Group(view(match_table(found["matches"])), shown(left, "dim"))


def _one_after_another(stories: list[dict[str, Any]]) -> list[RenderableType]:
    """Each story under its version's name; identical stories are shown once."""
    parts: list[RenderableType] = []
    for number, story in enumerate(stories):
        twin = next((one for one in stories[:number] if _content(one) == _content(story)), None)
        parts += [Text(), Rule(short(story["version"]), align="left", style="dim")]
        if "absent" in story:
            parts.append(shown(story["absent"], "dim"))
        elif twin:
            parts.append(shown(f"exactly as in {twin['version']}", "dim"))
        else:
            parts.append(story_told(_without_repeats(story, stories[:number])))
    return parts


def _content(story: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in story.items() if name != "version"}


def _without_repeats(story: dict[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    """The story without prompts that an earlier one shows, and with a reference in place of each repeated text."""
    told_in = {_said(sample): one["version"] for one in reversed(before) for sample in _replies(one)}
    prompts = [one.get("prompts", {}) for one in before]
    return story | {
        "prompts": {
            stage: messages
            for stage, messages in story["prompts"].items()
            if all(earlier.get(stage) != messages for earlier in prompts)
        },
        **{
            level: [
                sample | {"text": f"(same text as in {told_in[_said(sample)]})"} if _said(sample) in told_in else sample
                for sample in story[level]
            ]
            for level in ("captions", "samples")
        },
    }


def _replies(story: dict[str, Any]) -> list[dict[str, Any]]:
    return [sample for level in ("captions", "samples") for sample in story.get(level, ()) if sample["text"]]


def _said(sample: dict[str, Any]) -> tuple[str, str | None]:
    return sample["reply_key"], sample["text"]


def stories_told(stories: list[dict[str, Any]]) -> RenderableType:
    """Stories of several questions, separated by rules."""
    return Group(*(part for story in stories for part in (Rule(), story_told(story))))


def story_told(story: dict[str, Any]) -> RenderableType:
    """`why.story`, from the question to the data."""
    parts: list[RenderableType] = [ended(story)]
    parts += [shown(note, "yellow") for note in story["notes"]]
    if story["question"]:
        parts.append(facts(why.question_facts(story)))
    for stage, said in (("caption", story["captions"]), ("reason", story["samples"])):
        parts += [block(title, why.message_text(one)) for title, one in why.prompts_of(story, stage)]
        parts += [sample_told(sample) for sample in said]
    for row in story["rows"]:
        parts += [Text(), block(f"in the data, split {row['split']}", why.turns_text(row))]
    return Group(*parts)


def sample_told(sample: dict[str, Any]) -> RenderableType:
    """A sample: its end, its text or error, its verdict."""
    parts: list[RenderableType] = [Text(), ended(sample), Padding(shown(why.reply_line(sample), "dim"), (0, 0, 0, 2))]
    if sample["verdict"]:
        outcome = sample["verdict"]["outcome"]
        parts.append(Padding(coloured(why.verdict_line(sample), f" {outcome}:", STYLES[outcome]), (0, 0, 0, 2)))
    return Group(*parts, block(None, why.reply_text(sample)))


def ended(of: dict[str, Any]) -> Text:
    """How a story or a sample ended."""
    what, _, end = why.ending(of).partition(": ")
    decision = of["decision"]["decision"]
    return shown(f"{what}: ", "bold") + coloured(end, decision, STYLES[decision])


def coloured(line: str, word: str, style: str) -> Text:
    """A line with the first occurrence of a word in colour."""
    text, at = shown(line), line.find(word)
    text.stylize(style, at, at + len(word))
    return text
