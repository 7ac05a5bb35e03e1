// Plots in SVG: a histogram to filter with, and a curve. A library that draws on a canvas (uPlot) would be faster from
// thousands of points on; there are 600 at most, and bars that a keyboard reaches and a screen reader reads.
import { html, figure, count } from "./base.js";

// bins: [{from, to, rows}]. pick(from, to) is called for a click on a bar, or a drag over several.
export function Histogram({ bins, chosen, pick, label }) {
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
export function Curve({ points, title }) {
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
