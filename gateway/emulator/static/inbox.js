// Shows what the emulator's handsets received and sent; asks once a second while it is visible.
import { callEntries } from "./calls.js";
import { prepareForm, proposeRecipient } from "./compose.js";
import { clone, find, receivedEntry, sentEntry, showConversation } from "./conversation.js";
import { plural, shownNumber } from "./numbers.js";

const POLL_MILLISECONDS = 1000;
const NEWEST = 200;
const PATHS = ["/emulator/messages", "/emulator/inbound", "/emulator/calls"];

const handsets = new Map(); // number → {section, list, form, shown}
const added = new Set(); // numbers that were typed here
let received = [];
let lastAnswers = "";

function addHandset(number) {
  const section = clone("handset-template");
  const [list, form] = [section.querySelector("ol"), section.querySelector("form")];
  section.querySelector("h2").textContent = shownNumber(number);
  list.setAttribute("aria-label", `Messages of ${shownNumber(number)}`);
  form.setAttribute("aria-label", `Text from ${shownNumber(number)}`);
  prepareForm(form, number, () => received, refresh);
  find("handsets").prepend(section);
  const handset = { section, list, form, shown: [] };
  handsets.set(number, handset);
  return handset;
}

function byHandset(messages, texts, calls) {
  const entries = new Map([...added].map((number) => [number, []]));
  const add = (number, entry) => entries.set(number, [...(entries.get(number) || []), entry]);
  messages.forEach((each) => add(each.to, { sent: false, entry: receivedEntry(each) }));
  texts.forEach((each) => add(each.sender, { sent: true, entry: sentEntry(each) }));
  callEntries(calls).forEach(([number, sent, entry]) => add(number, { sent, entry }));
  for (const list of entries.values()) list.sort((a, b) => a.entry.time - b.entry.time);
  return entries;
}

function show(messages, texts, calls) {
  received = messages;
  const conversations = byHandset(messages, texts, calls);
  for (const [number, handset] of handsets) {
    if (conversations.has(number)) continue;
    handset.section.remove();
    handsets.delete(number);
  }
  for (const [number, entries] of conversations) {
    const handset = handsets.get(number) || addHandset(number);
    handset.shown = showConversation(handset.list, handset.shown, entries);
    proposeRecipient(handset.form, messages.filter((message) => message.to === number));
  }
  find("empty").hidden = conversations.size > 0;
  const more = messages.length === NEWEST ? "the newest " : "";
  const sent = texts.length ? `, ${plural(texts.length, "text")} sent` : "";
  const made = calls.length ? `, ${plural(calls.length, "call")}` : "";
  const phones = plural(conversations.size, "phone");
  say(`${phones}, ${more}${plural(messages.length, "message")}${sent}${made}`);
}

function say(text) {
  // Screen readers repeat a status that is set again, so only changes are written.
  if (find("summary").textContent !== text) find("summary").textContent = text;
}

async function ask(path) {
  const answer = await fetch(`${path}?limit=${NEWEST}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.text();
}

async function refresh() {
  try {
    const answers = await Promise.all(PATHS.map(ask));
    if (answers.join() === lastAnswers) return;
    show(...answers.map((answer) => JSON.parse(answer)));
    lastAnswers = answers.join();
  } catch {
    lastAnswers = "";
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
  lastAnswers = "";
  await fetch("/emulator/messages", { method: "DELETE" }).catch(() => undefined);
  await refresh();
});
find("new-handset").addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = event.target.elements.number.value.replace(/[^0-9]/g, "");
  added.add(number);
  lastAnswers = "";
  await refresh();
  event.target.reset();
  handsets.get(number)?.form.elements.to.focus();
});
poll();
