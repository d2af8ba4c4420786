// The plots of the overview: fetches the series, draws them, keeps them up to date.

const REFRESH_MS = { hour: 15_000, day: 60_000 };
const HEIGHT = 200;
// Steps between the marks of an axis that counts: there are no half messages.
const WHOLE = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power));

const board = document.querySelector("[data-plots]");
board.hidden = false; // without scripts they would be empty
const state = document.getElementById("plots-state");
const span = board.dataset.plots;
const figures = [...board.querySelectorAll("[data-plot]")].map((figure) => ({
  holder: figure.querySelector(".plot"),
  said: figure.querySelector("output"),
  title: figure.querySelector("h2").textContent,
  unit: figure.dataset.unit,
  // Values that are not there at every moment: without points, lone ones would not be seen.
  points: "points" in figure.dataset,
  lines: figure.dataset.series.split("|").map((line) => {
    const [series, label] = line.split("=");
    return { series, label };
  }),
  plot: null,
}));

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const moments = new Intl.DateTimeFormat(
  undefined,
  span === "day" ? { dateStyle: "short", timeStyle: "short" } : { timeStyle: "short" },
);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function written(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "s") return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
  if (unit === "money") return value.toFixed(4);
  return value.toLocaleString();
}

function options(figure, width) {
  const axis = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
  };
  const whole = figure.unit ? {} : { incrs: WHOLE };
  return {
    width,
    height: HEIGHT,
    padding: [null, 28, null, null], // the last mark of time is half outside
    cursor: { points: { size: 6 } },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => clock.format(new Date(tick * 1000))) },
      { ...axis, ...whole, size: 64, values: (_, ticks) => ticks.map((tick) => written(tick, figure.unit)) },
    ],
    series: [
      { value: (_, moment) => (moment ? moments.format(new Date(moment * 1000)) : "–") },
      ...figure.lines.map((line, index) => ({
        label: line.label,
        stroke: colour(`--series-${index + 1}`),
        width: 2,
        points: { show: figure.points, size: 5, fill: colour(`--series-${index + 1}`) },
        spanGaps: true,
        value: (_, value) => written(value, figure.unit),
      })),
    ],
  };
}

/** Show the values of the latest moment in the legend while nobody points at another. */
function showLatest(figure) {
  // After uPlot's own drawing, which comes a moment later and empties the legend.
  setTimeout(() => {
    if (figure.plot?.cursor.idx == null) {
      figure.plot?.setLegend({ idx: figure.plot.data[0].length - 1 });
    }
  });
}

/** Let fingers and arrow keys point at a moment as a mouse does. */
function makeReachable(figure) {
  const { plot, holder } = figure;
  plot.over.addEventListener("mouseleave", () => showLatest(figure));
  plot.over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") plot.setCursor({ left: event.offsetX, top: event.offsetY });
  });
  holder.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = figure.plot.data[0].length - 1;
    const index = Math.min(last, Math.max(0, (figure.plot.cursor.idx ?? last + 1) + step));
    const left = figure.plot.valToPos(figure.plot.data[0][index], "x");
    figure.plot.setCursor({ left, top: 0 });
    const values = figure.lines.map(
      (line, at) => `${line.label} ${written(figure.plot.data[at + 1][index], figure.unit)}`,
    );
    figure.said.textContent = `${moments.format(new Date(figure.plot.data[0][index] * 1000))}: ${values.join(", ")}`;
  };
  holder.onblur = () => showLatest(figure);
}

function draw(found) {
  const starts = Array.from(
    { length: Object.values(found.values)[0].length },
    (_, index) => found.start + index * found.step,
  );
  for (const figure of figures) {
    const rows = figure.lines.map((line) => found.values[line.series] ?? starts.map(() => null));
    const data = [starts, ...rows];
    if (figure.plot) {
      figure.plot.setData(data);
    } else {
      figure.plot = new uPlot(options(figure, figure.holder.clientWidth), data, figure.holder);
      figure.plot.root.querySelector("canvas").setAttribute("role", "img");
      makeReachable(figure);
    }
    showLatest(figure);
    const latest = figure.lines.map((line, index) => {
      const values = rows[index].filter((value) => value !== null);
      return `${line.label}: ${written(values.at(-1), figure.unit)}`;
    });
    const canvas = figure.plot.root.querySelector("canvas");
    canvas.setAttribute("aria-label", `${figure.title}; latest values: ${latest.join(", ")}`);
  }
}

let latest = null;
let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(`/console/series?span=${span}`, { credentials: "same-origin" });
    if (answer.status === 401) location.reload(); // the page is then the sign-in
    if (!answer.ok) throw new Error(answer.statusText);
    latest = await answer.json();
    draw(latest);
    state.hidden = true;
  } catch {
    state.textContent = "The plots could not be brought up to date; trying again.";
    state.hidden = false;
  } finally {
    asking = false;
  }
}

function again() {
  for (const figure of figures) {
    figure.plot?.destroy();
    figure.plot = null;
  }
  if (latest) draw(latest);
}

new ResizeObserver(() => {
  for (const figure of figures) {
    figure.plot?.setSize({ width: figure.holder.clientWidth, height: HEIGHT });
  }
}).observe(board);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), REFRESH_MS[span]);
refresh();
