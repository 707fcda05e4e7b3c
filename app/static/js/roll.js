// Keys on a roll call and on the page for keying in a sheet. Both pages work by plain forms without this.

import {typing} from "./page.js";

const off = document.documentElement.dataset.keys === "off";
const rows = [...document.querySelectorAll("[data-row]")];
// The place of the key counts too: on a Russian or Kazakh keyboard these keys write other letters.
const places = {KeyP: "P", KeyL: "L", KeyO: "O", KeyE: "E", KeyX: "X"};
const letterOf = (event) => places[event.code] ?? (/^[ploex]$/i.test(event.key) ? event.key.toUpperCase() : null);

// ---- roll call: P L O E X set the row and go to the next; up and down change the row; what is typed in the search hides the others ----

const roll = document.querySelector("#roll");
const chosen = (row) => row?.querySelector(".marks input:checked:not([data-keyed])");
const firstOpen = () => shown().find((row) => chosen(row)?.value === "unset") ?? shown()[0];

function goTo(row) {
  if (!row) {
    roll.querySelector("[name=do][value=save]")?.focus();
    return;
  }
  (chosen(row) ?? row.querySelector(".marks input"))?.focus();
  row.scrollIntoView({block: "nearest"});
}

const shown = () => rows.filter((row) => !row.hidden);
const beside = (row, by) => shown()[shown().indexOf(row) + by];

const find = document.querySelector("[data-filter]");
if (roll && find) {
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLocaleLowerCase();
    for (const row of rows) row.hidden = !row.dataset.find.toLocaleLowerCase().includes(wanted);
  });
  find.form.addEventListener("submit", (event) => {
    if (shown().length) {
      event.preventDefault(); // nothing that was set and not saved is lost for a search
      goTo(shown()[0]);
    }
  });
}

if (roll && !off) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const here = event.target.closest("[data-row]");
    if (event.key === "Enter" && here && event.target.matches(".mins input")) {
      event.preventDefault();
      goTo(beside(here, 1));
      return;
    }
    if (typing(event.target)) return;
    if (here && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const other = beside(here, event.key === "ArrowDown" ? 1 : -1);
      if (other) goTo(other);
      return;
    }
    const letter = letterOf(event);
    const row = here ?? (letter ? firstOpen() : null);
    if (!letter || !row) return;
    const radio = row.querySelector(`[data-letter=${letter}]`);
    if (!radio || radio.disabled) return;
    event.preventDefault();
    radio.checked = true;
    if (letter === "L" || letter === "O") {
      const minutes = row.querySelector(".mins input");
      minutes.focus();
      minutes.select();
    } else {
      goTo(beside(row, 1));
    }
  });
}

// ---- keying in: one key a person, the next field comes by itself; L and O wait for their minutes ----

const fields = [...document.querySelectorAll("[data-keyed]")];
const step = (field, by) => {
  const next = fields[fields.indexOf(field) + by];
  if (next) {
    next.focus();
    next.select();
  } else if (by > 0) {
    document.querySelector("#codes")?.focus();
  }
};

for (const field of fields) {
  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      step(field, 1);
    } else if (event.key === "ArrowUp") {
      event.preventDefault();
      step(field, -1);
    } else {
      const letter = letterOf(event);
      if (!letter) return;
      event.preventDefault();
      field.value = letter;
      if (letter !== "L" && letter !== "O") step(field, 1);
    }
  });
}
(document.querySelector(".errsum") ?? fields.find((field) => !field.value))?.focus();
