// Rows: filters at the side, a list or a grid of pictures, everything in the address.
import { html, useAnswer, useKeys, Await, Badge, Picture, link, go, listOf, count, figure, plain } from "./base.js";
import { Histogram } from "./plot.js";

const PAGE = 48;
const TITLES = { stage: "ended at", reason: "reason", outcome: "verdict", judged: "why that verdict", kind: "kind of answer", source: "source",
  model: "model", difficulty: "difficulty", finish: "reply ended by", behaviour: "cues", label: "label", tokens: "tokens", words: "words",
  pass_rate: "share of samples right" };
const titleOf = (name) => plain(TITLES[name] ?? name.replace(/^own\./, ""));
const isFilter = (name) => Object.hasOwn(TITLES, name) || name.startsWith("own.");
const LEVELS = { sample: "samples", question: "questions", caption: "captions" };
const LOOKS = ["look", "offset", "beside"]; // of the address, not of the rows

export const asked = (params) => Object.fromEntries(Object.entries(params).filter(([name]) => !LOOKS.includes(name)));

export function RowsPage({ params }) {
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

export const questionLink = (row, params) => link("question", { ...asked(params), look: params.look, beside: params.beside, each: "", sort: "",
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
