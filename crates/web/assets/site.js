// What pages gain where scripts run. All of them work without.
"use strict";

// The zone that this browser keeps its clock in. The choice of the page /zone is not overruled: it sets the cookie, too.
(() => {
  const known = document.cookie.split("; ").some((cookie) => cookie.startsWith("aftersend_zone="));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (known || !zone || !/^[A-Za-z0-9_+\-/]{1,64}$/.test(zone)) return;
  document.cookie = `aftersend_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  const kept = document.cookie.split("; ").includes(`aftersend_zone=${zone}`);
  const shown = document.body.dataset.zone;
  if (kept && shown && shown !== zone) location.reload();
})();

// A slash goes to the search field, as in most programs that have one, unless somebody has switched that off: who speaks to a
// browser types keys without meaning them (WCAG 2.1.4, character key shortcuts).
(() => {
  // A page's own field comes before that of the head.
  const search = document.querySelector("main input[type=search]") || document.querySelector("input[type=search]");
  if (!search) return;
  const name = "aftersend_slash";
  let isOn = true;
  try {
    isOn = localStorage.getItem(name) !== "off";
  } catch {
    // A browser that keeps nothing for this site: the choice holds as long as the page.
  }
  const place = document.querySelector("[data-shortcut]");
  const button = place?.querySelector("button");
  const show = () => {
    if (isOn) search.setAttribute("aria-keyshortcuts", "/");
    else search.removeAttribute("aria-keyshortcuts");
    if (button) button.textContent = isOn ? "Switch it off" : "It is off; switch it on";
  };
  place?.removeAttribute("hidden");
  button?.addEventListener("click", () => {
    isOn = !isOn;
    try {
      localStorage.setItem(name, isOn ? "on" : "off");
    } catch {
      // As above.
    }
    show();
  });
  show();
  document.addEventListener("keydown", (event) => {
    if (!isOn || event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();

// Charts: the drawing that came with the page gives way to one that answers to the pointer.
(() => {
  if (typeof uPlot === "undefined") return;
  const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
  const draw = (figure) => {
    const place = figure.querySelector(".chart-place");
    const data = JSON.parse(figure.dataset.chart);
    if (!place || data.times.length < 2) return;
    const ink = colour(figure, "--ink-quiet");
    const line = colour(figure, "--line");
    const zone = document.body.dataset.zone || "UTC";
    // The first bucket may be a part of one: it is drawn as wide as the others.
    const step = data.times.length > 2 ? data.times[2] - data.times[1] : data.times[1] - data.times[0];
    data.times[0] = data.times[1] - step;
    // A day has 23 to 25 hours.
    const daily = step > 80000;
    const format = (parts) => {
      const told = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...parts });
      return (seconds) => told.format(new Date(seconds * 1000));
    };
    const day = format({ day: "numeric", month: "short" });
    const hour = format({ hour: "2-digit", minute: "2-digit" });
    const whole = format({ day: "numeric", month: "short", year: "numeric", ...(daily ? {} : { hour: "2-digit", minute: "2-digit" }) });
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const series = data.series.map((one) => {
      const tone = colour(figure, `--${one.tone}`);
      const bars = one.bars ? { paths: uPlot.paths.bars({ size: [0.8, 40] }), fill: colour(figure, `--${one.tone}-tint`) } : {};
      const value = (_, count) => (count == null ? "" : count.toLocaleString("en"));
      return { label: one.name, value, stroke: tone, width: one.bars ? 1 : 2, points: { show: false }, ...bars };
    });
    const options = {
      width: Math.max(place.clientWidth, 240),
      height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      series: [{ label: "When", value: (_, seconds) => (seconds == null ? (daily ? "point at a day" : "point at an hour") : whole(seconds)) }, ...series],
      axes: [{
        ...axis,
        incrs: (daily ? [1, 2, 3, 5, 7, 14, 28, 56, 91, 182, 364] : [1 / 24, 2 / 24, 3 / 24, 6 / 24, 12 / 24, 1, 2]).map((days) => days * 86400),
        values: (_, splits) => splits.map((seconds) => (daily || hour(seconds) === "00:00" ? day(seconds) : hour(seconds))),
      }, { ...axis, size: 64, values: (_, values) => values.map((value) => value.toLocaleString("en")) }],
      scales: { x: { range: (_, min, max) => [min - step / 2, max + step / 2] }, y: { range: (_, __, max) => [0, Math.max(max * 1.05, 4)] } },
    };
    const chart = new uPlot(options, [data.times, ...data.series.map((one) => one.values)], (plot, init) => {
      place.replaceChildren(plot.root);
      init();
    });
    figure.classList.add("chart-moves");
    return () => chart.destroy();
  };
  const figures = [...document.querySelectorAll("[data-chart]")];
  let undo = [];
  const drawAll = () => {
    undo.forEach((destroy) => destroy && destroy());
    undo = figures.map((figure) => {
      try {
        return draw(figure);
      } catch (error) {
        // What came with the page stays.
        console.warn("a chart could not be drawn", error);
        return undefined;
      }
    });
  };
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = innerWidth;
  let waiting;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
})();

// A file fills the field that it could be pasted into.
document.querySelectorAll("input[type=file][data-fills]").forEach((input) => {
  input.closest("[hidden]")?.removeAttribute("hidden");
  input.addEventListener("change", async () => {
    const file = input.files[0];
    const field = document.getElementById(input.dataset.fills);
    const tooLong = file && file.size > Number(input.dataset.bytesMax);
    input.setCustomValidity(tooLong ? input.dataset.tooLong : "");
    if (tooLong) input.reportValidity();
    else if (file && field) field.value = await file.text();
  });
});
