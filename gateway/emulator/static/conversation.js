// What one handset received and sent, as list items that are only replaced when they change.

import { plural, shownNumber } from "./numbers.js";

const PROVIDERS = { nexmo: "Vonage", flowroute: "Flowroute" };

export const find = (id) => document.getElementById(id);

export const clone = (id) => find(id).content.firstElementChild.cloneNode(true);

const newest = (attempts) => attempts.filter(Boolean).sort((a, b) => a.time - b.time).at(-1);

const taken = (attempt) => attempt.http_status >= 200 && attempt.http_status < 300;

const answer = ({ http_status, error }) => (http_status === null ? error : `HTTP ${http_status}`);

function receiptState(message) {
  if (!message.wants_receipt) return { text: "no receipt asked for", kind: "none" };
  const last = newest(message.parts.map((part) => part.receipts.at(-1)));
  if (!last) return { text: "no receipt sent yet", kind: "none" };
  if (!taken(last)) {
    return { text: `${last.status}: receipt not taken (${answer(last)})`, kind: "bad" };
  }
  return { text: last.status, kind: last.status === "delivered" ? "good" : "none" };
}

function webhookState(text) {
  const last = text.parts.map((part) => part.attempts.at(-1));
  const refused = last.find((attempt) => attempt && !taken(attempt));
  if (refused) return { text: `webhook not taken (${answer(refused)})`, kind: "bad" };
  if (!newest(last)) return { text: "webhook on its way", kind: "none" };
  return { text: "webhook taken", kind: "good" };
}

const about = (entry, kind) =>
  `${plural(entry.parts.length, "part")} · ${kind} · ${PROVIDERS[entry.provider]}`;

// A message as a list item shows it: time, title, text, about, state.
export function receivedEntry(message) {
  const { time, text, sender, encoding } = message;
  return { time, text, title: sender, about: about(message, encoding), state: receiptState(message) };
}

export function sentEntry(sms) {
  const { time, text, to, type } = sms;
  const title = `To ${shownNumber(to)}`;
  return { time, text, title, about: about(sms, type), state: webhookState(sms) };
}

function listItem({ sent, entry }) {
  const item = clone(sent ? "sent-template" : "received-template");
  const time = new Date(entry.time * 1000);
  item.querySelector(".sender").textContent = entry.title;
  item.querySelector(".text").textContent = entry.text;
  item.querySelector("time").textContent = time.toLocaleTimeString();
  item.querySelector("time").dateTime = time.toISOString();
  item.querySelector(".encoding").textContent = `· ${entry.about}`;
  item.querySelector(".receipt").textContent = entry.state.text;
  item.querySelector(".receipt").dataset.kind = entry.state.kind;
  return item;
}

// shown: what each list item was made from, kept by the caller; returns it for the next time.
export function showConversation(list, shown, entries) {
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  const wanted = entries.map((each) => JSON.stringify(each));
  wanted.forEach((text, index) => {
    if (shown[index] === text) return;
    const old = list.children[index];
    if (old) old.replaceWith(listItem(entries[index]));
    else list.append(listItem(entries[index]));
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  return wanted;
}
