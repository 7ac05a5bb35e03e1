// What every screen uses: answers, the address, numbers, keys, and small parts.

const { h, render } = preact;
const { useState, useEffect, useMemo, useRef } = preactHooks;
export const html = htm.bind(h);

// Answers ------------------------------------------------------------------------------------------------------------

// The answer to NAME, from the server, or from the files of a static view. Raises Error with a line for people.
export async function get(name, params = {}) {
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

export async function post(name, body) {
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
export function useAnswer(name, params, { every = 0, refresh = 0 } = {}) {
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
export function Await({ of, doing = "loading", children }) {
  if (of.error) return html`<p class="note card" role="alert">${of.error}</p>`;
  if (!of.data) return html`<p class="soft" role="status">${doing}…</p>`;
  return children(of.data);
}

// The address: #/screen?name=value&name=value -------------------------------------------------------------------------

// Values are texts, or lists of texts where a name repeats; empty ones are left out.
export function queryOf(params) {
  const pairs = Object.keys(params).sort().flatMap((name) =>
    [params[name]].flat().filter((value) => value !== "" && value !== undefined && value !== null).map((value) => [name, value]));
  return new URLSearchParams(pairs).toString();
}

export const link = (screen, params = {}) => `#/${screen}?${queryOf(params)}`.replace(/\?$/, "");
export const go = (screen, params) => { location.hash = link(screen, params); };

// {screen, params}: params has one text per name; `lists` all of them.
export function address() {
  const [screen, query] = location.hash.replace(/^#\/?/, "").split("?");
  const pairs = new URLSearchParams(query || "");
  const params = {};
  for (const name of new Set(pairs.keys())) {
    const all = pairs.getAll(name);
    params[name] = all.length > 1 ? all : all[0];
  }
  return { screen: screen || "home", params };
}

export const listOf = (value) => (value === undefined || value === "" ? [] : [value].flat());

// Keys ---------------------------------------------------------------------------------------------------------------

const keyMaps = [];

// keys: {j: ["next question", () => …]}; they work while the part that calls this is on the screen.
export function useKeys(keys) {
  const map = useRef();
  map.current = keys;
  useEffect(() => {
    keyMaps.push(map);
    return () => { keyMaps.splice(keyMaps.indexOf(map), 1); };
  }, []);
}

export const keysInUse = () => Object.assign({}, ...keyMaps.map((map) => map.current));

export function pressKey(event) {
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
export const plain = (text) => String(text ?? "").replace(/\r\n/g, "\n").replace(UNSEEN, "\ufffd");

export const count = (number) => (number ?? 0).toLocaleString("en-US");
export const share = (part) => (part === null || part === undefined ? "–" : `${(100 * part).toFixed(1)}%`);
export const money = (usd) => (usd === null || usd === undefined ? "unknown" : usd ? `$${usd < 0.001 ? usd.toPrecision(2) : usd.toFixed(usd < 1 ? 4 : 2)}` : "–");
export const day = (seconds) => (seconds ? new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ") : "");
export const bytes = (size) => {
  const step = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), 4);
  return `${(size / 1000 ** step).toFixed(step ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
};

// A number of any size, in short.
export function figure(value) {
  if (typeof value !== "number") return plain(value);
  if (Number.isInteger(value)) return count(value);
  return Math.abs(value) >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

// Parts ----------------------------------------------------------------------------------------------------------------

export const TONES = { correct: "good", kept: "good", done: "good", wrong: "bad", dropped: "bad", failed: "bad", abstain: "unsure",
  running: "live", stopped: "unsure" };

export const Badge = ({ of, title }) => html`<span class="badge ${TONES[of] || "neutral"}" title=${title}>${plain(of)}</span>`;

export const imageAt = (id, width) =>
  window.ovtFiles ? window.ovtFiles.images[id] : `image/${id}${width ? `?width=${width}` : ""}`;

export function Picture({ id, width, alt }) {
  const [lost, lose] = useState(false);
  if (!id || lost || !imageAt(id)) return html`<span class="lost soft">${id ? "image not found" : "no image"}</span>`;
  return html`<img src=${imageAt(id, width)} alt=${alt} loading="lazy" decoding="async" onError=${() => lose(true)} />`;
}

// columns: [{title, cell(row), number, wide}]
export function Table({ columns, rows, label, key = (row, at) => at }) {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table class="plain">
    <thead><tr>${columns.map((one) => html`<th scope="col" class=${one.number ? "number" : ""}>${one.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row, at) => html`<tr key=${key(row, at)}>${columns.map((one) =>
      html`<td class=${`${one.number ? "number" : ""} ${one.wide ? "wide" : ""}`}>${one.cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

// A bar of `part` of `whole`.
export const Bar = ({ part, whole, tone = "" }) =>
  html`<span class="bar" aria-hidden="true"><i class=${tone} style=${{ width: `${whole ? (100 * part) / whole : 0}%` }}></i></span>`;

export const Facts = ({ of }) => html`<dl class="facts">${Object.entries(of)
  .filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

// A command to copy.
export function Command({ line }) {
  const [done, set] = useState(false);
  const copy = () => navigator.clipboard?.writeText(line).then(() => set(true));
  return html`<div class="command"><code>${plain(line)}</code>
    <button type="button" onClick=${copy}>${done ? "copied" : "copy"}</button></div>`;
}

// A part of a report, as the terminal prints it: a line of text, or a table.
export function ReportPart({ of }) {
  if (of.text) return html`<p class="soft lines">${plain(of.text)}</p>`;
  const cell = (column, place) => (row) => (column.holds === "bar" ? html`<${Bar} part=${row[place]} whole="1" />` : plain(row[place]));
  return html`<${Table} label="report" rows=${of.rows} columns=${of.columns.map((column, place) => (
    { title: plain(column.title), number: column.holds === "number", wide: column.holds === "text", cell: cell(column, place) }))} />`;
}
