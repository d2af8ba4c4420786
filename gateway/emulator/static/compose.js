// The form with which a handset texts a number.

// A sender with letters cannot be answered.
const isNumber = (text) => /^[0-9]+$/.test(text);

async function send(order) {
  const answer = await fetch("/emulator/inbound", { method: "POST", body: JSON.stringify(order) });
  if (answer.ok) return { problem: "" };
  const error = await answer.json();
  return { problem: error.message, field: error.field };
}

// The provider of a number is that of the last message which came from it.
function providerOf(number, received) {
  const bare = number.replace(/[^0-9]/g, "");
  return received.findLast((message) => message.sender === bare)?.provider;
}

// received: returns the messages of all handsets, oldest first.
export function prepareForm(form, number, received, refresh) {
  const { to, text } = form.elements;
  const problem = form.querySelector(".problem");
  to.addEventListener("input", () => { form.dataset.edited = "yes"; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const provider = providerOf(to.value, received());
    const order = { from: number, to: to.value, text: text.value, ...(provider && { provider }) };
    const result = await send(order).catch(() => ({ problem: "The emulator does not answer." }));
    problem.textContent = result.problem;
    to.setAttribute("aria-invalid", result.field === "to");
    if (result.problem) {
      (result.field === "to" ? to : text).focus();
      return;
    }
    text.value = "";
    text.focus();
    await refresh();
  });
}

// Proposes to answer whoever wrote last, unless a number was typed.
export function proposeRecipient(form, messages) {
  const sender = messages.findLast((message) => isNumber(message.sender))?.sender;
  if (sender && !form.dataset.edited) form.elements.to.value = `+${sender}`;
}
