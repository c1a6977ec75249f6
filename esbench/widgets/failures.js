// The failures stage: crash points to click on, and five policies for one event that
// fails. It looks up, draws and moves; every verdict, order, delay and sentence stands
// in the table that Python made.

const FAILURES_CSS = `
.es-options { display: flex; flex-wrap: wrap; align-items: center; gap: .4em .5em; }
.es-options > span { color: var(--es-soft); }
.es-stage .es-options button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 600; }
.es-options button[aria-pressed="true"] kbd { color: var(--es-paper); }
.es-crashes { display: grid; grid-template-columns: minmax(8.5em, 15em) repeat(var(--es-points), minmax(5.4em, 9.4em)); gap: .35em .4em; align-items: stretch; }
.es-way { display: flex; flex-direction: column; justify-content: center; line-height: 1.25; min-width: 0; }
.es-way small { font-size: 1em; color: var(--es-soft); overflow-wrap: anywhere; }
.es-stage button.es-point { display: flex; flex-direction: column; gap: .1em; align-items: flex-start; justify-content: center; padding: .25em .5em; min-height: 3.5em; border: 2px solid var(--es-line); min-width: 0; text-align: left; }
.es-stage button.es-point:disabled { opacity: 1; }
.es-point b { display: flex; align-items: center; gap: .3em; font-variant-numeric: tabular-nums; flex-wrap: wrap; }
.es-stage button.es-point[data-verdict="lost"] { border-color: var(--es-red); }
.es-stage button.es-point[data-verdict="doubled"] { border-color: var(--es-red); background: repeating-linear-gradient(135deg, transparent 0 .5em, color-mix(in srgb, var(--es-red) 22%, transparent) .5em .8em); }
.es-stage button.es-point[data-verdict="right"] { border-color: var(--es-green); }
.es-stage button.es-point[data-verdict="asked"] { border: 3px dashed var(--es-ink); }
.es-stage button.es-point[aria-current="true"] { outline: 4px solid var(--es-ink); outline-offset: -1px; }
.es-stage:not([data-size="narrow"]) .es-point { position: relative; } .es-stage:not([data-size="narrow"]) .es-point .es-sign { position: absolute; top: .2em; right: .2em; }
.es-stage[data-size="middle"] button.es-point { padding: .25em .3em; }
.es-stage[data-size="narrow"] .es-crashes { grid-template-columns: repeat(auto-fill, minmax(6.2em, 1fr)); }
.es-stage[data-size="narrow"] .es-way { grid-column: 1 / -1; }
.es-lanes { display: grid; gap: .35em; }
.es-lane { display: grid; grid-template-columns: 9.6em minmax(0, 1fr) 23em; gap: .6em; align-items: center; border: 2px solid var(--es-line); border-radius: .4em; padding: .25em .4em; min-height: 3.1em; }
.es-lane[data-on="true"] { border-color: var(--es-ink); }
.es-stage .es-lane > button { justify-content: flex-start; white-space: nowrap; }
.es-stage .es-lane > button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 600; }
.es-lane > button[aria-pressed="true"] kbd { color: var(--es-paper); }
.es-chips { display: flex; flex-wrap: wrap; gap: .25em; min-width: 0; }
.es-chip { border-radius: .5em; padding: .05em .4em; border: 2px solid var(--es-blue); background: var(--es-blue); color: #fff; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.es-chip[data-what="failed"] { background: var(--es-paper); color: var(--es-ink); border-color: var(--es-red); }
.es-chip[data-what="parked"], .es-chip[data-what="put behind"], .es-chip[data-what="halted"] { color: var(--es-ink); border-color: var(--es-orange); background: repeating-linear-gradient(135deg, var(--es-paper) 0 .45em, color-mix(in srgb, var(--es-orange) 35%, var(--es-paper)) .45em .7em); }
.es-chip[data-what="dropped"] { background: var(--es-paper); color: var(--es-ink); border: 2px dashed var(--es-red); text-decoration: line-through; }
.es-chip[data-wrong="true"] { background: var(--es-red); border-color: var(--es-red); border-radius: .2em; color: #15181c; }
.es-chip.es-new { outline: 3px solid var(--es-ink); outline-offset: 1px; }
.es-facts { display: grid; grid-template-columns: 8.2em 3em 4.4em 2.2em 3.4em; gap: .3em; align-items: center; font-variant-numeric: tabular-nums; }
.es-facts > span { text-align: right; white-space: nowrap; }
.es-facts .es-box { border: 3px solid var(--es-ink); padding: 0 .35em; text-align: left; display: flex; gap: .35em; align-items: center; justify-content: space-between; }
.es-lanes-head { min-height: 0; border-color: transparent; padding-top: 0; padding-bottom: 0; color: var(--es-soft); }
.es-legend { color: var(--es-soft); display: flex; flex-wrap: wrap; gap: .3em .8em; align-items: center; }
.es-lane em { font-style: normal; }
.es-stage[data-size="narrow"] .es-lane { grid-template-columns: minmax(0, 1fr); }
.es-stage[data-size="narrow"] .es-lanes-head { display: none; }
.es-stage:not([data-size="narrow"]) .es-facts em { display: none; }
.es-stage[data-size="narrow"] .es-facts { display: flex; flex-wrap: wrap; gap: .2em .8em; }
.es-stage .es-mishap-ask { min-height: 4em; justify-content: center; }
.es-stage.es-full .es-mishap-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-full .es-way small { display: none; }
.es-full .es-lane { min-height: 2em; padding: .1em .3em; }
.es-full .es-legend { display: none; }
.es-full.es-stage[data-size="narrow"] .es-crashes { grid-template-columns: 9em repeat(var(--es-points), minmax(0, 1fr)); }
.es-full.es-stage[data-size="narrow"] .es-way { grid-column: auto; line-height: 1.05; }
.es-full.es-stage[data-size="narrow"] .es-point > span { line-height: 1.05; }
.es-full.es-stage[data-size="narrow"] .es-point .es-verdict { display: none; }
.es-full.es-stage[data-size="narrow"] .es-lane { grid-template-columns: 8.5em minmax(0, 1fr) 7.6em; gap: .2em; }
.es-full.es-stage[data-size="narrow"] .es-facts { display: block; }
.es-full.es-stage[data-size="narrow"] .es-facts > span:not(.es-box) { display: none; }
.es-full.es-stage[data-size="narrow"] .es-chip { padding: 0 .1em; }
.es-full.es-stage[data-size="narrow"] .es-chips { gap: .12em; }
.es-stage[data-tight="true"] button.es-point { min-height: 2.2em; padding: 0 .15em; gap: 0; line-height: 1.02; }
.es-stage[data-tight="true"] .es-crashes, .es-stage[data-tight="true"] .es-lanes { gap: .2em; } .es-stage[data-tight="true"] .es-point > span { white-space: nowrap; }
.es-stage[data-tight="true"] .es-lane > button, .es-stage[data-tight="true"] .es-options button { min-height: 1.5em; padding: 0 .3em; }
.es-stage[data-tight="true"] .es-lane { min-height: 1.8em; padding: 0 .2em; border-width: 1px; }
[data-tight="true"] .es-options > span, .es-stage[data-tight="true"] .es-title, [data-tight="true"] .es-mishap-ask .es-hint { display: none; }
.es-stage[data-tight="true"] .es-answers button { min-width: 3.5em; padding: .2em .4em; } [data-tight="true"] .es-answers { gap: .3em; }
.es-stage[data-tight="true"] .es-mishap-ask[data-done="true"] .es-answers, .es-stage[data-tight="true"] .es-mishap-ask[data-done="over"] { display: none; }
.es-stage[data-tight="true"] .es-mishap-ask { min-height: 0; } .es-stage[data-tight="true"] .es-mishap-ask .es-reason { line-height: 1.15; }
`;

const CHIPS = { // sign behind the event's name, and the word for screen readers
  handled: ["✓", "handled"], redriven: ["✓", "handled from the dead letters"], failed: ["!", "failed"],
  parked: ["P", "parked"], "put behind": ["↲", "put behind"], dropped: ["", "dropped"], halted: ["‖", "halted"],
};

function failuresSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const side = (tab = get("tab")) => table().tabs.indexOf(tab);
  const onLanes = () => side() === 1;
  const question = (tab) => table().questions[side(tab)];
  const chosen = (tab) => get("answers")[question(tab)];
  const pending = () => get("predict") && !chosen();
  const last = () => (onLanes() ? table().last[get("trouble")] : cells().length - 1);
  const cells = () => table().cells[get("handler")][get("again") ? 1 : 0];
  const place = () => clamp(get("at"), 0, last());
  const lanes = () => table().lanes[get("trouble")];
  const opening = (tab = get("tab")) => (side(tab) === 1
    ? { tab, at: 0, trouble: table().trouble, policy: table().asked[1] }
    : { tab, at: table().asked[0], handler: table().handlers[0], again: false });
  const revealed = () => ({ ...opening(), ...(onLanes() ? { at: table().last[table().trouble] } : {}) });

  function choose(frame, changes) {
    if (!get("asking")) frame.put(changes);
  }
  function numbered(frame, number) {
    if (onLanes()) return void (number <= table().policies.length && choose(frame, { policy: number - 1 }));
    if (number === 1) choose(frame, { handler: after(table().handlers, get("handler")) });
    if (number === 2) choose(frame, { again: !get("again") });
  }
  function trouble(frame, name) {
    if (onLanes()) choose(frame, { trouble: name, at: Math.min(get("at"), table().last[name]) });
  }
  return {
    label: "Failures stage: where a crash falls, and what becomes of an event that fails",
    css: FAILURES_CSS,
    stores: ["at", "tab", "handler", "again", "trouble", "policy", "asking", "answers"],
    pinned: true,
    beat: 900,
    count: last,
    reach: (to) => (pending() ? { ...opening(), asking: true } : { at: to, asking: false }),
    question() { // once it is answered, it stays as long as the stage shows what it asked about
      const isThere = Object.entries(revealed()).every(([name, value]) => get(name) === value);
      if (!get("asking") && !(chosen() && isThere)) return null;
      const answers = [...lettersOf(model)[side()][0]].map((at, slot) => [LETTERS[slot], ...table().answers[side()][Number(at)]]);
      return { id: question(), answers, chosen: chosen(), hint: onLanes() ? "Choose an answer: then the five lanes are yours." : "Choose an answer: then every crash point opens." };
    },
    hint: () => (onLanes() ? "← and → go from try to try; 1 to 5 choose a policy, M what is wrong with e1." : "Click on a crash point, or press ← and →; 1 changes the handler, 2 delivers once more."),
    answered: () => ({ ...revealed(), asking: false }),
    first: () => ({ ...opening(), asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => (on && !chosen() ? { ...opening(), asking: true } : { asking: false }),
    tabs: () => table().tabs.map((one) => [one, one]),
    turn: (name) => ({ ...opening(name), asking: Boolean(get("predict")) && !chosen(name) }),
    words() {
      const now = onLanes() ? lanes()[get("policy")] : cells()[place()];
      const said = onLanes() ? now.said[Math.min(place(), now.said.length - 1)] : now[4];
      return {
        title: onLanes() ? "queue: e1 f1 e2 f2 e3" : "one deposit of 100",
        place: onLanes() ? `step ${place()} of ${last()}` : `cell ${place() + 1} of ${last() + 1}`,
        finding: get("asking") ? question() : said, python: onLanes() ? now.python : now[5],
      };
    },
    keys: {
      ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [number, (frame) => numbered(frame, number)])),
      m: (frame) => trouble(frame, after(table().troubles, get("trouble"))),
    },
    draw(frame) {
      const view = { frame, now: table(), at: place(), asking: get("asking"), get, choose, trouble, cells: cells(), lanes: lanes() };
      frame.ask.classList.add("es-mishap-ask");
      frame.ask.dataset.done = frame.ask.querySelector("button") ? String(!get("asking")) : "over";
      frame.picture.replaceChildren(...(onLanes() ? drawPoison(view) : drawCrashes(view)), frame.ask);
    },
  };
}

const after = (list, one) => list[(list.indexOf(one) + 1) % list.length];

const option = (name, on, disabled, hint, onclick) =>
  make("button", { type: "button", disabled, "aria-pressed": String(on), "data-key": `option ${name}`, onclick }, hint ? key(hint) : null, name);

function drawCrashes({ frame, now, at, asking, get, choose, cells }) {
  const next = after(now.handlers, get("handler"));
  const options = make("div", { class: "es-options", role: "group", "aria-label": "What is delivered to whom" },
    make("span", null, "the handler"), now.handlers.map((one) => option(one, one === get("handler"), asking, one === next ? 1 : null, () => choose(frame, { handler: one }))),
    make("span", null, "delivery"), option("delivered once more", get("again"), asking, 2, () => choose(frame, { again: !get("again") })));
  const most = Math.max(...now.ways.map((_, way) => cells.filter((one) => one[0] === way).length));
  const grid = make("div", { class: "es-crashes", style: `--es-points:${most}`, role: "group", "aria-label": "Crash points" });
  now.ways.forEach(([name, steps], way) => {
    grid.append(make("div", { class: "es-way", style: "grid-column-start: 1" }, make("b", null, name), make("small", null, steps)));
    cells.forEach((cell, place) => { if (cell[0] === way) grid.append(drawPoint({ frame, now, at, asking, get }, cell, place)); });
  });
  return [options, grid];
}

function drawPoint({ frame, at, asking }, cell, place) {
  const [, crash, state, verdict] = cell;
  const isAsked = asking && place === at;
  const shown = asking ? (isAsked ? "asked" : "") : verdict;
  const told = asking ? (isAsked ? "asked about" : "not shown yet") : `${state}, ${verdict}`;
  return make("button", { type: "button", class: "es-point", disabled: asking, "data-verdict": shown, "data-key": `point ${place}`, "aria-current": place === at ? "true" : null,
    "aria-label": `${crash}: ${told}`, onclick: () => frame.go(place) },
  make("span", null, crash), make("b", null, asking ? "?" : state, asking ? null : sign(verdict === "right"), asking ? null : make("span", { class: "es-verdict" }, verdict)));
}

function drawPoison({ frame, now, at, asking, get, choose, trouble, lanes }) {
  const next = after(now.troubles, get("trouble"));
  const options = make("div", { class: "es-options", role: "group", "aria-label": "What is wrong with e1" },
    make("span", null, "e1"), now.troubles.map((one) => option(one, one === get("trouble"), asking, one === next ? "M" : null, () => trouble(frame, one))));
  const head = make("div", { class: "es-lane es-lanes-head", "aria-hidden": "true" }, make("span", null, "policy"), make("span", null, "tries, one after the other"),
    make("div", { class: "es-facts" }, make("span", { style: "text-align:left" }, "the video"), ...["order", "delay", "left", "alerts"].map((one) => make("span", null, one))));
  const rows = lanes.map((lane, number) => drawLane({ frame, now, at, asking, get, choose }, lane, number));
  const legend = make("div", { class: "es-legend" }, "✓ handled", "! failed", "P parked", "↲ put behind", "‖ halted", "✕ handled out of order", "order: how many of these", "left: not handled");
  legend.replaceChildren(...[...legend.childNodes].map((one) => make("span", null, one.data)));
  return [options, make("div", { class: "es-lanes" }, head, rows), legend];
}

function drawLane({ frame, now, at, asking, get, choose }, lane, number) {
  const on = number === get("policy");
  const done = !asking && at >= lane.chips.length;
  const chips = asking ? [] : lane.chips.slice(0, at);
  const status = chips.length ? chips[chips.length - 1][4] : "nothing";
  const names = ["out of order", "delay", "not handled", "alerts"];
  return make("div", { class: "es-lane", "data-on": String(on), role: "group", "aria-label": `${now.policies[number]}${done ? `: ${lane.summary}` : ""}` },
    make("button", { type: "button", disabled: asking, "aria-pressed": String(on), "data-key": `policy ${number}`, onclick: () => choose(frame, { policy: number }) }, key(number + 1), now.policies[number]),
    make("div", { class: "es-chips" }, asking ? make("span", { class: "es-dim" }, "?") : chips.map((chip, place) => drawChip(chip, place === at - 1))),
    make("div", { class: "es-facts" }, make("span", { class: "es-box" }, asking ? "?" : status, done ? sign(lane.right) : null),
      lane.facts.map((fact, slot) => make("span", null, make("em", null, `${names[slot]} `), done ? fact : "…"))));
}

function drawChip([name, what, when, wrong], isNew) {
  const [mark, word] = CHIPS[what];
  const told = `${name} ${word}${wrong ? ", out of order" : ""}, at ${when}`;
  return make("span", { class: `es-chip${isNew ? " es-new" : ""}`, "data-what": what, "data-wrong": String(wrong), role: "img", "aria-label": told, title: told }, `${name}${wrong ? "✕" : mark}`);
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: failuresSpec(model) }));

export default { render };
