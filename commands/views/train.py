"""Runs, plans, previews, rollouts and loops on a terminal; model texts are shown as harmless text."""

from collections import Counter
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text
from rich.tree import Tree

from ovt.commands.views.data import STYLES as OUTCOMES
from ovt.commands.views.tables import Table, facts, names, numbers, shown, texts
from ovt.core.text import duration, plain, size
from ovt.train.runs import Run

STYLES = {"image": "magenta", "masked": "dim", "learned": "green"}
MOST_REFUSED = 20
SHOWN = ("step", "rollouts", "reward", "accuracy", "same", "truncated", "abstain", "words", "behaviour_reflection")
SHARES = ("accuracy", "same", "truncated", "abstain")


def run_list(records: list[dict[str, Any]]) -> RenderableType:
    """A line per run."""
    if not records:
        return Text("No runs yet: ovt train sft VERSION --model MODEL")
    columns = [*names("run", "kind", "status", "model", "data"), *numbers("steps", "loss", "time")]
    rows = []
    for one in records:
        result = one["result"]
        loss = result.get("last_loss")
        about = [one[name] for name in ("name", "kind", "status", "model", "data")]
        told = ["" if loss is None else f"{loss:.3f}", duration(result.get("train_s"))]
        rows.append([*about, result.get("steps", ""), *told])
    return Table(columns, rows)


def removed_shown(found: list[dict[str, Any]]) -> RenderableType:
    """A line per run."""
    rows = [
        (one["run"], size(one["bytes"]), one["folders"][0] if one["folders"] else "nothing to remove") for one in found
    ]
    return Table([*names("run"), *numbers("size"), *texts("folder")], rows)


def run_shown(record: dict[str, Any]) -> RenderableType:
    """All fields of a record, one per line; nested settings as section.key."""
    return facts({name: str(value) for name, value in flat(record)})


def run_finished(run: Run) -> RenderableType:
    """The run, its losses, and the next command."""
    result = run.record.result
    told = [f"{result['steps']:,} steps"] if "steps" in result else []
    if result.get("first_loss") is not None:
        told.append(f"loss {result['first_loss']:.3f} → {result['last_loss']:.3f}")
    if result.get("first_reward") is not None:
        told.append(f"reward {result['first_reward']:.3f} → {result['last_reward']:.3f}")
    if "first_accuracy" in result:
        told.append(f"held out {result['first_accuracy']:.1%} → {result['last_accuracy']:.1%}")
    if result.get("eval_loss") is not None:
        told.append(f"evaluation {result['eval_loss']:.3f}")
    told.append(duration(result.get("train_s")))
    return Group(
        Text.assemble((run.name, "bold"), "  ", ", ".join(part for part in told if part)),
        Text(f"model: {run.model}"),
        Text(f"next:  ovt train show {run.name}"),
    )


def plans_shown(plans: list[dict[str, Any]]) -> RenderableType:
    """The plan of each stage."""
    return Group(*map(plan_shown, plans))


def plan_shown(found: dict[str, Any]) -> RenderableType:
    """The memory per device, the work, and the trainer's arguments."""
    per_device = found["memory_per_device"].items()
    kept = f"{size(found['host_memory'])} of host memory to load, {size(found['disk_per_checkpoint'])} per checkpoint"
    memory = [(name, Text(size(count), "bold" if name == "total" else "")) for name, count in per_device]
    arguments = [(name, str(value)) for name, value in sorted(found["arguments"].items())]
    work = (
        f"{found['train_rows']:,} rows ({found['left_out']:,} left out, {found['eval_rows']:,} held out), "
        f"{found['steps']:,} steps on {found['devices']} device{'s' if found['devices'] > 1 else ''}; "
        f"{found['trained_parameters']:,} of {found['parameters']:,} parameters trained; "
        f"longest row {found['longest_row']:,} tokens"
    )
    return Group(
        Text(work),
        Text(""),
        Table([*names("per device"), *numbers("memory")], memory),
        Text(kept),
        *fits(found),
        Text(""),
        Table([*names("argument"), *texts("value")], arguments),
        Text("Memory is a rough estimate. Nothing was trained."),
    )


def measured_shown(found: dict[str, Any]) -> RenderableType:
    """What the steps on the longest rows took, beside what was estimated."""
    one = found["measured"]
    first, last = one["seconds"][0], one["seconds"][-1]
    speed = f", {one['tokens_per_s']:,.0f} tokens/s" if one["tokens_per_s"] else ""
    speed += f", MFU {one['mfu']:.1%}" if one["mfu"] else ""
    return Group(
        Text(
            f"longest row {found['longest_row']:,} tokens: {first:.2f} s for the first step, then {last:.2f} s{speed}"
        ),
        Text(f"{found['steps']:,} steps of this size: {duration(one['total_s'])}"),
        Text(f"memory: {size(one['memory'])} at most, {size(found['memory_per_device']['total'])} estimated"),
        Text("Nothing was kept."),
    )


def fits(found: dict[str, Any]) -> list[RenderableType]:
    """Whether the total fits a named device, leaving a tenth for everything else."""
    if not found["device"]:
        return []
    total, room = found["memory_per_device"]["total"], found["device_memory"]
    told = "fits" if total <= 0.9 * room else "barely fits" if total <= room else "does not fit"
    style = {"fits": "green", "barely fits": "yellow"}.get(told, "red")
    return [Text(f"{told} {found['device']}: {size(total)} of {size(room)}", style)]


def preview_shown(found: dict[str, Any]) -> RenderableType:
    """Rows with the loss mask in colour, the lengths, and the skipped rows."""
    parts: list[RenderableType] = []
    for row in found["shown"]:
        counts = Counter[str]()
        for piece in row["pieces"]:
            counts[piece["kind"]] += piece["tokens"]
        told = ", ".join(f"{counts[kind]:,} {kind}" for kind in STYLES if counts[kind])
        parts += [Rule(Text(f"{plain(row['sample_id'] or row['question_id'])}: {told}", style="dim"), align="left")]
        parts += [Text.assemble(*((plain(piece["text"]), STYLES[piece["kind"]]) for piece in row["pieces"]))]
    legend = Text.assemble("tokens: ", *(part for kind in STYLES for part in ((kind, STYLES[kind]), " ")))
    tokens = found["tokens"]
    limit = f" of at most {found['max_length']:,} tokens" if found["max_length"] else ""
    sums = (
        f"{found['kept']:,} of {found['rows']:,} rows{limit} are used: {tokens['prompt_tokens']:,} prompt tokens "
        f"({tokens['image_tokens']:,} of images), {tokens['completion_tokens']:,} learned"
    )
    warning = [Text(f"warning: {plain(found['warning'])}", style="red")] if found["warning"] else []
    return Group(*parts, Rule(style="dim"), legend, Text(""), lengths_shown(found["histogram"]), Text(sums),
                 *refused_shown(found["left_out"]), *warning)  # fmt: skip


def lengths_shown(bins: list[dict[str, Any]]) -> RenderableType:
    """A bar per bin; skipped rows in red."""
    most = max((one["rows"] for one in bins), default=1)
    rows = []
    for one in bins:
        shares = (one["rows"] - one["left_out"], one["left_out"])
        lengths = [round(40 * share / most) or int(share > 0) for share in shares]
        drawn = Text.assemble(*(("█" * length, style) for length, style in zip(lengths, ("green", "red"), strict=True)))
        rows.append((f"{one['from']:,}-{one['to']:,}", one["rows"], drawn))
    return Table([*numbers("tokens", "rows"), *names("")], rows)


def refused_shown(rows: list[dict[str, Any]]) -> list[RenderableType]:
    """A line per skipped row, with its reason and length."""
    if not rows:
        return [Text("No row is left out.")]
    told = "1 row is" if len(rows) == 1 else f"{len(rows):,} rows are"
    lines: list[RenderableType] = [Text(f"{told} left out:", style="red")]
    for row in rows[:MOST_REFUSED]:
        tokens = row["prompt_tokens"]
        length = f", {tokens + row['completion_tokens']:,} tokens" if tokens is not None else ""
        lines.append(Text(f"  {plain(row['sample_id'] or row['question_id'])}: {row['reason']}{length}"))
    if len(rows) > MOST_REFUSED:
        lines.append(Text(f"  … and {len(rows) - MOST_REFUSED:,} more (--json names them all)"))
    return lines


def rollouts_shown(found: list[dict[str, Any]]) -> RenderableType:
    """A panel per rollout: its verdict, reward, advantage and text."""
    return Group(*(panel(one) for one in found)) if found else Text("no such rollouts")


def panel(one: dict[str, Any]) -> RenderableType:
    """One rollout."""
    worth = "none" if one["reward"] is None else f"{one['reward']:.2f}, advantage {one['advantage']:+.2f}"
    verdict = Text.assemble(
        (one["outcome"], OUTCOMES.get(one["outcome"], "")),
        f"  reward {worth}  {one['completion_tokens']} tokens ({one['finish_reason']})",
    )
    title = shown(f"step {one['step']}  {one['sample_id']}")
    return Panel(Group(verdict, shown(one["explanation"], "dim"), Text(""), shown(one["text"])), title=title)


def steps_shown(steps: list[dict[str, Any]]) -> RenderableType:
    """A line per batch of rollouts; reflections are cues per 1,000 words. The other families are in --json."""
    rows = [[cell(name, step[name]) for name in SHOWN] for step in steps]
    return Table(numbers(*(name.removeprefix("behaviour_") for name in SHOWN)), rows)


def cell(name: str, value: Any) -> str:
    """A number in its most readable form."""
    if value is None:
        return ""
    if name in SHARES:
        return f"{value:.0%}"
    return f"{value:.2f}" if name == "reward" else f"{value:.1f}" if isinstance(value, float) else f"{value:,}"


def flat(tree: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """(a.b.c, value) of a tree, without empty values."""
    lines: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines += flat(value, f"{above}{name}.")
        elif value not in (None, "", []):
            lines.append((f"{above}{name}", ", ".join(map(str, value)) if isinstance(value, list) else value))
    return lines


STATUS_STYLES = {"done": "green", "running": "yellow", "stopped": "yellow", "failed": "red", "to do": "dim"}
STATUS_WIDTH = 8


def status_tree(status: dict[str, Any]) -> Tree:
    """A loop's progress: the base's evaluation, then a branch per iteration.

    pocket-loop  base pocket
    ├── base                   31.3% [27.7%, 35.2%]
    ├── iteration 1
    │   ├── data-1  done   4:12  pocket-loop-1@v1: 1,158 to train on, 144 for RL
    │   └── sft-1   running
    """
    state = "running" if status["running"] else ""
    title = Text.assemble((status["loop"], "bold"), f"  base {status['base']}  ", (state, "yellow"))
    tree = Tree(title, guide_style="dim")
    iterations = sorted({step["iteration"] for step in status["steps"]})
    for number in iterations:
        steps = [step for step in status["steps"] if step["iteration"] == number]
        branch = tree.add(Text(f"iteration {number}")) if number else tree
        name = max(len(step["name"]) for step in steps)
        time = max(len(duration(step["seconds"])) for step in steps)
        for step in steps:
            branch.add(step_line(step, name, time))
    return tree


def step_line(step: dict[str, Any], name: int, time: int) -> Table:
    """A step's name, state, time and result; name, time: the widths of those columns."""
    state = Text(step["status"].ljust(STATUS_WIDTH), STATUS_STYLES[step["status"]])
    what = outcome(step) if step["status"] in ("done", "failed") else step["title"]
    cells = Text(step["name"].ljust(name)), state, Text(duration(step["seconds"]).rjust(time))
    row = (*cells, shown(what, "" if step["ref"] else "dim"))
    return Table([*names("", ""), *numbers(""), *texts("")], [row], header=False)


def outcome(step: dict[str, Any]) -> str:
    """A finished step's result in a few words."""
    numbers = step["numbers"]
    if step["kind"] == "data":
        return f"{step['ref']}: {numbers.get('sft', 0):,} rows to train on, {numbers.get('rl', 0):,} for RL"
    if step["kind"] == "eval":
        interval = f"[{numbers['low']:.1%}, {numbers['high']:.1%}]"
        told = f"{numbers['questions']:,} questions, {numbers['words']:.0f} words"
        told += "".join(f", {name} {one['accuracy']:.1%}" for name, one in numbers.get("benchmarks", {}).items())
        return f"{numbers['accuracy']:.1%} {interval}, {told}"
    if step["kind"] == "gate":
        gain = f"{100 * numbers['gain']:+.1f} points [{100 * numbers['low']:+.1f}, {100 * numbers['high']:+.1f}]"
        return f"{gain}{'; ' + numbers['failed'] if numbers['failed'] else ', passed'}"
    known = (("steps", "{:,} steps"), ("last_loss", "loss {:.3f}"), ("last_reward", "reward {:.3f}"))
    return ", ".join([f"{step['ref']}", *(form.format(numbers[key]) for key, form in known if key in numbers)])
