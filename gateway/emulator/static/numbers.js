// Numbers and counts as people read them.

export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function shownNumber(number) {
  if (!number) return "withheld number";
  return /^[0-9]+$/.test(number) ? `+${number}` : number;
}
