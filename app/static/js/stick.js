// Bundles through the browser: a file is sent piece by piece and goes on where it stopped; a copy on a stick is compared
// with the file of the server byte for byte. Without this file the form sends it whole, and nothing is compared.

const PIECE = 2 * 1024 * 1024;
const csrf = () => document.querySelector("[name=csrf_token]").value;
const megabytes = (bytes) => Math.ceil(bytes / 1e6);
const fill = (text, done, all) => text.replace("{done}", megabytes(done)).replace("{all}", megabytes(all));

const form = document.querySelector("[data-upload]");

async function send(file) {
  const box = form.querySelector(".stick-sending"), bar = box.querySelector("progress"), line = box.querySelector("[role=status]");
  const button = form.querySelector("button");
  box.hidden = false;
  button.disabled = true;
  let offset = 0, page = "", tries = 0;
  while (offset < file.size || !page) {
    line.textContent = fill(form.dataset.sending, offset, file.size);
    bar.value = file.size ? (100 * offset) / file.size : 100;
    try {
      const data = await file.slice(offset, offset + PIECE).arrayBuffer();
      const address = `${form.action}?token=${form.dataset.token}&offset=${offset}&size=${file.size}`;
      const answer = await fetch(address, {
        method: "POST", body: data, credentials: "same-origin",
        headers: { "Content-Type": "application/octet-stream", "X-CSRFToken": csrf(), Accept: "application/json" },
      });
      const said = await answer.json();
      if (!answer.ok) {
        line.textContent = said.error;
        button.disabled = false;
        return;
      }
      ({ offset, page } = said);
      tries = 0;
    } catch {
      if (++tries > 4) {
        line.textContent = form.dataset.stopped;
        button.disabled = false;
        return;
      }
      await new Promise((go) => setTimeout(go, 500 * 2 ** tries));
    }
  }
  location.assign(page);
}

form?.addEventListener("submit", (event) => {
  const [file] = form.querySelector("[type=file]").files;
  if (!file) return;
  event.preventDefault();
  send(file);
});

const check = document.querySelector("[data-compare]");

async function compare(file) {
  const bar = check.querySelector("progress"), verdict = check.querySelector(".stick-verdict"), all = Number(check.dataset.size);
  const tell = (text, kind) => {
    verdict.textContent = text;
    verdict.className = `stick-verdict st st-${kind}`;
  };
  if (file.size !== all) return tell(check.dataset.other, "fail");
  check.querySelector(".stick-sending").hidden = false;
  for (let at = 0; at < all; at += PIECE) {
    verdict.className = "stick-verdict";
    verdict.textContent = fill(check.dataset.comparing, at, all);
    bar.value = (100 * at) / all;
    try {
      const end = Math.min(at + PIECE, all) - 1;
      const [mine, answer] = await Promise.all([
        file.slice(at, end + 1).arrayBuffer(),
        fetch(check.dataset.compare, { credentials: "same-origin", headers: { Range: `bytes=${at}-${end}` } }),
      ]);
      const theirs = new Uint8Array(await answer.arrayBuffer()), ours = new Uint8Array(mine);
      if (!answer.ok) return tell(check.dataset.stopped, "fail");
      if (ours.length !== theirs.length || ours.some((byte, n) => byte !== theirs[n])) return tell(check.dataset.other, "fail");
    } catch {
      return tell(check.dataset.stopped, "fail");
    }
  }
  bar.value = 100;
  return tell(check.dataset.same, "ok");
}

if (check) {
  check.hidden = false;
  const chosen = check.querySelector("[type=file]");
  chosen.addEventListener("click", () => (chosen.value = ""));  // the same file again counts as a choice, too
  chosen.addEventListener("change", () => chosen.files[0] && compare(chosen.files[0]));
}
