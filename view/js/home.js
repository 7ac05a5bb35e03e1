// The first screen: versions, runs, evaluations, loops, and what was made from what.
import { html, useAnswer, Await, Table, Badge, Bar, link, count, share, money, day, bytes, figure, plain } from "./base.js";

const LIVE = 2; // seconds between looks at what is running

// The screen that shows a ref: "pocket@v1", "run:NAME", "eval:NAME".
export function pageOf(ref) {
  const [kind, name] = ref.includes(":") ? ref.split(/:(.*)/s) : ["version", ref];
  return kind === "version" ? link("version", { version: ref }) : link(kind === "run" ? "run" : "evaluation", { name });
}

export function Home() {
  const found = useAnswer("home", {}, { every: window.ovtFiles ? 0 : LIVE });
  return html`<${Await} of=${found}>${(home) => html`
    <h1>${plain(home.home)}</h1>
    ${home.broken.map((line) => html`<p class="note card">${plain(line)}</p>`)}
    ${home.versions.length + home.runs.length === 0 && html`<p>Nothing here yet: <code>ovt curate build pocket</code> makes a first version.</p>`}
    ${home.running.map((one) => html`<${Running} key=${one.name} of=${one} />`)}
    <${Versions} of=${home.versions} />
    ${home.made.length > 0 && html`<h2>What was made from what</h2><${Lineage} home=${home} />`}
    <${Runs} of=${home.runs} /><${Evaluations} of=${home.evaluations} /><${Loops} of=${home.loops} />`}<//>`;
}

const named = (screen, params, text) => html`<a href=${link(screen, params)}>${plain(text)}</a>`;

// A build or an evaluation that is running: its stages as the terminal shows them.
function Running({ of }) {
  const names = [...new Set(of.stages.flatMap((stage) => Object.keys(stage.cells).filter((name) => stage.cells[name])))];
  const columns = [{ title: "stage", cell: (stage) => plain(stage.stage) }, { title: "", cell: (stage) => html`<${Bar} part=${stage.over ? 1 : stage.share || 0} whole="1" tone=${stage.over ? "good" : ""} />` },
    ...names.map((name) => ({ title: name, number: true, cell: (stage) => plain(stage.cells[name]) }))];
  return html`<section class="card" aria-label=${`running: ${of.name}`}><h2>${plain(of.name.replace("-", " "))} <${Badge} of="running" /></h2>
    <${Table} columns=${columns} rows=${of.stages} label="stages" key=${(stage) => stage.stage} /></section>`;
}

function Versions({ of }) {
  if (!of.length) return null;
  const columns = [
    { title: "version", cell: (one) => named("version", { version: one.ref }, one.ref) },
    { title: "questions", number: true, cell: (one) => count(one.questions) },
    { title: "sft", number: true, cell: (one) => count(one.sft) },
    { title: "rl", number: true, cell: (one) => count(one.rl) },
    { title: "cost", number: true, cell: (one) => money(one.cost_usd) },
    { title: "size", number: true, cell: (one) => bytes(one.bytes) },
    { title: "models", cell: (one) => plain(one.models.join(", ")), wide: true },
    { title: "written", cell: (one) => day(one.written) },
    { title: "", cell: (one) => html`${named("rows", { version: one.ref }, "rows")} · ${named("what-if", { version: one.ref }, "what if")}` },
  ];
  return html`<h2>Versions</h2><${Table} columns=${columns} rows=${of} label="versions" key=${(one) => one.ref} /><${ChoosePair} of=${of.map((one) => one.ref)} />`;
}

// Two refs to compare.
function ChoosePair({ of, kind = "" }) {
  const [a, setA] = useState(of[Math.max(of.length - 2, 0)]);
  const [b, setB] = useState(of[of.length - 1]);
  if (of.length < 2) return null;
  const choose = (label, value, set) => html`<label>${label} <select value=${value} onChange=${(event) => set(event.target.value)}>
    ${of.map((ref) => html`<option value=${ref}>${plain(ref)}</option>`)}</select></label>`;
  return html`<p class="row">${choose("Compare", a, setA)} ${choose("with", b, setB)}
    <a class="button" href=${link("compare", { a: kind + a, b: kind + b })}>compare</a></p>`;
}

function Runs({ of }) {
  if (!of.length) return null;
  const columns = [
    { title: "run", cell: (one) => named("run", { name: one.name }, one.name) },
    { title: "", cell: (one) => html`<${Badge} of=${one.status} />` },
    { title: "kind", cell: (one) => one.kind },
    { title: "from", cell: (one) => plain(one.model), wide: true },
    { title: "on", cell: (one) => plain(one.data), wide: true },
    { title: "now", cell: (one) => Object.entries(one.now).map(([name, value]) => `${name} ${figure(value)}`).join(", ") },
    { title: "written", cell: (one) => day(one.written) },
  ].filter((column) => column.title !== "now" || of.some((one) => one.status === "running"));
  return html`<h2>Runs</h2><${Table} columns=${columns} rows=${of} label="training runs" key=${(one) => one.name} />`;
}

function Evaluations({ of }) {
  if (!of.length) return null;
  const columns = [
    { title: "evaluation", cell: (one) => named("evaluation", { name: one.name }, one.name) },
    { title: "model", cell: (one) => plain(one.model), wide: true },
    { title: "questions", number: true, cell: (one) => count(one.questions) },
    { title: "accuracy", number: true, cell: (one) => share(one.accuracy) },
    { title: "95% interval", number: true, cell: (one) => `${share(one.low)} to ${share(one.high)}` },
    { title: "cut off", number: true, cell: (one) => share(one.truncated) },
    { title: "written", cell: (one) => day(one.written) },
  ];
  return html`<h2>Evaluations</h2><${Table} columns=${columns} rows=${of} label="evaluations" key=${(one) => one.name} />
    <${ChoosePair} of=${of.map((one) => one.name)} kind="eval:" />`;
}

function Loops({ of }) {
  return of.map((loop) => html`<h2>Loop ${plain(loop.loop)} ${loop.running && html`<${Badge} of="running" />`}</h2>
    ${loop.error && html`<p class="note card">${plain(loop.error)}</p>`}
    <ol class="steps">${loop.steps.map((step) => html`<li><${Badge} of=${step.status} /> ${stepLink(step)}
      <span class="soft"> ${numbersOf(step.numbers)}</span></li>`)}</ol>`);
}

function stepLink(step) {
  const kind = { data: "", sft: "run:", rl: "run:", eval: "eval:" }[step.kind];
  return step.ref && kind !== undefined ? html`<a href=${pageOf(kind + step.ref)}>${plain(step.title)}</a>` : plain(step.title);
}

const numbersOf = (numbers) => Object.entries(numbers).slice(0, 5)
  .map(([name, value]) => `${name} ${typeof value === "number" ? +value.toPrecision(4) : value}`).join(", ");

// Boxes in columns, each right of everything it was made from; lines between them.
function Lineage({ home }) {
  const refs = [...new Set(home.made.flat())];
  const depth = {};
  const deep = (ref, seen = []) => {
    if (depth[ref] === undefined) {
      const before = home.made.filter(([from, to]) => to === ref && !seen.includes(from)).map(([from]) => deep(from, [...seen, ref]));
      depth[ref] = before.length ? Math.max(...before) + 1 : 0;
    }
    return depth[ref];
  };
  refs.forEach((ref) => deep(ref));
  const placed = {};
  const used = [];
  for (const ref of refs) {
    const column = depth[ref];
    used[column] = (used[column] ?? -1) + 1;
    placed[ref] = [20 + 230 * column, 16 + 46 * used[column]];
  }
  const [wide, tall] = [230 * used.length + 10, 46 * Math.max(...used.map((one) => (one ?? 0) + 1)) + 16];
  return html`<div class="scroll card" tabindex="0" role="region" aria-label="lineage"><svg class="lineage" width=${wide} height=${tall} role="group" aria-label="lineage">
    ${home.made.map(([from, to]) => {
      const [[x1, y1], [x2, y2]] = [placed[from], placed[to]];
      return html`<path d=${`M${x1 + 190} ${y1 + 16} C${x1 + 215} ${y1 + 16} ${x2 - 25} ${y2 + 16} ${x2} ${y2 + 16}`} />`;
    })}
    ${refs.map((ref) => html`<a href=${pageOf(ref)} key=${ref}><title>${plain(ref)}</title>
      <rect class=${ref.includes(":") ? ref.split(":")[0] : "version"} x=${placed[ref][0]} y=${placed[ref][1]} width="190" height="32" rx="7" />
      <text x=${placed[ref][0] + 12} y=${placed[ref][1] + 21}>${plain(ref).slice(0, 24)}</text></a>`)}
  </svg></div>`;
}
