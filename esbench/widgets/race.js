// The race stage: three lanes and one row; the learner says who writes next. It looks
// up, draws and moves; verdicts, runs, scopes and sentences stand in the table that
// Python made.

const RACE_CSS = `
.es-race { display: grid; gap: .8em 1.4em; grid-template-columns: minmax(0, 1fr); align-items: start; }
.es-race[data-columns="2"] { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.es-race[data-columns="3"] { grid-template-columns: minmax(0, 1.25fr) minmax(0, .75fr) minmax(0, 1.2fr); }
.es-lanes { display: grid; gap: .5em; }
.es-lane { display: grid; grid-template-columns: 9.2em minmax(0, 1fr); gap: .6em; align-items: center; border-bottom: 2px solid var(--es-line); padding-bottom: .5em; }
.es-race[data-close="true"] .es-lane { grid-template-columns: 5em minmax(0, 1fr); } .es-race[data-close="true"] .es-lane button .es-more { display: none; }
.es-stage .es-lane button { border: 2px solid var(--es-ink); font-weight: 600; min-height: 3em; white-space: nowrap; }
.es-lane[data-slow="true"] .es-job { padding-bottom: .7em; } [data-tight="true"] .es-lane[data-slow="true"] .es-job { padding-bottom: .45em; }
.es-lane[data-slow="true"] .es-job::after { content: ""; position: absolute; left: 0; right: 0; bottom: 0; height: .4em; border-radius: 0 0 .6em .6em; background: repeating-linear-gradient(135deg, var(--es-orange) 0 .35em, #15181c .35em .55em); }
.es-job { position: relative; background: var(--es-blue); color: #fff; border-radius: .6em; padding: .3em 2em .35em .6em; line-height: 1.3; min-width: 0; }
.es-job i { font-style: normal; } .es-job b, .es-job span { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.es-job em { position: absolute; right: .4em; top: .35em; font-style: normal; font-weight: 700; background: #fff; color: #00507d; border-radius: .35em; padding: 0 .35em; }
.es-job.es-gone { opacity: .4; }
.es-db { display: flex; flex-direction: column; gap: .5em; min-width: 0; }
.es-row { border: 4px solid var(--es-ink); padding: .3em .7em .4em; min-width: 0; }
.es-row small, .es-panel small { font-size: 1em; color: var(--es-soft); display: block; }
.es-row b { font-size: 1.7em; line-height: 1.2; display: flex; gap: .4em; align-items: center; white-space: nowrap; }
.es-row b .es-sign { font-size: .6em; }
.es-row.es-now-right { border-color: var(--es-green); } .es-row.es-now-wrong { border-color: var(--es-red); }
.es-writes { display: flex; flex-wrap: wrap; gap: .35em; min-height: 1.9em; align-items: center; color: var(--es-soft); }
.es-writes span { border: 2px solid var(--es-soft); border-radius: .35em; padding: .05em .45em; color: var(--es-ink); }
.es-panel { display: flex; flex-direction: column; gap: .45em; min-width: 0; }
.es-word { display: inline-flex; gap: .45em; align-items: center; align-self: flex-start; font-weight: 700; border: 3px solid var(--es-ink); padding: .1em .6em; min-height: 2em; }
.es-word[data-word="open"] { border-color: var(--es-orange); background: repeating-linear-gradient(135deg, transparent 0 .5em, color-mix(in srgb, var(--es-orange) 25%, transparent) .5em .8em); }
.es-word[data-word="unavoidable"] { border-color: var(--es-red); } .es-word[data-word="excluded"] { border-color: var(--es-green); }
.es-chances { display: grid; grid-template-columns: minmax(0, 1fr); gap: .3em; }
.es-bar { position: relative; height: 1.15em; border: 2px solid var(--es-soft); background: var(--es-mist); }
.es-bar i { position: absolute; left: 0; top: 0; bottom: 0; background: var(--es-red); }
.es-bar u { position: absolute; top: 0; bottom: 0; width: 3px; margin-left: -1px; background: var(--es-ink); }
.es-bar s { position: absolute; top: calc(50% - 2px); height: 4px; background: var(--es-ink); }
.es-chance { display: flex; justify-content: space-between; gap: .6em; } .es-chance b { white-space: nowrap; font-variant-numeric: tabular-nums; }
.es-stage .es-race-ask { min-height: 3.9em; justify-content: center; }
.es-deeds { display: flex; flex-wrap: wrap; gap: .4em .5em; align-items: center; }
.es-stage .es-deeds button[aria-pressed="true"], .es-stage .es-deeds button[aria-checked="true"] { background: var(--es-ink); color: var(--es-paper); border-color: var(--es-ink); font-weight: 600; }
.es-deeds button[aria-pressed="true"] kbd, .es-deeds button[aria-checked="true"] kbd { color: inherit; }
.es-dots { display: flex; flex-wrap: wrap; gap: .3em; }
.es-dot { width: 1.55em; height: 1.55em; display: inline-flex; align-items: center; justify-content: center; color: #fff; font-weight: 700; line-height: 1; border-radius: 50%; background: var(--es-green); }
.es-dot.es-no { background: var(--es-red); border-radius: .2em; }
.es-dot.es-unknown { background: var(--es-paper); color: var(--es-ink); border: 2px dashed var(--es-soft); }
.es-stage .es-replay { border-collapse: collapse; margin: 0; font: inherit; color: inherit; width: 100%; table-layout: auto; }
.es-stage .es-replay th, .es-stage .es-replay td { border: 0; border-bottom: 1px solid var(--es-line); padding: .3em .5em; text-align: left; font-size: 1em; line-height: 1.3; background: none; color: inherit; }
.es-stage .es-replay th { color: var(--es-soft); font-weight: 400; } .es-stage .es-replay tr, .es-stage .es-replay tr:nth-child(even) { background: none; }
.es-replay tr.es-later { opacity: .35; } .es-replay td:not(:nth-child(3)) { white-space: nowrap; }
.es-race-picture { display: block; width: 100%; }
.es-full .es-race { flex: 1 1 auto; gap: .3em 1em; }
.es-stage.es-full .es-race-ask { min-height: 2.2em; flex-direction: row; align-items: center; justify-content: flex-start; flex-wrap: wrap; gap: .2em 1em; }
.es-stage[data-tight="true"] .es-race-ask { min-height: 0; }
.es-stage[data-tight="true"] .es-lane button { min-height: 2em; padding: .1em .3em; } .es-stage[data-tight="true"] .es-lane { grid-template-columns: 4.4em minmax(0, 1fr); padding-bottom: .25em; gap: .3em; }
[data-tight="true"] .es-lanes { gap: .25em; } [data-tight="true"] .es-job em { top: .08em; line-height: 1.15; } [data-tight="true"] .es-chance { white-space: nowrap; } [data-tight="true"] .es-chance > span { overflow: hidden; text-overflow: ellipsis; } [data-tight="true"] .es-job { padding: .1em 1.6em .1em .4em; line-height: 1.15; } [data-tight="true"] .es-job b, [data-tight="true"] .es-more, [data-tight="true"] .es-title, [data-tight="true"] .es-row small { display: none; }
[data-tight="true"] .es-row { padding: .05em .4em; } [data-tight="true"] .es-row b { font-size: 1.15em; } [data-tight="true"] .es-panel { gap: .15em; } [data-tight="true"] .es-writes { gap: .2em; } [data-tight="true"] .es-writes span { padding: 0 .25em; border-width: 1px; }
[data-tight="true"] .es-race[data-columns="3"] { grid-template-columns: minmax(0, 1.15fr) minmax(0, .72fr) minmax(0, 1.1fr); }
[data-tight="true"] .es-race[data-columns="2"].es-replays { grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); } .es-stage[data-tight="true"] .es-replay .es-sign { width: 1.1em; height: 1.1em; }
[data-tight="true"] .es-bar { height: .55em; } [data-tight="true"] .es-word { min-height: 1.4em; padding: 0 .4em; } [data-tight="true"] .es-chance { line-height: 1.1; }
.es-stage[data-tight="true"] .es-answers button { min-width: 3.5em; padding: .2em .4em; min-height: 1.8em; }
.es-stage[data-tight="true"] .es-race-ask[data-done="true"] .es-answers, .es-stage[data-tight="true"] .es-race-ask[data-done="over"] { display: none; }
.es-stage[data-tight="true"] .es-deeds button { min-height: 1.5em; padding: 0 .35em; } [data-tight="true"] .es-deeds { gap: .2em .3em; }
.es-stage[data-tight="true"] .es-replay th, .es-stage[data-tight="true"] .es-replay td { padding: .05em .3em; line-height: 1.2; }
[data-tight="true"] .es-dot { width: 1.1em; height: 1.1em; font-size: 1em; } [data-tight="true"] .es-dots { gap: .15em; }
`;

function raceSpec(model) {
  const get = (name) => model.get(name);
  const table = () => get("_table");
  const tab = () => get("tab");
  const question = () => table().questions[tab()];
  const chosen = () => get("answers")[question()];
  const pending = (name = tab()) => Boolean(get("predict")) && !get("answers")[table().questions[name]];
  const written = () => get("path").slice(0, get("at"));
  const lost = () => {
    const whole = table().ways.filter(([, , right]) => !right).map(([way]) => way);
    return [...get("tried"), get("path")].filter((way) => whole.includes(way)).pop() || table().shortest;
  };
  const run = () => table().runs[get("slow") ? "slow" : "even"][get("at")];
  const chosenFix = () => table().fixes.find(({ name }) => name === get("fix"));
  const under = () => chosenFix().under[Number(get("again"))];
  const home = { schedule: () => get("path").length, runs: () => get("ran"), fix: () => 3 };

  function tried(path) {
    const known = new Set(get("tried"));
    for (let long = 1; long <= path.length; long += 1) known.add(path.slice(0, long));
    known.delete(path); // the last one tried stands last
    return path ? [...known, path] : [...known];
  }
  function extended(to) { // whoever is quick writes first, the slow one last
    let path = get("path");
    for (const next of ["2", "3", "1"]) if (path.length < to && !path.includes(next)) path += next;
    return path;
  }
  function writes(frame, worker) {
    if (get("asking") || written().includes(worker)) return;
    const path = written() + worker;
    const longer = get("path").startsWith(path) ? get("path") : path;
    frame.deed({ path: longer, at: path.length, tried: tried(path) });
  }
  function pressed(frame, number) {
    if (get("asking")) return;
    if (tab() === "schedule") return number === 4 ? shortest(frame) : writes(frame, String(number));
    if (tab() === "runs") return runsKey(frame, number);
    if (number <= table().fixes.length) frame.put({ fix: table().fixes[number - 1].name });
    else frame.put({ again: !get("again") });
  }
  function shortest(frame) {
    const path = table().shortest;
    frame.deed({ path, at: path.length, tried: tried(path) });
  }
  function runsKey(frame, number) {
    const last = table().counts.length - 1;
    if (number === 1) frame.go(Math.min(get("at") + 1, last - 1));
    if (number === 2) frame.go(last);
    if (number === 3) frame.put({ slow: !get("slow") });
  }
  function said() {
    if (tab() === "schedule") return table().verdicts[written()].slice(3, 5);
    if (tab() === "runs") return [run().said, run().python];
    return [under().said[lost()], under().python];
  }
  function place() {
    const at = get("at");
    if (tab() === "runs") return table().counts[at] === 1 ? "1 run" : `${table().counts[at].toLocaleString("en")} runs`;
    return at === 1 ? "1 write" : `${at} writes`;
  }
  const keys = Object.fromEntries([1, 2, 3, 4, 5, 6].map((number) => [number, (frame) => {
    if (number <= { schedule: 4, runs: 3, fix: 6 }[tab()]) pressed(frame, number);
  }]));
  return {
    label: "Race stage: three workers, one row, and you say who writes next",
    css: RACE_CSS,
    stores: ["at", "path", "tab", "asking", "answers"],
    pinned: true,
    count: () => (tab() === "runs" ? table().counts.length - 1 : 3),
    reach(to) {
      if (pending()) return { at: get("at"), asking: true };
      if (tab() === "runs") return { at: to, ran: to, asking: false };
      if (tab() === "fix") return { at: to, asking: false };
      const path = extended(to);
      return { at: to, path, tried: tried(path.slice(0, to)), asking: false };
    },
    question() {
      if (!get("asking") && !chosen()) return null;
      if (!get("asking") && get("at") !== { schedule: 0, runs: 0, fix: 3 }[tab()]) return null;
      if (!get("asking") && tab() === "fix" && !(get("fix") === "strict next" && !get("again"))) return null;
      const shuffle = lettersOf(model)[0][Object.keys(table().questions).indexOf(tab())];
      const answers = [...shuffle].map((at, slot) => [LETTERS[slot], ...table().answers[tab()][Number(at)]]);
      return { id: question(), answers, chosen: chosen(), hint: "Choose an answer: then it is your turn." };
    },
    hint: () => ({
      schedule: "1, 2 and 3 write; undo takes a write back. A bold branch is one that you have tried.",
      runs: "1 runs once more, 2 runs a thousand times, 3 makes worker 1 as quick as the others.",
      fix: "1 to 5 choose a fix for your losing schedule; 6 lets one event come twice.",
    })[tab()],
    answered: () => ({ asking: false, ...(tab() === "fix" ? { fix: "strict next", again: false, at: 3 } : {}) }),
    first: () => ({ at: 0, path: "", tried: [], ran: 0, tab: "schedule", again: false, fix: table().fixes[0].name, slow: true, asking: Boolean(get("predict")), answers: {} }),
    predict: (on) => ({ asking: on && !chosen() }),
    tabs: () => table().tabs,
    turn: (name) => ({ tab: name, at: home[name](), asking: pending(name) }),
    words() {
      const [finding, python] = said();
      return { title: `${table().whose}, 3 workers`, place: place(), finding: get("asking") ? question() : finding, python };
    },
    keys,
    draw(frame) {
      const view = { frame, now: table(), asking: get("asking"), at: get("at"), written: written(), press: pressed };
      frame.ask.classList.add("es-race-ask");
      frame.ask.dataset.done = frame.ask.querySelector("button") ? String(!get("asking")) : "over";
      const columns = frame.width / frame.em < 44 ? 1 : tab() === "schedule" && (frame.width / frame.em >= 58 || frame.root.dataset.tight === "true") ? 3 : 2;
      const parts = {
        schedule: () => drawSchedule({ ...view, columns, path: get("path"), tried: get("tried") }),
        runs: () => drawRuns({ ...view, run: run(), slow: get("slow") }),
        fix: () => drawFix({ ...view, fix: chosenFix(), under: under(), again: get("again"), lost: lost(), own: get("tried").includes(lost()) }),
      }[tab()]();
      frame.picture.replaceChildren(...[parts].flat(), frame.ask);
      const close = columns === 3 && frame.width / frame.em < 72; // as wide as a cell of JupyterLab
      for (const grid of frame.picture.querySelectorAll(".es-race")) Object.assign(grid.dataset, { columns, close });
    },
  };
}

// --- your schedule ---------------------------------------------------------------

function drawSchedule(view) {
  const { frame, asking, press } = view;
  const shortest = make("button", { type: "button", disabled: asking, "data-key": "shortest", "aria-label": "Show the shortest way to lose", onclick: () => press(frame, 4) }, key(4), "the shortest way to lose");
  const middle = make("div", { class: "es-db" }, drawRow(view), make("div", { class: "es-deeds" }, shortest));
  return make("div", { class: "es-race" }, drawLanes(view), middle, drawPanel(view));
}

function drawLanes({ frame, now, written, asking, press }) {
  const lanes = now.types.map((type, at) => {
    const gone = written.includes(String(at + 1));
    const button = make("button", { type: "button", disabled: gone || asking, "data-key": `write ${at + 1}`, "aria-label": `W${at + 1} writes ${now.states[at]}${at ? "" : ", the slow worker"}`, onclick: () => press(frame, at + 1) }, key(at + 1), make("span", null, `W${at + 1}`, more(" writes")));
    const card = make("div", { class: `es-job ${gone ? "es-gone" : ""}`, role: "img", "aria-label": `Event ${at + 1}, ${type}${gone ? ", written" : ""}` },
      make("b", null, type), make("em", null, at + 1), make("span", null, `writes ${now.states[at]}`, at ? null : make("i", { class: "es-more" }, ", slowly")));
    return make("div", { class: "es-lane", "data-slow": String(at === 0) }, button, card);
  });
  return make("div", { class: "es-lanes", role: "group", "aria-label": "Workers" }, lanes);
}

function drawRow({ now, written, asking }) {
  const [state, right] = now.verdicts[written];
  const over = written.length === 3;
  const look = asking || !written ? "" : right ? "es-now-right" : over ? "es-now-wrong" : "";
  const mark = asking || !(right || over) ? null : sign(right);
  const strip = [...written].map((worker, at) => make("span", null, `${at + 1}. W${worker} ${now.states[worker - 1]}`));
  return [
    make("div", { class: `es-row ${look}`, role: "img", "aria-label": `The row of ${now.whose} shows ${state}` }, make("small", null, `the row of ${now.whose}`), make("b", null, state, mark)),
    make("div", { class: "es-writes", role: "group", "aria-label": "Writes so far" }, strip.length ? strip : "nothing is written yet"),
  ];
}

const WORDS = { open: "?", unavoidable: "✕", excluded: "✓" };

// What there is no room for on a small projector.
const more = (text) => make("span", { class: "es-more" }, text);

function drawPanel(view) {
  const { now, written, asking } = view;
  const [, , word, , , bars] = now.verdicts[written];
  const names = [["every order alike"], ["W1 ", more("ten times "), "slower"]];
  const chip = make("div", { class: "es-word", "data-word": asking ? "" : word }, make("span", { "aria-hidden": "true" }, asking ? "?" : WORDS[word]), asking ? "wrong end: how often?" : make("span", null, more("a "), "wrong end", more(" is"), ` ${word}`));
  const chances = bars.map(([share, text], at) => drawChance(names[at], asking ? "?" : text, asking ? 0 : share));
  return make("div", { class: "es-panel" }, chip, drawTree(view), make("div", { class: "es-chances" }, chances));
}

function drawChance(parts, text, share, [low, high, exact] = []) {
  const percent = (part) => `${(100 * part).toFixed(2)}%`;
  const name = make("span", null, parts);
  const [about, fraction] = text.split(" (");
  const told = fraction ? [more(`${about} (`), fraction.slice(0, -1), more(")")] : about;
  const bar = make("div", { class: "es-bar", role: "img", "aria-label": `${name.textContent}: ${text} end wrong` }, make("i", { style: `width:${percent(share)}` }));
  if (low !== undefined) bar.append(make("s", { style: `left:${percent(low)};width:${percent(high - low)}` }), make("u", { style: `left:${percent(exact)}` }));
  return make("div", null, make("div", { class: "es-chance" }, name, make("b", null, told)), bar);
}

// Every order is a leaf of a tree: those that are still possible are lit, those that
// were tried have a bold branch.
function drawTree({ frame, now, written, tried, path, asking, columns }) {
  const { em } = frame;
  const width = columns === 3 ? frame.width * 0.35 : columns === 2 ? frame.width * 0.47 : frame.width;
  const pace = (frame.root.dataset.tight === "true" ? 1.28 : 1.75) * em;
  const tall = now.ways.length * pace;
  const label = 3.2 * em + Math.max(...now.ways.map(([, end]) => end.length)) * 0.62 * em;
  const x = (depth) => 0.7 * em + (depth * (width - label - 1.4 * em)) / 3;
  const middle = (prefix) => {
    const places = now.ways.map(([way], at) => (way.startsWith(prefix) ? at : -1)).filter((at) => at >= 0);
    return ((places[0] + places[places.length - 1]) / 2 + 0.5) * pace;
  };
  const said = now.ways.map(([way, end, right]) => `${[...way].map((one) => `W${one}`).join(" ")} ends as ${asking ? "?" : `${end}, ${right ? "right" : "wrong"}`}${way.startsWith(written) ? "" : ", not possible any more"}`);
  const picture = draw("svg", { class: "es-race-picture", width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": `Six orders: ${said.join("; ")}` });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  const known = new Set([...tried, path]);
  const seen = (prefix) => [...known].some((one) => one.startsWith(prefix));
  for (const prefix of Object.keys(now.verdicts).filter(Boolean)) {
    const [depth, before] = [prefix.length, prefix.slice(0, -1)];
    const live = prefix.startsWith(written) || written.startsWith(prefix);
    const on = written.startsWith(prefix);
    const half = (x(depth - 1) + x(depth)) / 2;
    add("path", { class: seen(prefix) ? "es-branch es-seen" : "es-branch", d: `M${x(depth - 1)} ${middle(before)}C${half} ${middle(before)} ${half} ${middle(prefix)} ${x(depth)} ${middle(prefix)}`, fill: "none", stroke: on ? "var(--es-blue)" : seen(prefix) ? "var(--es-ink)" : "var(--es-soft)", "stroke-width": on ? 5 : seen(prefix) ? 3.5 : 1.5, opacity: live ? 1 : 0.25 });
  }
  now.ways.forEach(([way, end, right], at) => {
    const [cx, cy, size] = [x(3), (at + 0.5) * pace, 0.6 * em];
    const live = way.startsWith(written);
    const shade = asking ? "var(--es-paper)" : `var(--es-${right ? "green" : "red"})`;
    const dot = { class: `es-order ${live ? "" : "es-faded"}`, fill: shade, stroke: "var(--es-soft)", "stroke-width": asking ? 2 : 0, "stroke-dasharray": asking ? "4 3" : null, opacity: live ? 1 : 0.2 };
    if (right || asking) add("circle", { ...dot, cx, cy, r: size });
    else add("rect", { ...dot, x: cx - size, y: cy - size, width: 2 * size, height: 2 * size, rx: 0.15 * em });
    add("text", { x: cx, y: cy + 0.36 * em, "text-anchor": "middle", "font-weight": 800, style: `fill:${asking ? "var(--es-ink)" : "#fff"}`, opacity: live ? 1 : 0.3 }, asking ? "?" : right ? "✓" : "✕");
    add("text", { x: cx + 1.1 * em, y: cy + 0.36 * em, opacity: live ? 1 : 0.35, class: "es-label", "font-weight": known.has(way) ? 700 : 400 }, `${way} ${asking ? "" : end}`);
  });
  return picture;
}

// --- many runs -------------------------------------------------------------------

function drawRuns(view) {
  const { frame, now, run, slow, asking, at, press } = view;
  const last = now.counts.length - 1;
  const one = (number, label, off, extra) => make("button", { type: "button", disabled: asking || off, "data-key": `run ${number}`, onclick: () => press(frame, number), ...extra }, key(number), label);
  const deeds = make("div", { class: "es-deeds", role: "group", "aria-label": "Runs" }, one(1, "run once", at >= last - 1), one(2, "run 1,000 times", at >= last),
    one(3, "W1 ten times slower", false, { role: "switch", "aria-checked": String(slow) }));
  const how = slow ? "slow" : "even";
  const count = now.counts[at];
  const share = asking || !count ? 0 : run.wrong / count;
  const text = asking ? "?" : count ? `${run.wrong.toLocaleString("en")} of ${count.toLocaleString("en")} wrong` : "no run yet";
  const interval = asking || !count ? [] : [run.low, run.high, now.exact[how]];
  const panel = make("div", { class: "es-panel" }, drawChance(["sampled", more(", with its interval")], text, share, interval),
    drawChance(["exact, by counting"], asking ? "?" : now.exactly[how], asking ? 0 : now.exact[how]));
  return [deeds, make("div", { class: "es-race" }, drawGantt(view), panel)];
}

function drawGantt({ frame, now, run, at, asking }) {
  const { em } = frame;
  const width = frame.width / frame.em < 44 ? frame.width : frame.width * 0.48;
  const tight = frame.root.dataset.tight === "true";
  const pace = (tight ? 1.5 : 2.1) * em;
  const [left, right] = [2.6 * em, width - 0.6 * em];
  const tall = 3 * pace + 4.4 * em;
  const writes = asking ? [] : run.writes;
  const end = writes.length ? writes[writes.length - 1][0] : 1;
  const x = (time) => left + ((right - left) * time) / (end * 1.06);
  const told = writes.map(([time, worker, state]) => `W${worker} writes ${state} at ${(time / 1000).toFixed(1)} ms`).join(", ");
  const picture = draw("svg", { class: "es-race-picture", width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": told ? `Run ${now.counts[at]}: ${told}` : "No run yet" });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  for (const worker of [1, 2, 3]) {
    const y = (worker - 1) * pace;
    const done = writes.find(([, who]) => who === worker);
    add("text", { x: 0.2 * em, y: y + pace / 2 + 0.36 * em, "font-weight": 700 }, `W${worker}`);
    add("line", { x1: left, x2: right, y1: y + pace - 2, y2: y + pace - 2, stroke: "var(--es-line)", "stroke-width": 1 });
    if (!done) continue;
    add("rect", { x: left, y: y + 0.2 * em, width: Math.max(x(done[0]) - left, 3), height: pace - 0.5 * em, rx: 0.3 * em, fill: "var(--es-blue)" });
    const label = now.states[worker - 1];
    const inside = x(done[0]) - left > (label.length * 0.62 + 1) * em;
    add("text", { x: x(done[0]) + (inside ? -0.5 : 0.5) * em, y: y + pace / 2 + 0.3 * em, "text-anchor": inside ? "end" : "start", style: inside ? "fill:#fff" : "" }, label);
  }
  if (!writes.length) {
    add("text", { x: left + 0.4 * em, y: 1.5 * pace + 0.36 * em, class: "es-dim" }, asking ? "first your answer" : "press 1 to run once");
    return picture;
  }
  drawRibbon({ add, now, writes, x, right, left, em, top: 3 * pace + 0.3 * em });
  add("text", { x: left, y: tall - 0.4 * em, class: "es-dim" }, `run ${now.counts[at].toLocaleString("en")}, ${(end / 1000).toFixed(1)} ms${tight ? "" : "; below the lanes the row"}`);
  return picture;
}

function drawRibbon({ add, now, writes, x, right, left, em, top }) {
  const parts = [[0, "null"], ...writes.map(([time, , state]) => [time, state])];
  parts.forEach(([time, state], at) => {
    const from = x(time);
    const to = at + 1 < parts.length ? x(parts[at + 1][0]) : right;
    const last = at + 1 === parts.length;
    const good = state === now.right;
    const shade = last ? (good ? "var(--es-green)" : "var(--es-red)") : "var(--es-mist)";
    add("rect", { x: from, y: top, width: Math.max(to - from, 1), height: 1.5 * em, fill: shade, stroke: "var(--es-soft)", "stroke-width": 1 });
    const text = last ? `${good ? "✓" : "✕"} ${state}` : state;
    const fits = to - from > (text.length * 0.62 + 0.6) * em;
    if (fits) add("text", { x: (from + to) / 2, y: top + 1.05 * em, "text-anchor": "middle", "font-weight": last ? 700 : 400, style: last ? "fill:#fff" : "" }, text);
    else if (last) add("text", { x: right, y: top + 2.5 * em, "text-anchor": "end", "font-weight": 700 }, text);
  });
}

// --- fix it ----------------------------------------------------------------------

function drawFix(view) {
  const { frame, now, fix, under, again, asking, press } = view;
  const one = ({ name, label }, at) => make("button", { type: "button", disabled: asking, "aria-pressed": String(!asking && name === fix.name), "data-key": `fix ${at + 1}`, onclick: () => press(frame, at + 1) }, key(at + 1), label);
  const twice = make("button", { type: "button", role: "switch", disabled: asking, "aria-checked": String(again), "data-key": "again", onclick: () => press(frame, 6) }, key(6), "at most one redelivery");
  const deeds = make("div", { class: "es-deeds", role: "group", "aria-label": "Fixes" }, now.fixes.map(one), twice);
  const dots = [...under.dots].map((wrong) => make("span", { class: `es-dot ${asking ? "es-unknown" : wrong === "1" ? "es-no" : ""}`, "aria-hidden": "true" }, asking ? "?" : wrong === "1" ? "✕" : "✓"));
  const count = `${under.wrong} of ${under.orders} orders end wrong`;
  const panel = make("div", { class: "es-panel" },
    make("b", null, asking ? `${under.orders} orders` : count),
    make("div", { class: "es-dots", role: "img", "aria-label": asking ? `${under.orders} orders` : count }, dots),
    asking ? null : make("div", null, make("small", null, "scope"), under.scope),
    asking ? null : make("div", null, make("small", null, "price"), fix.price));
  return [deeds, make("div", { class: "es-race es-replays" }, drawReplay(view), panel)];
}

function drawReplay({ now, fix, lost, own, at, asking }) {
  const told = asking ? [] : fix.replays[lost];
  const rows = told.map(([worker, event, did, state], place) => {
    const mark = place === told.length - 1 && place < at ? sign(state === now.right) : null;
    return make("tr", { class: place < at ? "" : "es-later" }, make("td", null, make("b", null, worker)), make("td", null, `${event}, ${now.states[event - 1]}`), make("td", null, did), make("td", null, make("b", null, place < at ? state : "…"), " ", mark));
  });
  const head = make("thead", null, make("tr", null, ["who", "event", "outcome", "the row"].map((name) => make("th", { scope: "col" }, name))));
  const title = `${own ? "Your schedule" : "The shortest losing schedule"} ${[...lost].map((one) => `W${one}`).join(", ")}${fix.name === "partition by key" ? ", all in one worker's queue" : ""}`;
  return make("div", { class: "es-panel" }, make("small", null, asking ? "First your answer." : title), make("table", { class: "es-replay" }, head, make("tbody", null, rows)));
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: raceSpec(model) }));

export default { render };
