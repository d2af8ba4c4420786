// Shows what the emulator's handsets received and sent; asks once a second while it is visible.
import { prepareForm, proposeRecipient } from "./compose.js";
import { clone, find, plural, showConversation, shownNumber } from "./conversation.js";

const POLL_MILLISECONDS = 1000;

const handsets = new Map(); // number → {section, list, form, shown, entries}
const added = new Set(); // numbers that were typed here
let lastAnswer = "";

function addHandset(number) {
  const section = clone("handset-template");
  const [list, form] = [section.querySelector("ol"), section.querySelector("form")];
  const handset = { section, list, form, shown: [], entries: [] };
  section.querySelector("h2").textContent = shownNumber(number);
  list.setAttribute("aria-label", `Messages of ${shownNumber(number)}`);
  form.setAttribute("aria-label", `Text from ${shownNumber(number)}`);
  prepareForm(form, number, () => handset.entries, refresh);
  find("handsets").prepend(section);
  handsets.set(number, handset);
  return handset;
}

function show(conversations) {
  for (const [number, handset] of handsets) {
    if (conversations.has(number)) continue;
    handset.section.remove();
    handsets.delete(number);
  }
  for (const [number, entries] of conversations) {
    const handset = handsets.get(number) || addHandset(number);
    handset.entries = entries;
    handset.shown = showConversation(handset.list, handset.shown, entries);
    proposeRecipient(handset.form, entries);
  }
  find("empty").hidden = conversations.size > 0;
  say(plural(conversations.size, "phone"));
}

function say(text) {
  // Screen readers repeat a status that is set again, so only changes are written.
  if (find("summary").textContent !== text) find("summary").textContent = text;
}

async function refresh() {
  try {
    const answer = await fetch("/emulator/handsets");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const text = await answer.text();
    if (text === lastAnswer) return;
    const typed = [...added].map((number) => [number, []]);
    show(new Map([...typed, ...JSON.parse(text)]));
    lastAnswer = text;
  } catch {
    lastAnswer = "";
    say("The emulator does not answer; trying again.");
  }
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_MILLISECONDS);
}

find("endpoint").textContent = `${location.origin}/sms/json`;
find("reset").addEventListener("click", async () => {
  added.clear();
  lastAnswer = "";
  await fetch("/emulator/messages", { method: "DELETE" }).catch(() => undefined);
  await refresh();
});
find("new-handset").addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = event.target.elements.number.value.replace(/[^0-9]/g, "");
  added.add(number);
  lastAnswer = "";
  await refresh();
  event.target.reset();
  handsets.get(number)?.form.elements.to.focus();
});
poll();
