// What somebody does on a site, step by step, and must see then.
"use strict";

/** How long something may take to be seen. */
const SEEN_TIMEOUT_MS = 15_000;

const seen = (page, text) => page.locator("body", { hasText: text });

const STEPS = {
  go: (page, origin, path) => page.goto(origin + path),
  fill: (page, _origin, [selector, text]) => page.fill(selector, text),
  select: (page, _origin, [selector, value]) => page.selectOption(selector, value),
  click: (page, _origin, selector) => page.click(selector),
  press: (page, _origin, key) => page.keyboard.press(key),
  see: (page, _origin, text) => seen(page, text).waitFor({ timeout: SEEN_TIMEOUT_MS }),
  see_not: (page, _origin, text) => seen(page, text).waitFor({ state: "detached", timeout: SEEN_TIMEOUT_MS }),
  be_at: (page, origin, path) => page.waitForURL(origin + path, { timeout: SEEN_TIMEOUT_MS }),
};

/** Takes the steps, and tells of the first that can't be taken. */
async function play(page, origin, steps) {
  for (const step of steps) {
    const [[name, argument]] = Object.entries(step);
    try {
      await STEPS[name](page, origin, argument);
    } catch (error) {
      const why = error.message.split("\n")[0];
      return [`${name} ${JSON.stringify(argument)}: ${why}; the page is ${page.url()}`];
    }
  }
  return [];
}

module.exports = { play };
