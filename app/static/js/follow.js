// A part of the page that moves by itself: [data-follow] is asked for every second while [data-moving] stands in it.
// Without this file the page reloads by itself (meta refresh).

const part = document.querySelector("[data-follow]");

async function look() {
  try {
    const answer = await fetch(part.dataset.follow, { credentials: "same-origin", headers: { "X-Sabaq-Poll": "1" } });
    if (answer.ok) {
      const focused = part.contains(document.activeElement) && document.activeElement.textContent;
      part.innerHTML = await answer.text();
      if (focused) [...part.querySelectorAll("a, button")].find((one) => one.textContent === focused)?.focus();
    }
  } catch {
    // the line is down: look again
  }
  if (part.querySelector("[data-moving]")) setTimeout(look, 1000);
}

if (part?.querySelector("[data-moving]")) setTimeout(look, 1000);
