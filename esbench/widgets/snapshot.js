// The snapshot stage: the log as a strip, a snapshot as a pin, and what is read for
// a day. It looks up, draws and moves; marks, counts, numbers and sentences stand in
// the table that Python made.

const PIN_CSS = `
.es-abouts { display: flex; flex-wrap: wrap; align-items: center; gap: .4em .5em; }
.es-abouts > span { color: var(--es-soft); }
.es-stage .es-abouts button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 600; }
.es-counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9em, 1fr)); gap: .7em; }
.es-count { border: 2px solid var(--es-line); padding: .2em .7em .3em; min-width: 0; }
.es-count.es-answer { border: 4px solid var(--es-ink); }
.es-count small { font-size: 1em; color: var(--es-soft); display: flex; align-items: center; gap: .45em; white-space: nowrap; }
.es-count b { font-size: 1.7em; line-height: 1.2; font-variant-numeric: tabular-nums; display: flex; align-items: center; gap: .4em; white-space: nowrap; }
.es-count b .es-sign { font-size: .6em; }
.es-swatch { width: 1em; height: 1em; flex: none; border: 1px solid var(--es-ink); }
.es-stage .es-pin-ask { min-height: 4em; justify-content: center; }
.es-strip { display: block; width: 100%; touch-action: none; cursor: ew-resize; }
.es-full .es-strip-room { flex: 1 1 9.5em; min-height: 9.5em; overflow: hidden; display: flex; align-items: center; }
.es-stage.es-full .es-pin-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-stage[data-tight="true"] .es-strip-room { flex-basis: 5.6em; min-height: 5.6em; }
[data-tight="true"] .es-counts { grid-template-columns: repeat(4, 1fr); gap: .4em; } [data-tight="true"] .es-count { padding: 0 .4em; } [data-tight="true"] .es-count b { font-size: 1.1em; }
.es-stage[data-tight="true"] .es-answers button { min-width: 3.5em; padding: .3em .4em; } .es-stage[data-tight="true"] .es-pin-ask[data-done="true"] .es-answers, .es-stage[data-tight="true"] .es-pin-ask[data-done="over"] { display: none; }
.es-stage[data-tight="true"] .es-pin-ask { min-height: 0; } .es-stage[data-tight="true"] .es-pin-ask .es-reason { font-size: 1em; line-height: 1.15; }
.es-stage[data-tight="true"] .es-abouts button { min-height: 1.5em; padding: 0 .4em; } [data-tight="true"] .es-abouts kbd { display: none; }
`;

const MARKS = { // fill, opacity, text, sign
  kept: ["var(--es-mist)", 1, "var(--es-ink)", ""],
  read: ["var(--es-blue)", 1, "#fff", ""],
  "left out": ["url(#es-later)", 1, "var(--es-ink)", ""],
  lost: ["var(--es-red)", 1, "#fff", "✕ lost"],
  twice: ["var(--es-red)", 1, "#fff", "✕ twice"],
};

function pinSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const pending = () => get("predict") && !chosen();
  const last = () => table().days.length - 1;
  const cell = () => table().cells[get("tab")][get("at")][get("day")];
  const opening = () => ({ at: table().asked, day: last(), tab: table().ways[0] });

  function about(frame, day) {
    if (!get("asking") && day >= 0 && day <= last()) frame.put({ day });
  }
  return {
    label: "Snapshot stage: what is read behind a snapshot",
    css: PIN_CSS,
    stores: ["at", "day", "tab", "asking", "answers"],
    pinned: true,
    beat: 900,
    count: () => table().pins.length - 1,
    reach: (to) => (pending() ? { ...opening(), asking: true } : { at: to, asking: false }),
    question() { // once it is answered, it stays as long as the stage shows what it asked about
      const isThere = Object.entries(opening()).every(([name, value]) => get(name) === value);
      if (!get("asking") && !(chosen() && isThere)) return null;
      const answers = [...lettersOf(model)[0][0]].map((place, slot) => [LETTERS[slot], ...table().answers[Number(place)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the pin is yours." };
    },
    hint: () => "Drag the pin, or press ← and →; 1 and 2 change the day, T how the tail is found.",
    answered: () => ({ ...opening(), asking: false }),
    first: () => ({ ...opening(), asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => (on && !chosen() ? { ...opening(), asking: true } : { asking: false }),
    tabs: () => table().ways.map((one) => [one, one]),
    turn: (name) => (get("asking") ? {} : { tab: name }),
    words() {
      const at = get("at");
      const place = at ? `snapshot at ${table().positions[at]}` : "no snapshot";
      return { title: table().title, place, finding: get("asking") ? question() : cell()[4], python: cell()[5] };
    },
    keys: { 1: (frame) => about(frame, get("day") - 1), 2: (frame) => about(frame, get("day") + 1) },
    draw(frame) {
      const view = { frame, now: table(), at: get("at"), day: get("day"), asking: get("asking"), cell: cell(), about };
      const room = make("div", { class: "es-strip-room" });
      frame.ask.classList.add("es-pin-ask");
      frame.ask.dataset.done = frame.ask.querySelector("button") ? String(!get("asking")) : "over";
      frame.picture.replaceChildren(drawAbouts(view), room, drawCounts(view), frame.ask);
      room.append(drawStrip(view, frame.full() ? clamp(room.clientHeight, 5.6 * frame.em, 14 * frame.em) : 9.5 * frame.em));
    },
  };
}

function drawAbouts({ frame, now, day, asking, about }) {
  const one = (name, at) => make("button", { type: "button", disabled: asking, "aria-pressed": String(at === day), "data-key": `about ${at}`, "aria-label": `About ${name}`, onclick: () => about(frame, at) },
    at === day - 1 ? key(1) : null, name, at === day + 1 ? key(2) : null);
  return make("div", { class: "es-abouts", role: "group", "aria-label": "The day asked about" }, make("span", null, "asked about"), now.days.map(one));
}

function drawCounts({ now, asking, cell }) {
  const [runs, value, right, read] = cell;
  const count = (...marks) => runs.reduce((sum, [mark, long]) => sum + (marks.includes(mark) ? long : 0), 0);
  const swatch = (mark) => make("i", { class: "es-swatch", style: mark === "left out" ? "background: repeating-linear-gradient(135deg, var(--es-orange) 0 .2em, var(--es-paper) .2em .4em)" : `background:${MARKS[mark][0]}` });
  const told = (mark, name, number) => make("div", { class: "es-count" }, make("small", null, swatch(mark), name), make("b", null, asking ? "?" : number.toLocaleString("en")));
  return make("div", { class: "es-counts" },
    told("kept", "in the snapshot", count("kept", "twice")), told("read", "read", read), told("left out", "left out", count("left out")),
    make("div", { class: "es-count es-answer" }, make("small", null, now.measure), make("b", null, asking ? "?" : value, asking ? null : sign(right))));
}

function drawStrip({ frame, now, at, asking, cell }, tall) {
  const { em, width } = frame;
  const left = 0.6 * em;
  const right = width - 0.6 * em;
  const wide = (right - left) / now.total;
  const x = (slot) => left + slot * wide;
  const top = 2.6 * em;
  const one = now.cards.length > 0;
  const bottom = tall - (one ? 0.8 : 2) * em; // below a long strip stands where it goes wrong
  const picture = draw("svg", { class: "es-strip", "data-scrub": true, width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `${now.total} events, ${at ? `a snapshot at ${now.positions[at]}` : "no snapshot"}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  picture.append(draw("defs", null, draw("pattern", { id: "es-later", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    draw("rect", { width: 8, height: 8, fill: "var(--es-paper)" }), draw("rect", { width: 3, height: 8, fill: "var(--es-orange)" }))));
  const runs = asking ? [["kept", now.total]] : cell[0];
  const told = new Set();
  let slot = 0;
  for (const [mark, long] of runs) {
    const [shade] = MARKS[mark];
    const boxes = one ? long : 1;
    for (let index = 0; index < boxes; index += 1) {
      const from = slot + index;
      add("rect", { x: x(from) + (one ? Math.min(0.15 * em, wide * 0.06) : 0), y: top, width: Math.max(one ? wide * 0.88 : wide * long, 2), height: bottom - top, rx: one ? 0.4 * em : 0, fill: shade, stroke: mark === "kept" ? "var(--es-soft)" : "var(--es-ink)", "stroke-width": 1.5, class: `es-mark-${mark.replace(" ", "-")}` });
      if (one) drawEvent({ add, card: now.cards[from], mark, x: x(from) + wide * 0.46, wide: wide * 0.86, em, top, bottom });
    }
    if (!one && wide * long > 9 * em) add("text", { x: x(slot + long / 2), y: (top + bottom) / 2 + 0.35 * em, "text-anchor": "middle", "font-weight": 700, class: mark === "left out" ? "es-label" : "", style: `fill:${MARKS[mark][2]}` }, asking ? "" : mark === "kept" ? "in the snapshot" : mark);
    if (!one && MARKS[mark][3] && !told.has(mark)) {
      add("text", { x: clamp(x(slot + long / 2), left + 3 * em, right - 3 * em), y: bottom + 1.7 * em, "text-anchor": "middle", "font-weight": 700 }, MARKS[mark][3]);
      told.add(mark);
    }
    slot += long;
  }
  const gap = one ? (wide * 0.88 - wide) / 2 + Math.min(0.15 * em, wide * 0.06) : 0;
  drawPin({ add, now, at, used: asking || cell[6], x: x(now.pins[at]) + (at ? gap : 0), em, top, bottom, left, right });
  scrubOn(picture, frame, (offset) => nearest(now.pins, (offset - left) / wide));
  return picture;
}

function drawEvent({ add, card, mark, x, wide, em, top, bottom }) {
  const [position, change, day, kind] = card;
  const [, , ink, signed] = MARKS[mark];
  const label = mark === "left out" ? "es-label" : "";
  const rows = [[String(position) + (kind === "correction" ? " ◆" : kind === "late" ? " late" : ""), 700], [change, 600], [signed || day, signed ? 700 : 400]];
  const fits = (text, weight) => text.length * (weight > 400 ? 0.7 : 0.6) * em < wide;
  const pace = (bottom - top) / (rows.length + 0.6);
  rows.forEach(([long, weight], row) => {
    const text = fits(long, weight) ? long : long.replace(/\.00$/, "").replace("✕ ", "").replace(" late", "");
    if (fits(text, weight)) add("text", { x, y: top + (row + 0.8) * pace + 0.35 * em, "text-anchor": "middle", "font-weight": weight, class: label, style: `fill:${ink}` }, text);
  });
}

function drawPin({ add, now, at, used, x, em, top, bottom, left, right }) {
  add("line", { x1: x, x2: x, y1: top - 0.9 * em, y2: bottom + 0.4 * em, stroke: "var(--es-ink)", "stroke-width": 3.5, "stroke-dasharray": used ? null : `${0.4 * em} ${0.3 * em}` });
  add("circle", { cx: x, cy: top - 1.3 * em, r: 0.8 * em, fill: used ? "var(--es-ink)" : "var(--es-paper)", stroke: "var(--es-ink)", "stroke-width": 3, class: "es-handle" });
  const short = at ? `${now.positions[at]}: ${now.held[at]}${used ? "" : ", not used"}` : "no snapshot";
  const long = at ? `snapshot at ${short}` : short;
  const fits = (text, room) => room > (text.length * 0.62 + 1.5) * em;
  for (const text of [long, short]) {
    const after = fits(text, right - x);
    if (!after && !fits(text, x - left)) continue;
    add("text", { x: x + (after ? 1.3 : -1.3) * em, y: top - em, "text-anchor": after ? "start" : "end", "font-weight": 700 }, text);
    break;
  }
}

function nearest(pins, slot) {
  let found = 0;
  pins.forEach((pin, at) => { if (Math.abs(pin - slot) < Math.abs(pins[found] - slot)) found = at; });
  return found;
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: pinSpec(model) }));

export default { render };
