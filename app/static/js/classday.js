// The page of a class day follows the room: it fetches what changes every 1.5 seconds and alters only what is different,
// so that ticks, focus and a press of the mouse under way stay. Without this script a link reloads the page.

const EVERY = 1500, PATIENCE = 5000;
const live = document.querySelector("[data-live]");
const silent = document.querySelector("#silent");

// Make `old` like `fresh`: children with an id are found by it, the others by their place.
function alter(old, fresh) {
  for (const {name} of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const {name, value} of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id ? [...old.children].find((one) => one.id === child.id) : at;
    if (known && known.nodeType === child.nodeType && known.nodeName === child.nodeName && (known.id ?? "") === (child.id ?? "")) {
      if (known !== at) old.insertBefore(known, at);
      if (child.nodeType === Node.ELEMENT_NODE) alter(known, child);
      else if (known.data !== child.data) known.data = child.data;
      at = known.nextSibling;
    } else {
      old.insertBefore(document.importNode(child, true), at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

async function follow() {
  try {
    const answer = await fetch(live.dataset.live, {headers: {"X-Sabaq-Poll": "1"}, signal: AbortSignal.timeout(PATIENCE), redirect: "manual"});
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) {
      location.reload(); // signed out, or the page was locked
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const here = document.getElementById(part.id);
      if (here) alter(here, part);
    }
    silent.hidden = true;
  } catch {
    silent.hidden = false;
  }
  setTimeout(follow, EVERY);
}

if (live) {
  document.querySelector("#reload").hidden = true;
  setTimeout(follow, EVERY);
}
