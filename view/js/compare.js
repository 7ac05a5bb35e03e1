// Two versions, evaluations or runs: what flipped first, then how all of it drifted.
import { html, useAnswer, useKeys, Await, Table, Badge, Picture, plain, count } from "./base.js";
import { Marked, Pieces, WordDiff } from "./text.js";
import { Sides, WHOLE, Zoom, imagesOf } from "./pictures.js";
import { pageOf } from "./home.js";

const STEP = 40; // flips on a page

export function ComparePage({ params, settings }) {
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
export function Examples({ of }) {
  return of.map((one) => {
    const side = one.a || one.b;
    const why = one.status === "changed" ? one.kinds.join(", ") : `${one.stage ?? ""} ${one.reason ?? ""} ${one.detail ?? ""}`;
    return html`<article class="card"><p><${Badge} of=${one.status} /> ${plain(why)} <span class="soft">${plain(one.question_id)}</span></p><p><b>${plain(side.question)}</b> <span class="soft">gold ${plain(side.answer)}</span></p>
      ${one.pieces ? html`<${Pieces} of=${one.pieces} />` : html`<div class="text">${plain(side.completion ?? "")}</div>`}</article>`;
  });
}
