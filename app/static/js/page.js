// Behaviour of every page: menus that close, chosen rows that show it, keys to get about. Pages work without it.

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.matches(".choice input")) return;
  if (input.type === "radio") {
    for (const other of document.getElementsByName(input.name)) other.closest(".choice")?.classList.toggle("on", other.checked);
  } else {
    input.closest(".choice").classList.toggle("on", input.checked);
  }
});

// A table wider than its panel can be scrolled with the arrow keys.
const wide = new ResizeObserver((all) => {
  for (const {target} of all) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const table of document.querySelectorAll(".t-wrap:not([tabindex])")) wide.observe(table);

// Keys: / search, g then a letter to a section, n new, ? the list of keys. Never while typing, and only if wanted.
const keysOff = document.documentElement.dataset.keys === "off";
let going = false;

export function typing(element) {
  return element.closest("input:not([type=radio]):not([type=checkbox]):not([type=button]), textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  if (keysOff || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
  if (going) {
    going = false;
    const link = document.querySelector(`.sections a[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "g") {
    going = true;
  } else if (event.key === "n" && document.querySelector("[data-new]")) {
    document.querySelector("[data-new]").click();
  } else if (event.key === "?") {
    const list = document.querySelector("#keys");
    if (list && typeof list.showModal === "function") list.showModal();
  }
});

document.querySelector("#errors")?.focus();
