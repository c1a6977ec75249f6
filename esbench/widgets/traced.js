// The trace stage: a lane a worker, a card a step, and the row after each. It looks up
// and draws; marks, words and sentences stand in the table that Python made.

const TRACE_CSS = `
.es-trace { display: grid; gap: .25em .4em; align-items: stretch; min-width: 0; }
.es-trace > b { align-self: center; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-trace > small { font-size: 1em; color: var(--es-soft); text-align: center; font-variant-numeric: tabular-nums; white-space: nowrap; min-height: 1.35em; }
.es-way { border-top: 2px solid var(--es-line); align-self: center; height: 0; }
.es-did { border: 2px solid var(--es-blue); border-radius: .5em; padding: .05em .45em .1em; min-height: 2.9em; min-width: 0; line-height: 1.35; background: var(--es-paper); z-index: 1; }
.es-did > * { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-did strong em { font-style: normal; border: 1px solid currentColor; border-radius: .3em; padding: 0 .25em; margin-right: .3em; }
.es-did.es-done { background: var(--es-blue); color: #fff; }
.es-did.es-late, .es-did.es-again, .es-did.es-trouble { background: var(--es-red); border-color: var(--es-red); color: #fff; }
.es-did.es-aside { border-color: var(--es-orange); background: repeating-linear-gradient(135deg, var(--es-orange) 0 .14em, var(--es-paper) .14em .9em); }
.es-did.es-aside > * { background: var(--es-paper); width: fit-content; max-width: 100%; padding: 0 .2em; }
.es-did.es-now { outline: 3px solid var(--es-ink); outline-offset: 1px; }
.es-after { border: 3px solid var(--es-ink); padding: .1em .4em; min-height: 2.1em; min-width: 0; display: flex; align-items: center; gap: .35em; font-weight: 650; }
.es-after span:last-child { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-after.es-good { border-color: var(--es-green); } .es-after.es-bad { border-color: var(--es-red); }
.es-full .es-trace { flex: 0 1 auto; }
.es-did.es-coming { border-style: dashed; border-color: var(--es-soft); }
[data-tight="true"] .es-did { min-height: 2.5em; line-height: 1.2; padding: 0 .4em; } [data-tight="true"] .es-many .es-did { min-height: 1.5em; } [data-tight="true"] .es-many .es-did > span, [data-tight="true"] .es-many > small { display: none; }
`;

const TRACE_SIGNS = { late: " ✕ late", again: " ✕ again", trouble: " ✕" };

function traceSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const pending = () => question() && get("predict") && !chosen();
  return {
    label: "Trace stage: what each worker did, and the row after it",
    css: TRACE_CSS,
    stores: ["at", "asking", "answers"],
    pinned: true,
    beat: 900,
    count: () => table().steps.length,
    reach: (to) => (pending() ? { at: 0, asking: true } : { at: to, asking: false }),
    question() { // once it is answered, it stays until the first step
      if (!get("asking") && !(chosen() && get("at") === 0)) return null;
      const answers = [...lettersOf(model)[0][0]].map((each, slot) => [LETTERS[slot], ...table().answers[Number(each)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the workers begin." };
    },
    hint: () => "Step does what one of the workers did next; the row below is what it was after.",
    answered: () => ({ at: 0, asking: false }),
    first: () => ({ at: 0, asking: Boolean(get("predict") && question()), answers: {} }),
    predict: (on) => (on && question() && !chosen() ? { at: 0, asking: true } : { asking: false }),
    words() {
      const at = get("at");
      return { title: table().title, place: `step ${at}`, finding: get("asking") ? question() : table().said[at], python: at ? `trace.steps[${at - 1}]` : "trace.frame()" };
    },
    draw(frame) {
      frame.picture.replaceChildren(drawTrace(frame, table(), get("at"), get("asking")), frame.ask);
    },
  };
}

// As many columns as there is room for; the last step done is near the right. While the
// end is asked for, the last steps stand there without their effect.
function drawTrace(frame, now, at, asking) {
  const room = frame.width / frame.em;
  const named = clamp(Math.max(...now.lanes.map((lane) => lane.length)) * 0.62 + 0.6, 5.6, 9);
  const most = clamp(Math.floor((room - named) / 9), 2, Math.max(now.steps.length, 2));
  const furthest = Math.max(now.steps.length - most, 0);
  const first = asking ? furthest : clamp(at - Math.ceil(most * 0.75), 0, furthest);
  const last = asking ? now.steps.length : Math.min(first + most, at);
  const many = now.lanes.length > 4;
  const tall = `minmax(${frame.full() ? (many ? 1.6 : 2.6) : 3}em, auto)`;
  const grid = make("div", { class: `es-trace${many ? " es-many" : ""}`, role: "list", "aria-label": "Steps",
    style: `grid-template-columns: ${named}em repeat(${most}, minmax(0, 1fr)); grid-template-rows: auto repeat(${now.lanes.length}, ${tall}) auto` });
  const put = (row, column, node) => { node.style.gridArea = `${row} / ${column}`; grid.append(node); };
  now.lanes.forEach((lane, row) => {
    put(row + 2, 1, make("b", null, lane));
    const way = make("div", { class: "es-way" });
    put(row + 2, 2, way);
    way.style.gridColumn = "2 / -1";
  });
  const below = now.lanes.length + 2;
  put(1, 1, make("small"));
  put(below, 1, make("b", { class: "es-rows" }, now.rows));
  if (first >= last) put(below, 2, make("div", { class: "es-after", style: "visibility: hidden" }, "…"));
  now.steps.slice(first, last).forEach((step, index) => {
    const place = first + index;
    const [lane, mark, when, version, type, did, row] = step;
    put(1, index + 2, make("small", null, when || String(place + 1)));
    const look = asking ? "coming" : `${mark}${place === at - 1 ? " es-now" : ""}`;
    put(lane + 2, index + 2, make("div", { class: `es-did es-${look}`, role: "listitem", "aria-label": asking ? `${now.lanes[lane]}: ${did} ${type} ${version}` : now.said[place + 1] },
      make("strong", null, version === null ? null : make("em", null, version), type || did),
      make("span", null, `${type ? did : ""}${asking ? "" : TRACE_SIGNS[mark] || ""}`)));
    if (asking && place + 1 === now.steps.length) put(below, index + 2, make("div", { class: "es-after" }, "?"));
    if (asking || !row) return;
    const judged = place + 1 === now.steps.length && now.right !== null;
    put(below, index + 2, make("div", { class: `es-after${judged ? (now.right ? " es-good" : " es-bad") : ""}` }, judged ? sign(now.right) : null, make("span", null, row)));
  });
  return grid;
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: traceSpec(model) }));

export default { render };
