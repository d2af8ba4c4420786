// What every page of the console does: times in the viewer's zone, and live parts that follow
// the gateway. Without scripts all pages and forms work as well; they are then not live.

import { Idiomorph } from "../vendor/idiomorph/idiomorph.esm.js";

const RETRY_MS = 5000;

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Write the times inside `root` in the viewer's zone, the exact time in their title. */
export function localise(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = (moment.toDateString() === today ? clock : day).format(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title = exact.format(moment);
  }
}

/** Put `html` in the place of what `part` holds, and keep focus, selection and open details. */
function update(part, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localise(template.content);
  Idiomorph.morph(part, template.content, {
    morphStyle: "innerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeAttributeUpdated: (name, element) =>
        !(name === "open" && element instanceof HTMLDetailsElement),
      // What a person has typed or chosen stays.
      beforeNodeMorphed: (node) =>
        !(node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement ||
          node instanceof HTMLSelectElement) || node.type === "hidden",
    },
  });
  part.dispatchEvent(new CustomEvent("updated", { bubbles: true }));
}

/** Keep `part` up to date: the page's own address, asked for as an event stream. */
function follow(part) {
  const state = document.getElementById("live-state");
  const say = (text) => {
    if (state && state.textContent !== text) state.textContent = text;
  };
  let source = null;
  let retry = 0;

  const stop = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const start = () => {
    stop();
    source = new EventSource(location.href.split("#")[0]);
    source.addEventListener("part", (event) => {
      say("live");
      part.removeAttribute("data-stale");
      update(part, event.data);
    });
    source.addEventListener("trouble", (event) => {
      say(event.data);
      part.setAttribute("data-stale", "");
    });
    source.addEventListener("gone", () => {
      stop();
      location.reload();
    });
    source.addEventListener("signed-out", () => {
      stop();
      location.reload();
    });
    source.onerror = () => {
      say("not connected, trying again …");
      part.setAttribute("data-stale", "");
      stop();
      retry = setTimeout(start, RETRY_MS);
    };
  };
  // A page that nobody sees costs nothing, and leaves the browser's few connections to others.
  const followVisibility = () => (document.hidden ? stop() : start());
  document.addEventListener("visibilitychange", followVisibility);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && start());
  followVisibility();
}

localise(document);
// On a phone the navigation scrolls sideways: the current place is to be in sight.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
const live = document.querySelector("[data-live]");
if (live) follow(live);

// One box that checks all the others of a form; without scripts each is checked by itself.
for (const box of document.querySelectorAll("[data-checks]")) {
  box.closest("[hidden]")?.removeAttribute("hidden");
  box.addEventListener("change", () => {
    for (const each of document.querySelectorAll(`[type="checkbox"][form="${box.dataset.checks}"]`)) {
      each.checked = box.checked;
    }
  });
}
