// What all stages share: the frame (tabs, predict, finding, Python, controls),
// keys, full screen, undo, and the colours and shapes of the grammar.
//
// This file has no imports and no exports. Python puts it in front of a stage's
// own file; the pair is an ES module for anywidget, and a plain script for the
// site once its last line, the export, is taken out and the whole is
// put into a function. A stage's data is text: it goes into the page through
// text nodes and attributes, never as markup.

const LETTERS = "ABCD";
const SPEEDS = [0.5, 1, 2, 4, 10];
const BEAT = 1500; // milliseconds a step at speed 1
const SVG = "http://www.w3.org/2000/svg";

const CSS = `
.es-stage { --es-ink0:#15181c; --es-soft0:#59616b; --es-paper0:#fff; --es-mist0:#f1f3f5;
  --es-line0:#c3c9d0; color-scheme: light; }
@media (prefers-color-scheme: dark) { .es-stage { --es-ink0:#f2f4f6; --es-soft0:#aab2bb;
  --es-paper0:#111418; --es-mist0:#20252b; --es-line0:#4a525b; color-scheme: dark; } }
[data-jp-theme-light="true"] .es-stage, [data-theme="light"] .es-stage { --es-soft0:#59616b;
  --es-line0:#c3c9d0; --es-ink0:#15181c; --es-paper0:#fff; --es-mist0:#f1f3f5; color-scheme: light; }
[data-jp-theme-light="false"] .es-stage, [data-theme="dark"] .es-stage { --es-soft0:#aab2bb;
  --es-line0:#4a525b; --es-ink0:#f2f4f6; --es-paper0:#111418; --es-mist0:#20252b; color-scheme: dark; }
.es-stage { --es-ink: var(--jp-ui-font-color0, var(--es-ink0));
  --es-paper: var(--jp-layout-color0, var(--es-paper0));
  --es-mist: var(--jp-layout-color2, var(--es-mist0));
  --es-soft: var(--es-soft0); --es-line: var(--es-line0);
  --es-blue:#0072B2; --es-green:#009E73; --es-red:#D55E00; --es-orange:#E69F00; --es-purple:#CC79A7;
  --es-mono: var(--jp-code-font-family, ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace);
  box-sizing: border-box; font: 14px/1.35 var(--jp-ui-font-family, system-ui, "Segoe UI", "DejaVu Sans", sans-serif);
  color: var(--es-ink); background: var(--es-paper); border: 1px solid var(--es-line);
  border-radius: .6em; padding: .9em 1.1em; max-width: 92em; display: flex; flex-direction: column;
  gap: .8em; outline-offset: 2px; overflow: hidden; text-align: left; }
.es-stage *, .es-stage *::before { box-sizing: border-box; }
.es-stage:focus { outline: 2px solid var(--es-blue); }
.es-stage :focus-visible { outline: 3px solid var(--es-orange); outline-offset: 1px; }
.es-head, .es-controls, .es-python { display: flex; flex-wrap: wrap; align-items: center; gap: .5em .6em; }
.es-head { gap: .5em 1em; }
.es-title { color: var(--es-soft); }
.es-gap { flex: 1 1 0; }
.es-stage button, .es-stage select { font: inherit; color: inherit; background: var(--es-paper);
  border: 1px solid var(--es-line); border-radius: .4em; padding: .3em .65em; margin: 0; cursor: pointer;
  min-height: 2.15em; line-height: 1.2; display: inline-flex; align-items: center; gap: .45em;
  justify-content: center; box-shadow: none; }
.es-stage button:hover:not(:disabled), .es-stage select:hover { border-color: var(--es-blue); background: var(--es-mist); }
.es-stage button:disabled { opacity: .45; cursor: default; }
div.es-stage kbd { font-family: inherit; font-size: 1em; font-weight: 600; line-height: 1.1; color: var(--es-soft); background: none; border: 1px solid var(--es-line);
  border-bottom-width: 2px; border-radius: .3em; padding: .02em .3em; margin: 0; box-shadow: none; min-width: 1.35em; text-align: center; }
.es-stage svg.es-icon { width: 1.05em; height: 1.05em; fill: currentColor; flex: none; }
.es-tabs { display: inline-flex; }
.es-stage .es-tabs button { border-radius: 0; margin-left: -1px; padding: .3em 1em; }
.es-stage .es-tabs button:first-child { border-radius: .4em 0 0 .4em; }
.es-stage .es-tabs button:last-child { border-radius: 0 .4em .4em 0; }
.es-stage .es-tabs button[aria-selected="true"] { background: var(--es-ink); color: var(--es-paper); font-weight: 600; border-color: var(--es-ink); }
.es-stage .es-switch { border: 0; padding: .3em .2em; background: none; }
.es-switch i { width: 2.3em; height: 1.3em; border-radius: 1em; border: 2px solid var(--es-soft); position: relative; flex: none; }
.es-switch i::before { content: ""; position: absolute; width: .8em; height: .8em; left: .12em; top: calc(50% - .4em); border-radius: 50%; background: var(--es-soft); transition: left .15s; }
.es-switch[aria-checked="true"] i { background: var(--es-blue); border-color: var(--es-blue); }
.es-switch[aria-checked="true"] i::before { left: 1.1em; background: #fff; }
.es-finding { font-size: 20px; line-height: 1.3; font-weight: 600; min-height: 1.3em; margin: 0; }
.es-full .es-finding { font-size: 1.3em; }
.es-python { color: var(--es-soft); flex-wrap: nowrap; min-height: 2.15em; }
.es-stage .es-python code { font: 1em/1.35 var(--es-mono); color: var(--es-soft); background: none; padding: 0; border: 0;
  overflow-wrap: anywhere; white-space: pre-wrap; min-width: 0; }
.es-stage .es-python button { flex: none; }
.es-controls { gap: .45em; }
.es-stage input[type=range] { flex: 1 1 6em; min-width: 6em; max-width: 14em; margin: 0 .2em; height: 1.6em; accent-color: var(--es-blue); cursor: pointer; }
.es-stage:not([data-size="wide"]) .es-controls { gap: .35em; }
.es-stage:not([data-size="wide"]) .es-controls button { padding: .3em .5em; }
.es-stage:not([data-size="wide"]) input[type=range] { min-width: 4em; flex-basis: 4em; }
.es-place { color: var(--es-soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.es-ask { display: flex; flex-direction: column; gap: .4em; }
.es-answers { display: flex; flex-wrap: wrap; gap: .5em; align-items: center; }
.es-stage .es-answers button { border: 2px dashed var(--es-soft); min-width: 7.2em; justify-content: flex-start; padding: .3em .6em; font-variant-numeric: tabular-nums; font-weight: 600; }
.es-stage .es-answers button:disabled { opacity: 1; }
.es-stage .es-answers button.es-idle:disabled { opacity: .55; }
.es-stage .es-answers button.es-right { border: 2px solid var(--es-green); }
.es-stage .es-answers button.es-wrong { border: 2px solid var(--es-red); }
.es-sign { display: inline-flex; width: 1.35em; height: 1.35em; border-radius: 50%; color: #fff; align-items: center;
  justify-content: center; font-weight: 700; flex: none; line-height: 1; }
.es-sign.es-yes { background: var(--es-green); } .es-sign.es-no { background: var(--es-red); border-radius: .25em; }
.es-stage [hidden] { display: none; }
.es-reason { min-height: 1.35em; color: var(--es-soft); display: flex; gap: .45em; align-items: center; }
.es-full { position: fixed; inset: 0; z-index: 99999; max-width: none; width: 100vw; height: 100vh; border: 0; border-radius: 0;
  font-size: max(28px, min(1.46vw, 2.55vh)); overflow: auto; gap: .4em; padding: .5em 1em .4em; }
.es-full .es-python, .es-full .es-python button { min-height: 1.6em; padding-top: 0; padding-bottom: 0; }
.es-foot { display: flex; flex-direction: column; gap: .5em; background: var(--es-paper); }
.es-full .es-foot { position: sticky; bottom: -.4em; gap: .25em; padding: .2em 0 .3em; flex: none; }
.es-full .es-finding { line-height: 1.2; }
.es-full:focus { outline: none; }
.es-picture { display: flex; flex-direction: column; gap: .8em; min-width: 0; }
.es-full .es-picture { flex: 1 0 auto; gap: .4em; }
.es-stage svg text { font-family: inherit; fill: var(--es-ink); font-variant-numeric: tabular-nums; }
.es-stage svg text.es-label { paint-order: stroke; stroke: var(--es-paper); stroke-width: .3em; stroke-linejoin: round; }
.es-stage svg text.es-dim { fill: var(--es-soft); }
.es-stage[data-tight="true"] { gap: .3em; padding: .3em .8em; }
[data-tight="true"] .es-controls kbd, [data-tight="true"] .es-controls .es-place { display: none; }
.es-stage[data-tight="true"] .es-head button, .es-stage[data-tight="true"] .es-controls button, .es-stage[data-tight="true"] select { min-height: 1.8em; padding-top: .1em; padding-bottom: .1em; }
[data-tight="true"] .es-finding { font-size: 1em; }
.es-stage[data-tight="true"] .es-python code { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; } [data-tight="true"] .es-foot { gap: .15em; padding: 0; bottom: -.3em; }
.es-broken { border-left: .4em solid var(--es-red); padding-left: .6em; }
@media (prefers-reduced-motion: reduce) { .es-stage *, .es-stage *::before { animation: none !important; transition: none !important; } }
`;

const ICONS = {
  back: "M11 2 4 8l7 6z", step: "M5 2l7 6-7 6z", play: "M3 1l11 7-11 7z", pause: "M3 1h4v14H3zM9 1h4v14H9z",
  reset: "M8 2a6 6 0 1 1-5.7 4.1l1.9.6A4 4 0 1 0 8 4v3L3.5 3.3 8 0z",
  full: "M1 1h5v2H3v3H1zM10 1h5v5h-2V3h-3zM1 10h2v3h3v2H1zM13 10h2v5h-5v-2h3z",
};

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const icon = (name) => draw("svg", { class: "es-icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: ICONS[name] }));
const key = (text) => make("kbd", { "aria-hidden": "true" }, text);
const sign = (right) => make("span", { class: `es-sign ${right ? "es-yes" : "es-no"}`, "aria-hidden": "true" }, right ? "✓" : "✕");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The frame of a stage. `spec` is what makes one stage differ from another:
//   label        name for screen readers
//   stores       names of the traits that undo brings back
//   count()      the last place; places are 0 … count()
//   reach(to)    { at, asking }: how far one may go before a question is in the way
//   question()   null or { id, answers: [[letter, text, reason], …], chosen } (a right answer has no reason)
//   answered()   traits to set once the question is answered
//   pinned       whether the question stays until it is answered; else ← leaves it
//   inPlace      whether a question has a place of its own; else it stands before one
//   first()      traits to set by reset
//   tabs()       [[name, label], …], and turn(name) the traits to set
//   words()      { title, place, finding, python }
//   keys         { letter: function }
//   play         what Play does where it does not step: { label, done(), first(), next() }, the last two traits to set
//   draw(frame)  draws the picture into frame.picture
function openStage({ model, el, spec }) {
  const past = []; // snapshots, for undo
  let playing = 0;
  let quiet = false;
  let due = false;
  const frame = { model, get: (name) => model.get(name), em: 14, width: 900, moved: 0 };
  const root = make("div", { class: "es-stage", tabindex: "0", role: "group", "aria-label": spec.label, "data-lm-suppress-shortcuts": "true" });
  const button = (name, label, hint, action, mark, short) =>
    make("button", { type: "button", "aria-label": label, "data-key": name, onclick: action }, mark ? icon(mark) : null, make("span", null, short || label), hint ? key(hint) : null);

  const tabs = make("div", { class: "es-tabs", role: "tablist", "aria-label": "What to look at" });
  const title = make("span", { class: "es-title" });
  const undo = button("undo", "Undo", "⌫", () => takeBack());
  const predict = make("button", { type: "button", class: "es-switch", role: "switch", "data-key": "predict", onclick: () => turnPredict() }, make("i"), make("span", null, "Predict"), key("P"));
  const picture = make("div", { class: "es-picture" });
  const ask = make("div", { class: "es-ask" });
  const finding = make("p", { class: "es-finding", "aria-live": "polite" });
  const code = make("code");
  const copied = make("span", null, "Copy");
  const copy = make("button", { type: "button", "aria-label": "Copy the line of Python", "data-key": "copy", onclick: () => copyPython() }, copied);
  const back = button("back", "Back", "←", () => step(-1), "back");
  const next = button("step", "Step", "→", () => step(1), "step");
  const playName = (spec.play && spec.play.label) || "Play";
  const playLabel = make("span", null, playName);
  const playIcon = make("span", { style: "display:inline-flex" }, icon("play"));
  const play = make("button", { type: "button", "data-key": "play", "aria-label": playName, onclick: () => togglePlay() }, playIcon, playLabel, key("space"));
  const scrub = make("input", { type: "range", min: 0, step: 1, "aria-label": "Place", "data-key": "scrub", oninput: () => { stop(); go(Number(scrub.value)); scrub.value = frame.get("at"); } });
  const place = make("span", { class: "es-place" });
  const speed = make("select", { "aria-label": "Speed", "data-key": "speed", onchange: () => { if (playing) { stop(); togglePlay(); } } },
    SPEEDS.map((times) => make("option", { value: times, selected: times === 1 }, `${times}×`)));
  const reset = button("reset", "Reset", "R", () => again(), "reset");
  const full = button("full", "Full screen", "F", () => fullScreen(), "full", "Full");
  root.append(
    make("style", null, CSS + (spec.css || "")),
    make("div", { class: "es-head" }, tabs, title, make("span", { class: "es-gap" }), undo, predict),
    picture,
    make("div", { class: "es-foot" }, finding, make("div", { class: "es-python" }, code, copy),
      make("div", { class: "es-controls", role: "group", "aria-label": "Controls" }, back, next, play, scrub, place, speed, reset, full)),
  );
  Object.assign(frame, { root, picture, ask, put, deed, go, step, stop, full: () => root.classList.contains("es-full") });

  function snapshot() {
    return JSON.stringify(Object.fromEntries(spec.stores.map((name) => [name, frame.get(name)])));
  }
  function put(changes) {
    quiet = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    quiet = false;
    model.save_changes();
    redraw();
  }
  function deed(changes) { // a change that undo takes back
    past.push(snapshot());
    put(changes);
  }
  function takeBack() {
    stop();
    if (past.length) put(JSON.parse(past.pop()));
  }
  function go(to) {
    const from = frame.get("at");
    const goal = spec.reach(clamp(Math.round(to), 0, spec.count()));
    frame.moved = goal.at - from || (goal.asking && !frame.get("asking") ? 1 : 0);
    put(goal);
    frame.moved = 0;
  }
  function step(by) {
    stop();
    if (by < 0 && frame.get("asking") && !spec.pinned && !spec.inPlace) put({ asking: false });
    else go(frame.get("at") + by);
  }
  function answer(letter) {
    const question = spec.question();
    if (!question || question.chosen || !LETTERS.slice(0, question.answers.length).includes(letter)) return;
    frame.moved = 1;
    deed({ answers: { ...frame.get("answers"), [question.id]: letter }, ...spec.answered() });
    frame.moved = 0;
  }
  function turnPredict() {
    const on = !frame.get("predict");
    put({ predict: on, ...spec.predict(on) });
  }
  function again() {
    stop();
    deed(spec.first());
  }
  function stop() {
    if (playing) clearInterval(playing);
    playing = 0;
    showPlay();
  }
  function togglePlay() {
    if (play.disabled) return;
    if (playing) return stop();
    if (spec.play) { if (spec.play.done()) put(spec.play.first()); }
    else if (frame.get("at") >= spec.count()) go(0);
    playing = setInterval(tick, (spec.beat || BEAT) / Number(speed.value));
    tick();
    showPlay();
  }
  function tick() {
    if (frame.get("asking")) return; // waits for the answer, then goes on
    if (spec.play) return spec.play.done() || !root.isConnected ? stop() : put(spec.play.next());
    if (frame.get("at") >= spec.count() || !root.isConnected) return stop();
    go(frame.get("at") + 1);
  }
  function showPlay() {
    const name = playing ? "Pause" : playName;
    if (playLabel.textContent === name) return;
    playLabel.textContent = name;
    play.setAttribute("aria-label", name);
    playIcon.replaceChildren(icon(playing ? "pause" : "play"));
  }
  function fullScreen() {
    const on = root.classList.contains("es-full");
    if (on) {
      if (document.fullscreenElement) document.exitFullscreen();
      showFull(false);
    } else {
      showFull(true);
      const asked = root.requestFullscreen && root.requestFullscreen();
      if (asked) asked.catch(() => {}); // refused: it covers the window instead
    }
  }
  function showFull(on) {
    root.classList.toggle("es-full", on);
    measure();
    redraw();
  }
  function leftFull() {
    if (!document.fullscreenElement && root.classList.contains("es-full")) showFull(false);
  }
  function copyPython() {
    const text = code.textContent;
    const done = () => { copied.textContent = "Copied"; setTimeout(() => { copied.textContent = "Copy"; }, 1200); };
    const byHand = () => {
      const area = make("textarea", { style: "position:fixed;opacity:0" });
      area.value = text;
      root.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      root.focus({ preventScroll: true });
      done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  }

  function drawTabs() {
    const list = spec.tabs ? spec.tabs() : [];
    tabs.hidden = list.length < 2;
    const now = frame.get("tab");
    tabs.replaceChildren(...list.map(([name, label]) =>
      make("button", { type: "button", role: "tab", "aria-selected": String(name === now), "aria-label": label, "data-key": `tab ${name}`,
        onclick: () => turnTab(name) }, make("span", null, label), name === now ? null : key("T"))));
  }
  function turnTab(name) {
    stop();
    if (name !== frame.get("tab")) put(spec.turn(name));
  }
  function nextTab() {
    const names = spec.tabs ? spec.tabs().map(([name]) => name) : [];
    if (names.length > 1) turnTab(names[(names.indexOf(frame.get("tab")) + 1) % names.length]);
  }
  function drawAsk() {
    const question = spec.question();
    ask.replaceChildren();
    const row = make("div", { class: "es-answers", role: "group", "aria-label": "Answers" });
    const reason = make("div", { class: "es-reason", "aria-live": "polite" });
    ask.append(row, reason);
    row.hidden = !question;
    if (!question) return void reason.append(spec.hint());
    const chosen = question.chosen;
    for (const [letter, text, why] of question.answers) {
      const shown = chosen && (letter === chosen || !why);
      row.append(make("button", { type: "button", disabled: Boolean(chosen), "data-key": `answer ${letter}`,
        class: shown ? (why ? "es-wrong" : "es-right") : chosen ? "es-idle" : "",
        "aria-label": `Answer ${letter}: ${text}${shown ? (why ? ", wrong" : ", right") : ""}`, onclick: () => answer(letter) },
      key(letter), make("span", null, text), shown ? sign(!why) : null));
    }
    reason.classList.toggle("es-hint", !chosen);
    if (!chosen) return void reason.append(question.hint || "");
    const [, text, why] = question.answers.find(([letter]) => letter === chosen);
    reason.append(sign(!why), make("span", null, why ? `${text}: ${why}.` : `${text} is right.`));
  }
  function measure() {
    frame.em = parseFloat(getComputedStyle(root).fontSize) || 14;
    const style = getComputedStyle(root);
    frame.width = Math.max(root.clientWidth - parseFloat(style.paddingLeft || 0) - parseFloat(style.paddingRight || 0), 20 * frame.em);
    const room = frame.width / frame.em;
    root.dataset.tight = String(frame.full() && window.innerHeight / frame.em < 33); // a small projector
    root.dataset.size = room < 54 ? "narrow" : room < 66 ? "middle" : "wide";
  }
  function redraw() {
    const held = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const words = spec.words();
    drawTabs();
    title.textContent = words.title;
    undo.disabled = past.length === 0;
    predict.setAttribute("aria-checked", String(Boolean(frame.get("predict"))));
    drawAsk();
    spec.draw(frame);
    if (finding.textContent !== words.finding) finding.textContent = words.finding;
    code.textContent = words.python;
    scrub.max = spec.count();
    scrub.value = frame.get("at");
    scrub.setAttribute("aria-valuetext", words.place);
    place.textContent = words.place;
    const locked = Boolean(spec.pinned) && frame.get("asking");
    back.disabled = locked || (frame.get("at") <= 0 && !frame.get("asking"));
    next.disabled = locked || frame.get("at") >= spec.count();
    scrub.disabled = locked;
    play.disabled = locked;
    if (held) {
      const same = [...root.querySelectorAll("[data-key]")].find((node) => node.dataset.key === held && !node.disabled);
      (same || root).focus({ preventScroll: true });
    }
  }
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const onButton = ["BUTTON", "SELECT"].includes(event.target.tagName);
    const onSelect = event.target.tagName === "SELECT";
    let action = null;
    if (name === "ArrowLeft" && !onSelect) action = () => step(-1);
    else if (name === "ArrowRight" && !onSelect) action = () => step(1);
    else if (name === " " && !onButton) action = togglePlay;
    else if (name === "r") action = again;
    else if (name === "f") action = fullScreen;
    else if (name === "p") action = turnPredict;
    else if (name === "t") action = nextTab;
    else if (name === "Backspace") action = takeBack;
    else if (name === "Escape" && root.classList.contains("es-full")) action = fullScreen;
    else if (frame.get("asking") && "abcd".includes(name)) action = () => answer(name.toUpperCase());
    else if (spec.keys && spec.keys[name]) action = () => spec.keys[name](frame);
    event.stopPropagation();
    if (!action) return;
    event.preventDefault();
    action();
  }
  function onTouch(event) {
    if (!event.target.closest("button, select, input")) root.focus({ preventScroll: true });
  }
  function onClick(event) { // after a click the stage's own keys work again
    if (event.detail > 0 && !event.target.closest("select")) root.focus({ preventScroll: true });
  }
  function onChange() { // by the kernel or another view: once for all that changes together
    if (quiet || due) return;
    due = true;
    queueMicrotask(() => { due = false; redraw(); });
  }
  root.addEventListener("keydown", onKey);
  root.addEventListener("pointerdown", onTouch);
  root.addEventListener("click", onClick);
  document.addEventListener("fullscreenchange", leftFull);
  model.on("change", onChange);
  const watch = new ResizeObserver(() => {
    const before = `${frame.width} ${frame.em}`;
    measure();
    if (before !== `${frame.width} ${frame.em}`) redraw();
  });
  el.replaceChildren(root);
  measure();
  redraw();
  watch.observe(root);
  return () => {
    stop();
    watch.disconnect();
    document.removeEventListener("fullscreenchange", leftFull);
    model.off("change", onChange);
    root.remove();
  };
}

// Round numbers from below `low` to above `high`, about `most` of them apart.
function niceTicks(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const pace = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const ticks = [];
  for (let tick = Math.floor(low / pace + 1e-9); tick <= Math.ceil(high / pace - 1e-9); tick += 1) ticks.push(tick * pace);
  return ticks;
}

// Drag or click on a picture goes to that place. The picture is drawn anew while
// one drags, so it is looked up each time.
function scrubOn(picture, frame, placeAt) {
  const to = (event) => {
    const live = frame.root.querySelector("[data-scrub]");
    const place = clamp(Math.round(placeAt(event.clientX - live.getBoundingClientRect().left)), 0, 1e9);
    if (place !== frame.get("at") && !frame.get("asking")) frame.go(place);
  };
  const end = () => {
    window.removeEventListener("pointermove", to);
    window.removeEventListener("pointerup", end);
    window.removeEventListener("pointercancel", end);
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    frame.stop();
    window.addEventListener("pointermove", to);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
    to(event);
  });
}

// A stage that fails says so in its place, in words, not in the console alone.
function guarded(open) {
  return ({ model, el }) => {
    try {
      return open({ model, el });
    } catch (problem) {
      el.replaceChildren(make("p", { class: "es-broken" }, `This stage could not be drawn: ${problem.message}. Run the cell again; the picture below it shows the same.`));
      return () => {};
    }
  };
}

// The shuffles for the model's seed; while a new seed is on its way, those at hand.
function lettersOf(model) {
  const { letters } = model.get("_table");
  return letters[model.get("seed")] || Object.values(letters)[0];
}

// The stand-in for the kernel's model on a page without a kernel.
function plainModel(state) {
  const listeners = [];
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const listener of listeners) listener();
    },
    save_changes() {},
    on(_, listener) { listeners.push(listener); },
    off(_, listener) { listeners.splice(listeners.indexOf(listener), 1); },
  };
}

// ?seed=n takes n modulo the number of tables, ?class=word its hash (FNV-1a).
function seedOf(query, tables) {
  const asked = new URLSearchParams(query);
  const word = asked.get("class");
  if (word !== null && word !== "") {
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(word)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return hash % tables;
  }
  const number = Number.parseInt(asked.get("seed"), 10);
  return Number.isFinite(number) ? ((number % tables) + tables) % tables : null;
}
