// The time machine: a plane of two times with a cross-hair, the figure that it stands
// on, and the line of that figure. It looks up, draws and moves; every figure, count
// and sentence stands in the table that Python made.

const PLANE_CSS = `
.es-tm { display: grid; grid-template-columns: minmax(0, 1fr) 20em; gap: .8em 1.2em; align-items: start; }
.es-main { display: flex; flex-direction: column; gap: .6em; min-width: 0; }
[data-size="narrow"] .es-tm { grid-template-columns: minmax(0, 1fr); }
.es-plane-room, .es-line-room { min-width: 0; overflow: hidden; } .es-listed { overflow-x: auto; }
.es-side { display: flex; flex-direction: column; gap: .5em; min-width: 0; }
.es-pick { display: flex; gap: .4em; align-items: center; flex-wrap: wrap; }
.es-stage .es-pick input { font: inherit; color: inherit; background: var(--es-paper); border: 1px solid var(--es-line); border-radius: .4em; padding: .3em .5em; min-height: 2.15em; flex: 1 1 7em; min-width: 0; width: 100%; }
.es-pick label { color: var(--es-soft); }
.es-problem { color: var(--es-ink); border-left: .3em solid var(--es-red); padding-left: .5em; overflow-wrap: anywhere; }
.es-answer { border: 4px solid var(--es-ink); padding: .4em .8em .6em; display: flex; flex-direction: column; gap: .1em; overflow: hidden; }
.es-answer small, .es-left small { font-size: 1em; color: var(--es-soft); }
.es-answer b { font-size: 48px; line-height: 1.1; font-variant-numeric: tabular-nums; white-space: nowrap; letter-spacing: -.01em; }
.es-answer b[data-long="true"] { font-size: 30px; }
.es-full .es-answer b { font-size: 2.2em; } .es-full .es-answer b[data-long="true"] { font-size: 1.4em; }
.es-left { margin: 0; padding: 0; list-style: none; display: flex; flex-direction: column; gap: .25em; }
.es-left li { display: flex; gap: .45em; align-items: baseline; overflow-wrap: anywhere; margin: 0; }
.es-left li i { flex: none; width: .85em; height: .85em; border: 2px solid var(--es-orange); background: repeating-linear-gradient(45deg, var(--es-orange) 0 2px, transparent 2px 4px); border-radius: .2em; }
.es-moves { display: flex; flex-wrap: wrap; gap: .4em; }
.es-plane { display: block; width: 100%; touch-action: none; cursor: crosshair; }
.es-line { display: block; width: 100%; touch-action: none; cursor: ew-resize; }
.es-stage .es-list { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 0; font-size: 1em; }
.es-stage .es-list th, .es-stage .es-list td { border: 0; border-bottom: 1px solid var(--es-line); padding: .12em .22em; text-align: right; white-space: nowrap; background: none; color: inherit; font-weight: 400; }
.es-stage .es-list th { color: var(--es-soft); } .es-stage .es-list th:first-child, .es-stage .es-list td:first-child { text-align: left; }
.es-stage .es-list button { padding: .05em .3em; min-height: 1.6em; }
.es-stage .es-tm-ask { min-height: 2em; }
.es-stage:not([data-size="wide"]):has(.es-tm) .es-place { display: none; } .es-stage:has(.es-tm) input[type=range] { min-width: 4em; flex-basis: 4em; }
.es-full .es-plane-room { min-height: 9em; } .es-full .es-tm { flex: 1 1 auto; }
.es-stage[data-tight="true"] .es-line-room { display: none; }
.es-stage[data-tight="true"] .es-tm { grid-template-columns: minmax(0, 1fr) 17em; gap: .3em .8em; }
`;
const NONE = "–";

function planeSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const shown = () => table().accounts[get("account")] || Object.values(table().accounts)[0];
  const isAll = () => get("tab") === "all" && table().all !== null;
  const now = () => (isAll() ? table().all : shown());
  const question = () => shown().question;
  const chosen = () => get("answers")[question()];
  const pending = () => get("predict") && !isAll() && !chosen();
  const here = () => ({ at: shown().asked, known: shown().asked });
  const last = () => now().days.length - 1;
  const look = { from: 0, up: 0 }; // where the part of the plane that is seen begins
  const spec = {
    label: "Time machine: about which day, as known on which day",
    css: PLANE_CSS,
    stores: ["tab", "account", "at", "known", "asking", "answers"],
    pinned: true,
    beat: 900,
    tabs: () => (table().all === null ? [["one", "One account"]] : [["one", "One account"], ["all", "All accounts"]]),
    turn(name) {
      const from = now().ordinals;
      const to = name === "all" ? table().all.ordinals : shown().ordinals;
      const near = (index) => clamp(to.findIndex((day) => day >= from[index]), 0, to.length - 1);
      const places = { at: near(get("at")), known: near(get("known")) };
      return name === "one" && get("predict") && !chosen() ? { tab: name, ...here(), asking: true } : { tab: name, ...places, asking: false };
    },
    count: () => last(),
    reach: (to) => (pending() ? { ...here(), asking: true } : { at: to, asking: false }),
    question() {
      if (isAll() || (!get("asking") && !chosen())) return null;
      const answers = [...lettersOf(model)[0][0]].filter((place) => Number(place) < shown().answers.length).map((place, slot) => [LETTERS[slot], ...shown().answers[Number(place)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the plane is yours." };
    },
    hint: () => (isAll() ? "Click on a cell: the accounts that differ most are listed; click on one of them." : "Drag the cross-hair or its handles, or press ← → ↑ ↓; space plays knowledge."),
    answered: () => ({ ...here(), asking: false }),
    first: () => (isAll() ? { at: 0, known: 0 } : { ...here(), asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => (on && !isAll() && !chosen() ? { asking: true, ...here() } : { asking: false }),
    play: {
      label: "Play knowledge",
      done: () => get("known") >= last(),
      first: () => ({ known: Math.min(get("at"), last()) }),
      next: () => ({ known: Math.min(get("known") + 1, last()) }),
    },
    keys: {
      ArrowUp: (frame) => know(frame, 1),
      ArrowDown: (frame) => know(frame, -1),
      k: (frame) => then(frame),
      n: (frame) => today(frame),
    },
    words() {
      const [at, known] = [get("at"), get("known")];
      const place = `about ${now().days[at]}`;
      if (isAll()) {
        const [start, end] = now().python;
        return { title: now().title, place, finding: now().findings[at][known], python: `${start}"${now().iso[at]}", "${now().iso[known]}"${end}` };
      }
      const [start, end] = now().python;
      const recorded = known === last() ? "" : `, recorded="${now().iso[known]}"`;
      return { title: now().title, place, finding: get("asking") ? question() : now().findings[at], python: `${start}"${now().iso[at]}"${recorded}${end}` };
    },
    draw(frame) {
      const view = { frame, get, now: now(), at: get("at"), known: get("known"), asking: get("asking") && !isAll(), look, all: isAll() };
      view.cell = isAll() ? cellOfAll(view) : cellOfOne(view);
      view.move = (x, y) => move(frame, x, y);
      view.open = (id) => openAccount(frame, model, id);
      frame.ask.classList.add("es-tm-ask");
      const room = make("div", { class: "es-plane-room" });
      const line = make("div", { class: "es-line-room" });
      const side = make("div", { class: "es-side" }, drawPick(view, model), isAll() ? drawList(view) : drawAnswer(view));
      const main = make("div", { class: "es-main" }, room, drawMoves(view, frame), frame.ask, isAll() ? null : line);
      frame.picture.replaceChildren(make("div", { class: "es-tm" }, main, side));
      room.append(drawPlane(view, room.clientWidth));
      if (!isAll()) line.append(drawLevels(view, line.clientWidth));
    },
  };
  function move(frame, x, y) {
    if (get("asking")) return;
    if (pending()) return frame.put({ ...here(), asking: true });
    const to = { at: clamp(x, 0, last()), known: clamp(y, 0, last()) };
    if (to.at !== get("at") || to.known !== get("known")) frame.put({ ...to, problem: "" });
  }
  function know(frame, by) { frame.stop(); move(frame, get("at"), get("known") + by); }
  function then(frame) { frame.stop(); move(frame, get("at"), get("at")); }
  function today(frame) { frame.stop(); move(frame, get("at"), last()); }
  Object.assign(spec, { then, today, know });
  PLANE_ACTIONS.set(model, { then, today, know });
  return spec;
}
const PLANE_ACTIONS = new WeakMap();

function openAccount(frame, model, id) {
  const own = model.get("_table").accounts[id];
  frame.stop();
  if (own) {
    const asks = model.get("predict") && !model.get("answers")[own.question];
    return frame.deed({ tab: "one", account: id, at: own.asked, known: own.asked, asking: asks, problem: "" });
  }
  if (model.widget_manager) { // the kernel brings it
    model.set("account", id);
    model.save_changes();
    return;
  }
  const there = Object.keys(model.get("_table").accounts).join(", ");
  frame.put({ problem: `This page brings along ${there}; open the lesson in the workbench for ${id}.` });
}

// What a cell says: { text, late (differs from what is known now), future, value }.
function cellOfOne({ now, asking }) {
  const total = now.days.length;
  const value = (x, y) => { // the last run that begins by y
    const runs = now.columns[x];
    let [low, high] = [0, runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runs[middle][0] <= y) low = middle + 1;
      else high = middle;
    }
    return low ? runs[low - 1][1] : -1;
  };
  return (x, y) => {
    const index = value(x, y);
    return { text: asking ? "?" : index < 0 ? NONE : now.texts[index], late: !asking && index !== value(x, total - 1), future: y < x, value: index < 0 ? null : now.numbers[index] };
  };
}
function cellOfAll({ now }) {
  return (x, y) => {
    const count = now.counts[x][y];
    return { text: count === null ? "" : count.toLocaleString("en"), late: Boolean(count), future: count === null, value: count };
  };
}

function drawPick({ now, get, open, all }, model) {
  const list = `es-accounts-${Math.random().toString(36).slice(2)}`;
  const offered = model.get("_table").offered;
  const field = make("input", { type: "text", list, value: get("account"), "aria-label": "Account: write its id and press Enter", "data-key": "account", autocomplete: "off", spellcheck: "false" });
  const choose = () => { if (field.value.trim() && (all || field.value.trim() !== get("account"))) open(field.value.trim()); };
  field.addEventListener("change", choose);
  field.addEventListener("keydown", (event) => { // letters are letters here
    event.stopPropagation();
    if (event.key === "Enter") choose();
    if (event.key === "Escape") field.blur();
  });
  const options = make("datalist", { id: list }, offered.map((id) => make("option", { value: id })));
  const problem = get("problem") ? make("div", { class: "es-problem", role: "alert" }, get("problem")) : null;
  return [make("div", { class: "es-pick" }, make("label", null, "account"), field, options), problem];
}

function drawAnswer({ now, at, known, cell, asking }) {
  const text = asking ? "?" : cell(at, known).text;
  const total = now.days.length;
  const on = known === total - 1 ? "as known now" : `as known on ${now.days[known]}`;
  const left = asking ? [] : now.marks.filter(([x, y]) => x <= at && y > known);
  const told = left.slice(0, 4).map(([, y, , label, said]) => make("li", null, make("i", { "aria-hidden": "true" }), make("span", null, `${label} ${said}, recorded ${now.days[y]}`)));
  if (left.length > 4) told.push(make("li", null, `and ${left.length - 4} more`));
  return [
    make("div", { class: "es-answer", "aria-live": "polite" }, make("small", null, `${now.measure} about ${now.days[at]}, ${on}`), make("b", { "data-long": String(text.length > 9) }, text === NONE ? "nothing" : text)),
    make("ul", { class: "es-left", "aria-label": "Left out" }, make("small", null, left.length ? "left out, not known yet:" : asking ? "" : "nothing is left out"), told),
  ];
}

function drawList({ now, at, known, open }) {
  const rows = now.listed[at][known];
  const head = make("tr", null, ["account", "then", "now", "by"].map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map(([id, then, today, gap]) => make("tr", null, make("td", null, make("button", { type: "button", "data-key": `open ${id}`, "aria-label": `Open ${id}`, onclick: () => open(id) }, id.length > 24 ? `${id.slice(0, 23)}…` : id)), make("td", null, then), make("td", null, today), make("td", null, gap)));
  const count = now.counts[at][known];
  const label = count === null ? "still to come on that day" : count ? (count > rows.length ? `the ${rows.length} that differ most` : "those that differ") : "no account differs";
  return make("div", { class: "es-listed" }, make("div", { class: "es-title" }, label), rows.length ? make("table", { class: "es-list" }, make("thead", null, head), make("tbody", null, body)) : null);
}

function drawMoves({ get, asking, at, known, now }, frame) {
  const { then, today, know } = PLANE_ACTIONS.get(frame.model);
  const button = (name, label, sign, action, disabled, short) => make("button", { type: "button", "data-key": name, "aria-label": label, disabled: disabled || asking, onclick: () => action(frame) }, make("span", null, short || label), key(sign));
  const last = now.days.length - 1;
  return make("div", { class: "es-moves" },
    button("then", "As known then", "K", then, known === at), button("today", "As known now", "N", today, known === last),
    button("later", "Known later", "↑", () => know(frame, 1), known === last, "Later"), button("earlier", "Known earlier", "↓", () => know(frame, -1), known === 0, "Earlier"));
}

// The plane: as many columns and rows as fit, the cross-hair always among them.
function drawPlane(view, room) {
  const { frame, now, at, known, cell, look, all, asking } = view;
  const { em } = frame;
  const total = now.days.length;
  const wide = room || frame.width;
  const longest = Math.max(4, ...now.days.map((day) => day.length));
  const left = (longest * 0.62 + 2.2) * em;
  const texts = all ? 6 : Math.max(5, ...now.texts.map((text) => text.length));
  const least = Math.max(texts * 0.62 + 1.7, longest * 0.6 + 0.6) * em;
  const columns = clamp(Math.floor((wide - left - em) / least), 1, total);
  const rows = Math.min(total, frame.full() ? clamp(Math.floor((window.innerHeight * 0.36) / (2.1 * em)), 4, 14) : 8);
  const cw = (wide - left - em) / columns;
  const ch = 2.1 * em;
  const top = 1.5 * em;
  const tall = top + rows * ch + 3.1 * em;
  look.from = clamp(look.from, at - columns + 1, at);
  look.from = clamp(look.from, 0, total - columns);
  look.up = clamp(look.up, known - rows + 1, known);
  look.up = clamp(look.up, 0, total - rows);
  const px = (x) => left + (x - look.from) * cw;
  const py = (y) => top + (rows - 1 - (y - look.up)) * ch;
  const said = all ? now.findings[at][known] : `${cell(at, known).text} about ${now.days[at]}, known on ${now.days[known]}`;
  const picture = draw("svg", { class: "es-plane", width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `The plane of two times; the cross-hair says ${said}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  const hatch = (id, ink, gap) => draw("pattern", { id, width: gap, height: gap, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("line", { x1: 0, y1: 0, x2: 0, y2: gap, stroke: ink, "stroke-width": 2.5 }));
  const tag = `es-${Math.random().toString(36).slice(2)}`;
  picture.append(draw("defs", null, hatch(`${tag}l`, "var(--es-orange)", 9), hatch(`${tag}f`, "var(--es-line)", 7)));
  add("text", { x: left, y: top - 0.5 * em, class: "es-dim" }, "as known on ↑");
  add("text", { x: wide - em, y: tall - 0.3 * em, "text-anchor": "end", class: "es-dim" }, "about the end of →");
  for (let y = look.up; y < look.up + rows; y += 1) {
    for (let x = look.from; x < look.from + columns; x += 1) {
      const one = cell(x, y);
      const held = x <= at && y <= known;
      add("rect", { x: px(x) + 1, y: py(y) + 1, width: cw - 2, height: ch - 2, fill: "var(--es-paper)", stroke: "var(--es-line)", "stroke-width": 1 });
      if (held && !all) add("rect", { x: px(x) + 1, y: py(y) + 1, width: cw - 2, height: ch - 2, fill: "var(--es-blue)", opacity: 0.2 });
      if (one.future) add("rect", { x: px(x) + 1, y: py(y) + 1, width: cw - 2, height: ch - 2, fill: `url(#${tag}f)`, opacity: 0.7 });
      else if (one.late) add("rect", { x: px(x) + 1, y: py(y) + 1, width: cw - 2, height: ch - 2, fill: `url(#${tag}l)`, opacity: 0.75 });
      const looks = { class: `es-label${one.future && !all ? " es-dim" : ""}`, "font-weight": x === at && y === known ? 700 : 400 };
      if (one.text) add("text", { x: px(x) + cw - 0.45 * em, y: py(y) + ch / 2 + 0.35 * em, "text-anchor": "end", ...looks }, one.text);
    }
  }
  if (!all) drawPlaneMarks({ add, now, at, known, px, py, cw, ch, em, look, rows, columns });
  for (let x = look.from; x < look.from + columns; x += 1) add("text", { x: px(x) + cw / 2, y: top + rows * ch + 1.35 * em, "text-anchor": "middle", "font-weight": x === at ? 700 : 400, class: x === at ? "" : "es-dim" }, now.days[x]);
  for (let y = look.up; y < look.up + rows; y += 1) add("text", { x: left - 1.4 * em, y: py(y) + ch / 2 + 0.35 * em, "text-anchor": "end", "font-weight": y === known ? 700 : 400, class: y === known ? "" : "es-dim" }, now.days[y]);
  const days = (count) => `${count} day${count === 1 ? "" : "s"}`;
  const [before, after] = [look.from, total - look.from - columns];
  const beyond = [before ? `← ${days(before)}` : "", after ? `${days(after)} →` : ""].filter(Boolean).join(" · ");
  if (beyond) add("text", { x: left, y: tall - 0.3 * em, class: "es-dim" }, beyond);
  drawCross({ add, px, py, cw, ch, em, at, known, left, top, rows, all, asking });
  dragPlane(picture, view, { px, py, cw, ch, left, top, rows, look, columns });
  return picture;
}

// Marks at (occurred, recorded): a circle on the diagonal was on time; above it, on a
// stalk, it was late; a diamond is a correction.
function drawPlaneMarks({ add, now, at, known, px, py, cw, ch, em, look, rows, columns }) {
  const within = (x, y) => x >= look.from && x < look.from + columns && y >= look.up && y < look.up + rows;
  const seen = new Map();
  for (const [x, y, kind] of now.marks) {
    if (x < look.from || x >= look.from + columns) continue;
    const slot = seen.get(`${x} ${y}`) || 0;
    seen.set(`${x} ${y}`, slot + 1);
    if (slot > 1) continue;
    const summed = x <= at && y <= known;
    const cx = px(x) + (0.8 + slot * 1.05) * em;
    const cy = py(y) + ch / 2;
    const shade = kind === "correction" ? "var(--es-purple)" : kind === "late" ? "var(--es-orange)" : "var(--es-blue)";
    if (y > x && slot === 0) {
      const foot = Math.min(py(Math.max(x, look.up)) + ch / 2, py(look.up) + ch);
      const head = Math.max(cy + 0.5 * em, py(look.up + rows - 1));
      if (foot > head) add("line", { x1: cx, x2: cx, y1: foot, y2: head, stroke: shade, "stroke-width": 2.5, opacity: summed ? 1 : 0.6 });
    }
    if (!within(x, y)) continue;
    const size = 0.45 * em;
    const looks = { fill: summed ? shade : "var(--es-paper)", stroke: shade, "stroke-width": 2.5 };
    if (kind === "correction") add("path", { d: `M${cx} ${cy - size * 1.25}l${size * 1.25} ${size * 1.25}l${-size * 1.25} ${size * 1.25}l${-size * 1.25} ${-size * 1.25}z`, ...looks });
    else add("circle", { cx, cy, r: size, ...looks });
  }
}

function drawCross({ add, px, py, cw, ch, em, at, known, left, top, rows, asking }) {
  const looks = { stroke: "var(--es-ink)", "stroke-width": 2, "stroke-dasharray": asking ? `${0.4 * em} ${0.3 * em}` : null };
  const right = px(at) + cw;
  const low = top + rows * ch;
  add("rect", { x: left, y: py(known), width: right - left, height: low - py(known), fill: "none", stroke: "var(--es-blue)", "stroke-width": 2.5 });
  add("rect", { x: px(at), y: py(known), width: cw, height: ch, fill: "none", ...looks, "stroke-width": 3.5 });
  add("circle", { cx: px(at) + cw / 2, cy: low, r: 0.45 * em, fill: "var(--es-ink)", class: "es-handle-x" });
  add("circle", { cx: left - 0.55 * em, cy: py(known) + ch / 2, r: 0.45 * em, fill: "var(--es-ink)", class: "es-handle-y" });
  return right;
}

// Drag on the plane moves both days; from the axis of one, that one alone.
function dragPlane(picture, view, place) {
  const { frame, move } = view;
  const { left, top, rows, cw, ch, look, columns } = place;
  const cellAt = (event) => {
    const live = frame.root.querySelector(".es-plane").getBoundingClientRect();
    const x = Math.floor((event.clientX - live.left - left) / cw);
    const y = rows - 1 - Math.floor((event.clientY - live.top - top) / ch);
    return [look.from + clamp(x, 0, columns - 1), look.up + clamp(y, 0, rows - 1)];
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const box = picture.getBoundingClientRect();
    const onX = event.clientY - box.top > top + rows * ch - 2;
    const onY = event.clientX - box.left < left;
    frame.stop();
    const to = (one) => {
      const [x, y] = cellAt(one);
      move(onY && !onX ? frame.get("at") : x, onX && !onY ? frame.get("known") : y);
    };
    const end = () => {
      window.removeEventListener("pointermove", to);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", to);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
    to(event);
  });
}

// The line of the figure: solid as known now, dashed as known on the chosen day.
function drawLevels(view, room) {
  const { frame, now, at, known, cell, asking, move, get } = view;
  const { em } = frame;
  const width = room || frame.width;
  const total = now.days.length;
  const tall = (frame.full() ? 6.5 : 9) * em;
  const value = (x, y) => cell(x, y).value;
  const series = (y) => now.days.map((_, x) => value(x, y));
  const [today, then] = asking ? [[], []] : [series(total - 1), series(known)];
  const known_ = [...today, ...then].filter((one) => one !== null);
  const bottom = tall - 1.9 * em;
  const top = 1.4 * em;
  const ticks = niceTicks(Math.min(0, ...known_), Math.max(0, ...known_) || 1, 3);
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const names = ticks.map((tick) => String(Number(tick.toFixed(2))));
  const left = (Math.max(3, ...names.map((name) => name.length)) * 0.62 + 1) * em;
  const right = width - em;
  const first = now.ordinals[0];
  const span = now.ordinals[total - 1] - first + 1;
  const x = (index) => left + ((now.ordinals[index] - first) / span) * (right - left);
  const y = (level) => bottom - ((level - low) / (high - low || 1)) * (bottom - top);
  const picture = draw("svg", { class: "es-line", width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `The ${now.measure} by day, as known now and as known on ${now.days[known]}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  const tag = `es-${Math.random().toString(36).slice(2)}`;
  picture.append(draw("defs", null, draw("pattern", { id: tag, width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("line", { x1: 0, y1: 0, x2: 0, y2: 8, stroke: "var(--es-orange)", "stroke-width": 2.5 }))));
  ticks.forEach((tick, index) => {
    add("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--es-line)", "stroke-width": 1 });
    if (!asking) add("text", { x: left - 0.5 * em, y: y(tick) + 0.35 * em, "text-anchor": "end", class: "es-dim" }, names[index]);
  });
  const end = (index) => (index + 1 < total ? x(index + 1) : right);
  if (!asking) {
    let between = ""; // what lies between the two lines, as one shape
    today.forEach((level, index) => {
      if (level === null || then[index] === level) return;
      const other = then[index] === null ? 0 : then[index];
      between += `M${x(index)} ${y(level)}H${end(index)}V${y(other)}H${x(index)}z`;
    });
    if (between) add("path", { d: between, fill: `url(#${tag})`, opacity: 0.8 });
    add("path", { d: stairs(then, x, y, end), fill: "none", stroke: "var(--es-soft)", "stroke-width": 2.5, "stroke-dasharray": `${0.5 * em} ${0.35 * em}` });
    add("path", { d: stairs(today, x, y, end), fill: "none", stroke: "var(--es-ink)", "stroke-width": 3 });
  } else add("text", { x: (left + right) / 2, y: (top + bottom) / 2 + 0.8 * em, "font-size": `${2.2 * em}px`, "font-weight": 700, "text-anchor": "middle", class: "es-dim" }, "?");
  const on = now.days[known];
  const caption = [known === total - 1 ? `${now.measure}, as known now` : `${now.measure}: solid as known now, dashed as known on ${on}`, "solid: now, dashed: then"];
  if (!asking) add("text", { x: left, y: top - 0.5 * em, class: "es-dim" }, caption.find((text) => text.length * 0.56 * em < right - left) || "");
  const here = Math.max(end(at) - 1, left);
  add("line", { x1: here, x2: here, y1: top - 0.2 * em, y2: bottom, stroke: "var(--es-blue)", "stroke-width": 3 });
  let free = left;
  for (let index = 0; index < total; index += 1) { // as many names as fit, the chosen one always
    const half = now.days[index].length * 0.3 * em;
    const middle = clamp((x(index) + Math.min(end(index), x(index) + 2 * em)) / 2, left + half, right - half);
    const chosenAt = clamp((x(at) + Math.min(end(at), x(at) + 2 * em)) / 2, left + half, right - half);
    if (index !== at && (middle - half < free || Math.abs(middle - chosenAt) < 2.4 * half)) continue;
    add("text", { x: middle, y: bottom + 1.3 * em, "text-anchor": "middle", "font-weight": index === at ? 700 : 400, class: index === at ? "" : "es-dim" }, now.days[index]);
    free = middle + half + 0.8 * em;
  }
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    frame.stop();
    const to = (one) => {
      const live = frame.root.querySelector(".es-line").getBoundingClientRect();
      const goal = first + ((one.clientX - live.left - left) / (right - left)) * span;
      let found = 0;
      for (let index = 0; index < total; index += 1) if (now.ordinals[index] <= goal) found = index;
      move(found, get("known"));
    };
    const stop = () => { window.removeEventListener("pointermove", to); window.removeEventListener("pointerup", stop); window.removeEventListener("pointercancel", stop); };
    window.addEventListener("pointermove", to);
    window.addEventListener("pointerup", stop);
    window.addEventListener("pointercancel", stop);
    to(event);
  });
  return picture;
}

function stairs(levels, x, y, end) {
  let said = "";
  let pen = false;
  levels.forEach((level, index) => {
    if (level === null) { pen = false; return; }
    said += pen ? `V${y(level)}` : `M${x(index)} ${y(level)}`;
    said += `H${end(index)}`;
    pen = true;
  });
  return said || "M0 0";
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: planeSpec(model) }));

export default { render };
