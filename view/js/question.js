// A question's whole life: its image, its chains side by side, every decision, and where else it was asked.
import { html, get, post, useAnswer, useKeys, Await, Badge, Facts, Table, link, go, count, money, plain } from "./base.js";
import { Marked, WordDiff } from "./text.js";
import { Pictures, Sides, WHOLE, Zoom, besideOf, heldIn, imagesOf } from "./pictures.js";
import { asked } from "./rows.js";

const OWN = ["id", "chain", "each"]; // of the address, not of the rows that j and k walk through

export function QuestionPage({ params, settings }) {
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
