// What one handset received and sent, as list items that are only replaced when they change.

const PROVIDERS = { nexmo: "Vonage", flowroute: "Flowroute" };

export const find = (id) => document.getElementById(id);

export const clone = (id) => find(id).content.firstElementChild.cloneNode(true);

export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function shownNumber(number) {
  if (!number) return "withheld number";
  return /^[0-9]+$/.test(number) ? `+${number}` : number;
}

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

function fill(item, entry, title, about, state) {
  const time = new Date(entry.time * 1000);
  item.querySelector(".sender").textContent = title;
  item.querySelector(".text").textContent = entry.text;
  item.querySelector("time").textContent = time.toLocaleTimeString();
  item.querySelector("time").dateTime = time.toISOString();
  item.querySelector(".encoding").textContent =
    `· ${plural(entry.parts.length, "part")} · ${about} · ${PROVIDERS[entry.provider]}`;
  item.querySelector(".receipt").textContent = state.text;
  item.querySelector(".receipt").dataset.kind = state.kind;
  return item;
}

function listItem({ sent, entry }) {
  return sent
    ? fill(clone("sent-template"), entry, `To ${shownNumber(entry.to)}`, entry.type, webhookState(entry))
    : fill(clone("received-template"), entry, entry.sender, entry.encoding, receiptState(entry));
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
