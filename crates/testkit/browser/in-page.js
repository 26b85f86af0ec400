// Functions that the debugger runs within a page. Each is sent as its own text: it sees nothing of this file.
"use strict";

/** How large the whole page is, in pixels. */
function size() {
  const root = document.documentElement;
  return { width: root.clientWidth, height: Math.max(root.scrollHeight, 1) };
}

/** What is wrong with the page as it stands. */
function faults({ zone }) {
  const FAULTS_MAX = 5;
  /** Glyphs may lean out of their box by so much. */
  const SLACK_PX = 1;
  const found = [];
  const one = (selector, what) => {
    const count = document.querySelectorAll(selector).length;
    if (count !== 1) found.push(`${count} × ${what}, not one`);
  };
  const quoted = (text) => `“${text.trim().replace(/\s+/g, " ").slice(0, 60)}”`;
  const place = (element) => {
    const names = [];
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      names.unshift(at.localName + [...at.classList].map((name) => `.${name}`).join(""));
    }
    return names.slice(-4).join(" > ");
  };

  const structure = () => {
    one("h1", "h1");
    one("main", "main landmark");
    if (!document.querySelector("h1")?.textContent.trim()) found.push("the h1 has no text");
    if (!document.title.trim()) found.push("no title");
    if (!document.documentElement.lang) found.push("the language is not told");
    const first = document.querySelector("a[href], button, input, select, textarea, summary, [tabindex]");
    const target = first?.getAttribute("href")?.match(/^#(.+)/)?.[1];
    if (!target || !document.getElementById(target)?.closest("main")) {
      found.push("the first link does not skip to the content");
    }
  };

  const times = () => {
    const shown = document.body.dataset.zone;
    const all = [...document.querySelectorAll("time[datetime]")];
    if (shown !== undefined && shown !== zone.name) found.push(`times are those of ${shown}, not ${zone.name}`);
    if (shown === undefined && all.length > 0) found.push("times without a word of their zone");
    const wrong = all.find((time) => time.title && !time.title.endsWith(` ${zone.short}`));
    if (wrong) found.push(`a time is not that of ${zone.name}: ${quoted(wrong.title)}`);
    const unread = all.find((time) => Number.isNaN(Date.parse(time.dateTime)));
    if (unread) found.push(`a time that no machine reads: ${quoted(unread.dateTime)}`);
  };

  const width = () => {
    const root = document.documentElement;
    const widest = Math.max(root.scrollWidth, document.body.scrollWidth);
    if (widest > innerWidth) found.push(`scrolls sideways: ${widest} px wide in ${innerWidth} px`);
  };

  // Ancestors that may cut off what is in them, from the inside to the outside.
  const chains = new Map();
  const chain = (element) => {
    if (!element || element === document.documentElement) return [];
    if (chains.has(element)) return chains.get(element);
    const style = getComputedStyle(element);
    const rest = style.position === "fixed" ? [] : chain(element.parentElement);
    const cuts = style.overflowX !== "visible" || style.overflowY !== "visible";
    // Hidden from sight and meant so: for those who are read to.
    const spoken = style.clipPath === "inset(50%)";
    const own = cuts || spoken ? [{ element, style, spoken, box: element.getBoundingClientRect() }] : [];
    const whole = [...own, ...rest];
    chains.set(element, whole);
    return whole;
  };

  /** By what the box is cut off, if by anything. */
  const cutOff = (rect, element) => {
    let box = rect;
    for (const outer of chain(element)) {
      if (outer.spoken) return undefined;
      const { overflowX, overflowY, textOverflow } = outer.style;
      if ([overflowX, overflowY].some((overflow) => overflow === "auto" || overflow === "scroll")) {
        // It can be scrolled to: what counts is where the scrolled area is.
        box = outer.box;
        continue;
      }
      // Cut, and said so.
      if (textOverflow === "ellipsis" || outer.style.webkitLineClamp !== "none") continue;
      const sideways = box.left < outer.box.left - SLACK_PX || box.right > outer.box.right + SLACK_PX;
      const upright = box.top < outer.box.top - SLACK_PX || box.bottom > outer.box.bottom + SLACK_PX;
      if (sideways || upright) return place(outer.element);
    }
    const outside = box.left < -SLACK_PX || box.right > document.documentElement.clientWidth + SLACK_PX;
    return outside ? "the window" : undefined;
  };

  const clipping = () => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let count = 0;
    while (count < FAULTS_MAX && texts.nextNode()) {
      const text = texts.currentNode;
      const element = text.parentElement;
      if (!text.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const rect of range.getClientRects()) {
        const by = rect.width > SLACK_PX && cutOff(rect, element);
        if (!by) continue;
        found.push(`text is cut off by ${by}: ${quoted(text.data)} in ${place(element)}`);
        count += 1;
        break;
      }
    }
  };

  structure();
  times();
  width();
  clipping();
  return found;
}

/** What axe finds serious or critical. */
async function axe(rules) {
  const NODES_MAX = 3;
  const options = { resultTypes: ["violations"], preload: false, elementRef: false, ...rules };
  const { violations } = await globalThis.axe.run(document, options);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, help, nodes }) => ({
      id,
      impact,
      help,
      nodes: nodes
        .slice(0, NODES_MAX)
        .map(({ target, any }) => `${target.flat().join(" ")}${any[0] ? `: ${any[0].message}` : ""}`),
    }));
}

/** Where the focus is, and what is wrong with it there. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) {
    return { what: "nothing", isBody: true, isSkipLink: false, inMain: false, faults: [] };
  }
  const name = element.getAttribute("aria-label") ?? element.textContent.trim();
  const what = `<${element.localName}> “${name.replace(/\s+/g, " ").slice(0, 40)}”`;
  const faults = [];
  const main = document.querySelector("main");
  const isShown = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const styles = [undefined, "::before", "::after"].map((part) => getComputedStyle(element, part));
  // The content as a whole gets it from the skip link, which has its own way to show where that leads.
  if (element !== main) {
    if (!styles.some(isShown)) faults.push(`keyboard: the focus can't be seen on ${what}`);
    const box = element.getBoundingClientRect();
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    if (!inside || box.width === 0) faults.push(`keyboard: the focus is out of sight, on ${what}`);
  }
  return {
    what,
    isBody: false,
    isSkipLink: /^#./.test(element.getAttribute("href") ?? ""),
    inMain: Boolean(element.closest("main")),
    faults,
  };
}

/** Whether there is anything in the content that Tab should reach. */
function mainHasTabStop() {
  const all = document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary)");
  return [...all].some((element) => !element.disabled && element.checkVisibility({ visibilityProperty: true }));
}

module.exports = { size, faults, axe, focused, mainHasTabStop };
