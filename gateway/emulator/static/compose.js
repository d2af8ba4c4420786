// The form with which a handset texts or calls a number.

// A sender with letters cannot be answered.
const isNumber = (text) => /^[0-9]+$/.test(text);

async function post(path, order) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(order) });
  if (answer.ok) return { problem: "" };
  const error = await answer.json();
  return { problem: error.message, field: error.field };
}

// The provider of a number is that of the last message which came from it.
function providerOf(number, entries) {
  const bare = number.replace(/[^0-9]/g, "");
  return entries.findLast((entry) => !entry.own && entry.other === bare)?.provider;
}

// shown: returns what the handset shows, oldest first.
export function prepareForm(form, number, shown, refresh) {
  const { to, text } = form.elements;
  const problem = form.querySelector(".problem");
  to.addEventListener("input", () => { form.dataset.edited = "yes"; });
  const said = async (path, order) => {
    const result = await post(path, order).catch(() => ({ problem: "The emulator does not answer." }));
    problem.textContent = result.problem;
    to.setAttribute("aria-invalid", result.field === "to");
    if (result.field === "to") to.focus();
    return result;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const provider = providerOf(to.value, shown());
    const order = { from: number, to: to.value, text: text.value, ...(provider && { provider }) };
    const result = await said("/emulator/inbound", order);
    if (result.field !== "to") text.focus();
    if (result.problem) return;
    text.value = "";
    await refresh();
  });
  form.querySelector(".call").addEventListener("click", async () => {
    if (!to.reportValidity()) return;
    const result = await said("/emulator/calls", { from: number, to: to.value });
    if (!result.problem) await refresh();
  });
}

// Proposes to answer whoever wrote last, unless a number was typed.
export function proposeRecipient(form, entries) {
  const received = entries.filter((entry) => !entry.own && entry.kind === "text");
  const sender = received.findLast((entry) => isNumber(entry.other))?.other;
  if (sender && !form.dataset.edited) form.elements.to.value = `+${sender}`;
}
