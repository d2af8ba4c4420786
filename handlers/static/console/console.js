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
// A second click while the first is under way is no second message.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if ("sent" in form.dataset) event.preventDefault();
  form.dataset.sent = "";
  sessionStorage.setItem("thing", form.elements.thing?.value ?? "");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// After a form the focus is where its person looks next: at the problem, or at the same button.
const problem = document.querySelector('main > [role="alert"]');
const thing = sessionStorage.getItem("thing");
sessionStorage.removeItem("thing");
if (problem) {
  problem.tabIndex = -1;
  problem.focus();
} else if (thing) {
  const field = document.querySelector(`input[name="thing"][value="${CSS.escape(thing)}"]`);
  field?.form.querySelector("button").focus();
}

// Moments are typed in the viewer's zone and sent in UTC.
for (const input of document.querySelectorAll("input[data-utc]")) {
  const local = new Date(`${input.value}Z`);
  if (input.value) {
    const shifted = new Date(local.getTime() - local.getTimezoneOffset() * 60_000);
    input.value = shifted.toISOString().slice(0, 16);
  }
  for (const zone of input.labels[0].querySelectorAll("[data-zone]")) zone.textContent = "your time";
  input.form.addEventListener("formdata", (event) => {
    if (input.value) event.formData.set(input.name, new Date(input.value).toISOString().slice(0, 16));
  });
}

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
