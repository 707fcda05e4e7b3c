// A trainer's name dragged onto an empty slot opens the page where he is assigned or offered it, as the links there do.

const slots = [...document.querySelectorAll("tr[data-take]")];
let dragged = null;

function say(shown) {
  for (const row of slots) {
    const words = row.querySelector("[data-says]");
    words.textContent = shown ? row.dataset.take.replace("{name}", dragged.name) : "";
    words.hidden = !shown;
    if (!shown) row.classList.remove("over");
  }
}

for (const link of slots.length ? document.querySelectorAll("a[data-trainer]") : []) {
  link.addEventListener("dragstart", (event) => {
    dragged = {id: new URL(link.href).searchParams.get("trainer"), name: link.dataset.trainer};
    event.dataTransfer.effectAllowed = "copyLink";
    setTimeout(() => dragged && say(true)); // a page that changes before the drag has begun would end it
  });
  link.addEventListener("dragend", () => {
    dragged = null;
    say(false);
  });
}

for (const row of slots) {
  row.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "link";
    row.classList.add("over");
  });
  row.addEventListener("dragleave", (event) => {
    if (!row.contains(event.relatedTarget)) row.classList.remove("over");
  });
  row.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const page = new URL(row.dataset.page, location.href);
    page.searchParams.set("trainer", dragged.id);
    page.hash = "chosen";
    location.assign(page);
  });
}

const hint = document.querySelector("[data-drag-hint]");
if (hint) hint.hidden = !slots.length;
