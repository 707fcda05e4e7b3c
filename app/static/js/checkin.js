// The code on the projector: asked for every two seconds, put in place when it differs. Without this file the page reloads.

const part = document.querySelector("[data-code]");
let shown = "";

async function look() {
  try {
    const answer = await fetch(part.dataset.code, {credentials: "same-origin", headers: {"X-Sabaq-Poll": "1"}});
    if (answer.redirected || answer.status === 401) location.reload();
    else if (answer.ok) {
      const fresh = await answer.text();
      if (fresh !== shown) part.innerHTML = fresh;
      shown = fresh;
    }
  } catch {
    // No line just now: the code that stands there grows old, and says so on the phone.
  }
  setTimeout(look, 2000);
}

if (part) setTimeout(look, 2000);
