// Free text: how many words are written so far. Without this file the number is that of the last save.
const count = (text) => text.split(/\s+/).filter(Boolean).length;

for (const shown of document.querySelectorAll("[data-words]")) {
  const area = document.getElementById(shown.dataset.wordsOf);
  const say = () => {
    shown.textContent = shown.textContent.replace(/\d+/, count(area.value));
  };
  area.addEventListener("input", say);
  area.addEventListener("change", say);
  say();
}
