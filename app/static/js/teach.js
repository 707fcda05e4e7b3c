// Teach mode: keys turn the page, B makes the screen blank, and the trainer's two windows stay on the same page.
// Turning is a form that works without this; with it the page is swapped in place, so that a full screen stays full.

const POLL = 2000;
const home = document.querySelector("[data-screen]");
let turning = false;
let blank = false;

const keys = {
  ArrowRight: "forward", ArrowDown: "forward", PageDown: "forward", " ": "forward",
  ArrowLeft: "back", ArrowUp: "back", PageUp: "back", Home: "first", End: "last",
};

// What only works with this script stands on the page hidden.
function unhide() {
  for (const button of document.querySelectorAll("[data-blank], [data-print]")) button.hidden = false;
}

function show(page, address) {
  document.title = page.title;
  document.body.replaceChildren(...page.body.childNodes);
  history.replaceState(null, "", address);
  scrollTo(0, 0);
  unhide();
  setBlank(blank);
}

async function load(address, options) {
  turning = true;
  try {
    const reply = await fetch(address, options);
    if (!reply.ok || reply.redirected && !new URL(reply.url).pathname.includes("/teach/")) {
      location.reload(); // signed out, locked or closed meanwhile: the page itself says so
      return;
    }
    show(new DOMParser().parseFromString(await reply.text(), "text/html"), reply.url);
  } catch {
    const trouble = document.querySelector("[data-trouble]");
    if (trouble) trouble.hidden = false; // no line: what is projected stays
  } finally {
    turning = false;
  }
}

function turn(button) {
  if (!button || button.disabled || turning) return;
  const body = new URLSearchParams(new FormData(button.form));
  if (button.name) body.set(button.name, button.value);
  load(button.getAttribute("formaction") || button.form.action, {method: "POST", body});
}

function setBlank(on) {
  const cover = document.querySelector(".blank");
  if (!cover) return;
  blank = on;
  cover.hidden = !on;
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".teach-bar, .teach-notes .titlerow form")) return;
  event.preventDefault();
  turn(event.submitter);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
  else if (event.target.closest("[data-blank]")) setBlank(true);
  else if (blank && event.target.closest(".blank")) setBlank(false);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  if (event.code === "KeyB" || event.key === ".") {
    if (document.documentElement.dataset.keys !== "off" || blank) setBlank(!blank);
    return;
  }
  if (blank && event.key === "Escape") setBlank(false);
  // A page taller than the screen is read to its end first; a button or summary in focus keeps its own keys.
  const way = keys[event.key];
  if (!way || blank || (event.key === " " && event.target.closest("button, summary, a"))) return;
  const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
  if ((event.key === "ArrowDown" || event.key === "PageDown" || event.key === " ") && !end) return;
  if ((event.key === "ArrowUp" || event.key === "PageUp") && scrollY > 4) return;
  event.preventDefault();
  turn(document.querySelector(`[data-go=${way}]`));
});

// The other window of the trainer may have turned the page. Looking ahead in this one is left alone until it does.
let last = null;

async function look() {
  if (!turning && !document.hidden) {
    try {
      const reply = await fetch(home.dataset.screen, {headers: {Accept: "application/json", "X-Sabaq-Poll": "1"}});
      const now = await reply.json();
      const wanted = now[home.dataset.key];
      const here = location.pathname + (home.dataset.key === "notes" ? "?notes=1" : "");
      const turned = wanted && wanted !== last && (last || home.dataset.key === "url");
      if (reply.ok) last = wanted;
      if (reply.ok && turned && !turning && wanted !== here) await load(wanted, {});
    } catch {
      // No line just now: the page stays, the next look comes.
    }
  }
  setTimeout(look, POLL);
}

if (home) {
  unhide();
  setTimeout(look, POLL);
}
