// A saved view: answers come from files beside the page, and rows are filtered here as the server filters them.
import { listOf } from "./base.js";

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

export async function fromFiles(name, params, query) {
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
