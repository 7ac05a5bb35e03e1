// The page around every screen: which one is shown, the keys, help.
import { html, get, useAnswer, useKeys, Await, address, pressKey, keysInUse, link, plain } from "./base.js";
import { Home } from "./home.js";
import { VersionPage } from "./version.js";
import { RowsPage } from "./rows.js";
import { QuestionPage } from "./question.js";
import { ComparePage } from "./compare.js";
import { WhatIfPage } from "./whatif.js";
import { RunPage, EvaluationPage } from "./runs.js";

const SCREENS = { home: Home, version: VersionPage, rows: RowsPage, question: QuestionPage, compare: ComparePage, "what-if": WhatIfPage, run: RunPage,
  evaluation: EvaluationPage };

function Main() {
  const [place, set] = useState(address());
  const [help, showHelp] = useState(false);
  const settings = useAnswer("settings", {});
  useEffect(() => {
    const changed = () => { set(address()); };
    addEventListener("hashchange", changed);
    addEventListener("keydown", pressKey);
    return () => { removeEventListener("hashchange", changed); removeEventListener("keydown", pressKey); };
  }, []);
  const Screen = Object.hasOwn(SCREENS, place.screen) && SCREENS[place.screen];
  const { version, a, b, name, id } = place.params;
  useEffect(() => { document.body.dataset.shown = location.hash; }, [location.hash]); // after what the screen asks for, like `asking`
  useEffect(() => { document.title = [id, version || name || (a && `${a} → ${b}`), "ovt view"].filter(Boolean).join(" · "); }, [location.hash]);
  useKeys({ "?": ["help", () => showHelp(!help)] });
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>skip to content</a>
    <header class="top"><a href="#/"><b>ovt</b> view</a>
      ${version && !version.includes(":") && html`<nav aria-label="version"><a href=${link("version", { version })}>funnel</a><a href=${link("rows", { version })}>rows</a>
        <a href=${link("what-if", { version })}>what if</a></nav>`}
      <button type="button" class="bare" onClick=${() => showHelp(true)}>? keys</button></header>
    <main tabindex="-1"><${Await} of=${settings}>${(known) => (Screen
      ? html`<${Screen} key=${place.screen} params=${place.params} settings=${known} />`
      : html`<p class="note card">There is no screen ${plain(place.screen)}: <a href="#/">start again</a>.</p>`)}<//></main>
    ${help && html`<${Help} close=${() => showHelp(false)} />`}`;
}

function Help({ close }) {
  const place = useRef();
  const keys = useMemo(() => Object.entries(keysInUse()), []);
  useEffect(() => { place.current.showModal(); }, []);
  return html`<dialog class="help" ref=${place} onClose=${close} aria-label="keys"><h2>Keys</h2><dl class="keymap">
      ${keys.map(([key, [what]]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <form method="dialog"><button>close</button></form></dialog>`;
}

window.ovt = { get }; // for the console, and for tests
render(html`<${Main} />`, document.getElementById("view"));
