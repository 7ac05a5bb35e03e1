// Texts of models: the answer marked, cues tinted, cuts struck through, mathematics rendered. Never as HTML.
import { html, plain, count } from "./base.js";

const LONG = 20000; // characters shown at first
const MOST_MATHS = 300; // formulas of a text
const LONGEST_MATHS = 2000; // characters of one; without a bound, many unclosed \[ would take quadratic time
// A single $ begins and ends a formula as in Pandoc: no space just inside, no digit after, neither escaped ("$5-$10").
const MATHS = /\$\$[^$]+?\$\$|\\\[[^]{1,2000}?\\\]|\\\([^]{1,2000}?\\\)|(?<!\\)\$(?!\s)(?:\\.|[^$\n\\])+?(?<!\s)\$(?!\d)/g;
const TAGS = /<\/?(?:think|answer)>/g;

// KaTeX, trusting nothing: no links, no images, no raw HTML, macros bounded; what it cannot read is shown as written.
export function Formula({ source }) {
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
export function Marked({ text, answer, cues = {}, final, maths = true }) {
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
export function words(old, now) {
  const bounds = { timeout: 250, maxEditLength: 4000 };
  const found = old.length + now.length < 200000 && Diff.diffWordsWithSpace(old, now, bounds);
  return found || [{ value: old, removed: true }, { value: now, added: true }];
}

export function WordDiff({ old, now }) {
  const found = useMemo(() => words(plain(old), plain(now)), [old, now]);
  return html`<div class="text">${found.map((one) =>
    (one.added ? html`<ins>${one.value}</ins>` : one.removed ? html`<del>${one.value}</del>` : one.value))}</div>`;
}

// Pieces as the server has them: [["same", "The bar is "], ["removed", "red"], ["added", "blue"]].
export const Pieces = ({ of }) => html`<div class="text">${of.map(([what, text]) =>
  (what === "added" ? html`<ins>${plain(text)}</ins>` : what === "removed" ? html`<del>${plain(text)}</del>` : plain(text)))}</div>`;
