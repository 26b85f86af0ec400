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
const TAB_STOPS_MAX = 30;
/** One without summer time, whose offset is no whole hour: nobody gets there by luck. */
const ZONE = { name: "Australia/Darwin", short: "ACST" };
const UTC = { name: "UTC", short: "UTC" };

const WIDTHS = [
  { width: 380, height: 800 },
  { width: 1440, height: 900 },
];
const VARIANTS = WIDTHS.flatMap((viewport) =>
  ["light", "dark"].flatMap((scheme) => [true, false].map((scripts) => ({ viewport, scheme, scripts }))),
);

const NARROW = WIDTHS[0];

const nameOf = ({ viewport, scheme, scripts }) =>
  `${viewport.width}-${scheme}-${scripts ? "scripts" : "no-scripts"}`;

const say = (object) => fs.writeSync(1, `${JSON.stringify(object)}\n`);

/** A context as a first visitor has it, but for the zone, which `site.js` would set with the first page. */
async function openContext(browser, site, variant, zoneIsKnown) {
  const context = await browser.newContext({
    colorScheme: variant.scheme,
    javaScriptEnabled: variant.scripts,
    locale: "en-GB",
    reducedMotion: "reduce",
    timezoneId: ZONE.name,
    viewport: variant.viewport,
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

/** Serious and critical findings of axe. The source goes in by the debugger, which the site's policy does not concern. */
async function axeFaults(page, variant) {
  // What the scheme changes is colours alone, and those at any width.
  if (!variant.scripts || (variant.scheme === "dark" && variant.viewport === NARROW)) return [];
  await page.evaluate(axeSource);
  const rules = variant.scheme === "light" ? undefined : ["color-contrast", "link-in-text-block"];
  const violations = await page.evaluate(inPage.axe, { rules });
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
async function lookAtAll(browser, site, variant, plan) {
  const context = await openContext(browser, site, variant, variant.scripts);
  const page = await context.newPage();
  const faults = watch(page, site.url);
  for (const wanted of site.pages) {
    await lookAt(page, site, variant, wanted, plan, faults.begin(wanted.status));
  }
  await context.close();
}

async function lookAt(page, site, variant, wanted, plan, faults) {
  try {
    const response = await page.goto(site.url + wanted.path, { waitUntil: "load" });
    if (response.status() !== wanted.status) {
      faults.push(`answered ${response.status()}, not ${wanted.status}`);
    }
    const zone = variant.scripts ? ZONE : UTC;
    faults.push(...(await page.evaluate(inPage.faults, { zone })));
    const name = `${site.name}-${wanted.name}-${nameOf(variant)}.png`;
    if (plan.pictures) await takePicture(page, path.join(plan.pictures, name));
    faults.push(...(await axeFaults(page, variant)));
    if (variant.scripts && variant.scheme === "light") faults.push(...(await keyboardFaults(page)));
    report(site, wanted, variant, faults, await pictureOf(page, plan, faults, name));
  } catch (error) {
    report(site, wanted, variant, [...faults, `it ended early: ${error.message}`]);
  }
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
  const variant = { viewport: WIDTHS[1], scheme: "light", scripts: flow.scripts };
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

/** What is done in one context, one page after the other. */
function jobs(plan) {
  const looks = plan.sites.flatMap((site) =>
    VARIANTS.map((variant) => ({
      weight: site.pages.length * (variant.scripts ? 3 : 1),
      run: (browser) => lookAtAll(browser, site, variant, plan),
    })),
  );
  const flows = plan.sites.flatMap((site) =>
    site.flows.map((flow) => ({ weight: 1, run: (browser) => playFlow(browser, site, flow, plan) })),
  );
  // The longest first, so that none is left alone at the end.
  return [...looks, ...flows].sort((one, other) => other.weight - one.weight);
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
  const waiting = jobs(plan);
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await job.run(browser);
  };
  const workers = Math.min(os.availableParallelism() + 1, WORKERS_MAX);
  await Promise.all(Array.from({ length: workers }, work));
  await browser.close();
  const looks = plan.sites.reduce((sum, site) => sum + site.pages.length * VARIANTS.length, 0);
  const flows = plan.sites.reduce((sum, site) => sum + site.flows.length, 0);
  say({ looks, flows });
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
