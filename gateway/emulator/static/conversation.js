// What one handset shows, as list items that are only replaced when they change.

const PROVIDERS = { nexmo: "· Vonage", flowroute: "· Flowroute" };
const GOOD = ["sent", "delivered", "connected", "completed"];

export const find = (id) => document.getElementById(id);

export const clone = (id) => find(id).content.firstElementChild.cloneNode(true);

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export function shownNumber(number) {
  if (!number) return "withheld number";
  return /^[0-9]+$/.test(number) ? `+${number}` : number;
}

function title({ kind, own, other }) {
  const words = kind === "call" ? ["Called ", "Call from "] : ["To ", ""];
  return `${words[own ? 0 : 1]}${shownNumber(other)}`;
}

function state({ state, seconds, detail }) {
  const lasted = state === "completed" ? ` after ${plural(seconds, "second")}` : "";
  return `${state}${lasted}${detail && `: ${detail}`}`;
}

function listItem(entry) {
  const item = clone(entry.own ? "sent-template" : "received-template");
  const time = new Date(entry.time * 1000);
  const heard = entry.heard.map((words) => `“${words}”`);
  item.querySelector(".sender").textContent = title(entry);
  item.querySelector(".text").textContent = entry.text || heard.join("\n");
  item.querySelector("time").textContent = time.toLocaleTimeString();
  item.querySelector("time").dateTime = time.toISOString();
  item.querySelector(".provider").textContent = PROVIDERS[entry.provider] || "· call";
  item.querySelector(".receipt").textContent = state(entry);
  item.querySelector(".receipt").dataset.kind =
    entry.detail ? "bad" : GOOD.includes(entry.state) ? "good" : "none";
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
