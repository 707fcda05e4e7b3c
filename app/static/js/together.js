// A trainee's lesson page while the trainer projects: goes to the page that the room is on, when the room follows.

const POLL = 4000;
const place = document.querySelector("[data-together]");

const writing = () => {
  const saved = document.querySelector("#saved");
  return saved?.classList.contains("st-late") ?? false; // a note that is not saved yet: nobody is moved from under it
};

async function look() {
  if (!document.hidden) {
    try {
      const reply = await fetch(place.dataset.together, {headers: {Accept: "application/json", "X-Sabaq-Poll": "1"}});
      const room = reply.ok ? await reply.json() : {follows: false};
      place.hidden = !room.follows;
      if (room.follows && room.url !== location.pathname && !writing()) location.assign(room.url);
    } catch {
      // No line just now: he reads on where he is.
    }
  }
  setTimeout(look, POLL);
}

if (place) setTimeout(look, POLL);
