// A version: where its rows went, and what was kept.
import { html, useAnswer, Await, Table, Facts, Bar, Command, link, count, share, money, plain, bytes, figure } from "./base.js";
import { Histogram } from "./plot.js";

export function VersionPage({ params }) {
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
export function Funnel({ version, funnel }) {
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
