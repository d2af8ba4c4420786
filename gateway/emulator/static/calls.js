// Calls as a handset sees them: its own, and those that rang it.
import { plural, shownNumber } from "./numbers.js";

const ANSWERED = ["answered", "completed"];

function ended(status, duration) {
  return status === "completed" ? `completed after ${plural(duration, "second")}` : status;
}

function state(status, duration, problem = "") {
  const text = problem ? `${ended(status, duration)}: ${problem}` : ended(status, duration);
  if (problem) return { text, kind: "bad" };
  return { text, kind: ANSWERED.includes(status) ? "good" : "none" };
}

const told = (words) => `“${words}”`;

function rang(leg) {
  const shown = shownNumber(leg.sender);
  return `Rang ${shownNumber(leg.to)}, who saw ${shown}: ${ended(leg.status, leg.duration)}`;
}

function made(call) {
  return {
    time: call.time,
    title: `Called ${shownNumber(call.to)}`,
    text: [...call.heard.map(told), ...call.rang.map(rang)].join("\n"),
    about: "call",
    state: state(call.status, call.duration, call.problem),
  };
}

function received(leg) {
  return {
    time: leg.started,
    title: `Call from ${shownNumber(leg.sender)}`,
    text: leg.heard.map(told).join("\n"),
    about: "call",
    state: state(leg.status, leg.duration),
  };
}

// Returns [handset, sent, entry] for each side of each call; a SIP address is no handset.
export function callEntries(calls) {
  const legs = calls.flatMap((call) => call.rang).filter((leg) => /^[0-9]+$/.test(leg.to));
  return [
    ...calls.map((call) => [call.from, true, made(call)]),
    ...legs.map((leg) => [leg.to, false, received(leg)]),
  ];
}
