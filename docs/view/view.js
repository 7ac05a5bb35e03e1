"use strict";
(() => {
// What every screen uses: answers, the address, numbers, keys, and small parts.

const { h, render } = preact;
const { useState, useEffect, useMemo, useRef } = preactHooks;
const html = htm.bind(h);

// Answers ------------------------------------------------------------------------------------------------------------

// The answer to NAME, from the server, or from the files of a static view. Raises Error with a line for people.
async function get(name, params = {}) {
  const query = queryOf(params);
  return awaited(window.ovtFiles ? fromFiles(name, params, query) : fetch(`api/${name}?${query}`).then(read));
}

// After the next frame and its effects: hence a second frame, as effects wait for the first.
const drawn = (then) => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => setTimeout(then))));

// The body has the number of answers on their way, for whoever drives the page.
function asking(more) {
  document.body.dataset.asking = Number(document.body.dataset.asking || 0) + more;
}

async function awaited(answer) {
  asking(1);
  try {
    return await answer;
  } finally {
    drawn(() => asking(-1));
  }
}

async function post(name, body) {
  const headers = { "Content-Type": "application/json" };
  return awaited(fetch(`api/${name}`, { method: "POST", headers, body: JSON.stringify(body) }).then(read));
}

async function read(response) {
  if (response.status === 403) throw new Error(await response.text());
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

// {data, error, busy} of an answer; asked again whenever name or params change, and every `every` seconds. The last
// answer stays in view while the next one is on its way.
function useAnswer(name, params, { every = 0, refresh = 0 } = {}) {
  const [state, set] = useState({ busy: true });
  const query = name && queryOf(params);
  useEffect(() => {
    if (!name) return undefined;
    let over = false;
    const ask = () =>
      get(name, params).then(
        (data) => over || set({ data, query, busy: false }),
        (error) => over || set({ error: error.message, query, busy: false }),
      );
    set((old) => ({ ...old, busy: true }));
    ask();
    const timer = every && setInterval(ask, 1000 * every);
    return () => { over = true; clearInterval(timer); };
  }, [name, query, every, refresh]);
  return state;
}

// An answer, or what stands in its place.
function Await({ of, doing = "loading", children }) {
  if (of.error) return html`<p class="note card" role="alert">${of.error}</p>`;
  if (!of.data) return html`<p class="soft" role="status">${doing}…</p>`;
  return children(of.data);
}

// The address: #/screen?name=value&name=value -------------------------------------------------------------------------

// Values are texts, or lists of texts where a name repeats; empty ones are left out.
function queryOf(params) {
  const pairs = Object.keys(params).sort().flatMap((name) =>
    [params[name]].flat().filter((value) => value !== "" && value !== undefined && value !== null).map((value) => [name, value]));
  return new URLSearchParams(pairs).toString();
}

const link = (screen, params = {}) => `#/${screen}?${queryOf(params)}`.replace(/\?$/, "");
const go = (screen, params) => { location.hash = link(screen, params); };

// {screen, params}: params has one text per name; `lists` all of them.
function address() {
  const [screen, query] = location.hash.replace(/^#\/?/, "").split("?");
  const pairs = new URLSearchParams(query || "");
  const params = {};
  for (const name of new Set(pairs.keys())) {
    const all = pairs.getAll(name);
    params[name] = all.length > 1 ? all : all[0];
  }
  return { screen: screen || "home", params };
}

const listOf = (value) => (value === undefined || value === "" ? [] : [value].flat());

// Keys ---------------------------------------------------------------------------------------------------------------

const keyMaps = [];

// keys: {j: ["next question", () => …]}; they work while the part that calls this is on the screen.
function useKeys(keys) {
  const map = useRef();
  map.current = keys;
  useEffect(() => {
    keyMaps.push(map);
    return () => { keyMaps.splice(keyMaps.indexOf(map), 1); };
  }, []);
}

const keysInUse = () => Object.assign({}, ...keyMaps.map((map) => map.current));

function pressKey(event) {
  const writing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (writing) {
    if (event.key === "Escape") writing.blur();
    return;
  }
  const found = keysInUse()[event.key];
  if (!found) return;
  event.preventDefault();
  found[1]();
}

// Texts and numbers ----------------------------------------------------------------------------------------------------

const UNSEEN = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff" +
  "\\ufff9-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e007f}]", "gu");

// A text in which nothing is reversed or hidden: such characters are shown as "�".
const plain = (text) => String(text ?? "").replace(/\r\n/g, "\n").replace(UNSEEN, "\ufffd");

const count = (number) => (number ?? 0).toLocaleString("en-US");
const share = (part) => (part === null || part === undefined ? "–" : `${(100 * part).toFixed(1)}%`);
const money = (usd) => (usd === null || usd === undefined ? "unknown" : usd ? `$${usd < 0.001 ? usd.toPrecision(2) : usd.toFixed(usd < 1 ? 4 : 2)}` : "–");
const day = (seconds) => (seconds ? new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ") : "");
const bytes = (size) => {
  const step = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), 4);
  return `${(size / 1000 ** step).toFixed(step ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
};

// A number of any size, in short.
function figure(value) {
  if (typeof value !== "number") return plain(value);
  if (Number.isInteger(value)) return count(value);
  return Math.abs(value) >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

// Parts ----------------------------------------------------------------------------------------------------------------

const TONES = { correct: "good", kept: "good", done: "good", wrong: "bad", dropped: "bad", failed: "bad", abstain: "unsure",
  running: "live", stopped: "unsure" };

const Badge = ({ of, title }) => html`<span class="badge ${TONES[of] || "neutral"}" title=${title}>${plain(of)}</span>`;

const imageAt = (id, width) =>
  window.ovtFiles ? window.ovtFiles.images[id] : `image/${id}${width ? `?width=${width}` : ""}`;

function Picture({ id, width, alt }) {
  const [lost, lose] = useState(false);
  if (!id || lost || !imageAt(id)) return html`<span class="lost soft">${id ? "image not found" : "no image"}</span>`;
  return html`<img src=${imageAt(id, width)} alt=${alt} loading="lazy" decoding="async" onError=${() => lose(true)} />`;
}

// columns: [{title, cell(row), number, wide}]
function Table({ columns, rows, label, key = (row, at) => at }) {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table class="plain">
    <thead><tr>${columns.map((one) => html`<th scope="col" class=${one.number ? "number" : ""}>${one.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row, at) => html`<tr key=${key(row, at)}>${columns.map((one) =>
      html`<td class=${`${one.number ? "number" : ""} ${one.wide ? "wide" : ""}`}>${one.cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

// A bar of `part` of `whole`.
const Bar = ({ part, whole, tone = "" }) =>
  html`<span class="bar" aria-hidden="true"><i class=${tone} style=${{ width: `${whole ? (100 * part) / whole : 0}%` }}></i></span>`;

const Facts = ({ of }) => html`<dl class="facts">${Object.entries(of)
  .filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

// A command to copy.
function Command({ line }) {
  const [done, set] = useState(false);
  const copy = () => navigator.clipboard?.writeText(line).then(() => set(true));
  return html`<div class="command"><code>${plain(line)}</code>
    <button type="button" onClick=${copy}>${done ? "copied" : "copy"}</button></div>`;
}

// A part of a report, as the terminal prints it: a line of text, or a table.
function ReportPart({ of }) {
  if (of.text) return html`<p class="soft lines">${plain(of.text)}</p>`;
  const cell = (column, place) => (row) => (column.holds === "bar" ? html`<${Bar} part=${row[place]} whole="1" />` : plain(row[place]));
  return html`<${Table} label="report" rows=${of.rows} columns=${of.columns.map((column, place) => (
    { title: plain(column.title), number: column.holds === "number", wide: column.holds === "text", cell: cell(column, place) }))} />`;
}
// Plots in SVG: a histogram to filter with, and a curve. A library that draws on a canvas (uPlot) would be faster from
// thousands of points on; there are 600 at most, and bars that a keyboard reaches and a screen reader reads.

// bins: [{from, to, rows}]. pick(from, to) is called for a click on a bar, or a drag over several.
function Histogram({ bins, chosen, pick, label }) {
  const [start, setStart] = useState(null);
  const most = Math.max(...bins.map((bin) => bin.rows), 1);
  const wide = 100 / bins.length;
  const [low, high] = chosen || [];
  const lit = (bin) => low === undefined || (bin.to >= low && bin.from <= high);
  const end = (at) => {
    if (start === null) return;
    const [first, last] = [Math.min(start, at), Math.max(start, at)];
    setStart(null);
    pick(bins[first].from, bins[last].to);
  };
  return html`<svg class="histogram" viewBox="0 0 100 30" preserveAspectRatio="none" role="group" aria-label=${label}>
    ${bins.map((bin, at) => html`<g key=${at} class=${lit(bin) ? "lit" : ""} role="button" tabindex="0"
      aria-label=${`${figure(bin.from)} to ${figure(bin.to)}: ${count(bin.rows)} rows`}
      onKeyDown=${(event) => event.key === "Enter" && pick(bin.from, bin.to)}
      onPointerDown=${() => setStart(at)} onPointerUp=${() => end(at)}>
      <title>${`${figure(bin.from)} to ${figure(bin.to)}: ${count(bin.rows)}`}</title>
      <rect class="space" x=${at * wide} y="0" width=${wide} height="30" />
      <rect class="part" x=${at * wide + wide * 0.08} width=${wide * 0.84} y=${30 - (28 * bin.rows) / most} height=${(28 * bin.rows) / most} />
    </g>`)}
  </svg>`;
}

// points: [[step, value]], in order of the steps.
function Curve({ points, title }) {
  const [at, setAt] = useState(null);
  const finite = points.filter(([, value]) => Number.isFinite(value));
  if (finite.length < 2) return null;
  const [first, last] = [finite[0][0], finite[finite.length - 1][0]];
  const values = finite.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step) => (300 * (step - first)) / (last - first || 1);
  const y = (value) => 76 - (72 * (value - low)) / (high - low || 1);
  const path = finite.map(([step, value], place) => `${place ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const step = first + ((event.clientX - box.left) / box.width) * (last - first);
    setAt(finite.reduce((best, one) => (Math.abs(one[0] - step) < Math.abs(best[0] - step) ? one : best)));
  };
  const shown = at || finite[finite.length - 1];
  return html`<figure class="curve card"><figcaption><b>${title}</b> <span class="soft">${figure(shown[1])} at ${figure(shown[0])}</span></figcaption>
    <svg viewBox="0 0 300 80" preserveAspectRatio="none" role="img" onPointerMove=${move} onPointerLeave=${() => setAt(null)}
      aria-label=${`${title}: from ${figure(values[0])} to ${figure(values[values.length - 1])}`}>
      <path d=${path} vector-effect="non-scaling-stroke" />
      ${at && html`<line x1=${x(at[0])} x2=${x(at[0])} y1="0" y2="80" vector-effect="non-scaling-stroke" />`}
    </svg>
    <div class="ends soft"><span>${figure(first)}</span><span>${figure(low)} … ${figure(high)}</span><span>${figure(last)}</span></div>
  </figure>`;
}
// Texts of models: the answer marked, cues tinted, cuts struck through, mathematics rendered. Never as HTML.

const LONG = 20000; // characters shown at first
const MOST_MATHS = 300; // formulas of a text
const LONGEST_MATHS = 2000; // characters of one; without a bound, many unclosed \[ would take quadratic time
// A single $ begins and ends a formula as in Pandoc: no space just inside, no digit after, neither escaped ("$5-$10").
const MATHS = /\$\$[^$]+?\$\$|\\\[[^]{1,2000}?\\\]|\\\([^]{1,2000}?\\\)|(?<!\\)\$(?!\s)(?:\\.|[^$\n\\])+?(?<!\s)\$(?!\d)/g;
const TAGS = /<\/?(?:think|answer)>/g;

// KaTeX, trusting nothing: no links, no images, no raw HTML, macros bounded; what it cannot read is shown as written.
function Formula({ source }) {
  const place = useRef();
  const display = source.startsWith("$$") || source.startsWith("\\[");
  const inside = source.replace(/^(\$\$|\\\[|\\\(|\$)/, "").replace(/(\$\$|\\\]|\\\)|\$)$/, "");
  useEffect(() => {
    try {
      katex.render(inside, place.current, { displayMode: display, trust: false, strict: "ignore", maxSize: 20, maxExpand: 200,
        throwOnError: true });
    } catch {
      place.current.textContent = source;
    }
  }, [source]);
  return html`<span class="formula" ref=${place}>${source}</span>`;
}

// text: as it came. answer: what was read as the answer. cues: {family: pattern}. final: the text after the filters.
function Marked({ text, answer, cues = {}, final, maths = true }) {
  const [all, showAll] = useState(false);
  const whole = plain(text);
  const shown = all ? whole : whole.slice(0, LONG);
  const parts = useMemo(() => pieces(shown, plain(answer), cues, final && plain(final), maths), [shown, answer, final, maths, Object.keys(cues).join()]);
  return html`<div class="text">${parts}${whole.length > shown.length && html`<button type="button" onClick=${() => showAll(true)}>
    show the other ${count(whole.length - shown.length)} characters</button>`}</div>`;
}

// The text as spans: cut where any mark begins or ends.
function pieces(text, answer, cues, final, maths) {
  const ranges = [...answerRange(text, answer), ...cueRanges(text, cues), ...matches(text, TAGS, "tag")];
  const edits = final ? edited(text, final) : { ranges: [], added: [] };
  ranges.push(...edits.ranges);
  const formulas = maths ? matches(text, MATHS, "").slice(0, MOST_MATHS).filter((one) => one.end - one.start < LONGEST_MATHS) : [];
  const inside = (at) => formulas.some((one) => one.start < at && at < one.end);
  const cuts = [...ranges, ...formulas].flatMap((one) => [one.start, one.end]).concat(edits.added.map((one) => one.at));
  const edges = [...new Set([0, text.length, ...cuts])].filter((at) => !inside(at)).sort((a, b) => a - b);
  const parts = [];
  edges.slice(0, -1).forEach((start, place) => {
    for (const one of edits.added) if (one.at === start) parts.push(html`<ins>${one.text}</ins>`);
    const end = edges[place + 1];
    const names = ranges.filter((one) => one.start < end && start < one.end).map((one) => one.name);
    const source = text.slice(start, end);
    const shown = formulas.some((one) => one.start === start) ? html`<${Formula} key=${`${start} ${source}`} source=${source} />` : source;
    parts.push(wrap(shown, names));
  });
  return parts;
}

function wrap(shown, names) {
  if (!names.length) return shown;
  const title = names.filter((name) => name.startsWith("cue-")).map((name) => `cue: ${name.slice(4)}`).join(", ");
  if (names.includes("cut")) return html`<del class=${names.join(" ")} title="cut by a filter">${shown}</del>`;
  if (names.includes("answer")) return html`<mark class=${names.join(" ")} title="read as the answer">${shown}</mark>`;
  return html`<span class=${names.join(" ")} title=${title || undefined}>${shown}</span>`;
}

function matches(text, pattern, name) {
  return [...text.matchAll(pattern)].map((one) => ({ start: one.index, end: one.index + one[0].length, name }));
}

function cueRanges(text, cues) {
  return Object.entries(cues).flatMap(([family, pattern]) => matches(text, new RegExp(pattern, "gi"), `cue cue-${family}`));
}

// The last occurrence of the answer, inside the last answer tag or box if there is one.
function answerRange(text, answer) {
  if (!answer) return [];
  const tag = Math.max(text.lastIndexOf("<answer>"), text.lastIndexOf("\\boxed{"), 0);
  const within = text.indexOf(answer, tag);
  const start = tag && within >= 0 ? within : text.lastIndexOf(answer);
  return start < 0 ? [] : [{ start, end: start + answer.length, name: "answer" }];
}

// What the filters removed from a text (ranges) and put into it (added).
function edited(text, final) {
  const ranges = [];
  const added = [];
  let at = 0;
  for (const piece of words(text, final)) {
    if (piece.added) added.push({ at, text: piece.value });
    else {
      if (piece.removed) ranges.push({ start: at, end: at + piece.value.length, name: "cut" });
      at += piece.value.length;
    }
  }
  return { ranges, added };
}

// Two texts word by word: [{value, added, removed}]; one replaced by the other where comparing would take too long.
function words(old, now) {
  const bounds = { timeout: 250, maxEditLength: 4000 };
  const found = old.length + now.length < 200000 && Diff.diffWordsWithSpace(old, now, bounds);
  return found || [{ value: old, removed: true }, { value: now, added: true }];
}

function WordDiff({ old, now }) {
  const found = useMemo(() => words(plain(old), plain(now)), [old, now]);
  return html`<div class="text">${found.map((one) =>
    (one.added ? html`<ins>${one.value}</ins>` : one.removed ? html`<del>${one.value}</del>` : one.value))}</div>`;
}

// Pieces as the server has them: [["same", "The bar is "], ["removed", "red"], ["added", "blue"]].
const Pieces = ({ of }) => html`<div class="text">${of.map(([what, text]) =>
  (what === "added" ? html`<ins>${plain(text)}</ins>` : what === "removed" ? html`<del>${plain(text)}</del>` : plain(text)))}</div>`;
// A saved view: answers come from files beside the page, and rows are filtered here as the server filters them.

const NO_VALUE = "–"; // the value of rows without one, as the server names it
const loaded = {}; // path → promise
const shelves = { rows: {}, stories: {} };

// What the data files call.
window.ovtFilesAdd = (what, ref, value) => {
  shelves[what][ref] = what === "rows" ? value : { ...shelves[what][ref], ...value };
};

function load(path) {
  loaded[path] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = path;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${path} is missing: save the view again`));
    document.head.append(script);
  });
  return loaded[path];
}

async function fromFiles(name, params, query) {
  const files = window.ovtFiles;
  const known = files.answers[`${name}?${query}`];
  if (known) return known;
  const ref = params.version;
  if (name === "rows" && files.rows[ref]) return localRows(ref, params);
  if ((name === "question" || name === "life") && files.stories[ref]?.[params.id]) {
    await load(files.stories[ref][params.id]);
    const story = shelves.stories[ref][params.id];
    return name === "question" ? story.question : story.life.filter((one) => files.rows[one.ref]);
  }
  throw new Error("This is not in the saved view: run `ovt view` where the data is.");
}

async function localRows(ref, params) {
  await load(window.ovtFiles.rows[ref]);
  const { rows, bins, values } = shelves.rows[ref];
  const ranges = Object.keys(bins.sample);
  const level = params.level || "sample";
  const all = rows.filter((row) => row.level === level);
  const found = params.text ? await holding(ref, params.text) : null;
  const names = Object.keys(params).filter((name) => ranges.includes(name) || values.includes(name));
  const matches = (row, name) => (ranges.includes(name) ? inRange : hasValue)(row, name, listOf(params[name]));
  const passes = (row, but) => (!found || found(row)) && names.every((name) => name === but || matches(row, name));
  const hits = all.filter((row) => passes(row));
  const page = ordered(hits, all, params);
  const offset = Number(params.offset || 0);
  const limit = Number(params.limit || 48);
  const answer = { total: page.length, offset, rows: page.slice(offset, offset + limit).map((row) => ({ ...row, found: found && found.line(row) })) };
  if (params.after || params.before) return answer;
  const under = (name) => (names.includes(name) ? all.filter((row) => passes(row, name)) : hits);
  answer.values = Object.fromEntries(values.map((name) => [name, counted(under(name), name)]));
  answer.ranges = Object.fromEntries(ranges.map((name) => {
    const numbers = under(name).map((row) => row[name]).filter((number) => number !== null);
    return [name, (bins[level]?.[name] || []).map((bin) => ({ ...bin, rows: numbers.filter((number) => number >= bin.from && number <= bin.to).length }))];
  }));
  return answer;
}

// A row's values of a filter.
function valuesOf(row, name) {
  if (name === "behaviour") return row.behaviours;
  return name === "label" ? row.labels : [row[name] ?? NO_VALUE];
}

const hasValue = (row, name, wanted) => valuesOf(row, name).some((value) => wanted.includes(value));

function inRange(row, name, wanted) {
  return row[name] !== null && wanted.some((span) => {
    const [low, high] = span.split("..").map(Number);
    return row[name] >= low && row[name] <= (high ?? low);
  });
}

function ordered(hits, all, params) {
  let rows = hits;
  const anchor = params.after || params.before;
  if (anchor) {
    const places = new Map(all.map((row, place) => [row, place]));
    const own = all.map((row, place) => (row.question_id === anchor ? place : -1)).filter((place) => place >= 0);
    rows = rows.filter((row) => (params.after ? places.get(row) > own[own.length - 1] : places.get(row) < own[0]));
  }
  if (params.sort) {
    const name = params.sort.replace(/^-/, "");
    const sign = params.sort.startsWith("-") ? -1 : 1;
    rows = [...rows].sort((a, b) => (a[name] === null) - (b[name] === null) || sign * (a[name] - b[name]));
  }
  if (params.each === "question") {
    const seen = new Set();
    rows = rows.filter((row) => !seen.has(row.question_id) && seen.add(row.question_id));
  }
  return params.before ? [...rows].reverse() : rows;
}

function counted(rows, name) {
  const counts = new Map();
  for (const row of rows) for (const value of valuesOf(row, name)) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].map(([value, number]) => ({ value, rows: number })).sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1));
}

// Which rows contain a text: in their question, or in the response; `line` shows it with what is around it.
async function holding(ref, text) {
  await Promise.all([...new Set(Object.values(window.ovtFiles.stories[ref]))].map(load));
  const pattern = new RegExp(text.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"), "iu");
  const said = {};
  for (const { question } of Object.values(shelves.stories[ref])) for (const one of [...question.samples, ...question.captions]) said[one.sample_id] = one.text;
  const found = (row) => pattern.test(row.question || "") || pattern.test(said[row.id] || "");
  found.line = (row) => {
    const line = (said[row.id] || "").replace(/\s+/g, " ");
    const at = line.search(pattern);
    return at < 0 ? null : line.slice(Math.max(at - 70, 0), at + text.length + 70);
  };
  return found;
}
// The first screen: versions, runs, evaluations, loops, and what was made from what.

const LIVE = 2; // seconds between looks at what is running

// The screen that shows a ref: "pocket@v1", "run:NAME", "eval:NAME".
function pageOf(ref) {
  const [kind, name] = ref.includes(":") ? ref.split(/:(.*)/s) : ["version", ref];
  return kind === "version" ? link("version", { version: ref }) : link(kind === "run" ? "run" : "evaluation", { name });
}

function Home() {
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
// A version: where its rows went, and what was kept.

function VersionPage({ params }) {
  const ref = params.version;
  const found = useAnswer("version", { version: ref });
  const stats = useAnswer("stats", { version: ref });
  return html`<${Await} of=${found}>${(about) => html`
    <h1>${plain(about.ref)} <i>@${about.content_hash.slice(0, 12)}</i></h1>
    <${Facts} of=${{ questions: count(about.questions), sft: count(about.sft), rl: count(about.rl), cost: money(about.cost_usd),
      size: bytes(about.bytes), verifier: about.provenance.verifier_version, parent: about.provenance.parent }} />
    <p class="row"><a class="button" href=${link("rows", { version: about.ref })}>rows</a>
      <a class="button" href=${link("rows", { version: about.ref, look: "grid", each: "question" })}>pictures</a>
      <a class="button" href=${link("what-if", { version: about.ref })}>what if</a></p>
    <h2>Funnel</h2><${Funnel} version=${about.ref} funnel=${about.funnel} />
    <h2>What was kept</h2><${Await} of=${stats} doing=${`counting ${count(about.tables.samples)} samples`}>${(one) => html`<${Stats} of=${one} />`}<//>
    <h2>How it was made</h2>
    <${Facts} of=${Object.fromEntries(about.provenance.models.map((use) => [use.stage, `${use.model} at ${use.endpoint}`]))} />
    <${Command} line=${about.provenance.rebuild} />
    <details><summary>recipe</summary><pre tabindex="0">${plain(JSON.stringify(about.provenance.recipe, null, 2))}</pre></details>`}<//>`;
}

// Every number leads to the rows it counts.
function Funnel({ version, funnel }) {
  const most = {};
  const first = {};
  for (const row of funnel) {
    most[row.level] = Math.max(most[row.level] || 0, row.rows_in);
    first[row.level] ??= row.stage;
  }
  const rowsAt = (row, reason) => link("rows", { version, level: row.level, stage: row.stage, reason });
  const ends = (row) => (row.dropped.length ? row.dropped : row.kept_as).map((end) => html`<a class="reason ${row.kept_as.length ? "good" : "bad"}"
    href=${rowsAt(row, end.reason)}>${plain(end.reason)} <b>${count(end.rows)}</b></a> `);
  const columns = [
    { title: "", cell: (row) => (row.stage === first[row.level] ? `${row.level}s` : "") },
    { title: "stage", cell: (row) => (ends(row).length ? html`<a href=${rowsAt(row)}>${row.stage}</a>` : row.stage) },
    { title: "in", number: true, cell: (row) => count(row.rows_in) },
    { title: "dropped", number: true, cell: (row) => count(row.rows_in - row.rows_out) },
    { title: "out", number: true, cell: (row) => count(row.rows_out) },
    { title: "", cell: (row) => html`<${Bar} part=${row.rows_out} whole=${most[row.level]} tone=${row.kept_as.length ? "good" : ""} />` },
    { title: "why", wide: true, cell: ends },
  ];
  return html`<${Table} columns=${columns} rows=${funnel} label="funnel" />`;
}

function Stats({ of }) {
  const rates = (values, total) => values.map(([name, value]) => html`<tr><td>${plain(name)}</td><td class="number">${figure(value)}</td>
    <td><${Bar} part=${value} whole=${total} /></td></tr>`);
  const table = (title, values) => {
    const most = Math.max(...values.map(([, value]) => value), 0);
    return values.length > 0 && html`<section class="card"><h3>${title}</h3><table class="plain small"><tbody>${rates(values, most)}</tbody></table></section>`;
  };
  const both = (counts) => counts.map((one) => [one.value ?? "none", one.sft + one.rl]);
  return html`<div class="columns">
    ${of.words && html`<section class="card"><h3>Words of a response</h3><${Histogram} bins=${of.words.histogram} pick=${() => {}} label="words of a response" />
      <p class="soft">mean ${figure(of.words.mean)}, median ${of.words.median}, longest ${count(of.words.max)}</p></section>`}
    ${table("Difficulty", both(of.difficulty))}
    ${table("Sources", both(of.sources))}
    ${table("Cues per 1,000 words", Object.entries(of.behaviours))}
    ${table("Kinds of answer, samples", of.kinds.map((one) => [one.kind, one.samples]))}
    ${table("How replies ended", of.finishes.map((one) => [`${one.stage}: ${one.finish_reason}`, one.samples]))}
  </div><p class="soft">${share(of.questions ? of.questions_kept / of.questions : null)} of the questions kept;
    ${count(Math.round(of.per_row.tokens || 0))} tokens and ${money(of.per_row.cost_usd)} per row.</p>`;
}
// Rows: filters at the side, a list or a grid of pictures, everything in the address.

const PAGE = 48;
const TITLES = { stage: "ended at", reason: "reason", outcome: "verdict", judged: "why that verdict", kind: "kind of answer", source: "source",
  model: "model", difficulty: "difficulty", finish: "reply ended by", behaviour: "cues", label: "label", tokens: "tokens", words: "words",
  pass_rate: "share of samples right" };
const titleOf = (name) => plain(TITLES[name] ?? name.replace(/^own\./, ""));
const isFilter = (name) => Object.hasOwn(TITLES, name) || name.startsWith("own.");
const LEVELS = { sample: "samples", question: "questions", caption: "captions" };
const LOOKS = ["look", "offset", "beside"]; // of the address, not of the rows

const asked = (params) => Object.fromEntries(Object.entries(params).filter(([name]) => !LOOKS.includes(name)));

function RowsPage({ params }) {
  const grid = params.look === "grid";
  const offset = Number(params.offset || 0);
  const found = useAnswer("rows", { ...asked(params), offset, limit: PAGE });
  const set = (changes) => go("rows", { ...params, offset: "", ...changes });
  const [open, setOpen] = useState(false); // the filters, where there is no room beside the rows
  useKeys({ "/": ["search", () => document.getElementById("search").focus()],
    n: ["next page", () => set({ offset: Math.min(offset + PAGE, Math.max(found.data.total - 1, 0)) })],
    p: ["previous page", () => set({ offset: Math.max(offset - PAGE, 0) || "" })],
    g: ["list or pictures", () => set({ look: grid ? "" : "grid", each: grid ? "" : "question" })] });
  return html`<h1 class="short"><a href=${params.version.includes(":") ? "#/" : link("version", { version: params.version })}>${plain(params.version)}</a> <i>rows</i></h1>
    <p class="narrow"><button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>filters</button></p>
    <div class="beside"><aside aria-label="filters" class=${open ? "open" : ""}><${Await} of=${found}>${(page) => html`<${Filters} page=${page} params=${params} set=${set} />`}<//></aside>
    <div class="listing" aria-busy=${found.busy}>
      <${Controls} params=${params} set=${set} grid=${grid} numbers=${Object.keys(found.data?.ranges || {}).filter((name) => name.startsWith("own."))} />
      <${Await} of=${found} doing="reading the rows">${(page) => html`<p class="soft" role="status">${found.busy && params.text ? "searching all responses…" : `${count(page.total)} ${params.each === "question" ? "questions" : LEVELS[params.level || "sample"]}`}</p>
        ${grid ? html`<${Grid} rows=${page.rows} params=${params} />` : html`<${List} rows=${page.rows} params=${params} />`}
        <${Pager} total=${page.total} offset=${offset} set=${set} />`}<//>
    </div></div>`;
}

function Controls({ params, set, grid, numbers }) {
  const submit = (event) => { event.preventDefault(); set({ text: event.target.elements.search.value.trim() }); };
  const chosen = Object.keys(params).filter(isFilter).flatMap((name) => listOf(params[name]).map((value) => [name, value]));
  const drop = (name, value) => set({ [name]: listOf(params[name]).filter((one) => one !== value) });
  const kept = { version: params.version, level: params.level, look: params.look, each: params.each, beside: params.beside };
  return html`<form class="row" role="search" onSubmit=${submit}>
      <label class="grow"><span class="hidden">search</span><input id="search" name="search" type="search" value=${params.text || ""} key=${params.text}
        placeholder="search questions and responses   /" maxlength="500" /></label>
      <label><span class="hidden">rows are</span><select value=${params.level || "sample"} onChange=${(event) => set({ level: event.target.value })}>
        ${Object.entries(LEVELS).map(([level, name]) => html`<option value=${level}>${name}</option>`)}</select></label>
      <label><span class="hidden">order</span><select value=${params.sort || ""} onChange=${(event) => set({ sort: event.target.value })}>
        <option value="">in order</option><option value="-tokens">longest first</option><option value="tokens">shortest first</option>
        <option value="pass_rate">hardest first</option><option value="-pass_rate">easiest first</option>
        ${numbers.map((name) => html`<option value=${`-${name}`}>highest ${titleOf(name)} first</option><option value=${name}>lowest ${titleOf(name)} first</option>`)}</select></label>
      <button type="button" aria-pressed=${grid} onClick=${() => set({ look: grid ? "" : "grid", each: grid ? "" : "question" })}>pictures</button>
    </form>
    ${(chosen.length > 0 || params.text) && html`<p class="chips">${params.text && html`<button type="button" onClick=${() => set({ text: "" })}>
      contains “${plain(params.text)}” ×</button>`}${chosen.map(([name, value]) => html`<button type="button" onClick=${() => drop(name, value)}>
      ${titleOf(name)}: ${plain(value)} ×</button>`)} <a href=${link("rows", kept)}>clear</a></p>`}
    ${params.beside && html`<p class="chips"><button type="button" onClick=${() => set({ beside: "" })}>beside ${plain(params.beside)} ×</button></p>`}`;
}

function Filters({ page, params, set }) {
  const flip = (name, value) => {
    const old = listOf(params[name]);
    set({ [name]: old.includes(value) ? old.filter((one) => one !== value) : [...old, value] });
  };
  return html`${Object.entries(page.values).filter(([name, values]) => values.length > 1 || params[name]).map(([name, values]) =>
      html`<${Values} key=${name} name=${name} values=${values} chosen=${listOf(params[name])} flip=${(value) => flip(name, value)} />`)}
    ${Object.entries(page.ranges).filter(([name, bins]) => bins.length > 1 && (params[name] || bins.some((bin) => bin.rows))).map(([name, bins]) => {
      const [low, high] = (listOf(params[name])[0] || "").split("..").map(Number);
      return html`<fieldset key=${name}><legend>${titleOf(name)}</legend><${Histogram} bins=${bins} label=${titleOf(name)}
        chosen=${params[name] && [low, high ?? low]} pick=${(from, to) => set({ [name]: `${from}..${to}` })} />
        <div class="ends soft"><span>${figure(bins[0].from)}</span><span>${figure(bins[bins.length - 1].to)}</span></div></fieldset>`;
    })}`;
}

function Values({ name, values, chosen, flip }) {
  const [all, showAll] = useState(false);
  const most = Math.max(...values.map((one) => one.rows), 1);
  const known = [...values, ...chosen.filter((value) => !values.some((one) => one.value === value)).map((value) => ({ value, rows: 0 }))];
  const shown = all ? known : known.slice(0, 8);
  return html`<fieldset><legend>${titleOf(name)}</legend>${shown.map((one) => html`<label class="value" key=${one.value}>
      <input type="checkbox" checked=${chosen.includes(one.value)} onChange=${() => flip(one.value)} />
      <span class="name">${plain(one.value)}</span><span class="number">${count(one.rows)}</span>
      <span class="bar" aria-hidden="true"><i style=${{ width: `${(100 * one.rows) / most}%` }}></i></span></label>`)}
    ${known.length > shown.length && html`<button type="button" class="bare" onClick=${() => showAll(true)}>${known.length - shown.length} more</button>`}</fieldset>`;
}

const questionLink = (row, params) => link("question", { ...asked(params), look: params.look, beside: params.beside, each: "", sort: "",
  id: row.question_id, chain: row.level === "sample" && params.each !== "question" ? row.id : "" });

function List({ rows, params }) {
  return html`<ol class="rows">${rows.map((row) => html`<li key=${row.id}><a href=${questionLink(row, params)}>
    <span class="thumb">${row.images && html`<${Picture} id=${row.images[0]} width="96" alt="" />`}</span>
    <span class="what"><b>${plain(row.question ?? row.id)}</b>
      <span>${row.extracted !== null && html`answer <b class="answer">${plain(row.extracted)}</b> `}${row.gold !== undefined && html`<span class="soft">gold ${plain(row.gold)}</span>`}
        ${row.labels.map((label) => html` <span class="badge label">${plain(label)}</span>`)}</span>
      ${row.found && html`<span class="found"><${Found} line=${row.found} text=${params.text} /></span>`}</span>
    <span class="ended">${row.outcome && html`<${Badge} of=${row.outcome} title=${row.judged} />`}
      <span class="soft">${row.stage === "version" ? `kept: ${row.reason}` : `${row.stage} ${row.reason}`}</span>
      <span class="soft">${row.tokens !== null && `${count(row.tokens)} tokens`}</span></span></a></li>`)}</ol>`;
}

function Found({ line, text }) {
  const shown = plain(line);
  const words = (text || "").trim().replace(/\s+/g, " "); // empty on the way back, until the rows without a search are there
  const at = shown.toLowerCase().indexOf(words.toLowerCase());
  const end = at + words.length;
  return at < 0 || !words ? shown : html`…${shown.slice(0, at)}<mark>${shown.slice(at, end)}</mark>${shown.slice(end)}…`;
}

function Grid({ rows, params }) {
  return html`<ul class="grid">${rows.map((row) => html`<li key=${row.id}><a href=${questionLink(row, params)}>
    <${Picture} id=${row.images?.[0]} width="320" alt="" /><span>${plain(row.question ?? row.id)}</span>
    <span class="soft">gold ${plain(row.gold)} ${row.pass_rate !== null && `· ${Math.round(100 * row.pass_rate)}% right`}</span></a></li>`)}</ul>`;
}

function Pager({ total, offset, set }) {
  if (total <= PAGE) return null;
  const at = Math.floor(offset / PAGE);
  const last = Math.ceil(total / PAGE) - 1;
  const turn = (page, label, off) => html`<button type="button" disabled=${off} onClick=${() => { set({ offset: page * PAGE || "" }); scrollTo(0, 0); }}>${label}</button>`;
  return html`<nav class="row" aria-label="pages">${turn(at - 1, "previous", at === 0)} <span class="soft">page ${count(at + 1)} of ${count(last + 1)}</span>
    ${turn(at + 1, "next", at === last)}</nav>`;
}
// Pictures of questions: large, enlarged, and those of two questions side by side, zoomed and moved in step.

const CLOSEST = 40; // times as large as the panel
const FARTHEST = 0.2;
const BY_ARROW = 40; // pixels of an arrow key

// Each enlarges on a click: enlarge(ids).
const Pictures = ({ ids, enlarge }) => ids.length > 0 && html`<div class="pictures">${ids.map((id, place) => html`<button type="button" class="bare"
  aria-label=${`enlarge image ${place + 1}`} onClick=${() => enlarge([id])}><${Picture} id=${id} alt=${`image ${place + 1} of the question`} /></button>`)}</div>`;

const WHOLE = { scale: 1, x: 0, y: 0, own: {} }; // own: how far each image is from where the others are

// The images alone, moved and scaled in step: wheel, pinch or + and - to zoom, drag or the arrows to move (with shift: one
// alone, where two are not aligned), Escape to close. [view, set]: the state of a WHOLE, which outlives this.
function Zoom({ ids, close, at: [view, set] }) {
  const place = useRef();
  const fingers = useRef(new Map()); // pointer → [x, y]
  useEffect(() => { place.current.showModal(); }, []);
  // x, y: what stays where it is, in pixels from the middle of its panel
  const scaled = (by, x = 0, y = 0) => set((old) => {
    const scale = Math.min(Math.max(old.scale * by, FARTHEST), CLOSEST);
    const grown = scale / old.scale;
    const own = Object.fromEntries(Object.entries(old.own).map(([number, [right, down]]) => [number, [right * grown, down * grown]]));
    return { scale, x: x - (x - old.x) * grown, y: y - (y - old.y) * grown, own };
  });
  const offset = ({ own }, number) => own[number] || [0, 0];
  const moved = (x, y, alone) => set((old) => {
    if (alone === undefined) return { ...old, x: old.x + x, y: old.y + y };
    const [right, down] = offset(old, alone);
    return { ...old, own: { ...old.own, [alone]: [right + x, down + y] } };
  });
  const keys = { "+": () => scaled(1.25), "=": () => scaled(1.25), "-": () => scaled(0.8), ArrowLeft: () => moved(BY_ARROW, 0), ArrowRight: () => moved(-BY_ARROW, 0),
    ArrowUp: () => moved(0, BY_ARROW), ArrowDown: () => moved(0, -BY_ARROW), z: close, 0: () => set(WHOLE) };
  const press = (event) => { if (keys[event.key]) { event.preventDefault(); event.stopPropagation(); keys[event.key](); } };
  const drag = (event) => {
    const before = fingers.current.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const other = [...fingers.current].find(([pointer]) => pointer !== event.pointerId)?.[1];
    fingers.current.set(event.pointerId, now);
    if (other) scaled(distance(now, other) / (distance(before, other) || 1), ...fromMiddle(event));
    else moved(now[0] - before[0], now[1] - before[1], event.shiftKey ? event.target.closest(".panel")?.dataset.number : undefined);
  };
  const lift = (event) => fingers.current.delete(event.pointerId);
  const across = Math.ceil(Math.sqrt(ids.length));
  const shift = (number) => { const [right, down] = offset(view, number); return `translate(${view.x + right}px, ${view.y + down}px) scale(${view.scale})`; };
  return html`<dialog class="zoom" ref=${place} aria-label=${ids.length > 1 ? `${ids.length} images, in step` : "image"} onClose=${close} onKeyDown=${press}
      onWheel=${(event) => { event.preventDefault(); scaled(1.0015 ** -event.deltaY, ...fromMiddle(event)); }}
      onPointerDown=${(event) => fingers.current.set(event.pointerId, [event.clientX, event.clientY])}
      onPointerMove=${drag} onPointerUp=${lift} onPointerCancel=${lift} onPointerLeave=${lift}>
    <form method="dialog"><span class="soft">+ − 0 and arrows</span> <button>close</button></form>
    <div class="panels" style=${{ "--across": across, "--down": Math.ceil(ids.length / across) }}>${ids.map((id, number) => html`<div class="panel" key=${id} data-number=${number}>
      <div class="stage" style=${{ transform: shift(number) }}><${Picture} id=${id} alt=${ids.length > 1 ? `image ${number + 1}, enlarged` : "the image, enlarged"} /></div></div>`)}</div></dialog>`;
}

const distance = ([x, y], [to, down]) => Math.hypot(x - to, y - down);

// Where an event is, in pixels from the middle of the panel under it.
function fromMiddle(event) {
  const panel = event.target.closest(".panel")?.getBoundingClientRect();
  return panel ? [event.clientX - panel.left - panel.width / 2, event.clientY - panel.top - panel.height / 2] : [0, 0];
}

// What `beside` of an address names, as {version, id}; null without one.
function heldIn(params) {
  const cut = (params.beside || "").lastIndexOf(" ");
  return cut > 0 ? { version: params.beside.slice(0, cut), id: params.beside.slice(cut + 1) } : null;
}

const besideOf = ({ version, id }) => `${version} ${id}`;

const imagesOf = (...stories) => [...new Set(stories.flatMap((story) => story?.question?.images || []))];

// Two questions next to each other: pictures (enlarged together), texts, golds. sides: two of {version, id, story}.
function Sides({ sides, enlarge }) {
  const ids = sides.map(({ story }) => imagesOf(story));
  const right = ({ samples }) => samples.filter((one) => one.verdict?.outcome === "correct").length;
  const judged = ({ samples }) => samples.filter((one) => one.verdict).length;
  const pictures = (place) => html`<${Pictures} ids=${ids[place]} enlarge=${enlarge} />`;
  const about = ({ version, id, story }) => html`<div><a href=${link("question", { version, id })}>${plain(version)}</a> <span class="soft">${plain(id)}</span>
    <b class="what">${plain(story.question?.question ?? "not imported")}</b>
    gold <b class="answer">${plain(story.question?.gold)}</b> <span class="soft">· ${right(story)} of ${judged(story)} right</span></div>`;
  if (`${ids[0]}` === `${ids[1]}`) return html`<div class="sides same">${pictures(0)}${sides.map(about)}</div>`;
  return html`<div class="sides">${sides.map((side, place) => html`<div key=${place}>${pictures(place)}${about(side)}</div>`)}</div>`;
}
// A question's whole life: its image, its chains side by side, every decision, and where else it was asked.

const OWN = ["id", "chain", "each"]; // of the address, not of the rows that j and k walk through

function QuestionPage({ params, settings }) {
  const found = useAnswer("question", { version: params.version, id: params.id });
  const enlarged = useState(null); // ids of images, or "all": it stays when moving on to the next question
  const at = useState(WHOLE);
  return html`<${Await} of=${found}>${(story) => html`<${Story} key=${`${story.version} ${story.id}`} story=${story} params=${params} settings=${settings} enlarged=${enlarged} zoomAt=${at} />`}<//>`;
}

const filtersOf = (params) => Object.fromEntries(Object.entries(asked(params)).filter(([name]) => !OWN.includes(name)));

// The next or previous question under the same filters, or null.
async function neighbour(params, anchor, further = {}) {
  const page = await get("rows", { ...filtersOf(params), each: "question", sort: "", ...further, [anchor]: params.id, limit: 1 });
  return page.rows[0];
}

function Story({ story, params, settings, enlarged: [enlarged, enlarge], zoomAt }) {
  const samples = story.samples;
  const given = samples.findIndex((one) => one.sample_id === params.chain);
  const [at, setAt] = useState(Math.max(given, 0));
  const [look, setLook] = useState({ diff: false, maths: true, cues: true });
  const held = heldIn(params);
  const own = { version: params.version, id: params.id };
  const apart = held && besideOf(held) !== besideOf(own);
  const other = useAnswer(apart ? "question" : null, held || {});
  const sides = apart && other.data && [{ ...own, story }, { ...held, story: other.data }];
  const shown = enlarged === "all" ? imagesOf(story, sides && other.data) : enlarged || [];
  const [note, say] = useState("");
  const hold = () => {
    go("question", { ...params, beside: held ? "" : besideOf(own) });
    say(held ? "" : "held: the next question is shown beside it");
  };
  const flip = (name) => () => setLook({ ...look, [name]: !look[name] });
  const move = async (anchor, further, chain) => {
    const next = await neighbour(params, anchor, further).catch((error) => say(error.message));
    if (next) go("question", { ...params, id: next.question_id, chain: chain ? next.id : "" });
    else say("no further question");
  };
  const nextWrong = () => {
    const place = samples.findIndex((one, number) => number > at && one.verdict?.outcome === "wrong");
    if (place >= 0) setAt(place);
    else move("after", { outcome: "wrong", level: "sample", each: "" }, true);
  };
  const chain = (by) => () => setAt(Math.min(Math.max(at + by, 0), samples.length - 1));
  useKeys({ j: ["next question", () => move("after")], k: ["previous question", () => move("before")], h: ["chain to the left", chain(-1)],
    l: ["chain to the right", chain(1)], v: ["next wrong chain", nextWrong], d: ["differences between two chains", flip("diff")],
    z: ["zoom", () => enlarge("all")], b: ["hold this question, to see another beside it", hold], m: ["mathematics as written", flip("maths")], c: ["cues", flip("cues")],
    "/": ["search", () => go("rows", back)] });
  const moved = useRef(given > 0); // at first the top of the page is shown, unless a chain was asked for
  useEffect(() => {
    if (moved.current) document.getElementById(`chain-${at}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    moved.current = true;
  }, [at]);
  const back = { ...filtersOf(params), look: params.look, beside: params.beside, each: params.look ? "question" : "" };
  const labels = useLabels(params.version, settings.labels, () => samples[at]?.sample_id, params.id, say);
  const question = story.question;
  return html`<p class="path"><a href=${link("rows", back)}>${plain(params.version)} rows</a> <span class="soft">${plain(params.id)}</span>
      <span class="keys"><button type="button" aria-pressed=${Boolean(held)} onClick=${hold}>b ${held ? "let go" : "hold"}</button><button type="button" onClick=${() => move("before")}>k previous</button><button type="button" onClick=${() => move("after")}>j next</button></span></p>
    ${note && html`<p class="soft" role="status">${note}</p>`}
    ${apart && other.error && html`<p class="note card">${plain(other.error)}</p>`}
    ${sides && html`<section class="card" aria-label="side by side"><${Sides} sides=${sides} enlarge=${() => enlarge("all")} /></section>`}
    ${shown.length > 0 && html`<${Zoom} ids=${shown} close=${() => enlarge(null)} at=${zoomAt} />`}
    <div class="question">
      <div class="asked">${!sides && html`<${Pictures} ids=${imagesOf(story)} enlarge=${enlarge} />`}
        <h1 class="short">${question ? plain(question.question) : plain(story.id)}</h1>
        ${question?.choices && html`<ol class="choices">${question.choices.map((one) => html`<li>${plain(one)}</li>`)}</ol>`}
        <${Facts} of=${{ gold: question && html`<b class="answer">${plain(question.gold)}</b>`, source: question && `${plain(question.source)} ${plain(question.source_id)}`,
          ended: story.decision && html`<${Ended} of=${story.decision} />`, ...ownFacts(story.own) }} />
        <${Labels} of=${labels} sample=${samples[at]?.sample_id} number=${at + 1} id=${params.id} />
        ${story.notes.map((line) => html`<p class="note card">${plain(line)}</p>`)}
        ${story.captions.map((one) => html`<details class="card" open><summary>caption <span class="soft">${plain(one.model)}</span></summary>
          <${Marked} text=${one.text ?? one.error} maths=${look.maths} /></details>`)}
        <${Prompts} of=${story.prompts} /></div>
      <div class="said"><${Chains} samples=${samples} rows=${story.rows} at=${at} choose=${setAt} look=${look} cues=${settings.cues} />
        ${look.diff && samples.length > 1 && html`<${Difference} samples=${samples} at=${at} />`}
        <h2>Every decision</h2><${Decisions} story=${story} />
        ${question && html`<h2>Elsewhere</h2><${Life} params=${params} />`}</div>
    </div>`;
}

// A question's own metadata, by name.
const ownFacts = (own) => Object.fromEntries(Object.entries(own).map(([name, value]) => [plain(name), value !== null && plain(value?.constructor === Object ? JSON.stringify(value) : value)]));

// The labels of a version, and what gives and takes them back: keys 1 to 9 for the chain that is chosen, u for undo.
function useLabels(version, usual, sample, id, say) {
  const can = !window.ovtFiles && !version.includes(":");
  const [turn, next] = useState(0);
  const given = useRef([]);
  const sent = useRef(Promise.resolve());  // one after the other: a label must not arrive after what takes it back
  const found = useAnswer(can ? "labels" : null, { version }, { refresh: turn });
  const held = found.data?.labels || [];
  const names = [...new Set([...usual, ...held.map((one) => one.label)])].slice(0, 9);
  const send = (body, done) => {
    sent.current = sent.current.then(() => post("labels", { version, ...body })).then(() => { say(done); next((n) => n + 1); }, (error) => say(error.message));
    return sent.current;
  };
  const give = (label, target, note = "") => {
    given.current.push({ id: target, label });
    return send({ id: target, label, note }, `labelled ${label}: u takes it back`);
  };
  const undo = () => {
    const last = given.current.pop();
    return last ? send({ ...last, undo: true }, `${last.label} taken back`) : say("nothing to take back");
  };
  const keys = Object.fromEntries(names.map((name, place) => [place + 1, [`label ${name}`, () => give(name, sample() || id)]]));
  useKeys(can ? { ...keys, u: ["take the last label back", undo] } : {});
  return { can, names, held, give, send };
}

function Labels({ of, sample, number, id }) {
  const [whole, setWhole] = useState(false);
  const [note, setNote] = useState("");
  const [own, setOwn] = useState("");
  if (!of.can) return null;
  const target = whole || !sample ? id : sample;
  const here = of.held.filter((one) => one.id === target);
  const give = (name) => { of.give(name, target, note); setNote(""); };
  const flip = (name) => (here.some((one) => one.label === name) ? of.send({ id: target, label: name, undo: true }, `${name} taken back`) : give(name));
  return html`<section class="card labels" aria-label="labels"><p class="row"><b>Label</b>
      <label><input type="radio" name="what" checked=${!whole && Boolean(sample)} disabled=${!sample} onChange=${() => setWhole(false)} /> chain ${number}</label>
      <label><input type="radio" name="what" checked=${whole || !sample} onChange=${() => setWhole(true)} /> question</label></p>
    <p class="row">${of.names.map((name, place) => html`<button type="button" key=${name} aria-pressed=${here.some((one) => one.label === name)} onClick=${() => flip(name)}>
      <kbd>${place + 1}</kbd> ${plain(name).replaceAll("_", " ")}</button>`)}</p>
    <form class="row" onSubmit=${(event) => { event.preventDefault(); if (own) { give(own.trim().toLowerCase().replace(/\s+/g, "_")); setOwn(""); } }}>
      <label class="grow"><span class="hidden">note</span><input value=${note} placeholder="note for the next label" maxlength="2000" onInput=${(event) => setNote(event.target.value)} /></label>
      <label><span class="hidden">own label</span><input value=${own} placeholder="own label" maxlength="40" size="10" onInput=${(event) => setOwn(event.target.value)} /></label><button>add</button></form>
    ${here.filter((one) => one.note).map((one) => html`<p class="soft">${plain(one.label)}: ${plain(one.note)}</p>`)}</section>`;
}

const Ended = ({ of, but }) => html`<${Badge} of=${of.decision} /> at ${of.stage}${of.reason !== "kept" && `, ${plain(of.reason)}`} ${of.detail && of.detail !== but && html`<span class="soft">${plain(of.detail)}</span>`}`;

function Prompts({ of }) {
  const text = (message) => (typeof message.content === "string" ? message.content
    : message.content.map((part) => (part.type === "text" ? part.text : `[image ${part.image.slice(0, 12)}]`)).join("\n"));
  return Object.entries(of).map(([stage, messages]) => html`<details class="card"><summary>prompt of ${stage}</summary>
    ${messages.map((message) => html`<p class="soft">${plain(message.role)}</p><div class="text">${plain(text(message))}</div>`)}</details>`);
}

function Chains({ samples, rows, at, choose, look, cues }) {
  if (!samples.length) return html`<p class="card soft">No model was asked to reason about it.</p>`;
  const final = Object.fromEntries(rows.filter((row) => row.sample_id).map((row) => [row.sample_id, row.completion.map((turn) => turn.content).join("\n")]));
  return html`<div class="chains" role="region" aria-label="chains" tabindex="0">${samples.map((one, place) => html`<article id=${`chain-${place}`} key=${one.sample_id} aria-current=${place === at}
      class="card chain ${one.verdict?.outcome || ""}" onClick=${() => choose(place)}>
    <header><b>${place + 1}</b> ${one.verdict && html`<${Badge} of=${one.verdict.outcome} />`}
      <span>${one.verdict ? `${plain(one.verdict.reason)} (${plain(one.verdict.explanation)})` : plain(one.error ?? "")}</span></header>
    <p class="soft">${plain(one.model)}, ${count(one.completion_tokens)} tokens${one.finish_reason === "length" ? ", cut off" : ""}${one.reward !== undefined ? `, step ${count(one.step)}, reward ${one.reward}` : ""} · <${Ended} of=${one.decision} but=${one.verdict?.explanation} /></p>
    ${one.text === null ? html`<p class="note">no reply: ${plain(one.error)}</p>`
      : html`<${Marked} text=${one.text} answer=${one.verdict?.extracted} cues=${look.cues ? cues : {}} final=${final[one.sample_id]} maths=${look.maths} />`}
  </article>`)}</div>`;
}

function Difference({ samples, at }) {
  const right = samples.findIndex((one, place) => place !== at && one.verdict?.outcome === "correct");
  const [other, choose] = useState(null);
  const against = other !== null && other !== at ? other : right >= 0 ? right : (at + 1) % samples.length;
  return html`<section class="card"><h2>Chain ${at + 1} against <select aria-label="the other chain" value=${against} onChange=${(event) => choose(Number(event.target.value))}>
      ${samples.map((one, place) => place !== at && html`<option value=${place}>${place + 1} ${one.verdict?.outcome || ""}</option>`)}</select></h2>
    <${WordDiff} old=${samples[at].text ?? ""} now=${samples[against].text ?? ""} /></section>`;
}

function Decisions({ story }) {
  const all = [...story.captions, ...story.samples].map((one) => ({ id: one.sample_id, ...one.decision, cost: one.cost_usd }));
  if (story.decision) all.push({ id: `question ${story.id}`, ...story.decision });
  const columns = [
    { title: "what", cell: (one) => html`<code>${plain(one.id).replace(`${story.id}-`, "")}</code>` },
    { title: "", cell: (one) => html`<${Badge} of=${one.decision} />` },
    { title: "at", cell: (one) => one.stage }, { title: "why", cell: (one) => plain(one.reason) },
    { title: "", wide: true, cell: (one) => plain(one.detail) },
    { title: "cost", number: true, cell: (one) => (one.cost === undefined ? "" : money(one.cost)) },
  ];
  return html`<${Table} columns=${columns} rows=${all} label="decisions" />`;
}

function Life({ params }) {
  const found = useAnswer("life", { version: params.version, id: params.id });
  const columns = [
    { title: "where", cell: (one) => html`<a href=${link("question", { version: one.ref, id: one.question_id })}>${plain(one.ref)}</a>` },
    { title: "right", number: true, cell: (one) => `${one.right} of ${one.judged}` },
    { title: "gold", cell: (one) => plain(one.gold), wide: true },
    { title: "ended", cell: (one) => one.ended && html`<${Ended} of=${one.ended} />`, wide: true },
    { title: "", cell: (one) => one.ref !== params.version && html`<a href=${link("question", { ...params, beside: besideOf({ version: one.ref, id: one.question_id }) })}>beside</a>` },
  ];
  return html`<${Await} of=${found}>${(places) => html`<${Table} columns=${columns} rows=${places} label="elsewhere" key=${(one) => one.ref} />`}<//>`;
}
// Two versions, evaluations or runs: what flipped first, then how all of it drifted.

const STEP = 40; // flips on a page

function ComparePage({ params, settings }) {
  const { a, b } = params;
  const found = useAnswer("compare", { a, b });
  const versions = !`${a}${b}`.includes(":");
  return html`<h1><a href=${pageOf(a)}>${plain(a)}</a> <i>→</i> <a href=${pageOf(b)}>${plain(b)}</a></h1>
    <${Await} of=${found}>${(one) => html`<div class="tiles">
      ${[["right → wrong, or fewer right", one.worse, "bad"], ["wrong → right, or more right", one.better, "good"], ["as before", one.same, ""]].map(
        ([title, number, tone]) => html`<div class="card"><span class="soft">${title}</span><b class=${tone}>${count(number)}</b></div>`)}
      ${one.gain && html`<div class="card"><span class="soft">accuracy, paired</span><b>${points(one.gain.value)}</b>
        <span class="soft">95% interval ${points(one.gain.low)} to ${points(one.gain.high)}</span></div>`}</div>
      <h2>Questions that flipped</h2><${Flips} flips=${one.flips} params=${params} settings=${settings} />`}<//>
    ${versions && html`<${Drift} a=${a} b=${b} />`}`;
}

const points = (part) => `${part > 0 ? "+" : ""}${(100 * part).toFixed(1)} points`;

function Flips({ flips, params, settings }) {
  const [at, setAt] = useState(Math.max(flips.findIndex((one) => one.question_id === params.id), 0));
  const [open, setOpen] = useState(Boolean(params.id));
  const [diff, showDiff] = useState(false);
  const choose = (place) => { setAt(Math.min(Math.max(place, 0), flips.length - 1)); setOpen(true); };
  useKeys({ j: ["next flip", () => choose(open ? at + 1 : 0)], k: ["previous flip", () => choose(at - 1)], d: ["differences", () => showDiff(!diff)] });
  if (!flips.length) return html`<p class="soft">None: every question has as many right samples as before.</p>`;
  const first = Math.floor(at / STEP) * STEP;
  return html`<ol class="rows" start=${first + 1}>${flips.slice(first, first + STEP).map((one, place) => html`<li key=${one.question_id}>
      <button type="button" class="flip" aria-expanded=${open && first + place === at} onClick=${() => (first + place === at && open ? setOpen(false) : choose(first + place))}>
        <span class="thumb"><${Picture} id=${one.image} width="96" alt="" /></span>
        <span class="what"><b>${plain(one.question)}</b><span class="soft">gold ${plain(one.gold)}</span></span>
        <span class="ended"><${Badge} of=${one.change < 0 ? "worse" : "better"} /><span class="soft">${one.right} of ${one.judged} → ${one.right_b} of ${one.judged_b} right</span></span></button>
      ${open && first + place === at && html`<${Pair} flip=${one} params=${params} settings=${settings} diff=${diff} showDiff=${showDiff} />`}</li>`)}</ol>
    ${flips.length > STEP && html`<p class="row"><button type="button" disabled=${first === 0} onClick=${() => choose(first - STEP)}>previous</button>
      <span class="soft">${first + 1} to ${Math.min(first + STEP, flips.length)} of ${count(flips.length)} shown</span>
      <button type="button" disabled=${first + STEP >= flips.length} onClick=${() => choose(first + STEP)}>next</button></p>`}`;
}

// A question on both sides: the chains that tell the difference, side by side or word by word.
function Pair({ flip, params, settings, diff, showDiff }) {
  const sides = [useAnswer("question", { version: params.a, id: flip.question_id }), useAnswer("question", { version: params.b, id: flip.question_id_b })];
  const wanted = flip.change < 0 ? ["correct", "wrong"] : ["wrong", "correct"];
  const telling = (samples, outcome) => samples.find((one) => one.verdict?.outcome === outcome) || samples[0];
  const told = sides.map((side, place) => side.data && telling(side.data.samples, wanted[place]));
  const both = sides.every((side) => side.data) && sides.map((side, place) => ({ version: place ? params.b : params.a, id: place ? flip.question_id_b : flip.question_id, story: side.data }));
  const [zoomed, zoom] = useState(false);
  const zoomAt = useState(WHOLE);
  const images = imagesOf(...sides.map((side) => side.data));
  useKeys({ z: ["zoom", () => zoom(true)] });
  return html`<div class="pair">${both && html`<${Sides} sides=${both} enlarge=${() => zoom(true)} />`}${zoomed && images.length > 0 && html`<${Zoom} ids=${images} close=${() => zoom(false)} at=${zoomAt} />`}
    <p class="row"><button type="button" aria-pressed=${diff} onClick=${() => showDiff(!diff)}>d word by word</button></p>
    ${diff && told[0] && told[1] ? html`<div class="card"><${WordDiff} old=${told[0].text ?? ""} now=${told[1].text ?? ""} /></div>`
      : html`<div class="chains" role="region" aria-label="chains of both" tabindex="0">${sides.map((side, place) => html`<div class="card chain ${told[place]?.verdict?.outcome || ""}" key=${place}><${Await} of=${side}>${() => (told[place]
        ? html`<header><b>${place ? "b" : "a"}</b> <${Badge} of=${told[place].verdict?.outcome || "failed"} /> <span class="soft">${plain(told[place].model)}</span></header>
          <${Marked} text=${told[place].text ?? told[place].error} answer=${told[place].verdict?.extracted} cues=${settings.cues} />`
        : html`<p class="soft">no samples</p>`)}<//></div>`)}</div>`}</div>`;
}

// The figures of `ovt data diff`, and rows that were added, removed or changed.
function Drift({ a, b }) {
  const found = useAnswer("drift", { a, b });
  const columns = [{ title: "", cell: (one) => plain(one.title), wide: true }, { title: "a", number: true, cell: (one) => one.cells[0] },
    { title: "b", number: true, cell: (one) => one.cells[1] }, { title: "change", number: true, cell: (one) => (clear(one) ? html`<b>${one.change}</b>` : one.change) },
    { title: "95% interval", number: true, cell: (one) => one.interval }];
  const reasons = (title, counts) => html`<section class="card"><h3>${title}</h3>${counts.length ? html`<${Table} label=${title} rows=${counts} columns=${[
    { title: "why", cell: (one) => plain(one.kind || `${one.stage} ${one.reason}`), wide: true }, { title: "rows", number: true, cell: (one) => count(one.rows) }]} />` : html`<p class="soft">none</p>`}</section>`;
  return html`<h2>Rows and drift</h2><${Await} of=${found}>${({ about, figures, examples }) => html`
    ${about.notes.map((line) => html`<p class="note card">${plain(line)}</p>`)}
    <p>${["same", "changed", "removed", "added"].map((status) => `${count(about.rows[status])} ${status}`).join(", ")};
      sft ${count(about.rows.a.sft)} → ${count(about.rows.b.sft)}, rl ${count(about.rows.a.rl)} → ${count(about.rows.b.rl)}</p>
    <div class="columns">${reasons("Removed: where they ended in b", about.removed)}${reasons("Added: where they had ended in a", about.added)}${reasons("Changed: what is different", about.changed)}</div>
    ${about.settings.length > 0 && html`<h3>Settings</h3><${Table} label="settings" rows=${about.settings} columns=${[{ title: "key", cell: (one) => html`<code>${plain(one.key)}</code>` },
      { title: "a", cell: (one) => plain(JSON.stringify(one.a)), wide: true }, { title: "b", cell: (one) => plain(JSON.stringify(one.b)), wide: true }]} />`}
    <h3>Figures</h3><${Table} columns=${columns} rows=${figures} label="drift" />
    <p class="soft">A bold change is one whose 95% interval excludes zero.</p>
    <${Examples} of=${examples} />`}<//>`;
}

const clear = (one) => one.direction === "up" || one.direction === "down";

// Rows of `ovt data diff` or `what-if`, with how their texts differ.
function Examples({ of }) {
  return of.map((one) => {
    const side = one.a || one.b;
    const why = one.status === "changed" ? one.kinds.join(", ") : `${one.stage ?? ""} ${one.reason ?? ""} ${one.detail ?? ""}`;
    return html`<article class="card"><p><${Badge} of=${one.status} /> ${plain(why)} <span class="soft">${plain(one.question_id)}</span></p><p><b>${plain(side.question)}</b> <span class="soft">gold ${plain(side.answer)}</span></p>
      ${one.pieces ? html`<${Pieces} of=${one.pieces} />` : html`<div class="text">${plain(side.completion ?? "")}</div>`}</article>`;
  });
}
// Other settings for a version: counts and rows at once, from its stored samples, and the command that would make it so.

const PAUSE = 300; // milliseconds without a change before settings are tried

function WhatIfPage({ params }) {
  const found = useAnswer("settings-of", { version: params.version });
  const chosen = Object.fromEntries(listOf(params.set).map((one) => one.split(/=(.*)/s).slice(0, 2)));
  const sets = Object.entries(chosen).map(([key, value]) => `${key}=${value}`);
  const outcome = useAnswer("what-if", { version: params.version, set: sets });
  const change = (key, value) => {
    const now = { ...chosen, [key]: value };
    if (value === null) delete now[key];
    go("what-if", { version: params.version, set: Object.entries(now).map(([name, text]) => `${name}=${text}`) });
  };
  const [open, setOpen] = useState(false); // the settings, where there is no room beside the outcome
  if (window.ovtFiles) return html`<p class="note card">A saved view cannot decide again: run <code>ovt view</code> where the version is.</p>`;
  return html`<h1 class="short">${plain(params.version)} <i>under other settings</i></h1>
    <p class="narrow"><button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>settings</button></p>
    <div class="beside"><aside aria-label="settings" class=${open ? "open" : ""}><${Await} of=${found}>${(controls) => html`<${SettingControls} controls=${controls} chosen=${chosen} change=${change} />`}<//></aside>
    <div class="listing" aria-busy=${outcome.busy}><${Command} line=${`ovt data what-if ${quoted(params.version)}${sets.map((one) => ` --set ${quoted(one)}`).join("")}${sets.length ? " --save-as NAME" : ""}`} />
      <${Await} of=${outcome}>${(about) => html`<${Outcome} about=${about} />`}<//></div></div>`;
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function SettingControls({ controls, chosen, change }) {
  const groups = [...new Set(controls.map((one) => group(one.key)))];
  return html`${groups.map((name) => html`<fieldset key=${name}><legend>${name}</legend>${controls.filter((one) => group(one.key) === name).map((one) =>
    html`<${Control} key=${one.key} of=${one} value=${chosen[one.key]} change=${(value) => change(one.key, value)} />`)}</fieldset>`)}`;
}

const group = (key) => key.slice(0, key.lastIndexOf("."));

function Control({ of, value, change }) {
  const timer = useRef();
  const id = `set-${of.key}`;
  const own = of.value === null ? "" : String(of.value);
  const given = (text) => change(text === own || (text === "" && !of.may_be_empty) ? null : text);
  const later = (event) => { clearTimeout(timer.current); const text = event.target.value; timer.current = setTimeout(() => given(text), PAUSE); };
  const name = of.key.slice(of.key.lastIndexOf(".") + 1);
  const input = {
    switch: () => html`<input id=${id} type="checkbox" checked=${(value ?? own) === "true"} onChange=${(event) => given(String(event.target.checked))} />`,
    choice: () => html`<select id=${id} value=${value ?? own} onChange=${(event) => given(event.target.value)}>${of.choices.map((one) => html`<option value=${String(one)}>${plain(one)}</option>`)}</select>`,
    number: () => html`<input id=${id} type="number" step=${of.whole ? 1 : "any"} value=${value ?? own} onInput=${later} />`,
    text: () => html`<input id=${id} type="text" value=${value ?? own} onInput=${later} />`,
  }[of.type];
  return html`<div class="control ${value === undefined ? "" : "changed"}"><label for=${id}>${name}</label>${input()}
    ${value !== undefined && html`<button type="button" class="bare" aria-label=${`back to ${own}`} onClick=${() => change(null)}>↺ ${plain(own) || "none"}</button>`}</div>`;
}

function Outcome({ about }) {
  const before = Object.fromEntries(about.funnel.a.map((row) => [`${row.level} ${row.stage}`, row]));
  const drop = (row) => (row ? row.rows_in - row.rows_out : 0);
  const changed = (now, was, more = "good", fewer = "bad") => (now === was ? count(now) : html`<b class=${now > was ? more : fewer}>${count(now)}</b> <span class="soft">was ${count(was)}</span>`);
  const columns = [
    { title: "", cell: (row) => `${row.level}s` }, { title: "stage", cell: (row) => row.stage },
    { title: "dropped", number: true, cell: (row) => changed(drop(row), drop(before[`${row.level} ${row.stage}`]), "bad", "good") },
    { title: "out", number: true, cell: (row) => changed(row.rows_out, before[`${row.level} ${row.stage}`]?.rows_out ?? 0) },
    { title: "why", wide: true, cell: (row) => (row.dropped.length ? row.dropped : row.kept_as).map((end) => `${plain(end.reason)} ${count(end.rows)}`).join(", ") },
  ];
  const { rows } = about;
  return html`<div class="tiles">${["sft", "rl"].map((split) => html`<div class="card"><span class="soft">${split} rows</span><b>${count(rows.a[split])} → ${count(rows.b[split])}</b></div>`)}
      ${["changed", "removed", "added", "same"].map((status) => html`<div class="card"><span class="soft">${status}</span><b>${count(rows[status])}</b></div>`)}</div>
    <h2>Funnel</h2><${Table} columns=${columns} rows=${about.funnel.b} label="funnel under these settings" />
    <h2>Rows</h2>${about.examples.length ? html`<${Examples} of=${about.examples} />` : html`<p class="soft">No row changes.</p>`}`;
}
// Training runs and evaluations.

const RUN_LIVE = 3; // seconds between looks at a running one
const FIRST = ["loss", "reward", "eval_loss", "reward_std", "kl", "grad_norm", "learning_rate"]; // curves, in this order

function RunPage({ params }) {
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

function EvaluationPage({ params }) {
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
// The page around every screen: which one is shown, the keys, help.

const SCREENS = { home: Home, version: VersionPage, rows: RowsPage, question: QuestionPage, compare: ComparePage, "what-if": WhatIfPage, run: RunPage,
  evaluation: EvaluationPage };

function Main() {
  const [place, set] = useState(address());
  const [help, showHelp] = useState(false);
  const settings = useAnswer("settings", {});
  useEffect(() => {
    const changed = () => { set(address()); };
    addEventListener("hashchange", changed);
    addEventListener("keydown", pressKey);
    return () => { removeEventListener("hashchange", changed); removeEventListener("keydown", pressKey); };
  }, []);
  const Screen = Object.hasOwn(SCREENS, place.screen) && SCREENS[place.screen];
  const { version, a, b, name, id } = place.params;
  useEffect(() => { document.body.dataset.shown = location.hash; }, [location.hash]); // after what the screen asks for, like `asking`
  useEffect(() => { document.title = [id, version || name || (a && `${a} → ${b}`), "ovt view"].filter(Boolean).join(" · "); }, [location.hash]);
  useKeys({ "?": ["help", () => showHelp(!help)] });
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>skip to content</a>
    <header class="top"><a href="#/"><b>ovt</b> view</a>
      ${version && !version.includes(":") && html`<nav aria-label="version"><a href=${link("version", { version })}>funnel</a><a href=${link("rows", { version })}>rows</a>
        <a href=${link("what-if", { version })}>what if</a></nav>`}
      <button type="button" class="bare" onClick=${() => showHelp(true)}>? keys</button></header>
    <main tabindex="-1"><${Await} of=${settings}>${(known) => (Screen
      ? html`<${Screen} key=${place.screen} params=${place.params} settings=${known} />`
      : html`<p class="note card">There is no screen ${plain(place.screen)}: <a href="#/">start again</a>.</p>`)}<//></main>
    ${help && html`<${Help} close=${() => showHelp(false)} />`}`;
}

function Help({ close }) {
  const place = useRef();
  const keys = useMemo(() => Object.entries(keysInUse()), []);
  useEffect(() => { place.current.showModal(); }, []);
  return html`<dialog class="help" ref=${place} onClose=${close} aria-label="keys"><h2>Keys</h2><dl class="keymap">
      ${keys.map(([key, [what]]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <form method="dialog"><button>close</button></form></dialog>`;
}

window.ovt = { get }; // for the console, and for tests
render(html`<${Main} />`, document.getElementById("view"));

})();
