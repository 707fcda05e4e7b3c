// A page that waits for the class manager: asks every 2 s whether it may go on, and then loads itself again.
// The asking is no work of the person's: it does not keep a sign-in alive. Without this file the page reloads every 5 s.

const asks = document.querySelector("[data-wait]").dataset.wait;

async function ask() {
  let again = false;
  try {
    const answer = await fetch(asks, { credentials: "same-origin", headers: { Accept: "application/json", "X-Sabaq-Poll": "1" } });
    again = answer.ok ? (await answer.json()).go : answer.status === 401;
  } catch {
    // no line: ask again
  }
  if (again) location.reload();
  else setTimeout(ask, 2000);
}

setTimeout(ask, 2000);
