// What a page must not do while anybody looks.
"use strict";

/** Watches a tab. `begin` gives the list to which whatever it does wrong from then on is added, as it does it. */
function watch(page, origin) {
  let faults = [];
  let answersWithError = false;
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const url = message.location().url;
    // The browser notes the page's own answer as an error where that is one, which is looked at elsewhere.
    const isOwnAnswer = url === page.url() && message.text().startsWith("Failed to load resource");
    if (!(answersWithError && isOwnAnswer)) faults.push(`console: ${message.text()} (${url})`);
  });
  page.on("pageerror", (error) => faults.push(`error in a script: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`a dialog opened: ${dialog.message()}`);
    // The page may be gone by then.
    dialog.dismiss().catch(() => {});
  });
  page.on("popup", (popup) => faults.push(`another window opened: ${popup.url()}`));
  page.on("download", (download) => faults.push(`a download began: ${download.url()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asks elsewhere: ${request.url().slice(0, 200)}`);
  });
  page.on("requestfailed", (request) => {
    // Leaving a page ends what it still asks for.
    const why = request.failure()?.errorText ?? "no reason given";
    if (why !== "net::ERR_ABORTED") faults.push(`not loaded: ${request.url().slice(0, 200)}: ${why}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400 && !response.request().isNavigationRequest()) {
      faults.push(`answered ${response.status()}: ${response.url()}`);
    }
  });
  const begin = (status) => {
    faults = [];
    answersWithError = status >= 400;
    return faults;
  };
  return { begin };
}

module.exports = { watch };
