// Training runs and evaluations.
import { html, useAnswer, Await, Table, Badge, Facts, Bar, ReportPart, link, count, share, plain, figure } from "./base.js";
import { Curve } from "./plot.js";
import { pageOf } from "./home.js";

const RUN_LIVE = 3; // seconds between looks at a running one
const FIRST = ["loss", "reward", "eval_loss", "reward_std", "kl", "grad_norm", "learning_rate"]; // curves, in this order

export function RunPage({ params }) {
  const found = useAnswer("run", { name: params.name }, { every: window.ovtFiles ? 0 : RUN_LIVE });
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return html`<${Await} of=${found}>${(run) => html`<h1>${plain(run.name)} <i>${run.kind}</i> <${Badge} of=${run.status} /></h1>
    <${Facts} of=${{ model: plain(run.model), data: run.data && html`<a href=${pageOf(run.data)}>${plain(run.data)}</a>`, seed: run.seed,
      ...Object.fromEntries(Object.entries(run.result).filter(([, value]) => typeof value !== "object").map(([name, value]) => [name, figure(value)])) }} />
    ${run.rollouts > 0 && html`<p class="row"><a class="button" href=${link("rows", { version: `run:${run.name}` })}>what it wrote</a></p>`}
    <div class="columns">${Object.entries(run.curves).sort(([a], [b]) => rank(a) - rank(b)).map(([name, points]) =>
      html`<${Curve} key=${name} title=${plain(name)} points=${points} />`)}</div>
    <details><summary>settings</summary><pre tabindex="0">${plain(JSON.stringify(run.settings, null, 2))}</pre></details>`}<//>`;
}

export function EvaluationPage({ params }) {
  const found = useAnswer("evaluation", { name: params.name });
  const version = `eval:${params.name}`;
  return html`<${Await} of=${found}>${({ scores, asked, failed, benchmark, headline, report }) => html`<h1>${plain(params.name)} <i>${share(headline.accuracy)} right</i></h1>
    <${Facts} of=${{ model: plain(asked.model), questions: count(headline.questions), answers: count(headline.answers),
      "95% interval": `${share(headline.low)} to ${share(headline.high)}`, "well formed": share(scores.format_valid), "cut off": share(scores.truncated),
      words: scores.words.toFixed(0), failed: failed || null, verifier: asked.verifier_version }} />
    <p class="row"><a class="button" href=${link("rows", { version })}>answers</a> <a class="button" href=${link("rows", { version, outcome: "wrong" })}>wrong ones</a>
      <a class="button" href=${link("rows", { version, outcome: "abstain" })}>nothing read</a> <a class="button" href=${link("rows", { version, finish: "length" })}>cut off</a></p>
    ${benchmark && html`<section><h2>Benchmark</h2>${report.map((part) => html`<${ReportPart} of=${part} />`)}</section>`}
    <div class="columns">${!benchmark && html`<section class="card"><h2>By source</h2><${Groups} of=${scores.by_source} version=${version} /></section>`}
      <section class="card"><h2>Why those verdicts</h2><${Table} label="reasons" rows=${Object.entries(scores.reasons)} columns=${[
        { title: "reason", cell: ([reason]) => html`<a href=${link("rows", { version, judged: reason })}>${plain(reason)}</a>` },
        { title: "answers", number: true, cell: ([, number]) => count(number) },
        { title: "", cell: ([, number]) => html`<${Bar} part=${number} whole=${scores.answers} />` }]} /></section></div>`}<//>`;
}

function Groups({ of, version }) {
  const columns = [
    { title: "source", cell: ([source]) => html`<a href=${link("rows", { version, source })}>${plain(source)}</a>` },
    { title: "questions", number: true, cell: ([, one]) => count(one.questions) },
    { title: "accuracy", number: true, cell: ([, one]) => share(one.accuracy) },
    { title: "95% interval", number: true, cell: ([, one]) => `${share(one.low)} to ${share(one.high)}` },
    { title: "", cell: ([, one]) => html`<${Bar} part=${one.accuracy} whole="1" tone="good" />` },
  ];
  return html`<${Table} columns=${columns} rows=${Object.entries(of)} label="accuracy by source" />`;
}
