// The partitions stage: keys as chips in lanes, events as cards in lanes, and what one
// lane more does to both. It looks up, draws and moves; places, marks and sentences
// stand in the table that Python made.

const LANES_CSS = `
.es-deeds { display: flex; flex-wrap: wrap; align-items: center; gap: .4em .7em; min-height: 2.15em; }
.es-deeds > span { color: var(--es-soft); }
.es-stage .es-deeds button[aria-pressed="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 600; }
.es-deeds button[aria-pressed="true"] kbd { color: var(--es-paper); }
.es-turned { border: 2px solid var(--es-red); border-radius: .3em; padding: .05em .5em; display: inline-flex; gap: .4em; align-items: center; font-variant-numeric: tabular-nums; }
.es-stage .es-turned .es-sign { font-size: .85em; }
.es-lanes { display: flex; flex-direction: column; gap: .25em; min-height: 21.5em; }
.es-lane { display: grid; grid-template-columns: var(--es-first) minmax(0, 1fr) var(--es-last); align-items: center; gap: .6em; border: 2px solid var(--es-line); border-radius: .3em; padding: .1em .5em; min-height: 2.05em; flex: 1 0 auto; }
.es-lane.es-new { border: 2px dashed var(--es-ink); }
.es-lane > b { white-space: nowrap; } .es-lane > b > span { color: var(--es-soft); font-weight: 400; } [data-size="narrow"] .es-short > b > span { display: block; }
.es-chips { display: flex; flex-wrap: wrap; gap: .25em .35em; min-width: 0; align-items: center; }
.es-chip { border: 1px solid var(--es-soft); border-radius: 1em; padding: 0 .55em; line-height: 1.45; white-space: nowrap; background: var(--es-mist); max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.es-chip.es-moved { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 650; }
.es-chip.es-hot { border: 3px solid var(--es-orange); font-weight: 650; }
.es-chips > em, .es-queue > em { font-style: normal; color: var(--es-soft); white-space: nowrap; }
.es-load { display: flex; align-items: center; gap: .4em; white-space: nowrap; font-variant-numeric: tabular-nums; min-width: 0; }
.es-load i { height: .8em; background: var(--es-blue); flex: none; min-width: 2px; }
.es-queue { display: flex; gap: .35em; min-width: 0; overflow: hidden; align-items: center; }
.es-cardlet { display: inline-flex; flex: none; align-items: center; gap: .35em; background: var(--es-blue); color: #fff; border: 2px solid var(--es-blue); border-radius: .5em; padding: 0 .3em 0 .45em; line-height: 1.5; white-space: nowrap; }
.es-cardlet em { font-style: normal; font-weight: 700; background: #fff; color: #00507d; border-radius: .3em; padding: 0 .3em; line-height: 1.25; }
.es-cardlet.es-handled { background: var(--es-mist); color: var(--es-soft); border-color: var(--es-line); }
.es-cardlet.es-overtook, .es-cardlet.es-late { background: var(--es-red); border-color: var(--es-red); color: #fff; }
.es-cardlet.es-behind { color: var(--es-ink); border-color: var(--es-orange); background: repeating-linear-gradient(135deg, var(--es-orange) 0 .14em, var(--es-paper) .14em .7em); }
.es-cardlet.es-behind span { background: var(--es-paper); padding: 0 .2em; }
.es-stage .es-lanes-ask { min-height: 4em; justify-content: center; }
.es-lanes.es-slow .es-lane { min-height: 3.3em; }
.es-lanes::after { content: ""; flex: 3 0 0; }
.es-full .es-lanes { flex: 1 1 auto; min-height: 0; gap: .15em; }
.es-full .es-lanes .es-lane { min-height: 1.75em; padding: 0 .5em; } .es-full .es-chip { line-height: 1.3; }
.es-stage.es-full .es-lanes-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
[data-tight="true"] .es-lanes .es-lane { min-height: 1.45em; border-width: 1px; } [data-tight="true"] .es-chip { line-height: 1.15; padding: 0 .35em; } [data-tight="true"] .es-cardlet { line-height: 1.15; }
.es-stage[data-tight="true"] .es-deeds, .es-stage[data-tight="true"] .es-deeds button { min-height: 1.5em; padding-top: 0; padding-bottom: 0; } [data-tight="true"] .es-deeds > span { display: none; }
[data-tight="true"] .es-lanes { gap: .08em; } [data-tight="true"] .es-tabs kbd, [data-tight="true"] .es-title { display: none; }
[data-tight="true"] .es-head { gap: .2em .4em; } .es-stage[data-tight="true"] .es-tabs button { padding: .1em .6em; }
.es-stage[data-tight="true"] .es-answers button { min-width: 3.5em; padding: .2em .4em; min-height: 1.5em; } .es-stage[data-tight="true"] .es-lanes-ask[data-done="true"] .es-answers, .es-stage[data-tight="true"] .es-lanes-ask[data-done="over"] { display: none; }
.es-stage[data-tight="true"] .es-lanes-ask { min-height: 0; } .es-stage[data-tight="true"] .es-lanes-ask .es-reason { line-height: 1.15; }
`;

const STANDS = { // what is written on a card
  waiting: "", handled: "✓", overtook: "✕ early", behind: "waits", late: "✕ late",
};

function lanesSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const [MORE, READING, BY_HASH] = table().tabs;
  const question = () => table().question;
  const chosen = () => get("answers")[question()];
  const pending = () => get("predict") && !chosen();
  const reading = (drain = get("drain")) => table().reading[Number(drain)];
  const counted = (tab, drain) => (tab === READING ? reading(drain).ticks.length : tab === BY_HASH ? table().hashed.length : table().more[0].length) - 1;
  const at = () => Math.min(get("at"), counted(get("tab")));
  const cell = () => (get("tab") === READING ? reading().cells : get("tab") === BY_HASH ? table().hashed : table().more[Number(get("hot"))])[at()];
  const opening = () => ({ at: table().before - 1, tab: MORE, hot: false });
  const start = () => (get("predict") || table().opens === MORE ? opening() : { at: 0, tab: table().opens, hot: false });

  function heat(frame) {
    if (!get("asking") && get("tab") === MORE) frame.put({ hot: !get("hot") });
  }
  function wait(frame) {
    if (get("asking") || get("tab") !== READING) return;
    const { ticks } = reading(!get("drain"));
    const now = reading().ticks[at()];
    const then = ticks.findIndex((tick) => tick >= now);
    frame.put({ drain: !get("drain"), at: then < 0 ? ticks.length - 1 : then });
  }
  function place() {
    if (get("tab") === BY_HASH) return `process ${at() + 1}`;
    if (get("tab") === READING) return `tick ${reading().ticks[at()]}`;
    return at() ? `${at() + 1} partitions` : "1 partition";
  }
  return {
    label: "Partitions stage: where keys lie, and what one more partition breaks",
    css: LANES_CSS,
    stores: ["at", "tab", "hot", "drain", "asking", "answers"],
    pinned: true,
    get beat() { return get("tab") === READING ? 450 : 1200; },
    count: () => counted(get("tab")),
    reach: (to) => (pending() ? { ...opening(), asking: true } : { at: to, asking: false }),
    question() { // once it is answered, it stays as long as the stage shows what it asked about
      const isThere = get("tab") === MORE && !get("hot") && at() === table().before;
      if (!get("asking") && !(chosen() && isThere)) return null;
      const answers = [...lettersOf(model)[0][0]].map((each, slot) => [LETTERS[slot], ...table().answers[Number(each)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then the keys move." };
    },
    hint: () => ({ [MORE]: "Step adds a partition; an arrow says where a key was before.", [READING]: "Play writes an event a tick; beside each partition stand the ticks that its reader needs for one.", [BY_HASH]: "Step asks another process; an arrow says where the first one lays a key." })[get("tab")],
    answered: () => ({ ...opening(), at: table().before, asking: false }),
    first: () => ({ ...start(), drain: false, asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => (on && !chosen() ? { ...opening(), asking: true } : { asking: false }),
    tabs: () => table().tabs.map((one) => [one, one]),
    turn: (name) => (get("asking") ? {} : { tab: name, at: name === MORE ? table().before : 0 }),
    words() {
      return { title: table().title, place: place(), finding: get("asking") ? question() : cell().said, python: cell().python };
    },
    keys: { h: heat, w: wait },
    draw(frame) {
      const view = { frame, now: table(), cell: cell(), isReading: get("tab") === READING, reading: reading(), asking: get("asking"), drain: get("drain"), hot: get("hot"), before: table().before };
      const room = make("div", { class: `es-lanes${view.isReading ? " es-slow" : ""}`, role: "list", "aria-label": "Partitions" });
      const places = view.isReading ? null : placesOf(frame);
      const narrow = frame.width / frame.em < 40;
      room.style.setProperty("--es-first", view.isReading ? (narrow ? "3.4em" : "10.2em") : narrow ? "1.6em" : "6.4em");
      room.style.setProperty("--es-last", view.isReading ? "0" : narrow ? "4.4em" : "13em");
      room.append(...(view.isReading ? drawQueues(view, narrow) : drawLanes(view, narrow)));
      frame.ask.classList.add("es-lanes-ask");
      frame.ask.dataset.done = frame.ask.querySelector("button") ? String(!view.asking) : "over";
      frame.picture.replaceChildren(drawDeeds(view, { tab: get("tab"), MORE, READING, heat, wait }), room, frame.ask);
      if (places) fall(frame, places);
    },
  };
}

// What can be switched here, and what came of it.
function drawDeeds({ frame, now, cell, isReading, asking, drain, hot }, { tab, MORE, heat, wait }) {
  const deed = (name, on, letter, action) => make("button", { type: "button", disabled: asking, "aria-pressed": String(on), "data-key": name, onclick: () => action(frame) }, name, key(letter));
  const row = make("div", { class: "es-deeds" });
  if (tab === MORE) row.append(deed("Hot key", hot, "H", heat), make("span", null, hot ? `${now.hottest} brings as many events as all others` : "one key that everybody wants"));
  else if (isReading) {
    row.append(deed("Writers wait", drain, "W", wait));
    row.append(...cell.orders.map(([name, order]) => make("strong", { class: "es-turned" }, sign(false), `${name}: ${order}`)));
    if (!cell.orders.length) row.append(make("span", null, "orders that are lost stand here"));
  } else row.append(make("span", null, "the same code in three processes, each with a salt of its own"));
  return row;
}

function labelOf(lane, narrow, pace) {
  return make("b", null, narrow ? String(lane) : `partition ${lane}`, pace ? make("span", null, narrow ? pace : `, ${pace}`) : null);
}

function drawLanes({ now, cell, asking }, narrow) {
  const most = Math.max(1, ...cell.rows.map((row) => row.events));
  return cell.rows.map((row, lane) => {
    const chips = row.keys.map((at) => {
      const from = asking ? undefined : cell.moved[at];
      const hot = at === cell.hot;
      return make("span", { class: `es-chip${from === undefined ? "" : " es-moved"}${hot ? " es-hot" : ""}`, "data-chip": at }, from === undefined ? null : `${from} → `, now.keys[at], hot ? " hot" : null);
    });
    const told = `Partition ${lane}: ${row.keys.map((at) => now.keys[at]).join(", ") || "no key"}${row.others ? ` and ${row.others} more` : ""}; ${row.events} events`;
    const wide = (narrow ? 1.4 : 6.5) * (row.events / most);
    return make("div", { class: "es-lane", role: "listitem", "aria-label": told },
      labelOf(lane, narrow),
      make("div", { class: "es-chips" }, chips, row.others ? make("em", null, `+${row.others}`) : null),
      make("div", { class: "es-load" }, make("i", { style: `width:${wide.toFixed(2)}em` }), narrow ? String(row.events) : `${row.events} events`));
  });
}

function drawQueues({ frame, now, cell, reading, before }, narrow) {
  const stands = narrow ? { ...STANDS, overtook: "✕", behind: "", late: "✕" } : STANDS;
  const room = frame.width / frame.em - (narrow ? 5.6 : 12.8);
  return cell.queues.map(([gone, cards, more], lane) => {
    const shown = cards.map(([at, mark]) => [...reading.events[at], mark]);
    const long = ([name, version, , mark]) => name.length * 0.58 + String(version).length * 0.6 + 2.6 + stands[mark].length * 0.56;
    let [first, last] = [gone, more];
    let wide = shown.reduce((sum, card) => sum + long(card), 0);
    while (wide > room - 4.5 && shown.length > 1) { // handled ones give way first
      const isDone = ["handled", "overtook", "late"].includes(shown[0][3]);
      wide -= long(isDone ? shown.shift() : shown.pop());
      if (isDone) first += 1; else last += 1;
    }
    const told = shown.map(([name, version, , mark]) => `${name} event ${version} ${mark}`).join(", ");
    return make("div", { class: `es-lane${lane >= before ? " es-new" : ""}${narrow ? " es-short" : ""}`, role: "listitem", "aria-label": `Partition ${lane}, ${now.paces[lane]} an event: ${first} handled before, ${told || "nothing now"}${last ? `, ${last} more wait` : ""}` },
      labelOf(lane, narrow, now.paces[lane]),
      make("div", { class: "es-queue" }, make("em", null, first ? `${first} ✓` : ""),
        shown.map(([name, version, , mark]) => make("span", { class: `es-cardlet es-${mark}` }, make("span", null, name), make("em", null, version), stands[mark] ? make("span", null, stands[mark]) : null)),
        last ? make("em", null, `+${last}`) : null));
  });
}

// Keys fall from where they were to where they are.
function placesOf(frame) {
  return new Map([...frame.picture.querySelectorAll("[data-chip]")].map((chip) => [chip.dataset.chip, chip.getBoundingClientRect()]));
}

function fall(frame, places) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const now = placesOf(frame); // all places are read before the first chip moves
  for (const chip of frame.picture.querySelectorAll("[data-chip]")) {
    const [before, after] = [places.get(chip.dataset.chip), now.get(chip.dataset.chip)];
    if (!before) continue;
    const [x, y] = [before.left - after.left, before.top - after.top];
    if (x || y) chip.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: 350, easing: "ease-in" });
  }
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: lanesSpec(model) }));

export default { render };
