// Shows what the emulator's handsets received; asks once a second while the page is visible.
"use strict";

const POLL_MILLISECONDS = 1000;
const NEWEST = 200;

const find = (id) => document.getElementById(id);
const handsets = new Map(); // number → {list, shown}
let lastAnswer = "";

function receiptState(message) {
  if (!message.wants_receipt) return { text: "no receipt asked for", kind: "none" };
  const last = message.parts.map((part) => part.receipts.at(-1));
  const newest = last.filter(Boolean).sort((a, b) => a.time - b.time).at(-1);
  if (!newest) return { text: "no receipt sent yet", kind: "none" };
  const taken = newest.http_status >= 200 && newest.http_status < 300;
  const answer = newest.http_status === null ? newest.error : `HTTP ${newest.http_status}`;
  if (!taken) return { text: `${newest.status}: receipt not taken (${answer})`, kind: "bad" };
  return { text: newest.status, kind: newest.status === "delivered" ? "good" : "none" };
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function messageItem(message) {
  const item = find("message-template").content.firstElementChild.cloneNode(true);
  const time = new Date(message.time * 1000);
  const receipt = receiptState(message);
  item.querySelector(".sender").textContent = message.sender;
  item.querySelector(".text").textContent = message.text;
  item.querySelector("time").textContent = time.toLocaleTimeString();
  item.querySelector("time").dateTime = time.toISOString();
  item.querySelector(".encoding").textContent =
    `· ${plural(message.parts.length, "part")} · ${message.encoding}`;
  item.querySelector(".receipt").textContent = receipt.text;
  item.querySelector(".receipt").dataset.kind = receipt.kind;
  return item;
}

function addHandset(number) {
  const section = find("handset-template").content.firstElementChild.cloneNode(true);
  const list = section.querySelector("ol");
  section.querySelector("h2").textContent = `+${number}`;
  list.setAttribute("aria-label", `Messages of +${number}`);
  find("handsets").prepend(section);
  const handset = { section, list, shown: [] };
  handsets.set(number, handset);
  return handset;
}

function showMessages(handset, messages) {
  const atEnd = handset.list.scrollTop + handset.list.clientHeight >= handset.list.scrollHeight - 8;
  const wanted = messages.map((message) => JSON.stringify(message));
  wanted.forEach((text, index) => {
    if (handset.shown[index] === text) return;
    const item = messageItem(messages[index]);
    const old = handset.list.children[index];
    if (old) old.replaceWith(item);
    else handset.list.append(item);
  });
  while (handset.list.children.length > wanted.length) handset.list.lastElementChild.remove();
  handset.shown = wanted;
  if (atEnd) handset.list.scrollTop = handset.list.scrollHeight;
}

function show(messages) {
  const byNumber = Map.groupBy
    ? Map.groupBy(messages, (message) => message.to)
    : messages.reduce((map, m) => map.set(m.to, [...(map.get(m.to) || []), m]), new Map());
  for (const [number, handset] of handsets) {
    if (byNumber.has(number)) continue;
    handset.section.remove();
    handsets.delete(number);
  }
  for (const [number, received] of byNumber) {
    showMessages(handsets.get(number) || addHandset(number), received);
  }
  find("empty").hidden = messages.length > 0;
  const more = messages.length === NEWEST ? "the newest " : "";
  say(`${plural(byNumber.size, "phone")}, ${more}${plural(messages.length, "message")}`);
}

function say(text) {
  // Screen readers repeat a status that is set again, so only changes are written.
  if (find("summary").textContent !== text) find("summary").textContent = text;
}

async function refresh() {
  try {
    const answer = await fetch(`/emulator/messages?limit=${NEWEST}`);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const text = await answer.text();
    if (text === lastAnswer) return;
    show(JSON.parse(text));
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
  await fetch("/emulator/messages", { method: "DELETE" }).catch(() => undefined);
  await refresh();
});
poll();
