// The small time machine: the line of one value over the days, and a handle for
// the day asked about. It looks up, draws and moves; every answer stands in the
// table that Python made.

const DAYS_CSS = `
.es-asked { display: grid; grid-template-columns: minmax(9em, .7fr) minmax(14em, 1fr) minmax(14em, 1fr); gap: .9em; align-items: stretch; }
.es-box { padding: .4em .8em; min-height: 6.2em; display: flex; flex-direction: column; justify-content: center; gap: .1em; min-width: 0; overflow: hidden; }
.es-box small { font-size: 1em; color: var(--es-soft); overflow-wrap: anywhere; }
.es-stage .es-box code { font: 1em/1.3 var(--es-mono); color: inherit; background: none; padding: 0; display: inline-block; }
.es-box b { font-size: 2.1em; line-height: 1.15; font-variant-numeric: tabular-nums; display: flex; align-items: center; gap: 0 .4em; flex-wrap: wrap; white-space: nowrap; }
.es-box b .es-sign { font-size: .55em; }
.es-box.es-log { border: 4px solid var(--es-ink); }
.es-box.es-filter { border: 2px dashed var(--es-soft); }
.es-box.es-day { padding-left: .2em; }
.es-stage .es-days-ask { min-height: 4em; justify-content: center; }
.es-days { display: block; width: 100%; touch-action: none; cursor: ew-resize; }
.es-full .es-days-room { flex: 1 1 10em; min-height: 10em; overflow: hidden; }
.es-full .es-box { min-height: 5em; padding: .2em .6em; } .es-stage.es-full .es-days-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-stage[data-tight="true"] .es-days-room { flex-basis: 8em; min-height: 8em; } [data-tight="true"] .es-who { display: none; } [data-tight="true"] .es-asked { grid-template-columns: .66fr 1fr 1.2fr; gap: .5em; } [data-tight="true"] .es-box b { font-size: 1.5em; } [data-tight="true"] .es-box { min-height: 3.6em; padding: .1em .5em; }
[data-size="narrow"]:not([data-tight="true"]) .es-asked { grid-template-columns: 1fr 1fr; } [data-size="narrow"]:not([data-tight="true"]) .es-box.es-day { grid-column: 1 / -1; min-height: 0; padding: 0; }
`;

function daysSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const pending = () => get("predict") && !chosen();
  return {
    label: "Small time machine: what was true at the end of a day",
    css: DAYS_CSS,
    stores: ["at", "asking", "answers"],
    pinned: true,
    beat: 500,
    count: () => table().days.length - 1,
    reach: (to) => (pending() ? { at: table().asked, asking: true } : { at: to, asking: false }),
    question() {
      if (!get("asking") && !chosen()) return null;
      const answers = [...lettersOf(model)[0][0]].map((place, slot) => [LETTERS[slot], ...table().answers[Number(place)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the handle is yours." };
    },
    hint: () => "Drag the handle, click on a day, or press ← and →.",
    answered: () => ({ at: table().asked, asking: false }),
    first: () => ({ at: table().asked, asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => (on && !chosen() ? { asking: true, at: table().asked } : { asking: false }),
    words() {
      const at = get("at");
      return { title: table().title, place: table().days[at], finding: get("asking") ? question() : table().findings[at], python: table().python[at] };
    },
    draw(frame) {
      const view = { frame, now: table(), at: get("at"), asking: get("asking") };
      const room = make("div", { class: "es-days-room" });
      frame.ask.classList.add("es-days-ask");
      frame.picture.replaceChildren(drawAnswers(view), frame.ask, room);
      room.append(drawDays(view, frame.full() ? room.clientHeight : 16 * frame.em));
    },
  };
}

function drawAnswers({ now, at, asking }) {
  const [known, filtered] = [now.known[at], now.filtered[at]];
  const same = known === filtered;
  const said = (value, right) => make("b", null, asking ? "?" : value === null ? "nothing" : value, asking ? null : sign(right));
  return make("div", { class: "es-asked" },
    make("div", { class: "es-box es-day" }, make("small", null, "about the end of"), make("b", null, now.days[at])),
    make("div", { class: "es-box es-log" }, make("small", null, make("span", { class: "es-who" }, "the log: "), make("code", null, `as_of("${now.iso[at]}")`)), said(known, true)),
    make("div", { class: "es-box es-filter" }, make("small", null, make("span", { class: "es-who" }, "the filter: "), make("code", null, `timestamp <= "${now.iso[at]}"`)), said(filtered, same)));
}

function drawDays({ frame, now, at, asking }, tall) {
  const { em, width } = frame;
  const total = now.days.length;
  const known = now.line.map(([, value]) => value);
  const bottom = tall - 4.6 * em;
  const top = 2.6 * em;
  const ticks = niceTicks(Math.min(0, ...known), Math.max(0, ...known), clamp(Math.floor((bottom - top) / (2 * em)), 2, 4));
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  const names = ticks.map((tick) => String(Number(tick.toFixed(2))));
  const left = (Math.max(...names.map((name) => name.length), 3) * 0.6 + 1.2) * em;
  const right = width - 1.2 * em;
  const wide = (right - left) / total;
  const x = (day) => left + day * wide;
  const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
  const picture = draw("svg", { class: "es-days", "data-scrub": true, width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `The ${now.measure} day by day` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  const differs = now.known[at] !== now.filtered[at];
  add("rect", { x: left, y: top - 0.6 * em, width: Math.max(x(at + 1) - left, 0), height: bottom - top + 0.6 * em, fill: "var(--es-blue)", opacity: 0.1 });
  add("rect", { x: x(at), y: top - 0.6 * em, width: wide, height: bottom - top + 0.6 * em, fill: differs && !asking ? "var(--es-red)" : "var(--es-blue)", opacity: 0.22 });
  ticks.forEach((tick, index) => {
    add("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--es-line)", "stroke-width": 1 });
    add("text", { x: left - 0.6 * em, y: y(tick) + 0.35 * em, "text-anchor": "end", class: "es-dim" }, names[index]);
  });
  const every = Math.ceil(((Math.max(...now.days.map((day) => day.length)) * 0.6 + 1) * em) / wide);
  for (let day = at % every; day < total; day += every) {
    if (x(day) + wide / 2 < left + 1.2 * em) continue;
    add("text", { x: x(day) + wide / 2, y: bottom + 1.3 * em, "text-anchor": "middle", "font-weight": day === at ? 700 : 400, class: day === at ? "" : "es-dim" }, now.days[day]);
  }
  drawLine({ add, now, cut: asking ? at : at + 1, asking, x, y, low });
  if (asking) add("text", { x: x(at + 1) + 1.5 * em, y: (top + bottom) / 2 + em, "font-size": `${2.4 * em}px`, "font-weight": 700, class: "es-dim" }, "?");
  drawMarks({ add, now, x, em, y: bottom + 2 * em, at, right });
  drawCuts({ add, now, at, asking, differs, x, em, top, bottom, wide, left, right });
  scrubOn(picture, frame, (offset) => clamp(Math.floor((offset - left) / wide), 0, total - 1));
  return picture;
}

// The line as levels and risers; a riser stands where its event does. Up to the cut
// it is solid; after it, faint, or left out while the question is open.
function drawLine({ add, now, cut, asking, x, y, low }) {
  const path = (from, to) => {
    let said = "";
    now.line.forEach(([when, value], index) => {
      const until = Math.min(index + 1 < now.line.length ? now.line[index + 1][0] : now.days.length, to);
      const before = index ? now.line[index - 1][1] : Math.max(low, 0);
      if (until <= from || when >= to) return;
      said += when >= from ? `M${x(when)} ${y(before)}V${y(value)}` : `M${x(from)} ${y(value)}`;
      said += `H${x(until)}`;
    });
    return said || "M0 0";
  };
  const looks = { fill: "none", stroke: "var(--es-ink)", "stroke-width": 4, "stroke-linecap": "square" };
  if (!asking) add("path", { d: path(cut, now.days.length), ...looks, opacity: 0.3 });
  add("path", { d: path(0, cut), ...looks });
}

function drawMarks({ add, now, x, em, y, at, right }) {
  let free = 0;
  for (const [when, version, type, change, mark] of now.events) {
    const middle = x(when);
    const size = 0.75 * em;
    const shade = mark === "correction" ? "var(--es-purple)" : "var(--es-blue)";
    const dim = Math.floor(when) > at ? 0.5 : 1;
    add("line", { x1: middle, x2: middle, y1: y - 0.5 * em, y2: y + 0.1 * em, stroke: shade, "stroke-width": 2, opacity: dim });
    if (middle - size < free) continue;
    if (mark === "correction") add("path", { d: `M${middle} ${y}l${size} ${size}l${-size} ${size}l${-size} ${-size}z`, fill: shade, opacity: dim });
    else add("rect", { x: middle - size, y, width: size * 2, height: size * 2, rx: 0.35 * em, fill: shade, opacity: dim });
    add("text", { x: middle, y: y + 1.1 * em, "text-anchor": "middle", "font-weight": 700, style: `fill:${mark === "correction" ? "#15181c" : "#fff"}` }, version);
    free = middle + size + 0.3 * em;
    const label = `${change} ${type}`;
    const next = now.events.find(([later]) => later > when);
    const room = (next ? x(next[0]) : right + 1.2 * em) - middle - 2.4 * em;
    const text = room > label.length * 0.62 * em ? label : room > change.length * 0.62 * em ? change : "";
    if (text) add("text", { x: middle + 1.15 * em, y: y + 1.1 * em, opacity: dim }, text);
  }
}

// Where each of the two cuts: the filter at the first moment of the day, the log at
// its last.
function drawCuts({ add, now, at, asking, differs, x, em, top, bottom, wide, left, right }) {
  const wrong = differs && !asking;
  const start = x(at);
  const end = x(at + 1);
  add("line", { x1: start, x2: start, y1: top - 0.6 * em, y2: bottom, stroke: wrong ? "var(--es-red)" : "var(--es-soft)", "stroke-width": wrong ? 3 : 1.5, "stroke-dasharray": `${0.4 * em} ${0.3 * em}` });
  add("line", { x1: end, x2: end, y1: top - 0.6 * em, y2: bottom + 0.2 * em, stroke: "var(--es-ink)", "stroke-width": 2.5 });
  const grip = [end, top - 1 * em];
  add("circle", { cx: grip[0], cy: grip[1], r: 0.75 * em, fill: "var(--es-ink)", class: "es-handle" });
  add("path", { d: `M${grip[0] - 0.2 * em} ${grip[1] - 0.35 * em}l${-0.3 * em} ${0.35 * em}l${0.3 * em} ${0.35 * em}zM${grip[0] + 0.2 * em} ${grip[1] - 0.35 * em}l${0.3 * em} ${0.35 * em}l${-0.3 * em} ${0.35 * em}z`, fill: "var(--es-paper)" });
  const label = (text, leftOf, rightOf, high, looks) => { // on the side where it fits, or not at all
    const long = text.length * 0.64 * em;
    if (rightOf !== null && right - rightOf > long) add("text", { x: rightOf, y: high, ...looks }, text);
    else if (leftOf !== null && leftOf - left > long) add("text", { x: leftOf, y: high, "text-anchor": "end", ...looks }, text);
  };
  if (wrong) label("✕ the filter cuts here", start - 0.6 * em, null, top - 0.75 * em, { "font-weight": 600 });
  label(`the log cuts here: end of ${now.days[at]}`, wrong ? null : end - 1.2 * em, end + 1.2 * em, top - 0.75 * em, { "font-weight": 600 });
  if (wrong) label(now.why[at], start - 0.6 * em, end + 1.2 * em, top + 0.75 * em, { class: "es-dim" });
  if (wide > 3 * em && wrong) add("text", { x: start + wide / 2, y: bottom - 0.5 * em, "text-anchor": "middle", class: "es-dim" }, "lost");
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: daysSpec(model) }));

export default { render };
