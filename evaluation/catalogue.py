"""The benchmarks that ovt knows, for people: what each is, how it is asked and how it is scored."""

from ovt.core.registry import BENCHMARKS
from ovt.core.report import Report, Table, facts, names, numbers, texts
from ovt.evaluation.benchmark import Benchmark, find_benchmark, prompt_hash


def listed() -> Report:
    """Every benchmark: its subsets, rows, licence, prompts."""
    known: list[Benchmark] = [BENCHMARKS.get(name) for name in BENCHMARKS.names()]
    rows = []
    for one in known:
        first, *others = one.variants
        more = ", ".join(f":{name} {one.variants[name].rows:,}" for name in others)
        rows.append((one.name, one.variants[first].rows, more, one.license, ", ".join(one.prompts)))
    columns = [*names("benchmark"), *numbers("rows"), *texts("subsets", "licence", "prompts")]
    return Report("benchmarks", [_data(one) for one in known], [Table(columns, rows)])


def shown(name: str) -> Report:
    """One benchmark: sources, licence, prompts with an example each, rules, groups, and golds known to be bad."""
    one, variant = find_benchmark(name)
    parts: list[Table | str] = [facts(_facts(one, variant))]
    example = one.read(one.example, one.variants[variant].parts[0])
    for name, prompt in one.prompts.items():
        text = prompt.ask(example)
        parts.append(f"prompt {name}: {prompt.about} ({prompt_hash([text])})\n{text}")
    parts.append(Table(texts("rule", "what is right"), [(rule.name, rule.about) for rule in one.rules]))
    if one.known_bad:
        parts.append(Table([*names("id"), *texts("known bad gold")], list(one.known_bad.items())))
    return Report(one.name, _data(one), parts)


def _facts(one: Benchmark, variant: str) -> dict[str, str]:
    subsets = [f"{one.name}:{name} ({subset.rows:,} rows)" for name, subset in one.variants.items()]
    sources = [" ".join(filter(None, (part.path, part.config, part.split))) for part in one.variants[variant].parts]
    return {
        "title": one.title,
        "subsets": ", ".join(subsets),
        "source": "; ".join(sources),
        "revision": f"{_revision(one, variant)}; --data @REVISION reads another",
        "licence": one.license,
        "rules of": one.url,
        "headline": one.headline,
        "groups": ", ".join(one.groups),
    }


def _revision(one: Benchmark, variant: str) -> str:
    """The commits that are read, once each."""
    pinned = dict.fromkeys(part.revision for part in one.variants[variant].parts)
    return ", ".join(revision or "the newest: none is pinned" for revision in pinned)


def _data(one: Benchmark) -> dict[str, object]:
    return {
        "name": one.name,
        "title": one.title,
        "license": one.license,
        "url": one.url,
        "variants": {name: {"rows": subset.rows, "sources": [vars(part) for part in subset.parts]}
                     for name, subset in one.variants.items()},
        "prompts": {name: {"about": prompt.about, "sampling": dict(prompt.sampling), "rule": prompt.rule}
                    for name, prompt in one.prompts.items()},
        "rules": {rule.name: rule.about for rule in one.rules},
        "groups": list(one.groups),
        "headline": one.headline,
        "known_bad": dict(one.known_bad),
    }  # fmt: skip
