// State and events: four designs that take the same changes, and five questions to
// all of them. It looks up, draws and moves; every row and every answer stands in the
// table that Python made.

const DESIGNS_CSS = `
.es-way { display: flex; flex-wrap: wrap; gap: .4em .5em; align-items: center; }
.es-stage .es-way button { padding: .25em .55em; }
.es-stage .es-way button[aria-current="step"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); }
.es-way button[aria-current="step"] kbd { color: inherit; }
.es-stage .es-way button.es-byhand { border-style: dashed; }
.es-way .es-caption { color: var(--es-soft); }
.es-way .es-group { display: flex; flex-wrap: wrap; gap: .35em; align-items: center; }
.es-designs { display: grid; gap: .7em .8em; align-items: stretch; }
.es-designs[data-columns="4"] { grid-template-columns: minmax(0, .68fr) minmax(0, 1fr) minmax(0, 1.2fr) minmax(0, 1.28fr); }
.es-designs[data-columns="2"] { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.es-designs[data-columns="1"] { grid-template-columns: minmax(0, 1fr); }
.es-design { display: flex; flex-direction: column; gap: .25em; min-width: 0; }
.es-design > b { white-space: nowrap; }
.es-store { border: 4px solid var(--es-ink); padding: .3em .4em; flex: none; height: 13.9em; overflow: hidden; }
.es-store.es-log { border: 2px solid var(--es-line); padding: .3em; display: flex; flex-direction: column; gap: .3em; }
.es-stage .es-store table { border-collapse: collapse; width: 100%; margin: 0; font: inherit; color: inherit; background: none; border: 0; table-layout: auto; }
.es-stage .es-store tr, .es-stage .es-store tr:nth-child(even) { background: none; }
.es-stage .es-store th, .es-stage .es-store td { text-align: left; padding: .16em .3em; border: 0; background: none; font-size: 1em; line-height: 1.3; white-space: nowrap; font-variant-numeric: tabular-nums; color: inherit; }
.es-stage .es-store th { color: var(--es-soft); font-weight: 400; }
.es-stage .es-store tr.es-new td { background: color-mix(in srgb, var(--es-blue) 20%, transparent); font-weight: 650; }
.es-one { font-size: 1.9em; font-weight: 700; font-variant-numeric: tabular-nums; line-height: 1.15; }
.es-gone { color: var(--es-soft); text-decoration: line-through; text-decoration-color: var(--es-red); text-decoration-thickness: .14em; }
.es-note { color: var(--es-soft); }
.es-mini { flex: none; background: var(--es-blue); color: #fff; border-radius: .5em; padding: .15em .5em .2em; line-height: 1.25; position: relative; overflow: hidden; }
.es-mini b { padding-right: 1.4em; display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-mini span { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-mini em { position: absolute; right: .3em; top: .2em; font-style: normal; font-weight: 700; background: #fff; color: #00507d; border-radius: .3em; padding: 0 .3em; line-height: 1.2; }
.es-mini.es-then { padding-bottom: .6em; } .es-stage:not(.es-full) .es-mini.es-then span { white-space: normal; }
.es-mini i { position: absolute; left: 0; right: 0; bottom: 0; height: .4em; background: repeating-linear-gradient(135deg, var(--es-orange) 0 .35em, #15181c .35em .55em); }
.es-mini.es-new { outline: 3px solid var(--es-ink); outline-offset: -1px; }
.es-designs[data-columns="1"] .es-store { height: auto; } .es-designs:not([data-columns="4"]) .es-says { min-height: 1.4em; }
.es-says { display: flex; gap: .4em; align-items: flex-start; min-height: 4.2em; line-height: 1.3; }
.es-says > span:last-child { min-width: 0; }
.es-says b { display: block; font-variant-numeric: tabular-nums; }
.es-says small { font-size: 1em; color: var(--es-soft); }
.es-stage .es-designs-ask { min-height: 3.6em; justify-content: center; }
.es-full .es-designs { flex: 1 1 auto; gap: .3em .5em; }
.es-full .es-store { height: 11em; border-width: 5px; padding: .1em .3em; }
.es-full .es-store th, .es-full .es-store td { padding: .05em .2em; line-height: 1.2; }
.es-full .es-says { min-height: 2.6em; line-height: 1.15; }
.es-full .es-mini { padding: .05em .4em; line-height: 1.15; } .es-full .es-mini.es-then { padding-bottom: .4em; }
.es-stage.es-full .es-designs-ask { min-height: 2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-stage[data-tight="true"] .es-way .es-caption, .es-stage[data-tight="true"] .es-way kbd { display: none; }
.es-stage[data-tight="true"] .es-way { flex-wrap: nowrap; gap: .8em; } .es-stage[data-tight="true"] .es-way .es-group { flex-wrap: nowrap; gap: .2em; }
.es-stage[data-tight="true"] .es-way button { min-height: 1.6em; padding: .1em .3em; white-space: nowrap; }
.es-stage[data-tight="true"] .es-way .es-group:first-child button:not([aria-current]) { display: none; }
.es-stage[data-tight="true"] .es-designs[data-columns="4"] { grid-template-columns: 8.6em minmax(0, 1fr) minmax(0, 1fr) minmax(0, 1.75fr); }
.es-stage[data-tight="true"] .es-c-by, .es-stage[data-tight="true"] .es-c-until, .es-stage[data-tight="true"] .es-mini span, .es-stage[data-tight="true"] .es-note { display: none; }
.es-stage[data-tight="true"] .es-says small { display: none; } .es-stage[data-tight="true"] .es-says { min-height: 1.3em; }
.es-stage[data-tight="true"] .es-store { height: 6.65em; } .es-stage[data-tight="true"] .es-store thead { display: none; }
.es-stage[data-tight="true"] .es-store td { line-height: 1.12; } .es-stage[data-tight="true"] .es-mini em { top: .05em; line-height: 1.05; }
.es-stage[data-tight="true"] .es-mini b { padding-right: 1em; } .es-stage[data-tight="true"] .es-mini b::after { content: " " attr(data-price); }
.es-stage[data-tight="true"] .es-mini { padding: 0 .4em; } .es-stage[data-tight="true"] .es-mini.es-then { padding-bottom: .35em; } .es-stage[data-tight="true"] .es-store.es-log { gap: .15em; padding: .15em; }
.es-stage[data-tight="true"] .es-design { gap: .1em; } .es-stage[data-tight="true"] .es-designs-ask { min-height: 0; gap: .1em .6em; } .es-stage[data-tight="true"] .es-reason { min-height: 0; line-height: 1.15; }
.es-stage[data-tight="true"] .es-answers button { min-width: 0; padding: .1em .35em; min-height: 1.6em; } .es-stage[data-tight="true"] .es-answers { gap: .25em; }
.es-stage[data-tight="true"] .es-answers .es-idle, .es-stage[data-tight="true"] .es-hint, .es-stage[data-tight="true"] .es-reason .es-sign { display: none; }
`;

function designsSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const written = () => table().kept.length;
  const chosenAt = (place) => get("answers")[table().keys[place - written()]];
  const open = (place) => Boolean(get("predict")) && place >= written() && !chosenAt(place);
  const ask = (place) => (frame) => { frame.stop(); frame.go(place); };
  return {
    label: "State and events: four designs take the same changes and are asked the same questions",
    css: DESIGNS_CSS,
    stores: ["at", "asking", "answers"],
    count: () => written() + table().asks.length - 1,
    reach: (to) => ({ at: to, asking: open(to) }),
    inPlace: true,
    question() {
      const place = get("at") - written();
      if (place < 0 || !(get("asking") || chosenAt(get("at")))) return null;
      const answers = [...lettersOf(model)[0][place]].map((at, slot) => [LETTERS[slot], ...table().answers[place][Number(at)]]);
      return { id: table().keys[place], answers, chosen: chosenAt(get("at")), hint: "Choose an answer: the four are asked then." };
    },
    hint: () => (get("at") < written() ? "Step writes the next change; 1 to 5 ask a question." : ""),
    answered: () => ({ asking: false }),
    first: () => ({ at: 0, asking: false, answers: {} }),
    predict: (on) => ({ asking: on && get("at") >= written() && !chosenAt(get("at")) }),
    words() {
      const at = get("at");
      const finding = get("asking") ? table().asks[at - written()] : table().findings[at];
      return { title: "one lamp, four designs", place: table().titles[at], finding, python: table().python[at] };
    },
    keys: Object.fromEntries([1, 2, 3, 4, 5].map((number) => [number, (frame) => ask(written() + number - 1)(frame)])),
    draw(frame) {
      const view = { frame, now: table(), at: get("at"), asking: get("asking"), written: written(), ask, chosenAt };
      frame.ask.classList.add("es-designs-ask");
      frame.picture.replaceChildren(drawWay(view), drawDesigns(view), frame.ask);
    },
  };
}

// The way: a button for each change and for each question.
function drawWay({ frame, now, at, written, ask, chosenAt }) {
  const days = now.days.map((day, place) =>
    make("button", { type: "button", class: now.told[place] ? "" : "es-byhand", "data-key": `day ${place}`, "aria-label": `Change of ${day}`,
      "aria-current": place === at ? "step" : null, onclick: () => ask(place)(frame) }, day));
  const asked = now.labels.map((label, place) => {
    const chosen = chosenAt(place + written);
    return make("button", { type: "button", "data-key": `ask ${place}`, "aria-label": `Question ${place + 1}: ${label}${chosen ? ", answered" : ""}`,
      "aria-current": place + written === at ? "step" : null, onclick: () => ask(place + written)(frame) }, key(place + 1), label);
  });
  return make("div", { class: "es-way" },
    make("div", { class: "es-group", role: "group", "aria-label": "Changes" }, make("span", { class: "es-caption" }, "written"), days),
    make("div", { class: "es-group", role: "group", "aria-label": "Questions" }, make("span", { class: "es-caption" }, "asked"), asked));
}

function drawDesigns(view) {
  const { frame, now, at, asking, written } = view;
  const room = frame.width / frame.em;
  const tight = frame.root.dataset.tight === "true";
  const columns = tight || room >= 58 ? 4 : room >= 33 ? 2 : 1;
  const place = Math.min(at, written - 1);
  const fresh = at < written; // something was just written
  const boxes = now.designs.map((name, index) => {
    const rows = now.kept[place][index];
    const before = place ? now.kept[place - 1][index].map(String) : [];
    const isNew = (row) => fresh && !before.includes(String(row));
    const store = index === 3 ? drawLog(rows, isNew) : index === 0 ? drawRow(now, rows, place, fresh) : drawTable(now.heads[index], rows, isNew);
    const answer = at >= written && !asking ? now.said[at - written][index] : null;
    return make("div", { class: "es-design", role: "group", "aria-label": name }, make("b", null, name), store, drawAnswer(answer));
  });
  return make("div", { class: "es-designs", "data-columns": columns }, boxes);
}

function drawRow(now, rows, place, fresh) {
  const [price, by] = rows[0];
  return make("div", { class: "es-store" },
    make("div", { class: "es-one" }, price),
    make("div", null, `by ${by}`),
    fresh && place ? make("div", null, make("span", { class: "es-gone" }, now.gone[place]), " overwritten") : null,
    make("div", { class: "es-note" }, "one row"));
}

function drawTable(heads, rows, isNew) {
  const cell = (tag) => (value, column) => make(tag, { class: `es-c-${heads[column]}` }, value);
  return make("div", { class: "es-store" }, make("table", null,
    make("thead", null, make("tr", null, heads.map(cell("th")))),
    make("tbody", null, rows.map((row) => make("tr", { class: isNew(row) ? "es-new" : "" }, row.map(cell("td")))))));
}

function drawLog(rows, isNew) {
  return make("div", { class: "es-store es-log" }, rows.map(([kind, price, by, happened, recorded], index) => {
    const late = happened !== recorded;
    const when = late ? `${happened}, ${`known ${recorded}`.replace(/ /g, "\u00a0")}` : happened;
    return make("div", { class: `es-mini ${late ? "es-then" : ""} ${isNew(rows[index]) ? "es-new" : ""}`, "aria-label": `Event ${index + 1}: ${kind} ${price} by ${by}, ${when}` },
      make("b", { "data-price": price }, kind), make("em", null, index + 1), make("span", null, `${price}, ${by}, ${when}`), late ? make("i") : null);
  }));
}

function drawAnswer(answer) {
  if (!answer) return make("div", { class: "es-says" });
  const [text, right, why] = answer;
  return make("div", { class: "es-says" }, sign(right), make("span", null, make("b", null, text), right ? null : make("small", null, why)));
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: designsSpec(model) }));

export default { render };
