// Checklists by one key an item: 1 done, 0 not done, and the next item has the focus; Enter saves and goes on. Without this
// file the radios work by arrow keys.
const form = document.querySelector("[data-checklist]");
const items = form ? [...form.querySelectorAll("[data-item]")] : [];
const keysOn = document.documentElement.dataset.keys !== "off";

function focus(item) {
  item.querySelector("input:checked, input").focus();
  item.scrollIntoView({ block: "nearest" });
}

function paint(item) {
  for (const choice of item.querySelectorAll(".choice")) choice.classList.toggle("on", choice.querySelector("input").checked);
}

for (const item of items) item.addEventListener("change", () => paint(item));

if (form && items.length && keysOn) {
  for (const shown of document.querySelectorAll("[data-keys-shown]")) shown.hidden = false;
  if (!document.querySelector("#errors")) focus(items.find((item) => !item.querySelector("input:checked")) || items[0]);
  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("textarea, select, input:not([type=radio])")) return;
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const value = { 1: "done", 0: "not-done" }[event.key];
    if (value && at >= 0) {
      items[at].querySelector(`input[value="${value}"]`).checked = true;
      paint(items[at]);
      if (at + 1 < items.length) focus(items[at + 1]);
      event.preventDefault();
    }
  });
}
