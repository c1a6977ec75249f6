// The hydration stage: tape, machine, staircase. It looks up, draws and moves;
// every number, sentence and outcome stands in the table that Python made.

const HYDRATION_CSS = `
.es-tape { display: flex; gap: .8em; align-items: stretch; min-width: 0; }
.es-more { flex: none; align-self: center; color: var(--es-soft); width: 4.2em; text-align: center; line-height: 1.2; }
.es-col { flex: 1 1 0; min-width: 0; max-width: 30em; display: flex; flex-direction: column; gap: .3em; position: relative; padding-top: .85em; }
.es-head-mark { position: absolute; top: 0; left: 50%; margin-left: -.6em; width: 0; height: 0; border: .6em solid transparent; border-top: .75em solid var(--es-ink); border-bottom: 0; }
.es-stage button.es-card, .es-card { position: relative; display: flex; flex-direction: column; align-items: stretch; justify-content: flex-start; gap: 0; width: 100%; text-align: left; background: var(--es-blue); color: #fff;
  border: 2px solid var(--es-blue); border-radius: .7em; padding: .45em .7em .5em; min-height: 6.3em; line-height: 1.3; overflow: hidden; }
.es-stage button.es-card:hover:not(:disabled) { background: var(--es-blue); border-color: var(--es-ink); }
.es-card b { padding-right: 1.7em; font-weight: 650; }
.es-card b, .es-card span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-card em { position: absolute; right: .45em; top: .4em; font-style: normal; font-weight: 700; min-width: 1.5em; text-align: center;
  background: #fff; color: #00507d; border-radius: .35em; padding: 0 .3em; line-height: 1.3; }
.es-full .es-card em { top: .2em; line-height: 1.2; }
.es-stage button.es-correction, .es-correction { background: var(--es-purple); border-color: var(--es-purple); color: #15181c; }
.es-stage button.es-correction:hover:not(:disabled) { background: var(--es-purple); }
.es-late { box-shadow: inset 0 -.45em 0 0 var(--es-orange); }
.es-hatch { position: absolute; left: 0; right: 0; bottom: 0; height: .5em; background: repeating-linear-gradient(135deg, var(--es-orange) 0 .35em, #15181c .35em .55em); }
.es-past .es-card { opacity: .6; }
.es-now .es-card { outline: 3px solid var(--es-ink); outline-offset: 2px; }
.es-ifs { display: flex; gap: .3em; min-height: 2.15em; }
[data-size="narrow"] .es-arrow { display: none; } [data-size="narrow"] .es-ifs { gap: .15em; }
.es-stage[data-size="narrow"] .es-ifs button { padding: .15em; gap: .2em; }
.es-stage .es-ifs button { min-width: 0; overflow: hidden; white-space: nowrap; border-color: var(--es-soft); flex: 1 1 auto; padding: .2em .15em; border-style: dashed; gap: .25em; }
.es-stage .es-ifs button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); }
.es-ifs button[aria-pressed="true"] kbd { color: var(--es-paper); }
.es-machine { display: grid; grid-template-columns: minmax(0, 1.15fr) minmax(25.5em, 1fr); gap: .5em .6em; align-items: center; }
.es-full .es-machine { gap: .3em .6em; } .es-full .es-flow { grid-template-columns: minmax(0, 1fr) 1.2em minmax(0, 1.62fr) 1.4em minmax(0, 1fr); }
.es-flow { display: grid; grid-template-columns: minmax(0, 1fr) 1.2em minmax(0, 1.38fr) 1.4em minmax(0, 1fr); gap: .1em .3em; align-items: center; }
.es-caption { color: var(--es-soft); align-self: end; }
.es-glyph { font-size: 1.6em; text-align: center; line-height: 1; color: var(--es-soft); }
.es-state { border: 4px solid var(--es-ink); border-radius: 0; padding: .2em .6em; height: 6.3em; line-height: 1.25; min-width: 0; overflow: hidden; display: flex; flex-direction: column; justify-content: center; }
.es-state.es-unknown { border: 3px dashed var(--es-soft); align-items: center; color: var(--es-soft); }
.es-state .es-big { font-size: 1.7em; font-weight: 700; line-height: 1.15; font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-state .es-big.es-long { font-size: 1.25em; }
.es-state .es-big.es-longer, .es-full .es-state .es-big.es-longer { font-size: 1.05em; }
.es-state.es-unknown .es-big { font-size: 2.4em; color: var(--es-ink); }
.es-state div { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-state small { font-size: 1em; color: var(--es-soft); }
.es-slot { border: 2px dashed var(--es-line); border-radius: .7em; height: 6.3em; display: flex; }
.es-full .es-card, .es-full button.es-card, .es-full .es-state, .es-full .es-slot { height: 5.5em; min-height: 0; line-height: 1.2; padding-top: .25em; padding-bottom: .2em; }
.es-full .es-ifs, .es-full .es-ifs button { min-height: 1.8em; }
.es-slot.es-filled { border: 0; }
.es-drop { animation: es-drop .38s cubic-bezier(.3, .9, .4, 1); }
.es-grow { animation: es-grow .4s ease-out; }
@keyframes es-drop { from { transform: translateY(-5em); opacity: .3; } }
@keyframes es-grow { from { transform: scale(.86); opacity: .2; } }
@keyframes es-rise { from { stroke-dashoffset: 1; } to { stroke-dashoffset: 0; } }
.es-rise { stroke-dasharray: 1; animation: es-rise .5s ease-out; }
.es-arms { align-self: center; font: 1em/1.4 var(--es-mono); min-width: 0; overflow: hidden; padding-top: 0; }
.es-full .es-arms { line-height: 1.25; }
.es-arms div { white-space: pre-wrap; overflow-wrap: anywhere; padding: 0 .2em 0 2.5em; text-indent: -1em; border-radius: .3em; position: relative; }
.es-arms div.es-lit { background: color-mix(in srgb, var(--es-blue) 22%, transparent); font-weight: 700; }
.es-arms div.es-lit::before { content: "▶\\FE0E"; position: absolute; left: .3em; text-indent: 0; color: var(--es-blue); }
.es-arms i { font-style: normal; color: var(--es-soft); }
.es-arms .es-lit i { color: inherit; }
.es-machine .es-ask { grid-column: 1 / -1; min-height: 4em; justify-content: center; }
.es-full .es-machine .es-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; gap: 1em; }
.es-full .es-state { line-height: 1.1; padding: 0 .5em; border-width: 5px; } .es-full .es-state .es-big { font-size: 1.5em; line-height: 1.1; } .es-full .es-state .es-big.es-long { font-size: 1.2em; }
.es-full .es-caption { line-height: 1.1; }
.es-full .es-stairs-room { flex: 1 1 7em; min-height: 7em; overflow: hidden; }
.es-stage[data-tight="true"] .es-flow { grid-template-columns: 7.5em 1em minmax(0, 1fr) 1em 7.5em; gap: .1em .2em; } .es-stage[data-tight="true"] .es-state { padding: 0 .25em; border-width: 3px; } .es-stage[data-tight="true"] .es-big.es-longer { font-size: 1em; }
.es-stage[data-tight="true"] .es-answers button { min-width: 0; padding: .3em .4em; } [data-tight="true"] .es-answers { gap: .3em; } [data-tight="true"] .es-reason .es-sign, [data-tight="true"] .es-answers button:disabled kbd { display: none; }
[data-tight="true"] .es-picture { display: grid; grid-template-columns: 31em minmax(0, 1fr); gap: .3em .6em; align-content: start; }
[data-tight="true"] .es-tape, [data-tight="true"] .es-machine .es-ask { grid-column: 1 / -1; }
[data-tight="true"] .es-machine { display: contents; }
[data-tight="true"] .es-arms { grid-column: 1 / -1; min-height: 1.3em; } [data-tight="true"] .es-arms div:not(.es-lit) { display: none; }
[data-tight="true"] .es-answers .es-idle { display: none; } [data-tight="true"] .es-answers:not([hidden]) + .es-hint { display: none; }
[data-tight="true"] .es-stairs-room { grid-row: 2; grid-column: 2; min-height: 6.6em; height: 6.6em; }
[data-tight="true"] .es-machine .es-ask { flex-wrap: wrap; gap: .2em .6em; order: 0; }
.es-stage[data-tight="true"] .es-tape .es-card { height: 3em; } [data-tight="true"] .es-tape .es-card span + span { display: none; }
[data-tight="true"] .es-ifs:empty { display: none; }
.es-stairs { display: block; width: 100%; cursor: pointer; touch-action: none; }
[data-size="middle"] .es-flow { grid-template-columns: minmax(0, 1fr) 1.1em minmax(0, 1.62fr) 1.3em minmax(0, 1fr); }
[data-size="middle"] .es-machine { grid-template-columns: minmax(0, 1.48fr) minmax(20em, 1fr); } [data-size="middle"] .es-case { display: none; }
[data-size="narrow"] .es-machine { grid-template-columns: minmax(0, 1fr); }
[data-size="narrow"] .es-machine .es-ask { order: 2; } [data-size="narrow"] .es-arms { order: 3; }
`;

function hydrationSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const story = () => table().tabs.find((one) => one.name === get("tab")) || table().tabs[0];
  const lanes = {}; // where each tab was left
  const reached = {};
  const idOf = (place) => `${story().name} ${place + 1}`;
  const chosenAt = (place) => get("answers")[idOf(place)];

  function done() {
    const now = story();
    reached[now.name] = Math.max(reached[now.name] || 0, get("at"));
    return reached[now.name] >= now.cards.length;
  }
  function questionAt(place) {
    const now = story();
    const order = lettersOf(model)[table().tabs.indexOf(now)][place];
    const answers = [...order].map((at, slot) => [LETTERS[slot], ...now.answers[place][Number(at)]]);
    return { id: idOf(place), answers, chosen: chosenAt(place), hint: "Choose an answer: the step is shown then." };
  }
  function words() {
    const now = story();
    const at = get("at");
    const held = now.what_ifs[get("what_if")];
    const place = get("asking") ? `event ${at + 1} of ${now.cards.length}: ?` : `event ${at} of ${now.cards.length}`;
    if (get("asking")) return { title: now.title, place, finding: now.asks[at], python: now.python[at] };
    if (held && done()) return { title: now.title, place, finding: held.finding, python: held.python };
    return { title: now.title, place, finding: now.findings[at], python: now.python[at] };
  }
  function whatIf(frame, kind, place) {
    const name = `${kind} ${place}`;
    if (!done() || get("asking") || !story().what_ifs[name]) return;
    frame.deed({ what_if: get("what_if") === name ? "" : name });
  }
  const press = (kind) => (frame) => whatIf(frame, kind, get("at"));

  return {
    label: "Hydration stage: the events of one aggregate become its state",
    css: HYDRATION_CSS,
    stores: ["tab", "at", "asking", "what_if", "answers"],
    count: () => story().cards.length,
    reach(to) {
      const at = get("at");
      if (to > at && get("predict")) {
        for (let place = at; place < to; place += 1) if (!chosenAt(place)) return { at: place, asking: true };
      }
      return { at: to, asking: false };
    },
    question() {
      const at = get("at");
      if (get("asking")) return questionAt(at);
      if (done() && story().what_ifs[get("what_if")]) return null; // another story is told now
      return at > 0 && chosenAt(at - 1) ? questionAt(at - 1) : null;
    },
    answered: () => ({ at: get("at") + 1, asking: false }),
    hint: () => (get("at") === 0 ? "Step drops the first card into the machine." : done() ? "What if? Skip, double or swap a card of the tape." : ""),
    first() {
      for (const name of Object.keys(reached)) delete reached[name]; // what lies ahead is hidden again
      return { at: 0, asking: false, what_if: "", answers: {} };
    },
    predict: () => ({ asking: false }),
    tabs: () => table().tabs.map((one) => [one.name, one.name]),
    turn(name) {
      lanes[get("tab")] = { at: get("at"), asking: get("asking"), what_if: get("what_if") };
      return { tab: name, at: 0, asking: false, what_if: "", ...lanes[name] };
    },
    words,
    keys: { 1: press("skip"), 2: press("double"), 3: press("swap") },
    draw(frame) {
      const now = story();
      const view = { frame, now, at: get("at"), asking: get("asking"), done: done(), held: get("what_if"), whatIf };
      const room = make("div", { class: "es-stairs-room" });
      frame.picture.replaceChildren(drawTape(view), drawMachine(view), room);
      const tall = frame.full() ? room.clientHeight : 11 * frame.em;
      room.append(drawStairs(view, room.clientWidth || frame.width, tall));
    },
  };
}

function cardFace([type, version, fields, when, mark]) {
  const name = { correction: "correction ◆", late: "late" }[mark];
  return [
    make("b", null, type), make("em", null, version),
    fields.slice(0, 2).map(([field, value]) => make("span", { title: `${field} ${value}` }, `${field} ${value}`)),
    make("span", null, name ? `${when}, ${name}` : when),
    mark === "late" ? make("i", { class: "es-hatch" }) : null,
  ];
}

const cardClass = (mark) => `es-card ${mark ? `es-${mark}` : ""}`;

function drawTape({ frame, now, at, asking, done, held, whatIf }) {
  const total = now.cards.length;
  const cards = (less) => clamp(Math.floor((frame.width / frame.em + 0.8 - less) / (frame.root.dataset.tight === "true" ? 13.9 : 14.9)), 1, 6);
  const cut = total > cards(0);
  const shown = cut ? cards(10) : total;
  const current = asking ? at : at - 1; // index of the card under the playhead
  const first = cut ? clamp(current - Math.floor(shown / 2), 0, total - shown) : 0;
  const tape = make("div", { class: "es-tape", role: "group", "aria-label": "Tape" });
  if (cut) tape.append(make("div", { class: "es-more" }, first ? `← ${first} before` : ""));
  for (let index = first; index < first + shown; index += 1) {
    const card = now.cards[index];
    const say = `Event ${card[1]}, ${card[0]}, ${card[2].map((pair) => pair.join(" ")).join(", ")}, ${card[3]}`;
    const column = make("div", { class: `es-col ${index < current ? "es-past" : ""} ${index === current ? "es-now" : ""}` },
      index === current ? make("i", { class: "es-head-mark" }) : null,
      make("button", { type: "button", class: cardClass(card[4]), "aria-label": say, "data-key": `card ${index}`,
        "aria-current": index === current ? "step" : null, onclick: () => { frame.stop(); frame.go(index + 1); } }, cardFace(card)),
      make("div", { class: "es-ifs", role: "group", "aria-label": `What if, event ${index + 1}` },
        done && !asking ? ["skip", "double", "swap"].map((kind, number) => {
          const name = `${kind} ${index + 1}`;
          if (!now.what_ifs[name]) return null;
          return make("button", { type: "button", "aria-pressed": String(held === name), "data-key": name,
            "aria-label": kind === "swap" ? `What if: swap event ${index + 1} with the next` : `What if: ${kind} event ${index + 1}`,
            onclick: () => whatIf(frame, kind, index + 1) }, index === current ? key(number + 1) : null, kind, kind === "swap" ? make("span", { class: "es-arrow" }, "→") : null);
        }) : null));
    tape.append(column);
  }
  if (cut) tape.append(make("div", { class: "es-more" }, first + shown < total ? `${total - first - shown} after →` : ""));
  return tape;
}

function stateBox(now, place, fresh) {
  const fields = now.states[place];
  if (!fields.length) return make("div", { class: "es-state es-unknown" }, make("div", null, "nothing yet"));
  const big = fields.find(([name]) => name === now.measure) || fields[0];
  return make("div", { class: `es-state ${fresh ? "es-grow" : ""}` },
    make("small", null, big[0]), make("div", { class: `es-big ${big[1].length > 9 ? "es-longer" : big[1].length > 7 ? "es-long" : ""}`, title: big[1] }, big[1]),
    fields.filter((pair) => pair !== big).slice(0, 3).map(([name, value]) => make("div", { title: value }, make("small", null, `${name} `), value)));
}

function drawMachine({ frame, now, at, asking }) {
  const place = asking ? at : at - 1; // the event in the slot
  const moved = frame.moved > 0;
  const card = now.cards[place];
  const lit = asking || place < 0 ? -1 : now.fires[place];
  const caption = (text) => make("div", { class: "es-caption" }, text);
  const unknown = make("div", { class: "es-state es-unknown" }, asking ? make("div", { class: "es-big" }, "?") : null);
  const flow = make("div", { class: "es-flow" },
    caption("state before"), make("span"), caption("event"), make("span"), caption("state after"),
    stateBox(now, Math.max(place, 0), false),
    make("div", { class: "es-glyph", "aria-hidden": "true" }, "+"),
    make("div", { class: `es-slot ${card ? "es-filled" : ""}` }, card ? make("div", { class: `${cardClass(card[4])} ${moved && (asking || !frame.get("predict")) ? "es-drop" : ""}` }, cardFace(card)) : null),
    make("div", { class: "es-glyph", "aria-hidden": "true" }, "→"),
    asking || !card ? unknown : stateBox(now, place + 1, moved));
  const arms = make("div", { class: "es-arms", role: "group", "aria-label": "The arms of the match" }, make("div", null, "match event:"),
    now.arms.map(([pattern, effect], index) => make("div", { class: index === lit ? "es-lit" : "", "aria-current": index === lit ? "true" : null, title: `${pattern} ${effect}` },
      make("span", { class: "es-case" }, "case "), `${pattern}: `, make("i", null, effect))));
  return make("div", { class: "es-machine" }, flow, arms, frame.ask);
}

// The values of a what-if, one list a slot: those that differ, then the rest of
// the real ones, moved by a constant.
function slotsOf(now, whatIf) {
  return now.cards.map((_, slot) => {
    if (slot < whatIf.from) return [[now.values[slot + 1], null]];
    if (slot - whatIf.from < whatIf.slots.length) return whatIf.slots[slot - whatIf.from];
    return [[now.values[slot + 1] + whatIf.shift, null]];
  });
}

function drawStairs({ frame, now, at, asking, done, held }, width, tall) {
  const { em } = frame;
  const total = now.cards.length;
  const whatIf = done && !asking ? now.what_ifs[held] : null;
  const dashed = whatIf ? slotsOf(now, whatIf) : [];
  const top = 2.4 * em;
  const bottom = tall - 1.7 * em;
  const heights = [...now.values, ...dashed.flat().map(([value]) => value), Math.max(now.levels.length - 1, 0), 0];
  const ticks = now.levels.length ? now.levels.map((_, index) => index) : niceTicks(Math.min(...heights), Math.max(...heights), clamp(Math.floor((bottom - top) / (1.9 * em)), 2, 4));
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const names = ticks.map((tick) => (now.levels.length ? now.levels[tick] : String(Number(tick.toFixed(2)))));
  const left = (Math.max(...names.map((name) => name.length), 3) * 0.6 + 1.2) * em;
  const cramped = width < 24 * em;
  const right = width - (!whatIf ? 1 : cramped ? 2.4 : 8.2) * em;
  const wide = (right - left) / total;
  const x = (slot) => left + slot * wide + Math.min(wide * 0.12, 1.4 * em);
  const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
  const picture = draw("svg", { class: "es-stairs", "data-scrub": true, width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `Staircase: ${now.caption}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  add("text", { x: 0, y: 1.05 * em, class: "es-dim" }, now.caption);
  const crowded = now.levels.length > 0 && (bottom - top) / Math.max(ticks.length - 1, 1) < 1.1 * em;
  ticks.forEach((tick, index) => {
    add("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--es-line)", "stroke-width": 1 });
    if (crowded && tick !== now.values[at]) return; // names that would overlap: the one reached stays
    add("text", { x: left - 0.6 * em, y: y(tick) + 0.35 * em, "text-anchor": "end", class: "es-dim" }, names[index]);
  });
  const every = Math.ceil(((Math.max(...now.days.map((day) => day.length)) * 0.6 + 1) * em) / wide);
  for (let slot = 0; slot < total; slot += every) {
    add("text", { x: x(slot), y: tall - 0.35 * em, "text-anchor": "middle", class: slot < at ? "" : "es-dim" }, now.days[slot]);
  }
  const known = done && !asking ? total : at; // how far the real staircase has grown
  const flat = (from, to) => {
    let path = "";
    for (let slot = from; slot < to; slot += 1) {
      const end = slot + 1 < total ? x(slot + 1) : right;
      path += `M${x(slot)} ${y(now.values[slot + 1])}H${end}`;
    }
    return path;
  };
  const riser = (slot) => `M${x(slot)} ${y(slot ? now.values[slot] : Math.max(low, 0))}V${y(now.values[slot + 1])}`;
  const risers = (from, to) => Array.from({ length: to - from }, (_, index) => riser(from + index)).join("");
  const thick = wide < em ? 2 : 4;
  const line = (path, colour, extra) => path && add("path", { d: path, fill: "none", stroke: colour, "stroke-width": thick, "stroke-linecap": "square", ...extra });
  line(flat(at, known), "var(--es-ink)", { opacity: 0.35 });
  line(risers(at, known), "var(--es-blue)", { opacity: 0.35 });
  line(flat(0, at), "var(--es-ink)");
  line(risers(0, at), "var(--es-blue)");
  if (frame.moved > 0 && !asking && at > 0) line(riser(at - 1), "var(--es-blue)", { pathLength: 1, class: "es-rise", "stroke-width": thick + 3 });
  now.cards.forEach((card, slot) => {
    if (slot >= known) return;
    if (card[4] === "correction") add("path", { d: `M${x(slot)} ${y(now.values[slot + 1]) - 0.5 * em}l${0.5 * em} ${0.5 * em}l${-0.5 * em} ${0.5 * em}l${-0.5 * em} ${-0.5 * em}z`, fill: "var(--es-purple)", stroke: "var(--es-ink)" });
  });
  const label = (slot) => add("text", { class: "es-label", x: x(slot) + 0.5 * em, y: y(now.values[slot + 1]) - 0.45 * em, "font-weight": 700, opacity: slot < at ? 1 : 0.5 }, now.texts[slot + 1]);
  if (wide > 6 * em && !now.levels.length) for (let slot = 0; slot < known; slot += 1) label(slot);
  else if (at > 0 && !now.levels.length) label(at - 1);
  if (asking) add("text", { x: x(at) + wide * 0.4, y: (top + bottom) / 2 + 0.6 * em, "font-size": `${2 * em}px`, "font-weight": 700, class: "es-dim" }, "?");
  if (whatIf) drawWhatIf({ add, now, whatIf, dashed, x, y, em, wide, right, thick, total, low, cramped });
  const head = asking ? at : at - 1;
  if (head >= 0) {
    add("path", { d: `M${x(head)} ${1.7 * em}V${bottom}`, stroke: "var(--es-soft)", "stroke-width": 1.5, "stroke-dasharray": "2 4" });
    add("path", { d: `M${x(head) - 0.45 * em} ${1.45 * em}h${0.9 * em}l${-0.45 * em} ${0.6 * em}z`, fill: "var(--es-ink)" });
  }
  scrubOn(picture, frame, (offset) => Math.floor((offset - left) / wide) + 1);
  return picture;
}

function drawWhatIf({ add, now, whatIf, dashed, x, y, em, wide, right, thick, total, low, cramped }) {
  const slots = dashed.length;
  const first = Math.min(whatIf.from, slots - 1);
  const joins = whatIf.shift === 0 ? whatIf.from + whatIf.slots.length : slots; // from here on it is the real one
  let last = first ? now.values[first] : Math.max(low, 0);
  let path = `M${x(first)} ${y(last)}`;
  const marks = [];
  for (let slot = first; slot < joins; slot += 1) {
    const end = slot + 1 < total ? x(slot + 1) : right;
    dashed[slot].forEach(([value, text], part) => {
      const at = x(slot) + (part * (end - x(slot))) / dashed[slot].length;
      path += `H${at}V${y(value)}`;
      if (text !== null) marks.push([at, value, text]);
      last = value;
    });
    path += `H${end}`;
  }
  if (joins < slots) {
    path += `V${y(dashed[joins][0][0])}`;
    last = now.values[total];
  }
  add("path", { d: path, fill: "none", stroke: "var(--es-ink)", "stroke-width": Math.max(thick - 1, 2), "stroke-dasharray": `${0.5 * em} ${0.35 * em}`, class: "es-dashed" });
  const side = 0.55 * em;
  const middle = [right + 1.2 * em, y(last)];
  const colour = whatIf.same ? "var(--es-green)" : "var(--es-red)";
  if (whatIf.same) add("circle", { cx: middle[0], cy: middle[1], r: side * 1.15, fill: colour });
  else add("rect", { x: middle[0] - side * 1.1, y: middle[1] - side * 1.1, width: side * 2.2, height: side * 2.2, rx: 3, fill: colour });
  add("text", { x: middle[0], y: middle[1] + 0.36 * em, "text-anchor": "middle", "font-weight": 700, style: "fill:#fff" }, whatIf.same ? "✓" : "✕");
  if (!cramped) add("text", { x: middle[0] + 1 * em, y: middle[1] + 0.35 * em, "font-weight": 700 }, whatIf.end);
  if (wide > 7 * em && !now.levels.length) {
    for (const [at, value, text] of marks) add("text", { class: "es-label", x: at + 0.5 * em, y: y(value) + 1.25 * em, "font-style": "italic" }, text);
  }
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: hydrationSpec(model) }));

export default { render };
