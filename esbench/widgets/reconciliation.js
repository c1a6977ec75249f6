// The reconciliation stage: the ledger as cards, the claimed balance as a line, and
// the explanations that lead from one to the other. It looks up, draws and moves;
// every explanation, sum and drafted event stands in the table that Python made.

const LEDGER_CSS = `
.es-ledger { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.6em, 1fr)); gap: .7em; }
.es-entry { position: relative; display: flex; flex-direction: column; background: var(--es-blue); color: #fff; border: 3px solid var(--es-blue); border-radius: .7em;
  padding: .4em .65em .45em; min-width: 0; max-width: 21em; min-height: 6em; line-height: 1.3; overflow: hidden; }
.es-entry b { padding-right: 1.6em; font-weight: 650; }
.es-entry b, .es-entry span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-entry .es-moves { font-weight: 700; font-size: 1.2em; font-variant-numeric: tabular-nums; }
.es-entry em { position: absolute; right: .4em; top: .35em; font-style: normal; font-weight: 700; min-width: 1.5em; text-align: center; background: #fff; color: #00507d; border-radius: .35em; padding: 0 .3em; }
.es-entry.es-correction { background: var(--es-purple); border-color: var(--es-purple); color: #15181c; }
.es-entry.es-quiet { opacity: .45; }
.es-entry.es-lit { outline: 3px solid var(--es-ink); outline-offset: 2px; }
.es-entry.es-missed { background: var(--es-paper); color: var(--es-ink); border: 3px dashed var(--es-blue); }
.es-entry.es-missed .es-moves { text-decoration: line-through; }
.es-entry.es-draft { border: 3px dashed #15181c; }
.es-entry .es-how { align-self: flex-start; margin-top: .2em; background: var(--es-ink); color: var(--es-paper); border-radius: .35em; padding: 0 .5em; font-weight: 700; }
.es-rest { align-self: center; text-align: center; color: var(--es-soft); }
.es-verdicts { display: flex; flex-wrap: wrap; align-items: center; gap: .5em .7em; min-height: 2.15em; }
.es-verdicts > span { color: var(--es-soft); }
.es-stage .es-verdicts button { border: 2px solid var(--es-soft); }
.es-stage .es-verdicts button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); }
.es-verdicts button[aria-pressed="true"] kbd { color: var(--es-paper); }
.es-stage .es-ledger-ask { min-height: 4em; justify-content: center; }
.es-line-room { min-height: 15em; }
.es-claims { display: block; width: 100%; }
.es-full .es-line-room { flex: 1 1 9em; min-height: 9em; overflow: hidden; }
.es-full .es-entry { min-height: 4.6em; padding: .15em .5em .2em; line-height: 1.15; max-width: 17em; }
.es-stage.es-full .es-ledger-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-full .es-verdicts { min-height: 1.8em; }
[data-tight="true"] .es-ledger { grid-template-columns: repeat(auto-fit, minmax(7.6em, 1fr)); gap: .4em; }
[data-tight="true"] .es-entry { min-height: 3.4em; } [data-tight="true"] .es-entry .es-when { display: none; }
[data-tight="true"] .es-entry .es-moves { font-size: 1em; } [data-tight="true"] .es-entry .es-how { margin-top: 0; }
.es-stage[data-tight="true"] .es-line-room { flex-basis: 5.5em; min-height: 5.5em; }
.es-stage[data-tight="true"] .es-answers button { min-width: 0; padding: .3em .4em; } [data-tight="true"] .es-answers { gap: .3em; }
.es-stage[data-tight="true"] .es-ledger-ask[data-done="true"] .es-answers, .es-stage[data-tight="true"] .es-ledger-ask[data-done="over"] { display: none; }
.es-stage[data-tight="true"] .es-ledger-ask { min-height: 0; }
[data-tight="true"] .es-verdicts > span { display: none; } .es-stage[data-tight="true"] .es-verdicts, .es-stage[data-tight="true"] .es-verdicts button { min-height: 1.6em; padding-top: 0; padding-bottom: 0; }
`;

function ledgerSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const way = () => (get("at") ? table().ways[get("at") - 1] : null);
  const verdict = () => (get("at") && !get("asking") ? get("verdicts")[get("at")] || "" : "");

  function judge(frame, side) {
    if (!way() || get("asking")) return;
    const { [get("at")]: before, ...others } = get("verdicts");
    frame.deed({ verdicts: before === side ? others : { ...others, [get("at")]: side } });
  }
  function words() {
    const held = way() || table();
    const total = table().ways.length;
    const asking = get("asking");
    return {
      title: table().title,
      place: asking ? "before the explanations" : get("at") ? `explanation ${get("at")} of ${total}` : "ledger and claim",
      finding: asking ? question() : held.said[verdict()],
      python: held.python[verdict()],
    };
  }
  return {
    label: "Reconciliation stage: what leads from a ledger to a claim",
    css: LEDGER_CSS,
    stores: ["at", "asking", "answers", "verdicts"],
    count: () => table().ways.length,
    reach: (to) => (to > 0 && get("predict") && !chosen() ? { at: 0, asking: true } : { at: to, asking: false }),
    question() {
      if (!get("asking") && !(chosen() && get("at") === 1 && !verdict())) return null;
      const answers = [...lettersOf(model)[0][0]].map((place, slot) => [LETTERS[slot], ...table().answers[Number(place)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the explanations light up." };
    },
    hint: () => (get("at") ? "An explanation says how the claim may have come about; only the papers say whether it did." : table().ways.length ? "Step looks for an explanation." : "Nothing is to be explained."),
    answered: () => ({ at: 1, asking: false }),
    first: () => ({ at: 0, asking: false, answers: {}, verdicts: {} }),
    predict: () => ({ asking: false }),
    words,
    keys: { 1: (frame) => judge(frame, "log"), 2: (frame) => judge(frame, "claim") },
    draw(frame) {
      const view = { frame, now: table(), way: get("asking") ? null : way(), verdict: verdict() };
      const room = make("div", { class: "es-line-room" });
      frame.ask.classList.add("es-ledger-ask");
      frame.ask.dataset.done = frame.ask.querySelector("button") ? String(!get("asking")) : "over";
      frame.picture.replaceChildren(drawLedger(view), frame.ask, drawVerdicts(view, judge), room);
      room.append(drawClaims(view, frame.full() ? room.clientHeight : 15 * frame.em));
    },
  };
}

// Which cards are seen: all of a short ledger, else those that the explanation
// changes and the last ones.
function entriesOf({ frame, now, way }) {
  const room = Math.max(Math.floor(frame.width / frame.em / 11.3) - (way ? 1 : 0), 2);
  if (now.total <= Math.max(room, 5)) return [...Array(now.total).keys()];
  const marked = way ? Object.keys(way.marks).map(Number) : [];
  const ends = Object.keys(now.cards).map(Number).reverse();
  return [...new Set([...marked, ...ends])].slice(0, Math.max(room - 1, Math.min(marked.length, 6))).sort((a, b) => a - b);
}

function drawLedger(view) {
  const { now, way, verdict } = view;
  const shown = entriesOf(view);
  const brief = view.frame.width / view.frame.em < 60; // the type's name would be cut
  const cards = shown.map((at) => entry(now.cards[at], brief, way, way && verdict !== "claim" ? way.marks[at] : null));
  const hidden = now.total - shown.length;
  if (hidden) cards.unshift(make("div", { class: "es-rest" }, `and ${hidden} more`));
  const drafts = way && verdict === "claim" ? way.draft.slice(0, 4).map(([type, name, moves, , noun]) =>
    make("div", { class: "es-entry es-correction es-draft", role: "img", "aria-label": `Drafted: ${type} ${name}, ${moves}` },
      make("b", null, brief ? noun : type), make("em", null, "◆"), make("span", { class: "es-moves" }, moves), make("span", null, name), make("span", { class: "es-when" }, "drafted, to be appended"))) : [];
  if (way && verdict === "claim" && way.draft.length > 4) drafts.push(make("div", { class: "es-rest" }, `and ${way.draft.length - 4} more`));
  return make("div", { class: "es-ledger", role: "group", "aria-label": "Ledger" }, cards, drafts);
}

function entry([type, version, name, moves, when, mark, noun], brief, way, how) {
  const look = how === "missed" ? "es-missed es-lit" : how ? "es-lit" : way ? "es-quiet" : "";
  return make("div", { class: `es-entry ${mark === "correction" ? "es-correction" : ""} ${look}`, role: "img", "aria-label": `Event ${version}, ${type} ${name}, ${moves}${how ? `, ${how}` : ""}` },
    make("b", null, brief ? noun : type), make("em", null, version), make("span", { class: "es-moves" }, how === "doubled" ? `${moves} ${moves}` : moves),
    make("span", { title: name }, name || "–"), how ? make("span", { class: "es-how" }, how) : make("span", { class: "es-when" }, when));
}

function drawVerdicts({ frame, way, verdict }, judge) {
  const row = make("div", { class: "es-verdicts", role: "group", "aria-label": "What the papers say" });
  if (!way) return row;
  const one = (side, number, label) => make("button", { type: "button", "data-key": `verdict ${side}`, "aria-pressed": String(verdict === side), onclick: () => judge(frame, side) }, key(number), label);
  row.append(make("span", null, "Look at the papers:"), one("log", 1, "they back the log"), one("claim", 2, "they back the claim: draft the correction"));
  return row;
}

function drawClaims({ frame, now, way, verdict }, tall) {
  const { em, width } = frame;
  const draft = way && verdict === "claim" ? way.draft : [];
  const what = way && verdict !== "claim" ? changed(now, way) : [];
  const ends = draft.reduce((levels, one) => [...levels, (levels.at(-1) ?? now.values.at(-1)) + one[3]], []);
  const slots = now.total + draft.length;
  const all = [0, now.claim, ...now.values, ...what, ...ends];
  const top = 1.6 * em;
  const bottom = tall - 1.9 * em;
  const ticks = niceTicks(Math.min(...all), Math.max(...all), clamp(Math.floor((bottom - top) / (2.2 * em)), 2, 4));
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const names = ticks.map((tick) => String(Number(tick.toFixed(2))));
  const left = (Math.max(...names.map((name) => name.length), 3) * 0.6 + 1.2) * em;
  const right = width - (Math.max(now.balance.length + 4, now.claimed.length + 6) * 0.64 + 2.6) * em;
  const wide = (right - left) / slots;
  const x = (slot) => left + slot * wide;
  const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
  const picture = draw("svg", { class: "es-claims", width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `The balance after each event, ${now.balance} at the end, and the claim ${now.claimed}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  ticks.forEach((tick, index) => {
    add("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--es-line)", "stroke-width": 1 });
    add("text", { x: left - 0.6 * em, y: y(tick) + 0.35 * em, "text-anchor": "end", class: "es-dim" }, names[index]);
  });
  if (way) for (const at of Object.keys(way.marks).map(Number)) add("rect", { x: x(at), y: top, width: Math.max(wide, 2), height: bottom - top, fill: "var(--es-blue)", opacity: 0.16 });
  now.names.forEach((name, at) => {
    const text = name || (at === 0 ? "opened" : "");
    if (text && wide > (text.length * 0.62 + 0.6) * em) add("text", { x: x(at + 0.5), y: bottom + 1.35 * em, "text-anchor": "middle", "font-weight": way && way.marks[at] ? 700 : 400, class: way && way.marks[at] ? "" : "es-dim" }, text);
  });
  add("path", { class: "es-claim", d: `M${left} ${y(now.claim)}H${right}`, stroke: "var(--es-ink)", "stroke-width": 3, "stroke-dasharray": `${0.9 * em} ${0.45 * em}`, fill: "none" });
  add("path", { d: stairs(now.values, 0, Math.max(low, 0), x, y), fill: "none", stroke: "var(--es-ink)", "stroke-width": 4, opacity: what.length ? 0.35 : 1 });
  if (what.length) add("path", { class: "es-dashed", d: stairs(what, 0, Math.max(low, 0), x, y), fill: "none", stroke: "var(--es-ink)", "stroke-width": 3, "stroke-dasharray": `${0.4 * em} ${0.3 * em}` });
  if (ends.length) add("path", { class: "es-drafted", d: stairs(ends, now.total, now.values.at(-1), x, y), fill: "none", stroke: "var(--es-purple)", "stroke-width": 5 });
  ends.forEach((_, at) => {
    const [middle, size] = [x(now.total + at + 0.5), 0.6 * em];
    add("path", { d: `M${middle} ${bottom + 0.35 * em}l${size} ${size}l${-size} ${size}l${-size} ${-size}z`, fill: "var(--es-purple)" });
  });
  drawEnds({ add, now, way, verdict, y, em, right });
  return picture;
}

// The two numbers at the right: which one stands is said by sign and by word.
function drawEnds({ add, now, way, verdict, y, em, right }) {
  const same = now.balance === now.claimed;
  let [high, low] = [y(now.values.at(-1)), y(now.claim)];
  if (Math.abs(high - low) < 1.5 * em && !same) [high, low] = high <= low ? [low - 1.5 * em, low] : [low + 1.5 * em, low];
  const label = (text, at, good) => {
    add("text", { x: right + 2.1 * em, y: at + 0.35 * em, "font-weight": 700, class: "es-label" }, text);
    if (good === null) return;
    add("text", { x: right + 0.5 * em, y: at + 0.4 * em, "font-weight": 800, "font-size": `${1.25 * em}px`, style: `fill:var(--es-${good ? "green" : "red"})`, class: "es-label" }, good ? "✓" : "✕");
  };
  const stands = { log: [true, false], claim: [false, true] }[verdict] || [null, null];
  label(`log ${now.balance}`, high, same ? true : stands[0]);
  if (!same) label(`claim ${now.claimed}`, low, stands[1]);
}

function changed(now, way) {
  let shift = 0;
  return now.values.map((value, at) => {
    shift += way.effects[at] || 0;
    return value + shift;
  });
}

const stairs = (values, from, start, x, y) => values.reduce((path, value, at) => `${path}V${y(value)}H${x(from + at + 1)}`, `M${x(from)} ${y(start)}`);

const render = guarded(({ model, el }) => openStage({ model, el, spec: ledgerSpec(model) }));

export default { render };
