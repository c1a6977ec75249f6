// The live panel: the counters, lag and age as lines, and how long tries took. It
// looks up and draws; every figure and sentence stands in the table that Python made.

const WATCHING_CSS = `
.es-tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7em, 1fr)); gap: .5em; }
.es-tile { border: 2px solid var(--es-line); padding: .2em .6em; min-width: 0; }
.es-tile small { font-size: 1em; color: var(--es-soft); display: block; }
.es-tile b { font-size: 1.6em; line-height: 1.2; font-variant-numeric: tabular-nums; }
.es-tile[data-look="bad"] { border: 3px solid var(--es-red); }
.es-tile[data-look="late"] { border: 3px dashed var(--es-orange); }
.es-charts { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .4em 0; margin-top: .4em; }
.es-chart { display: block; } .es-chart[data-scrub] { touch-action: none; cursor: ew-resize; }
.es-full .es-tiles { grid-template-columns: repeat(7, 1fr); gap: .25em; } .es-full .es-tile { padding: .1em .3em; }
.es-full .es-tile small { font-size: .8em; } .es-full .es-tile b { font-size: 1.1em; white-space: nowrap; }
`;

function watchingSpec(model) {
  const get = (name) => model.get(name);
  const looks = () => get("_table").looks;
  const at = () => clamp(get("at"), 0, looks().length - 1);
  return {
    label: "Live panel: what a monitor counts",
    css: WATCHING_CSS,
    stores: ["at"],
    beat: 600,
    count: () => looks().length - 1,
    reach: (to) => ({ at: to, asking: false }),
    question: () => null,
    hint: () => "",
    answered: () => ({}),
    first: () => ({ at: 0 }),
    predict: () => ({ asking: false }),
    words: () => ({ title: "what the monitor counts", place: `look ${at()} of ${looks().length - 1}`, finding: looks()[at()][4], python: "panel.monitor.frame()" }),
    draw(frame) {
      frame.root.querySelector("[data-key=predict]").hidden = true; // a panel asks nothing
      const tile = ([name, value, look]) => make("div", { class: "es-tile", "data-look": look }, make("small", null, name), make("b", null, value, look === "bad" ? " ✕" : ""));
      const tiles = make("div", { class: "es-tiles", role: "group", "aria-label": "Counters" }, looks()[at()][0].map(tile));
      const charts = make("div", { class: "es-charts" });
      const width = frame.root.dataset.size === "narrow" && !frame.full() ? frame.width : frame.width / 3 - frame.em;
      charts.append(...[0, 1].map((slot) => drawLine(frame, get("_table"), { slot, at: at(), width })), drawTries(frame, get("_table"), at(), width));
      frame.picture.replaceChildren(tiles, charts);
    },
  };
}

function chart(name, frame, width, told) {
  const { em } = frame;
  const [tall, top] = [(frame.full() ? 10.5 : 9) * em, 2.4 * em];
  const picture = draw("svg", { class: "es-chart", width, height: tall, viewBox: `0 0 ${width} ${tall}`, role: "img", "aria-label": told });
  const add = (tag, attributes, ...children) => picture.append(draw(tag, attributes, ...children));
  add("text", { x: 0, y: em, class: "es-label", "font-weight": 700 }, name);
  return { picture, add, tall, top };
}

function drawLine(frame, { looks, most }, { slot, at, width }) {
  const { em } = frame;
  const name = ["lag", "age"][slot];
  const values = looks.map((one) => one[1 + slot]);
  const high = Math.max(values.reduce((one, two) => Math.max(one, two), 0), slot ? 0.01 : 1);
  const { picture, add, tall, top } = chart(name, frame, width, `${name}, look by look; ${looks[at][0][5 + slot][1]} now, ${most[slot]} at most`);
  const [left, right, bottom] = [4 * em, width - em, tall - 0.8 * em];
  const last = Math.max(looks.length - 1, 1);
  const x = (place) => left + (place / last) * (right - left);
  const y = (value) => bottom - (value / high) * (bottom - top);
  picture.setAttribute("data-scrub", "true");
  [["0", 0], [most[slot], high]].forEach(([text, value]) => {
    add("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "var(--es-line)" });
    add("text", { x: left - 0.5 * em, y: y(value) + 0.35 * em, "text-anchor": "end", class: "es-dim" }, text);
  });
  const path = values.slice(0, at + 1).map((one, place) => (place ? `H${x(place)}V${y(one)}` : `M${x(0)} ${y(one)}`));
  add("path", { d: path.join(""), fill: "none", stroke: "var(--es-orange)", "stroke-width": 4 });
  add("circle", { cx: x(at), cy: y(values[at]), r: 0.5 * em, fill: "var(--es-ink)" });
  const before = () => { // scrubOn counts from the first chart
    const [first, own] = [0, slot].map((one) => frame.root.querySelectorAll("[data-scrub]")[one].getBoundingClientRect().left);
    return own - first;
  };
  scrubOn(picture, frame, (offset) => ((offset - before() - left) / (right - left)) * last);
  return picture;
}

function drawTries(frame, { buckets, bounds, looks }, at, width) {
  const { em } = frame;
  const counts = looks[at][3];
  const most = Math.max(1, ...looks[looks.length - 1][3]);
  const told = buckets.filter((slot) => counts[slot]).map((slot) => `${bounds[slot]}: ${counts[slot]}`).join(", ");
  const { picture, add, tall, top } = chart("tries, by seconds", frame, width, `How many tries took at most so many seconds: ${told || "none yet"}`);
  const bottom = tall - 2 * em;
  const wide = Math.min((width - em) / Math.max(buckets.length, 1), 4.5 * em);
  const sparse = wide < 3 * em ? 2 : 1; // labels would touch
  add("line", { x1: 0, x2: width, y1: bottom, y2: bottom, stroke: "var(--es-line)" });
  buckets.forEach((slot, place) => {
    const middle = em / 2 + (place + 0.5) * wide;
    const high = (counts[slot] / most) * (bottom - top - 0.6 * em);
    add("rect", { x: middle - 0.35 * wide, y: bottom - high, width: 0.7 * wide, height: high, fill: "var(--es-blue)" });
    if (counts[slot]) add("text", { x: middle, y: bottom - high - 0.3 * em, "text-anchor": "middle", class: "es-label" }, String(counts[slot]));
    if (place % sparse === 0) add("text", { x: middle, y: bottom + 1.2 * em, "text-anchor": "middle", class: "es-dim" }, bounds[slot]);
  });
  return picture;
}

const render = guarded(({ model, el }) => openStage({ model, el, spec: watchingSpec(model) }));

export default { render };
