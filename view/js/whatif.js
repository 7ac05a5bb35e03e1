// Other settings for a version: counts and rows at once, from its stored samples, and the command that would make it so.
import { html, useAnswer, Await, Table, Command, go, listOf, count, plain } from "./base.js";
import { Examples } from "./compare.js";

const PAUSE = 300; // milliseconds without a change before settings are tried

export function WhatIfPage({ params }) {
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
