// Keying in from paper: one key fills a slot of one key and goes on; arrows and Enter go from slot to slot.
// Without this file Tab does the same.

const slots = [...document.querySelectorAll("[data-key-in]")];

function go(from, by) {
  const next = slots[slots.indexOf(from) + by];
  if (next) {
    next.focus();
    next.select();
  } else if (by > 0) {
    from.form.querySelector("button.btn-main").focus();
  }
}

for (const slot of slots) {
  slot.addEventListener("input", () => {
    if ("one" in slot.dataset && slot.value) go(slot, 1);
  });
  slot.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      go(slot, 1);
    } else if (event.key === "ArrowUp" || (event.key === "Backspace" && !slot.value)) {
      event.preventDefault();
      go(slot, -1);
    }
  });
  slot.addEventListener("focus", () => slot.select());
}

(document.querySelector("[data-key-in][aria-invalid]") || slots.find((slot) => !slot.value))?.focus();
