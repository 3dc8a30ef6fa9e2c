// Asks /-/status once a second and draws what it says. Text is only ever set as text: request lines are strangers' words.
"use strict";

const KEEP = 600; // points: ten minutes
const at = (id) => document.getElementById(id);
const time = (s) => (s < 0.001 ? `${(s * 1e6).toFixed(0)} µs` : s < 1 ? `${(s * 1e3).toFixed(1)} ms` : `${s.toFixed(2)} s`);
const span = (s) => (s < 60 ? `${s.toFixed(0)} s` : s < 3600 ? `${(s / 60).toFixed(0)} min` : s < 86400 ? `${(s / 3600).toFixed(1)} h` : `${(s / 86400).toFixed(1)} d`);
const share = (x) => `${(100 * x).toFixed(0)} %`;
const mib = (n) => (n === null ? "-" : `${(n / 1048576).toFixed(1)} MiB`);

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function rows(id, lines) {
  at(id).replaceChildren(...lines.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => element("td", cell)));
    return row;
  }));
}

const COLOURS = ["#2563eb", "#d97706", "#b91c1c", "#059669"];
const CHARTS = [
  { title: "requests per second", series: [["req/s", (s) => s.rps]], show: (v) => v.toFixed(1) },
  { title: "service time", show: time,
    series: [["p50", (s) => s.service.p50_s], ["p95", (s) => s.service.p95_s], ["p99", (s) => s.service.p99_s]] },
  { title: "queue time", show: time,
    series: [["p50", (s) => s.queue.p50_s], ["p95", (s) => s.queue.p95_s], ["p99", (s) => s.queue.p99_s]] },
  { title: "used", show: share, range: [0, 1],
    series: [["threads", (s) => s.busy], ["CPUs", (s) => s.cpu / s.cpus]] },
  { title: "accept queue", show: (v) => v.toFixed(0),
    series: [["waiting", (s) => sum(s.listeners, "waiting")], ["peak, 60 s", (s) => sum(s.listeners, "peak")]] },
  { title: "memory of the workers", show: mib, series: [["PSS", (s) => sum(s.workers, "pss")]] },
];

const sum = (several, name) => several.reduce((total, each) => total + (each[name] || 0), 0);

function chart(spec) {
  const ink = getComputedStyle(document.body).color;
  const line = getComputedStyle(document.documentElement).getPropertyValue("--line");
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const options = {
    title: spec.title, width: 380, height: 190, cursor: { drag: { x: false, y: false } },
    axes: [axis, { ...axis, size: 70, values: (_, found) => found.map((v) => (v === null ? "" : spec.show(v))) }],
    scales: { y: { range: (_, low, high) => spec.range || [0, Math.max(high || 0, 1e-6) * 1.1] } },
    series: [{}, ...spec.series.map(([label], i) => ({
      label, stroke: COLOURS[i], width: 1.5, value: (_, v) => (v === null ? "-" : spec.show(v)),
    }))],
  };
  const data = [[], ...spec.series.map(() => [])];
  const place = document.createElement("div");
  at("charts").append(place);
  const plot = new uPlot(options, data, place);
  new ResizeObserver(() => plot.setSize({ width: Math.max(200, place.clientWidth), height: 190 })).observe(place);
  return (seen) => {
    data[0].push(seen.unix_s);
    spec.series.forEach(([, value], i) => data[i + 1].push(value(seen)));
    if (data[0].length > KEEP) data.forEach((each) => each.shift());
    plot.setData(data);
  };
}

function figures(seen) {
  const errors = seen.totals.statuses[4];
  const found = [
    ["requests/s", seen.rps.toFixed(1)], ["p95", time(seen.service.p95_s)], ["queued, p95", time(seen.queue.p95_s)],
    ["in flight", sum(seen.workers.map((w) => ({ n: w.in_flight.length + w.unnamed })), "n")],
    ["threads busy", share(seen.busy)], ["CPUs", `${seen.cpu.toFixed(2)} of ${seen.cpus}`],
    ["headroom", share(seen.headroom)], ["requests", seen.totals.requests], ["5xx", errors],
  ];
  at("figures").replaceChildren(...found.map(([name, value]) => {
    const card = document.createElement("div");
    card.append(element("b", value), element("span", name));
    card.dataset.name = name;
    return card;
  }));
}

function show(seen) {
  const ready = seen.workers.filter((worker) => worker.state === "ready").length;
  at("version").textContent = seen.version;
  at("headline").className = "";
  at("headline").textContent =
    `supervisor ${seen.pid}, ${seen.mode} for ${span(seen.uptime_s)}, generation ${seen.generation}, ` +
    `${ready} of ${seen.want} workers ready`;
  at("capped").replaceChildren(...seen.capped.map((each) => element("li", `Capped by ${each.name}: ${each.text}`)));
  figures(seen);
  rows("workers", seen.workers.map((w) => [
    w.pid, w.generation, w.state, span(w.lived_s), share(w.busy), w.cpu.toFixed(2), w.rps.toFixed(1),
    time(w.service.p50_s), time(w.service.p95_s), time(w.service.p99_s), mib(w.pss),
    w.in_flight.length ? `${w.in_flight[0].line} (${time(w.in_flight[0].age_s)})` : "-",
  ]));
  rows("listeners", seen.listeners.map((l) => [l.url, l.waiting ?? "-", l.peak ?? "-", l.limit ?? "-"]));
}

async function turn(charts) {
  try {
    const reply = await fetch("/-/status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const seen = await reply.json();
    show(seen);
    charts.forEach((draw) => draw(seen));
    document.body.dataset.turns = Number(document.body.dataset.turns || 0) + 1;
  } catch (problem) {
    at("headline").className = "lost";
    at("headline").textContent = `no answer: ${problem.message}`;
  }
  setTimeout(turn, 1000, charts);
}

turn(CHARTS.map(chart));
