// Pictures of questions: large, enlarged, and those of two questions side by side, zoomed and moved in step.
import { html, Picture, link, plain } from "./base.js";

const CLOSEST = 40; // times as large as the panel
const FARTHEST = 0.2;
const BY_ARROW = 40; // pixels of an arrow key

// Each enlarges on a click: enlarge(ids).
export const Pictures = ({ ids, enlarge }) => ids.length > 0 && html`<div class="pictures">${ids.map((id, place) => html`<button type="button" class="bare"
  aria-label=${`enlarge image ${place + 1}`} onClick=${() => enlarge([id])}><${Picture} id=${id} alt=${`image ${place + 1} of the question`} /></button>`)}</div>`;

export const WHOLE = { scale: 1, x: 0, y: 0, own: {} }; // own: how far each image is from where the others are

// The images alone, moved and scaled in step: wheel, pinch or + and - to zoom, drag or the arrows to move (with shift: one
// alone, where two are not aligned), Escape to close. [view, set]: the state of a WHOLE, which outlives this.
export function Zoom({ ids, close, at: [view, set] }) {
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
export function heldIn(params) {
  const cut = (params.beside || "").lastIndexOf(" ");
  return cut > 0 ? { version: params.beside.slice(0, cut), id: params.beside.slice(cut + 1) } : null;
}

export const besideOf = ({ version, id }) => `${version} ${id}`;

export const imagesOf = (...stories) => [...new Set(stories.flatMap((story) => story?.question?.images || []))];

// Two questions next to each other: pictures (enlarged together), texts, golds. sides: two of {version, id, story}.
export function Sides({ sides, enlarge }) {
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
