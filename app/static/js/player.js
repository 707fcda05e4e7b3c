// A lesson page with script: self-checks answered in place, notes saved as you type, N and P. Without it all works by the form.

import {typing} from "./page.js";

const form = document.querySelector("#page-form");
const saved = document.querySelector("#saved");

if (form) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.name !== "check") return;
    event.preventDefault();
    answer(button).catch(() => sendWhole(button));
  });
}

// The server says what is right: the page itself does not know it.
async function answer(button) {
  const section = button.closest(".check");
  const choice = section.querySelector("input:checked")?.value ?? "";
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("check", button.value);
  address.searchParams.set("choice", choice);
  const reply = await fetch(address, {headers: {Accept: "text/html"}});
  if (!reply.ok || reply.redirected) throw new Error(reply.status);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const verdict = page.querySelector(`#${CSS.escape(section.id)} .verdict`);
  if (!verdict) throw new Error("no verdict");
  section.querySelector(".verdict").replaceChildren(...verdict.childNodes);
}

function sendWhole(button) {
  const hidden = document.createElement("input");
  hidden.type = "hidden";
  hidden.name = button.name;
  hidden.value = button.value;
  form.append(hidden);
  form.submit();
}

// Notes: two seconds after the last key, and when the field is left. The status line says which of saved and waiting it is.
const note = document.querySelector("textarea#note");
if (note && form) {
  const hint = document.querySelector("[data-typing]");
  hint.textContent = hint.dataset.typing;
  let last = note.value;
  let waiting = 0;

  const say = (state, text) => {
    saved.className = `st ${state}`;
    saved.textContent = text;
  };

  const save = async () => {
    clearTimeout(waiting);
    waiting = 0;
    const text = note.value;
    if (text === last) return;
    const body = new URLSearchParams({csrf_token: form.elements.csrf_token.value, note: text});
    try {
      const reply = await fetch(form.action, {method: "POST", body, headers: {Accept: "application/json"}});
      if (!reply.ok) throw new Error(reply.status);
      last = text;
      if (note.value === text) say("st-ok", saved.dataset.saved.replace("{time}", (await reply.json()).saved));
    } catch {
      say("st-late", saved.dataset.failed);
      waiting = setTimeout(save, 5000);
    }
  };

  note.addEventListener("input", () => {
    say("st-late", saved.dataset.waiting);
    clearTimeout(waiting);
    waiting = setTimeout(save, 2000);
  });
  note.addEventListener("blur", save);
}

if (document.documentElement.dataset.keys !== "off") {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    // The place of the key counts too: on a Kazakh or Russian keyboard the N key writes another letter.
    const key = event.key.toLowerCase();
    if (key === "n" || event.code === "KeyN") document.querySelector("[data-next]")?.click();
    if (key === "p" || event.code === "KeyP") document.querySelector("[data-previous]")?.click();
  });
}

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
