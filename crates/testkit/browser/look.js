// Looks at pages in a real browser: reads a plan as one JSON object from standard input, and writes what it finds
// fault with to standard output, one JSON object a line, the last of which says how much was looked at.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { createRequire } = require("node:module");
const inPage = require("./in-page.js");
const { play } = require("./flow.js");
const { watch } = require("./watch.js");

// The packages are installed elsewhere, so that a change of these files does not install them again.
const packages = createRequire(path.join(process.argv[2], "package.json"));
const { chromium } = packages("playwright-core");
const axeSource = fs.readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

/** What loading a page or a picture of it may take. It takes a tenth of a second; a busy machine needs more. */
const PAGE_TIMEOUT_MS = 60_000;
const WORKERS_MAX = 4;
/** Pixels of a picture at most: a page may be far longer than anybody looks. */
const PICTURE_HEIGHT_PX_MAX = 8_000;
const TAB_STOPS_MAX = 20;
/** One without summer time, whose offset is no whole hour: nobody gets there by luck. */
const ZONE = { name: "Australia/Darwin", short: "ACST" };
const UTC = { name: "UTC", short: "UTC" };

const WIDTHS = [
  { width: 380, height: 800 },
  { width: 1440, height: 900 },
];
const NARROW = WIDTHS[0];
/** How a page is loaded. In each it is looked at in both schemes: one that it is loaded in, and one that comes later. */
const LOADS = WIDTHS.flatMap((viewport) =>
  [true, false].map((scripts) => ({
    viewport,
    scripts,
    schemes: viewport === NARROW ? ["light", "dark"] : ["dark", "light"],
  })),
);

const nameOf = ({ viewport, scheme, scripts }) =>
  `${viewport.width}-${scheme}-${scripts ? "scripts" : "no-scripts"}`;

const say = (object) => fs.writeSync(1, `${JSON.stringify(object)}\n`);

/** A context as a first visitor has it, but for the zone, which `site.js` would set with the first page. */
async function openContext(browser, site, { viewport, scripts, schemes }, zoneIsKnown) {
  const context = await browser.newContext({
    colorScheme: schemes[0],
    javaScriptEnabled: scripts,
    locale: "en-GB",
    reducedMotion: "reduce",
    timezoneId: ZONE.name,
    viewport,
  });
  context.setDefaultTimeout(PAGE_TIMEOUT_MS);
  if (zoneIsKnown) await context.addCookies([{ name: "zone", value: ZONE.name, url: site.url }]);
  return context;
}

async function takePicture(page, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const { width, height } = await page.evaluate(inPage.size);
  const clip = { x: 0, y: 0, width, height: Math.min(height, PICTURE_HEIGHT_PX_MAX) };
  await page.screenshot({ path: file, fullPage: true, clip, animations: "disabled", caret: "initial" });
}

/** Which rules of axe apply: colours are the same at any width, and all that a scheme changes. Contrast costs most. */
function axeRules({ viewport, scheme }) {
  if (viewport === NARROW) return scheme === "light" ? { rules: { "color-contrast": { enabled: false } } } : undefined;
  if (scheme === "light") return {};
  return { runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] } };
}

/** Serious and critical findings of axe. The source goes in by the debugger, which the site's policy does not concern. */
async function axeFaults(page, rules) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(inPage.axe, rules);
  return violations.map(({ id, impact, help, nodes }) => `axe: ${id} (${impact}): ${help}: ${nodes.join(" | ")}`);
}

/** Goes through the page by Tab, as somebody without a mouse does. */
async function keyboardFaults(page) {
  const faults = [];
  await page.keyboard.press("Tab");
  let stop = await page.evaluate(inPage.focused);
  if (!stop.isSkipLink) faults.push(`keyboard: the first Tab leads to ${stop.what}, not to the skip link`);
  faults.push(...stop.faults);
  if (stop.isSkipLink) {
    await page.keyboard.press("Enter");
    stop = await page.evaluate(inPage.focused);
    if (!stop.inMain) faults.push(`keyboard: the skip link leads to ${stop.what}, not to the content`);
  }
  const wanted = await page.evaluate(inPage.mainHasTabStop);
  let reached = false;
  for (let count = 0; count < TAB_STOPS_MAX; count += 1) {
    await page.keyboard.press("Tab");
    stop = await page.evaluate(inPage.focused);
    // The last stop is followed by the browser's own.
    if (stop.isBody) break;
    reached ||= stop.inMain;
    faults.push(...stop.faults);
  }
  if (wanted && !reached) faults.push("keyboard: Tab reaches nothing of the content");
  return faults;
}

/** Looks at one page after the other in the same tab: a new one would take longer than most looks. */
async function lookAtAll(browser, site, load, plan) {
  const context = await openContext(browser, site, load, load.scripts);
  const page = await context.newPage();
  const watched = watch(page, site.url);
  for (const wanted of site.pages) {
    for (const [index, scheme] of load.schemes.entries()) {
      const faults = watched.begin(wanted.status);
      const variant = { ...load, scheme };
      try {
        await page.emulateMedia({ colorScheme: scheme });
        if (index === 0) await open(page, site, wanted, faults);
        await lookAt(page, site, variant, wanted, plan, faults);
      } catch (error) {
        report(site, wanted, variant, [...faults, `it ended early: ${error.message}`]);
      }
    }
  }
  await context.close();
}

async function open(page, site, wanted, faults) {
  const response = await page.goto(site.url + wanted.path, { waitUntil: "load" });
  if (response.status() !== wanted.status) faults.push(`answered ${response.status()}, not ${wanted.status}`);
}

async function lookAt(page, site, variant, wanted, plan, faults) {
  const zone = variant.scripts ? ZONE : UTC;
  faults.push(...(await page.evaluate(inPage.faults, { zone })));
  const name = `${site.name}-${wanted.name}-${nameOf(variant)}.png`;
  if (plan.pictures) await takePicture(page, path.join(plan.pictures, name));
  const rules = variant.scripts && axeRules(variant);
  if (rules) faults.push(...(await axeFaults(page, rules)));
  // What it does to the page stays: it comes last of all.
  const isLast = variant.scheme === variant.schemes.at(-1);
  if (variant.scripts && isLast) faults.push(...(await keyboardFaults(page)));
  report(site, wanted, variant, faults, await pictureOf(page, plan, faults, name));
}

async function pictureOf(page, plan, faults, name) {
  if (faults.length === 0) return undefined;
  const file = path.join(plan.failures, name);
  await takePicture(page, file);
  return file;
}

function report(site, wanted, variant, faults, picture) {
  const page = `${site.name} ${wanted.name}${wanted.path ? ` (${wanted.path})` : ""}`;
  for (const what of faults) say({ page, variant: nameOf(variant), what, picture });
}

async function playFlow(browser, site, flow, plan) {
  const variant = { viewport: WIDTHS[1], scheme: "light", schemes: ["light"], scripts: flow.scripts };
  const context = await openContext(browser, site, variant, false);
  const page = await context.newPage();
  const faults = watch(page, site.url).begin(200);
  try {
    faults.push(...(await play(page, site.url, flow.steps)));
    report(site, flow, variant, faults, await pictureOf(page, plan, faults, `${site.name}-${flow.name}.png`));
  } catch (error) {
    report(site, flow, variant, [...faults, `it ended early: ${error.message}`]);
  } finally {
    await context.close();
  }
}

/** Looks, each at all pages of a site in one context, and after them what somebody does there, which changes pages. */
function jobs(plan) {
  const looks = plan.sites.flatMap((site) =>
    LOADS.map((load) => ({
      weight: site.pages.length * (load.scripts ? 3 : 1),
      run: (browser) => lookAtAll(browser, site, load, plan),
    })),
  );
  const flows = plan.sites.flatMap((site) =>
    site.flows.map((flow) => ({ run: (browser) => playFlow(browser, site, flow, plan) })),
  );
  // The longest first, so that none is left alone at the end.
  looks.sort((one, other) => other.weight - one.weight);
  return [looks, flows];
}

/** Does them all, a few at a time. */
async function work(browser, waiting) {
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await job.run(browser);
  };
  const workers = Math.min(os.availableParallelism() + 1, WORKERS_MAX);
  await Promise.all(Array.from({ length: workers }, worker));
}

async function main() {
  const plan = JSON.parse(await read());
  const browser = await chromium.launch({
    executablePath: plan.chromium,
    chromiumSandbox: process.getuid() !== 0,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Whatever a page asks for elsewhere ends here, also what no event of Playwright tells of.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  for (const waiting of jobs(plan)) await work(browser, waiting);
  await browser.close();
  const loads = plan.sites.reduce((sum, site) => sum + site.pages.length * LOADS.length, 0);
  const flows = plan.sites.reduce((sum, site) => sum + site.flows.length, 0);
  say({ loads, flows });
  process.exit(0);
}

/** The plan is the first line. The pipe stays open as long as the test lives, and its end is the end of this. */
function read() {
  return new Promise((resolve) => {
    let text = "";
    process.stdin.setEncoding("utf8");
    process.stdin.on("data", (chunk) => {
      text += chunk;
      if (text.endsWith("\n")) resolve(text);
    });
    // Playwright ends its browser with this process.
    process.stdin.on("end", () => process.exit(1));
  });
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
