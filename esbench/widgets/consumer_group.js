// The consumer group stage: members as cards, partitions as rows, time to the right.
// It looks up, draws and moves; owners, marks, lags and sentences stand in the runs
// that Python made, one for each script of what happens.

const GROUP_CSS = `
.es-members { display: grid; grid-template-columns: repeat(4, 1fr); gap: .6em; }
.es-stage .es-member { display: flex; flex-direction: column; align-items: flex-start; justify-content: flex-start; gap: .1em; border: 2px solid var(--es-line); border-radius: .2em; padding: .3em .6em; text-align: left; min-width: 0; }
.es-stage .es-member[aria-pressed="true"] { border: 4px solid var(--es-ink); padding: calc(.3em - 2px) calc(.6em - 2px); }
.es-member b { display: flex; gap: .5em; align-items: center; }
.es-member i { font-style: normal; font-weight: 400; }
.es-member span { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.es-stage .es-member .es-mistaken { background: repeating-linear-gradient(135deg, transparent 0 .5em, color-mix(in srgb, var(--es-orange) 45%, transparent) .5em .8em); font-weight: 600; padding: 0 .25em; margin-left: -.25em; }
.es-stage .es-member[data-state="not here"], .es-stage .es-member[data-state="crashed"] { border-style: dashed; color: var(--es-soft); }
.es-deeds { display: flex; flex-wrap: wrap; align-items: center; gap: .4em .5em; }
.es-deeds .es-script { color: var(--es-soft); }
.es-tallies { display: flex; flex-wrap: wrap; gap: .2em 1.4em; }
.es-tallies span { display: inline-flex; gap: .45em; align-items: center; white-space: nowrap; }
.es-tallies b { font-variant-numeric: tabular-nums; }
.es-tallies svg { width: 1.2em; height: 1em; flex: none; }
.es-rows { display: block; width: 100%; touch-action: none; cursor: ew-resize; }
.es-full .es-rows-room { flex: 1 1 12em; min-height: 12em; overflow: hidden; }
.es-stage .es-group-ask { min-height: 4em; justify-content: center; }
.es-stage.es-full .es-group-ask { min-height: 0; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-stage.es-full .es-group-ask[data-done="true"] .es-answers { display: none; }
.es-stage[data-size="narrow"] .es-members { grid-template-columns: repeat(2, 1fr); }
.es-full .es-member { padding: .05em .4em; } .es-stage.es-full .es-member[aria-pressed="true"] { padding: calc(.05em - 2px) calc(.4em - 2px); }
.es-full .es-deeds button { min-height: 1.6em; padding: .05em .4em; }
.es-full[data-size="narrow"] .es-members { grid-template-columns: repeat(4, 1fr); gap: .3em; }
.es-stage[data-tight="true"] .es-rows-room { flex-basis: 10.6em; min-height: 10.6em; }
[data-tight="true"] .es-member kbd, [data-tight="true"] .es-member[data-state="awake"] i, [data-tight="true"] .es-member span i { display: none; }
.es-stage[data-tight="true"] .es-member { flex-direction: row; align-items: center; gap: .4em; white-space: nowrap; min-height: 0; overflow: hidden; }
.es-stage[data-tight="true"]:has(.es-members) .es-title, [data-tight="true"]:has(.es-members) [role="tab"] kbd { display: none; }
[data-tight="true"] .es-tallies, [data-tight="true"] .es-script { display: none; }
[data-tight="true"] .es-deeds { flex-wrap: nowrap; } .es-stage[data-tight="true"] .es-deeds kbd { display: none; }
.es-stage[data-tight="true"] .es-deeds[data-asking="true"], [data-tight="true"] .es-group-ask .es-answers:not([hidden]) + .es-hint { display: none; }
.es-stage[data-tight="true"] .es-group-ask .es-answers button { min-width: 3.5em; padding: .2em .4em; min-height: 1.5em; }
`;

const DOES = { join: ["J", "Join"], leave: ["L", "Leave"], crash: ["C", "Crash"], sleep: ["S", "Sleep"] };
const SHADES = ["#56B4E9", "#F0E442", "#999999", "#ffffff"]; // of members; each bar is named as well
const TOLD = { stale: "written by a lost owner", refused: "refused by the fence", again: "read again", flight: "in flight" };

function groupSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const inKafka = () => get("tab") === table().kafka; // a record: nothing more can happen
  const keyFor = (script) => inKafka() ? `${table().kafka}|open|` : `${get("tab")}|${get("fenced") ? "fenced" : "open"}|${script.map((one) => one.join(" ")).join(",")}`;
  const has = (script) => keyFor(script) in table().runs;
  const alone = () => table().most === 1; // a page: no kernel to ask
  let seen = null; // the run at hand, also while another one is on its way
  let coded = null; // as it stands in the table
  function run() {
    const found = table().shown[table().runs[keyFor(get("script"))]];
    if (found && found !== coded) [seen, coded] = [readRun(found, table()), found];
    return seen;
  }
  const at = () => clamp(get("at"), 0, run().ticks);
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const isOpening = () => JSON.stringify([get("tab"), get("fenced"), get("script")]) === JSON.stringify(table().opening);
  const pending = () => question() && get("predict") && !chosen() && isOpening();
  const gate = () => table().asked - 1;
  const reach = (to) => (pending() && to > gate() ? { at: gate(), asking: true } : { at: to, asking: false });

  const moment = () => table().moments.find((one) => one > at()) || null;
  function allowed(verb) {
    const one = get("member");
    const when = moment();
    if (inKafka() || get("asking") || when === null || when > run().ticks) return null;
    if (!table().may[stateOf(run(), one, at())].includes(verb)) return null;
    const next = order([...get("script"), [verb, table().members[one], when]]);
    if (alone() ? !has(next) : next.length > table().most) return null;
    return { next, when };
  }
  function happen(frame, verb) {
    const one = allowed(verb);
    if (!one) return;
    frame.stop();
    frame.deed({ script: one.next, at: one.when, asking: false });
  }
  function choose(frame, number) {
    if (!get("asking")) frame.put({ member: number });
  }
  function guard(frame) {
    if (get("asking") || inKafka()) return;
    frame.stop();
    frame.deed({ fenced: !get("fenced") });
  }
  const keys = { g: guard };
  [0, 1, 2, 3].forEach((number) => { keys[number + 1] = (frame) => number < table().members.length && choose(frame, number); });
  for (const [verb, [letter]] of Object.entries(DOES)) keys[letter.toLowerCase()] = (frame) => happen(frame, verb);

  return {
    label: "Consumer group stage: who owns which partition, and who writes",
    css: GROUP_CSS,
    stores: ["at", "asking", "answers", "tab", "fenced", "script"],
    beat: 500,
    count: () => run().ticks,
    reach,
    question() {
      if (!get("asking") && !(chosen() && isOpening() && at() === table().asked)) return null;
      const answers = [...lettersOf(model)[0][0]].map((place, slot) => [LETTERS[slot], ...table().answers[Number(place)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer to go on." };
    },
    hint() {
      if (inKafka()) return "This is a record of a broker: only watch. T goes back to the others.";
      if (alone() && get("script").length && !has(order([...get("script"), ["crash", table().members[0], 1]])))
        return "On a page one thing happens at a time; R takes it away.";
      return "Keys 1 to 4 choose a member; let something happen to it.";
    },
    answered: () => ({ at: table().asked, asking: false }),
    first() { // R goes to the start of a record; else it takes away what happens; once more, and the opening is back
      const [tab, fenced, opening] = table().opening;
      const back = { at: 0, asking: false, answers: {} };
      if (inKafka()) return { at: 0, asking: false };
      return get("script").length ? { ...back, script: [] } : { ...back, tab, fenced, script: opening };
    },
    predict: (on) => (on && pending() && get("at") > gate() ? { at: gate(), asking: true } : { asking: false }),
    tabs: () => table().tabs.filter((one) => one !== table().kafka || !pending()).map((one) => [one, one]),
    turn: (name) => (get("asking") ? {} : { tab: name }),
    words() {
      const place = `tick ${at()} of ${run().ticks}`;
      const finding = get("asking") ? question() : latest(run().told, at());
      return { title: `${table().title}, ${run().partitions} partitions`, place, finding, python: inKafka() ? table().line.kafka : pythonOf(table().line, get("tab"), get("fenced"), get("script")) };
    },
    keys,
    draw(frame) {
      const view = { frame, now: table(), isRecord: inKafka(), run: run(), at: at(), member: get("member"), fenced: get("fenced"), asking: get("asking"), script: get("script"), allowed, happen, choose, guard };
      const room = make("div", { class: "es-rows-room" });
      frame.ask.classList.add("es-group-ask");
      frame.ask.dataset.done = String(!get("asking"));
      frame.picture.replaceChildren(drawMembers(view), drawDeeds(view), room, drawTallies(view), frame.ask);
      const tall = (run().partitions * 1.5 + 2.6) * frame.em;
      room.append(drawRows(view, frame.full() ? clamp(room.clientHeight, 8 * frame.em, tall * 1.4) : tall));
    },
  };
}

const order = (script) => [...script].sort((one, other) => one[2] - other[2]);

// Numbers as Python packed them: five bits a sign, from 32 on more follows.
const SIGNS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

function unpacked(text) {
  const found = [];
  let number = 0;
  let place = 1;
  for (const sign of text) {
    const bits = SIGNS.indexOf(sign);
    number += (bits & 31) * place;
    place *= 32;
    if (bits > 31) continue;
    found.push(number);
    number = 0;
    place = 1;
  }
  return found;
}

function chunks(text, size) {
  const flat = unpacked(text);
  const found = [];
  for (let from = 0; from < flat.length; from += size) found.push(flat.slice(from, from + size));
  return found;
}

function readRun(coded, now) {
  const [ticks, bars, turns, marks, states, beliefs, lags, told, wrong, partitions] = coded;
  return {
    ticks, turns: unpacked(turns), wrong, partitions,
    bars: chunks(bars, 4),
    marks: chunks(marks, 5).map(([when, place, who, kind, event]) => [when, place, who, now.kinds[kind], now.events[event]]),
    states: states.map((each) => chunks(each, 2).map(([when, state]) => [when, state])),
    beliefs: beliefs.map((each) => chunks(each, 2)),
    lags: chunks(lags, 3),
    told: chunks(told, 2).map(([when, word]) => [when, now.words[word]]),
  };
}

function latest(entries, at) {
  let found;
  for (const [since, value] of entries) if (since <= at) found = value;
  return found;
}

const stateOf = (run, member, at) => latest(run.states[member], at);
const places = (bits, count) => Array.from({ length: count }, (_, place) => place).filter((place) => (bits >> place) & 1);
const ownedBy = (run, member, at) => run.bars.filter(([, who, since, until]) => who === member && since <= at && (at < until || (until === run.ticks && at === until))).map(([place]) => place).sort((a, b) => a - b);

function pythonOf(line, tab, fenced, script) {
  const told = script.map(([verb, who, when]) => line.verbs[verb].replace("AT", when).replace("WHO", who)).join(", ");
  return `${line.head}${line.tabs[tab]}, fenced=${fenced ? "True" : "False"}, script=[${told}]).finding`;
}

function drawMembers({ frame, now, isRecord, run, at, member, asking, choose }) {
  const one = (name, number) => {
    const state = now.names[stateOf(run, number, at)];
    const owns = ownedBy(run, number, at);
    const believes = places(latest(run.beliefs[number], at), run.partitions);
    const mistaken = ["awake", "asleep"].includes(state) && believes.some((place) => !owns.includes(place));
    const list = (all) => all.join(" ") || "nothing";
    const [verb, own] = state === "not here" ? [isRecord ? "takes no part" : "may join", ""] : mistaken ? ["thinks it owns", list(believes)] : ["owns", list(owns)];
    const said = `${verb} ${own}`.trim();
    return make("button", { type: "button", class: "es-member", "aria-disabled": String(asking), "aria-pressed": String(number === member), "data-key": `member ${number}`, "data-state": state,
      "aria-label": `${name}, ${state}, ${said}${mistaken ? `, owns ${list(owns)}` : ""}`, onclick: () => choose(frame, number) },
    make("b", null, key(number + 1), name, make("i", null, state)), make("span", { class: mistaken ? "es-mistaken" : null }, make("i", null, `${verb} `), own));
  };
  return make("div", { class: "es-members", role: "group", "aria-label": "Members" }, now.members.map(one));
}

function drawDeeds({ frame, now, isRecord, member, fenced, asking, script, allowed, happen, guard }) {
  const name = now.members[member];
  const deed = (verb) => make("button", { type: "button", disabled: !allowed(verb), "data-key": verb, "aria-label": `${DOES[verb][1]}: ${name}`, onclick: () => happen(frame, verb) }, key(DOES[verb][0]), DOES[verb][1]);
  const told = script.map(([verb, who, when]) => `${who} ${verb} at ${when}`).join(", ");
  const said = isRecord ? "recorded: w1 falls asleep" : told ? `happens: ${told}` : "nothing happens";
  return make("div", { class: "es-deeds", "data-asking": String(asking), role: "group", "aria-label": `What happens to ${name}` }, make("b", null, name), now.verbs.map(deed),
    make("button", { type: "button", class: "es-switch", role: "switch", disabled: asking || isRecord, "aria-checked": String(fenced && !isRecord), "data-key": "fence", onclick: () => guard(frame) }, make("i"), make("span", null, "Fence"), key("G")),
    make("span", { class: "es-script" }, said));
}

// One mark, as tall as its row; the grammar's colours, and a shape or a hatch each.
function drawMark(kind, x, y, wide, tall) {
  const box = (attributes) => draw("rect", { x, y, width: wide, height: tall, class: `es-mark-${kind}`, ...attributes });
  const cx = x + wide / 2;
  const cy = y + tall / 2;
  const arm = Math.min(wide, tall) * 0.3;
  if (kind === "wrote") return [box({ rx: Math.min(wide, tall) * 0.3, fill: "var(--es-blue)" })];
  if (kind === "again") return [box({ fill: "url(#es-again)", stroke: "var(--es-ink)" })];
  if (kind === "flight") return [box({ x: x + 1, rx: 3, fill: "none", stroke: "var(--es-ink)", "stroke-width": 2, "stroke-dasharray": "4 3" })];
  const right = kind === "refused";
  const path = right ? `M${cx - arm} ${cy}l${arm * 0.75} ${arm * 0.8}L${cx + arm} ${cy - arm * 0.8}` : `M${cx - arm} ${cy - arm}L${cx + arm} ${cy + arm}M${cx + arm} ${cy - arm}L${cx - arm} ${cy + arm}`;
  return [box({ fill: right ? "var(--es-green)" : "var(--es-red)", stroke: "var(--es-ink)", "stroke-width": 1.5 }), draw("path", { d: path, stroke: "#fff", "stroke-width": 2.5, fill: "none" })];
}

const hatch = () => draw("defs", null, draw("pattern", { id: "es-again", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
  draw("rect", { width: 7, height: 7, fill: "var(--es-paper)" }), draw("rect", { width: 3.5, height: 7, fill: "var(--es-orange)" })));

function drawTallies({ run, at }) {
  const count = (kind) => run.marks.filter(([when, , , one]) => one === kind && when <= at).length;
  const one = (kind) => make("span", null, draw("svg", { viewBox: "0 0 17 14", "aria-hidden": "true" }, kind === "again" ? hatch() : null, drawMark(kind, 1, 1, 15, 12)), TOLD[kind], make("b", null, count(kind)));
  return make("div", { class: "es-tallies" }, make("span", null, draw("svg", { viewBox: "0 0 17 14", "aria-hidden": "true" }, drawMark("wrote", 1, 1, 15, 12)), "written ", make("b", null, count("wrote"))), Object.keys(TOLD).reverse().map(one));
}

function drawRows({ frame, now, run, at }, tall) {
  const { em, width } = frame;
  const left = 2.2 * em;
  const right = width - 3.4 * em;
  const top = 1.4 * em;
  const bottom = tall - 1.3 * em;
  const row = (bottom - top) / run.partitions;
  const step = (right - left) / Math.max(run.ticks, 1);
  const x = (tick) => left + tick * step;
  const y = (place) => top + place * row;
  const lag = Array.from({ length: run.partitions }, () => 0);
  for (const [when, place, count] of run.lags) if (when <= at) lag[place] = count;
  const total = lag.reduce((sum, one) => sum + one, 0);
  const picture = draw("svg", { class: "es-rows", "data-scrub": true, width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img",
    "aria-label": `Partitions at tick ${at}: ${lag.map((count, place) => `${place} ${ownerName(now, run, place, at)}, lag ${count}`).join("; ")}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  const write = (px, py, text, attributes) => add("text", { x: px, y: py, ...attributes }, text);
  picture.append(hatch());
  write(0, top - 0.4 * em, "partition", { class: "es-dim" });
  write(width, top - 0.4 * em, `lag ${total}`, { "text-anchor": "end", "font-weight": 700 });
  for (let place = 0; place < run.partitions; place += 1) {
    const middle = y(place) + row / 2 + 0.35 * em;
    write(0.5 * em, middle, String(place), { "font-weight": 700 });
    write(width, middle, String(lag[place]), { "text-anchor": "end", "font-weight": lag[place] ? 700 : 400, class: lag[place] ? "" : "es-dim" });
    add("line", { x1: left, x2: right, y1: y(place) + row, y2: y(place) + row, stroke: "var(--es-line)" });
  }
  for (const [place, who, since, until] of run.bars) {
    if (since > at) continue;
    const end = Math.min(until, Math.max(at, since + 0.4));
    add("rect", { x: x(since), y: y(place) + row * 0.08, width: Math.max((end - since) * step - 1, 1), height: row * 0.84, fill: SHADES[who], "fill-opacity": 0.34, stroke: "var(--es-soft)", "stroke-width": 1, class: "es-bar" });
  }
  for (const [when, place, , kind] of run.marks) {
    if (when > at) continue;
    for (const node of drawMark(kind, x(when) - step * 0.48, y(place) + row * 0.14, step * 0.96, row * 0.72)) picture.append(node);
  }
  for (const [place, who, since, until] of run.bars) {
    const name = now.members[who];
    const free = gapFor(run, [place, since, Math.min(until, at)], 2.1 * em / step);
    if (free === null) continue;
    write(x(free) + 0.3 * em, y(place) + row / 2 + 0.35 * em, name, { class: "es-label", "font-weight": 600 });
  }
  run.turns.forEach((when, number) => {
    if (when > at) return;
    add("line", { x1: x(when), x2: x(when), y1: top, y2: bottom, stroke: "var(--es-ink)", "stroke-width": 2 });
    if (number) write(x(when), top - 0.4 * em, "dealt anew", { "text-anchor": x(when) > right - 6 * em ? "end" : "middle", class: "es-label" });
  });
  const pace = [1, 2, 5, 10, 20].find((one) => one * step > 2.4 * em) || 20;
  for (let tick = 0; tick <= run.ticks; tick += pace) write(x(tick), tall - 0.2 * em, String(tick), { "text-anchor": "middle", class: "es-dim" });
  add("line", { x1: x(at), x2: x(at), y1: top - 0.2 * em, y2: bottom + 0.2 * em, stroke: "var(--es-ink)", "stroke-width": 3.5, class: "es-now" });
  add("circle", { cx: x(at), cy: bottom + 0.2 * em, r: 0.4 * em, fill: "var(--es-ink)" });
  scrubOn(picture, frame, (offset) => clamp((offset - left) / step, 0, run.ticks));
  return picture;
}

// Where in a bar its owner's name fits between the marks; null if nowhere.
function gapFor(run, [place, since, until], wide) {
  const taken = run.marks.filter(([when, where]) => where === place && when >= since - 1 && when <= until).map(([when]) => when);
  for (const from of [since, ...taken.map((when) => when + 0.5)]) {
    const room = Math.min(until, ...taken.filter((when) => when + 0.5 > from).map((when) => when - 0.5)) - from;
    if (from >= since && room >= wide) return from;
  }
  return null;
}

function ownerName(now, run, place, at) {
  const bar = run.bars.find(([where, , since, until]) => where === place && since <= at && (at < until || until === run.ticks));
  return bar ? now.members[bar[1]] : "nobody";
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: groupSpec(model) }));

export default { render };
